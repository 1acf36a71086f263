"""The joins of retrieval on a cluster: rows are cut into blocks, and each pair of blocks is a cell
that a worker joins.
"""

from __future__ import annotations

from itertools import groupby, product
from typing import TYPE_CHECKING, NamedTuple, Protocol

from imgsim_guard.distributed.tasks import join_blocks, join_hashes
from imgsim_guard.search import Pair
from imgsim_guard.search.metric import NONE, first_k

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any, TypeVar

    from imgsim_guard.distributed.tasks import Columns
    from imgsim_guard.search.hashes import Held
    from imgsim_guard.search.metric import Embeddings

    Result = TypeVar("Result")

MOST_ROWS = 8192
"""Most rows of a block: 12 MB. A cell of two such blocks takes seconds, much longer than sending it."""

LEAST_ROWS = 512
"""Fewest rows of a block, even if workers are idle: a smaller cell takes less time than sending it."""


class Hands(Protocol):
    """Whatever runs the calls; a Cluster."""

    @property
    def cores(self) -> int:
        """How many calls run at once."""

    def put(self, value: object, /) -> Any:  # noqa: ANN401
        """A reference to a value that is an argument of many calls."""

    def map(self, function: Callable[..., Result], calls: Iterable[tuple[object, ...]], /) -> Iterator[Result]:
        """The function's results in the order of the calls."""


class _Block(NamedTuple):
    start: int
    rows: Any
    """The reference to the rows for calls."""


class Grid:
    """The same results as `joins` in this process, for any size of the blocks."""

    def __init__(self, hands: Hands, *, most_rows: int = MOST_ROWS, least_rows: int = LEAST_ROWS) -> None:
        self._hands = hands
        self._most, self._least = most_rows, least_rows

    def pairs_between(self, first: Embeddings, second: Embeddings, *, threshold: float) -> Iterator[Pair]:
        """Pairs of a row of each side within the threshold."""
        cells = list(product(self._blocks(first), self._blocks(second)))
        for found in self._joined("pairs", cells, threshold=threshold):
            yield from _pairs(found)

    def pairs_among(self, embeddings: Embeddings, *, threshold: float) -> Iterator[Pair]:
        """Pairs of two rows within the threshold, the later one first."""
        blocks = self._blocks(embeddings)
        cells = [(later, earlier) for later, earlier in product(blocks, blocks) if later.start >= earlier.start]
        for found in self._joined("pairs", cells, threshold=threshold):
            yield from _pairs(found)

    def nearest_between(
        self, first: Embeddings, second: Embeddings, *, k: int, reach: float, within: float = NONE
    ) -> Iterator[Pair]:
        """The k nearest second rows within reach of each first row, and all rows within `within`."""
        return self._nearest(list(product(self._blocks(first), self._blocks(second))), k=k, reach=reach, within=within)

    def nearest_among(self, embeddings: Embeddings, *, k: int, reach: float, within: float = NONE) -> Iterator[Pair]:
        """The k nearest other rows within reach of each row, and all rows within `within`."""
        blocks = self._blocks(embeddings)
        return self._nearest(list(product(blocks, blocks)), k=k, reach=reach, within=within)

    def nearest_hashes(self, first: Held, second: Held, *, k: int, same: bool = False) -> Iterator[tuple[int, int]]:
        """The k second rows with the nearest hashes for each first row; with `same`, other rows."""
        blocks, whole = self._blocks(first), self._hands.put(second[:])
        calls = [(k + same, block.rows, whole) for block in blocks]
        for block, found in zip(blocks, self._hands.map(join_hashes, calls), strict=True):
            others = ((block.start + i, j) for i, j in found if not (same and block.start + i == j))
            for _, near in groupby(others, key=lambda pair: pair[0]):
                yield from list(near)[:k]

    def _nearest(
        self, cells: Sequence[tuple[_Block, _Block]], *, k: int, reach: float, within: float
    ) -> Iterator[Pair]:
        """The k nearest of each first row, out of the k nearest of each block."""
        found = zip(cells, self._joined("nearest", cells, k=k, reach=reach, within=within), strict=True)
        for _, parts in groupby(found, key=lambda cell: cell[0][0].start):
            yield from _pairs(first_k([part for _, part in parts], k=k, within=within))

    def _joined(self, kind: str, cells: Sequence[tuple[_Block, _Block]], **options: float) -> Iterator[Columns]:
        """The result of each cell, in order, with the row numbers of the whole sides."""
        calls = (
            (f"{kind}_among", options, first.rows)
            if first is second
            else (f"{kind}_between", options, first.rows, second.rows)
            for first, second in cells
        )
        for (first, second), (rows, columns, distances) in zip(cells, self._hands.map(join_blocks, calls), strict=True):
            yield first.start + rows, second.start + columns, distances

    def _blocks(self, side: Embeddings | Held) -> list[_Block]:
        """The rows [n, ...] in blocks, sent to the cluster; enough blocks for all workers."""
        size = min(self._most, max(self._least, -(-len(side) // self._hands.cores)))
        return [_Block(start, self._hands.put(side[start : start + size])) for start in range(0, len(side), size)]


def _pairs(found: Columns) -> Iterator[Pair]:
    return map(Pair, *(part.tolist() for part in found))
