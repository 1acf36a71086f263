"""Scientific TIFFs, DICOM, JPEG XL and HEIC, and JPEGs as cameras and phones write them."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import pillow_heif
import pydicom
import pytest
from conftest import photograph
from encoders import saved
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from test_picture import picture_of, tiff_of

from imgsim_guard.images import decode as decoding
from imgsim_guard.images import scientific_tiff
from imgsim_guard.images.decode import decode_whole, read_here, read_picture
from imgsim_guard.images.headers import Header, read_header
from imgsim_guard.model import Unreadable

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE = 200, 150
PHOTO = Image.open(io.BytesIO(photograph("coffee.png"))).convert("RGB").resize(SIZE)
OTHER = Image.open(io.BytesIO(photograph("chelsea.png"))).convert("RGB").resize(SIZE)
GREY = np.asarray(PHOTO.convert("L"))
COLOURS = np.asarray(PHOTO)


def jxl_of(samples: NDArray[Any], effort: int | None = None) -> bytes:
    return bytes(imagecodecs.jpegxl_encode(np.ascontiguousarray(samples), lossless=True, effort=effort))


def alike(shown: NDArray[np.uint8], grey: NDArray[Any] = GREY) -> bool:
    return bool(np.corrcoef(shown[:, :, 1].ravel(), grey.ravel())[0, 1] > 0.98)


# TIFF

KINDS = {
    "half": tiff_of((GREY / 255).astype(np.float16)),
    "64 bits": tiff_of(GREY.astype(np.uint64)),
    "complex": tiff_of(GREY.astype(np.complex64)),
    "five bands": tiff_of(np.stack([GREY] * 5, -1), photometric="minisblack", planarconfig="contig"),
    "thirteen of 16 bits": tiff_of(np.stack([GREY] * 13).astype(np.uint16) * 9, photometric="minisblack"),
    "planes": tiff_of(np.stack([GREY] * 6), photometric="minisblack", planarconfig="separate"),
    "big, in tiles": tiff_of(
        np.stack([GREY] * 6, -1).astype(np.uint16),
        bigtiff=True,
        tile=(64, 64),
        photometric="minisblack",
        planarconfig="contig",
    ),
    "deflated": tiff_of((GREY / 255).astype(np.float32), compression="zlib"),
}


@pytest.mark.parametrize("name", KINDS)
def test_tiffs_of_the_sciences_are_read(name: str) -> None:
    assert alike(picture_of(KINDS[name]).pixels)


def test_bands_that_say_that_they_are_red_green_and_blue_are_shown() -> None:
    items = "".join(
        f'<Item name="COLORINTERP" sample="{at}" role="colorinterp">{colour}</Item>'
        for at, colour in ((3, "Red"), (1, "Green"), (2, "Blue"))
    )
    bands = np.dstack([GREY, COLOURS[..., 1], COLOURS[..., 2], COLOURS[..., 0], 255 - GREY])
    data = tiff_of(
        bands,
        photometric="minisblack",
        planarconfig="contig",
        extratags=[(42112, "s", 0, f"<GDALMetadata>{items}</GDALMetadata>", True)],
    )
    np.testing.assert_array_equal(picture_of(data).pixels[:, :, ::-1], COLOURS)


def test_metadata_of_bands_that_is_megabytes_of_anything_takes_no_time() -> None:
    """Of a quarter of it, each beginning was searched to the end of all: a minute."""
    text = 'sample="0"' * 100_000 + f'sample="{"1" * 5000}">Red<'
    started = time.process_time()
    assert scientific_tiff._NAMED.findall(text) == []  # noqa: SLF001  the file takes longer to write
    assert time.process_time() - started < 5


def test_what_a_file_names_as_no_data_does_not_move_the_range() -> None:
    heights = GREY.astype(np.float32) / 7 + 280
    gaps = heights.copy()
    gaps[:60] = -9999
    shown = picture_of(tiff_of(gaps, extratags=[(42113, "s", 0, "-9999", True)])).pixels
    assert alike(shown[60:], GREY[60:])
    assert shown[:60].max() == 0


def test_bands_that_are_not_shown_count() -> None:
    bands = [np.dstack([COLOURS, GREY, extra]) for extra in (GREY, 255 - GREY)]
    digests = {picture_of(tiff_of(one, photometric="rgb", planarconfig="contig")).digest for one in bands}
    assert len(digests) == 2


def test_grey_with_alpha_is_transparent() -> None:
    alpha = np.where(GREY > 100, 255, 0).astype(np.uint8)
    data = tiff_of(
        np.dstack([GREY, alpha]), photometric="minisblack", planarconfig="contig", extrasamples=["unassalpha"]
    )
    assert picture_of(data).pixels[alpha == 0].min() == 255


def test_what_no_decoder_reads_is_called_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytearray(tiff_of((GREY / 255).astype(np.float16)))
    at = data.index(b"\x03\x01\x03\x00\x01\x00\x00\x00\x01\x00")
    data[at + 8] = 5  # LZW, says the directory
    kind = "a TIFF of 1 x 16-bit floats a pixel, compression 5"
    assert read_picture(bytes(data)) == Unreadable(f"{kind}, which no decoder here reads")
    monkeypatch.setattr(decoding, "find_spec", lambda _name: None)
    assert read_picture(bytes(data)) == Unreadable(
        f"{kind}, which is not read without imagecodecs: pip install imagecodecs"
    )


def test_a_scientific_tiff_that_was_cut_short_is_damaged() -> None:
    data = tiff_of(GREY.astype(np.float32))
    assert decode_whole(data[: len(data) // 2]) == Unreadable(
        "damaged, cut short or of an unusual kind: the TIFF decoder gave up"
    )


# DICOM, JPEG XL, HEIC


def dicom_of(
    samples: NDArray[Any], *, kind: str = "MONOCHROME2", window: tuple[int, int] | None = None, order: str = "<"
) -> bytes:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian if order == "<" else pydicom.uid.ExplicitVRBigEndian
    meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
    meta.MediaStorageSOPInstanceUID = pydicom.uid.UID("1.2.3")
    little = order == "<"
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128), is_implicit_VR=False, is_little_endian=little)
    dataset.Rows, dataset.Columns = samples.shape[-2:]
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation, dataset.SamplesPerPixel = 15, 1, 1
    dataset.PhotometricInterpretation = kind
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
    if samples.ndim == 3:
        dataset.NumberOfFrames = len(samples)
    if window:
        dataset.WindowCenter, dataset.WindowWidth = window
    dataset.PixelData = samples.astype(order + "i2").tobytes()
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def test_dicom_that_begins_as_a_tiff_is_dicom() -> None:
    data = dicom_of(GREY.astype(int))
    assert picture_of(b"II*\0\x08\0\0\0" + data[8:]).digest == picture_of(data).digest


def test_dicom_with_the_high_byte_first_is_read() -> None:
    little, big = (picture_of(dicom_of(GREY.astype(int), order=order)) for order in "<>")
    np.testing.assert_array_equal(little.pixels, big.pixels)
    assert alike(big.pixels)


def test_dicom_without_a_picture_is_no_damage(capfd: pytest.CaptureFixture[str]) -> None:
    dataset = pydicom.dcmread(io.BytesIO(dicom_of(GREY.astype(int))))
    del dataset.PixelData
    for rows in (True, False):
        if not rows:
            del dataset.Rows
        file = io.BytesIO()
        dataset.save_as(file, enforce_file_format=True)
        outcome = read_picture(file.getvalue())
        assert isinstance(outcome, Unreadable)
        assert outcome.reason.startswith("DICOM without a picture")
    assert capfd.readouterr().err == ""


def test_dicom_is_shown_by_its_window() -> None:
    shown = picture_of(dicom_of(GREY.astype(int) + 1024, window=(128, 64))).pixels[:, :, 0]
    expected = np.clip((GREY.astype(float) - 96) / 64, 0, 1) * 255
    assert np.abs(shown - expected).max() <= 2
    assert alike(picture_of(dicom_of(GREY.astype(int) * 8)).pixels)
    assert alike(255 - picture_of(dicom_of(GREY.astype(int) * 8, kind="MONOCHROME1")).pixels)


def test_the_frames_of_a_dicom_count() -> None:
    frames = np.stack([GREY, GREY[::-1], GREY[:, ::-1]]).astype(int)
    picture = picture_of(dicom_of(frames))
    assert (picture.total, picture.seen, len(picture.frames)) == (3, 3, 3)
    assert picture.digest != picture_of(dicom_of(frames[:2])).digest


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(200, 150), (200, 200), (77, 43), (16, 9), (300, 2)])
def test_jpeg_xl_is_read(mode: str, size: tuple[int, int]) -> None:
    data = jxl_of(np.asarray(PHOTO.convert(mode).resize(size)))
    assert read_header(data) == Header("JPEG XL", *size)
    np.testing.assert_array_equal(
        picture_of(data).pixels[:, :, ::-1], np.asarray(PHOTO.convert(mode).resize(size).convert("RGB"))
    )


def test_the_alpha_depth_and_frames_of_jpeg_xl_count() -> None:
    alpha = np.where(GREY > 100, 255, 0).astype(np.uint8)
    for colours in (COLOURS, GREY[..., None]):
        assert picture_of(jxl_of(np.dstack([colours, alpha]))).pixels[alpha == 0].min() == 255
    deep = picture_of(jxl_of(COLOURS.astype(np.uint16) * 16))
    assert alike(deep.pixels)
    assert deep.digest != picture_of(jxl_of(COLOURS)).digest


@pytest.mark.parametrize("grey", [False, True])
def test_a_film_in_jpeg_xl_is_none_of_its_frames(grey: bool) -> None:  # noqa: FBT001
    frames = np.stack([np.asarray(one.convert("L") if grey else one) for one in (PHOTO, OTHER, PHOTO.rotate(180))])
    film, again = picture_of(jxl_of(frames)), picture_of(jxl_of(frames[[0, 1, 1]]))
    assert (film.total, film.seen, len(film.frames)) == (3, 3, 3)
    assert (again.total, len(again.frames)) == (3, 2)
    assert len({film.digest, again.digest, picture_of(jxl_of(frames[0])).digest}) == 3


def test_a_film_in_jpeg_xl_that_takes_too_much_memory_counts_as_its_first_frame() -> None:
    frames = np.zeros((60, 1500, 1500, 3), np.uint8)
    frames[:, 300:900, 200:700] = np.arange(60, dtype=np.uint8)[:, None, None, None] + 100
    film = picture_of(jxl_of(frames, effort=1))
    assert (film.total, film.pixels.shape) == (1, (1500, 1500, 3))
    assert film.digest != picture_of(jxl_of(frames[0])).digest


@pytest.mark.parametrize("codestream", [False, True])
def test_jpeg_2000_of_grey_with_alpha_is_the_same_picture_as_png(
    codestream: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clear = PHOTO.convert("LA")
    clear.putalpha(Image.fromarray(np.where(GREY > 100, 255, 0).astype(np.uint8)))
    data = saved(clear, "JPEG2000", no_jp2=codestream)
    assert picture_of(data).digest == picture_of(saved(clear, "PNG")).digest
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    outcome = read_picture(data)
    assert isinstance(outcome, Unreadable)
    assert outcome.reason == (
        "JPEG 2000 that is damaged, or of a kind that imagecodecs reads: pip install 'imgsim-guard[jxl]'"
    )


def test_lzw_with_floats_of_16_bits_is_read() -> None:
    data = tiff_of((GREY / 255).astype(np.float16), compression="lzw")
    assert alike(picture_of(data).pixels)


def test_the_alpha_of_heic_and_its_further_pictures_count() -> None:
    clear = PHOTO.convert("RGBA")
    clear.putalpha(Image.fromarray(np.where(GREY > 100, 255, 0).astype(np.uint8)))
    assert picture_of(saved(clear, "HEIF", quality=-1)).other is not None
    file = pillow_heif.from_pillow(PHOTO)
    file.add_from_pillow(OTHER)
    both = io.BytesIO()
    file.save(both)
    assert (picture_of(both.getvalue()).total, len(picture_of(both.getvalue()).frames)) == (2, 2)
    assert alike(picture_of(both.getvalue()).pixels)


@pytest.mark.parametrize("name", ["JXL", "HEIF", "DICOM"])
def test_what_is_cut_short_is_damaged(name: str) -> None:
    data = dicom_of(GREY.astype(int)) if name == "DICOM" else jxl_of(COLOURS) if name == "JXL" else saved(PHOTO, name)
    outcome = read_picture(data[: len(data) * 2 // 3])
    assert isinstance(outcome, Unreadable)
    assert outcome.reason.startswith("damaged, cut short or of an unusual kind: the ")


@pytest.mark.parametrize(("module", "extra"), [("imagecodecs", "jxl"), ("pydicom", "dicom"), ("pillow_heif", "heic")])
def test_without_the_extra_the_message_names_it(module: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = {"jxl": jxl_of(COLOURS), "heic": saved(PHOTO, "HEIF"), "dicom": dicom_of(GREY.astype(int))}[extra]
    monkeypatch.setitem(sys.modules, module, None)
    outcome = read_here(data)  # the child has modules of its own
    assert isinstance(outcome, Unreadable)
    assert outcome.reason.endswith(f"pip install 'imgsim-guard[{extra}]'")


# JPEGs as they are

JPEG = saved(PHOTO, "JPEG", quality=90)
AT = 4 + int.from_bytes(JPEG[4:6])
NOISE = np.random.default_rng(0).integers(0, 255, 300_000, dtype=np.uint8).tobytes()

AS_THEY_ARE = {
    "a stray byte": JPEG[:AT] + b"\0" + JPEG[AT:],
    "stray bytes": JPEG[:AT] + b"abcdefg" + JPEG[AT:],
    "stuffed bytes": JPEG[:AT] + b"\xff\0\xff\0" + JPEG[AT:],
    "fill bytes": JPEG[:AT] + b"\xff" * 40 + JPEG[AT:],
    "markers in an application's segment": JPEG[:AT] + b"\xff\xe5\x4e\x22" + b"\xff\xda\xff\xd9" * 5000 + JPEG[AT:],
    "a video behind it": JPEG + b"\0\0\0\x18ftypmp42" + NOISE.replace(b"\0", b"\xff\xda"),
    "zeros behind it": JPEG + bytes(5000),
    "restarts": saved(PHOTO, "JPEG", quality=90, restart_marker_blocks=4),
    "progressive": saved(PHOTO, "JPEG", quality=90, progressive=True),
}


@pytest.mark.parametrize("name", AS_THEY_ARE)
def test_jpegs_of_cameras_and_phones_are_whole(name: str) -> None:
    whole = decode_whole(AS_THEY_ARE[name])
    assert not isinstance(whole, Unreadable)
    np.testing.assert_array_equal(whole.pixels, picture_of(JPEG).pixels)


def test_a_photograph_with_a_video_is_not_the_same_file_as_without() -> None:
    assert picture_of(AS_THEY_ARE["a video behind it"]).digest != picture_of(JPEG).digest
    assert picture_of(AS_THEY_ARE["zeros behind it"]).digest == picture_of(JPEG).digest


def test_the_further_pictures_of_a_camera_for_stereo_count() -> None:
    one, other = (
        saved(PHOTO.copy(), "MPO", save_all=True, append_images=[second]) for second in (OTHER, OTHER.rotate(180))
    )
    pictures = [picture_of(one), picture_of(other)]
    assert [(picture.total, len(picture.frames)) for picture in pictures] == [(2, 2)] * 2
    assert pictures[0].digest != pictures[1].digest
    np.testing.assert_array_equal(pictures[0].pixels, pictures[1].pixels)


def test_a_map_of_brightness_is_no_picture() -> None:
    plain = saved(PHOTO.copy(), "MPO", save_all=True, append_images=[OTHER.convert("L")])
    at = 4 + int.from_bytes(plain[4:6])
    words = b'http://ns.adobe.com/xap/1.0/\0<x hdrgm:Version="1.0" Item:Semantic="GainMap"/>'
    data = plain[:at] + b"\xff\xe1" + (2 + len(words)).to_bytes(2) + words + plain[at:]
    picture = picture_of(data)
    assert (picture.total, picture.looks) == (1, ())
    assert picture.digest != picture_of(JPEG).digest


def test_a_jpeg_of_nothing_but_fill_bytes_is_refused_at_once() -> None:
    assert isinstance(read_picture(b"\xff\xd8" + b"\xff" * 2**26), Unreadable)


# What decoders print, and what they have no memory for


def test_no_decoder_prints(capfd: pytest.CaptureFixture[str]) -> None:
    for data in (AS_THEY_ARE["stray bytes"], KINDS["five bands"], KINDS["half"]):
        read_picture(data)
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of memory are the system's")
def test_a_fault_of_the_machine_is_none_of_the_file() -> None:
    code = (
        "import resource, sys, cv2, numpy as np\n"
        "from imgsim_guard.images.decode import decode_whole\n"
        "noise = np.random.default_rng(0).integers(0, 255, (500, 12000, 3), np.uint8)\n"
        "data = cv2.imencode('.png', noise)[1].tobytes()\n"
        "room = int(open('/proc/self/statm').read().split()[0]) * 4096 + 16 * 2**20\n"
        "resource.setrlimit(resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))\n"
        "found = decode_whole(data)\n"
        "print(found.passing, found.reason)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == (
        "True there is not enough memory here to decode its 12,000 x 500 pixels; try again with more\n"
    )


def test_a_fault_of_the_machine_is_known_by_what_the_decoder_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "upright", lambda *_: (_ for _ in ()).throw(MemoryError))
    outcome = read_picture(JPEG)
    assert isinstance(outcome, Unreadable)
    assert outcome.passing
