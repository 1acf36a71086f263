"""JPEG XL, by pillow-jxl-plugin: the extra [jxl]."""

from __future__ import annotations

import io
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from imgsim_guard.images.picture import Raw
from imgsim_guard.model import Unreadable

if TYPE_CHECKING:
    from numpy.typing import NDArray

PACKAGE = "pillow-jxl-plugin"


def jxl_decoder() -> list[str]:
    """The name and version of the decoder; none when the extra is not installed."""
    if find_spec("pillow_jxl") is None:
        return []
    from importlib.metadata import version

    return [f"{PACKAGE}-{version(PACKAGE)}"]


def decode_jxl(data: bytes, most: int) -> tuple[int, list[Raw]] | Unreadable:  # noqa: ARG001  there is one
    """One, and the picture, turned as the codestream says. Or why there is none."""
    try:
        import pillow_jxl  # noqa: F401  it makes itself known to Pillow
        from PIL import Image
    except ImportError:
        return Unreadable(f"JPEG XL, which {PACKAGE} reads: pip install 'imgsim-guard[jxl]'")
    try:
        with Image.open(io.BytesIO(data)) as picture:
            whole = picture.convert("RGBA" if "A" in picture.getbands() else "RGB")
    except (ValueError, RuntimeError, OSError, EOFError, SyntaxError, IndexError):
        return Unreadable("damaged or cut short: the JPEG XL decoder gave up")
    samples: NDArray[np.uint8] = np.asarray(whole)
    colours = np.ascontiguousarray(samples[:, :, 2::-1])
    alpha = np.ascontiguousarray(samples[:, :, 3]) if samples.shape[2] > 3 else None  # noqa: PLR2004
    return 1, [Raw(colours, alpha, colours)]
