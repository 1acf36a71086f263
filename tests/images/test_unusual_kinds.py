"""Kinds of files that OpenCV does not read, or does not show as other viewers do."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from encoders import UNDONE_BY, saved
from PIL import Image
from test_other_decoders import COLOURS, GREY, PHOTO, SIZE
from test_picture import picture_of, png_of, same, tiff_of

from imgsim_guard.images import scientific_tiff
from imgsim_guard.images.decode import decode_whole, read_here, read_picture
from imgsim_guard.images.headers import read_header
from imgsim_guard.images.structure import structure_of
from imgsim_guard.model import Unreadable

if TYPE_CHECKING:
    from numpy.typing import NDArray

BGR = COLOURS[:, :, ::-1]
AS_SEEN = UNDONE_BY | {6: Image.Transpose.ROTATE_270, 8: Image.Transpose.ROTATE_90}
"""What a viewer does to a picture with this orientation."""

CLEAR = np.where(GREY > 100, 255, 0).astype(np.uint8)

# TIFF


def few_bits(bits: int, **options: Any) -> bytes:
    return tiff_of(GREY >> 8 - bits, bitspersample=bits, photometric="minisblack", **options)


INKS = np.dstack([255 - COLOURS, np.zeros_like(GREY)])

UNUSUAL = {
    "two bits": few_bits(2),
    "four bits": few_bits(4),
    "six bits": few_bits(6),
    "small tiles": tiff_of(COLOURS, photometric="rgb", tile=(16, 32)),
    "LZMA": tiff_of(COLOURS, photometric="rgb", compression="lzma"),
    "Zstandard": tiff_of(GREY.astype(np.int16), compression="zstd", predictor=True),
    "inks of 16 bits": tiff_of(INKS.astype(np.uint16) * 257, photometric="separated"),
    "planes of inks": tiff_of(
        np.moveaxis(INKS.astype(np.uint16) * 257, 2, 0), photometric="separated", planarconfig="separate"
    ),
    "deep palette": tiff_of(
        GREY.astype(np.uint16),
        photometric="palette",
        colormap=np.stack([np.arange(65536, dtype=np.uint16) << 8] * 3),
    ),
    "white is zero": tiff_of(65535 - GREY.astype(np.uint16) * 16, photometric="miniswhite"),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_tiffs_are_shown_and_not_called_damaged(name: str) -> None:
    shown = decode_whole(UNUSUAL[name])
    assert not isinstance(shown, Unreadable), shown
    assert np.corrcoef(shown.pixels[:, :, 1].ravel(), GREY.ravel())[0, 1] > 0.93, name  # two bits are 0.94


def test_inks_become_their_colours() -> None:
    assert same(picture_of(UNUSUAL["inks of 16 bits"]).pixels, BGR, within=1)


def test_few_bits_are_the_same_picture_as_their_png() -> None:
    levels = np.asarray((GREY >> 4) * 17, np.uint8)
    assert picture_of(few_bits(4)).digest == picture_of(png_of(levels)).digest


@pytest.mark.parametrize("compression", ["jpeg2000", "jpegxl", "png"])
def test_a_tiff_compressed_as_opencv_does_not_know_is_no_black_picture(
    compression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tiff_of(COLOURS, photometric="rgb", compression=compression)
    shown = decode_whole(data)
    assert not isinstance(shown, Unreadable), shown
    assert same(shown.pixels, BGR, within=2)
    monkeypatch.setattr(scientific_tiff, "read_page", lambda *_args: None)  # as without imagecodecs
    assert "compression" in str(read_here(data))


TURNED: dict[str, tuple[NDArray[Any], dict[str, Any]]] = {
    "float": (COLOURS.astype(np.float32) / 255, {"photometric": "rgb"}),
    "12 bits": (COLOURS.astype(np.uint16) * 16, {"photometric": "rgb"}),
    "five bands": (np.dstack([COLOURS, GREY, GREY]), {"photometric": "rgb"}),
    "grey with alpha": (
        np.dstack([GREY, CLEAR]),
        {"photometric": "minisblack", "planarconfig": "contig", "extrasamples": ["unassalpha"]},
    ),
    "tiles": (COLOURS, {"photometric": "rgb", "tile": (32, 32)}),
    "8 bits": (COLOURS, {"photometric": "rgb"}),
}


@pytest.mark.parametrize("name", TURNED)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_kind_of_tiff_is_turned_as_it_says(name: str, orientation: int) -> None:
    samples, options = TURNED[name]
    upright = Image.fromarray(np.ascontiguousarray(picture_of(tiff_of(samples, **options)).pixels))
    turned = upright if orientation == 1 else upright.transpose(AS_SEEN[orientation])
    data = tiff_of(samples, extratags=[(274, "H", 1, orientation, True)], **options)
    np.testing.assert_array_equal(picture_of(data).pixels, np.asarray(turned))


@pytest.mark.parametrize("kinds", [["unassalpha", "unspecified"], ["unspecified", "unassalpha"]])
def test_alpha_is_seen_beside_other_extra_samples(kinds: list[str]) -> None:
    other = 255 - GREY
    extra = [CLEAR if kind == "unassalpha" else other for kind in kinds]
    data = tiff_of(np.dstack([COLOURS, *extra]), photometric="rgb", extrasamples=kinds)
    flat = np.where(CLEAR[..., None] > 0, BGR, 255)
    assert same(picture_of(data).pixels, flat.astype(np.uint8), within=0)
    changed = tiff_of(
        np.dstack([COLOURS, *(one // 2 * 2 if one is other else one for one in extra)]),
        photometric="rgb",
        extrasamples=kinds,
    )
    assert picture_of(data).digest != picture_of(changed).digest


def test_lab_becomes_its_colours() -> None:
    lab = np.asarray(cv2.cvtColor(BGR.astype(np.float32) / 255, cv2.COLOR_BGR2LAB), np.float64)
    signed = np.rint(lab * np.asarray([65535 / 100, 256, 256])).astype(np.int32).astype(np.uint16)
    middle = np.rint(lab * np.asarray([2.55, 1, 1]) + np.asarray([0, 128, 128])).astype(np.uint8)
    for data in (tiff_of(signed, photometric="cielab"), tiff_of(middle, photometric="icclab")):
        assert np.abs(picture_of(data).pixels.astype(int) - BGR).mean() < 1


def test_an_unusual_tiff_that_was_cut_short_is_damaged() -> None:
    data = UNUSUAL["small tiles"]
    assert isinstance(decode_whole(data[: len(data) // 2]), Unreadable)


def test_samples_that_are_all_alike_are_shown_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for value in (0.0, 1.0, -2.5, 1e30, 1e-38):
            assert np.ptp(picture_of(tiff_of(np.full((40, 50), value, np.float32))).pixels) == 0


def pages_below(inner: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(GREY, photometric="minisblack", subifds=1)
        writer.write(inner, photometric="minisblack")
    return file.getvalue()


def slices(last: NDArray[Any]) -> NDArray[Any]:
    return np.stack([GREY, GREY[::-1], last])


HIDDEN = {
    "a stack with one directory": lambda last: tiff_of(slices(last), photometric="minisblack", truncate=True),
    "a volume": lambda last: tiff_of(slices(last), photometric="minisblack", volumetric=True, tile=(1, 64, 64)),
    "a page below the page": pages_below,
}


@pytest.mark.parametrize("name", HIDDEN)
def test_pictures_that_are_no_pages_count_for_exact_duplicates(name: str) -> None:
    whole, again, other = (picture_of(HIDDEN[name](last)) for last in (GREY, GREY, 255 - GREY))
    assert whole.digest == again.digest != other.digest
    np.testing.assert_array_equal(whole.pixels, other.pixels)


def test_a_page_with_a_profile_has_no_more_than_that() -> None:
    plain, described = tiff_of(COLOURS, photometric="rgb"), tiff_of(COLOURS, photometric="rgb", iccprofile=bytes(40000))
    assert picture_of(plain).digest == picture_of(described).digest


# Files that end early, but have all of their pixels


def test_a_gif_without_its_last_byte_is_whole() -> None:
    data = saved(PHOTO.quantize(64), "GIF")
    assert data.endswith(b";")
    assert picture_of(data[:-1]).digest == picture_of(data).digest
    for cut in (2, 20, len(data) // 2):
        assert isinstance(decode_whole(data[:-cut]), Unreadable)


def test_numbers_in_text_may_end_without_a_line_end() -> None:
    text = b"P2 200 150 255\n" + b" ".join(b"%d" % value for value in GREY.ravel().tolist())
    assert same(picture_of(text).pixels[..., 0], GREY, within=0)
    assert isinstance(decode_whole(text[: len(text) // 2]), Unreadable)


# JPEGs that photographs are not


def test_unusual_jpegs_are_called_what_they_are() -> None:
    deep = imagecodecs.jpeg8_encode(GREY.astype(np.uint16) * 16, bitspersample=12)
    lossless = imagecodecs.ljpeg_encode(GREY)
    assert decode_whole(bytes(deep)) == Unreadable("a JPEG of 12 bits a sample, which no decoder here reads")
    assert decode_whole(bytes(lossless)) == Unreadable("a lossless JPEG, which no decoder here reads")
    cut = saved(PHOTO, "JPEG")[:400]
    assert decode_whole(cut) == Unreadable("damaged, cut short or of an unusual kind: the JPEG decoder gave up")


# Alpha of 10 and 12 bits


def test_alpha_of_ten_and_twelve_bits_is_as_opaque_as_it_says() -> None:
    samples = {bits: np.dstack([COLOURS, CLEAR]).astype(np.uint16) << bits - 8 for bits in (10, 12)}
    for deep in samples.values():
        deep[..., 3] |= deep[..., 3] >> 8
    files = {
        "AVIF, 10": imagecodecs.avif_encode(samples[10], bitspersample=10, level=100),
        "AVIF, 12": imagecodecs.avif_encode(samples[12], bitspersample=12, level=100),
        "JPEG 2000": imagecodecs.jpeg2k_encode(samples[12], bitspersample=12, reversible=True, level=0),
        "JPEG 2000, grey": imagecodecs.jpeg2k_encode(
            np.ascontiguousarray(samples[12][..., [1, 3]]), bitspersample=12, reversible=True, level=0
        ),
    }
    for name, data in files.items():
        shown = picture_of(bytes(data)).pixels
        assert shown[CLEAR == 0].min() > 250, name
        assert np.abs(shown[..., 1].astype(int) - COLOURS[..., 1])[CLEAR > 0].mean() < 6, name


# Turned pictures

AS_HELD = UNDONE_BY | {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
"""What a camera does to an upright picture that it marks so."""


def exif_of(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes().removeprefix(b"Exif\0\0")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_avif_and_webp_are_turned_as_they_say(orientation: int) -> None:
    turned = PHOTO if orientation == 1 else PHOTO.transpose(AS_HELD[orientation])
    clear = turned.copy()
    clear.putalpha(254)
    exif = exif_of(orientation)
    files = {
        "AVIF": saved(turned, "AVIF", exif=exif, quality=95),
        "AVIF with alpha": saved(clear, "AVIF", exif=exif, quality=95),
        "WebP": saved(turned, "WEBP", exif=b"Exif\0\0" + exif, quality=95),
        "WebP, bare": saved(turned, "WEBP", exif=exif, quality=95),
    }
    for name, data in files.items():
        shown = picture_of(data).pixels
        assert shown.shape[1::-1] == SIZE, name
        assert np.abs(shown.astype(int) - BGR).mean() < 8, name


def test_pictures_that_are_turned_differently_are_not_the_same() -> None:
    for kind in ("AVIF", "WEBP"):
        assert picture_of(saved(PHOTO, kind)).digest != picture_of(saved(PHOTO, kind, exif=exif_of(3))).digest


# Netpbm, BMP, APNG, JPEG 2000


@pytest.mark.parametrize("most", [1, 15, 100])
def test_a_netpbm_is_as_light_as_its_largest_value_says(most: int) -> None:
    for kind, samples in ((b"P5", GREY), (b"P6", COLOURS)):
        few = np.asarray(samples.astype(int) * most // 255, np.uint8)
        data = kind + b"\n%d %d\n%d\n" % (*SIZE, most) + few.tobytes()
        expected = np.asarray(few.astype(int) * 255 // most, np.uint8)
        shown = picture_of(data)
        assert same(shown.pixels[..., ::-1], expected if expected.ndim == 3 else np.dstack([expected] * 3))
        assert shown.digest == picture_of(png_of(shown.pixels)).digest


def test_the_picture_that_a_film_hides_counts_for_exact_duplicates() -> None:
    frames = [PHOTO.rotate(180), PHOTO.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    for some in (frames, frames[:1]):
        one, other = (
            picture_of(saved(hidden, "PNG", save_all=True, default_image=True, append_images=some))
            for hidden in (PHOTO, Image.new("RGB", SIZE, "red"))
        )
        assert one.digest != other.digest
        assert len(some) == 1 or same(one.pixels, other.pixels)


@pytest.mark.parametrize("codestream", ["jp2", "j2k"])
def test_grey_jpeg_2000_is_read(codestream: str) -> None:
    data = bytes(imagecodecs.jpeg2k_encode(GREY, codecformat=codestream, reversible=True, level=0))
    assert picture_of(data).digest == picture_of(png_of(GREY)).digest
    assert not isinstance(decode_whole(data), Unreadable)
    assert isinstance(read_picture(data[: len(data) // 2]), Unreadable)


def test_the_frames_of_an_avif_with_sound_are_those_that_are_seen() -> None:
    film = saved(PHOTO, "AVIF", save_all=True, append_images=[PHOTO.rotate(180)], quality=60)
    assert picture_of(film).total == 2
    sound = b"trak" + b"hdlr" + bytes(8) + b"soun" + b"stsz" + bytes(8) + (99).to_bytes(4)
    at = film.index(b"mdat") - 4
    with_sound = film[:at] + (len(sound) + 8).to_bytes(4) + b"free" + sound + film[at:]
    header = read_header(with_sound)
    assert header is not None
    assert structure_of(with_sound, header).frames == 2


def test_an_avif_with_a_map_of_brightness_is_only_the_same_as_itself() -> None:
    clear = PHOTO.copy()
    clear.putalpha(Image.fromarray(CLEAR))
    for picture in (PHOTO, clear):
        plain = saved(picture, "AVIF")
        mapped = [plain + (20).to_bytes(4) + b"freetmap" + bytes([value] * 8) for value in (1, 2)]
        one, other = (picture_of(data) for data in mapped)
        assert one.digest != other.digest
        assert same(one.pixels, other.pixels)
        assert same(one.pixels, picture_of(plain).pixels)
