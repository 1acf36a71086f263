"""The first picture of a file, with everything that OpenCV reads: alpha, and more than 8 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from imgsim_guard.images import scientific_tiff
from imgsim_guard.images.picture import Raw
from imgsim_guard.images.structure import bits_of, largest_of_netpbm, png_chunks
from imgsim_guard.images.turns import turn_by_boxes, turn_by_exif

if TYPE_CHECKING:
    from cv2.typing import MatLike

    from imgsim_guard.images.headers import Header
    from imgsim_guard.images.structure import Structure


def decoded(data: bytes | bytearray, how: int = cv2.IMREAD_COLOR) -> MatLike | None:
    """What OpenCV decodes of a file; None if it cannot."""
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), how)
    except cv2.error:
        return None


def upright(data: bytes, header: Header, how: int = cv2.IMREAD_COLOR) -> MatLike | None:
    """What OpenCV decodes of an opaque picture of 8 bits, as a viewer turns it; None if it cannot."""
    pixels = decoded(data, how)
    return pixels if pixels is None or header.format != "AVIF" else turn_by_boxes(data).of(pixels)


def read_still(data: bytes, header: Header, structure: Structure) -> Raw | None:
    """All samples of a file's first picture that OpenCV reads; None if it cannot.

    OpenCV applies EXIF orientation only if it is asked for 8 bits without alpha.
    """
    try:
        samples, kinds, texts = cv2.imdecodeWithMetadata(np.frombuffer(data, np.uint8), flags=cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if samples is None:
        return None
    if header.format == "AVIF":
        raw = raw_of(turn_by_boxes(data).of(samples), upright(data, header), data, header, structure)
        return raw._replace(everything=np.frombuffer(data, np.uint8)) if structure.behind else raw
    if header.format == "Netpbm" and samples.dtype == np.uint8:
        samples = _stretched(samples, data)
        return raw_of(samples, None if samples.ndim == 2 else samples, data, header, structure)  # noqa: PLR2004
    if header.format not in {"PNG", "WebP"}:
        return raw_of(samples, decoded(data), data, header, structure)
    samples = turn_by_exif(np.asarray(kinds).ravel().tolist(), texts).of(samples)
    usual = None if samples.dtype == np.uint8 else decoded(data)  # the same, but for alpha
    return raw_of(samples, usual, data, header, structure)


def _stretched(samples: MatLike, data: bytes) -> MatLike:
    """Samples of a Netpbm file whose largest is less than 255, which OpenCV leaves as dark as they are."""
    most = largest_of_netpbm(data)
    return cv2.LUT(samples, np.asarray(np.minimum(np.arange(256) * 255 // most, 255), np.uint8))


def read_page(data: bytes | bytearray, header: Header, structure: Structure) -> Raw | None:
    """The first page of a TIFF; None if no decoder reads it.

    OpenCV reads pages of 8 bits with up to four samples, and more kinds of compression; tifffile reads the others.
    """
    usual = None if structure.misread else decoded(data)
    eight = None if usual is None else np.asarray(usual, np.uint8)
    if structure.deep or (structure.bands and not structure.alpha) or usual is None or _is_grey(structure, usual):
        raw = scientific_tiff.read_page(data, eight)
        if raw is not None:
            return raw
    if structure.misread:
        return None
    samples = decoded(data, cv2.IMREAD_UNCHANGED) if usual is None or not structure.plain else usual
    if samples is None:
        return None
    raw = raw_of(samples, usual, b"", header, structure)
    seen_all = not structure.bands or raw.alpha is not None
    return raw if seen_all else raw._replace(everything=np.frombuffer(data, np.uint8))


def _is_grey(structure: Structure, usual: MatLike) -> bool:
    """Whether the picture may be grey with alpha, of which OpenCV only returns the grey."""
    return structure.alpha and bool((usual[..., 0] == usual[..., 1]).all() and (usual[..., 1] == usual[..., 2]).all())


def raw_of(samples: MatLike, usual: MatLike | None, data: bytes, header: Header, structure: Structure) -> Raw:
    """OpenCV's samples [h, w] or [h, w, c], the fourth of which is alpha, and its 8 bits of them."""
    eight = None if usual is None else np.asarray(usual, np.uint8)
    if samples.ndim == 3 and samples.shape[2] == 4:  # noqa: PLR2004
        # libtiff's RGBA interface, which OpenCV uses for 8 bits, multiplies colours with alpha.
        black = header.format == "TIFF" and samples.dtype == np.uint8
        alpha = samples[:, :, 3] if structure.alpha else None
        bits = bits_of(data, header) if samples.dtype == np.uint16 else None
        # A copy of three channels of four takes NumPy forty times as long.
        colours = cv2.cvtColor(samples, cv2.COLOR_BGRA2BGR) if samples.dtype == np.uint8 else samples[:, :, :3]
        return Raw(colours, alpha, eight, laid_on_black=black and alpha is not None, bits=bits)
    if header.format == "PNG" and structure.alpha and samples.ndim == 2:  # noqa: PLR2004
        return Raw(samples, _transparent_grey(samples, data), eight)
    return Raw(samples, None, eight)


def _transparent_grey(samples: MatLike, data: bytes) -> MatLike:
    """Alpha of a grey PNG in which one grey is transparent (tRNS)."""
    start = next(start for kind, start, _ in png_chunks(data, until=b"IDAT") if kind == b"tRNS")
    bits = data[24]
    grey = int.from_bytes(data[start : start + 2])
    if bits < 8:  # noqa: PLR2004
        grey = grey * 255 // (2**bits - 1)
    most = 255 if bits <= 8 else 65535  # noqa: PLR2004
    return np.asarray(np.where(samples == grey, 0, most), samples.dtype)
