"""Rows of many shards put together: all at once, or fetched when they are asked for, so that few are held."""

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
"""A large shard is 7 MB. What threads are still reading is among the last few."""


class Part(NamedTuple):
    """The wanted rows that one shard holds: their places among the wanted, and their numbers in it, rising."""

    shard: int
    places: Numbers
    rows: Numbers


def by_shard(rows: Wanted, starts: Sequence[int]) -> Iterator[Part]:
    """The shards that hold these rows of a store, given the row with which each of its shards starts."""
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
    """Some rows of a store [n, ...], of one column of its shards, read from them when they are asked for."""

    def __init__(
        self, shards: Sequence[Shard], columns: Sequence[NDArray[Number]], starts: Sequence[int], rows: Wanted
    ) -> None:
        self._shards = shards
        self._none, *self._columns = columns  # the first has no rows, and is there when there are no shards
        self._starts = starts
        self._rows = np.asarray(rows, np.intp)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._rows)

    def __getitem__(self, wanted: slice | Numbers) -> NDArray[Number]:
        """Some of them, not to be written to."""
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
        """All of them shard by shard, `size` at most at once. Few shards are left in memory."""
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
    """Whether each is one more than the one before."""
    return bool((np.diff(rows) == 1).all())
