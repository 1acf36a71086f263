"""Pixels in memory as the bytes of an image file, so that they are processed like every other image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from imgsim_guard.model import GuardError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

COLOURS = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
FAST = [cv2.IMWRITE_PNG_COMPRESSION, 1]


def png_of(picture: ArrayLike) -> bytes:
    """A picture as PNG: an array uint8 [h, w] or [h, w, 1, 3 or 4], grey, RGB or RGBA, or a Pillow image.

    Raises GuardError for any other array.
    """
    convert = getattr(picture, "convert", None)
    if callable(convert):  # a Pillow image, which may have a palette
        picture = convert("RGBA" if getattr(picture, "mode", "") in {"RGBA", "LA", "PA"} else "RGB")
    pixels = np.asarray(picture)
    if pixels.ndim == 3 and pixels.shape[2] == 1:  # noqa: PLR2004
        pixels = pixels[:, :, 0]
    if (
        pixels.dtype != np.uint8
        or pixels.ndim not in {2, 3}
        or not pixels.size
        or pixels.shape[2:] not in {(), (3,), (4,)}
    ):
        raise GuardError(
            f"an image has to be an array [height, width] or [height, width, 3 or 4] of uint8, RGB; "
            f"this is {pixels.dtype} {list(pixels.shape)}"
        )
    if pixels.ndim == 3:  # noqa: PLR2004
        pixels = np.asarray(cv2.cvtColor(pixels, COLOURS[pixels.shape[2]]), np.uint8)
    done, data = cv2.imencode(".png", np.ascontiguousarray(pixels), FAST)
    if not done:
        raise GuardError(f"cannot encode an image of {list(pixels.shape)}")
    return data.tobytes()
