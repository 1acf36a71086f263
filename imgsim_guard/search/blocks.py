"""Rows of an array, or of stored rows that are read when they are indexed, a block at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Numbers = NDArray[np.intp]
    Block: TypeAlias = slice | Numbers

Array_co = TypeVar("Array_co", bound="NDArray[Any]", covariant=True)


class Stored(Protocol[Array_co]):
    """Rows that are stored elsewhere and only in part in memory."""

    def __len__(self) -> int:
        """How many rows there are."""

    def __getitem__(self, rows: slice | NDArray[np.intp], /) -> Array_co:
        """A copy of some rows, in the order of the index."""

    def blocks(self, size: int, /) -> Iterator[NDArray[np.intp]]:
        """All row numbers, in the order in which they are read quickest, at most `size` at once."""


def blocks_of(rows: NDArray[Any] | Stored[Any], size: int) -> Iterator[Block]:
    """Indices that cover each row once, at most `size` rows at once."""
    if not isinstance(rows, np.ndarray):
        yield from rows.blocks(size)
        return
    for start in range(0, len(rows), size):
        yield slice(start, min(start + size, len(rows)))


def numbers_of(block: Block) -> Numbers:
    """The row numbers of a block."""
    return np.arange(block.start, block.stop) if isinstance(block, slice) else block
