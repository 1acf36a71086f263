"""Dark pictures in full light: a tenth of the light leaves a photograph some twenty grey values, of which hashes, local
features and verification see nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from imgsim_guard.images.ground import WHITE
from imgsim_guard.images.regions import halved, shrunk

if TYPE_CHECKING:
    from numpy.typing import NDArray

DARK, LIGHTER = 64, 0.005
"""In a dark picture, no more than this share of the pixels is lighter than this grey value."""

LIT, MOST_LIGHT = 224, 12
"""The grey value that the light parts of a dark picture are brought to, and the largest factor for that."""

STEPS_BLUR = 0.8
"""Sigma, in pixels, of a blur that leaves no edges between the few grey values of a dark picture."""

LIT_SIDE = 1024
"""Most pixels of the long side of a picture in full light."""


def is_dark(grey: NDArray[np.uint8]) -> bool:
    """Whether a picture uint8 [h, w] is dark all over."""
    return int(np.count_nonzero(grey > DARK)) <= LIGHTER * grey.size


def lit(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A dark picture uint8 [h, w, 3] in full light, its long side at most LIT_SIDE."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    factor = min(MOST_LIGHT, LIT / max(1.0, float(np.percentile(grey, 100 * (1 - LIGHTER)))))
    height, width = pixels.shape[:2]
    scale = min(1.0, LIT_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    whole = min(factor, WHITE / max(1, int(pixels.max())))  # that brings no colour to its end
    # First, so that the mean of pixels lies between its few values.
    reduced = cv2.resize(cv2.convertScaleAbs(pixels, alpha=whole), size, interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(reduced.astype(np.float32), (0, 0), STEPS_BLUR)
    return np.asarray(np.clip(blurred * np.float32(factor / whole), 0, WHITE), np.uint8)


def in_light(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A picture uint8 [h, w, 3], halved while it is large, and in full light if it is dark; and the same as
    `regions.shrunk` makes it.
    """
    pixels = halved(pixels)
    small = shrunk(pixels)
    if not is_dark(np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)):
        return pixels, small
    shown = lit(pixels)
    return shown, shrunk(shown)
