"""A picture pasted onto another one, or shown on a screenshot, prepared by itself.

On the whole picture it is small: few of the features are its own, and it is compared at a fraction of its size.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import cv2
import numpy as np

from imgsim_guard.images.regions import lying_on, shrunk
from imgsim_guard.verification.alignment import promising
from imgsim_guard.verification.prepared import FEATURE_SIDE, local_features, made_of, prepare

if TYPE_CHECKING:
    from imgsim_guard.verification.alignment import Ways
    from imgsim_guard.verification.prepared import Box, Doubles, Pixels, Prepared


PROMISING_POINTS = 4
"""So many of the strongest features of a part agree on a place in the picture that it was made from."""


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

    def promising(self, other: Prepared) -> Ways:
        """The ways in which a few strong features agree on a place in another picture. About 0.6 ms."""
        return promising(self._features, self._width, other, PROMISING_POINTS)

    @cached_property
    def picture(self) -> Prepared | None:
        """The part, prepared; None if it shows nothing, or is drawn."""
        pixels = np.asarray(cv2.cvtColor(self._pixels, cv2.COLOR_GRAY2BGR), np.uint8)
        found = prepare(pixels, features=self._features)
        return None if found.blank or found.drawing is not None else found

    def matrix(self, picture: Prepared) -> Doubles:
        """(3, 3) from pixels of the prepared part's small picture to those of the whole's."""
        sizes = zip(self._pixels.shape[::-1], picture.small.shape[::-1], self._scale, strict=True)
        wide, high = (pixels / scale / own for pixels, own, scale in sizes)
        x, y = (corner / scale for corner, scale in zip(self._corner, self._scale, strict=True))
        return np.array([[wide, 0, x + (wide - 1) / 2], [0, high, y + (high - 1) / 2], [0, 0, 1]])


def parts_of(image: Prepared) -> list[Part]:
    """The picture that is pasted onto an image, if there is one, after the one on that, if that is a page. They are
    kept with the image: it takes 1 ms to look for them, and for one in ten photographs 8 ms more.
    """
    return made_of(image, _found)


def _found(image: Prepared) -> list[Part]:
    height, width = image.grey.shape
    scale = (width / image.small.shape[1], height / image.small.shape[0])
    return [
        Part(
            image.grey,
            (round(box.left * width), round(box.top * height), round(box.right * width), round(box.bottom * height)),
            scale,
        )
        for box in reversed(lying_on(image.small))
    ]
