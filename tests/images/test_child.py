"""Suspicious files are decoded in a child process, within limits of memory and time."""

from __future__ import annotations

import io
import os
import signal
import struct
import subprocess
import sys
from threading import Timer
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np
import pytest
from bombs import FLAT, deflated_dicom, extents
from conftest import encoded, photograph
from encoders import saved
from PIL import Image

from imgsim_guard.images import child
from imgsim_guard.images.claims import is_suspicious, pixels_of
from imgsim_guard.images.decode import decode_whole, read_here, read_picture
from imgsim_guard.images.headers import Header, read_header
from imgsim_guard.images.picture import Picture
from imgsim_guard.model import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs limits of memory that the system holds to")

SIDE = 4300


def jpeg2000(side: int, **options: object) -> bytes:
    return saved(Image.new("RGB", (side, side), (9, 200, 30)), "JPEG2000", no_jp2=True, **options)


def changed(data: bytes, at: int, kind: str, value: int) -> bytes:
    """The coding style (COD), `at` so many bytes after its marker, and SIDE x SIDE pixels."""
    buffer = bytearray(data)
    size, style = data.index(b"\xff\x51"), data.index(b"\xff\x52")
    for offset in (6, 22):
        struct.pack_into(">II", buffer, size + offset, SIDE, SIDE)
    struct.pack_into(kind, buffer, style + at, value)
    return bytes(buffer)


def small_precincts() -> bytes:
    """Of 2 x 2 pixels."""
    return changed(jpeg2000(64, precinct_size=(64, 64), codeblock_size=(4, 4), num_resolutions=1), 14, ">B", 0x11)


def many_layers() -> bytes:
    return changed(jpeg2000(64), 6, ">H", 65535)


def large_and_flat() -> bytes:
    """A PNG with 90 pixels for each byte."""
    picture = np.zeros((7000, 7000, 3), np.uint8)
    picture[:20] = np.random.default_rng(0).integers(0, 256, (20, 7000, 3), np.uint8)
    return encoded(picture, ".png")


SUSPICIOUS: dict[str, Callable[[], bytes]] = {
    "small precincts": small_precincts,
    "many layers": many_layers,
    "large and flat": large_and_flat,
    "an AVIF that claims less than it has": lambda: extents(saved(FLAT, "AVIF"), 10, 10),
    "an AVIF whose pieces are not where it says": lambda: saved(FLAT, "AVIF").replace(b"iloc", b"ilok"),
    "a film": lambda: saved(FLAT, "AVIF", save_all=True, append_images=[Image.new("RGB", (64, 64))]),
    "DICOM": lambda: deflated_dicom(64, 1),
    "a hundred layers": lambda: jpeg2000(64, quality_layers=[2000 - layer for layer in range(100)]),
}
USUAL: dict[str, Callable[[], bytes]] = {
    "JPEG 2000": lambda: jpeg2000(4000),
    "in tiles": lambda: jpeg2000(1024, tile_size=(256, 256)),
    "with precincts of 256 pixels": lambda: jpeg2000(1024, precinct_size=(256, 256)),
    "a flat page": lambda: saved(Image.new("L", (4960, 7016), 255), "PNG"),
    "a photograph": lambda: photograph("chelsea.png"),
    "AVIF": lambda: saved(FLAT, "AVIF"),
    "AVIF with transparency and EXIF": lambda: saved(FLAT.convert("RGBA"), "AVIF", exif=Image.Exif().tobytes()),
    "AVIF of 10 bits": lambda: bytes(imagecodecs.avif_encode(np.zeros((64, 64, 3), np.uint16), bitspersample=10)),
}


@pytest.mark.parametrize("name", [*SUSPICIOUS, *USUAL])
def test_only_unusual_files_are_suspicious(name: str) -> None:
    data = (SUSPICIOUS | USUAL)[name]()
    header = read_header(data)
    assert header is not None
    assert is_suspicious(header, data) == (name in SUSPICIOUS)


def test_a_film_has_the_time_that_its_frames_take() -> None:
    frame = np.zeros((300, 512, 512), np.int16)
    film, picture = (Header("DICOM", 512, 512), bytes(frame.nbytes)), (Header("PNG", 9, 9), b"")
    assert pixels_of(*film) == frame.size
    assert pixels_of(*picture) == 81
    assert pixels_of(film[0], bytes(9)) == 512 * 512


def test_a_large_flat_jpeg_xl_has_the_memory_that_its_decoder_reserves() -> None:
    """It was called damaged."""
    pixels = np.zeros((4500, 4500, 3), np.uint8)
    data = bytes(imagecodecs.jpegxl_encode(pixels, lossless=True, effort=1))
    header = read_header(data)
    assert header is not None
    outcome = child.decode_in_child(data, header, None, whole=True)
    assert isinstance(outcome, Picture)
    assert outcome.pixels.shape == pixels.shape


def test_small_precincts_end_at_the_limit_of_memory_and_that_is_lasting() -> None:
    outcome = decode_whole(small_precincts())
    assert isinstance(outcome, Unreadable)
    assert outcome.reason == (
        "takes more than 280 MB of memory to decode, too much for its 4,300 x 4,300 pixels; save it anew"
    )
    assert not outcome.passing


def test_what_takes_too_long_is_unreadable_but_not_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(child, "PIXELS_A_SECOND", 1e9)
    monkeypatch.setattr(child, "MORE_ON_THE_CLOCK", 1e5)
    outcome = decode_whole(many_layers())
    assert isinstance(outcome, Unreadable)
    assert outcome.reason == "takes more than 0 seconds to decode, too much for its 4,300 x 4,300 pixels; save it anew"
    assert outcome.passing


def test_the_clock_ends_a_child_that_gets_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "MORE_ON_THE_CLOCK", 0.0)
    outcome = decode_whole(many_layers())
    assert isinstance(outcome, Unreadable)
    assert outcome.passing
    assert "takes more than 6 seconds to decode" in outcome.reason


def test_a_child_that_dies_is_no_damage_and_the_next_file_gets_another() -> None:
    data = SUSPICIOUS["a hundred layers"]()
    assert isinstance(decode_whole(data), Picture)
    process = child.CHILD.process
    assert process is not None
    assert isinstance(decode_whole(data), Picture)
    assert child.CHILD.process is process
    os.kill(process.pid, signal.SIGSTOP)  # it takes the request, and dies over it
    killer = Timer(0.3, process.kill)
    killer.start()
    outcome = decode_whole(data)
    assert outcome == Unreadable("its JPEG 2000 decoder ended with code -9; the image may be damaged", passing=True)
    assert isinstance(decode_whole(data), Picture)


@pytest.mark.parametrize("name", ["a hundred layers", "large and flat"])
def test_the_child_gives_what_this_process_gives(name: str) -> None:
    data = SUSPICIOUS[name]()
    there, here = read_picture(data), read_here(data)
    assert isinstance(there, Picture)
    assert isinstance(here, Picture)
    assert there.digest == here.digest
    assert np.array_equal(there.pixels, here.pixels)


def test_films_and_transparent_pictures_come_back_whole() -> None:
    rng = np.random.default_rng(1)
    frames = tuple(rng.integers(0, 256, (4, 5, 3), np.uint8) for _ in range(3))
    for picture in (
        Picture(frames[1], bytes(16), frames=frames, total=9, seen=3, pages=True),
        Picture(frames[0], bytes(16), ground=255, other=frames[1]),
    ):
        wire = io.BytesIO()
        child.write_answer(picture, wire)
        wire.seek(0)
        back = child.read_answer(wire)
        assert isinstance(back, Picture)
        assert [one.tolist() for one in back.looks] == [one.tolist() for one in picture.looks]
        assert back._replace(pixels=picture.pixels, other=picture.other, frames=picture.frames) == picture
    wire.seek(0)
    with pytest.raises(EOFError):
        child.read_answer(io.BytesIO(wire.read()[:-1]))
    with pytest.raises(EOFError):
        child.read_answer(io.BytesIO())


@pytest.mark.parametrize(
    ("kind", "side", "effort"), [("PNG", 7000, {}), ("WEBP", 6600, {"method": 0}), ("AVIF", 4100, {"speed": 10})]
)
def test_noise_behind_a_picture_counts_for_nothing(kind: str, side: int, effort: dict[str, int]) -> None:
    bomb = saved(Image.new("RGB", (side, side)), kind, **effort)
    outcome = decode_whole(bomb + np.random.default_rng(0).bytes(2**20))
    assert isinstance(outcome, Unreadable)
    assert "too few for a picture of them" in outcome.reason


def test_photographs_start_no_child_and_load_nothing_for_it() -> None:
    code = (
        "import sys\nfrom imgsim_guard.images.decode import decode_whole\n"
        "decode_whole(sys.stdin.buffer.read())\nprint('subprocess' in sys.modules)\n"
    )
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(command, input=photograph("chelsea.png"), capture_output=True, check=True)
    assert done.stdout == b"False\n"
