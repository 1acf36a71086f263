"""The TIFFs that OpenCV does not read, by tifffile: fractions, 32 bits, few bits, many bands, inks at full depth.

OpenCV reads TIFFs of cameras and programs, with more kinds of compression. This module reads the types of samples that
OpenCV does not read, and all bands of the others.
"""

from __future__ import annotations

import io
import logging
import re
import struct
import zlib
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from imgsim_guard.images.picture import Raw
from imgsim_guard.images.rows import bands_of
from imgsim_guard.images.tiff_directories import ORIENTATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgsim_guard.images.depth import Samples
    from imgsim_guard.images.picture import Pixels

MOST_BYTES = 2**30
"""Most bytes of a page's samples: 268 megapixels of four bytes."""

SAMPLES_A_BYTE = 1024
"""Most bytes of samples for each byte of the file; deflate reaches 1,030 with zeros."""

FREE_BYTES = 2**27
"""Bytes of samples that a file of any size may have."""

_WHITE_IS_ZERO, _RGB, _PALETTE, _INKS, _YCBCR, _CIELAB, _ICCLAB = 0, 2, 3, 5, 6, 8, 9
"""What the samples of a page mean (TIFF 6.0, PhotometricInterpretation)."""

_ON_BLACK = 1
_ALPHA = {_ON_BLACK, 2}
"""Extra samples that are alpha. With the first, colours are multiplied by it."""

_SAME_AT_ANY_DEPTH = {_WHITE_IS_ZERO, 1, _RGB}
"""Kinds of which OpenCV shows 16 bits as it shows 8."""

_JPEG = {6, 7}
"""Compressions that tifffile decodes to RGB."""

_MIRRORED = {2: (1,), 3: (0, 1), 4: (0,), 6: (1,), 7: (0, 1), 8: (0,)}
"""Axes to mirror for each orientation (TIFF 6.0, Orientation); from 5 on, after the axes are swapped."""

_FIRST_SWAPPED = 5

_FAILURES = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
    OSError,
    EOFError,
    ArithmeticError,
    struct.error,
    zlib.error,
)
"""What tifffile raises for damaged bytes or a missing codec. Its documentation lists none of it."""

_NAMED = re.compile(r'sample="(\d{1,9})"[^<>]{0,99}>\s{0,99}(red|green|blue)\s{0,99}<', re.IGNORECASE)
"""GDAL's metadata (tag 42112): a band's colour, as its interpretation or its description. Each part is bounded, since
the text may be megabytes of anything.
"""


def read_page(data: bytes | bytearray, usual: Pixels | None) -> Raw | None:
    """All samples of a file's first page; None if tifffile cannot read it. `usual`: OpenCV's 8 bits, if it read them.

    The result is `sound` where OpenCV read nothing, and all of the page is in the file.
    """
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)  # its warnings do not help users here
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages[0]
            if page.nbytes > min(MOST_BYTES, max(FREE_BYTES, len(data) * SAMPLES_A_BYTE)):
                return None
            raw = _raw(_numbers(page.asarray(), page), page, usual)
            ends = [at + count for at, count in zip(page.dataoffsets, page.databytecounts, strict=False)]
            return raw._replace(sound=usual is None and max(ends, default=0) <= len(data))
    except _FAILURES:
        return None


def _numbers(samples: Samples, page: Any) -> Samples:  # noqa: ANN401  tifffile has no types
    """Samples as [h, w, bands], real and upright, with the file's no-data value as NaN."""
    while samples.ndim > 3 or (samples.ndim == 3 and 1 in {samples.shape[0], samples.shape[-1]}):  # noqa: PLR2004
        samples = samples.squeeze() if 1 in samples.shape else samples[0]
    if samples.ndim == 3 and page.planarconfig == 2:  # noqa: PLR2004  one plane after the other
        samples = np.moveaxis(samples, 0, -1)
    if samples.dtype.kind == "c":
        samples = np.abs(samples)
    if samples.dtype.name in {"float16", "bool"}:
        samples = samples.astype(np.float32)
    if (nothing := _no_data(page)) is not None and (gaps := samples == nothing).any():
        samples = np.where(gaps, np.nan, samples.astype(np.float32))
    tag = page.tags.get(ORIENTATION)
    return samples if tag is None else _upright(samples, int(tag.value))


def _upright(samples: Samples, orientation: int) -> Samples:
    """Samples as a viewer turns and mirrors them."""
    turned = np.swapaxes(samples, 0, 1) if orientation >= _FIRST_SWAPPED else samples
    return np.flip(turned, _MIRRORED.get(orientation, ()))


def _no_data(page: Any) -> float | None:  # noqa: ANN401
    tag = page.tags.get(42113)
    return None if tag is None else float(str(tag.value).strip().rstrip("\0"))


def _raw(samples: Samples, page: Any, usual: Pixels | None) -> Raw:  # noqa: ANN401
    shown, colours = _meant(samples, page)
    usual = usual if samples.dtype == np.uint8 or page.photometric in _SAME_AT_ANY_DEPTH else None
    if shown.ndim == 2:  # noqa: PLR2004
        return Raw(np.ascontiguousarray(shown), None, usual)
    extra = [int(kind) for kind in page.extrasamples]
    at = next((at for at, kind in enumerate(extra) if kind in _ALPHA), None)
    if at is not None and shown.shape[2] == colours + len(extra):
        seen = _coloured(np.delete(shown, colours + at, axis=2), page)
        alpha = np.ascontiguousarray(shown[..., colours + at])
        bits = page.bitspersample if alpha.dtype.kind in "iu" else None
        every = samples if len(extra) > 1 else None
        return Raw(np.ascontiguousarray(seen), alpha, laid_on_black=extra[at] == _ON_BLACK, bits=bits, everything=every)
    every = None if shown.dtype == np.uint8 and shown.shape[2] == colours else samples
    return Raw(np.ascontiguousarray(_coloured(shown, page)), None, usual, everything=every)


def _meant(samples: Samples, page: Any) -> tuple[Samples, int]:  # noqa: ANN401
    """Samples with 0 for black, and how many of them are a pixel's colour: grey or RGB. Further bands are behind."""
    bits, kind = page.bitspersample, page.photometric
    if kind == _PALETTE and page.colormap is not None and samples.ndim == 2:  # noqa: PLR2004
        return np.asarray(np.moveaxis(page.colormap, 0, -1)[samples] >> 8, np.uint8), 3
    if samples.dtype == np.uint8 and bits < 8:  # noqa: PLR2004
        samples = np.asarray(np.arange(2**bits) * 255 // (2**bits - 1), np.uint8)[samples]
        bits = 8
    if kind == _WHITE_IS_ZERO:
        return _complement(samples, bits), 1
    if samples.ndim == 3 and kind == _INKS and samples.shape[2] >= 4:  # noqa: PLR2004
        return np.concatenate([_without_inks(samples[..., :4], bits), samples[..., 4:]], axis=2), 3
    if samples.ndim == 3 and kind in {_CIELAB, _ICCLAB} and samples.dtype in {np.dtype("u1"), np.dtype("u2")}:  # noqa: PLR2004
        return np.concatenate([_of_lab(samples[..., :3], kind), samples[..., 3:]], axis=2), 3
    if samples.ndim == 3 and kind == _YCBCR and page.compression not in _JPEG and samples.dtype == np.uint8:  # noqa: PLR2004
        colours = cv2.cvtColor(np.ascontiguousarray(samples[..., [0, 2, 1]]), cv2.COLOR_YCrCb2RGB)
        return np.concatenate([np.asarray(colours, np.uint8), samples[..., 3:]], axis=2), 3
    return samples, 3 if kind in {_RGB, _YCBCR} else 1


def _without_inks(samples: Samples, bits: int) -> Samples:
    """RGB of cyan, magenta, yellow and black."""
    light = _complement(samples, bits).astype(np.float32)
    most = np.float32(2**bits - 1 if samples.dtype.kind in "iu" else 1)
    return np.asarray(light[..., :3] * (light[..., 3:] / most), samples.dtype)


def _of_lab(samples: Samples, kind: int) -> Samples:
    """RGB of CIE L*a*b* in 8 or 16 bits, of which a* and b* are signed, or have their zero in the middle (ICC)."""
    most, unit = np.iinfo(samples.dtype).max, 256 ** (samples.dtype.itemsize - 1)  # type: ignore[type-var]
    result = np.empty_like(samples)
    for rows in bands_of(samples):
        lab = samples[rows].astype(np.float32)
        lab[..., 0] *= np.float32(100 / most)
        lab[..., 1:] /= unit
        lab[..., 1:] -= 128 if kind == _ICCLAB else np.where(lab[..., 1:] < 128, 0, 256)  # noqa: PLR2004
        result[rows] = np.rint(np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1) * np.float32(most))
    return result


def _complement(samples: Samples, bits: int) -> Samples:
    """Samples of which 0 is white, as those of which 0 is black."""
    if samples.dtype.kind not in "iu":
        return np.asarray(1 - samples.astype(np.float32))
    if bits >= 8 * samples.itemsize:
        return np.invert(samples)
    return np.asarray(2**bits - 1 - samples, samples.dtype)


def _coloured(samples: Samples, page: Any) -> Samples:  # noqa: ANN401
    """The bands that the file names as blue, green and red, else the first three, else the first; BGR."""
    tag = page.tags.get(42112)
    named = {colour.lower(): int(at) for at, colour in _NAMED.findall(str(tag.value))} if tag is not None else {}
    bands = [named[colour] for colour in ("blue", "green", "red") if colour in named]
    if len(bands) < 3 or max(bands) >= samples.shape[2]:  # noqa: PLR2004
        bands = [2, 1, 0] if samples.shape[2] > 2 else [0]  # noqa: PLR2004
    return _picked(samples, bands)


def _picked(samples: Samples, bands: Sequence[int]) -> Samples:
    return samples[..., bands[0]] if len(bands) == 1 else samples[..., list(bands)]
