"""A picture moved onto a grid, as quickly as its move allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from imgsim_guard.verification.alignment import moved_points

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsim_guard.verification.prepared import Doubles, Floats, Pixels

ROUNDING = 1e-6
"""Part of a pixel."""


def warped(picture: Pixels, matrix: Doubles, size: tuple[int, int]) -> tuple[Floats, NDArray[np.bool_]]:
    """A (h, w) or (h, w, 3) picture under a (3, 3) affine matrix, shrunk by area first so that nothing aliases, and
    where it has pixels.
    """
    shrunk, rest = _shrunk(picture, matrix)
    corners = _corners(size)
    shown = moved_points(np.asarray(cv2.invertAffineTransform(rest), np.float64), corners)
    if (shown < -ROUNDING).any() or (shown > (shrunk.shape[1] - 1 + ROUNDING, shrunk.shape[0] - 1 + ROUNDING)).any():
        whole = np.full(shrunk.shape[:2], 255, np.uint8)
        inside = np.asarray(cv2.warpAffine(whole, rest, size, flags=cv2.INTER_NEAREST) > 0)
    else:
        inside = np.ones(size[::-1], np.bool_)
        x0, y0 = np.rint(shown[0]).astype(int)
        if np.abs(shown - corners - (x0, y0)).max() < ROUNDING:
            return shrunk[y0 : y0 + size[1], x0 : x0 + size[0]].astype(np.float32), inside
    moved = cv2.warpAffine(shrunk, rest, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32), inside


def _corners(size: tuple[int, int]) -> Doubles:
    """(4, 2) x and y of the pixels in the corners of a grid of this width and height."""
    right, bottom = size[0] - 1.0, size[1] - 1.0
    return np.array([[0, 0], [right, 0], [0, bottom], [right, bottom]])


def _shrunk(picture: Pixels, matrix: Doubles) -> tuple[Pixels, Doubles]:
    """The picture shrunk to its size under a (3, 3) matrix, if that is less, and the (2, 3) rest of that matrix."""
    height, width = picture.shape[:2]
    across, down = (min(1.0, float(np.linalg.norm(matrix[:2, axis]))) for axis in (0, 1))
    small = (max(1, round(width * across)), max(1, round(height * down)))
    if small == (width, height):
        return picture, matrix[:2]
    shrunk = np.asarray(cv2.resize(picture, small, interpolation=cv2.INTER_AREA), np.uint8)
    return shrunk, (matrix @ scaled(width / small[0], height / small[1]))[:2]


def scaled(across: float, down: float) -> Doubles:
    """(3, 3) from pixels of a picture that was shrunk to those of the picture, whose centres are whole numbers."""
    return np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]])
