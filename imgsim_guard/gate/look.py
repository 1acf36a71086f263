"""Verify candidates: each pair once, and no more pairs of an image than its verdict needs."""

from __future__ import annotations

import time
from collections import defaultdict
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.gate.accepted import marked
from imgsim_guard.gate.drift import drifted
from imgsim_guard.gate.first_look import FirstLooks, is_far
from imgsim_guard.gate.judge import identity_of
from imgsim_guard.model import Candidate, Evidence, Match

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from imgsim_guard.gate.accepted import AcceptedPair
    from imgsim_guard.gate.pipeline import Pipeline, Verifies
    from imgsim_guard.model import Image
    from imgsim_guard.store.verdicts import Verdicts

ENOUGH = 3
"""Confirmed copies of an image after which its other candidates are not compared: as many as a person looks at."""

QUERIES_AT_ONCE, QUERIES_OF_WORKERS = 64, 4096
"""Queries that are processed together, so that all cores are busy. Data computed from their images
is kept meanwhile.
"""

SECONDS_UNSAVED = 30
"""Evidence is written after this time. ^C loses none of it, a killed process no more than this."""

NOT_LOOKED_AT = Evidence("skipped", 0, 0.0, 0.0, None, "not looked at")


class Looks(NamedTuple):
    """`all_pairs`: compare every pair, however many copies of an image are confirmed. `fresh`: compare pairs again
    whose evidence is stored.
    """

    all_pairs: bool = False
    fresh: bool = False


class Seen(NamedTuple):
    """The evidence of each pair, in order, including NOT_LOOKED_AT; and notes about the pixels."""

    evidence: list[Evidence]
    notes: list[str]


def look(pairs: Sequence[Candidate], pipeline: Pipeline, looks: Looks, accepted: Sequence[AcceptedPair] = ()) -> Seen:
    """The evidence of each pair.

    The candidates of a query under one rule are compared in the order of their distance (likely ones first, if there is
    none), until ENOUGH are confirmed that were not `accepted`. Candidates among the queries and in the gallery are
    separate, so matches in the gallery do not depend on the other queries. So a verdict depends neither on the batch
    nor on the threads.
    """
    done = pipeline.progress(len(pairs), "verifying")
    eyes = _Eyes(pairs, pipeline, looks, done)
    found = [NOT_LOOKED_AT] * len(pairs)
    try:
        if looks.all_pairs:
            found = list(eyes.see(range(len(pairs))))
        else:
            for index, evidence in _settled(
                pairs, eyes, _open(pairs, pipeline, accepted), at_once=eyes.queries_at_once
            ):
                found[index] = evidence
            for _ in range(found.count(NOT_LOOKED_AT)):
                done()
    finally:
        eyes.save()
    return Seen(found, [*drifted(eyes.pixels, pipeline)])


def _settled(
    pairs: Sequence[Candidate], eyes: _Eyes, is_open: Sequence[bool], *, at_once: int
) -> Iterator[tuple[int, Evidence]]:
    """The pairs that are compared, by number, and the evidence of each."""
    remaining = iter(_chains(pairs))
    while some := [_Chain(iter(chain)) for chain in islice(remaining, at_once)]:
        while some:
            # As many of each query as have to be compared, whatever the evidence is.
            parts = [list(islice(chain.left, ENOUGH - chain.confirmed)) for chain in some]
            answers = iter([*eyes.see([index for part in parts for index in part])])
            following = []
            for chain, part in zip(some, parts, strict=True):
                confirmed = chain.confirmed
                for index in part:
                    evidence = next(answers)
                    confirmed += evidence.outcome == "confirmed" and is_open[index]
                    yield index, evidence
                if part and confirmed < ENOUGH:
                    following.append(_Chain(chain.left, confirmed))
            some = following


class _Chain(NamedTuple):
    """Pairs of a query that are still to be compared, and how many were confirmed."""

    left: Iterator[int]
    confirmed: int = 0


def _chains(pairs: Sequence[Candidate]) -> list[list[int]]:
    """The numbers of the pairs that count together towards ENOUGH, each in the order of comparison."""
    chains: dict[object, list[int]] = defaultdict(list)
    for index, pair in enumerate(pairs):
        chains[pair.query, pair.rule, pair.splits, pair.among].append(index)
    order = [(pair.distance, not pair.likely, pair.gallery.content, pair.gallery.path) for pair in pairs]
    return [sorted(chain, key=order.__getitem__) for chain in chains.values()]


def _open(pairs: Sequence[Candidate], pipeline: Pipeline, accepted: Sequence[AcceptedPair]) -> list[bool]:
    """Which of the pairs were not accepted."""
    if not accepted:
        return [True] * len(pairs)
    contents = [content for pair in accepted for content in pair.contents]
    contents += [image.content for pair in pairs for image in (pair.query, pair.gallery)]
    matches = [Match("near-duplicate", pair.query, pair.gallery, 0.0, splits=pair.splits) for pair in pairs]
    splits = {
        image.path: split
        for pair in pairs
        for image, split in zip((pair.query, pair.gallery), pair.splits, strict=True)
    }
    identity = identity_of(pipeline.store.alike(contents))
    return [match.accepted is None for match in marked(matches, accepted, identity, lambda path: splits.get(path, ""))]


class _Eyes:
    """The evidence of pairs: stored evidence, or that of a first look if it refutes them, or that of a new comparison,
    which are stored.

    `pixels`: the digests of the pixels of images that were compared thoroughly.
    """

    def __init__(
        self, pairs: Sequence[Candidate], pipeline: Pipeline, looks: Looks, done: Callable[[], object]
    ) -> None:
        self._pairs = pairs
        self._pipeline = pipeline
        self._done = done
        self._verdicts = _verdicts_of(pipeline)
        self._keys = _keys(pairs, pipeline)
        self._first = FirstLooks(pipeline.store, (pipeline.pictures or pipeline.source).at_hand)
        known = [None] * len(pairs) if looks.fresh else self._verdicts.find(self._keys)
        self._known = {index: evidence for index, evidence in enumerate(known) if evidence is not None}
        self._new: dict[bytes, Evidence] = {}
        self._saved = time.monotonic()
        self._verifier: Verifies | None = None

    @property
    def pixels(self) -> Mapping[Image, bytes]:
        return {} if self._verifier is None else self._verifier.pixels

    @property
    def queries_at_once(self) -> int:
        return QUERIES_AT_ONCE if self._pipeline.workers is None else QUERIES_OF_WORKERS

    def see(self, indices: Sequence[int]) -> Iterator[Evidence]:
        """The evidence of the pairs with these numbers, in their order."""
        unknown = [index for index in indices if index not in self._known]
        first = self._first.refuted([self._pairs[index] for index in unknown])
        refuted = {index: evidence for index, evidence in zip(unknown, first, strict=True) if evidence is not None}
        self._new |= {self._keys[index]: evidence for index, evidence in refuted.items() if is_far(self._pairs[index])}
        answers = iter(self._looked_at([index for index in unknown if index not in refuted]))
        for index in indices:
            if (evidence := self._known.get(index) or refuted.get(index)) is not None:
                self._done()
                yield evidence
            else:
                yield next(answers)

    def _looked_at(self, indices: Sequence[int]) -> Iterator[Evidence]:
        if not indices:
            return
        here = self._verifier = self._verifier or _verifier(self._pipeline)
        workers, own = self._pipeline.workers, self._pipeline.source.at_hand
        verify = here.verify if workers is None else partial(workers.verify, here)
        answers = verify([self._pairs[index] for index in indices], self._done)
        for index, evidence in zip(indices, answers, strict=True):
            pair = self._pairs[index]
            # Otherwise a preview was compared.
            if evidence.outcome != "skipped" and own(pair.query) and own(pair.gallery):
                self._new[self._keys[index]] = evidence
            if time.monotonic() - self._saved > SECONDS_UNSAVED:
                self.save()
            yield evidence

    def save(self) -> None:
        self._verdicts.add(self._new)
        self._new, self._saved = {}, time.monotonic()


def _keys(pairs: Sequence[Candidate], pipeline: Pipeline) -> list[bytes]:
    from imgsim_guard.store.verdicts import pair_key

    digests = pipeline.store.sha256(
        dict.fromkeys(image.content for pair in pairs for image in (pair.query, pair.gallery))
    )
    return [
        pair_key(
            digests[pair.query.content],
            digests[pair.gallery.content],
            first_look=pipeline.store.fingerprint if is_far(pair) else "",
        )
        for pair in pairs
    ]


def _verdicts_of(pipeline: Pipeline) -> Verdicts:
    """The evidence that was stored with this version of verification and these decoders."""
    from imgsim_guard.images.decode import DECODER
    from imgsim_guard.store.verdicts import Verdicts
    from imgsim_guard.verification import VERSION

    return Verdicts(pipeline.store.folder.parent / f"verdicts-{VERSION}-{DECODER}")


def _verifier(pipeline: Pipeline) -> Verifies:
    from imgsim_guard.verification.verifier import Verifier

    return Verifier(pipeline.pictures or pipeline.source)
