"""What an image file has beyond one opaque picture of 8 bits, read from its structure without decoding.

Nearly all photographs have nothing more, and are decoded at once. For any bytes, the result is a structure.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.images import tiff_directories as tiff
from imgsim_guard.images.headers import LARGEST_META
from imgsim_guard.images.jpeg_segments import Behind, behind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imgsim_guard.images.headers import Header

MOST_BLOCKS = 2**20
"""Most blocks of a file that are read: a film of 10,000 frames has at most 2 million, a still picture a few."""


class Structure(NamedTuple):
    """`frames`: of a film, or pages of a document. `alpha`: there may be transparency. `deep`: more than 8 bits for
    each sample, or signed numbers or fractions. `bands`: there are samples that OpenCV does not return. `behind`: the
    file has more after the picture that OpenCV reads. `misread`: what OpenCV returns is not the picture.
    """

    frames: int = 1
    alpha: bool = False
    deep: bool = False
    bands: bool = False
    behind: bool = False
    misread: bool = False

    @property
    def plain(self) -> bool:
        """Whether OpenCV's usual result is complete."""
        return self == _PLAIN


_PLAIN = Structure()


def structure_of(data: bytes, header: Header) -> Structure:
    """The structure of a file with this header."""
    look = _LOOKS.get(header.format)
    if look is None:
        return _PLAIN
    try:
        return look(data)
    except (struct.error, IndexError, ValueError, OverflowError):
        return _PLAIN  # a damaged file; decoding reports it


def _jpeg(data: bytes) -> Structure:
    """The end of the picture is only searched if a marker or a signature suggests more data after it."""
    more = data.find(b"MPF\0", 0, LARGEST_META) > 0 or data.find(b"ftyp") > 0
    return Structure(behind=more and behind(data) != Behind())


def _png(data: bytes) -> Structure:
    """PNG, third edition: IHDR has the bits of a sample and the colour type, tRNS alpha, acTL the number of frames."""
    bits, colours = data[24], data[25]
    chunks = {kind: data[start : start + 4] for kind, start, _ in png_chunks(data, until=b"IDAT")}
    frames = int.from_bytes(chunks.get(b"acTL", b"\0\0\0\1"))
    hidden = b"acTL" in chunks and b"fcTL" not in chunks  # a picture for viewers that show no films
    return Structure(max(1, frames), alpha=bool(colours & 4) or b"tRNS" in chunks, deep=bits > 8, behind=hidden)


def png_chunks(data: bytes, *, until: bytes = b"IEND") -> Iterator[tuple[bytes, int, int]]:
    """The kind, start and end of each chunk's data, up to the first chunk of the kind `until`."""
    at = 8
    for _ in range(MOST_BLOCKS):
        length, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if kind == until or at + 8 > len(data):
            return
        yield kind, at + 8, at + 8 + length
        at += 12 + length


def _gif(data: bytes) -> Structure:
    """GIF89a: each block is a picture, an extension, which may name a transparent colour, or the end."""
    frames, alpha = 0, False
    for block, at in _gif_blocks(data):
        frames += block == 0x2C
        alpha |= block == 0x21 and data[at + 1] == 0xF9 and bool(data[at + 3] & 1)
    return Structure(max(1, frames), alpha=alpha)


def _gif_blocks(data: bytes) -> Iterator[tuple[int, int]]:
    """The first byte of each block, and its position."""
    at = 13 + _gif_colours(data[10])
    for _ in range(MOST_BLOCKS):
        if at >= len(data) or data[at] not in {0x21, 0x2C}:
            return
        yield data[at], at
        at = _after_gif_block(data, data[at], at)


def end_of_gif(data: bytes) -> int | None:
    """The position after the last block; None if that is cut short."""
    at = 13 + _gif_colours(data[10])
    try:
        for block, start in _gif_blocks(data):
            at = _after_gif_block(data, block, start)
    except IndexError:
        return None
    return at


def _after_gif_block(data: bytes, block: int, at: int) -> int:
    at += 2 if block == 0x21 else 11 + _gif_colours(data[at + 9])
    while data[at]:
        at += 1 + data[at]
    return at + 1


def _gif_colours(flags: int) -> int:
    """Bytes of the colour table that follows."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _webp(data: bytes) -> Structure:
    """RFC 9649, section 2."""
    chunk = data[12:16]
    if chunk == b"VP8L":
        return Structure(alpha=bool(struct.unpack_from("<I", data, 21)[0] >> 28 & 1))
    if chunk != b"VP8X":
        return _PLAIN
    frames = sum(1 for kind, _, _ in riff_chunks(data) if kind == b"ANMF") if data[20] & 2 else 1
    return Structure(max(1, frames), alpha=bool(data[20] & 0x10))


def riff_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The kind, start and end of each chunk's data."""
    at = 12
    for _ in range(MOST_BLOCKS):
        if at + 8 > len(data):
            return
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        yield data[at : at + 4], at + 8, at + 8 + length
        at += 8 + length + (length & 1)


def _tiff(data: bytes) -> Structure:
    pages = tiff.pages(data)
    if not pages:
        return _PLAIN
    return structure_of_page(pages[0])._replace(frames=len(pages), behind=tiff.has_more(data))


def structure_of_page(page: tiff.Directory) -> Structure:
    """The structure of a TIFF's page."""
    samples = page.get(tiff.SAMPLES, 1)
    colours = {2: 3, 6: 3, 8: 3, 5: 4}.get(page.get(tiff.PHOTOMETRIC, 1), 1)
    return Structure(
        alpha=samples == colours + 1 and page.get(tiff.EXTRA_SAMPLES, 0) in {1, 2},
        deep=page.get(tiff.BITS, 1) > 8 or page.get(tiff.SAMPLE_FORMAT, 1) != 1,
        bands=samples > colours,
        misread=tiff.is_misread(page),
    )


def _avif(data: bytes) -> Structure:
    """Alpha is an auxiliary picture, and av1C has the bits (AV1-ISOBMFF, 2.3.3). The frames of a sequence are the
    samples of its longest track that has no sound (ISO 14496-12, 8.7.3.2).
    """
    boxes = data[:LARGEST_META]
    parts = boxes.split(b"trak")
    tracks = [track for track in parts if b"soun" not in track]
    counts = [
        struct.unpack_from(">I", track, found.end() + 8)[0] for track in tracks for found in re.finditer(b"stsz", track)
    ]
    frames = max(counts, default=1) if data[8:12] == b"avis" or b"avis" in data[:64] else 1
    alpha = b":alpha\0" in boxes or b"auxid:1\0" in boxes
    unseen = b"tmap" in boxes or len(tracks) < len(parts)  # a map of brightness, or sound
    return Structure(max(1, frames), alpha=alpha, deep=_bits_of_avif(data) > 8, behind=unseen)


def bits_of(data: bytes, header: Header) -> int | None:
    """Bits of a sample of an AVIF or JPEG 2000, whose samples OpenCV returns in a type that may have more; None for
    other formats.
    """
    if header.format == "AVIF":
        return _bits_of_avif(data)
    return (data[data.index(_SIZE) + 42] & 0x7F) + 1 if header.format == "JPEG 2000" else None


def _bits_of_avif(data: bytes) -> int:
    at = data.find(b"av1C", 0, LARGEST_META)
    flags = data[at + 6] if at >= 0 else 0
    return (12 if flags & 0x20 else 10) if flags & 0x40 else 8


_SIZE = b"\xff\x4f\xff\x51"


def _jpeg2000(data: bytes) -> Structure:
    """The codestream's size marker (ISO 15444-1, A.5.1) has the components, and the bits of each."""
    at = data.index(_SIZE)
    components, bits = struct.unpack_from(">HB", data, at + 40)
    return Structure(alpha=components in {2, 4}, deep=(bits & 0x7F) > 7, bands=components not in {1, 3, 4})


def _bmp(data: bytes) -> Structure:
    """BITMAPV3INFOHEADER and later have the mask of alpha. In older headers, a pixel's fourth byte has no meaning."""
    size, bits = struct.unpack_from("<I", data, 14)[0], struct.unpack_from("<H", data, 28)[0]
    return Structure(alpha=size >= 56 and bits == 32 and struct.unpack_from("<I", data, 66)[0] != 0)


def _netpbm(data: bytes) -> Structure:
    """Binary samples whose largest is less than 255 are not shown as they are, either."""
    most = largest_of_netpbm(data) if data[1:2] in b"2356" else 255
    return Structure(deep=most > 255 or (most < 255 and data[1:2] in b"56"))


def largest_of_netpbm(data: bytes) -> int:
    """The value of white in a grey or coloured Netpbm file."""
    return max(1, int(re.sub(rb"#[^\n]*\n", b" ", data[2:1024]).split(maxsplit=3)[2][:6]))


_LOOKS: dict[str, Callable[[bytes], Structure]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "GIF": _gif,
    "WebP": _webp,
    "TIFF": _tiff,
    "AVIF": _avif,
    "BMP": _bmp,
    "JPEG 2000": _jpeg2000,
    "Netpbm": _netpbm,
}
