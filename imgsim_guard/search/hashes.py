"""Perceptual hashes: what still finds a copy whose colours AugNet no longer recognises, at any size of the gallery.

A hash is the signs of a picture's 255 lowest frequencies, so that mirroring and turning the picture only flips and
transposes bits: the hash of a picture tells those of all its 8 orientations.
"""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from imgsim_guard.search.blocks import blocks_of, numbers_of
from imgsim_guard.system.threads import in_order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from imgsim_guard.search.blocks import Block, Numbers, Stored

    Hashes = NDArray[np.uint8]
    Near = NDArray[np.intp]
    """Row, bits and other row [3, n] of near pairs."""

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
"""Rows of each side at once."""

TILE = 2**18
"""Pairs of hashes compared at once: two threads that do less at a time wait for one another."""

MANY = 2**20
"""Pairs that may be held before all but the nearest of each row are let go."""

EVEN = np.uint64(0x0000555500005555)
"""The odd columns of even rows in a word of 4 rows of 16 bits: NumPy packs the first column into the highest bit."""


def nearest_hashes(first: Held, second: Held, *, k: int, same: bool = False) -> Iterator[tuple[int, int]]:
    """For each row of `first` [n, 5, 32], the k rows of `second` [m, 5, 32] that are nearest by any of their hashes in
    any orientation, within MOST_BITS; of equally near ones the lower rows. With `same`, both are the same rows, and
    none is its own neighbour.
    """
    nearest = _Nearest(k)
    for number, block in enumerate(blocks_of(first, BLOCK)):
        search = partial(_near, _turned(first[block], numbers_of(block)), second, k, same)
        for near in in_order(search, islice(blocks_of(second, BLOCK), number if same else 0, None)):
            nearest.add(near)
        if not same:  # else later blocks have neighbours for these rows, too
            yield from nearest.taken()
    yield from nearest.taken()


class _Nearest:
    """The k nearest of each row, of all that were added; few more are held."""

    def __init__(self, k: int) -> None:
        self._k = k
        self._parts: list[Near] = []
        self._most = self._size = 0

    def add(self, near: Near) -> None:
        self._parts.append(near)
        self._size += near.shape[1]
        if self._size > self._most + MANY:
            self._parts = [_first_k(np.concatenate(self._parts, axis=1), self._k)]
            self._size = self._parts[0].shape[1]
            self._most = 2 * self._size

    def taken(self) -> Iterator[tuple[int, int]]:
        parts, self._parts = [np.zeros((3, 0), np.intp), *self._parts], []
        row, _, other = _first_k(np.concatenate(parts, axis=1), self._k)
        yield from zip(row.tolist(), other.tolist(), strict=True)


def _first_k(near: Near, k: int) -> Near:
    """Of pairs, the k with the fewest bits for each row, in order; a pair that is there twice counts once."""
    row, bits, other = near
    near = near[:, np.lexsort((bits, other, row))]
    near = near[:, _is_first(near[0], near[2])]
    row, bits, other = near
    near = near[:, np.lexsort((other, bits, row))]
    row = near[0]
    return near[:, np.arange(len(row)) - np.searchsorted(row, row) < k]


def _is_first(row: Numbers, other: Numbers) -> NDArray[np.bool_]:
    """Which pairs, in order, are not the same as the one before."""
    first = np.ones(len(row), np.bool_)
    first[1:] = (row[1:] != row[:-1]) | (other[1:] != other[:-1])
    return first


def _near(queries: _Words, second: Held, k: int, same: bool, block: Block) -> Near:  # noqa: FBT001  of a partial
    """Of the rows of a block, the k that are nearest to each query; with `same`, the other way round as well."""
    others = _words(second[block], numbers_of(block))
    found = [np.zeros((3, 0), np.intp)]
    for query, other in _may_be_near(queries.words, others.words):
        bits = _bits(queries.words[:, query], others.words[:, other])
        near = np.flatnonzero(bits <= MOST_BITS)
        if not len(near):
            continue
        pairs = np.array([queries.rows[query[near]], bits[near], others.rows[other[near]]], np.intp)
        if same:
            pairs = np.concatenate([pairs, pairs[::-1]], axis=1)[:, np.tile(pairs[0] != pairs[2], 2)]
        found.append(_first_k(pairs, k))
    return np.concatenate(found, axis=1)


def _may_be_near(queries: Words, others: Words) -> Iterator[tuple[Numbers, Numbers]]:
    """Which words [4, n] and [4, m] can be within MOST_BITS by three of their four, however mirrored: few."""
    count = others.shape[1]
    step = max(1, TILE // max(1, count))
    differing = np.empty((step, count), np.uint64)
    for start in range(0, queries.shape[1], step):
        some = queries[:3, start : start + step, None]
        even, columns, rows = (
            np.bitwise_count(np.bitwise_xor(one, other, out=differing[: some.shape[1]]))
            for one, other in zip(some, others[:3], strict=True)
        )
        even += np.minimum(columns, np.uint8(64) - columns)
        even += np.minimum(rows, np.uint8(64) - rows)
        at, other = np.divmod(np.flatnonzero(even <= MOST_BITS), count)
        yield start + at, other


def _bits(some: Words, others: Words) -> NDArray[np.uint8]:
    """In how many bits [n] hashes [4, n] differ, mirrored in the way in which they differ least.

    Mirroring turns over the bits of two of the parities in which something is odd, so that their counts become 64 less
    themselves. The least of these four sums is that of the counts, or 128 more than twice the least count less the sum.
    """
    even, *odd = np.bitwise_count(some ^ others)
    upright = odd[0] + odd[1] + odd[2]
    least = np.minimum(np.minimum(odd[0], odd[1]), odd[2])
    return np.asarray(even + np.minimum(upright, 2 * least + np.uint8(128) - upright), np.uint8)


class _Words(NamedTuple):
    """The hashes that there are, as words [4, n], and the row [n] of each."""

    words: Words
    rows: Numbers


def _words(packed: Hashes, numbers: Numbers) -> _Words:
    return _Words(parities(packed), numbers[np.nonzero(present(packed))[0]])


def _turned(packed: Hashes, numbers: Numbers) -> _Words:
    """The same for the pictures as they are and with rows and columns exchanged."""
    words, rows = _words(packed, numbers)
    turned = parities(transposed(packed[present(packed)]))
    return _Words(np.concatenate([words, turned], axis=1), np.concatenate([rows, rows]))


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
