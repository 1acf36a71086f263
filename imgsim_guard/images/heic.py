"""HEIC, the format of phones, by pillow-heif (the extra [heic])."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from imgsim_guard.images.picture import NotDecodedError, Raw
from imgsim_guard.model import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

PACKAGE = "pillow-heif"


def heic_decoder() -> list[str]:
    """The name and version of the decoder; empty if the extra is not installed."""
    if find_spec("pillow_heif") is None:
        return []
    from importlib.metadata import version

    return [f"{PACKAGE}-{version(PACKAGE)}"]


_FAILURES = (ValueError, RuntimeError, OSError, EOFError, SyntaxError, IndexError)
"""What pillow-heif raises for damaged bytes."""

_GAVE_UP = "damaged, cut short or of an unusual kind: the HEIC decoder gave up"


def decode_heic(data: bytes, most: int) -> tuple[int, Iterable[Raw]] | Unreadable:
    """How many images there are, and at most `most` of them, the primary one first, rotated as the file's boxes say
    (its EXIF orientation repeats them). Or why there are none.
    """
    try:
        import pillow_heif
    except ImportError:
        return Unreadable(f"HEIC, which {PACKAGE} reads: pip install 'imgsim-guard[heic]'")
    try:
        file = pillow_heif.open_heif(data, convert_hdr_to_8bit=True, bgr_mode=True)
        first, count = file.primary_index, len(file)
    except _FAILURES:
        return Unreadable(_GAVE_UP)
    order = [first, *(at for at in range(count) if at != first)]
    return count, (_image(data, at) for at in order[:most])


def _image(data: bytes, at: int) -> Raw:
    """One image. The file is opened anew for each, since it keeps what was decoded of it."""
    import pillow_heif

    try:
        shown, whole = (
            pillow_heif.open_heif(data, convert_hdr_to_8bit=eight, bgr_mode=True)[at] for eight in (True, False)
        )
        return _raw(np.asarray(shown), whole)
    except _FAILURES as error:
        raise NotDecodedError(_GAVE_UP) from error


def _raw(samples: NDArray[np.uint8], whole: Any) -> Raw:  # noqa: ANN401  pillow-heif has no types
    deep = np.asarray(whole) if int(whole.info.get("bit_depth", 8)) > 8 else None  # noqa: PLR2004
    if samples.ndim == 2:  # noqa: PLR2004
        return Raw(samples, everything=deep)
    colours = np.ascontiguousarray(samples[:, :, :3])
    alpha = np.ascontiguousarray(samples[:, :, 3]) if samples.shape[2] > 3 else None  # noqa: PLR2004
    return Raw(colours, alpha, colours, everything=deep)
