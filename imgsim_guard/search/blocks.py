"""Rows of an array, or of what is stored elsewhere and fetched when it is asked for, a block at a time."""

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
    """Rows that lie elsewhere: fewer are held than there are."""

    def __len__(self) -> int:
        """How many rows."""

    def __getitem__(self, rows: slice | NDArray[np.intp], /) -> Array_co:
        """A copy of some rows, in the order of these."""

    def blocks(self, size: int, /) -> Iterator[NDArray[np.intp]]:
        """All rows, in the order in which they are fetched quickest, `size` at most at once."""


def blocks_of(rows: NDArray[Any] | Stored[Any], size: int) -> Iterator[Block]:
    """What to index the rows with, until each has been given once, `size` at most at once."""
    if not isinstance(rows, np.ndarray):
        yield from rows.blocks(size)
        return
    for start in range(0, len(rows), size):
        yield slice(start, min(start + size, len(rows)))


def numbers_of(block: Block) -> Numbers:
    """The rows of a block one by one."""
    return np.arange(block.start, block.stop) if isinstance(block, slice) else block
