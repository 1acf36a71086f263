"""Bytes to pixels, or the reason why not."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

import cv2
import numpy as np

from imgsim_guard.images.decoder_messages import overheard
from imgsim_guard.images.frames import read_frames
from imgsim_guard.images.headers import MAX_PIXELS, MAX_SCANS, Header, has_cut_chunk, has_many_scans, read_header
from imgsim_guard.images.heic import decode_heic, heic_decoder
from imgsim_guard.images.picture import opaque, still
from imgsim_guard.images.stills import decoded, read_still
from imgsim_guard.images.structure import structure_of
from imgsim_guard.model import Unreadable

if TYPE_CHECKING:
    from imgsim_guard.images.picture import Picture, Pixels

DECODER = "+".join([f"opencv-{cv2.__version__}", *heic_decoder()])
"""Which decoders a verdict of `Unreadable` comes from: newer or more of them may read what these cannot."""

PREVIEW_SIDE, PREVIEW_QUALITY = 512, 80
"""Pixels, and of WebP: 30 kB a photograph, and enough to verify a pair by."""
BYTES_A_PIXEL = {"AVIF": 18, "JPEG 2000": 15, "JPEG": 11, "HEIC": 9, "GIF": 7, "WebP": 7}
"""Of memory that decoding takes at its worst, measured; 6 with the other formats."""

FREE_MEMORY = 290_000_000
"""Bytes that a file of any size may take: an empty A4 page at 600 dpi has 35 megapixels in 3 kB."""

PIXELS_A_BYTE = 256
"""Beyond that, the most that a byte of the file may stand for. Large photographs have 10, and bombs 1,000 and more."""

_DAMAGE = re.compile(
    rb"(premature end of data segment|bad (Huffman|arithmetic) code|instead of RST"  # libjpeg: the rest is made up
    rb"|TIFF_Error|errorLogCallback|Stream does not end with EOC)"  # libtiff and OpenJPEG, as OpenCV passes them on
)
"""Complaints after which a decoder still gives a picture. Bytes that are left over are none: the picture was whole."""

_REDUCED = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4}

_LFS_POINTER = b"version https://git-lfs.github.com/spec/v1"


def decode(data: bytes, least_side: int | None = None) -> Pixels | Unreadable:
    """The pixels [h, w, 3] of an encoded image, BGR, as a person sees it, or why there are none.

    Opaque pictures of 8 bits, and those of 16 that fill them, are as `cv2.imread` gives them, EXIF orientation applied;
    others are laid over a ground, or brought to 8 bits by the range that they fill. Of a film, it is the frame that
    stands for it; of a document, the first page. Given `least_side`, a JPEG is decoded at a quarter or half of its size
    where its short side keeps so many pixels.
    """
    picture = read_picture(data, least_side)
    return picture if isinstance(picture, Unreadable) else picture.pixels


def read_picture(data: bytes, least_side: int | None = None) -> Picture | Unreadable:
    """All that is made of an encoded image, or why it cannot be decoded. `least_side` as `decode` has it."""
    header = read_header(data)
    if header is None:
        return Unreadable(_what_it_is(data))
    if refused := _refused(header, data):
        return Unreadable(refused)
    if header.format == "HEIC":
        pixels = decode_heic(data)
        return pixels if isinstance(pixels, Unreadable) else opaque(pixels)
    picture = None if header.format == "PNG" and has_cut_chunk(data) else _picture(data, header, least_side)
    return picture or Unreadable(f"damaged or cut short: the {header.format} decoder gave up")


def _picture(data: bytes, header: Header, least_side: int | None) -> Picture | None:
    structure = structure_of(data, header)
    try:
        if structure.frames > 1:
            return read_frames(data, header, structure)
        if structure.plain:
            reduction = _reduction(header, least_side)
            pixels = decoded(data, _REDUCED[reduction])
            return None if pixels is None else opaque(np.ascontiguousarray(pixels, np.uint8), reduction)
        raw = read_still(data, header, structure)
    except MemoryError:
        return None
    return None if raw is None else still(raw)


def preview(pixels: Pixels) -> bytes:
    """A small WebP picture of these pixels [h, w, 3], at most PREVIEW_SIDE on its long side."""
    height, width = pixels.shape[:2]
    scale = min(1.0, PREVIEW_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".webp", small, [cv2.IMWRITE_WEBP_QUALITY, PREVIEW_QUALITY])[1].tobytes()


def reduction_of(data: bytes, least_side: int | None) -> int:
    """By how much `decode` makes this image smaller: 1, 2 or 4."""
    header = read_header(data) if least_side is not None else None
    return 1 if header is None else _reduction(header, least_side)


def _reduction(header: Header, least_side: int | None) -> int:
    """Only JPEG's own transform saves time by it."""
    if least_side is None or header.format != "JPEG":
        return 1
    return next(
        factor for factor in (4, 2, 1) if factor == 1 or min(header.width, header.height) >= factor * least_side
    )


def _refused(header: Header, data: bytes) -> str | None:
    """Why this is not given to a decoder, if so."""
    claimed = f"{header.width} x {header.height} pixels"
    if header.width * header.height > MAX_PIXELS:
        return f"{claimed}, more than the {MAX_PIXELS:,} that are decoded"
    if _is_bomb(header, len(data)):
        return f"{claimed} in {len(data):,} bytes, too few for a picture of them"
    if header.format == "JPEG" and has_many_scans(data):
        return f"more than {MAX_SCANS} scans, which no JPEG needs"
    return None


def _is_bomb(header: Header, size: int) -> bool:
    pixels = header.width * header.height
    return pixels * BYTES_A_PIXEL.get(header.format, 6) > FREE_MEMORY and pixels > size * PIXELS_A_BYTE


def decode_whole(data: bytes, least_side: int | None = None) -> Picture | Unreadable:
    """As `read_picture`; but unreadable is also what the decoder fills up because a part of it is missing or damaged.

    Decodes one image at a time, whichever threads ask.
    """
    picture, complaints = overheard(partial(_decoded_aloud, data, least_side))
    if isinstance(picture, Unreadable) or not _DAMAGE.search(complaints):
        return picture
    return Unreadable("damaged: its decoder found errors, and made up the rest")


def _decoded_aloud(data: bytes, least_side: int | None) -> Picture | Unreadable:
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_WARNING)
    try:
        return read_picture(data, least_side)
    finally:
        cv2.utils.logging.setLogLevel(level)


def _what_it_is(data: bytes) -> str:
    if not data:
        return "an empty file"
    if data.startswith(_LFS_POINTER):
        return "a git LFS pointer, not an image; git lfs pull brings the image"
    return "not an image in a supported format, or its header is damaged"
