"""Sizes of images as people read them."""

from __future__ import annotations

import math

KILO = 1000
TIMES = "\N{MULTIPLICATION SIGN}"


def in_pixels(width: int, height: int) -> str:
    """Width and height."""
    return f"{width:,} {TIMES} {height:,} px"


def in_bytes(size: int) -> str:
    """A number of bytes, to three digits."""
    if size < KILO:
        return f"{size} B"
    power = min(3, int(math.log10(size) // 3))
    return f"{size / KILO**power:.3g} {' kMG'[power]}B"
