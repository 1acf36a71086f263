"""The search in full width, which multiplies every pair of rows: quickest if one side is small."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from imgsim_guard.search.blocks import blocks_of, numbers_of
from imgsim_guard.search.metric import (
    FEW,
    NONE,
    Pair,
    first_k,
    limits_of_nearest,
    measured,
    pairs_of,
    squared_limit,
    squares_between,
    true_cells,
)
from imgsim_guard.system.threads import in_order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from imgsim_guard.search.metric import Embeddings, Held

BLOCK = 2048
"""Rows of each side multiplied at once: 2048 x 2048 float32 products are 16 MB."""

CELLS = 2**24
"""Squared distances in memory when the nearest are searched: 64 MB."""


def pairs(first: Embeddings, second: Embeddings, *, threshold: float, same: bool) -> Iterator[Pair]:
    """Every pair within the threshold. If both sides are the same rows, each pair once, the later row first."""
    for i in range(0, len(first), BLOCK):
        ours = first[i : i + BLOCK]
        blocks = (slice(j, j + BLOCK) for j in range(0, i + 1, BLOCK)) if same else blocks_of(second, BLOCK)
        for block in blocks:
            rows, columns = true_cells(squares_between(ours, second[block]) <= squared_limit(threshold))
            rows, columns = i + rows, numbers_of(block)[columns]
            wanted = rows > columns if same else slice(None)
            yield from pairs_of(first, second, rows[wanted], columns[wanted], threshold=threshold)


def nearest(  # noqa: PLR0913  each is needed
    first: Embeddings, second: Embeddings, *, k: int, reach: float, same: bool, within: float = NONE
) -> Iterator[Pair]:
    """The k nearest within reach of each first row, and every other row within `within`. If both sides are the same
    rows, no row is its own neighbour.
    """
    if not len(second) or not k:
        return
    step, last = max(1, CELLS // len(second)), min(k, len(second)) - 1
    numbers = np.concatenate([numbers_of(block) for block in blocks_of(second, BLOCK)])
    places = np.argsort(numbers)
    for i in range(0, len(first), step):
        squares = _squares(first[i : i + step], second)
        if same:
            squares[np.arange(len(squares)), places[i : i + step]] = np.inf
        limits = limits_of_nearest(np.partition(squares, last, axis=1)[:, last], reach=reach, within=within)
        rows, columns = true_cells(squares <= limits[:, None])
        near = measured(first, second, i + rows, numbers[columns], threshold=max(reach, within))
        yield from map(Pair, *(part.tolist() for part in first_k(near, k=k, within=within)))


def _squares(first: Held, second: Embeddings) -> NDArray[np.float32]:
    """Squared distances [n, m] with an error of at most SLACK; the second rows are in the order of their blocks."""
    squares = np.empty((len(first), len(second)), np.float32)
    spread = in_order if len(first) <= FEW else map  # products of more rows use all cores already
    end = 0
    for found in spread(lambda block: squares_between(first, second[block]), blocks_of(second, BLOCK)):
        start, end = end, end + found.shape[1]
        squares[:, start:end] = found
    return squares
