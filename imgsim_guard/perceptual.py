"""Perceptual hashes: what still finds a copy whose colours AugNet no longer recognises, at any size of the gallery.

A hash is the signs of a picture's 255 lowest frequencies, so that mirroring and turning the picture only flips and
transposes bits: the hash of a picture tells those of all its 8 orientations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

FREQUENCIES = 16
"""In each direction: 256 bits, the first of which only says that there is a hash."""

HASH_SIZE = FREQUENCIES * FREQUENCIES // 8

HASHES = 5
"""Of one image: of the whole, and of up to four pictures within it."""

MOST_BITS = 72
"""Of 255 that may differ. Unrelated pictures differ in 128 with a spread of 8; the least of 8 orientations of 15,000
is about 90."""


def nearest_hashes(
    first: NDArray[np.uint8], second: NDArray[np.uint8], *, k: int, same: bool = False
) -> Iterator[tuple[int, int]]:
    """For each row of `first` [n, 5, 32], the k rows of `second` [m, 5, 32] that are nearest by any of their hashes in
    any orientation, within MOST_BITS; with `same`, a row is not its own neighbour.
    """
    rows, gallery = np.nonzero(present(second))[0], signs(second[present(second)])
    if not len(rows):
        return
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    for index, packed in enumerate(first):
        views_of = orientations(signs(packed[present(packed)])).reshape(-1, gallery.shape[1])
        if not len(views_of):
            continue
        agreeing = np.maximum.reduceat((views_of @ gallery.T).max(axis=0), starts)
        bits = (gallery.shape[1] - 1 - agreeing) / 2
        near = [
            (int(bits[at]), int(rows[starts[at]]))
            for at in np.flatnonzero(bits <= MOST_BITS)
            if not (same and rows[starts[at]] == index)
        ]
        yield from ((index, row) for _, row in sorted(near)[:k])


def orientations(bits: NDArray[np.float32]) -> NDArray[np.float32]:
    """The signs [8, n, 256] that these signs [n, 256] would be for the picture in each of its 8 orientations."""
    grid = bits.reshape(-1, FREQUENCIES, FREQUENCIES)
    odd = np.where(np.arange(FREQUENCIES) % 2, -1, 1).astype(np.float32)
    turned = [
        side * across * down
        for side in (grid, grid.transpose(0, 2, 1))
        for across in (1, odd[None, None, :])
        for down in (1, odd[None, :, None])
    ]
    return np.stack(turned).reshape(8, -1, FREQUENCIES * FREQUENCIES)


def signs(packed: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Packed hashes [n, 32] as -1 and 1, [n, 256]; the first of each, which only says that there is one, as 0."""
    unpacked = np.unpackbits(packed, axis=1).astype(np.float32) * 2 - 1
    unpacked[:, 0] = 0
    return unpacked


def present(packed: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which of the packed hashes [..., 32] there are."""
    return np.asarray(packed[..., 0] >= 0x80)  # noqa: PLR2004  the first bit
