"""Retrieval: which pairs of embeddings lie within a distance, exactly.

Every distance is computed without rounding error, so a pair's verdict cannot depend on which other images were in the
call, on the thread count or on the processor. That is possible because an embedding's numbers are float16 between -1
and 1: whole multiples of 2**-24, so squared differences add up exactly in 64-bit integers.
"""

from __future__ import annotations

from heapq import nsmallest
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Embeddings = NDArray[np.float16] | NDArray[np.float32]

DECIMALS = 4
"""To which a distance is rounded before it is compared with a threshold, so that what is reported is what decided."""

UNITS = 2**24
"""Whole multiples of 1 / UNITS are all that float16 has between -1 and 1."""

FURTHEST = 56.0
"""No two embeddings are further apart: 768 numbers between -1 and 1 are at most 2 * sqrt(768) = 55.4 from others."""

BLOCK = 2048
"""Rows of each side multiplied at once: 2048 x 2048 float32 products are 16 MB."""

SLACK = 0.2
"""By which a float32 squared distance may be off. A dot product of n = 768 numbers of at most 1 errs by at most
n * n * 2**-24 = 0.035; three of them make a squared distance, one doubled."""

CELLS = 2**24
"""Squared distances held at once when the nearest are looked for: 64 MB."""

EXACT_ROWS = 4096
"""Pairs whose exact distance is computed at once: 4096 x 768 int64 are 25 MB."""


class Pair(NamedTuple):
    """Row of the first array, row of the second, and their distance rounded to DECIMALS."""

    first: int
    second: int
    distance: float


def pairs_between(first: Embeddings, second: Embeddings, *, threshold: float) -> Iterator[Pair]:
    """Every pair of one row of `first` [n, d] and one of `second` [m, d] whose rounded distance is <= threshold."""
    for i in range(0, len(first), BLOCK):
        for j in range(0, len(second), BLOCK):
            rows, columns = _nominated(first[i : i + BLOCK], second[j : j + BLOCK], threshold=threshold)
            yield from _within(first, second, i + rows, j + columns, threshold=threshold)


def pairs_among(embeddings: Embeddings, *, threshold: float) -> Iterator[Pair]:
    """Every pair of two rows of `embeddings` [n, d] within the threshold, once: `first` > `second`."""
    for i in range(0, len(embeddings), BLOCK):
        for j in range(0, i + 1, BLOCK):
            rows, columns = _nominated(embeddings[i : i + BLOCK], embeddings[j : j + BLOCK], threshold=threshold)
            once = i + rows > j + columns
            yield from _within(embeddings, embeddings, i + rows[once], j + columns[once], threshold=threshold)


def nearest_between(first: Embeddings, second: Embeddings, *, k: int, reach: float) -> Iterator[Pair]:
    """For each row of `first` [n, d], its k nearest rows of `second` [m, d] within a rounded distance of `reach`."""
    yield from _nearest(first, second, k=k, reach=reach, same=False)


def nearest_among(embeddings: Embeddings, *, k: int, reach: float) -> Iterator[Pair]:
    """For each row of `embeddings` [n, d], its k nearest other rows within a rounded distance of `reach`."""
    yield from _nearest(embeddings, embeddings, k=k, reach=reach, same=True)


def distances(first: Embeddings, second: Embeddings) -> NDArray[np.float64]:
    """The Euclidean distances of corresponding rows of two arrays [n, d], rounded to DECIMALS.

    Each number must be a float16 between -1 and 1. The sum of squares is exact, so that the order of adding does not
    matter.
    """
    difference = _units(first) - _units(second)
    squared = np.einsum("nd,nd->n", difference, difference)
    return np.asarray(np.round(np.sqrt(squared.astype(np.float64)) / UNITS, DECIMALS))


def _units(embeddings: Embeddings) -> NDArray[np.int64]:
    return (embeddings.astype(np.float64) * UNITS).astype(np.int64)


def _nearest(first: Embeddings, second: Embeddings, *, k: int, reach: float, same: bool) -> Iterator[Pair]:
    """Nominated by rounded products with room to spare, chosen by exact distance, ties by the lower row."""
    if not len(second):
        return
    step = max(1, CELLS // len(second))
    for start in range(0, len(first), step):
        squared = np.hstack(
            [_squared(first[start : start + step], second[j : j + BLOCK]) for j in range(0, len(second), BLOCK)]
        )
        if same:
            np.fill_diagonal(squared[:, start:], np.inf)
        farthest = np.partition(squared, min(k, squared.shape[1]) - 1, axis=1)[:, min(k, squared.shape[1]) - 1]
        limit = np.minimum(farthest + 2 * SLACK, _limit(reach))
        rows, columns = np.nonzero(squared <= limit[:, None])
        for _, pairs in groupby(
            _within(first, second, start + rows, columns, threshold=reach), key=lambda pair: pair.first
        ):
            yield from nsmallest(k, pairs, key=lambda pair: (pair.distance, pair.second))


def _nominated(first: Embeddings, second: Embeddings, *, threshold: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The rows of pairs that may lie within the threshold: all that do, and a few more."""
    rows, columns = np.nonzero(_squared(first, second) <= _limit(threshold))
    return rows, columns


def _limit(distance: float) -> float:
    """What the squared distance of a pair within this rounded distance cannot exceed, as a float32 product has it."""
    return float((distance + 10**-DECIMALS) ** 2 + SLACK)


def _squared(first: Embeddings, second: Embeddings) -> NDArray[np.float32]:
    """Squared distances [n, m], off by SLACK at the most."""
    first, second = first.astype(np.float32), second.astype(np.float32)
    lengths = np.einsum("nd,nd->n", first, first)[:, None] + np.einsum("nd,nd->n", second, second)[None, :]
    return np.asarray(lengths - 2 * (first @ second.T), np.float32)


def _within(
    first: Embeddings,
    second: Embeddings,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    *,
    threshold: float,
) -> Iterator[Pair]:
    for start in range(0, len(rows), EXACT_ROWS):
        part = slice(start, start + EXACT_ROWS)
        exact = distances(first[rows[part]], second[columns[part]])
        for row, column, distance in zip(rows[part].tolist(), columns[part].tolist(), exact.tolist(), strict=True):
            if distance <= threshold:
                yield Pair(row, column, distance)
