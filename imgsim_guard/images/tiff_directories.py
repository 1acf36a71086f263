"""The directories of a TIFF file: what each of its pages says about itself (TIFF 6.0, section 2; BigTIFF as well)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Directory: TypeAlias = dict[int, int]
"""By tag, its first value."""

MOST_DIRECTORIES = 65_536
"""Pages of a file that are counted."""

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, ORIENTATION, SAMPLES = 256, 257, 258, 259, 262, 274, 277
SUBFILE, PLANAR, TILE_WIDTH, TILE_HEIGHT, EXTRA_SAMPLES, SAMPLE_FORMAT = 254, 284, 322, 323, 338, 339

_TAGS = {
    WIDTH,
    HEIGHT,
    BITS,
    COMPRESSION,
    PHOTOMETRIC,
    ORIENTATION,
    SAMPLES,
    SUBFILE,
    PLANAR,
    TILE_WIDTH,
    TILE_HEIGHT,
    EXTRA_SAMPLES,
    SAMPLE_FORMAT,
}

_CODES = {3: "H", 4: "I", 16: "Q"}
"""Of struct, by the field's type; a size of another type is read as 32 bits, as libtiff's readers of old did."""

_REDUCED, _MASK = 1, 4
"""Bits of the subfile's type: a smaller version of another page, and a page's mask. Neither is a page."""


def directories(data: bytes) -> Iterator[Directory]:
    """Those of a file, one after the other. Raises struct.error when the first is not within the file."""
    order = "<" if data[:2] == b"II" else ">"
    offset = order + ("Q" if _is_big(data, order) else "I")
    at = struct.unpack_from(offset, data, 8 if offset.endswith("Q") else 4)[0]
    seen: set[int] = set()
    while at and at not in seen and len(seen) < MOST_DIRECTORIES:
        if seen and at >= len(data):
            return
        seen.add(at)
        found, after = _directory(data, at, order, big=offset.endswith("Q"))
        yield found
        if after + struct.calcsize(offset) > len(data):
            return
        at = struct.unpack_from(offset, data, after)[0]


def is_page(directory: Directory) -> bool:
    """Whether it is one that a reader turns to: no smaller version of another, no mask."""
    return not directory.get(SUBFILE, 0) & (_REDUCED | _MASK)


def _is_big(data: bytes, order: str) -> bool:
    return int(struct.unpack_from(order + "H", data, 2)[0]) == 43


def _directory(data: bytes, at: int, order: str, *, big: bool) -> tuple[Directory, int]:
    """One directory, and where the offset of the next one lies."""
    count, entry, step, offset = ("Q", "HHQ", 20, "Q") if big else ("H", "HHI", 12, "I")
    entries = min(struct.unpack_from(order + count, data, at)[0], 0xFFFF)
    at += struct.calcsize(order + count)
    found: Directory = {}
    for start in range(at, min(at + entries * step, len(data) - step + 1), step):
        tag, kind, number = struct.unpack_from(order + entry, data, start)
        if tag in _TAGS:
            code = order + _CODES.get(kind, "I")
            value = start + struct.calcsize(order + entry)
            if number * struct.calcsize(code) > struct.calcsize(offset):  # several values, which lie elsewhere
                value = struct.unpack_from(order + offset, data, value)[0]
            if value + struct.calcsize(code) <= len(data):
                found.setdefault(tag, struct.unpack_from(code, data, value)[0])
    return found, at + entries * step
