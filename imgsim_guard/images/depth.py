"""Samples of more than 8 bits, signed samples and fractions, scaled to the 8 bits that a viewer shows.

A camera's 12 bits in a file of 16, a depth map in millimetres or a reflectance from 0 to 1 use a small part of their
type's range. OpenCV keeps the highest 8 bits, which are black. So samples are scaled by the range that they use. The
ends of the range are rounded coarsely, so that a crop or a smaller copy with other extremes has the same range.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imgsim_guard.images.rows import by_rows

Samples: TypeAlias = NDArray[np.generic]

TAILS = (0.5, 99.5)
"""Percent of the samples outside the range: hot pixels, and pixels that a depth sensor did not see."""

MOST_LOOKED_AT = 2**20
"""Samples, evenly spread, from which the range is computed."""

FULL = 2**15
"""16-bit samples with at least this range, half of the type's, are not scaled."""

LEAST = 1e-30
"""Smaller differences count as none: 255 divided by them is no 32-bit number."""

STEPS = 4
"""The lower end is a multiple of the range's size divided by this."""


class Range(NamedTuple):
    """The samples that become black and white."""

    low: float
    high: float


def to_8_bits(samples: Samples) -> NDArray[np.uint8] | None:
    """Samples [h, w] or [h, w, c] of any real type as uint8 of the same shape; None for 16 bits that use the whole
    range, which the decoder reduces.
    """
    if samples.dtype == np.uint8:
        return np.asarray(samples, np.uint8)
    found = filled_range(samples)
    if found is None:
        return np.zeros(samples.shape, np.uint8)
    if samples.dtype == np.uint16 and found.high - found.low > FULL:
        return None

    def scaled(samples: Samples) -> NDArray[np.uint8]:
        numbers = np.nan_to_num(samples.astype(np.float32), nan=found.low, posinf=found.high, neginf=found.low)
        numbers -= np.float32(found.low)
        numbers *= np.float32(255 / (found.high - found.low))
        return np.asarray(np.rint(np.clip(numbers, 0, 255)), np.uint8)

    return by_rows(scaled, samples)


def filled_range(samples: Samples) -> Range | None:
    """The range of samples, rounded outwards: its size to a power of two, its lower end to a quarter of the size. None
    if no sample is a finite number.
    """
    flat = samples.reshape(-1)
    some = flat[:: max(1, flat.size // MOST_LOOKED_AT)].astype(np.float64)
    some = some[np.isfinite(some)]
    if not some.size:
        return None
    low, high = np.percentile(some, TAILS).tolist()
    if low >= 0 and low < high / STEPS:
        low = 0.0
    least = max(abs(low), abs(high)) * np.finfo(np.float32).eps  # if all samples are alike
    size = 2.0 ** np.ceil(np.log2(max(high - low, least, LEAST)))
    start = np.floor(low / (size / STEPS)) * (size / STEPS)
    return Range(float(start), float(start + size * (1 if start + size >= high else 1 + 1 / STEPS)))
