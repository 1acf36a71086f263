"""Perceptual hashes: what still finds a copy whose colours AugNet no longer recognises, at any size of the gallery.

A hash is the signs of a picture's 255 lowest frequencies, so that mirroring and turning the picture only flips and
transposes bits: the hash of a picture tells those of all its 8 orientations.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Hashes = NDArray[np.uint8]
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


def nearest_hashes(first: Hashes, second: Hashes, *, k: int, same: bool = False) -> Iterator[tuple[int, int]]:
    """For each row of `first` [n, 5, 32], the k rows of `second` [m, 5, 32] that are nearest by any of their hashes in
    any orientation, within MOST_BITS; with `same`, a row is not its own neighbour.
    """
    for i in range(0, len(first), BLOCK):
        queries = [np.concatenate([parities(row), parities(transposed(row))], axis=1).T for row in first[i : i + BLOCK]]
        found: list[list[tuple[int, int]]] = [[] for _ in queries]
        for j in range(0, len(second), BLOCK):
            rows, words = j + np.nonzero(present(second[j : j + BLOCK]))[0], parities(second[j : j + BLOCK])
            for at, query in enumerate(queries):
                near = [each for each in _near(query, words, rows) if not (same and each[1] == i + at)]
                found[at] = sorted(found[at] + near)[:k]
        yield from ((i + at, row) for at, near in enumerate(found) for _, row in near)


def _near(query: Words, words: Words, rows: NDArray[np.intp]) -> Iterator[tuple[int, int]]:
    """Bits and row, once, of each row [m] of `words` [4, m] that is within MOST_BITS of one of `query` [n, 4]."""
    if not len(query):
        return
    bits = np.minimum.reduce([_bits(each, words) for each in query])
    near = np.flatnonzero(bits <= MOST_BITS)
    least: dict[int, int] = {}
    for differing, row in sorted(zip(bits[near].tolist(), rows[near].tolist(), strict=True)):
        least.setdefault(row, differing)
    yield from ((differing, row) for row, differing in least.items())


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
