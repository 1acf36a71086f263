"""Perceptual hashes: they find copies whose colours AugNet does not recognise, in galleries of any size.

A hash has the signs of a picture's 255 lowest frequencies. Mirroring and turning a picture only flips and transposes
bits, so the hash of a picture gives those of all its 8 orientations.
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
    """Row, bits and other row of near pairs, [3, n]."""

    Held: TypeAlias = Hashes | Stored[NDArray[np.uint8]]
    Words = NDArray[np.uint64]

FREQUENCIES = 16
"""Frequencies in each direction. They make 256 bits; the first one only says that there is a hash."""

HASH_SIZE = FREQUENCIES * FREQUENCIES // 8

HASHES = 5
"""Hashes of an image: of the whole, and of up to four pictures within it."""

MOST_BITS = 72
"""Most bits of 255 in which hashes may differ. Unrelated pictures differ in 128 with a standard deviation of 8; the
minimum over 8 orientations of 15,000 pictures is about 90.
"""

BLOCK = 8192
"""Rows of each side at once."""

TILE = 2**18
"""Pairs of hashes compared at once. With fewer, two threads wait for each other."""

MANY = 2**20
"""Most pairs in memory before only the nearest of each row are kept."""

EVEN = np.uint64(0x0000555500005555)
"""The odd columns of the even rows in a word of 4 rows of 16 bits. NumPy packs the first column
into the highest bit.
"""


def nearest_hashes(first: Held, second: Held, *, k: int, same: bool = False) -> Iterator[tuple[int, int]]:
    """For each row of `first` [n, 5, 32], the k rows of `second` [m, 5, 32] that are nearest by any of their hashes in
    any orientation, within MOST_BITS; of equally near ones the lower rows. With `same`, both are the same rows, and no
    row is its own neighbour.
    """
    nearest = _Nearest(k)
    for number, block in enumerate(blocks_of(first, BLOCK)):
        search = partial(_near, _turned(first[block], numbers_of(block)), second, k, same)
        for near in in_order(search, islice(blocks_of(second, BLOCK), number if same else 0, None)):
            nearest.add(near)
        if not same:  # with `same`, later blocks add neighbours for these rows
            yield from nearest.taken()
    yield from nearest.taken()


def are_near(one: Hashes, other: Hashes) -> bool:
    """Whether any hash of an image [5, 32] is within MOST_BITS of one of another image, in any orientation."""
    row = np.zeros(1, np.intp)
    queries, others = _turned(one[None], row).words, _words(other[None], row).words
    return any(bool((_bits(queries[:, i], others[:, j]) <= MOST_BITS).any()) for i, j in _may_be_near(queries, others))


class _Nearest:
    """Keeps the k nearest of each row as pairs are added, with few more in memory."""

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
    """For each row the k pairs with the fewest bits, in order. A pair that occurs twice counts once."""
    row, bits, other = near
    near = near[:, np.lexsort((bits, other, row))]
    near = near[:, _is_first(near[0], near[2])]
    row, bits, other = near
    near = near[:, np.lexsort((other, bits, row))]
    row = near[0]
    return near[:, np.arange(len(row)) - np.searchsorted(row, row) < k]


def _is_first(row: Numbers, other: Numbers) -> NDArray[np.bool_]:
    """Which of these sorted pairs differ from the pair before."""
    first = np.ones(len(row), np.bool_)
    first[1:] = (row[1:] != row[:-1]) | (other[1:] != other[:-1])
    return first


def _near(queries: _Words, second: Held, k: int, same: bool, block: Block) -> Near:  # noqa: FBT001  as positional argument of a partial
    """For each query, the k nearest rows of a block; with `same`, also the k nearest queries for each row."""
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
    """The words [4, n] and [4, m] that can be within MOST_BITS by three of their four, in any mirroring: few."""
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
    """The bits [n] in which hashes [4, n] differ, in the mirroring in which they differ least.

    Mirroring inverts the bits of two of the four parities, so that their counts become 64 minus the counts. The least
    of these four sums is the sum of the counts, or 128 plus twice the least count minus the sum.
    """
    even, *odd = np.bitwise_count(some ^ others)
    upright = odd[0] + odd[1] + odd[2]
    least = np.minimum(np.minimum(odd[0], odd[1]), odd[2])
    return np.asarray(even + np.minimum(upright, 2 * least + np.uint8(128) - upright), np.uint8)


class _Words(NamedTuple):
    """The hashes that exist, as words [4, n], and the row [n] of each."""

    words: Words
    rows: Numbers


def _words(packed: Hashes, numbers: Numbers) -> _Words:
    return _Words(parities(packed), numbers[np.nonzero(present(packed))[0]])


def _turned(packed: Hashes, numbers: Numbers) -> _Words:
    """The hashes as words, of the pictures as they are and with rows and columns exchanged."""
    words, rows = _words(packed, numbers)
    turned = parities(transposed(packed[present(packed)]))
    return _Words(np.concatenate([words, turned], axis=1), np.concatenate([rows, rows]))


def parities(packed: Hashes) -> Words:
    """The packed hashes [..., 32] that exist, as 4 words each, [4, n]: the bits with even row and column, with odd
    column only, with odd row only, and with both odd.
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
    """Which of the packed hashes [..., 32] exist."""
    return np.asarray(packed[..., 0] >= 0x80)  # noqa: PLR2004  the first bit
