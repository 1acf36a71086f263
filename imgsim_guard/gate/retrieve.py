"""Retrieval: the stored images to compare with each query, found in three ways that fail on different edits.

AugNet's distance: every pair within the threshold, and the nearest within reach; not if `retrieve` is hashes.
Perceptual hashes: the nearest by the whole picture or a picture within it, in any orientation, whatever AugNet's
distance is. Local features: the images that share most of them in one rotation, scale and place, such as pictures
within pictures.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from imgsim_guard.model import UNMEASURED
from imgsim_guard.search import EXACT_ROWS, distances
from imgsim_guard.search import joins as joins_here
from imgsim_guard.search.local import UNIT, occurrences, rarity, votes
from imgsim_guard.system.threads import in_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from imgsim_guard.model import Bounds
    from imgsim_guard.search import Pair
    from imgsim_guard.search.joins import Joins
    from imgsim_guard.store.store import Store

Numbers: TypeAlias = "NDArray[np.intp]"

BY_HASH = 5
"""Candidates for each query by hash; copies are among the first."""

BY_FEATURES = 10
"""Candidates for each query by local features; most copies are among the first."""

MANY_VOTES = 5 * UNIT // 2
"""A pair with so many votes is compared thoroughly. Of 400 copies under one to five edits 0.95 have as many, and among
310 images no unrelated picture had more than 2.2.
"""

STANDING_OUT, PLENTY_OF_VOTES = 2, 10 * UNIT
"""... if these are so many times those of the last candidate, or plenty: in a large gallery chance gives all more."""

QUERIES_AT_ONCE = 512
"""Queries whose local features are in memory: 2 MB."""


class Retrieved(NamedTuple):
    """AugNet's distance of a retrieved pair, or UNMEASURED, and whether its hashes or local features are near, which is
    rare for unrelated pictures.
    """

    distance: float
    likely: bool


def retrieve_between(
    queries: Mapping[str, int],
    gallery: Mapping[str, int],
    store: Store,
    *,
    bounds: Bounds,
    joins: Joins = joins_here,
) -> dict[tuple[str, str], Retrieved]:
    """Each pair of a query's content and a gallery's content to compare, given the row of each in the store."""
    first, second = _rows(queries), _rows(gallery)
    by_hash: set[tuple[int, int]] = set()
    by_features: dict[tuple[int, int], bool] = {}
    near: Iterable[Pair] = ()
    if bounds.retrieve == "all":
        ours, theirs = store.embeddings(first), store.stored_embeddings(second)
        near = (
            joins.nearest_between(ours, theirs, k=bounds.candidates, reach=bounds.reach, within=bounds.threshold)
            if bounds.verify
            else joins.pairs_between(ours, theirs, threshold=bounds.threshold)
        )
    if bounds.verify:
        by_hash = set(joins.nearest_hashes(store.hashes(first), store.stored_hashes(second), k=BY_HASH))
        by_features = _by_features(first, second, store)
    found = {(pair.first, pair.second) for pair in near}
    return _retrieved(_Rows(found, by_hash, by_features), queries, gallery, store, bounds)


def retrieve_among(
    queries: Mapping[str, int], store: Store, *, bounds: Bounds, joins: Joins = joins_here
) -> dict[tuple[str, str], Retrieved]:
    """Each pair of two queries' contents to compare, the later one first."""
    own = _rows(queries)
    by_hash: set[tuple[int, int]] = set()
    by_features: dict[tuple[int, int], bool] = {}
    near: Iterable[Pair] = ()
    if bounds.retrieve == "all":
        ours = store.stored_embeddings(own)
        near = (
            joins.nearest_among(ours, k=bounds.candidates, reach=bounds.reach, within=bounds.threshold)
            if bounds.verify
            else joins.pairs_among(ours, threshold=bounds.threshold)
        )
    if bounds.verify:
        hashes = store.stored_hashes(own)
        by_hash = {_later_first(i, j) for i, j in joins.nearest_hashes(hashes, hashes, k=BY_HASH, same=True)}
        for (i, j), many in _by_features(own, own, store, same=True).items():
            by_features[_later_first(i, j)] = many or by_features.get(_later_first(i, j), False)
    found = {_later_first(pair.first, pair.second) for pair in near}
    return _retrieved(_Rows(found, by_hash, by_features), queries, queries, store, bounds)


class _Rows(NamedTuple):
    """The pairs of rows that each way found; `by_features` with whether the votes are many."""

    near: set[tuple[int, int]]
    by_hash: set[tuple[int, int]]
    by_features: dict[tuple[int, int], bool]


def _retrieved(
    found: _Rows, first: Mapping[str, int], second: Mapping[str, int], store: Store, bounds: Bounds
) -> dict[tuple[str, str], Retrieved]:
    """The pairs by content, measured."""
    measured = _measured({*found.near, *found.by_hash, *found.by_features}, _rows(first), _rows(second), store, bounds)
    likely = found.by_hash | {pair for pair, many in found.by_features.items() if many}
    ours, theirs = list(first), list(second)
    return {(ours[i], theirs[j]): Retrieved(distance, (i, j) in likely) for (i, j), distance in measured}


def _by_features(first: Numbers, second: Numbers, store: Store, *, same: bool = False) -> dict[tuple[int, int], bool]:
    """For each row of `first`, the BY_FEATURES rows of `second` with the most votes, and whether these are many. With
    `same`, both are the same rows, and no row is its own neighbour.
    """
    found: dict[tuple[int, int], bool] = {}
    occurring = sum(occurrences(file.inverted, part.rows) for file, part in store.feature_files(second))
    weights = rarity(np.asarray(occurring), len(second))
    for start in range(0, len(first), QUERIES_AT_ONCE):
        features = store.features(first[start : start + QUERIES_AT_ONCE])
        nearest: list[list[tuple[int, int]]] = [[] for _ in features]
        for file, part in store.feature_files(second):
            places = dict(zip(part.rows.tolist(), part.places.tolist(), strict=True))
            count = partial(votes, inverted=file.inverted, rows=part.rows, weights=weights, k=BY_FEATURES + same)
            for near, counted in zip(nearest, in_order(count, features), strict=True):
                near += [(-number, places[row]) for row, number in counted]
            file.release()
        for i, near in enumerate(nearest, start):
            others = sorted((number, j) for number, j in near if not (same and i == j))[:BY_FEATURES]
            many = many_votes([-number for number, _ in others])
            found |= {(i, j): -number >= many for number, j in others}
    return found


def many_votes(numbers: Sequence[int]) -> int:
    """The votes from which on a candidate is compared thoroughly, given those of all candidates, the most first."""
    chance = numbers[-1] if len(numbers) == BY_FEATURES else 0
    return min(PLENTY_OF_VOTES, max(MANY_VOTES, STANDING_OUT * chance))


def _rows(contents: Mapping[str, int]) -> Numbers:
    return np.fromiter(contents.values(), np.intp, len(contents))


def _later_first(i: int, j: int) -> tuple[int, int]:
    return max(i, j), min(i, j)


def _measured(
    pairs: set[tuple[int, int]], first: Numbers, second: Numbers, store: Store, bounds: Bounds
) -> Iterator[tuple[tuple[int, int], float]]:
    """The pairs in order with their distances, computed a few at a time."""
    ordered = sorted(pairs)
    if bounds.retrieve == "hashes":
        yield from ((pair, UNMEASURED) for pair in ordered)
        return
    for start in range(0, len(ordered), EXACT_ROWS):
        part = ordered[start : start + EXACT_ROWS]
        i, j = np.array(part, np.intp).T
        ours, theirs = store.embeddings(first[i]), store.embeddings(second[j])
        yield from zip(part, distances(ours, theirs).tolist(), strict=True)
