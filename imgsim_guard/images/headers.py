"""An image file's format and size from its first bytes, without decoding, so that decompression bombs are refused.

The format is determined by content, not by the file's name. Only a few numbers are allocated, and for any bytes the
result is a header or None.
"""

from __future__ import annotations

import os
import re
import struct
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.images import jpeg_segments
from imgsim_guard.images.tiff_directories import HEIGHT, TILE_HEIGHT, TILE_WIDTH, WIDTH, directories

if TYPE_CHECKING:
    from collections.abc import Callable


MAX_PIXELS = 2**28
"""268 megapixels: more than the largest camera's 200, and 0.8 GB once decoded."""


MAX_SCANS = 100
"""Of a JPEG: a progressive one has about ten, and each scan takes as much time as the first,
however few bytes it has.
"""


MAX_TILE = 2**24
"""Pixels of a TIFF's tile, which is decoded as a whole even if the image is small; usual tiles have 2**16."""


MAX_DIGITS = 12
"""Digits of a size in decimal: enough for sizes that are refused."""


MAX_BOXES = 16
"""Outermost boxes of a file that are read; there are three or four."""


LARGEST_META = 2**20
"""Bytes of the box that describes the images; that of a photograph has a few thousand."""


def restrain_opencv() -> None:
    """Give OpenCV its own limit for the size in a header, and suppress its messages about damaged files, which the
    reports name.

    OpenCV reads these settings when it is imported.
    """
    os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_PIXELS))
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")


class Header(NamedTuple):
    """The format's usual name, and the width and height in pixels that the file claims."""

    format: str
    width: int
    height: int


def read_header(data: bytes) -> Header | None:
    """The header of an image in a format that is read; None for any other file, or a damaged header."""
    for signature, name, size in _FORMATS:
        if re.match(signature, data, re.DOTALL):
            try:
                width, height = size(data)
            except (struct.error, LookupError, ValueError, OverflowError, StopIteration):
                return None
            return Header(name, width, height) if width > 0 and height > 0 else None
    return None


LONGEST_SIGNATURE = 132
"""Bytes at the beginning of a file that determine its format."""


def has_signature(data: bytes) -> bool:
    """Whether a file that begins with these bytes is an image in a format that is read."""
    return any(re.match(signature, data, re.DOTALL) for signature, _, _ in _FORMATS)


PIECE, MOST_PIECES = 4096, 256
"""Bytes of the pieces of a file that are checked for padding, and how many pieces, evenly spread."""

PADDING = 256
"""Bytes that a piece of padding counts as: an empty page without compression consists of such
pieces, and is no bomb.
"""


def without_padding(data: bytes) -> int:
    """About how many bytes a file has; pieces that repeat one byte count as PADDING bytes."""
    count = len(data) // PIECE
    step = max(1, count // MOST_PIECES)
    pieces = [data[at * PIECE : (at + 1) * PIECE] for at in range(0, count, step)]
    padding = sum(piece.count(piece[:1]) == PIECE for piece in pieces) / max(1, len(pieces)) * count * PIECE
    return round(len(data) - padding + padding / PADDING)


def has_cut_chunk(data: bytes) -> bool:
    """Whether a chunk of this PNG claims more bytes than the file has: OpenCV would first allocate 2 GB for them."""
    at = 8
    while data[at + 4 : at + 8] != b"IEND":
        at += 12 + int.from_bytes(data[at : at + 4])
        if at > len(data):
            return True
    return False


def has_many_scans(data: bytes) -> bool:
    """Whether this JPEG has more than MAX_SCANS (ITU T.81, B.2.3), or more segments than are read. Takes a millisecond
    for each megabyte.
    """
    try:
        return data.count(b"\xff\xda") > MAX_SCANS and jpeg_segments.scans(data) > MAX_SCANS
    except ValueError:
        return True


def _png(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _gif(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _bmp(data: bytes) -> tuple[int, int]:
    if struct.unpack_from("<I", data, 14)[0] == 12:  # the first version's header has 16-bit sizes
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)  # a negative height means rows from the top
    return width, abs(height)


def _webp(data: bytes) -> tuple[int, int]:
    """RFC 9649, section 2: the first chunk has the size."""
    chunk = data[12:16]
    if chunk == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if chunk == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def _tiff(data: bytes) -> tuple[int, int]:
    """The size of the first directory, or of its tiles, since a tile is decoded as a whole even if the
    image is small.
    """
    first = next(directories(data))
    if first.get(TILE_WIDTH, 0) * first.get(TILE_HEIGHT, 0) > MAX_TILE:
        raise ValueError("a tile that large is for nothing but to fill memory")
    return first[WIDTH], first[HEIGHT]


def _heif(data: bytes) -> tuple[int, int]:
    """AVIF and HEIC: the largest image spatial extents property (ISO 23008-12, 6.5.3), since the tiles of a grid have
    smaller ones.
    """
    at = meta_box(data)
    sizes = [
        struct.unpack_from(">II", data, at + found.end() + 4)
        for found in re.finditer(b"ispe", data[at:][:LARGEST_META])
    ]
    width, height = max(sizes, key=lambda size: size[0] * size[1], default=(0, 0))
    return width, height


def meta_box(data: bytes) -> int:
    """The position of the meta box among the first outermost boxes (ISO 14496-12, 4.2); 0 if it is not there."""
    at = 0
    for _ in range(MAX_BOXES):
        length = int.from_bytes(data[at : at + 4])
        if data[at + 4 : at + 8] == b"meta":
            return at
        at += length if length != 1 else int.from_bytes(data[at + 8 : at + 16])
    return 0


def _jpeg2000(data: bytes) -> tuple[int, int]:
    """The codestream's size (ISO 15444-1, A.5.1), which is what a decoder uses, not that of the box around it."""
    at = data.index(b"\xff\x4f\xff\x51") + 8
    right, bottom, left, top = struct.unpack_from(">IIII", data, at)
    return right - left, bottom - top


def _netpbm(data: bytes) -> tuple[int, int]:
    width, height = re.sub(rb"#[^\n]*\n", b" ", data[2:1024]).split(maxsplit=2)[:2]
    return int(width[:MAX_DIGITS]), int(height[:MAX_DIGITS])


_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
"""Ratios of width to height, which JPEG XL stores instead of a width."""


def _jxl(data: bytes) -> tuple[int, int]:
    """The codestream's size (ISO 18181-1, annex D.2)."""
    return _jxl_size(_jxl_bits(data))


def is_jxl_film(data: bytes) -> bool:
    """Whether a JPEG XL codestream says that it has several frames, or may do so."""
    return _jxl_metadata(data)[0]


def jxl_depth(data: bytes) -> int:
    """The bits of a sample of a JPEG XL picture."""
    return _jxl_metadata(data)[1]


def _jxl_metadata(data: bytes) -> tuple[bool, int]:
    """Whether there may be several frames, and the bits of a sample, 8 if there may (ISO 18181-1, annex D.3)."""
    take = _jxl_bits(data)
    _jxl_size(take)
    if take(1):  # all is as usual
        return False, 8
    if take(1):  # there are extra fields
        take(3)  # the orientation
        if take(1):  # the size at which it is to be shown
            _jxl_size(take)
        if take(1) or take(1):  # a preview, or an animation
            return True, 8
    usual = (32, 16, 24) if take(1) else (8, 10, 12)  # of floats, or of integers
    choice = take(2)
    return False, usual[choice] if choice < len(usual) else take(6) + 1


def _jxl_bits(data: bytes) -> Callable[[int], int]:
    """Takes so many bits of the codestream; they begin with the lowest."""
    start = data.index(b"\xff\x0a", 12 if data[:1] == b"\0" else 0) + 2
    bits = int.from_bytes(data[start : start + 32], "little")

    def take(count: int) -> int:
        nonlocal bits
        taken, bits = bits & ((1 << count) - 1), bits >> count
        return taken

    return take


def _jxl_size(take: Callable[[int], int]) -> tuple[int, int]:
    small = take(1)

    def side() -> int:
        return (take(5) + 1) * 8 if small else take((9, 13, 18, 30)[take(2)]) + 1

    height = side()
    ratio = take(3)
    if ratio:
        over, under = _RATIOS[ratio - 1]
        return height * over // under, height
    return side(), height


_NUMBER = rb"(?:US\x02\x00|\x02\x00\x00\x00)(..)"
_DICOM_SIZES = [re.compile(re.escape(tag) + _NUMBER, re.DOTALL) for tag in (b"\x28\0\x11\0", b"\x28\0\x10\0")]
"""Columns and rows, with or without the type of the value (PS3.5, 7.1)."""

_BIG_ENDIAN = b"1.2.840.10008.1.2.2\0"
_BIG_ENDIAN_SIZES = [re.compile(rb"\x00\x28\x00" + tag + rb"US\x00\x02(..)", re.DOTALL) for tag in (rb"\x11", rb"\x10")]


def _dicom(data: bytes) -> tuple[int, int]:
    """The size by the fields columns and rows. Only the first fields have an order of bytes that is always the same."""
    head = data[:LARGEST_META]
    sizes, code = (_BIG_ENDIAN_SIZES, ">H") if _BIG_ENDIAN in head[:1024] else (_DICOM_SIZES, "<H")
    found = [size.search(head) for size in sizes]
    width, height = [struct.unpack(code, one[1])[0] if one is not None else 0 for one in found]
    return width, height


def is_dicom(data: bytes) -> bool:
    """Whether a file is DICOM, with or without a picture."""
    return data[128:132] == b"DICM"


_FORMATS: tuple[tuple[bytes, str, Callable[[bytes], tuple[int, int]]], ...] = (
    (rb".{128}DICM", "DICOM", _dicom),  # first: what is before it may be the header of a TIFF (PS3.10, 7.1)
    (rb"\xff\xd8\xff", "JPEG", jpeg_segments.size),
    (rb"\x89PNG\r\n\x1a\n", "PNG", _png),
    (rb"RIFF....WEBP", "WebP", _webp),
    (rb"II[*+]\0|MM\0[*+]", "TIFF", _tiff),
    (rb"GIF8[79]a", "GIF", _gif),
    (rb"BM", "BMP", _bmp),
    (rb"....ftyp(avi[fs]|mif1.{0,48}avif)", "AVIF", _heif),
    (rb"....ftyp(hei[cxms]|hev[cx]|mif1|msf1)", "HEIC", _heif),  # mif1 without avif among the brands after it
    (rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51", "JPEG 2000", _jpeg2000),
    (rb"P[1-6]\s", "Netpbm", _netpbm),
    (rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL", _jxl),
)
