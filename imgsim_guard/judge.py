"""From content ids, distances and evidence to matches."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.model import Image, Kind, Match

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from imgsim_guard.model import Candidate, Evidence, Selection


class Sorted(NamedTuple):
    """A selection by content.

    `exact`: the matches that content ids alone decide. `searched`: by content, the queries that are left to search for.
    `held`: by content, the first image of the gallery that has it.
    """

    exact: list[Match]
    searched: dict[str, list[Image]]
    held: dict[str, Image]


def sort_by_content(selection: Selection, identity: Callable[[str], str] = str) -> Sorted:
    """Find the exact duplicates, and what has to be searched for. Contents are the same when their `identity` is.

    A query whose content the gallery holds brings nothing new, so only that is said of it. The same holds for the
    second of two equal queries, if queries are compared with one another.
    """
    held: dict[str, Image] = {}
    for image in selection.gallery:
        held.setdefault(identity(image.content), image)
    result = Sorted([], {}, held)
    for query in selection.queries:
        content = identity(query.content)
        earlier = result.searched.get(content)
        if content in held:
            result.exact.append(Match("exact-duplicate", query, held[content], 0.0))
        elif earlier and selection.mutual:
            result.exact.append(Match("exact-duplicate", query, earlier[0], 0.0))
        else:
            result.searched.setdefault(content, []).append(query)
    return result


def judge(candidate: Candidate, *, same_pixels: bool, evidence: Evidence | None) -> Match | None:
    """What a candidate is, if anything: verification decides where it can, the threshold where it cannot.

    Two blank images are no copies of one another, however near: every blank image is near every other.
    """
    kind: Kind | None = "near-duplicate" if candidate.near else None
    if same_pixels:
        return Match("exact-duplicate", candidate.query, candidate.gallery, 0.0)
    if evidence is not None and evidence.outcome == "confirmed":
        kind = "near-duplicate"
    elif evidence is not None and (evidence.outcome == "refuted" or evidence.blank):
        kind = "look-alike" if candidate.near else None
    return kind and Match(kind, candidate.query, candidate.gallery, candidate.distance, evidence)


def in_order(matches: Iterable[Match]) -> tuple[Match, ...]:
    """Matches by query, the nearest first: always the same order."""
    return tuple(sorted(matches, key=lambda match: (match.query, match.distance, match.kind, match.gallery)))
