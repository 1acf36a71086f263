"""Distances of embeddings: estimated in float32, by how much at the most they are off, and exact."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

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
"""To which a distance is rounded before it is compared with a threshold, so that what is reported is what decided."""

UNITS = 2**24
"""Whole multiples of 1 / UNITS are all that float16 has between -1 and 1."""

SLACK = 0.25
"""By which a float32 squared distance may be off. A dot product of n = 768 numbers of at most 1 errs by at most
n * n * 2**-24 = 0.035; three of them make a squared distance, one doubled. On a thread that takes subnormal numbers for
0, those of two rows may be off by 2**-14 each: another 0.1."""

FURTHEST = 56.0
"""No two embeddings are further apart: 768 numbers between -1 and 1 are at most 2 * sqrt(768) = 55.4 from others."""

NONE = -1.0
"""A distance within which nothing is."""

EXACT_ROWS = 512
"""Pairs whose distance is computed at once: few enough for their numbers to stay in the processor's cache."""

PIECE = 2**18
"""Multiplications in one matrix product that OpenBLAS leaves on the thread that asks (GEMM_MULTITHREAD_THRESHOLD: 2**16
times 4). Sharing the products of short rows takes long on a busy processor: each waits for all threads to be run."""

FEW = 32
"""Rows that are multiplied with others piece by piece: with more, the products are large enough to be shared."""

EXPONENT_BIAS = 2**112
"""Between float16's exponents, which have a bias of 15, and float32's, of 127."""

SIGN_AND_NUMBER = 0x8FFFFFFF
"""Of a float16 whose sign has been spread over the four bits above its exponent, all but three of those."""


class Pair(NamedTuple):
    """Row of the first array, row of the second, and their distance rounded to DECIMALS."""

    first: int
    second: int
    distance: float


def distances(first: Held, second: Held) -> Distances:
    """The Euclidean distances of corresponding rows of two arrays [n, d], rounded to DECIMALS.

    Each number must be a float16 between -1 and 1. The sum of squares is exact, so that the order of adding does not
    matter.
    """
    difference = _units(first) - _units(second)
    squared = np.einsum("nd,nd->n", difference, difference)
    return np.asarray(np.round(np.sqrt(squared.astype(np.float64)) / UNITS, DECIMALS))


def measured(
    first: Embeddings, second: Embeddings, rows: Rows, columns: Rows, *, threshold: float
) -> Iterator[Measured]:
    """Of pairs of a row of `first` and a row of `second`, those within the threshold and their distances, in one part
    at least.
    """
    for start in range(0, max(1, len(rows)), EXACT_ROWS):
        ours, theirs = rows[start : start + EXACT_ROWS], columns[start : start + EXACT_ROWS]
        exact = distances(first[ours], second[theirs])
        near = exact <= threshold
        yield ours[near], theirs[near], exact[near]


def pairs_of(first: Embeddings, second: Embeddings, rows: Rows, columns: Rows, *, threshold: float) -> Iterator[Pair]:
    """The same one by one."""
    for found in measured(first, second, rows, columns, threshold=threshold):
        yield from map(Pair, *(part.tolist() for part in found))


def joined(parts: Sequence[Measured]) -> Measured:
    """One after the other; none when there are none."""
    none = np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0)
    rows, columns, exact = (np.concatenate(part) for part in zip(none, *parts, strict=True))
    return rows, columns, exact


def first_k(parts: Iterable[Measured], *, k: int, within: float) -> Measured:
    """Of measured pairs, the k nearest of each first row and all that are within a distance, in order; of equally near
    ones the lower row first.
    """
    rows, columns, exact = joined(list(parts))
    order = np.lexsort((columns, exact, rows))
    rows, columns, exact = rows[order], columns[order], exact[order]
    wanted = (np.arange(len(rows)) - np.searchsorted(rows, rows) < k) | (exact <= within)
    return rows[wanted], columns[wanted], exact[wanted]


def true_cells(cells: NDArray[np.bool_]) -> tuple[Rows, Rows]:
    """Rows and columns of what is true in an array [n, m]: np.nonzero, quicker when little is."""
    rows, columns = np.divmod(np.flatnonzero(cells), cells.shape[1])
    return rows, columns


def squared_limit(distance: float) -> float:
    """What the estimated square of a pair within this rounded distance cannot exceed."""
    return float(max(0.0, distance + 10**-DECIMALS) ** 2 + SLACK)


def limits_of_nearest(squares: NDArray[np.float32], *, reach: float, within: float) -> NDArray[np.float32]:
    """Given estimated squares [n] within each of which there are k rows, what the estimated squares of the k nearest
    within reach cannot exceed, nor those of any within the other distance: they may be as far away, and farther by what
    rounding hides.
    """
    farthest = np.sqrt(np.maximum(squares, 0) + SLACK) + 10**-DECIMALS
    nearest = np.minimum(farthest**2 + SLACK, squared_limit(reach))
    return np.asarray(np.maximum(nearest, squared_limit(within)), np.float32)


def squares_between(first: Held, second: Held) -> NDArray[np.float32]:
    """Squared distances [n, m] of the rows of two arrays, off by SLACK at the most."""
    first, second = widened(first), widened(second)
    few = len(first) <= FEW
    squares = products(second, np.ascontiguousarray(first.T)[None])[0].T if few else first @ second.T
    squares *= -2
    squares += lengths(first)[:, None]
    squares += lengths(second)
    return np.asarray(squares, np.float32)


def squares_of(first: Embeddings, second: Embeddings, rows: Rows, columns: Rows) -> NDArray[np.float32]:
    """Squared distances [n] of pairs of a row of each, off by SLACK at the most."""
    squares = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), EXACT_ROWS):
        part = slice(start, start + EXACT_ROWS)
        difference = widened(first[rows[part]])
        difference -= widened(second[columns[part]])
        squares[part] = lengths(difference)
    return squares


def products(rows: NDArray[np.float32], columns: NDArray[np.float32]) -> NDArray[np.float32]:
    """The matrix products [q, n, c] of rows [n, d] and q arrays of columns [d, c], in pieces of PIECE."""
    stacks, width, count = columns.shape
    step = max(1, PIECE // max(1, width * count))
    whole = len(rows) // step * step
    pieces = np.matmul(rows[:whole].reshape(whole // step, step, width), columns[:, None]).reshape(stacks, whole, count)
    if whole == len(rows):
        return np.asarray(pieces, np.float32)
    return np.concatenate([pieces, np.matmul(rows[whole:], columns)], axis=1)


def lengths(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The squared length of each row."""
    return np.asarray(np.einsum("nd,nd->n", rows, rows), np.float32)


def widened(embeddings: Held) -> NDArray[np.float32]:
    """Finite numbers as float32: those of float16 by moving their bits to their places, several times quicker than
    NumPy, and as exact, but for subnormal numbers on a thread that takes them for 0.
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
