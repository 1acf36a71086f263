"""The search that multiplies every pair of rows in full width: quickest when one side is small."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from imgsim_guard.search.metric import (
    Pair,
    first_k,
    limits_of_nearest,
    measured,
    pairs_of,
    squared_limit,
    squares_between,
    true_cells,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgsim_guard.search.metric import Embeddings

BLOCK = 2048
"""Rows of each side multiplied at once: 2048 x 2048 float32 products are 16 MB."""

CELLS = 2**24
"""Squared distances held at once when the nearest are looked for: 64 MB."""


def pairs(first: Embeddings, second: Embeddings, *, threshold: float, same: bool) -> Iterator[Pair]:
    """Every pair within the threshold; when both are the same rows, each pair once and the later row first."""
    for i in range(0, len(first), BLOCK):
        for j in range(0, i + 1 if same else len(second), BLOCK):
            squares = squares_between(first[i : i + BLOCK], second[j : j + BLOCK])
            rows, columns = true_cells(squares <= squared_limit(threshold))
            rows, columns = i + rows, j + columns
            wanted = rows > columns if same else slice(None)
            yield from pairs_of(first, second, rows[wanted], columns[wanted], threshold=threshold)


def nearest(first: Embeddings, second: Embeddings, *, k: int, reach: float, same: bool) -> Iterator[Pair]:
    """The k nearest within reach of each first row; when both are the same rows, none is its own."""
    if not len(second) or not k:
        return
    step, last = max(1, CELLS // len(second)), min(k, len(second)) - 1
    for i in range(0, len(first), step):
        blocks = (second[j : j + BLOCK] for j in range(0, len(second), BLOCK))
        squares = np.hstack([squares_between(first[i : i + step], block) for block in blocks])
        if same:
            np.fill_diagonal(squares[:, i:], np.inf)
        limits = limits_of_nearest(np.partition(squares, last, axis=1)[:, last], reach=reach)
        rows, columns = true_cells(squares <= limits[:, None])
        found = first_k(measured(first, second, i + rows, columns, threshold=reach), k=k)
        yield from map(Pair, *(part.tolist() for part in found))
