"""Transparent pictures as a person sees them: laid over a ground on which they are visible.

The ground is white, as in most viewers and on paper; or black, if nearly all visible pixels are so light that they
would vanish on white.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from imgsim_guard.images.rows import bands_of, by_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

WHITE, BLACK = 255, 0

LIGHT, NEARLY_ALL = 216, 0.95
"""Grey levels from which a pixel vanishes on white, and the share of the visible pixels that must be so light."""

HARDLY_TRANSPARENT = 0.02
"""A share of the area: with less transparency, the ground makes no difference."""


def ground_of(colours: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> int:
    """WHITE or BLACK, for colours uint8 [h, w, 3] in BGR, without a ground, and their alpha uint8 [h, w]."""
    visible = light = 0
    for rows in bands_of(colours):
        grey = cv2.cvtColor(colours[rows], cv2.COLOR_BGR2GRAY)
        visible += int(alpha[rows].sum(dtype=np.int64))
        light += int(alpha[rows][grey >= LIGHT].sum(dtype=np.int64))
    return BLACK if visible and light >= NEARLY_ALL * visible else WHITE


def laid_over(ground: int, colours: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colours uint8 [h, w, 3] with alpha uint8 [h, w] laid over a plain ground, [h, w, 3]. Where alpha is 255, they are
    unchanged.
    """

    def mixed(colours: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
        weight = alpha[..., None].astype(np.uint16)
        mean = (colours * weight + np.uint16(ground) * (255 - weight) + np.uint16(127)) // np.uint16(255)
        return np.asarray(mean, np.uint8)

    return by_rows(mixed, colours, alpha)


def shows_the_ground(alpha: NDArray[np.uint8]) -> bool:
    """Whether so many pixels are transparent that the picture looks different on another ground."""
    return float(alpha.mean()) < 255 * (1 - HARDLY_TRANSPARENT)
