"""Pixels to perceptual hashes.

The signs of the 255 lowest frequencies of the picture's discrete cosine transform, after Zauner, Implementation and
Benchmarking of Perceptual Image Hash Functions, 2010 (who takes the median for the threshold).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from imgsim_guard.perceptual import FREQUENCIES, HASH_SIZE, HASHES
from imgsim_guard.views import Box, views

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 64
"""To which the picture is reduced, whatever its aspect."""

FAINT = 6.0
"""Grey levels of spread below which there is nothing to hash: noise has signs, too."""


def hashes(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The hashes [5, 32] of a picture [h, w, 3]: of the whole and of up to four pictures within it; zeros for none."""
    boxes = [Box(0, 0, 1, 1), *views(pixels)]
    rows = b"".join(_hash(box.cut(pixels)) for box in boxes).ljust(HASHES * HASH_SIZE, b"\0")
    return np.frombuffer(rows, np.uint8).reshape(HASHES, HASH_SIZE)


def _hash(picture: NDArray[np.uint8]) -> bytes:
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    if float(small.std()) < FAINT:
        return bytes(HASH_SIZE)
    low = cv2.dct(small)[:FREQUENCIES, :FREQUENCIES]
    bits = low > 0
    bits[0, 0] = True
    return np.packbits(bits).tobytes()
