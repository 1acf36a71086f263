"""Search: the pairs of embeddings within a distance, exactly.

Every distance is computed without rounding error, so the result for a pair does not depend on the other images of the
call, the number of threads or the processor. This works because the numbers of an embedding are float16 between -1 and
1: multiples of 2**-24, so squared differences add up exactly in 64-bit integers.

float32 products, with a margin for their rounding, select the pairs to measure: of all 768 numbers if one side is
small, else of a projection first. Both ways find the same pairs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsim_guard.search import plain, projected
from imgsim_guard.search.metric import DECIMALS, EXACT_ROWS, FURTHEST, NONE, Pair, distances
from imgsim_guard.search.projection import Projection, project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgsim_guard.search.metric import Embeddings

__all__ = [
    "DECIMALS",
    "EXACT_ROWS",
    "FURTHEST",
    "Pair",
    "Projection",
    "distances",
    "nearest_among",
    "nearest_between",
    "pairs_among",
    "pairs_between",
    "project",
]

ROWS_OF_A_PROJECTION = 64
"""Projecting a row takes as long as about so many products of full width."""

PAIRS_OF_A_PROJECTION = 2**21
"""Finding the components takes as long as so many products of full width."""


ROWS_FOR_EACH_NEIGHBOUR = 2500
"""With fewer second rows, so many are near the k-th nearest in the projection that full width is quicker."""


def pairs_between(
    first: Embeddings, second: Embeddings, *, threshold: float, projection: Projection | None = None
) -> Iterator[Pair]:
    """Every pair of a row of `first` [n, d] and a row of `second` [m, d] whose rounded distance is at most `threshold`.

    `projection`: one of `second`, if there is one already. It saves time and does not change the result. The same holds
    for the other functions.
    """
    sides = _sides(first, second, projection, same=False)
    if sides is None:
        return plain.pairs(first, second, threshold=threshold, same=False)
    return projected.pairs(sides, threshold=threshold)


def pairs_among(embeddings: Embeddings, *, threshold: float, projection: Projection | None = None) -> Iterator[Pair]:
    """Every pair of two rows of `embeddings` [n, d] within the threshold, once, with `first` > `second`."""
    sides = _sides(embeddings, embeddings, projection, same=True)
    if sides is None:
        return plain.pairs(embeddings, embeddings, threshold=threshold, same=True)
    return projected.pairs(sides, threshold=threshold)


def nearest_between(  # noqa: PLR0913  each is needed
    first: Embeddings,
    second: Embeddings,
    *,
    k: int,
    reach: float,
    within: float = NONE,
    projection: Projection | None = None,
) -> Iterator[Pair]:
    """For each row of `first` [n, d], its k nearest rows of `second` [m, d] within a rounded distance of `reach`, and
    all rows within a rounded distance of `within`.
    """
    sides = _sides(first, second, projection, same=False, least=k * ROWS_FOR_EACH_NEIGHBOUR)
    if sides is None:
        return plain.nearest(first, second, k=k, reach=reach, within=within, same=False)
    return projected.nearest(sides, k=k, reach=reach, within=within)


def nearest_among(
    embeddings: Embeddings, *, k: int, reach: float, within: float = NONE, projection: Projection | None = None
) -> Iterator[Pair]:
    """For each row of `embeddings` [n, d], its k nearest other rows within a rounded distance of `reach`, and all
    others within a rounded distance of `within`.
    """
    sides = _sides(embeddings, embeddings, projection, same=True, least=k * ROWS_FOR_EACH_NEIGHBOUR)
    if sides is None:
        return plain.nearest(embeddings, embeddings, k=k, reach=reach, within=within, same=True)
    return projected.nearest(sides, k=k, reach=reach, within=within)


def _sides(
    first: Embeddings, second: Embeddings, projection: Projection | None, *, same: bool, least: int = 0
) -> projected.Sides | None:
    """Both sides projected; None if full width is quicker, as it is with fewer second rows than `least`."""
    if projection is None:
        work = ROWS_OF_A_PROJECTION * (len(first) + len(second)) + PAIRS_OF_A_PROJECTION
        if len(second) < least or len(first) * len(second) < work:
            return None
        projection = project(second)
    ours = projection if same else project(first, like=projection)
    return projected.Sides(first, second, ours.coordinates, projection.coordinates, same)
