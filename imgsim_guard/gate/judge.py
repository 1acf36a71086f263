"""Decide which pairs are matches, from content ids, distances and evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.model import Candidate, Image, Kind, Match
from imgsim_guard.system.garbage_collector import no_collecting

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from imgsim_guard.gate.policy import Policy
    from imgsim_guard.model import Evidence, Selection


class Sorted(NamedTuple):
    """A selection by content.

    `exact`: the pairs that content ids alone decide. `searched`: the queries to search for, by content. `held`: the
    first image of the gallery with each content. `others`: for a content in several splits, the first image of each
    further split.
    """

    exact: list[tuple[Image, Image]]
    searched: dict[str, list[Image]]
    held: dict[str, Image]
    others: dict[str, list[Image]]

    def holding(self, content: str) -> list[Image]:
        """The images of the gallery with a content, the first of each split."""
        return [self.held[content], *self.others.get(content, ())] if content in self.held else []


def identity_of(alike: Mapping[str, str]) -> Callable[[str], str]:
    """A function that is equal for content ids of the same bytes, from the result of `Store.alike`."""
    return lambda content: alike.get(content, content)


@no_collecting()
def sort_by_content(
    selection: Selection,
    identity: Callable[[str], str] = str,
    split: Callable[[str], str] = lambda _path: "",
    copies: Collection[str] = frozenset(),
) -> Sorted:
    """Find the exact duplicates, and the queries to search for. `identity` is equal for content ids of the same bytes.

    A query whose content is in its split already adds nothing new, so only its exact duplicates are reported. If
    queries are compared with each other, the same holds for the second of two equal queries. A content that is new to a
    split is searched for, since other rules apply there. `copies`: the paths that were accepted as copies; their
    originals come first, whatever their names, so that a further copy is one of the original.
    """
    result = Sorted([], {}, {}, {})
    for image in _originals_first(selection.gallery, copies):
        content = identity(image.content)
        if result.held.setdefault(content, image) is not image and _is_new(image, result.holding(content), split):
            result.others.setdefault(content, []).append(image)
    earlier: dict[str, list[Image]] = {}
    for query in _originals_first(selection.queries, copies):
        content = identity(query.content)
        known = [*result.holding(content), *earlier.get(content, ())]
        known = [image for image in known if image.path != query.path]  # git and DVC may both track a path
        result.exact.extend((query, image) for image in known)
        if _is_new(query, known, split):
            result.searched.setdefault(content, []).append(query)
            if selection.mutual:
                earlier.setdefault(content, []).append(query)
    return result


def _originals_first(images: Iterable[Image], copies: Collection[str]) -> Iterable[Image]:
    return sorted(images, key=lambda image: image.path in copies) if copies else images


def _is_new(image: Image, known: Sequence[Image], split: Callable[[str], str]) -> bool:
    """Whether none of the images is in its split. `split` is only called if it matters."""
    return not known or split(image.path) not in {split(other.path) for other in known}


def exact_duplicate(query: Image, gallery: Image, policy: Policy) -> Match:
    """The match of two images of the same bytes."""
    splits = policy.split(query.path), policy.split(gallery.path)
    return Match("exact-duplicate", query, gallery, 0.0, rule=policy.rule(splits), splits=splits)


def candidate(  # noqa: PLR0913  each of them is needed
    query: Image, gallery: Image, distance: float, policy: Policy, *, likely: bool, among: bool = False
) -> Candidate:
    """A retrieved pair, under the rule for its splits."""
    splits = policy.split(query.path), policy.split(gallery.path)
    rule = policy.rule(splits)
    return Candidate(query, gallery, distance, distance <= rule.threshold, likely, rule, splits, among)


def judge(pair: Candidate, *, same_pixels: bool, evidence: Evidence | None) -> Match | None:
    """The match that a pair is, or None: verification decides if it can, else the threshold.

    Two blank images are not copies of each other, however near: every blank image is near every other.
    """
    kind: Kind | None = "near-duplicate" if pair.near else None
    distance = pair.distance
    if same_pixels:
        kind, evidence, distance = "exact-duplicate", None, 0.0
    elif evidence is not None and evidence.outcome == "confirmed":
        kind = "near-duplicate"
    elif evidence is not None and (evidence.outcome == "refuted" or evidence.blank):
        kind = "look-alike" if pair.near else None
    return kind and Match(kind, pair.query, pair.gallery, distance, evidence, pair.rule, pair.splits)


def in_order(matches: Iterable[Match]) -> tuple[Match, ...]:
    """Matches by query, the nearest first: always in the same order."""
    return tuple(sorted(matches, key=lambda match: (match.query, match.distance, match.kind, match.gallery)))
