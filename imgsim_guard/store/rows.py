"""Rows of many shards as one array, or read in parts when they are needed, so that few are in memory."""

from __future__ import annotations

from collections import deque
from functools import cached_property
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeAlias, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from imgsim_guard.store.shard import Shard

    Numbers = NDArray[np.intp]
    Wanted: TypeAlias = Sequence[int] | Numbers


Number = TypeVar("Number", bound=np.generic)

SHARDS_IN_MEMORY = 32
"""Shards that stay in memory. A large one is 7 MB. The last few may still be in use by threads."""


class Part(NamedTuple):
    """The wanted rows that are in one shard: their positions in the request, and their numbers in the shard, rising."""

    shard: int
    places: Numbers
    rows: Numbers


def by_shard(rows: Wanted, starts: Sequence[int]) -> Iterator[Part]:
    """The shards that hold these rows of a store, given the number of each shard's first row."""
    numbers = np.asarray(rows, np.intp)
    order = np.argsort(numbers, kind="stable")
    rising = numbers[order]
    ends = [*np.searchsorted(rising, starts[1:]).tolist(), len(rising)]
    first = 0
    for shard, end in enumerate(ends):
        if end > first:
            yield Part(shard, order[first:end], rising[first:end] - starts[shard])
        first = end


class StoredRows(Generic[Number]):
    """Some rows [n, ...] of one column of a store, read from the shards when they are indexed."""

    def __init__(
        self, shards: Sequence[Shard], columns: Sequence[NDArray[Number]], starts: Sequence[int], rows: Wanted
    ) -> None:
        self._shards = shards
        self._none, *self._columns = columns  # the first is empty, so that there is a column without shards
        self._starts = starts
        self._rows = np.asarray(rows, np.intp)

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self._rows)

    def __getitem__(self, wanted: slice | Numbers) -> NDArray[Number]:
        """Some of the rows, read-only."""
        rows = self._rows[wanted]
        parts = list(by_shard(rows, self._starts))
        if len(parts) == 1 and _follow(rows):
            return self._columns[parts[0].shard][parts[0].rows[0] : parts[0].rows[-1] + 1]
        found = np.empty((len(rows), *self._none.shape[1:]), self._none.dtype)
        for part in parts:
            found[part.places] = self._columns[part.shard][part.rows]
        return found

    @cached_property
    def _parts(self) -> list[Part]:
        return list(by_shard(self._rows, self._starts))

    def blocks(self, size: int) -> Iterator[Numbers]:
        """All rows shard by shard, at most `size` at once. Few shards stay in memory."""
        read: deque[Shard] = deque()
        block: list[Numbers] = []
        try:
            for part in self._parts:
                for start in range(0, len(part.places), size):
                    piece = part.places[start : start + size]
                    if block and sum(map(len, block)) + len(piece) > size:
                        yield np.concatenate(block)
                        block = []
                    block.append(piece)
                read.append(self._shards[part.shard])
                if len(read) > SHARDS_IN_MEMORY:
                    read.popleft().release()
            if block:
                yield np.concatenate(block)
        finally:
            for shard in read:
                shard.release()


def _follow(rows: Numbers) -> bool:
    """Whether each number is one more than the number before."""
    return bool((np.diff(rows) == 1).all())
