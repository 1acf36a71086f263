"""The search that multiplies projected rows first, and in full width only what they leave."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from imgsim_guard.parallel import in_order
from imgsim_guard.search.metric import (
    NONE,
    Pair,
    first_k,
    joined,
    limits_of_nearest,
    measured,
    products,
    squared_limit,
    squares_between,
    squares_of,
    true_cells,
    widened,
)
from imgsim_guard.search.projection import facing, projected_limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from imgsim_guard.search.metric import Embeddings, Measured, Rows

    Squares = NDArray[np.float32]

QUERIES = 224
"""Rows of the first side multiplied at once."""

BLOCK = 2048
"""Rows of the second side multiplied at once: 2048 x 224 float32 products are 2 MB."""

FACES = 56
"""Rows of the first side in one small product, with about as many of the second."""

DENSE = 64
"""When more than one pair in so many is left, the block is multiplied in full width, which is quicker then."""

GROUP = 64
"""Rows of which only the nearest counts when the k nearest are first looked for."""


class Sides(NamedTuple):
    """Two sides and their projected coordinates; `same` when both are the same rows."""

    first: Embeddings
    second: Embeddings
    ours: Squares
    theirs: Squares
    same: bool


def pairs(sides: Sides, *, threshold: float) -> Iterator[Pair]:
    """Every pair within the threshold; when both are the same rows, each pair once and the later row first."""
    for found in in_order(partial(_pairs, sides, threshold), range(0, len(sides.first), QUERIES)):
        yield from map(Pair, *(part.tolist() for part in found))


def nearest(sides: Sides, *, k: int, reach: float, within: float = NONE) -> Iterator[Pair]:
    """The k nearest within reach of each first row, and every other within `within`; when both are the same rows, none
    is its own.
    """
    if not len(sides.second) or not k:
        return
    search = partial(_nearest, sides, k, reach, within)
    for found in in_order(search, range(0, len(sides.first), QUERIES)):
        yield from map(Pair, *(part.tolist() for part in found))


def _pairs(sides: Sides, threshold: float, i: int) -> Measured:
    """Of the QUERIES rows at i."""
    limits = np.full(len(sides.ours[i : i + QUERIES]), squared_limit(threshold), np.float32)
    found: list[Measured] = []
    for rows, columns in _near(sides, i, limits, end=i + QUERIES if sides.same else len(sides.second)):
        wanted = rows > columns if sides.same else slice(None)
        found += measured(sides.first, sides.second, rows[wanted], columns[wanted], threshold=threshold)
    return joined(found)


def _nearest(sides: Sides, k: int, reach: float, within: float, i: int) -> Measured:
    """Of the QUERIES rows at i."""
    limits = limits_of_nearest(_kth_squares(sides, i, k=k), reach=reach, within=within)
    found = []
    for rows, columns in _near(sides, i, limits, end=len(sides.second)):
        wanted = rows != columns if sides.same else slice(None)
        near = measured(sides.first, sides.second, rows[wanted], columns[wanted], threshold=max(reach, within))
        found.append(first_k(near, k=k, within=within))
    return first_k(found, k=k, within=within)


def _near(sides: Sides, i: int, limits: Squares, *, end: int) -> Iterator[tuple[Rows, Rows]]:
    """Pairs of the QUERIES rows at i with second rows before the end: all whose estimated squares are within the limits
    [n] of their first rows, and no others.
    """
    queries = widened(sides.first[i : i + QUERIES])
    faces = _stacked(facing(sides.ours[i : i + QUERIES], projected_limits(limits)))
    for j in range(0, end, BLOCK):
        gallery = sides.second[j : min(j + BLOCK, end)]
        over = products(sides.theirs[j : min(j + BLOCK, end)], faces)
        stack, columns, row = np.unravel_index(np.flatnonzero(over <= 0), over.shape)
        rows = stack * faces.shape[2] + row
        if len(rows) * DENSE > over.size:
            rows, columns = true_cells(squares_between(queries, gallery) <= limits[:, None])
        else:
            near = squares_of(queries, gallery, rows, columns) <= limits[rows]
            rows, columns = rows[near], columns[near]
        yield i + rows, j + columns


def _kth_squares(sides: Sides, i: int, *, k: int) -> Squares:
    """For each of the QUERIES rows at i, an estimated square within which there are k second rows; infinity when so few
    are not found.
    """
    faces = facing(sides.ours[i : i + QUERIES], np.zeros(1, np.float32))
    stacks = _stacked(faces)
    blocks = (products(sides.theirs[j : j + BLOCK], stacks) for j in range(0, len(sides.theirs), BLOCK))
    minima = np.concatenate([_minima(block) for block in blocks])
    squares = np.full(len(faces), np.inf, np.float32)
    if not len(minima):
        return squares
    groups = np.argpartition(minima, min(k, len(minima) - 1), axis=0)[: k + 1]
    for at, face in enumerate(faces):
        rows = (groups[:, at, None] * GROUP + np.arange(GROUP)).ravel()
        rows = rows[rows != i + at] if sides.same else rows
        if len(rows) >= k:
            nearest_rows = rows[np.argsort(sides.theirs[rows] @ face)[: 2 * k]]
            tried = squares_of(sides.first, sides.second, np.full(len(nearest_rows), i + at), nearest_rows)
            squares[at] = np.partition(tried, k - 1)[k - 1]
    return squares


def _minima(squares: Squares) -> Squares:
    """Of products [q, n, c], the least [n / GROUP, q * c] of each GROUP rows; rows that fill no group are left out."""
    stacks, rows, columns = squares.shape
    groups = rows // GROUP
    least = squares[:, : groups * GROUP].reshape(stacks, groups, GROUP, columns).min(axis=2)
    return np.asarray(least.transpose(1, 0, 2).reshape(groups, stacks * columns), np.float32)


def _stacked(faces: Squares) -> Squares:
    """The faces [n, d] as columns [q, d, c], the last of them far from everything where q * c > n."""
    stacks = -(-len(faces) // FACES)
    columns = -(-len(faces) // stacks)
    filled = np.zeros((stacks * columns, faces.shape[1]), np.float32)
    filled[:, -1] = 1
    filled[: len(faces)] = faces
    return np.ascontiguousarray(filled.reshape(stacks, columns, -1).transpose(0, 2, 1))
