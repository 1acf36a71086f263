"""Files that would take a machine's memory or time: refused from the header, or harmless."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from bombs import DECODED, TOO_FEW_BYTES, TOO_MANY, Measured, all_of_them, jxl, measure, size, tiff
from conftest import encoded, photograph
from encoders import saved
from PIL import Image

from imgsim_guard.images.claims import PIXELS_A_BYTE
from imgsim_guard.images.decode import decode
from imgsim_guard.images.headers import MAX_TILE, jxl_depth, read_header
from imgsim_guard.model import Unreadable
from imgsim_guard.system.cache_folder import CACHE_VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")

MEGABYTES = 300
"""Beyond what the process takes with its libraries loaded."""

LIBRARIES = 90
"""Megabytes that a child process has with its libraries loaded."""

SECONDS = 20
"""Ten times the two seconds that are promised, for a machine that is busy with other things."""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Measured]:
    return measure(all_of_them(), tmp_path_factory.mktemp("bombs"))


@pytest.mark.parametrize(
    "name",
    [*(f"too many: {name}" for name in TOO_MANY), *(f"too few: {name}" for name in TOO_FEW_BYTES), *DECODED],
)
def test_no_file_takes_much_memory_or_time(name: str, measured: dict[str, Measured]) -> None:
    assert measured[name].megabytes < MEGABYTES
    assert measured[name].childs < MEGABYTES + LIBRARIES
    assert measured[name].seconds < SECONDS


@pytest.mark.parametrize("name", TOO_MANY)
def test_2_5_gigapixels_are_refused_from_the_header(name: str, measured: dict[str, Measured]) -> None:
    assert measured[f"too many: {name}"].answer == "50000 x 50000 pixels, more than the 268,435,456 that are decoded"
    assert measured[f"too many: {name}"].megabytes < 5


@pytest.mark.parametrize("name", TOO_FEW_BYTES)
def test_a_quarter_of_a_gigapixel_in_a_small_file_is_refused_from_the_header(
    name: str, measured: dict[str, Measured]
) -> None:
    assert measured[f"too few: {name}"].answer.startswith("16384 x 16384 pixels in ")
    assert measured[f"too few: {name}"].answer.endswith(" bytes, too few for a picture of them")
    assert measured[f"too few: {name}"].megabytes < 5


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("a TIFF with a tile of 256 megapixels", "not an image in a supported format, or its header is damaged"),
        ("a JPEG of 5,000 scans", "more than 100 scans, which no JPEG needs"),
        ("a JPEG of as many scans as may be", "2000x2000x3"),
        (
            "a PNG with a chunk of 2 GB that is not there",
            "damaged, cut short or of an unusual kind: the PNG decoder gave up",
        ),
        ("a PNG of a million chunks", "64x64x3"),
        ("a TIFF of 60,000 pages", "1x1x3"),
        (
            "a TIFF whose tile is a larger JPEG 2000",
            "a TIFF of 1 x 8-bit whole numbers a pixel, compression 34712, which no decoder here reads",
        ),
        ("a GIF of 200,000 frames", "1000x1000x3"),
        ("a PNG strip of 1 x 100,000", "100000x1x3"),
        ("a TIFF strip of 100,000 x 1", "1x100000x3"),
        (
            "a WebP with a large picture on a small canvas",
            "damaged, cut short or of an unusual kind: the WebP decoder gave up",
        ),
        ("a HEIC that claims less than it has", "damaged, cut short or of an unusual kind: the HEIC decoder gave up"),
        ("a JPEG of 5,000 scans behind 20,000 comments", "more than 100 scans, which no JPEG needs"),
        ("a JPEG with a large picture behind it", "64x64x3"),
        ("a JPEG with 100 pictures behind it", "64x64x3"),
        ("a document whose second page is large", "1x1x3"),
        ("a document of large pages", "6000x6000x3"),
        (
            "a deflated DICOM that claims less than it has",
            "takes more than 280 MB of memory to decode, too much for its 64 x 64 pixels; save it anew",
        ),
        ("a JPEG XL of floats", "4000 x 4000 pixels in 22,938 bytes, too few for a picture of them"),
        ("a JPEG XL of 16 bits with transparency", "4000 x 4000 pixels in 4,978 bytes, too few for a picture of them"),
        (
            "a HEIC of 36 megapixels that claims 100 pixels",
            "damaged, cut short or of an unusual kind: the HEIC decoder gave up",
        ),
        ("a JPEG of fill bytes", "not an image in a supported format, or its header is damaged"),
        ("a JPEG with fill bytes between segments", "64x64x3"),
    ],
)
def test_what_is_harmless_is_read_and_what_lies_is_not(name: str, answer: str, measured: dict[str, Measured]) -> None:
    assert measured[name].answer == answer


def test_a_large_drawing_with_transparency_is_no_bomb() -> None:
    """Of 24 megapixels, the size that printers of shirts ask for, in less than 200 kB."""
    drawing = Image.new("RGBA", (4500, 5400))
    drawing.paste((200, 30, 40, 255), (1000, 1000, 3000, 4000))
    data = saved(drawing, "PNG")
    assert len(data) < 200_000
    pixels = decode(data)
    assert not isinstance(pixels, Unreadable)
    assert pixels.shape == (5400, 4500, 3)


def test_a_large_picture_is_no_bomb() -> None:
    """Of 64 megapixels, with noise in a part of it, as photographs have it everywhere."""
    picture = np.zeros((8000, 8000, 3), np.uint8)
    picture[:1000] = np.random.default_rng(0).integers(0, 256, (1000, 8000, 3), np.uint8)
    data = encoded(picture, ".jpg")
    assert len(data) * PIXELS_A_BYTE > 8000 * 8000
    pixels = decode(data)
    assert not isinstance(pixels, Unreadable)
    assert pixels.shape == (8000, 8000, 3)


@pytest.mark.parametrize(
    ("dtype", "depth"), [(np.uint8, 8), (np.uint16, 16), (np.float32, 32), (np.float16, 16)], ids=str
)
def test_the_depth_of_a_jpeg_xl_is_read(dtype: type[np.generic], depth: int) -> None:
    assert jxl_depth(jxl(np.zeros((64, 65, 3), dtype))) == depth


def test_a_large_flat_jpeg_xl_is_no_bomb() -> None:
    assert not isinstance(decode(jxl(np.zeros((4500, 4500, 3), np.uint8))), Unreadable)


def test_an_empty_page_at_600_dpi_is_no_bomb() -> None:
    pixels = decode(saved(Image.new("1", (4960, 7016), 1), "TIFF", compression="group4"))
    assert not isinstance(pixels, Unreadable)
    assert (pixels == 255).all()


def test_the_largest_tile_is_the_last_that_is_read() -> None:
    assert read_header(tiff([size(9, 9) | {322: 2**12, 323: MAX_TILE // 2**12, 324: 8, 325: 1}])) is not None
    assert read_header(tiff([size(9, 9) | {322: 2**12, 323: MAX_TILE // 2**12 + 16, 324: 8, 325: 1}])) is None


GATE = """
import resource, sys
from imgsim_guard.cli import main
code = main(["scan", sys.argv[1]])
print(code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_through_the_whole_gate_bombs_are_named_and_cost_little_more_than_a_photograph(tmp_path: Path) -> None:
    """Model, embedding and all. A strip of 1 x 100,000 is embedded, and costs what other long pictures do."""
    peaks = []
    for number, bombs in enumerate(({}, TOO_MANY)):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "photo.png").write_bytes(photograph("chelsea.png"))
        for name, data in bombs.items():
            (folder / f"{name}.png").write_bytes(data)
            (folder / "strip.png").write_bytes(DECODED["a PNG strip of 1 x 100,000"]())
        environment = os.environ | {CACHE_VARIABLE: str(tmp_path / f"cache {number}")}
        command = [sys.executable, "-P", "-c", GATE, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        assert done.stdout.count("unreadable: 50000 x 50000 pixels, more than") == len(bombs)
        code, peak = done.stdout.split()[-2:]
        assert code == str(int(bool(bombs)))
        peaks.append(int(peak))
    assert peaks[1] - peaks[0] < MEGABYTES


@pytest.mark.parametrize("padding", [b"\0", b"\xff"], ids=["zeros", "fill bytes"])
@pytest.mark.parametrize("kind", ["PNG", "AVIF", "WebP", "JPEG 2000", "JPEG"])
def test_padding_does_not_make_a_bomb_a_picture(kind: str, padding: bytes) -> None:
    bomb = TOO_FEW_BYTES[kind]()
    for many in (2**20 + 4096, 2**25):
        outcome = decode(bomb + padding * many)
        assert isinstance(outcome, Unreadable)
        assert "too few for a picture of them" in outcome.reason


def test_an_empty_page_without_compression_is_no_bomb() -> None:
    page = Image.new("L", (9000, 8000), 255)
    assert not isinstance(decode(saved(page, "BMP")), Unreadable)
