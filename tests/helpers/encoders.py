"""One picture, saved in every way that is read."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pillow_heif
import tifffile
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

pillow_heif.register_heif_opener()

TILE = 64

UNDONE_BY = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""What to do to a picture so that a viewer who obeys this EXIF orientation shows it upright."""

SUFFIXES = {
    "JPEG 2000": "jp2",
    "JPEG": "jpg",
    "PNG": "png",
    "WebP": "webp",
    "TIFF": "tif",
    "BMP": "bmp",
    "GIF": "gif",
    "AVIF": "avif",
    "HEIC": "heic",
    "Netpbm": "ppm",
}
"""The usual one of each format, by the word that the names of `every_way` begin with."""


def kind_of(name: str) -> str:
    """The format of one of the ways."""
    return next(kind for kind in SUFFIXES if name.startswith(kind))


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """As Pillow saves it."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    """One of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def interlaced_png(picture: Image.Image) -> bytes:
    """Adam7 (PNG, section 8.2), which Pillow does not write."""
    pixels = np.asarray(picture)
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    rows = b"".join(
        b"\0" + row.tobytes() for top, left, down, right in passes for row in pixels[top::down, left::right]
    )
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 2, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def turned(picture: Image.Image, kind: str, orientation: int) -> bytes:
    """Saved lying on its side or mirrored, with the EXIF orientation that makes it upright again."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    lying = picture.transpose(UNDONE_BY[orientation]) if orientation in UNDONE_BY else picture
    return saved(lying, kind, exif=exif.tobytes())


def deep(picture: Image.Image, suffix: str) -> bytes:
    """With 16 bits a channel."""
    pixels = np.asarray(picture)[:, :, ::-1].astype(np.uint16) * 257
    return cv2.imencode(suffix, pixels)[1].tobytes()


def tiff(pixels: NDArray[Any], **options: Any) -> bytes:
    """As tifffile writes it, which knows tiles, planes and byte orders."""
    file = io.BytesIO()
    order = options.pop("byteorder", "<")
    tifffile.imwrite(file, pixels, byteorder=order, photometric="rgb", **options)
    return file.getvalue()


def every_way(picture: Image.Image, other: Image.Image) -> dict[str, bytes]:
    """An RGB picture's file, by the way it is saved; `other` is what later frames and pages show."""
    palette = picture.quantize(method=Image.Quantize.MEDIANCUT)
    clear = picture.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(picture.size))
    pixels = np.asarray(picture)
    more: dict[str, Any] = {"save_all": True, "append_images": [other]}
    return {
        "JPEG baseline": saved(picture, "JPEG", quality=90),
        "JPEG progressive": saved(picture, "JPEG", quality=90, progressive=True),
        "JPEG CMYK": saved(picture.convert("CMYK"), "JPEG", quality=90),
        "JPEG 4:4:4": saved(picture, "JPEG", quality=90, subsampling=0),
        "JPEG with restarts": saved(picture, "JPEG", quality=90, restart_marker_rows=1),
        **{f"JPEG orientation {orientation}": turned(picture, "JPEG", orientation) for orientation in range(1, 9)},
        "PNG 8 bit": saved(picture, "PNG"),
        "PNG 16 bit": deep(picture, ".png"),
        "PNG palette": saved(palette, "PNG"),
        "PNG RGBA": saved(clear, "PNG"),
        "PNG interlaced": interlaced_png(picture),
        "WebP lossy": saved(picture, "WEBP", quality=90),
        "WebP lossless": saved(picture, "WEBP", lossless=True),
        "TIFF 8 bit": saved(picture, "TIFF"),
        "TIFF 16 bit": deep(picture, ".tiff"),
        "TIFF LZW": saved(picture, "TIFF", compression="tiff_lzw"),
        "TIFF Deflate": saved(picture, "TIFF", compression="tiff_adobe_deflate"),
        "TIFF JPEG": saved(picture, "TIFF", compression="jpeg", quality=90),
        "TIFF tiled": tiff(pixels, tile=(TILE, TILE)),
        "TIFF big-endian": tiff(pixels, byteorder=">"),
        "TIFF multi-page": saved(picture, "TIFF", **more),
        "BMP": saved(picture, "BMP"),
        "GIF": saved(picture, "GIF"),
        "GIF animated": saved(picture, "GIF", duration=50, **more),
        "AVIF": saved(picture, "AVIF", quality=90),
        "JPEG 2000": saved(picture, "JPEG2000"),
        "JPEG 2000 tiled": saved(picture, "JPEG2000", tile_size=(TILE, TILE)),
        "JPEG 2000 lossy": saved(picture, "JPEG2000", irreversible=True, quality_mode="rates", quality_layers=[10]),
        "JPEG 2000 codestream": saved(picture, "JPEG2000", no_jp2=True),
        "Netpbm": saved(picture, "PPM"),
        "HEIC": saved(picture, "HEIF", quality=90),
        "HEIC 10 bit": deep_heic(picture),
        "HEIC two pictures": saved(picture, "HEIF", quality=90, **more),
        **{f"HEIC orientation {orientation}": turned(picture, "HEIF", orientation) for orientation in (3, 5, 6, 8)},
    }


def deep_heic(picture: Image.Image) -> bytes:
    """HEIC with 10 bits a channel."""
    deeper = (np.asarray(picture).astype(np.uint16) * 257).tobytes()
    file = io.BytesIO()
    pillow_heif.from_bytes(mode="RGB;16", size=picture.size, data=deeper).save(file, quality=90)
    return file.getvalue()
