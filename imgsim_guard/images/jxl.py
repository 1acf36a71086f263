"""JPEG XL, and JPEG 2000 that OpenCV does not read, by imagecodecs (the extra [jxl])."""

from __future__ import annotations

from contextlib import suppress
from importlib.util import find_spec
from typing import Any

import numpy as np

from imgsim_guard.images.headers import Header, is_jxl_film
from imgsim_guard.images.picture import Raw
from imgsim_guard.images.structure import bits_of
from imgsim_guard.model import Unreadable

PACKAGE = "imagecodecs"

_FAILURES = (ValueError, RuntimeError, IndexError)
"""What imagecodecs raises for damaged bytes."""


def jxl_decoder() -> list[str]:
    """The name and version of the decoder; empty if the extra is not installed."""
    if find_spec(PACKAGE) is None:
        return []
    from importlib.metadata import version

    return [f"{PACKAGE}-{version(PACKAGE)}"]


def decode_jxl(data: bytes, most: int) -> tuple[int, list[Raw]] | Unreadable:
    """How many frames there are, and so many of them, rotated as the codestream says. Or why there are none.

    A film that takes more memory than there is counts as its first frame, and its digest is that of the file.
    """
    if (imagecodecs := _loaded()) is None:
        return Unreadable(f"JPEG XL, which {PACKAGE} reads: pip install 'imgsim-guard[jxl]'")
    try:
        first = np.asarray(imagecodecs.jpegxl_decode(data, index=0))
    except _FAILURES:
        return Unreadable("damaged, cut short or of an unusual kind: the JPEG XL decoder gave up")
    if not is_jxl_film(data):
        return 1, [_raw(first)]
    with suppress(*_FAILURES, MemoryError):
        frames = np.asarray(imagecodecs.jpegxl_decode(data))
        if frames.shape[1:] == first.shape:
            return len(frames), [_raw(frame) for frame in frames[:most]]
    return 1, [_raw(first)._replace(everything=np.frombuffer(data, np.uint8))]


def decode_jpeg2000(data: bytes) -> Raw | Unreadable | None:
    """A JPEG 2000 picture that OpenCV does not read, such as grey with alpha; None if it is damaged."""
    if (imagecodecs := _loaded()) is None:
        return Unreadable(
            f"JPEG 2000 that is damaged, or of a kind that {PACKAGE} reads: pip install 'imgsim-guard[jxl]'"
        )
    try:
        samples = np.asarray(imagecodecs.jpeg2k_decode(data))
    except _FAILURES:
        return None
    bits = bits_of(data, Header("JPEG 2000", *samples.shape[1::-1])) if samples.dtype == np.uint16 else None
    return _raw(samples)._replace(bits=bits, sound=True)


def _loaded() -> Any:  # noqa: ANN401  imagecodecs has no types
    try:
        import imagecodecs
    except ImportError:
        return None
    return imagecodecs


def _raw(frame: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Raw:
    """Samples [h, w] or [h, w, c]: grey or RGB, with alpha if c is even."""
    frame = frame if frame.ndim > 2 else frame[..., None]  # noqa: PLR2004
    has_alpha = frame.shape[2] in {2, 4}
    colours = frame[:, :, : frame.shape[2] - has_alpha][:, :, ::-1]
    colours = np.ascontiguousarray(np.repeat(colours, 3, axis=2) if colours.shape[2] == 1 else colours)
    alpha = np.ascontiguousarray(frame[:, :, -1]) if has_alpha else None
    return Raw(colours, alpha, colours if colours.dtype == np.uint8 else None)
