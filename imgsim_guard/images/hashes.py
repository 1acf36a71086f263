"""Pixels to perceptual hashes.

The signs of the 255 lowest frequencies of the picture's discrete cosine transform, after Zauner, Implementation and
Benchmarking of Perceptual Image Hash Functions, 2010 (who takes the median for the threshold).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from imgsim_guard.images.regions import Box, views
from imgsim_guard.search.hashes import FREQUENCIES, HASH_SIZE, HASHES

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 64
"""To which the picture is reduced, whatever its aspect."""

QUARTERS = 4
"""As many channels as OpenCV averages."""

FAINT = 6.0
"""Grey levels of spread below which there is nothing to hash: noise has signs, too."""


def hashes(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The hashes [5, 32] of a picture [h, w, 3]: of the whole and of up to four pictures within it; zeros for none."""
    boxes = [Box(0, 0, 1, 1), *views(pixels)]
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
    """The picture [h, w] at [SIDE, SIDE]: to the last bit as `cv2.resize` averages, in a third of the time.

    OpenCV adds pixel after pixel of a channel, each waiting for the one before, but channels beside one another. So
    four quarters of the picture are made channels of one.
    """
    axis = next((axis for axis, side in enumerate(grey.shape) if _in_quarters(side)), None)
    if axis is None or min(grey.shape) < SIDE:
        return np.asarray(cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    quarters = cv2.merge(np.split(grey, QUARTERS, axis))
    size = (SIDE, SIDE // QUARTERS) if axis == 0 else (SIDE // QUARTERS, SIDE)
    return np.concatenate(cv2.split(cv2.resize(quarters, size, interpolation=cv2.INTER_AREA)), axis, dtype=np.uint8)


def _in_quarters(side: int) -> bool:
    """Whether OpenCV gives each quarter's pixels the weights that they have in the whole: its step from one averaged
    pixel to the next, which it computes as here, must be exact.
    """
    return side % QUARTERS == 0 and 1 / (SIDE / side) == side / SIDE
