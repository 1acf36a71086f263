"""Files that would take a machine's memory or time: refused from the header, or harmless.

Each is read by a process that has loaded its libraries: what it takes at its peak beyond that, and how long, is
measured there.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from conftest import encoded, photograph
from encoders import chunk, saved
from PIL import Image

from imgsim_guard.images.claims import BYTES_A_PIXEL, FREE_MEMORY, PIXELS_A_BYTE
from imgsim_guard.images.decode import decode
from imgsim_guard.images.headers import MAX_SCANS, MAX_TILE, read_header
from imgsim_guard.model import Unreadable
from imgsim_guard.system.cache_folder import CACHE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")

MEGABYTES = 300
"""Beyond what the process takes with its libraries loaded."""

SECONDS = 20
"""Ten times the two seconds that are promised, for a machine that is busy with other things."""

SIDE = 50_000
UNDER_THE_LIMIT = 16_384
FLAT = Image.new("RGB", (64, 64), (10, 200, 40))

MEASURED = """
import json, sys, time
from pathlib import Path
import pillow_heif
from imgsim_guard.images.decode import decode_whole

def megabytes(name):
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1]) / 1024

for path in sys.argv[1:]:
    data = Path(path).read_bytes()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before, started = megabytes("VmRSS"), time.perf_counter()
    outcome = decode_whole(data)
    took = time.perf_counter() - started
    answer = getattr(outcome, "reason", None) or "x".join(map(str, outcome.pixels.shape))
    del outcome
    print(json.dumps([path, megabytes("VmHWM") - before, took, answer]), flush=True)
"""


class Measured(NamedTuple):
    megabytes: float
    seconds: float
    answer: str


def png(width: int, height: int, *, depth: int = 8, colour: int = 2, data: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def with_chunks(data: bytes) -> bytes:
    """A picture of 64 x 64 pixels with more chunks after its header."""
    picture = saved(FLAT, "PNG")
    return picture[:33] + data + picture[33:]


def zeros(count: int) -> bytes:
    squeeze = zlib.compressobj(9)
    return b"".join(squeeze.compress(bytes(2**20)) for _ in range(count >> 20)) + squeeze.flush()


def gif(screen: tuple[int, int], frame: tuple[int, int], frames: int = 1) -> bytes:
    start = b"GIF89a" + struct.pack("<HHBBB", *screen, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    return start + (b"," + struct.pack("<HHHHB", 0, 0, *frame, 0) + b"\x02\x02\x4c\x01\0") * frames + b";"


def tiff(pages: Sequence[dict[int, int]], *, last: int = 0) -> bytes:
    """Pages of one gray strip; `last` is where the last one says that there is a next."""
    parts, at = [b"II*\0", struct.pack("<I", 9), b"\7"], 9
    for number, more in enumerate(pages):
        entries = sorted(({258: 8, 259: 1, 262: 1, 273: 8, 279: 1} | more).items())
        at += 2 + 12 * len(entries) + 4
        parts.append(struct.pack("<H", len(entries)))
        parts += [struct.pack("<HHII", tag, 4 if value > 0xFFFF else 3, 1, value) for tag, value in entries]
        parts.append(struct.pack("<I", at if number < len(pages) - 1 else last))
    return b"".join(parts)


def size(width: int, height: int) -> dict[int, int]:
    return {256: width, 257: height, 278: height}


def jpeg(width: int, height: int, *, progressive: bool, colours: str = "RGB") -> bytes:
    """A small picture whose header claims another size."""
    data = bytearray(saved(FLAT.convert(colours), "JPEG", progressive=progressive, subsampling=0))
    struct.pack_into(">HH", data, data.find(b"\xff\xc2" if progressive else b"\xff\xc0") + 5, height, width)
    return bytes(data)


def scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is repeated: each costs time for all of its four megapixels."""
    data = saved(Image.new("RGB", (2000, 2000)), "JPEG", progressive=True)
    last = data.rfind(b"\xff\xda")
    return data[:last] + data[last:-2] * count + data[-2:]


def webp(*chunks: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + sum(map(len, chunks))) + b"WEBP" + b"".join(chunks)


def canvas(width: int, height: int) -> bytes:
    return b"VP8X" + struct.pack("<II", 10, 0) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


def lossless(side: int) -> bytes:
    return b"VP8L" + struct.pack("<I", 10) + b"\x2f" + struct.pack("<I", side - 1 | side - 1 << 14) + bytes(5)


def extents(data: bytes, width: int, height: int) -> bytes:
    """AVIF or HEIC whose boxes claim another size than the coded picture has."""
    changed, at = bytearray(data), data.find(b"ispe")
    while at >= 0:
        struct.pack_into(">II", changed, at + 8, width, height)
        at = data.find(b"ispe", at + 1)
    return bytes(changed)


def jpeg2000(side: int) -> bytes:
    """A small picture whose codestream claims another size, in one tile."""
    data = bytearray(saved(FLAT, "JPEG2000", no_jp2=True))
    at = data.find(b"\xff\x51")
    struct.pack_into(">II", data, at + 6, side, side)
    struct.pack_into(">II", data, at + 22, side, side)
    return bytes(data)


def bmp(side: int, *, runs: bool) -> bytes:
    header = struct.pack("<IIiiHHIIIIII", 1078, 40, side, side, 1, 8 if runs else 24, int(runs), 0, 0, 0, 0, 0)
    return b"BM" + bytes(8) + header + bytes(1024) + b"\0\1"


def flat(kind: str, side: int) -> bytes:
    return saved(Image.new("L", (side, side)), kind)


TOO_MANY = {
    "PNG": png(SIDE, SIDE),
    "PNG, 1 bit": png(SIDE, SIDE, depth=1, colour=0, data=zeros(SIDE * SIDE // 8)),
    "GIF": gif((SIDE, SIDE), (1, 1)),
    "TIFF": tiff([size(SIDE, SIDE)]),
    "WebP canvas": webp(canvas(SIDE, SIDE), lossless(16)),
    "JPEG": jpeg(SIDE, SIDE, progressive=False),
    "JPEG progressive": jpeg(SIDE, SIDE, progressive=True),
    "AVIF": extents(saved(FLAT, "AVIF"), SIDE, SIDE),
    "HEIC": extents(saved(FLAT, "HEIF"), SIDE, SIDE),
    "JPEG 2000": jpeg2000(SIDE),
    "BMP": bmp(SIDE, runs=False),
    "BMP, run-length": bmp(SIDE, runs=True),
    "Netpbm": b"P6 50000 50000 255\n",
    "Netpbm in words": b"P3 50000 50000 255\n" + b"1 " * 100,
}
"""2.5 gigapixels, in files of at most 350 kB."""

TOO_FEW_BYTES: dict[str, Callable[[], bytes]] = {
    "PNG": lambda: flat("PNG", UNDER_THE_LIMIT),
    "GIF": lambda: gif((UNDER_THE_LIMIT, UNDER_THE_LIMIT), (1, 1)),
    "TIFF": lambda: tiff([size(UNDER_THE_LIMIT, UNDER_THE_LIMIT)]),
    "WebP": lambda: webp(lossless(UNDER_THE_LIMIT)),
    "JPEG": lambda: jpeg(UNDER_THE_LIMIT, UNDER_THE_LIMIT, progressive=False),
    "JPEG progressive": lambda: jpeg(UNDER_THE_LIMIT, UNDER_THE_LIMIT, progressive=True),
    "AVIF": lambda: extents(saved(FLAT, "AVIF"), UNDER_THE_LIMIT, UNDER_THE_LIMIT),
    "HEIC": lambda: extents(saved(FLAT, "HEIF"), UNDER_THE_LIMIT, UNDER_THE_LIMIT),
    "JPEG 2000": lambda: jpeg2000(UNDER_THE_LIMIT),
    "BMP": lambda: bmp(UNDER_THE_LIMIT, runs=True),
    "Netpbm": lambda: b"P6 16384 16384 255\n",
}
"""As many pixels as are decoded at all, in files of at most 260 kB."""


def side_that_is_free(kind: str) -> int:
    return int((FREE_MEMORY / BYTES_A_PIXEL.get(kind, 6)) ** 0.5)


DECODED: dict[str, Callable[[], bytes]] = {
    "a GIF of 35 bytes": lambda: gif((side_that_is_free("GIF"),) * 2, (1, 1)),
    "a JPEG": lambda: jpeg(*(side_that_is_free("JPEG"),) * 2, progressive=False),
    "a progressive JPEG": lambda: jpeg(*(side_that_is_free("JPEG"),) * 2, progressive=True),
    "a progressive JPEG in CMYK": lambda: jpeg(*(side_that_is_free("JPEG"),) * 2, progressive=True, colours="CMYK"),
    "a PNG": lambda: flat("PNG", side_that_is_free("PNG")),
    "a TIFF": lambda: tiff([size(*(side_that_is_free("TIFF"),) * 2)]),
    "a WebP": lambda: webp(lossless(side_that_is_free("WebP"))),
    "a flat WebP": lambda: saved(Image.new("RGB", (side_that_is_free("WebP"),) * 2), "WEBP", quality=1, method=0),
    "a flat AVIF": lambda: saved(Image.new("RGB", (side_that_is_free("AVIF"),) * 2), "AVIF", speed=10),
    "a JPEG 2000": lambda: jpeg2000(side_that_is_free("JPEG 2000")),
    "a BMP": lambda: bmp(side_that_is_free("BMP"), runs=True),
    "a TIFF with a tile of 2^62 pixels": lambda: tiff(
        [size(9, 9) | {322: 2**31 - 16, 323: 2**31 - 16, 324: 8, 325: 1}]
    ),
    "a TIFF with a tile of 256 megapixels": lambda: tiff([size(9, 9) | {322: 16000, 323: 16000, 324: 8, 325: 1}]),
    "a TIFF with a tile as large as may be": lambda: tiff([size(9, 9) | {322: 4096, 323: 4096, 324: 8, 325: 1}]),
    "a TIFF with 65,535 samples a pixel": lambda: tiff([size(5000, 5000) | {277: 65535}]),
    "a TIFF with a strip of 2^31 rows": lambda: tiff([size(5000, 5000) | {278: 2**31 - 1, 279: 2**31 - 1}]),
    "a TIFF of 200,000 pages": lambda: tiff([size(1, 1)] * 200_000),
    "a TIFF of 60,000 pages": lambda: tiff([size(1, 1)] * 60_000),
    "a TIFF of pages in a circle": lambda: tiff([size(1, 1)] * 5000, last=9),
    "a TIFF whose second page is large": lambda: tiff([size(1, 1), size(SIDE, SIDE)]),
    "a GIF of 200,000 frames": lambda: gif((1000, 1000), (1, 1), 200_000),
    "a GIF with a frame beyond its screen": lambda: gif((1, 1), (SIDE, SIDE)),
    "a WebP with a large picture on a small canvas": lambda: webp(canvas(10, 10), lossless(UNDER_THE_LIMIT)),
    "an AVIF that claims less than it has": lambda: extents(saved(FLAT, "AVIF"), 10, 10),
    "a HEIC that claims less than it has": lambda: extents(saved(FLAT, "HEIF"), 10, 10),
    "a PNG with 200 MB in its colour profile": lambda: with_chunks(chunk(b"iCCP", b"a\0\0" + zeros(200 << 20))),
    "a PNG with 1 GB in comments": lambda: with_chunks(chunk(b"zTXt", b"a\0\0" + zeros(200 << 20)) * 5),
    "a PNG with a chunk of 2 GB that is not there": lambda: with_chunks(
        struct.pack(">I", 2**31 - 1) + b"IDAT" + bytes(99)
    ),
    "a PNG of a million chunks": lambda: with_chunks(chunk(b"tEXt", b"a\0b") * 1_000_000),
    "a PNG of two billion frames": lambda: with_chunks(chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))),
    "a PNG strip of 1 x 100,000": lambda: saved(Image.new("RGB", (1, 100_000)), "PNG"),
    "a TIFF strip of 100,000 x 1": lambda: saved(Image.new("RGB", (100_000, 1)), "TIFF"),
    "a PNG of 2^28 x 1": lambda: png(2**28, 1),
    "a JPEG of 5,000 scans": lambda: scans(5000),
    "a JPEG of as many scans as may be": lambda: scans(MAX_SCANS - 10),
}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Measured]:
    """What each file takes, in one process for all, since what one leaves is no part of what the next one takes."""
    folder = tmp_path_factory.mktemp("bombs")
    names = {}
    made = {f"too many: {name}": data for name, data in TOO_MANY.items()}
    made |= {f"too few: {name}": make() for name, make in TOO_FEW_BYTES.items()}
    made |= {name: make() for name, make in DECODED.items()}
    for number, (name, data) in enumerate(made.items()):
        path = folder / str(number)
        path.write_bytes(data)
        names[str(path)] = name
    done = subprocess.run([sys.executable, "-c", MEASURED, *names], capture_output=True, text=True, check=False)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, len(rows)) == (0, len(names)), f"after {names[rows[-1][0]]}: {done.stderr}"
    return {names[path]: Measured(*row) for path, *row in rows}


@pytest.mark.parametrize(
    "name",
    [*(f"too many: {name}" for name in TOO_MANY), *(f"too few: {name}" for name in TOO_FEW_BYTES), *DECODED],
)
def test_no_file_takes_much_memory_or_time(name: str, measured: dict[str, Measured]) -> None:
    assert measured[name].megabytes < MEGABYTES
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
        ("a PNG with a chunk of 2 GB that is not there", "damaged or cut short: the PNG decoder gave up"),
        ("a PNG of a million chunks", "64x64x3"),
        ("a TIFF of 60,000 pages", "1x1x3"),
        ("a GIF of 200,000 frames", "1000x1000x3"),
        ("a PNG strip of 1 x 100,000", "100000x1x3"),
        ("a TIFF strip of 100,000 x 1", "1x100000x3"),
        ("a WebP with a large picture on a small canvas", "damaged or cut short: the WebP decoder gave up"),
        ("a HEIC that claims less than it has", "damaged or cut short: the HEIC decoder gave up"),
    ],
)
def test_what_is_harmless_is_read_and_what_lies_is_not(name: str, answer: str, measured: dict[str, Measured]) -> None:
    assert measured[name].answer == answer


def test_a_large_picture_is_no_bomb() -> None:
    """Of 64 megapixels, with noise in a part of it, as photographs have it everywhere."""
    picture = np.zeros((8000, 8000, 3), np.uint8)
    picture[:1000] = np.random.default_rng(0).integers(0, 256, (1000, 8000, 3), np.uint8)
    data = encoded(picture, ".jpg")
    assert len(data) * PIXELS_A_BYTE > 8000 * 8000
    pixels = decode(data)
    assert not isinstance(pixels, Unreadable)
    assert pixels.shape == (8000, 8000, 3)


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
    for size in (2**20 + 4096, 2**25):
        outcome = decode(bomb + padding * size)
        assert isinstance(outcome, Unreadable)
        assert "too few for a picture of them" in outcome.reason


def test_an_empty_page_without_compression_is_no_bomb() -> None:
    page = Image.new("L", (9000, 8000), 255)
    assert not isinstance(decode(saved(page, "BMP")), Unreadable)
