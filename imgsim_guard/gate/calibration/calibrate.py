"""`calibrate`: from the store, and the pixels that are on this machine, to the nearest neighbour of every image.

Nothing is embedded, and nothing is downloaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.gate.calibration.findings import Calibration, Neighbour, highest
from imgsim_guard.gate.first_look import FirstLooks
from imgsim_guard.gate.judge import candidate
from imgsim_guard.gate.policy import Policy
from imgsim_guard.model import Bounds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from imgsim_guard.gate.calibration.findings import Sort
    from imgsim_guard.gate.pipeline import Pipeline
    from imgsim_guard.model import Candidate, Evidence, Image, Selection, Share
    from imgsim_guard.search import Pair
    from imgsim_guard.sources.source import Source
    from imgsim_guard.store.store import Store

MOST_PAIRS = 2000
"""Most pairs that are verified, the nearest first: some minutes of work."""

Places = tuple[int, int]
"""The positions of a pair's images in the order of paths, the later one first, since it counts as the new one."""


class _Looked(NamedTuple):
    """The result of verification: how many pairs were near enough, how many were not on this machine, how many of the
    rest were within today's threshold but too many to verify, and the sort of each verified pair.
    """

    pairs: int
    not_at_hand: int
    near_left: int
    sorts: Mapping[Places, Sort]


def calibrate(  # noqa: PLR0913  each is a choice of the caller
    selection: Selection,
    pipeline: Pipeline,
    *,
    policy: Policy,
    rate: Share,
    verify: bool = True,
    most_pairs: int = MOST_PAIRS,
) -> Calibration:
    """The nearest neighbour of each image of a selection, new or not, that has an embedding.

    `rate`: the wanted rate of false blocks. `verify`: whether to compare the pixels of the `most_pairs` nearest pairs.
    """
    store = pipeline.store
    images = sorted({*selection.queries, *selection.gallery})
    without = {image.content for image in images} - store.find(image.content for image in images).keys()
    lacking = [image for image in images if image.content in without]
    unreadable = sum(image.content in store.unreadable for image in lacking)
    distinct, nearest = _nearest(images, store)
    look = max(policy.bounds.reach, highest(policy.bounds.threshold)) if verify else -1.0
    looked = _look(distinct, [pair for pair in nearest if pair.distance <= look], pipeline, policy, most_pairs)
    return Calibration(
        tuple(_neighbour(pair, distinct, looked.sorts, policy) for pair in nearest),
        rate,
        policy.bounds.threshold,
        policy.bounds.reach,
        verifying=policy.bounds.verify,
        exact=len(images) - len(lacking) - len(distinct),
        missing=len(lacking) - unreadable,
        unreadable=unreadable + len(selection.unreadable),
        pairs=looked.pairs,
        looked_at=len(looked.sorts),
        not_at_hand=looked.not_at_hand,
        near_left=looked.near_left,
        notes=(*selection.notes, *store.notes, *_own_thresholds(policy)),
    )


def _own_thresholds(policy: Policy) -> Iterator[str]:
    own = [rule for rule in policy.rules if rule.threshold != policy.bounds.threshold]
    if own:
        listed = ", ".join(f"{' - '.join(rule.between or ())} ({rule.threshold:g})" for rule in own)
        yield f"the general threshold is calibrated; rules have their own for {listed}"


def _nearest(images: Sequence[Image], store: Store) -> tuple[list[Image], list[Pair]]:
    """The images with an embedding, by path, one for each picture; and the nearest other image of each."""
    from imgsim_guard.search import FURTHEST, nearest_among

    rows = store.find(image.content for image in images)
    by_pixels: dict[bytes, Image] = {}
    for image in images:
        if image.content in rows:
            by_pixels.setdefault(store.pixels(rows[image.content]), image)
    distinct = list(by_pixels.values())
    embeddings = store.embeddings([rows[image.content] for image in distinct])
    if len(distinct) < 2:  # noqa: PLR2004  a pair
        return distinct, []
    return distinct, [*nearest_among(embeddings, k=1, reach=FURTHEST)]


def _look(
    images: Sequence[Image], nearest: Sequence[Pair], pipeline: Pipeline, policy: Policy, most_pairs: int
) -> _Looked:
    """Verify the nearest of the pairs whose pixels are on this machine, each once."""
    source = pipeline.pictures or pipeline.source
    pairs = {_places(pair): pair.distance for pair in nearest}
    at_hand = _at_hand(images, {place for places in pairs for place in places}, source)
    seen = [places for places in pairs if at_hand.issuperset(places)]
    seen.sort(key=lambda places: (pairs[places], places))
    chosen = sorted(seen[:most_pairs])
    near_left = sum(pairs[places] <= policy.bounds.threshold for places in seen[most_pairs:])
    # Within this distance, a check with such a threshold would also compare thoroughly.
    near = Policy(Bounds(threshold=highest(policy.bounds.threshold)))
    candidates = [
        candidate(images[later], images[earlier], pairs[later, earlier], near, likely=False)
        for later, earlier in chosen
    ]
    evidence = _evidence(candidates, pipeline, source)
    sorts = {places: _sort(found) for places, found in zip(chosen, evidence, strict=True)}
    return _Looked(len(pairs), len(pairs) - len(seen), near_left, sorts)


def _evidence(candidates: Sequence[Candidate], pipeline: Pipeline, source: Source) -> list[Evidence]:
    if not candidates:
        return []
    from imgsim_guard.verification.verifier import Verifier  # it imports OpenCV

    refuted = FirstLooks(pipeline.store, source.at_hand).refuted(candidates)
    asked = [pair for pair, evidence in zip(candidates, refuted, strict=True) if evidence is None]
    answers = iter([*Verifier(source).verify(asked, pipeline.progress(len(asked), "verifying"))])
    return [evidence or next(answers) for evidence in refuted]


def _at_hand(images: Sequence[Image], places: set[int], source: Source) -> set[int]:
    """The images, of both sides of the pairs, that are on this machine: none is downloaded for this."""
    return {place for place in places if source.at_hand(images[place])}


def _sort(evidence: Evidence) -> Sort:
    """The sort by the rule of `judge`: a blank image is no copy, however near."""
    if evidence.outcome == "refuted" or evidence.blank:
        return "look-alike"
    if evidence.outcome == "confirmed":
        return "copy"
    return "unverified" if evidence.outcome == "skipped" else "undecided"


def _neighbour(pair: Pair, images: Sequence[Image], sorts: Mapping[Places, Sort], policy: Policy) -> Neighbour:
    image, nearest = images[pair.first].path, images[pair.second].path
    return Neighbour(image, policy.split(image), nearest, pair.distance, sorts.get(_places(pair), "unverified"))


def _places(pair: Pair) -> Places:
    return max(pair.first, pair.second), min(pair.first, pair.second)
