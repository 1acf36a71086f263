"""The segments of a JPEG, and the data after the picture (ITU T.81, annex B; CIPA DC-007, multi-picture format).

Files of cameras and phones have stray bytes and fill bytes between segments, segments of other programs, and videos and
further pictures after the end. None of these damages the picture.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.images.tiff_directories import MULTI_PICTURE, entry_of

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_SEGMENTS = 2**14
"""Most segments that are read. A photograph has some twenty, and a colour profile of megabytes has 60 more."""

MOST_STRAY = 2**20
"""Bytes between segments that belong to none, but for fill bytes: 64 MB of them take a second."""

SCAN, END, _FILL = 0xDA, 0xD9, 0xFF

_MARKER = re.compile(rb"\xff(?:[^\xff\0]|\xff{31,}+)", re.DOTALL)
_AFTER_SCAN = re.compile(rb"\xff(?:[^\xff\0\xd0-\xd7]|\xff{31,}+)", re.DOTALL)
"""A marker, or a long run of fill bytes, which is passed at once."""
_ALONE = {0x01, *range(0xD0, 0xD9)}
"""Markers without a segment: restart markers, the start of the image, and TEM."""

_GAIN_MAP = re.compile(rb"hdrgm|hdrgainmap|urn:iso:std:iso:ts:21496|GainMap", re.IGNORECASE)
_LARGEST_APP = 2**16

_THUMBNAILS = {0x010001, 0x010002}


class Segment(NamedTuple):
    """The second byte of a segment's marker, and the range of its content after the length."""

    marker: int
    start: int
    end: int


def segments(data: bytes) -> Iterator[Segment]:
    """The segments of the picture up to its end; each scan is one. Bytes between segments are skipped,
    as libjpeg does. Raises ValueError if there are more than MOST_SEGMENTS.
    """
    at, marker, stray = 2, _MARKER, MOST_STRAY
    for _ in range(MOST_SEGMENTS):
        found = marker.search(data, at, at + stray if marker is _MARKER else len(data))
        if found is None:
            return
        stray -= found.start() - at if marker is _MARKER else 0
        kind, at = data[found.end() - 1], found.end()
        if kind == _FILL:
            at -= 1  # it may begin the marker
            continue
        if kind in _ALONE:
            continue
        length = int.from_bytes(data[at : at + 2]) if kind != END else 0
        yield Segment(kind, at + 2, at + length)
        if kind == END:
            return
        at += max(2, length)
        marker = _AFTER_SCAN if kind == SCAN or marker is _AFTER_SCAN else _MARKER
    raise ValueError("too many segments")


def size(data: bytes) -> tuple[int, int]:
    """Width and height of the first frame header: markers C0 to CF except C4, C8 and CC. Raises ValueError."""
    for kind, start, _ in segments(data):
        if 0xC0 <= kind <= 0xCF and kind not in {0xC4, 0xC8, 0xCC}:
            height, width = struct.unpack_from(">HH", data, start + 1)
            return width, height
    raise ValueError("no frame header")


_LOSSLESS, _HIERARCHICAL = {0xC3, 0xC7, 0xCB, 0xCF}, {0xC5, 0xC6, 0xCD, 0xCE}


def unusual_jpeg(data: bytes) -> str | None:
    """In words, the kind of a JPEG that photographs do not have, and that OpenCV does not read; None if it is usual."""
    for kind, start, _ in segments(data):
        if kind in _LOSSLESS:
            return "a lossless JPEG"
        if kind in _HIERARCHICAL:
            return "a hierarchical JPEG"
        if 0xC0 <= kind <= 0xCF and kind not in {0xC4, 0xC8, 0xCC}:
            return None if data[start] == 8 else f"a JPEG of {data[start]} bits a sample"
    return None


def scans(data: bytes) -> int:
    """How many scans the picture has. Raises ValueError."""
    return sum(1 for segment in segments(data) if segment.marker == SCAN)


class Behind(NamedTuple):
    """`pictures`: the further pictures of a multi-picture file. `other`: other data after the picture that some program
    shows, such as a video or a gain map.
    """

    pictures: tuple[bytes, ...] = ()
    other: bytes = b""


def behind(data: bytes) -> Behind:
    """What a JPEG file has besides its picture."""
    walked = list(segments(data))
    if not walked or walked[-1].marker != END or len(data) - walked[-1].start < _SHORTEST:
        return Behind()
    trailer = data[walked[-1].start - 2 :]
    index = next((one for one in walked if data[one.start : one.start + 4] == b"MPF\0"), None)
    parts = [] if index is None else list(_parts(data, index.start + 4))
    maps = any(_GAIN_MAP.search(data[one.start : one.end]) for one in walked if 0xE0 <= one.marker <= 0xEF)
    pictures = tuple(part for part in parts if not maps and not _GAIN_MAP.search(part[:_LARGEST_APP]))
    shown = b"ftyp" in trailer or b"\xff\xd8\xff" in trailer
    return Behind(pictures, trailer if shown and not pictures else b"")


_SHORTEST = 128
"""Bytes after a picture that may be a picture or a video."""


def _parts(data: bytes, base: int) -> Iterator[bytes]:
    """The further pictures in the index, without smaller versions of the first."""
    order = "<" if data[base : base + 2] == b"II" else ">"
    found = entry_of(data[base:], MULTI_PICTURE)
    if found is None:
        return
    start, length = found
    for at in range(base + start + 16, base + start + min(length, MOST_SEGMENTS), 16):
        if at + 16 > len(data):
            return
        kind, many, offset = struct.unpack_from(order + "III", data, at)
        part = data[base + offset : base + offset + many]
        if kind & 0xFFFFFF not in _THUMBNAILS and part.startswith(b"\xff\xd8\xff"):
            yield part
