"""Transparent pictures as a person sees them: laid over a ground on which what is visible can be seen.

The ground is white, as in most viewers and on paper; black where nearly all that is visible is so light that it would
vanish on white.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

WHITE, BLACK = 255, 0

LIGHT, NEARLY_ALL = 216, 0.95
"""Grey levels from which on a pixel vanishes on white, and the share of what is visible that must be so light."""

HARDLY_TRANSPARENT = 0.02
"""A share of the area: with less than that transparent, the ground makes no difference."""


def ground_of(colours: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> int:
    """WHITE or BLACK for colours [h, w, 3] in BGR with their alpha [h, w], as they are without a ground."""
    grey = cv2.cvtColor(colours, cv2.COLOR_BGR2GRAY)
    visible = float(alpha.sum(dtype=np.int64))
    light = float(alpha[grey >= LIGHT].sum(dtype=np.int64))
    return BLACK if visible and light >= NEARLY_ALL * visible else WHITE


def laid_over(ground: int, colours: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colours [h, w, 3] with alpha [h, w] over a plain ground, [h, w, 3]; with alpha 255 they are unchanged."""
    weight = alpha[..., None].astype(np.uint16)
    mixed = (colours * weight + np.uint16(ground) * (255 - weight) + np.uint16(127)) // np.uint16(255)
    return np.asarray(mixed, np.uint8)


def shows_the_ground(alpha: NDArray[np.uint8]) -> bool:
    """Whether so much is transparent that the picture is another over another ground."""
    return float(alpha.mean()) < 255 * (1 - HARDLY_TRANSPARENT)
