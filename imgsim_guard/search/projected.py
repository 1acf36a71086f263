"""The search that multiplies projected rows first, and in full width only the pairs that remain."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from imgsim_guard.search.blocks import blocks_of, numbers_of
from imgsim_guard.search.metric import (
    NONE,
    Pair,
    first_k,
    joined,
    limits_of_nearest,
    measured,
    squared_limit,
    squares_between,
    squares_of,
    true_cells,
    widened,
)
from imgsim_guard.search.products import products
from imgsim_guard.search.projection import facing, projected_limits
from imgsim_guard.system.threads import cores, in_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from imgsim_guard.search.blocks import Block, Numbers
    from imgsim_guard.search.metric import Embeddings, Measured, Rows

    Squares = NDArray[np.float32]

QUERIES = 512
"""Rows of the first side multiplied at once."""

BLOCK = 1024
"""Rows of the second side multiplied at once: 1024 x 512 float32 products are 2 MB."""

FACES = 56
"""Rows of the first side in one small product, and about as many of the second."""

DENSE = 32
"""If more than one pair in so many remains, the block is multiplied in full width, which is quicker then."""

GROUP = 64
"""Rows of which only the nearest counts in the first search for the k nearest."""

TRIED = 2
"""Times k: so many rows, the nearest in the projection, are measured to estimate the distance of the k-th nearest."""


class Sides(NamedTuple):
    """Two sides and their projected coordinates; `same` if both are the same rows."""

    first: Embeddings
    second: Embeddings
    ours: Squares
    theirs: Squares
    same: bool


def pairs(sides: Sides, *, threshold: float) -> Iterator[Pair]:
    """Every pair within the threshold. If both sides are the same rows, each pair once, the later row first."""
    for found in in_order(partial(_pairs, sides, threshold), _parts(sides.first)):
        yield from map(Pair, *(part.tolist() for part in found))


def nearest(sides: Sides, *, k: int, reach: float, within: float = NONE) -> Iterator[Pair]:
    """The k nearest within reach of each first row, and every other row within `within`. If both sides are the same
    rows, no row is its own neighbour.
    """
    if not len(sides.second) or not k:
        return
    for found in in_order(partial(_nearest, sides, k, reach, within), _shares(len(sides.first))):
        yield from map(Pair, *(part.tolist() for part in found))


def _shares(count: int) -> Iterator[Numbers]:
    """The rows 0 to count in parts of at most QUERIES, with the same number of parts for each core."""
    rounds = -(-count // (QUERIES * cores()))
    step = -(-count // max(1, rounds * cores()))
    for start in range(0, count, max(1, step)):
        yield np.arange(start, min(start + step, count))


class _Part(NamedTuple):
    """At most QUERIES rows of one block."""

    block: int
    queries: Numbers


def _parts(rows: Embeddings) -> Iterator[_Part]:
    for number, block in enumerate(map(numbers_of, blocks_of(rows, BLOCK))):
        for start in range(0, len(block), QUERIES):
            yield _Part(number, block[start : start + QUERIES])


def _pairs(sides: Sides, threshold: float, part: _Part) -> Measured:
    """The pairs of a part's rows with the second side. If both sides are the same, with earlier blocks and earlier rows
    only.
    """
    limits = np.full(len(part.queries), squared_limit(threshold), np.float32)
    blocks = islice(blocks_of(sides.second, BLOCK), part.block + 1 if sides.same else None)
    found: list[Measured] = []
    for number, near in enumerate(_near(sides, part.queries, limits, blocks)):
        rows, columns = near
        if sides.same and number == part.block:
            rows, columns = rows[rows > columns], columns[rows > columns]
        if sides.same:  # in a store's order, an earlier block may have later rows
            rows, columns = np.maximum(rows, columns), np.minimum(rows, columns)
        if len(rows):
            found += measured(sides.first, sides.second, rows, columns, threshold=threshold)
    return joined(found)


def _nearest(sides: Sides, k: int, reach: float, within: float, queries: Numbers) -> Measured:
    limits = limits_of_nearest(_kth_squares(sides, queries, k=k), reach=reach, within=within)
    found = []
    for rows, columns in _near(sides, queries, limits, blocks_of(sides.second, BLOCK)):
        if not len(rows):
            continue
        wanted = rows != columns if sides.same else slice(None)
        near = measured(sides.first, sides.second, rows[wanted], columns[wanted], threshold=max(reach, within))
        found.append(first_k(near, k=k, within=within))
    return first_k(found, k=k, within=within)


def _near(sides: Sides, numbers: Numbers, limits: Squares, blocks: Iterable[Block]) -> Iterator[tuple[Rows, Rows]]:
    """For each block, the pairs of these first rows [n] with second rows of the block whose estimated squares are
    within the limits [n] of their first rows, and no others.
    """
    queries = widened(sides.first[numbers])
    faces = _stacked(facing(sides.ours[numbers], projected_limits(limits)))
    for block in blocks:
        over = products(sides.theirs[block], faces)
        stack, columns, row = np.unravel_index(np.flatnonzero(over <= 0), over.shape)
        rows = stack * faces.shape[2] + row
        if not len(rows):
            yield rows, columns
            continue
        if len(rows) * DENSE > over.size:
            rows, columns = true_cells(squares_between(queries, sides.second[block]) <= limits[:, None])
        else:
            touched, places = np.unique(columns, return_inverse=True)
            gallery = widened(sides.second[numbers_of(block)[touched]])
            near = squares_of(queries, gallery, rows, places) <= limits[rows]
            rows, columns = rows[near], columns[near]
        yield numbers[rows], numbers_of(block)[columns]


def _kth_squares(sides: Sides, numbers: Numbers, *, k: int) -> Squares:
    """For each of these first rows, an estimated square within which there are k second rows; infinity if fewer are
    found.
    """
    faces = facing(sides.ours[numbers], np.zeros(1, np.float32))
    stacks = _stacked(faces)
    minima, members = [], []
    for start in range(0, len(sides.theirs), BLOCK):
        part = products(sides.theirs[start : start + BLOCK], stacks)
        minima.append(_minima(part))
        members.append(start + np.arange(part.shape[1] // GROUP * GROUP).reshape(GROUP, -1).T)
    least, rows_of = np.concatenate(minima)[:, : len(faces)], np.concatenate(members)
    squares = np.full(len(faces), np.inf, np.float32)
    if not len(least):
        return squares
    groups = np.argpartition(least, min(TRIED * k, len(least) - 1), axis=0)[: TRIED * k + 1].T
    near = (
        _nearest_projected(sides, face, rows_of[group].ravel(), TRIED * k)
        for face, group in zip(faces, groups, strict=True)
    )
    tried = [rows[rows != number] if sides.same else rows for rows, number in zip(near, numbers, strict=True)]
    counts = np.array([len(rows) for rows in tried])
    found = squares_of(sides.first, sides.second, np.repeat(numbers, counts), np.concatenate(tried))
    for at, squared in enumerate(np.split(found, np.cumsum(counts)[:-1])):
        if len(squared) >= k:
            squares[at] = np.partition(squared, k - 1)[k - 1]
    return squares


def _nearest_projected(sides: Sides, face: Squares, rows: Numbers, count: int) -> Numbers:
    """The second rows that are nearest in the projection, and one more."""
    return rows[np.argpartition(sides.theirs[rows] @ face, min(count, len(rows) - 1))[: count + 1]]


def _minima(squares: Squares) -> Squares:
    """For products [q, n, c], the least [n // GROUP, q * c] of each group of GROUP rows, which are spread over all
    rows. Rows that fill no group are left out.
    """
    stacks, rows, columns = squares.shape
    groups = rows // GROUP
    least = squares[:, : groups * GROUP].reshape(stacks, GROUP, groups * columns).min(axis=1)
    return np.asarray(
        least.reshape(stacks, groups, columns).transpose(1, 0, 2).reshape(groups, stacks * columns), np.float32
    )


def _stacked(faces: Squares) -> Squares:
    """The faces [n, d] as columns [q, d, c]; if q * c > n, the last columns are far from every row."""
    stacks = -(-len(faces) // FACES)
    columns = -(-len(faces) // stacks)
    filled = np.zeros((stacks * columns, faces.shape[1]), np.float32)
    filled[:, -1] = 1
    filled[: len(faces)] = faces
    return np.ascontiguousarray(filled.reshape(stacks, columns, -1).transpose(0, 2, 1))
