"""Samples of more than 8 bits, signed ones and fractions to the 8 bits that a person would be shown.

A camera's 12 bits in a file of 16, a depth map in millimetres or a reflectance from 0 to 1 fill a small part of what
their type could hold. Cut to their highest 8 bits, as OpenCV does, they are black. So they are brought to 8 bits by the
range that they fill. Its ends are rounded to a few places, lest a crop or a smaller copy, whose extremes are others, is
given another range.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[np.generic]

TAILS = (0.5, 99.5)
"""Percent of the samples that lie beyond the range: hot pixels, and what a depth sensor did not see."""

MOST_LOOKED_AT = 2**20
"""Samples of which the range is taken, evenly spread."""

FULL = 2**15
"""A range of 16-bit samples from which on they are left as they are: half of what the type holds."""

STEPS = 4
"""The lower end lies on one of so many places within the range's size."""


class Range(NamedTuple):
    """The samples that become black and white."""

    low: float
    high: float


def to_8_bits(samples: Samples) -> NDArray[np.uint8] | None:
    """Samples [h, w] or [h, w, c] of any real type as uint8 of the same shape; None where they are 16 bits that fill
    their range, which is the decoder's to reduce.
    """
    if samples.dtype == np.uint8:
        return np.asarray(samples, np.uint8)
    found = filled_range(samples)
    if found is None:
        return np.zeros(samples.shape, np.uint8)
    if samples.dtype == np.uint16 and found.high - found.low > FULL:
        return None
    scaled = np.nan_to_num(samples.astype(np.float32), nan=found.low, posinf=found.high, neginf=found.low)
    scaled -= np.float32(found.low)
    scaled *= np.float32(255 / (found.high - found.low))
    return np.asarray(np.rint(np.clip(scaled, 0, 255)), np.uint8)


def filled_range(samples: Samples) -> Range | None:
    """The range that samples fill, rounded outwards: its size to a power of two, its lower end to a quarter of that.
    None where no sample is a number.
    """
    flat = samples.reshape(-1)
    some = flat[:: max(1, flat.size // MOST_LOOKED_AT)].astype(np.float64)
    some = some[np.isfinite(some)]
    if not some.size:
        return None
    low, high = np.percentile(some, TAILS).tolist()
    if low >= 0 and low < high / STEPS:
        low = 0.0
    size = 2.0 ** np.ceil(np.log2(max(high - low, np.finfo(np.float32).tiny)))
    start = np.floor(low / (size / STEPS)) * (size / STEPS)
    return Range(float(start), float(start + size * (1 if start + size >= high else 1 + 1 / STEPS)))
