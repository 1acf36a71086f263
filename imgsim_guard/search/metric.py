"""Distances of embeddings: estimates in float32, their largest error, and exact values."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from imgsim_guard.search.products import products

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from imgsim_guard.search.blocks import Stored

    Rows = NDArray[np.intp]
    Distances = NDArray[np.float64]
    Measured = tuple[Rows, Rows, Distances]
    Held = NDArray[np.float16] | NDArray[np.float32]
    Embeddings: TypeAlias = Held | Stored[NDArray[np.float16]]

DECIMALS = 4
"""Decimals to which a distance is rounded before it is compared with a threshold, so that the
reported number decides.
"""

UNITS = 2**24
"""float16 numbers between -1 and 1 are multiples of 1 / UNITS."""

SLACK = 0.25
"""Largest error of a float32 squared distance. A dot product of n = 768 numbers of at most 1 errs by at most n * n *
2**-24 = 0.035; a squared distance has three of them, one doubled. On a thread that treats subnormal numbers as 0, those
of two rows may be off by 2**-14 each: another 0.1.
"""

FURTHEST = 56.0
"""No two embeddings are further apart: 768 numbers between -1 and 1 have a distance of at most 2 * sqrt(768) = 55.4."""

NONE = -1.0
"""A distance that no pair is within."""

EXACT_ROWS = 512
"""Pairs whose distance is computed at once: few enough for the processor's cache."""

FEW = 32
"""Rows that are multiplied in pieces. With more, the products are large enough to be shared among threads."""

EXPONENT_BIAS = 2**112
"""The difference of the exponent biases of float32, 127, and of float16, 15."""

SIGN_AND_NUMBER = 0x8FFFFFFF
"""For a float16 whose sign was copied into the four bits above its exponent: all but three of those."""


class Pair(NamedTuple):
    """A row of the first array, a row of the second, and their distance rounded to DECIMALS."""

    first: int
    second: int
    distance: float


def distances(first: Held, second: Held) -> Distances:
    """The Euclidean distances of corresponding rows of two arrays [n, d], rounded to DECIMALS.

    Each number must be a float16 between -1 and 1. The sum of squares is exact, so the order of adding does not matter.
    """
    difference = _units(first) - _units(second)
    squared = np.einsum("nd,nd->n", difference, difference)
    return np.asarray(np.round(np.sqrt(squared.astype(np.float64)) / UNITS, DECIMALS))


def measured(
    first: Embeddings, second: Embeddings, rows: Rows, columns: Rows, *, threshold: float
) -> Iterator[Measured]:
    """The pairs of a row of `first` and a row of `second` within the threshold, with their distances, in one or more
    parts.
    """
    for start in range(0, max(1, len(rows)), EXACT_ROWS):
        ours, theirs = rows[start : start + EXACT_ROWS], columns[start : start + EXACT_ROWS]
        exact = distances(first[ours], second[theirs])
        near = exact <= threshold
        yield ours[near], theirs[near], exact[near]


def pairs_of(first: Embeddings, second: Embeddings, rows: Rows, columns: Rows, *, threshold: float) -> Iterator[Pair]:
    """The pairs of `measured` one by one."""
    for found in measured(first, second, rows, columns, threshold=threshold):
        yield from map(Pair, *(part.tolist() for part in found))


def joined(parts: Sequence[Measured]) -> Measured:
    """Parts joined in order; an empty part if there are none."""
    none = np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0)
    rows, columns, exact = (np.concatenate(part) for part in zip(none, *parts, strict=True))
    return rows, columns, exact


def first_k(parts: Iterable[Measured], *, k: int, within: float) -> Measured:
    """The k nearest pairs of each first row, and all pairs within `within`, in order; of equally near ones the lower
    row first.
    """
    rows, columns, exact = joined(list(parts))
    order = np.lexsort((columns, exact, rows))
    rows, columns, exact = rows[order], columns[order], exact[order]
    wanted = (np.arange(len(rows)) - np.searchsorted(rows, rows) < k) | (exact <= within)
    return rows[wanted], columns[wanted], exact[wanted]


def true_cells(cells: NDArray[np.bool_]) -> tuple[Rows, Rows]:
    """Rows and columns of the true cells of an array [n, m]: np.nonzero, but quicker if few are true."""
    rows, columns = np.divmod(np.flatnonzero(cells), cells.shape[1])
    return rows, columns


def squared_limit(distance: float) -> float:
    """The largest estimated square of a pair within this rounded distance."""
    return float(max(0.0, distance + 10**-DECIMALS) ** 2 + SLACK)


def limits_of_nearest(squares: NDArray[np.float32], *, reach: float, within: float) -> NDArray[np.float32]:
    """The largest estimated squares of the k nearest rows within reach, and of all rows within `within`, given
    estimated squares [n] within each of which there are k rows. They include the errors of the estimates and the
    rounding.
    """
    farthest = np.sqrt(np.maximum(squares, 0) + SLACK) + 10**-DECIMALS
    nearest = np.minimum(farthest**2 + SLACK, squared_limit(reach))
    return np.asarray(np.maximum(nearest, squared_limit(within)), np.float32)


def squares_between(first: Held, second: Held) -> NDArray[np.float32]:
    """Squared distances float32 [n, m] of the rows of two arrays, with an error of at most SLACK."""
    first, second = widened(first), widened(second)
    few = len(first) <= FEW
    squares = products(second, np.ascontiguousarray(first.T)[None])[0].T if few else first @ second.T
    squares *= -2
    squares += lengths(first)[:, None]
    squares += lengths(second)
    return np.asarray(squares, np.float32)


def squares_of(first: Embeddings, second: Embeddings, rows: Rows, columns: Rows) -> NDArray[np.float32]:
    """Squared distances float32 [n] of pairs of a row of each, with an error of at most SLACK."""
    squares = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), EXACT_ROWS):
        part = slice(start, start + EXACT_ROWS)
        difference = widened(first[rows[part]])
        difference -= widened(second[columns[part]])
        squares[part] = lengths(difference)
    return squares


def lengths(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The squared length of each row."""
    return np.asarray(np.einsum("nd,nd->n", rows, rows), np.float32)


def widened(embeddings: Held) -> NDArray[np.float32]:
    """Finite numbers as float32. float16 is converted by moving its bits, several times quicker than NumPy. The result
    is exact, except for subnormal numbers on a thread that treats them as 0.
    """
    if embeddings.dtype != np.float16:
        return embeddings.astype(np.float32, copy=False)
    bits = embeddings.view(np.int16).astype(np.int32).view(np.uint32)
    bits <<= 13
    bits &= SIGN_AND_NUMBER
    wide = bits.view(np.float32)
    wide *= np.float32(EXPONENT_BIAS)
    return wide


def _units(embeddings: Held) -> NDArray[np.int64]:
    return (embeddings.astype(np.float64) * UNITS).astype(np.int64)
