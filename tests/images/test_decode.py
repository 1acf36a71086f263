from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from conftest import encoded, photograph, random_picture, whole_pixels
from encoders import chunk, interlaced_png, saved
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image, features

from imgsim_guard.images.claims import PIXELS_A_BYTE
from imgsim_guard.images.decode import decode, reduction_of
from imgsim_guard.images.headers import MAX_PIXELS, Header, read_header
from imgsim_guard.images.picture import PIXEL_DIGEST_SIZE, pixel_digest
from imgsim_guard.model import Unreadable

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

WIDTH, HEIGHT = 61, 40
PHOTO = Image.fromarray(
    np.asarray(Image.open(io.BytesIO(photograph("astronaut.png"))).convert("RGB").resize((WIDTH, HEIGHT)))
)
GRAY = PHOTO.convert("L")
GRAY16 = Image.fromarray(np.asarray(GRAY).astype(np.uint16) * 257)
OTHER = PHOTO.rotate(180)

NOT_AN_IMAGE = Unreadable("not an image in a supported format, or its header is damaged")


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(PHOTO, "JPEG", exif=exif)


IMAGES: dict[str, bytes] = {
    "JPEG baseline": saved(PHOTO, "JPEG"),
    "JPEG progressive": saved(PHOTO, "JPEG", progressive=True),
    "JPEG CMYK": saved(PHOTO.convert("CMYK"), "JPEG"),
    "JPEG 4:4:4": saved(PHOTO, "JPEG", subsampling=0),
    "JPEG gray": saved(GRAY, "JPEG"),
    "JPEG with a comment": saved(PHOTO, "JPEG", comment=b"\xff\xc0 is no frame in here"),
    **{f"JPEG orientation {orientation}": turned(orientation) for orientation in range(1, 9)},
    "PNG": saved(PHOTO, "PNG"),
    "PNG gray": saved(GRAY, "PNG"),
    "PNG 16 bit": saved(GRAY16, "PNG"),
    "PNG 1 bit": saved(PHOTO.convert("1"), "PNG"),
    "PNG palette": saved(PHOTO.quantize(), "PNG"),
    "PNG RGBA": saved(PHOTO.convert("RGBA"), "PNG"),
    "PNG gray+alpha": saved(GRAY.convert("LA"), "PNG"),
    "PNG interlaced": interlaced_png(PHOTO),
    "WebP lossy": saved(PHOTO, "WEBP"),
    "WebP lossless": saved(PHOTO, "WEBP", lossless=True),
    "WebP alpha": saved(PHOTO.convert("RGBA"), "WEBP"),
    "WebP animated": saved(PHOTO, "WEBP", save_all=True, append_images=[OTHER], lossless=True),
    "TIFF": saved(PHOTO, "TIFF"),
    "TIFF 16 bit": saved(GRAY16, "TIFF"),
    "TIFF LZW": saved(PHOTO, "TIFF", compression="tiff_lzw"),
    "TIFF multi-page": saved(PHOTO, "TIFF", save_all=True, append_images=[OTHER]),
    "TIFF big": saved(PHOTO, "TIFF", big_tiff=True),
    "BMP": saved(PHOTO, "BMP"),
    "BMP palette": saved(PHOTO.quantize(), "BMP"),
    "GIF": saved(PHOTO, "GIF"),
    "GIF animated": saved(PHOTO, "GIF", save_all=True, append_images=[OTHER], duration=50),
    "AVIF": saved(PHOTO, "AVIF"),
    "AVIF animated": saved(PHOTO, "AVIF", save_all=True, append_images=[OTHER]),
    "JPEG 2000": saved(PHOTO, "JPEG2000"),
    "JPEG 2000 codestream": saved(PHOTO, "JPEG2000", no_jp2=True),
    "Netpbm PPM": saved(PHOTO, "PPM"),
    "Netpbm PGM": saved(GRAY, "PPM"),
    "Netpbm with a comment": b"P6 # 1 2\n# 3 4\n2 1\n255\n\1\2\3\4\5\6",
}
FORMATS = ("JPEG 2000", "JPEG", "PNG", "WebP", "TIFF", "BMP", "GIF", "AVIF", "Netpbm")
BOX = b"\0\0\0\x0cjP  \r\n\x87\n"


def pixels_of(data: bytes) -> NDArray[np.uint8]:
    pixels = decode(data)
    assert not isinstance(pixels, Unreadable), pixels
    return pixels


@pytest.mark.parametrize("name", IMAGES)
def test_pixels_are_those_of_imread(name: str, tmp_path: Path) -> None:
    file = tmp_path / "the name does not matter"
    file.write_bytes(IMAGES[name])

    pixels = pixels_of(IMAGES[name])

    expected = cv2.imread(str(file))
    assert expected is not None
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("name", IMAGES)
def test_the_header_agrees_with_the_decoder(name: str) -> None:
    header = read_header(IMAGES[name])

    assert header is not None
    assert header.format == next(known for known in FORMATS if name.startswith(known))
    size = pixels_of(IMAGES[name]).shape[:2]
    lies_down = name.startswith("JPEG orientation") and int(name[-1]) >= 5  # those that exchange width and height
    assert (header.width, header.height) == (size if lies_down else size[::-1])


@pytest.mark.parametrize("name", ["PNG", "PNG interlaced", "WebP lossless", "TIFF", "TIFF LZW", "BMP", "Netpbm PPM"])
def test_lossless_formats_give_the_pixels_that_were_saved(name: str) -> None:
    np.testing.assert_array_equal(pixels_of(IMAGES[name])[:, :, ::-1], np.asarray(PHOTO))


def test_the_first_page_of_a_document_is_shown() -> None:
    np.testing.assert_array_equal(pixels_of(IMAGES["TIFF multi-page"])[:, :, ::-1], np.asarray(PHOTO))


def test_sixteen_bits_are_brought_to_eight() -> None:
    np.testing.assert_array_equal(pixels_of(IMAGES["PNG 16 bit"]), pixels_of(IMAGES["PNG gray"]))


@pytest.mark.parametrize(
    ("orientation", "operation"),
    [
        (2, Image.Transpose.FLIP_LEFT_RIGHT),
        (3, Image.Transpose.ROTATE_180),
        (4, Image.Transpose.FLIP_TOP_BOTTOM),
        (5, Image.Transpose.TRANSPOSE),
        (6, Image.Transpose.ROTATE_270),
        (7, Image.Transpose.TRANSVERSE),
        (8, Image.Transpose.ROTATE_90),
    ],
)
def test_exif_orientation_is_applied(orientation: int, operation: Image.Transpose) -> None:
    upright = Image.fromarray(pixels_of(turned(1)))
    np.testing.assert_array_equal(pixels_of(turned(orientation)), np.asarray(upright.transpose(operation)))


def test_the_test_machine_can_write_every_format() -> None:
    assert [name for name in ("webp", "avif", "jpg_2000", "libtiff") if not features.check(name)] == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "an empty file"),
        (b"A picture of a cat\n", NOT_AN_IMAGE.reason),
        (b"<!DOCTYPE html><title>404</title>", NOT_AN_IMAGE.reason),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", NOT_AN_IMAGE.reason),
        (b"\0" * 1000, NOT_AN_IMAGE.reason),
        (np.random.default_rng(0).bytes(1000), NOT_AN_IMAGE.reason),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 5\n",
            "a git LFS pointer, not an image; git lfs pull brings the image",
        ),
        (
            b"/annex/objects/SHA256E-s5--" + b"0" * 64 + b".jpg\n",
            "a git-annex pointer, not an image; imgsim-guard scan checks what git annex get brought",
        ),
        (
            b"\0GITCRYPT\0" + bytes(range(200)),
            "encrypted by git-crypt, not an image; imgsim-guard scan checks the files where they are unlocked",
        ),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", NOT_AN_IMAGE.reason),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", NOT_AN_IMAGE.reason),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", NOT_AN_IMAGE.reason),
        (b"\x89PNG\r\n\x1a\n", NOT_AN_IMAGE.reason),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"\0" * 13), NOT_AN_IMAGE.reason),
        (b"\xff\xd8\xff\xd9", NOT_AN_IMAGE.reason),
        (b"\xff\xd8\xff\xe0\0\x04\0\0 not a marker", NOT_AN_IMAGE.reason),
        (b"P6 1", NOT_AN_IMAGE.reason),
        (b"P6 one two\n", NOT_AN_IMAGE.reason),
        (b"II+\0\x08\0\0\0" + b"\xff" * 8, NOT_AN_IMAGE.reason),
        (b"II*\0" + struct.pack("<IH", 8, 0), NOT_AN_IMAGE.reason),
        (b"P6 2 1 255\n\1\2\3", "damaged, cut short or of an unusual kind: the Netpbm decoder gave up"),
    ],
)
def test_what_is_no_image_is_unreadable_for_a_reason(data: bytes, reason: str) -> None:
    assert decode(data) == Unreadable(reason)


@pytest.mark.parametrize("tenths", range(10))
@pytest.mark.parametrize("name", IMAGES)
def test_a_file_that_was_cut_short_is_unreadable_unless_its_first_image_is_whole(name: str, tenths: int) -> None:
    data = IMAGES[name]

    outcome = decode(data[: len(data) * tenths // 10])

    if isinstance(outcome, Unreadable):
        kind = next(known for known in FORMATS if name.startswith(known))
        gave_up = f"damaged, cut short or of an unusual kind: the {kind} decoder gave up"
        assert outcome.reason in {"an empty file" if tenths == 0 else NOT_AN_IMAGE.reason, gave_up}
    else:
        assert name.startswith("TIFF")  # whose later pages, and what is said about the picture, may be missing
        np.testing.assert_array_equal(outcome, pixels_of(data))


SIDE = 50_000
BOMBS: dict[str, bytes] = {
    "PNG": b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)),
    "GIF": b"GIF89a" + struct.pack("<HH", SIDE, SIDE) + b"\x80\0\0",
    "BMP": b"BM" + b"\0" * 12 + struct.pack("<IiiHH", 40, SIDE, SIDE, 1, 24),
    "BMP from the top": b"BM" + b"\0" * 12 + struct.pack("<IiiHH", 40, SIDE, -SIDE, 1, 24),
    "BMP of the first version": b"BM" + b"\0" * 12 + struct.pack("<IHHHH", 12, SIDE, SIDE, 1, 24),
    "TIFF": b"II*\0" + struct.pack("<IHHHIIHHIII", 8, 2, 256, 4, 1, SIDE, 257, 4, 1, SIDE, 0),
    "TIFF big-endian, 16 bit": b"MM\0*"
    + struct.pack(">IHHHIHHHHIHHI", 8, 2, 256, 3, 1, SIDE, 0, 257, 3, 1, SIDE, 0, 0),
    "TIFF big": b"II+\0" + struct.pack("<HHQQHHQQHHQQ", 8, 0, 16, 2, 256, 16, 1, SIDE, 257, 16, 1, SIDE),
    "WebP VP8X": b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0"
    + (SIDE - 1).to_bytes(3, "little")
    + (SIDE - 1).to_bytes(3, "little"),
    "JPEG": b"\xff\xd8\xff\xc0" + struct.pack(">HBHH", 17, 8, SIDE, SIDE) + b"\3",
    "JPEG progressive, after fill bytes": b"\xff\xd8\xff\xff\xff\xc2" + struct.pack(">HBHH", 17, 8, SIDE, SIDE) + b"\3",
    "AVIF": b"\0\0\0\x18ftypavif\0\0\0\0mif1avif\0\0\0\x14ispe" + struct.pack(">III", 0, SIDE, SIDE),
    "AVIF by its other brand": b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif\0\0\0\x14ispe" + struct.pack(">III", 0, SIDE, SIDE),
    "AVIF grid": b"\0\0\0\x18ftypavif\0\0\0\0mif1avif"
    b"\0\0\0\x14ispe" + struct.pack(">III", 0, 512, 512) + b"\0\0\0\x14ispe" + struct.pack(">III", 0, SIDE, SIDE),
    "JPEG 2000": BOX + b"\0\0\0\x10jp2c" + b"\xff\x4f\xff\x51" + struct.pack(">HHIIII", 47, 0, SIDE, SIDE, 0, 0),
    "JPEG 2000 codestream": b"\xff\x4f\xff\x51" + struct.pack(">HHIIII", 47, 0, SIDE + 7, SIDE + 7, 7, 7),
    "Netpbm": b"P6\n50000 50000\n255\n",
}


def refuse_to_decode(*_: object) -> None:
    raise AssertionError("this must not reach the decoder")


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_by_its_header(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "imdecode", refuse_to_decode)

    assert decode(BOMBS[name]) == Unreadable("50000 x 50000 pixels, more than the 268,435,456 that are decoded")


def test_the_largest_lossless_webp_is_no_bomb() -> None:
    largest = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + struct.pack("<I", 16383 | 16383 << 14)
    assert read_header(largest) == Header("WebP", 16384, 16384)
    assert MAX_PIXELS == 16384 * 16384


def test_as_many_pixels_as_are_decoded_pass_the_header() -> None:
    at_the_limit = b"P6 16384 16384 255\n" + np.random.default_rng(0).bytes(MAX_PIXELS // PIXELS_A_BYTE)
    assert read_header(at_the_limit) == Header("Netpbm", 16384, 16384)
    assert MAX_PIXELS == 16384 * 16384
    assert decode(at_the_limit) == Unreadable("damaged, cut short or of an unusual kind: the Netpbm decoder gave up")


def mutated(data: bytes, edits: list[tuple[int, int]]) -> bytes:
    changed = bytearray(data)
    for position, octet in edits:
        changed[position % len(changed)] = octet
    return bytes(changed)


def assert_pixels_or_a_reason(data: bytes) -> None:
    header = read_header(data)
    assume(header is None or header.width * header.height < 2**20)  # larger ones are slow, not different
    outcome = decode(data)
    if isinstance(outcome, Unreadable):
        assert outcome.reason
    else:
        assert outcome.dtype == np.uint8
        assert outcome.ndim == 3
        assert outcome.shape[2] == 3


EDITS = st.lists(st.tuples(st.integers(0, 2**16) | st.integers(0, 100), st.integers(0, 255)), min_size=1, max_size=8)
SIGNATURES = st.sampled_from([data[:length] for data in IMAGES.values() for length in (4, 12, 16, 24)])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(data=st.binary(max_size=200) | st.builds(lambda start, rest: start + rest, SIGNATURES, st.binary(max_size=200)))
def test_any_bytes_give_pixels_or_a_reason(data: bytes) -> None:
    assert_pixels_or_a_reason(data)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(name=st.sampled_from(sorted(IMAGES)), edits=EDITS)
def test_a_damaged_image_gives_pixels_or_a_reason(name: str, edits: list[tuple[int, int]]) -> None:
    assert_pixels_or_a_reason(mutated(IMAGES[name], edits))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(name=st.sampled_from(sorted(IMAGES)), edits=EDITS, length=st.integers(0, 2000))
def test_reading_a_header_never_fails(name: str, edits: list[tuple[int, int]], length: int) -> None:
    header = read_header(mutated(IMAGES[name], edits)[:length])
    assert header is None or (header.width > 0 and header.height > 0)


def test_the_same_pixels_have_the_same_digest_whatever_held_them() -> None:
    picture = random_picture(1)
    digest = pixel_digest(picture)
    assert len(digest) == PIXEL_DIGEST_SIZE
    assert pixel_digest(pixels_of(encoded(picture, ".png"))) == digest
    assert pixel_digest(pixels_of(encoded(picture, ".bmp"))) == digest
    assert pixel_digest(np.asfortranarray(picture)) == digest


def test_one_changed_pixel_changes_the_digest() -> None:
    picture = random_picture(1)
    changed = picture.copy()
    changed[3, 5, 1] ^= 1
    assert pixel_digest(changed) != pixel_digest(picture)


def test_the_shape_is_part_of_the_digest() -> None:
    picture = random_picture(1)
    height, width, _ = picture.shape
    assert pixel_digest(picture.reshape(width, height, 3)) != pixel_digest(picture)


# Decoded smaller

LARGE = np.asarray(cv2.resize(random_picture(3), (1300, 1700), interpolation=cv2.INTER_CUBIC), np.uint8)


@pytest.mark.parametrize(
    ("suffix", "least_side", "factor"),
    [(".jpg", 325, 4), (".jpg", 326, 2), (".jpg", 650, 2), (".jpg", 651, 1), (".jpg", None, 1), (".png", 100, 1)],
)
def test_a_jpeg_is_decoded_smaller_where_enough_pixels_are_left(
    suffix: str, least_side: int | None, factor: int
) -> None:
    data = encoded(LARGE, suffix)
    pixels = whole_pixels(data, least_side)
    assert isinstance(pixels, np.ndarray)
    assert reduction_of(data, least_side) == factor
    assert pixels.shape == (1700 // factor, 1300 // factor, 3)
    averaged = cv2.resize(LARGE, (1300 // factor, 1700 // factor), interpolation=cv2.INTER_AREA)
    assert np.abs(averaged.astype(float) - pixels).mean() < 3


def test_a_turned_jpeg_is_turned_when_it_is_decoded_smaller_too() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(Image.fromarray(LARGE), "JPEG", exif=exif)
    pixels, whole = decode(data, 300), decode(data)
    assert isinstance(pixels, np.ndarray)
    assert isinstance(whole, np.ndarray)
    assert (pixels.shape, whole.shape) == ((325, 425, 3), (1300, 1700, 3))
    assert np.abs(cv2.resize(whole, (425, 325), interpolation=cv2.INTER_AREA).astype(float) - pixels).mean() < 3


def test_a_damaged_jpeg_is_unreadable_when_it_is_decoded_smaller_too() -> None:
    data = encoded(LARGE, ".jpg")
    assert isinstance(whole_pixels(data[: len(data) // 2], 300), Unreadable)


def test_pixels_that_were_decoded_smaller_are_not_those_of_a_small_picture() -> None:
    pixels = random_picture(1)
    assert len({pixel_digest(pixels), pixel_digest(pixels, 1), pixel_digest(pixels, 2), pixel_digest(pixels, 4)}) == 3
