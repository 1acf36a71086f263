"""Retrieval: which stored images each query has to be compared with, by two roads that fail on different edits.

AugNet's distance: every pair within the threshold, and the nearest within reach. Perceptual hashes: the nearest by the
whole picture or a picture within it, in any orientation, whatever AugNet says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsim_guard.perceptual import nearest_hashes
from imgsim_guard.search import distances, nearest_among, nearest_between, pairs_among, pairs_between

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from imgsim_guard.model import Rule
    from imgsim_guard.store import Store

BY_HASH = 5
"""Candidates of a query that come by hash: copies are among the first."""


def retrieve_between(
    queries: Sequence[str], gallery: Sequence[str], rows: Mapping[str, int], store: Store, *, rule: Rule
) -> dict[tuple[str, str], float]:
    """The distance of each pair of a query's content and a gallery's that has to be looked at."""
    first, second = [rows[content] for content in queries], [rows[content] for content in gallery]
    ours, theirs = store.embeddings(first), store.embeddings(second)
    found = {(pair.first, pair.second) for pair in pairs_between(ours, theirs, threshold=rule.threshold)}
    if rule.candidates:
        nearest = nearest_between(ours, theirs, k=rule.candidates, reach=rule.reach)
        found |= {(pair.first, pair.second) for pair in nearest}
        found |= set(nearest_hashes(store.hashes(first), store.hashes(second), k=BY_HASH))
    ordered = sorted(found)
    return {
        (queries[i], gallery[j]): distance
        for (i, j), distance in zip(
            ordered, _distances(store, [(first[i], second[j]) for i, j in ordered]), strict=True
        )
    }


def retrieve_among(
    queries: Sequence[str], rows: Mapping[str, int], store: Store, *, rule: Rule
) -> dict[tuple[str, str], float]:
    """The same among the queries: the later one first."""
    own = [rows[content] for content in queries]
    ours = store.embeddings(own)
    found = {(pair.first, pair.second) for pair in pairs_among(ours, threshold=rule.threshold)}
    if rule.candidates:
        found |= {
            _later_first(pair.first, pair.second) for pair in nearest_among(ours, k=rule.candidates, reach=rule.reach)
        }
        hashes = store.hashes(own)
        found |= {_later_first(i, j) for i, j in nearest_hashes(hashes, hashes, k=BY_HASH, same=True)}
    ordered = sorted(found)
    return {
        (queries[i], queries[j]): distance
        for (i, j), distance in zip(ordered, _distances(store, [(own[i], own[j]) for i, j in ordered]), strict=True)
    }


def _later_first(i: int, j: int) -> tuple[int, int]:
    return max(i, j), min(i, j)


def _distances(store: Store, pairs: Sequence[tuple[int, int]]) -> Iterator[float]:
    """Of stored rows, a few pairs at a time."""
    step = 4096
    for start in range(0, len(pairs), step):
        part = pairs[start : start + step]
        first, second = store.embeddings([i for i, _ in part]), store.embeddings([j for _, j in part])
        yield from distances(first, second).tolist()
