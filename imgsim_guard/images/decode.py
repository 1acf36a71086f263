"""From bytes to pixels, or to the reason why there are none."""

from __future__ import annotations

import re
from functools import partial
from importlib.util import find_spec
from itertools import chain
from typing import TYPE_CHECKING

import cv2
import numpy as np

from imgsim_guard.images.child import decode_in_child
from imgsim_guard.images.claims import BYTES_A_PIXEL, is_suspicious, refused
from imgsim_guard.images.completed import completed
from imgsim_guard.images.decoder_messages import hushed, overheard
from imgsim_guard.images.dicom import decode_dicom, dicom_decoder
from imgsim_guard.images.frames import chosen, most_frames, read_frames
from imgsim_guard.images.headers import Header, is_dicom, read_header
from imgsim_guard.images.heic import decode_heic, heic_decoder
from imgsim_guard.images.jpeg_segments import behind, unusual_jpeg
from imgsim_guard.images.jxl import decode_jpeg2000, decode_jxl, jxl_decoder
from imgsim_guard.images.picture import NotDecodedError, Raw, opaque, still
from imgsim_guard.images.stills import decoded, read_page, read_still, upright
from imgsim_guard.images.structure import structure_of
from imgsim_guard.images.tiff_directories import begin_with, directories, pages, unusual_kind
from imgsim_guard.model import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from imgsim_guard.images.picture import Picture, Pixels
    from imgsim_guard.images.structure import Structure

DECODER = "+".join([f"opencv-{cv2.__version__}", *heic_decoder(), *jxl_decoder(), *dicom_decoder()])
"""The decoders that an `Unreadable` comes from. Newer or further decoders may read the image."""

PREVIEW_SIDE, PREVIEW_QUALITY = 512, 80
"""Long side in pixels, and WebP's quality: 30 kB for a photograph, and enough to verify a pair."""

_DAMAGE = re.compile(
    rb"(premature end of data segment|bad (Huffman|arithmetic) code|instead of RST"  # libjpeg, which makes up the rest
    rb"|TIFF_Error|errorLogCallback|Stream does not end with EOC)"  # libtiff and OpenJPEG, as OpenCV prints them
)
"""Messages after which a decoder returns a damaged picture. Left-over bytes are not included: the
picture is complete.
"""

_NO_MEMORY = re.compile(
    rb"(?i)insufficient memory|out of memory|bad_alloc|failed to (re)?allocate|cannot allocate"
    rb"|not enough memory|memory error"  # OpenJPEG
)
"""Messages of decoders that lack memory."""

_REDUCED = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4}

_READ_OTHERWISE = {"TIFF", "JPEG 2000"}
"""Formats of which other decoders, or OpenCV asked for other samples, read what OpenCV does not read as 8 bits."""

_OTHERS: dict[str, Callable[[bytes, int], tuple[int, Iterable[Raw]] | Unreadable]] = {
    "HEIC": decode_heic,
    "JPEG XL": decode_jxl,
    "DICOM": decode_dicom,
}
"""The decoders of formats that OpenCV does not read. They return how many frames there are, and at most so many of
them.
"""

_POINTERS = {
    b"version https://git-lfs.github.com/spec/v1": "a git LFS pointer, not an image; git lfs pull brings the image",
    b"/annex/objects/": "a git-annex pointer, not an image; imgsim-guard scan checks what git annex get brought",
    b"\0GITCRYPT\0": "encrypted by git-crypt, not an image; imgsim-guard scan checks the files where they are unlocked",
}
"""The first bytes of files that stand in git for an image."""


def decode(data: bytes, least_side: int | None = None) -> Pixels | Unreadable:
    """The pixels uint8 [h, w, 3] of an encoded image, BGR, as a person sees it, or why there are none.

    Opaque pictures of 8 bits, and of 16 bits that use the whole range, are as `cv2.imread` returns them, with EXIF
    orientation applied. Others are laid over a ground, or scaled to 8 bits by their range. For a film, it is the most
    typical frame; for a document, the first page. Given `least_side`, a JPEG is decoded at a half or a quarter of its
    size if its short side still has so many pixels.
    """
    picture = read_picture(data, least_side)
    return picture if isinstance(picture, Unreadable) else picture.pixels


def read_picture(data: bytes, least_side: int | None = None) -> Picture | Unreadable:
    """The picture of an encoded image, or why it cannot be decoded. `least_side`: as for `decode`.

    Messages of decoders are not printed. A file that may take more memory or time than its pixels need is decoded in a
    child process.
    """
    header = _suspicious(data)
    return read_here(data, least_side) if header is None else decode_in_child(data, header, least_side, whole=False)


def _suspicious(data: bytes) -> Header | None:
    """The header of a file that may only be decoded in the child process; None for other files."""
    header = read_header(data)
    doubtful = header is not None and is_suspicious(header, data) and refused(header, data) is None
    return header if doubtful else None


def read_here(data: bytes, least_side: int | None = None) -> Picture | Unreadable:
    """As `read_picture`, but always in this process."""
    with hushed():
        return _read(data, least_side)


def _read(data: bytes, least_side: int | None) -> Picture | Unreadable:
    header = read_header(data)
    if header is None:
        return Unreadable(_what_it_is(data))
    if why := refused(header, data):
        return Unreadable(why)
    try:
        picture = _picture(data, header, least_side) or Unreadable(_not_decoded(header, data))
    except MemoryError:
        return _short_of_memory(header)
    if isinstance(picture, Unreadable) and not _has_room(header):  # decoders do not say why they give up
        return _short_of_memory(header)
    return picture


def _gave_up(kind: str) -> str:
    return f"damaged, cut short or of an unusual kind: the {kind} decoder gave up"


def _short_of_memory(header: Header) -> Unreadable:
    size = f"{header.width:,} x {header.height:,} pixels"
    return Unreadable(f"there is not enough memory here to decode its {size}; try again with more", passing=True)


def _has_room(header: Header) -> bool:
    """Whether the memory that decoding takes in the worst case can be allocated."""
    try:
        np.empty(header.width * header.height * BYTES_A_PIXEL.get(header.format, 6), np.uint8)
    except MemoryError:
        return False
    return True


def _picture(data: bytes, header: Header, least_side: int | None) -> Picture | Unreadable | None:
    if header.format in _OTHERS:
        return _by_another_decoder(data, header)
    data = completed(data, header)
    structure = structure_of(data, header)
    if structure.frames > 1 or (structure.behind and header.format == "PNG"):
        return read_frames(data, header, structure)
    if structure.behind and header.format == "JPEG":
        return _with_what_is_behind(data, header)
    if structure.plain:
        reduction = _reduction(header, least_side)
        pixels = upright(data, header, _REDUCED[reduction])
        if pixels is not None:
            return opaque(np.ascontiguousarray(pixels, np.uint8), reduction)
        if header.format not in _READ_OTHERWISE:
            return None
    return _of_all_samples(data, header, structure)


def _of_all_samples(data: bytes, header: Header, structure: Structure) -> Picture | Unreadable | None:
    """A still picture with more than OpenCV's usual result."""
    if header.format == "TIFF":
        buffer = bytearray(data)
        begin_with(next(iter(pages(data)), next(directories(data))), buffer)
        raw = read_page(buffer, header, structure)
    else:
        raw = read_still(data, header, structure)
        if raw is None and header.format == "JPEG 2000":
            found = decode_jpeg2000(data)
            if isinstance(found, Unreadable):
                return found
            raw = found
    if raw is not None and structure.behind:
        raw = raw._replace(everything=np.frombuffer(data, np.uint8))
    return None if raw is None else still(raw)


def _with_what_is_behind(data: bytes, header: Header) -> Picture | None:
    """A JPEG with further pictures, which count as frames, or with data that no decoder here reads, which count in the
    digest; None for any other JPEG.
    """
    first = decoded(data)
    if first is None:
        return None
    pictures, other = behind(data)
    whole = np.ascontiguousarray(first, np.uint8)
    raw = Raw(whole, None, whole, everything=np.frombuffer(data, np.uint8) if other else None)
    if not pictures:
        return still(raw)
    raws = chain([raw], _further(pictures[: most_frames(header) - 1], header))
    return chosen(raws, header, data, total=1 + len(pictures), kind="pictures")


def _further(pictures: tuple[bytes, ...], header: Header) -> Iterator[Raw]:
    """Those behind the first, up to one that is not decoded."""
    for part in pictures:
        if not _is_as_small(part, header) or (more := decoded(part)) is None:
            return
        pixels = np.asarray(more, np.uint8)
        yield Raw(pixels, None, pixels)


def _is_as_small(part: bytes, first: Header) -> bool:
    """Whether a further picture is no larger than the first, and no bomb: by the first, the work is bounded."""
    one = read_header(part)
    return one is not None and one.width * one.height <= first.width * first.height and refused(one, part) is None


def _by_another_decoder(data: bytes, header: Header) -> Picture | Unreadable | None:
    """The picture of a format that OpenCV does not read; None if no frame can be decoded."""
    found = _OTHERS[header.format](data, most_frames(header))
    if isinstance(found, Unreadable):
        return found
    total, raws = found
    try:
        if total == 1:
            return still(next(iter(raws)))
        return chosen(raws, header, data, total=total, kind="pictures" if header.format == "HEIC" else "film")
    except NotDecodedError as error:
        return Unreadable(str(error))


def _not_decoded(header: Header, data: bytes) -> str:
    """Why the decoders gave up, if the file's structure shows it."""
    kind_of = {"TIFF": unusual_kind, "JPEG": unusual_jpeg}.get(header.format, lambda _data: None)
    if (unusual := kind_of(data)) is None:
        return _gave_up(header.format)
    if header.format == "JPEG" or find_spec("imagecodecs") is not None:
        return f"{unusual}, which no decoder here reads"
    return f"{unusual}, which is not read without imagecodecs: pip install imagecodecs"


def preview(pixels: Pixels) -> bytes:
    """A small WebP picture of pixels [h, w, 3], with at most PREVIEW_SIDE pixels on its long side."""
    height, width = pixels.shape[:2]
    scale = min(1.0, PREVIEW_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".webp", small, [cv2.IMWRITE_WEBP_QUALITY, PREVIEW_QUALITY])[1].tobytes()


def reduction_of(data: bytes, least_side: int | None) -> int:
    """The factor by which `decode` reduces this image: 1, 2 or 4."""
    header = read_header(data) if least_side is not None else None
    return 1 if header is None else _reduction(header, least_side)


def _reduction(header: Header, least_side: int | None) -> int:
    """The factor; above 1 only for JPEG, where reducing saves time."""
    if least_side is None or header.format != "JPEG":
        return 1
    return next(
        factor for factor in (4, 2, 1) if factor == 1 or min(header.width, header.height) >= factor * least_side
    )


def decode_whole(data: bytes, least_side: int | None = None) -> Picture | Unreadable:
    """As `read_picture`; but a picture with missing or damaged parts that the decoder fills in is unreadable.

    Decodes one image at a time, also if several threads call it.
    """
    header = _suspicious(data)
    if header is not None:
        return decode_in_child(data, header, least_side, whole=True)
    return decode_whole_here(data, least_side)


def decode_whole_here(data: bytes, least_side: int | None = None) -> Picture | Unreadable:
    """As `decode_whole`, but always in this process."""
    picture, complaints = overheard(partial(_decoded_aloud, data, least_side))
    if isinstance(picture, Unreadable):
        header = read_header(data)
        short = header is not None and _NO_MEMORY.search(complaints)
        return _short_of_memory(header) if header is not None and short else picture
    if picture.sound or not _DAMAGE.search(complaints):
        return picture
    return Unreadable("damaged: its decoder found errors, and made up the rest")


def _decoded_aloud(data: bytes, least_side: int | None) -> Picture | Unreadable:
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_WARNING)
    try:
        return _read(data, least_side)
    finally:
        cv2.utils.logging.setLogLevel(level)


def _what_it_is(data: bytes) -> str:
    if not data:
        return "an empty file"
    if is_dicom(data):
        return "DICOM without a picture, or compressed as a whole, which is not read"
    unknown = "not an image in a supported format, or its header is damaged"
    return next((text for start, text in _POINTERS.items() if data.startswith(start)), unknown)
