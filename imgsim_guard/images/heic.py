"""HEIC, the format of phones, by pillow-heif (the extra [heic])."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from imgsim_guard.images.picture import Raw
from imgsim_guard.model import Unreadable

if TYPE_CHECKING:
    from numpy.typing import NDArray

PACKAGE = "pillow-heif"


def heic_decoder() -> list[str]:
    """The name and version of the decoder; empty if the extra is not installed."""
    if find_spec("pillow_heif") is None:
        return []
    from importlib.metadata import version

    return [f"{PACKAGE}-{version(PACKAGE)}"]


def decode_heic(data: bytes, most: int) -> tuple[int, list[Raw]] | Unreadable:
    """How many images there are, and at most `most` of them, the primary one first, rotated as the file's boxes say
    (its EXIF orientation repeats them). Or why there are none.
    """
    try:
        import pillow_heif
    except ImportError:
        return Unreadable(f"HEIC, which {PACKAGE} reads: pip install 'imgsim-guard[heic]'")
    try:
        shown = pillow_heif.open_heif(data, convert_hdr_to_8bit=True, bgr_mode=True)
        whole = pillow_heif.open_heif(data, convert_hdr_to_8bit=False, bgr_mode=True)
        first = shown.primary_index
        order = [first, *(at for at in range(len(shown)) if at != first)]
        return len(order), [_raw(np.asarray(shown[at]), whole[at]) for at in order[:most]]
    except (ValueError, RuntimeError, OSError, EOFError, SyntaxError, IndexError):
        return Unreadable("damaged, cut short or of an unusual kind: the HEIC decoder gave up")


def _raw(samples: NDArray[np.uint8], whole: Any) -> Raw:  # noqa: ANN401  pillow-heif has no types
    deep = np.asarray(whole) if int(whole.info.get("bit_depth", 8)) > 8 else None  # noqa: PLR2004
    if samples.ndim == 2:  # noqa: PLR2004
        return Raw(samples, everything=deep)
    colours = np.ascontiguousarray(samples[:, :, :3])
    alpha = np.ascontiguousarray(samples[:, :, 3]) if samples.shape[2] > 3 else None  # noqa: PLR2004
    return Raw(colours, alpha, colours, everything=deep)
