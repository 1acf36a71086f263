"""Pixels as AugNet's input: the reference's normalisation, and its resizing or an antialiased one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from imgsim_guard.augnet import SHORT_SIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsim_guard.augnet import Preprocessing

MAX_LONG_SIDE = 10 * SHORT_SIDE
"""The reference makes extreme aspect ratios huge: 10 x 10,000 px becomes 350 x 350,000. Beyond 10:1, the long side is
squeezed to this many pixels; up to 10:1, nothing differs from the reference.
"""

MEAN, STANDARD_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet for each channel in RGB order, of intensities from 0 to 1."""


def resized_shape(height: int, width: int) -> tuple[int, int]:
    """Height and width after resizing, by the reference's formula, with a limit for the long side."""
    scale = SHORT_SIDE / min(height, width)
    return _resized_side(height, scale), _resized_side(width, scale)


def _resized_side(side: int, scale: float) -> int:
    return min(int(max(side * scale, SHORT_SIDE)), MAX_LONG_SIDE)


def preprocess(pixels: NDArray[np.uint8], preprocessing: Preprocessing = "reference") -> NDArray[np.float32]:
    """Pixels uint8 [h, w, 3] in BGR to the model's input float32 [1, 3, h', w'] in RGB.

    The reference computes each pixel from two by two pixels and skips the others of a large picture; averaging uses all
    of them. A picture that grows has nothing to average.

    The reference normalises in float64 and then rounds to float32. An intensity has 256 values, so a table of 256 gives
    the same bits.
    """
    height, width = resized_shape(*pixels.shape[:2])
    shrinks = height < pixels.shape[0] and width < pixels.shape[1]
    way = cv2.INTER_AREA if preprocessing == "antialiased" and shrinks else cv2.INTER_LINEAR
    resized = cv2.resize(pixels, (width, height), interpolation=way)
    table = normalisation_table()
    return np.stack([table[channel].take(resized[:, :, 2 - channel]) for channel in range(3)])[None]


def normalisation_table() -> NDArray[np.float32]:
    """The normalised value of each intensity, float32 [3, 256], channels in RGB order."""
    intensity = np.arange(256) / 255.0
    rows = [(intensity - mean) / deviation for mean, deviation in zip(MEAN, STANDARD_DEVIATION, strict=True)]
    return np.array(rows).astype(np.float32)
