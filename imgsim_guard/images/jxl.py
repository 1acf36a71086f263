"""JPEG XL, by imagecodecs (the extra [jxl])."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from imgsim_guard.images.picture import Raw
from imgsim_guard.model import Unreadable

PACKAGE = "imagecodecs"


def jxl_decoder() -> list[str]:
    """The name and version of the decoder; empty if the extra is not installed."""
    if find_spec(PACKAGE) is None:
        return []
    from importlib.metadata import version

    return [f"{PACKAGE}-{version(PACKAGE)}"]


def decode_jxl(data: bytes, most: int) -> tuple[int, list[Raw]] | Unreadable:  # noqa: ARG001  only the first frame is decoded
    """1 and the first picture, rotated as the codestream says; or why there is none."""
    try:
        import imagecodecs
    except ImportError:
        return Unreadable(f"JPEG XL, which {PACKAGE} reads: pip install 'imgsim-guard[jxl]'")
    try:
        samples = np.asarray(imagecodecs.jpegxl_decode(data, index=0))
    except (ValueError, RuntimeError, IndexError):
        return Unreadable("damaged or cut short: the JPEG XL decoder gave up")
    return 1, [_raw(samples if samples.ndim > 2 else samples[..., None])]  # noqa: PLR2004  grey


def _raw(frame: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Raw:
    """Samples [h, w, c]: grey or RGB, with alpha if c is even."""
    has_alpha = frame.shape[2] in {2, 4}
    colours = frame[:, :, : frame.shape[2] - has_alpha][:, :, ::-1]
    colours = np.ascontiguousarray(np.repeat(colours, 3, axis=2) if colours.shape[2] == 1 else colours)
    alpha = np.ascontiguousarray(frame[:, :, -1]) if has_alpha else None
    return Raw(colours, alpha, colours if colours.dtype == np.uint8 else None)
