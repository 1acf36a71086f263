"""Perceptual hashes: what still finds a copy whose colours AugNet no longer recognises, at any size of the gallery.

A hash is the signs of a picture's 255 lowest frequencies, so that mirroring and turning the picture only flips and
transposes bits: the hash of a picture tells those of all its 8 orientations.
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from imgsim_guard.blocks import blocks_of, numbers_of
from imgsim_guard.parallel import in_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from imgsim_guard.blocks import Block, Stored

    Hashes = NDArray[np.uint8]
    Held: TypeAlias = Hashes | Stored[NDArray[np.uint8]]
    Words = NDArray[np.uint64]

FREQUENCIES = 16
"""In each direction: 256 bits, the first of which only says that there is a hash."""

HASH_SIZE = FREQUENCIES * FREQUENCIES // 8

HASHES = 5
"""Of one image: of the whole, and of up to four pictures within it."""

MOST_BITS = 72
"""Of 255 that may differ. Unrelated pictures differ in 128 with a spread of 8; the least of 8 orientations of 15,000
is about 90."""

BLOCK = 8192
"""Rows of each side at once: the words of this many fit into the processor's cache."""

EVEN = np.uint64(0x0000555500005555)
"""The odd columns of even rows in a word of 4 rows of 16 bits: NumPy packs the first column into the highest bit."""


def nearest_hashes(first: Held, second: Held, *, k: int, same: bool = False) -> Iterator[tuple[int, int]]:
    """For each row of `first` [n, 5, 32], the k rows of `second` [m, 5, 32] that are nearest by any of their hashes in
    any orientation, within MOST_BITS; with `same`, a row is not its own neighbour.
    """
    for i in range(0, len(first), BLOCK):
        queries = [np.concatenate([parities(row), parities(transposed(row))], axis=1).T for row in first[i : i + BLOCK]]
        found: list[list[tuple[int, int]]] = [[] for _ in queries]
        for near in in_order(partial(_near_in, queries, second), blocks_of(second, BLOCK)):
            for at, bits, row in near:
                if not (same and row == i + at):
                    found[at].append((bits, row))
        yield from ((i + at, row) for at, near in enumerate(found) for _, row in sorted(near)[:k])


def _near_in(queries: Sequence[Words], second: Held, block: Block) -> list[tuple[int, int, int]]:
    """Of the rows of a block, those that are near a query [n, 4]: its number, the bits, and the row."""
    packed = second[block]
    rows, words = numbers_of(block)[np.nonzero(present(packed))[0]], parities(packed)
    return [(at, bits, row) for at, query in enumerate(queries) for bits, row in _near(query, words, rows)]


def _near(query: Words, words: Words, rows: NDArray[np.intp]) -> Iterator[tuple[int, int]]:
    """Bits and row, once, of each row [m] of `words` [4, m] that is within MOST_BITS of one of `query` [n, 4]."""
    least: dict[int, int] = {}
    for each in query:
        near = _may_be_near(each, words)
        bits = _bits(each, words[:, near])
        for differing, row in zip(bits.tolist(), rows[near].tolist(), strict=True):
            if differing <= min(MOST_BITS, least.get(row, MOST_BITS)):
                least[row] = differing
    yield from ((differing, row) for row, differing in least.items())


def _may_be_near(one: Words, words: Words) -> NDArray[np.intp]:
    """Which words [4, m] can be within MOST_BITS of a hash [4] by three of its four, however mirrored: few."""
    even, columns, rows = (_ones(row ^ word) for row, word in zip(words[:3], one[:3], strict=True))
    even += np.minimum(columns, np.uint8(64) - columns)
    even += np.minimum(rows, np.uint8(64) - rows)
    return np.flatnonzero(even <= MOST_BITS)


def _bits(one: Words, words: Words) -> NDArray[np.uint8]:
    """In how many bits [m] a hash [4] differs from others [4, m], mirrored in the way in which it differs least.

    Mirroring turns over the bits of two of the parities in which something is odd, so that their counts become 64 less
    themselves. The least of these four sums is that of the counts, or 128 more than twice the least count less the sum.
    """
    even, *odd = (_ones(row ^ word) for row, word in zip(words, one, strict=True))
    upright = odd[0] + odd[1] + odd[2]
    least = np.minimum(np.minimum(odd[0], odd[1]), odd[2])
    return np.asarray(even + np.minimum(upright, 2 * least + np.uint8(128) - upright), np.uint8)


def parities(packed: Hashes) -> Words:
    """The hashes that there are among packed ones [..., 32] as 4 words each, [4, n]: the bits of even rows and columns,
    of odd columns only, of odd rows only, and of both odd.
    """
    rows = packed[present(packed)].view("<u8").T
    shifts, places = np.array([1, 0, 17, 16], np.uint64), np.array([0, 1, 16, 17], np.uint64)
    parts = (((row >> shifts[:, None]) & EVEN) << place for row, place in zip(rows, places, strict=True))
    return np.asarray(np.bitwise_or.reduce(list(parts)), np.uint64)


def transposed(packed: Hashes) -> Hashes:
    """The hashes [n, 32] of the pictures with rows and columns exchanged."""
    grid = np.unpackbits(packed, axis=1).reshape(-1, FREQUENCIES, FREQUENCIES)
    return np.packbits(grid.transpose(0, 2, 1).reshape(-1, FREQUENCIES * FREQUENCIES), axis=1)


def present(packed: Hashes) -> NDArray[np.bool_]:
    """Which of the packed hashes [..., 32] there are."""
    return np.asarray(packed[..., 0] >= 0x80)  # noqa: PLR2004  the first bit


def _ones(words: Words) -> NDArray[np.uint8]:
    """How many bits of each word [n] are set."""
    if hasattr(np, "bitwise_count"):
        return np.asarray(np.bitwise_count(words), np.uint8)
    counts = _table()[words.view(np.uint16).reshape(-1, 4)]  # NumPy 1
    return np.asarray(counts.sum(axis=1, dtype=np.uint8), np.uint8)


@cache
def _table() -> NDArray[np.uint8]:
    """How many bits of each number of 16 bits are set."""
    every = np.arange(2**16, dtype=np.uint16).view(np.uint8).reshape(-1, 2)
    return np.asarray(np.unpackbits(every, axis=1).sum(axis=1, dtype=np.uint8), np.uint8)
