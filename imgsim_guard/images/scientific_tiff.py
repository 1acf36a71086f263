"""Scientific TIFFs, by tifffile: fractions, 32 bits, many bands, and samples that are not shown.

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

import numpy as np

from imgsim_guard.images.picture import Raw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgsim_guard.images.depth import Samples

MOST_BYTES = 2**30
"""Most bytes of a page's samples: 268 megapixels of four bytes."""

SAMPLES_A_BYTE = 1024
"""Most bytes of samples for each byte of the file; deflate reaches 1,030 with zeros."""

FREE_BYTES = 2**27
"""Bytes of samples that a file of any size may have."""

_WHITE_IS_ZERO, _RGB = 0, 2

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

_NAMED = re.compile(r'sample="(\d+)"[^>]*>\s*(red|green|blue)\s*<', re.IGNORECASE)
"""GDAL's metadata (tag 42112): a band's colour, as its interpretation or its description."""


def read_page(data: bytes | bytearray) -> Raw | None:
    """All samples of a file's first page; None if tifffile cannot read it."""
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)  # its warnings do not help users here
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages[0]
            if page.nbytes > min(MOST_BYTES, max(FREE_BYTES, len(data) * SAMPLES_A_BYTE)):
                return None
            samples = _numbers(page.asarray(), page)
            return _raw(samples, page)
    except _FAILURES:
        return None


def _numbers(samples: Samples, page: Any) -> Samples:  # noqa: ANN401  tifffile has no types
    """Samples as [h, w, bands], real, with the file's no-data value as NaN."""
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
    return samples


def _no_data(page: Any) -> float | None:  # noqa: ANN401
    tag = page.tags.get(42113)
    return None if tag is None else float(str(tag.value).strip().rstrip("\0"))


def _raw(samples: Samples, page: Any) -> Raw:  # noqa: ANN401
    everything = samples
    if page.photometric == _WHITE_IS_ZERO:
        samples = np.invert(samples) if samples.dtype.kind in "iu" else 0 - samples.astype(np.float32)
    if samples.ndim == 2:  # noqa: PLR2004
        return Raw(np.ascontiguousarray(samples))
    colours = 3 if page.photometric == _RGB else 1
    extra = [int(kind) for kind in page.extrasamples]
    alpha = np.ascontiguousarray(samples[..., colours]) if extra[:1] in ([1], [2]) else None
    if alpha is not None and samples.shape[2] == colours + 1:
        shown = samples[..., colours - 1 :: -1] if colours == 3 else samples[..., 0]  # noqa: PLR2004
        return Raw(np.ascontiguousarray(shown), alpha, laid_on_black=extra[0] == 1)
    return Raw(np.ascontiguousarray(_coloured(samples, page)), everything=everything)


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
