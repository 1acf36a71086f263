"""From pixels to perceptual hashes.

A hash has the signs of the 255 lowest frequencies of the picture's discrete cosine transform, after Zauner,
Implementation and Benchmarking of Perceptual Image Hash Functions, 2010 (who uses the median as threshold).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from imgsim_guard.images.regions import Box, views
from imgsim_guard.search.hashes import FREQUENCIES, HASH_SIZE, HASHES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from imgsim_guard.images.figures import Part

SIDE = 64
"""Side to which the picture is reduced, whatever its aspect ratio."""

QUARTERS = 4
"""Channels that OpenCV averages at once."""

FAINT = 6.0
"""Standard deviation in grey levels below which there is no hash: noise has signs, too."""


def hashes(
    pixels: NDArray[np.uint8], small: NDArray[np.uint8] | None = None, found: Sequence[Part] | None = None
) -> NDArray[np.uint8]:
    """The hashes uint8 [5, 32] of a picture uint8 [h, w, 3]: of the whole and of up to four pictures within it; zeros
    for none. `small`: the picture as `regions.shrunk` makes it, and `found`: what `figures.pasted` finds in that, if
    they are known.
    """
    boxes = [Box(0, 0, 1, 1), *views(pixels if small is None else small, found)]
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8)
    rows = b"".join(_hash(box.cut(grey)) for box in boxes).ljust(HASHES * HASH_SIZE, b"\0")
    return np.frombuffer(rows, np.uint8).reshape(HASHES, HASH_SIZE)


def _hash(grey: NDArray[np.uint8]) -> bytes:
    small = averaged(grey).astype(np.float32)
    if float(small.std()) < FAINT:
        return bytes(HASH_SIZE)
    low = cv2.dct(small)[:FREQUENCIES, :FREQUENCIES]
    bits = low > 0
    bits[0, 0] = True
    return np.packbits(bits).tobytes()


def averaged(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture [h, w] reduced to [SIDE, SIDE], with the same bits as `cv2.resize` with INTER_AREA, in a third of the
    time.

    OpenCV adds the pixels of a channel one after the other, but channels in parallel. So the four quarters of the
    picture become four channels.
    """
    axis = next((axis for axis, side in enumerate(grey.shape) if _in_quarters(side)), None)
    if axis is None or min(grey.shape) < SIDE:
        return np.asarray(cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    quarters = cv2.merge(np.split(grey, QUARTERS, axis))
    size = (SIDE, SIDE // QUARTERS) if axis == 0 else (SIDE // QUARTERS, SIDE)
    return np.concatenate(cv2.split(cv2.resize(quarters, size, interpolation=cv2.INTER_AREA)), axis, dtype=np.uint8)


def _in_quarters(side: int) -> bool:
    """Whether OpenCV gives the pixels of each quarter the same weights as in the whole: the step from one averaged
    pixel to the next, computed here as OpenCV does, must be exact.
    """
    return side % QUARTERS == 0 and 1 / (SIDE / side) == side / SIDE
