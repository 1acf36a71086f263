"""From content ids and distances to matches: exact duplicates without any embedding, the rest by distance."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.model import Image, Match

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from imgsim_guard.model import Selection


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


def judge(queries: Iterable[Image], gallery: Image, *, distance: float, same_pixels: bool) -> Iterator[Match]:
    """The matches of a pair within the threshold: one for each query that has the content."""
    for query in queries:
        if same_pixels:
            yield Match("exact-duplicate", query, gallery, 0.0)
        else:
            yield Match("near-duplicate", query, gallery, distance)


def in_order(matches: Iterable[Match]) -> tuple[Match, ...]:
    """Matches by query, the nearest first: always the same order."""
    return tuple(sorted(matches, key=lambda match: (match.query, match.distance, match.kind, match.gallery)))
