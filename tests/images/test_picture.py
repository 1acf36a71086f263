"""What is in a file beside one opaque picture of 8 bits: it is seen as a person would, and counts in the digest."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
import tifffile
from conftest import photograph
from encoders import saved
from PIL import Image, ImageDraw

from imgsim_guard.images.decode import decode, decode_whole, read_picture
from imgsim_guard.images.headers import read_header
from imgsim_guard.images.structure import Structure, structure_of
from imgsim_guard.model import Unreadable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsim_guard.images.picture import Picture

SIZE = 120, 80
PHOTO = Image.open(io.BytesIO(photograph("coffee.png"))).convert("RGB").resize(SIZE)
OTHERS = [
    Image.open(io.BytesIO(photograph(name))).convert("RGB").resize(SIZE)
    for name in ("chelsea.png", "astronaut.png", "rocket.jpg", "motorcycle_left.png")
]
GREY = np.asarray(PHOTO.convert("L"))
MASK = Image.new("L", SIZE, 0)
ImageDraw.Draw(MASK).ellipse((10, 10, 100, 70), fill=255)
BLACK = Image.new("RGB", SIZE)


def cut_out(picture: Image.Image = PHOTO, mask: Image.Image = MASK) -> Image.Image:
    found = picture.copy()
    found.putalpha(mask)
    return found


def on(ground: str, picture: Image.Image) -> NDArray[np.uint8]:
    """The picture over a ground, BGR."""
    whole = Image.new("RGB", picture.size, ground)
    whole.paste(picture.convert("RGB"), mask=picture.getchannel("A"))
    return np.asarray(whole)[:, :, ::-1]


def picture_of(data: bytes) -> Picture:
    picture = read_picture(data)
    assert not isinstance(picture, Unreadable), picture
    assert decode_whole(data) is not None
    return picture


def png_of(samples: NDArray[Any]) -> bytes:
    return cv2.imencode(".png", samples)[1].tobytes()


def tiff_of(samples: NDArray[Any], **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, samples, **options)
    return file.getvalue()


def same(one: NDArray[np.uint8], other: NDArray[np.uint8], *, within: float = 0) -> bool:
    return one.shape == other.shape and bool(np.abs(one.astype(int) - other).max() <= within)


LOSSLESS: dict[str, tuple[str, dict[str, object]]] = {
    "PNG": ("PNG", {}),
    "WebP": ("WEBP", {"lossless": True, "exact": True}),
    "TIFF": ("TIFF", {}),
    "JPEG 2000": ("JPEG2000", {}),
}


# Transparency


@pytest.mark.parametrize("name", LOSSLESS)
def test_a_transparent_picture_is_laid_on_white(name: str) -> None:
    kind, options = LOSSLESS[name]
    picture = picture_of(saved(cut_out(), kind, **options))
    assert same(picture.pixels, on("white", cut_out()), within=1)
    assert picture.other is not None
    assert same(picture.other, on("black", cut_out()), within=1)


@pytest.mark.parametrize("picture", [cut_out().convert("LA"), cut_out().quantize(64)], ids=["LA", "palette"])
def test_grey_and_palette_have_transparency_too(picture: Image.Image) -> None:
    seen = picture_of(saved(picture, "PNG")).pixels
    assert same(seen, on("white", picture.convert("RGBA")), within=1)


def test_a_colour_that_a_png_names_as_transparent_is() -> None:
    for picture, colour in ((PHOTO, PHOTO.getpixel((5, 5))), (PHOTO.convert("L"), int(GREY[5, 5]))):
        shown = picture_of(saved(picture, "PNG", transparency=colour)).pixels
        assert shown[5, 5].tolist() == [255, 255, 255]


def test_a_gif_and_an_avif_have_transparency_too() -> None:
    for kind in ("GIF", "AVIF"):
        assert picture_of(saved(cut_out(), kind)).pixels[0, 0].tolist() == [255, 255, 255]


def test_what_is_light_is_laid_on_black() -> None:
    light = cut_out(Image.new("RGB", SIZE, (250, 250, 240)))
    assert same(picture_of(saved(light, "PNG")).pixels, on("black", light), within=1)


def test_sixteen_bits_of_colours_are_laid_on_a_ground_too() -> None:
    deep = (np.asarray(cut_out()).astype(np.uint16) * 257)[:, :, [2, 1, 0, 3]]
    assert same(picture_of(png_of(deep)).pixels, on("white", cut_out()), within=1)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_transparent_picture_is_turned_as_an_opaque_one(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    clear = MASK.point(lambda value: 254 + (value > 0))  # no more than a trace of transparency
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True, "exact": True})):
        opaque = decode(saved(PHOTO, kind, exif=exif, **options))
        assert isinstance(opaque, np.ndarray)
        assert same(picture_of(saved(cut_out(mask=clear), kind, exif=exif, **options)).pixels, opaque, within=1)


@pytest.mark.parametrize("name", LOSSLESS)
def test_opaque_alpha_changes_nothing(name: str) -> None:
    kind, options = LOSSLESS[name]
    with_alpha = picture_of(saved(PHOTO.convert("RGBA"), kind, **options))
    without = picture_of(saved(PHOTO, kind, **options))
    assert same(with_alpha.pixels, without.pixels)
    assert with_alpha.digest == without.digest
    assert with_alpha.looks == ()


def test_pictures_that_differ_in_their_alpha_alone_are_not_the_same() -> None:
    other = Image.new("L", SIZE, 0)
    ImageDraw.Draw(other).rectangle((10, 10, 100, 70), fill=255)
    digests = {picture_of(saved(cut_out(mask=mask), "PNG")).digest for mask in (MASK, other, Image.new("L", SIZE, 0))}
    assert len(digests) == 3


# Depth


def test_pictures_that_differ_below_eight_bits_are_not_the_same() -> None:
    deep = GREY.astype(np.uint16) * 257
    finer = deep.copy()
    finer[3, 3] ^= 1
    assert picture_of(png_of(deep)).digest != picture_of(png_of(finer)).digest


@pytest.mark.parametrize(
    "samples",
    [
        GREY.astype(np.uint16) * 16,
        GREY.astype(np.uint16) * 4,
        GREY.astype(np.uint16) * 2 + 100,
        GREY.astype(np.uint16) + 29_300,
        GREY.astype(np.int16) * 10 - 1000,
        GREY.astype(np.float32) / 255,
        GREY.astype(np.float64) * 0.02 + 280,
        GREY.astype(np.uint32),
        GREY.astype(np.int32) - 128,
    ],
    ids=["12 bits", "10 bits", "9 bits", "thermal", "signed", "0 to 1", "kelvin", "32 bits", "signed 32 bits"],
)
def test_samples_that_fill_a_part_of_their_type_are_shown_by_that_part(samples: NDArray[Any]) -> None:
    shown = picture_of(tiff_of(samples)).pixels[:, :, 0]
    assert np.corrcoef(shown.ravel(), GREY.ravel())[0, 1] > 0.999
    assert int(shown.max()) - int(shown.min()) > 90


def test_what_is_no_number_is_as_dark_as_the_darkest() -> None:
    samples = GREY.astype(np.float32) / 255
    samples[:20] = np.nan
    shown = picture_of(tiff_of(samples)).pixels
    assert shown[:20].max() == 0
    assert shown[20:].max() > 200


def test_a_crop_is_brought_to_eight_bits_by_the_same_range() -> None:
    samples = np.asarray(Image.open(io.BytesIO(photograph("camera.png"))).convert("L")).astype(np.uint16) * 13 + 200
    whole, crop = (picture_of(tiff_of(part)).pixels for part in (samples, samples[40:460, 40:460]))
    assert same(whole[40:460, 40:460], crop)


# Frames and pages

FILM = [BLACK, PHOTO, *OTHERS[:2]]


def film(frames: list[Image.Image], kind: str, **options: Any) -> bytes:
    first, *rest = [frame.copy() for frame in frames]  # Pillow keeps what it was last saved as
    return saved(first, kind, save_all=True, append_images=rest, **options)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF", "TIFF"])
def test_all_frames_count(kind: str) -> None:
    whole, other = film(FILM, kind), film([*FILM[:-1], OTHERS[2]], kind)
    pictures = [picture_of(data) for data in (whole, other, film(FILM, kind))]
    assert pictures[0].digest == pictures[2].digest != pictures[1].digest
    assert [(picture.total, picture.seen, len(picture.frames)) for picture in pictures] == [(4, 4, 3)] * 3
    assert pictures[0].pixels.std() > 20, "a black frame stands for the film"


def test_the_timing_of_a_film_does_not_count() -> None:
    assert picture_of(film(FILM, "GIF", duration=40)).digest == picture_of(film(FILM, "GIF", duration=90)).digest


def test_the_sound_of_a_film_counts() -> None:
    silent = film(FILM, "AVIF")
    sounds = [silent + (28).to_bytes(4) + b"freetrak" + b"soun" + bytes([value] * 12) for value in (1, 1, 2)]
    digests = [picture_of(data).digest for data in (silent, *sounds)]
    assert digests[1] == digests[2]
    assert len(set(digests)) == 3


def test_smaller_versions_of_a_page_and_masks_are_no_pages() -> None:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(GREY)
        writer.write(GREY[::2, ::2], subfiletype=1)
        writer.write(GREY[::4, ::4], subfiletype=1)
    assert picture_of(file.getvalue()).digest == picture_of(tiff_of(GREY)).digest


def test_pages_may_have_sizes_and_types_of_their_own() -> None:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for page in (GREY, np.asarray(OTHERS[0])[:50, :70], GREY.astype(np.uint16) * 16):
            writer.write(page)
    picture = picture_of(file.getvalue())
    assert [frame.shape for frame in picture.frames] == [(80, 120, 3), (50, 70, 3)], "the third page shows the first"
    assert picture.total == 3


def test_of_a_long_film_so_many_frames_are_looked_at() -> None:
    frames = [Image.new("L", (8, 8), at % 256) for at in range(300)]
    for at, frame in enumerate(frames):
        frame.putpixel((at % 8, at // 8 % 8), 255 - at % 256)
    picture, longer = (picture_of(film(some, "GIF")) for some in (frames, [*frames, Image.new("L", (8, 8), 77)]))
    assert (picture.total, picture.seen) == (300, 256)
    assert picture.digest != longer.digest


@pytest.mark.parametrize(
    ("name", "structure"),
    [
        ("JPEG", Structure()),
        ("PNG", Structure()),
        ("PNG16", Structure(deep=True)),
        ("GIF", Structure()),
        ("WEBP", Structure()),
        ("AVIF", Structure()),
        ("TIFF", Structure()),
        ("JPEG2000", Structure()),
        ("PPM", Structure()),
    ],
)
def test_a_photograph_has_nothing_more(name: str, structure: Structure) -> None:
    data = png_of(GREY.astype(np.uint16) * 257) if name == "PNG16" else saved(PHOTO, name)
    header = read_header(data)
    assert header is not None
    assert structure_of(data, header) == structure


def test_a_structure_that_is_cut_short_is_left_to_the_decoder() -> None:
    for data in (film(FILM, "GIF"), film(FILM, "WEBP"), film(FILM, "TIFF"), saved(cut_out(), "AVIF")):
        header = read_header(data)
        assert header is not None
        for length in range(12, 200):
            assert structure_of(data[:length], header).frames >= 1


def test_the_deepest_netpbm_is_deep() -> None:
    data = b"P5 2 2 4095\n" + np.array([0, 1000, 2000, 4095], ">u2").tobytes()
    assert picture_of(data).pixels[1, 1, 0] == 255
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) is not None


@pytest.mark.parametrize("mask", [0xFF000000, 0])
def test_a_bmp_is_transparent_where_its_header_names_a_mask_of_alpha(mask: int) -> None:
    samples = np.zeros((20, 30, 4), np.uint8)
    samples[:, 15:, 3] = 255
    header = struct.pack("<IiiHHIIiiII", 108, 30, -20, 1, 32, 3, samples.size, 2835, 2835, 0, 0)
    header += struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, mask) + b"BGRs" + bytes(48)
    picture = read_picture(b"BM" + struct.pack("<IHHI", 122 + samples.size, 0, 0, 122) + header + samples.tobytes())
    assert not isinstance(picture, Unreadable)
    assert picture.pixels[:, :15].min() == (255 if mask else 0)
    assert picture.pixels[:, 15:].max() == 0
