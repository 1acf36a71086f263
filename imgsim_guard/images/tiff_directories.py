"""The directories of a TIFF file, which describe its pages (TIFF 6.0, section 2; also BigTIFF)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Directory: TypeAlias = dict[int, int]
"""By tag: its first value. By PLACE: the directory's offset. By NEXT: where the offset of the next directory is."""

PLACE, NEXT = 0, -1

MOST_DIRECTORIES = 4096
"""Most directories of a file that are counted: each takes a few microseconds."""

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, ORIENTATION, SAMPLES = 256, 257, 258, 259, 262, 274, 277
MULTI_PICTURE = 0xB002
SUBFILE, PLANAR, TILE_WIDTH, TILE_HEIGHT, EXTRA_SAMPLES, SAMPLE_FORMAT = 254, 284, 322, 323, 338, 339

DEPTH, SUB_DIRECTORIES = 32997, 330

_LARGEST_DESCRIPTION = 2**12
"""Bytes that a file may have besides its pages without a doubt: a description, a small colour profile."""

_TAGS = {
    DEPTH,
    SUB_DIRECTORIES,
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
"""Codes of `struct` by the field's type. A size of another type is read as 32 bits, as old readers of libtiff do."""

_KINDS = {1: "whole numbers", 2: "signed numbers", 3: "floats", 5: "complex numbers", 6: "complex floats"}

_USUAL_SAMPLES, _USUAL_COMPRESSION = 4, {1, 2, 3, 4, 5, 7, 8, 32773, 32946}
"""What OpenCV reads. Compression: none, fax, LZW, JPEG, deflate and packed bits."""

_LIBTIFF_READS = {6, 32766, 32771, 32809, 32909, 34676, 34677}
"""Old compressions that libtiff reads as well, though tifffile may not."""

_CIELAB, _ICCLAB = 8, 9

_PLAIN_COMPRESSION = {1, 8, 32946}
"""What tifffile reads without imagecodecs: no compression, and deflate."""

_PALETTE = 3

_REDUCED, _MASK = 1, 4
"""Bits of the subfile's type: a smaller version of another page, and a page's mask. Neither is a page."""


def directories(data: bytes) -> Iterator[Directory]:
    """The directories of a file, in order. Raises struct.error if the first is not within the file."""
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
    """Whether a directory is a page that a viewer shows: neither a smaller version nor a mask."""
    return not directory.get(SUBFILE, 0) & (_REDUCED | _MASK)


def entry_of(data: bytes, wanted: int) -> tuple[int, int] | None:
    """The offset and length of an entry of the first directory whose type is UNDEFINED; None without such a tag."""
    order = "<" if data[:2] == b"II" else ">"
    at = struct.unpack_from(order + "I", data, 4)[0]
    for start in range(at + 2, at + 2 + 12 * struct.unpack_from(order + "H", data, at)[0], 12):
        tag, _, number, value = struct.unpack_from(order + "HHII", data, start)
        if tag == wanted:
            return value, number
    return None


def pages(data: bytes) -> list[Directory]:
    """The directories of the pages that a viewer shows."""
    return [one for one in directories(data) if is_page(one)]


def begin_with(page: Directory, data: bytearray) -> None:
    """Make a page the only one of the file: decoders count the others, in time that grows with the square of their
    number.
    """
    order = "<" if data[:2] == b"II" else ">"
    big = _is_big(data, order)
    offset = order + ("Q" if big else "I")
    struct.pack_into(offset, data, 8 if big else 4, page[PLACE])
    if page[NEXT] + struct.calcsize(offset) <= len(data):
        struct.pack_into(offset, data, page[NEXT], 0)


def has_more(data: bytes) -> bool:
    """Whether a file has pictures that are no pages: slices of a volume, pages below a page, or a stack of which only
    the first has a directory, as ImageJ writes them.
    """
    every = list(directories(data))
    if any(one.get(DEPTH, 1) > 1 or SUB_DIRECTORIES in one for one in every):
        return True
    needed = sum(_bits(one) // 8 for one in every)
    return all(one.get(COMPRESSION, 1) == 1 for one in every) and len(data) >= 2 * needed + _LARGEST_DESCRIPTION


def _bits(page: Directory) -> int:
    """Of all samples, without compression."""
    return page.get(WIDTH, 0) * page.get(HEIGHT, 0) * page.get(SAMPLES, 1) * page.get(BITS, 1)


def is_misread(page: Directory) -> bool:
    """Whether OpenCV returns something else than the page: black for a compression that it does not know, tiles that
    are turned in their places, and wrong colours.
    """
    turned_tiles = TILE_WIDTH in page and page.get(ORIENTATION, 1) > 1
    kind = page.get(PHOTOMETRIC, 1)
    lab = kind == _ICCLAB or (kind == _CIELAB and page.get(BITS, 1) > 8)
    return turned_tiles or lab or has_unknown_compression(page)


def has_unknown_compression(page: Directory) -> bool:
    """Whether a page is compressed as OpenCV does not know, such as by JPEG 2000."""
    return page.get(COMPRESSION, 1) not in _USUAL_COMPRESSION | _LIBTIFF_READS


def unusual_kind(data: bytes) -> str | None:
    """In words, the first page's kind of samples if it cannot be read; None if it can."""
    page = next(directories(data))
    bits, samples, way = page.get(BITS, 1), page.get(SAMPLES, 1), page.get(COMPRESSION, 1)
    few = bits == 1 or (bits == 4 and page.get(PHOTOMETRIC, 1) == _PALETTE)
    usual = (few or bits in {8, 16}) and samples <= _USUAL_SAMPLES and page.get(SAMPLE_FORMAT, 1) == 1
    if (usual and way in _USUAL_COMPRESSION) or (bits % 8 == 0 and way in _PLAIN_COMPRESSION):
        return None
    kind = _KINDS.get(page.get(SAMPLE_FORMAT, 1), "samples of an unknown kind")
    return f"a TIFF of {samples} x {bits}-bit {kind} a pixel, compression {way}"


def _is_big(data: bytes | bytearray, order: str) -> bool:
    return int(struct.unpack_from(order + "H", data, 2)[0]) == 43


def _directory(data: bytes, at: int, order: str, *, big: bool) -> tuple[Directory, int]:
    """A directory, and the position of the next one's offset."""
    count, entry, step, offset = ("Q", "HHQ", 20, "Q") if big else ("H", "HHI", 12, "I")
    entries = min(struct.unpack_from(order + count, data, at)[0], 0xFFFF)
    place, at = at, at + struct.calcsize(order + count)
    found: Directory = {PLACE: place, NEXT: at + entries * step}
    for start in range(at, min(at + entries * step, len(data) - step + 1), step):
        tag, kind, number = struct.unpack_from(order + entry, data, start)
        if tag in _TAGS:
            code = order + _CODES.get(kind, "I")
            value = start + struct.calcsize(order + entry)
            if number * struct.calcsize(code) > struct.calcsize(offset):  # several values, stored elsewhere
                value = struct.unpack_from(order + offset, data, value)[0]
            if value + struct.calcsize(code) <= len(data):
                found.setdefault(tag, struct.unpack_from(code, data, value)[0])
    return found, at + entries * step
