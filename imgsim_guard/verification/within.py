"""A picture pasted onto another one, or shown on a screenshot, prepared by itself.

On the whole picture it is small: few of the features are its own, and it is compared at a fraction of its size.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import cv2
import numpy as np

from imgsim_guard.images.figures import pasted
from imgsim_guard.verification.alignment import CHEAP_POINTS, promise
from imgsim_guard.verification.prepared import FEATURE_SIDE, local_features, prepare, shrunk

if TYPE_CHECKING:
    from imgsim_guard.verification.alignment import Doubles
    from imgsim_guard.verification.prepared import Box, Pixels, Prepared

MOST_OF_WHOLE = 0.5
"""A picture that fills more of the whole than this has features enough there."""


class Part:
    """A picture within another. Of most no more than the features are asked for, which are a sixth of the work."""

    def __init__(self, grey: Pixels, box: Box, scale: tuple[float, float]) -> None:
        """`grey` (h, w): the whole picture, in which `box` lies; `scale`: its width and height over those of the small
        picture.
        """
        x0, y0, x1, y1 = box
        self._pixels = np.ascontiguousarray(grey[y0:y1, x0:x1])
        self._corner, self._scale = (x0, y0), scale
        small = shrunk(self._pixels, FEATURE_SIDE)
        self._features, self._width = local_features(small), small.shape[1]

    def promises(self, other: Prepared) -> bool:
        """Whether a few strong features agree on a place in another picture. About 0.6 ms."""
        return promise(self._features, self._width, other) >= CHEAP_POINTS

    @cached_property
    def picture(self) -> Prepared | None:
        """The part, prepared; None if it shows nothing, or is drawn."""
        found = prepare(np.asarray(cv2.cvtColor(self._pixels, cv2.COLOR_GRAY2BGR), np.uint8))
        return None if found.blank or found.drawing is not None else found

    def matrix(self, picture: Prepared) -> Doubles:
        """(3, 3) from pixels of the prepared part's small picture to those of the whole's."""
        sizes = zip(self._pixels.shape[::-1], picture.small.shape[::-1], self._scale, strict=True)
        wide, high = (pixels / scale / own for pixels, own, scale in sizes)
        x, y = (corner / scale for corner, scale in zip(self._corner, self._scale, strict=True))
        return np.array([[wide, 0, x + (wide - 1) / 2], [0, high, y + (high - 1) / 2], [0, 0, 1]])


def part_of(image: Prepared) -> Part | None:
    """The picture that is pasted onto an image, if there is one; kept with the image. It takes 1 ms to look for it, and
    for one in ten photographs 8 ms more.
    """
    if not image.parts:
        image.parts.append(_found(image))
    found: Part | None = image.parts[0]
    return found


def _found(image: Prepared) -> Part | None:
    boxes = [box for box in pasted(image.small) if _area(box) <= MOST_OF_WHOLE * image.small.size]
    if not boxes:
        return None
    scale = (image.grey.shape[1] / image.small.shape[1], image.grey.shape[0] / image.small.shape[0])
    x0, y0, x1, y1 = (round(edge * scale[axis % 2]) for axis, edge in enumerate(boxes[0]))
    return Part(image.grey, (x0, y0, x1, y1), scale)


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])
