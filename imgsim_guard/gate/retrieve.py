"""Retrieval: which stored images to compare with each query, in two ways that fail on different edits.

AugNet's distance: every pair within the threshold, and the nearest within reach. Perceptual hashes: the nearest by the
whole picture or a picture within it, in any orientation, whatever AugNet says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from imgsim_guard.search import EXACT_ROWS, distances
from imgsim_guard.search import joins as joins_here

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from imgsim_guard.model import Bounds
    from imgsim_guard.search.joins import Joins
    from imgsim_guard.store.store import Store

Numbers: TypeAlias = "NDArray[np.intp]"

BY_HASH = 5
"""Candidates that each query gets by hash; copies are among the first."""


class Retrieved(NamedTuple):
    """AugNet's distance of a retrieved pair, and whether its hashes are near, which is seldom by chance."""

    distance: float
    by_hash: bool


def retrieve_between(
    queries: Mapping[str, int],
    gallery: Mapping[str, int],
    store: Store,
    *,
    bounds: Bounds,
    joins: Joins = joins_here,
) -> dict[tuple[str, str], Retrieved]:
    """Each pair of a query's content and a gallery's that has to be looked at, given the row of each in the store."""
    first, second = _rows(queries), _rows(gallery)
    ours, theirs = store.embeddings(first), store.stored_embeddings(second)
    by_hash: set[tuple[int, int]] = set()
    if bounds.verify:
        near = joins.nearest_between(ours, theirs, k=bounds.candidates, reach=bounds.reach, within=bounds.threshold)
        by_hash = set(joins.nearest_hashes(store.hashes(first), store.stored_hashes(second), k=BY_HASH))
    else:
        near = joins.pairs_between(ours, theirs, threshold=bounds.threshold)
    found = {(pair.first, pair.second) for pair in near}
    measured = _measured(found | by_hash, first, second, store)
    one, other = list(queries), list(gallery)
    return {(one[i], other[j]): Retrieved(distance, (i, j) in by_hash) for (i, j), distance in measured}


def retrieve_among(
    queries: Mapping[str, int], store: Store, *, bounds: Bounds, joins: Joins = joins_here
) -> dict[tuple[str, str], Retrieved]:
    """The same among the queries: the later one first."""
    own = _rows(queries)
    ours = store.stored_embeddings(own)
    by_hash: set[tuple[int, int]] = set()
    if bounds.verify:
        near = joins.nearest_among(ours, k=bounds.candidates, reach=bounds.reach, within=bounds.threshold)
        hashes = store.stored_hashes(own)
        by_hash = {_later_first(i, j) for i, j in joins.nearest_hashes(hashes, hashes, k=BY_HASH, same=True)}
    else:
        near = joins.pairs_among(ours, threshold=bounds.threshold)
    found = {_later_first(pair.first, pair.second) for pair in near}
    measured = _measured(found | by_hash, own, own, store)
    contents = list(queries)
    return {(contents[i], contents[j]): Retrieved(distance, (i, j) in by_hash) for (i, j), distance in measured}


def _rows(contents: Mapping[str, int]) -> Numbers:
    return np.fromiter(contents.values(), np.intp, len(contents))


def _later_first(i: int, j: int) -> tuple[int, int]:
    return max(i, j), min(i, j)


def _measured(
    pairs: set[tuple[int, int]], first: Numbers, second: Numbers, store: Store
) -> Iterator[tuple[tuple[int, int], float]]:
    """The pairs in order with their distances, measured a few at a time."""
    ordered = sorted(pairs)
    for start in range(0, len(ordered), EXACT_ROWS):
        part = ordered[start : start + EXACT_ROWS]
        i, j = np.array(part, np.intp).T
        ours, theirs = store.embeddings(first[i]), store.embeddings(second[j])
        yield from zip(part, distances(ours, theirs).tolist(), strict=True)
