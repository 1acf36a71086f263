"""Files that other viewers read as they are, and that OpenCV only reads after a few bytes were changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsim_guard.images.structure import end_of_gif
from imgsim_guard.images.turns import with_bare_exif

if TYPE_CHECKING:
    from imgsim_guard.images.headers import Header

_GIF_END = b";"


def completed(data: bytes, header: Header) -> bytes:
    """The file as OpenCV reads it: a WebP with EXIF data that begin as they should, a GIF with its last byte, and
    numbers in text with a line end behind the last. Pixels are not changed.
    """
    if header.format == "WebP":
        return with_bare_exif(data)
    if header.format == "GIF" and data[-1:] != _GIF_END and end_of_gif(data) == len(data):
        return data + _GIF_END
    if header.format == "Netpbm" and data[1:2] in b"123":
        return data + b"\n"
    return data
