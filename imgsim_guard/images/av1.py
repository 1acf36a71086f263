"""The size of the coded pictures in an AVIF file: its decoder takes memory for these, whatever the boxes around claim.

A sequence header (AV1, 5.5) says how large the pictures after it are at most.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imgsim_guard.images.headers import Header

_SEQUENCE = 1
"""The type of unit that is a sequence header."""

MOST_UNITS = 2**12
"""Most units of a picture that are read: a usual one has three."""

_ITEM = re.compile(rb"infe([\x02\x03])...(..|....)..av01", re.DOTALL)
"""The entry of a coded picture in the list of items (ISO 14496-12, 8.11.6): its version, and its number."""


def is_as_claimed(header: Header, items: dict[int, list[tuple[int, int]]], boxes: bytes, data: bytes) -> bool:
    """Whether no coded picture is larger than the header's size. `items`: start and end of the pieces of each item;
    `boxes`: those that list the items. Raises ValueError or IndexError if that cannot be told.
    """
    numbers = [int.from_bytes(found[2]) for found in _ITEM.finditer(boxes) if len(found[2]) == 2 * (found[1][0] - 1)]
    if not numbers:
        raise ValueError("no coded picture")
    pictures = [b"".join(data[start:end] for start, end in items[number]) for number in numbers]
    sizes = [size for picture in pictures for size in _sizes(picture)]
    return bool(sizes) and max(sizes) <= header.width * header.height


def _sizes(data: bytes) -> Iterator[int]:
    """Pixels by each sequence header of a picture (AV1, 5.3: units with a header and a length)."""
    at = 0
    for _ in range(MOST_UNITS):
        if at >= len(data):
            return
        first, at = data[at], at + 1 + (data[at] >> 2 & 1)
        length, at = _length(data, at) if first & 2 else (len(data) - at, at)
        if first >> 3 & 15 == _SEQUENCE:
            yield _size(data[at : at + length])
        at += length
    raise ValueError("too many units")


def _length(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where it ends."""
    total = 0
    for count in range(8):
        total |= (data[at + count] & 0x7F) << 7 * count
        if data[at + count] < 0x80:  # noqa: PLR2004  the last one
            return total, at + count + 1
    raise ValueError("too long a number")


def _size(header: bytes) -> int:
    take = _bits(header)
    take(4)  # the profile, and whether it is a still picture
    if take(1):  # a short header for still pictures
        take(5)
    else:
        if take(1):
            raise ValueError("it says when frames are shown")
        delays = take(1)
        for _ in range(take(5) + 1):
            take(12)
            if take(5) > 7:  # noqa: PLR2004  levels from 4.0 on have a tier
                take(1)
            if delays and take(1):
                take(4)
    wide, high = take(4) + 1, take(4) + 1
    return (take(wide) + 1) * (take(high) + 1)


def _bits(data: bytes) -> Callable[[int], int]:
    """Takes so many bits, the highest first."""
    bits, left = int.from_bytes(data[:64]), 8 * len(data[:64])

    def take(count: int) -> int:
        nonlocal left
        left -= count
        if left < 0:
            raise ValueError("a sequence header ends early")
        return bits >> left & ((1 << count) - 1)

    return take
