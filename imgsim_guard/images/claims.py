"""The memory and time that a file may take to decode, by its own data: which files are decompression bombs, and which
are decoded in a child process with limits.

Bytes that are not part of the compressed picture do not count, so padding does not make a bomb look like a picture.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from imgsim_guard.images.av1 import is_as_claimed
from imgsim_guard.images.headers import (
    LARGEST_META,
    MAX_PIXELS,
    MAX_SCANS,
    has_cut_chunk,
    has_many_scans,
    is_jxl_film,
    jxl_depth,
    without_padding,
)
from imgsim_guard.images.structure import png_chunks, riff_chunks, structure_of
from imgsim_guard.images.tiff_directories import BITS, SAMPLES, directories, has_unknown_compression, pages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgsim_guard.images.headers import Header

BYTES_A_PIXEL = {"DICOM": 24, "AVIF": 18, "JPEG 2000": 15, "JPEG": 11, "HEIC": 11, "GIF": 7, "WebP": 7, "JPEG XL": 7}
"""Memory for decoding an opaque picture of 8 bits in the worst case, measured; 6 for the other formats."""

_OF_ALPHA, _OF_DEPTH, _OF_BOTH, _OF_FRAMES = 5, 6, 15, 12
"""How much more it is with transparency, with 16 bits a sample, with both, and with several frames."""

_OF_A_DEEP_JXL = 24
"""Bytes for each pixel of a JPEG XL picture of floats, measured; one of 16 bits with transparency takes 19."""

_RESERVED_BY_JXL = 17
"""Bytes of address space for each pixel of a JPEG XL picture, measured. Without them its decoder says that the file is
damaged.
"""

_OF_A_SAMPLE = 3
"""How often the samples of a scientific TIFF are in memory."""

_COPIES_OF_DICOM = 2
"""How often the bytes of a DICOM file are in memory beside its pixels."""

_MOST_BYTES_A_PIXEL = 45
"""Only TIFFs take more: the structure of other pictures is not read if they are small enough."""

FREE_MEMORY = 280_000_000
"""Bytes of memory that a file of any size may take: an empty A4 page at 600 dpi has 35 megapixels in 3 kB."""

PIXELS_A_BYTE = 256
"""Beyond that, the most pixels for each byte of the file. Large photographs have 10, bombs 1,000 and more."""

USUAL_PIXELS_A_BYTE = 64
"""The most pixels for each byte of a large picture, unless it is decoded in the child process."""

USUAL_LAYERS, LEAST_BLOCK, LEAST_TILE, USUAL_COMPONENTS = 64, 2**10, 2**12, 4
"""Of JPEG 2000: the most quality layers, fewest pixels of a code block and of a tile, and most colours with alpha.
Encoders use up to 20 layers, blocks of 64 x 64, and tiles of 256 x 256 and more.
"""

PIXELS_A_PRECINCT, FREE_PRECINCTS = 2**12, 2**12
"""Of JPEG 2000: the fewest pixels for each precinct, if there are more than so many precincts. Encoders make precincts
of 128 x 128 and more.
"""

_TILE_PART, _DATA, _END = 0xFF90, 0xFF93, 0xFFD9
_STYLE, _OWN_STYLE, _ORDER = 0xFF52, 0xFF53, 0xFF5F

_MOST_MARKERS = 2**16
"""Most segments of a codestream that are read."""


def refused(header: Header, data: bytes) -> str | None:
    """Why a file is not passed to a decoder; None if it is."""
    claimed = f"{header.width} x {header.height} pixels"
    if header.width * header.height > MAX_PIXELS:
        return f"{claimed}, more than the {MAX_PIXELS:,} that are decoded"
    if header.format == "PNG" and has_cut_chunk(data):
        return "damaged, cut short or of an unusual kind: the PNG decoder gave up"
    if _has_many_pixels(header, data, PIXELS_A_BYTE) or _is_deep_and_empty(header, data):
        return f"{claimed} in {len(data):,} bytes, too few for a picture of them"
    if header.format == "JPEG" and has_many_scans(data):
        return f"more than {MAX_SCANS} scans, which no JPEG needs"
    return None


def _is_deep_and_empty(header: Header, data: bytes) -> bool:
    """Whether a JPEG XL picture of more than 8 bits has too many pixels for its bytes."""
    pixels = header.width * header.height
    if header.format != "JPEG XL" or pixels * _OF_A_DEEP_JXL <= FREE_MEMORY or pixels <= len(data) * PIXELS_A_BYTE:
        return False
    return jxl_depth(data) > 8  # noqa: PLR2004  which take a quarter


def is_suspicious(header: Header, data: bytes) -> bool:
    """Whether decoding may take more memory or time than a usual file of so many pixels."""
    if header.format == "JPEG 2000" and not _is_usual(data):
        return True
    if header.format == "DICOM":  # which may be deflated as a whole, and hold pictures of another size than it claims
        return True
    if header.format == "AVIF" and not _is_avif_as_claimed(header, data):
        return True
    if header.format == "TIFF" and _has_other_codecs(data):
        return True
    if header.format == "JPEG XL" and is_jxl_film(data):  # whose frames are decoded all at once
        return True
    return _has_many_pixels(header, data, USUAL_PIXELS_A_BYTE)


def _has_other_codecs(data: bytes) -> bool:
    """Whether a page's tiles are files of other formats, of which each has a size of its own."""
    try:
        return any(has_unknown_compression(page) for page in pages(data))
    except struct.error:
        return False


def memory_of(header: Header, data: bytes) -> int:
    """Bytes that decoding a picture of this size and kind may take."""
    of_data = _COPIES_OF_DICOM * len(data) if header.format == "DICOM" else 0
    a_pixel = _RESERVED_BY_JXL if header.format == "JPEG XL" else _bytes_a_pixel(header, data)
    return max(FREE_MEMORY, header.width * header.height * a_pixel) + of_data


def pixels_of(header: Header, data: bytes) -> int:
    """Pixels of a picture, or of all frames that may be decoded of a film."""
    one = header.width * header.height
    frames = len(data) // (2 * one) if header.format == "DICOM" else structure_of(data, header).frames
    return one if frames < 2 else min(one * frames, MAX_PIXELS)  # noqa: PLR2004


def has_room_for_frames(header: Header, data: bytes, frames: int) -> bool:
    """Whether several frames of this size may be in memory: of small ones, or if each has the bytes of a usual picture.

    Of other films and documents, only the first frame is read.
    """
    usual = BYTES_A_PIXEL.get(header.format, 6)
    memory = header.width * header.height * (usual + _OF_FRAMES)
    return memory <= max(FREE_MEMORY, _coded(header, data) // frames * USUAL_PIXELS_A_BYTE * usual)


def _has_many_pixels(header: Header, data: bytes, a_byte: int) -> bool:
    """A pixel of a kind that takes more memory counts as so many more."""
    pixels = header.width * header.height
    if pixels * _MOST_BYTES_A_PIXEL <= FREE_MEMORY and header.format != "TIFF":
        return False
    memory = pixels * _bytes_a_pixel(header, data)
    return memory > FREE_MEMORY and memory > _coded(header, data) * a_byte * BYTES_A_PIXEL.get(header.format, 6)


def _bytes_a_pixel(header: Header, data: bytes) -> int:
    usual = BYTES_A_PIXEL.get(header.format, 6)
    if header.format == "JPEG":  # further pictures in it are no larger than the first
        return usual
    structure = structure_of(data, header)
    alone = header.format == "TIFF" and not has_room_for_frames(header, data, structure.frames)  # its first page is
    more = _OF_FRAMES if structure.frames > 1 and not alone else 0
    if header.format == "TIFF" and (structure.deep or structure.bands or structure.misread):
        first = next(directories(data))
        return usual + more + _OF_A_SAMPLE * (first.get(BITS, 1) * first.get(SAMPLES, 1) // 8)
    if structure.alpha and structure.deep:
        return usual + more + _OF_BOTH
    return usual + more + _OF_ALPHA * structure.alpha + _OF_DEPTH * structure.deep


def _coded(header: Header, data: bytes) -> int:
    """About how many bytes hold the compressed picture."""
    try:
        coded = {"PNG": _of_png, "WebP": _of_webp, "AVIF": _of_items, "HEIC": _of_items, "JPEG 2000": _of_tiles}[
            header.format
        ](data)
    except (LookupError, ValueError, struct.error):
        coded = len(data)
    return min(coded, without_padding(data))


def _of_png(data: bytes) -> int:
    return sum(end - start for kind, start, end in png_chunks(data) if kind in {b"IDAT", b"fdAT"})


def _of_webp(data: bytes) -> int:
    return sum(end - start for kind, start, end in riff_chunks(data) if kind in {b"VP8 ", b"VP8L", b"ANMF"})


def _of_items(data: bytes) -> int:
    """AVIF and HEIC: by the pieces of all items, which are not those of a sequence."""
    if b"stsz" in data[:LARGEST_META]:
        return len(data)
    return sum(end - start for pieces in _items(data).values() for start, end in pieces)


def _items(data: bytes) -> dict[int, list[tuple[int, int]]]:
    """The start and end of each item's pieces, by its number: the item location box (ISO 14496-12, 8.11.3)."""
    at = data.index(b"iloc", 0, LARGEST_META) + 4
    version, sizes = data[at], int.from_bytes(data[at + 4 : at + 6])
    offset, length, base, index = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, sizes & 15 if version else 0
    wide = 4 if version > 1 else 2

    def take(count: int) -> int:
        nonlocal at
        at += count
        return int.from_bytes(data[at - count : at])

    at += 6
    found: dict[int, list[tuple[int, int]]] = {}
    for _ in range(min(take(wide), _MOST_MARKERS)):
        number, _ = take(wide), take(4 if version else 2)
        begin, pieces = take(base), found.setdefault(number, [])
        for _ in range(min(take(2), _MOST_MARKERS)):
            take(index)
            start, many = begin + take(offset), take(length) if length else len(data)
            pieces.append((start, start + many))
        if at > len(data):
            raise ValueError("the box ends early")
    return found


def _is_avif_as_claimed(header: Header, data: bytes) -> bool:
    """Whether an AVIF file is one picture, coded at most as large as its boxes claim."""
    if b"stsz" in data[:LARGEST_META] or b"avis" in data[:64]:  # a film
        return False
    try:
        return is_as_claimed(header, _items(data), data[:LARGEST_META], data)
    except (ValueError, LookupError):
        return False


def _of_tiles(data: bytes) -> int:
    return sum(length for marker, _, length in _codestream(data) if marker == _TILE_PART)


def _is_usual(data: bytes) -> bool:
    """Whether a JPEG 2000 picture has no smaller pieces than encoders make by default (ISO 15444-1, A.6)."""
    try:
        at = data.index(b"\xff\x4f\xff\x51") + 8
        tile_width, tile_height = struct.unpack_from(">II", data, at + 16)
        components = struct.unpack_from(">H", data, at + 32)[0]
        width, height = struct.unpack_from(">II", data, at)
        whole = tile_width >= width and tile_height >= height
        if components > USUAL_COMPONENTS or not (whole or tile_width * tile_height >= LEAST_TILE):
            return False
        return all(_is_usual_part(marker, data, start, width, height) for marker, start, _ in _codestream(data))
    except (ValueError, struct.error, IndexError):
        return False


def _is_usual_part(marker: int, data: bytes, start: int, width: int, height: int) -> bool:
    if marker in {_OWN_STYLE, _ORDER}:
        return False
    if marker != _STYLE:
        return True
    own_precincts, layers = data[start + 2] & 1, int.from_bytes(data[start + 4 : start + 6])
    levels, block = data[start + 7], 2 ** ((data[start + 8] & 15) + (data[start + 9] & 15) + 4)
    precincts = 0
    for level, sides in enumerate(reversed(data[start + 12 : start + 13 + levels] if own_precincts else b"")):
        precincts += (1 + (width >> level + (sides & 15))) * (1 + (height >> level + (sides >> 4)))
    few = precincts <= FREE_PRECINCTS + width * height // PIXELS_A_PRECINCT
    return layers <= USUAL_LAYERS and block >= LEAST_BLOCK and few


def _codestream(data: bytes) -> Iterator[tuple[int, int, int]]:
    """The marker, start of the content, and length of each segment before the compressed data. For a tile part, start
    and length include its data.
    """
    at, end_of_part = data.index(b"\xff\x4f\xff\x51") + 2, 0
    for _ in range(_MOST_MARKERS):
        marker, length = struct.unpack_from(">HH", data, at) if at + 4 <= len(data) else (_END, 0)
        if marker == _END:
            return
        if marker == _TILE_PART:
            length = struct.unpack_from(">I", data, at + 6)[0] or len(data) - at
            end_of_part = at + max(length, 12)
            yield marker, at + 2, length
            at += 12
        elif marker == _DATA:
            at = end_of_part
        else:
            yield marker, at + 2, length
            at += 2 + max(2, length)
    raise ValueError("too many markers")
