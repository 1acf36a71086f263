"""From content ids, distances and evidence to matches."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.model import Candidate, Image, Kind, Match

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from imgsim_guard.model import Evidence, Selection
    from imgsim_guard.policy import Policy


class Sorted(NamedTuple):
    """A selection by content.

    `exact`: the pairs that content ids alone decide. `searched`: by content, the queries that are left to search for.
    `held`: by content, the images of the gallery that have it, the first of each split.
    """

    exact: list[tuple[Image, Image]]
    searched: dict[str, list[Image]]
    held: dict[str, list[Image]]


def sort_by_content(
    selection: Selection, identity: Callable[[str], str] = str, split: Callable[[str], str] = lambda _path: ""
) -> Sorted:
    """Find the exact duplicates, and what has to be searched for. Contents are the same when their `identity` is.

    A query whose content the gallery holds brings nothing new, so only that is said of it. The same holds for the
    second of two equal queries, if queries are compared with one another.
    """
    result = Sorted([], {}, {})
    for image in selection.gallery:
        _hold(result.held.setdefault(identity(image.content), []), image, split)
    copied: dict[str, list[Image]] = {}
    for query in selection.queries:
        content = identity(query.content)
        if content in result.held:
            result.exact.extend((query, image) for image in result.held[content])
        elif content in copied and selection.mutual:
            result.exact.extend((query, image) for image in copied[content])
            _hold(copied[content], query, split)
        else:
            copied[content] = [query]
            result.searched.setdefault(content, []).append(query)
    return result


def _hold(images: list[Image], image: Image, split: Callable[[str], str]) -> None:
    """Add an image of a content unless one of its split is there. Splits are asked for where they matter only."""
    if not images or split(image.path) not in {split(other.path) for other in images}:
        images.append(image)


def exact_duplicate(query: Image, gallery: Image, policy: Policy) -> Match:
    """The match of two images of the same bytes."""
    splits = policy.split(query.path), policy.split(gallery.path)
    return Match("exact-duplicate", query, gallery, 0.0, rule=policy.rule(splits), splits=splits)


def candidate(query: Image, gallery: Image, distance: float, policy: Policy, *, likely: bool) -> Candidate:
    """A pair that was retrieved, under the rule that holds for it."""
    splits = policy.split(query.path), policy.split(gallery.path)
    rule = policy.rule(splits)
    return Candidate(query, gallery, distance, near=distance <= rule.threshold, likely=likely, rule=rule, splits=splits)


def judge(pair: Candidate, *, same_pixels: bool, evidence: Evidence | None) -> Match | None:
    """What a pair is, if anything: verification decides where it can, the threshold where it cannot.

    Two blank images are no copies of one another, however near: every blank image is near every other.
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
    """Matches by query, the nearest first: always the same order."""
    return tuple(sorted(matches, key=lambda match: (match.query, match.distance, match.kind, match.gallery)))
