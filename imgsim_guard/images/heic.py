"""HEIC, the format of phones, by pillow-heif: the extra [heic]."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from imgsim_guard.model import Unreadable

if TYPE_CHECKING:
    from numpy.typing import NDArray

PACKAGE = "pillow-heif"


def heic_decoder() -> list[str]:
    """The name and version of the decoder; none when the extra is not installed."""
    if find_spec("pillow_heif") is None:
        return []
    from importlib.metadata import version

    return [f"{PACKAGE}-{version(PACKAGE)}"]


def decode_heic(data: bytes) -> NDArray[np.uint8] | Unreadable:
    """The pixels [h, w, 3] of the primary image, BGR, turned as the file's own boxes say (its EXIF orientation only
    repeats them), alpha dropped, more than 8 bits brought to 8. Or why there are none.
    """
    try:
        import pillow_heif
    except ImportError:
        return Unreadable(f"HEIC, which {PACKAGE} reads: pip install 'imgsim-guard[heic]'")
    try:
        pixels = np.asarray(pillow_heif.open_heif(data, convert_hdr_to_8bit=True, bgr_mode=True))
    except (ValueError, RuntimeError, OSError, EOFError, SyntaxError, IndexError, MemoryError):
        return Unreadable("damaged or cut short: the HEIC decoder gave up")
    colours = pixels[:, :, :3] if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)  # noqa: PLR2004
    return np.ascontiguousarray(colours, np.uint8)
