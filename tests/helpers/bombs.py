"""Files that would take a machine's memory or time, and what they take.

`python tests/helpers/bombs.py` prints a table of all of them; tests/images/test_bombs.py holds them to a promise.
"""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import imagecodecs
import numpy as np
import tifffile
from encoders import chunk, saved
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, DeflatedExplicitVRLittleEndian

from imgsim_guard.images.claims import BYTES_A_PIXEL, FREE_MEMORY
from imgsim_guard.images.headers import MAX_SCANS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

SIDE = 50_000
UNDER_THE_LIMIT = 16_384
FLAT = Image.new("RGB", (64, 64), (10, 200, 40))


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


def tiff_of_one(strip: bytes, compression: str) -> bytes:
    """A page of 64 x 64 pixels, in one strip that is compressed so."""
    file = io.BytesIO()
    tifffile.imwrite(
        file, iter([strip]), shape=(64, 64), dtype=np.uint8, compression=compression, rowsperstrip=64, tile=None
    )
    return file.getvalue()


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


def lossless(side: int, *, alpha: bool = False) -> bytes:
    size = side - 1 | side - 1 << 14 | alpha << 28
    return b"VP8L" + struct.pack("<I", 10) + b"\x2f" + struct.pack("<I", size) + bytes(5)


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


def commented_scans(segments: int) -> bytes:
    """As many scans as make a bomb, behind so many empty comments."""
    data = scans(5000)
    first = data.find(b"\xff\xda")
    return data[:first] + b"\xff\xfe\0\2" * segments + data[first:]


def with_further_pictures(side: int, count: int) -> bytes:
    """A small JPEG whose index (CIPA DC-007) names further pictures behind it, each of which claims a size."""
    small, part = saved(FLAT, "JPEG"), jpeg(side, side, progressive=False)
    length = 2 + 8 + 8 + 2 + 36 + 4 + 16 * (count + 1)  # of the segment: the index has three entries
    places = [(0, 0), *((len(small) + length + 2 - 10 + len(part) * number, len(part)) for number in range(count))]
    entries = struct.pack("<HHI4s", 0xB000, 7, 4, b"0100") + struct.pack("<HHII", 0xB001, 4, 1, count + 1)
    entries += struct.pack("<HHIII", 0xB002, 7, 16 * (count + 1), 50, 0)
    index = b"MPF\0II*\0" + struct.pack("<IH", 8, 3) + entries
    index += b"".join(struct.pack("<IIIHH", 0x20002, many, place, 0, 0) for place, many in places)
    return small[:2] + b"\xff\xe2" + struct.pack(">H", length) + index + small[2:] + part * count


def flat_floats(side: int, samples: int) -> bytes:
    """A TIFF of zeros of 32 bits each."""
    file = io.BytesIO()
    bands = "contig" if samples > 1 else None
    pixels = np.zeros((side, side, samples), np.float32)
    tifffile.imwrite(file, pixels, compression="zlib", photometric="minisblack", planarconfig=bands)
    return file.getvalue()


def deep_and_clear(side: int) -> bytes:
    """A PNG of four channels of 16 bits, all zero."""
    return png(side, side, depth=16, colour=6, data=zeros(side * (1 + 8 * side) + 2**20))


def film_of_png(side: int, frames: int) -> bytes:
    """Of which all but the first frame are one pixel."""
    picture = saved(Image.new("RGB", (side, side)), "PNG", compress_level=9)

    def control(number: int, size: int) -> bytes:
        return chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, size, size, 0, 0, 1, 10, 0, 0))

    dot = zlib.compress(bytes(4))
    rest = b"".join(control(2 * n - 1, 1) + chunk(b"fdAT", struct.pack(">I", 2 * n) + dot) for n in range(1, frames))
    start = picture[:33] + chunk(b"acTL", struct.pack(">II", frames, 0)) + control(0, side)
    return start + picture[33:-12] + rest + picture[-12:]


def avif(side: int, frames: int = 1) -> bytes:
    """A picture or a film that claims 10 x 10 pixels."""
    shades = [Image.new("RGB", (side, side), (number * 37 % 256, 3, 9)) for number in range(frames)]
    film = {"save_all": True, "append_images": shades[1:], "duration": 50} if frames > 1 else {}
    return extents(saved(shades[0], "AVIF", speed=10, **film), 10, 10)


def document(first: int, side: int, count: int) -> bytes:
    """A fax of a page, and then of so many others, which differ."""
    pages = [Image.new("1", (first, first), 1)]
    for number in range(2, count + 2):
        pages.append(Image.new("1", (side, side), 1))
        pages[-1].paste(0, (0, 0, side // number, side))
    return saved(pages[0], "TIFF", save_all=True, append_images=pages[1:], compression="group4")


def deflated_dicom(side: int, frames: int) -> bytes:
    """Zeros, deflated as a whole, with a claim of 64 x 64 pixels in the bytes before the signature."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, UID("1.2.3")
    claim = b"\x28\0\x11\0US\2\0\x40\0\x28\0\x10\0US\2\0\x40\0"
    dataset = FileDataset("", {}, file_meta=meta, preamble=claim.ljust(128, b"\0"))
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = side, side, frames
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation, dataset.SamplesPerPixel = 0, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.PixelData = bytes(2 * side * side * frames)
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def jxl(samples: NDArray[Any]) -> bytes:
    return bytes(imagecodecs.jpegxl_encode(samples, lossless=True, effort=1))


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
    "a TIFF whose tile is a larger JPEG 2000": lambda: tiff_of_one(jpeg2000(9000), "jpeg2000"),
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
    "a JPEG of 5,000 scans behind 20,000 comments": lambda: commented_scans(20_000),
    "a JPEG with a large picture behind it": lambda: with_further_pictures(UNDER_THE_LIMIT, 1),
    "a JPEG with 100 pictures behind it": lambda: with_further_pictures(5000, 100),
    "a JPEG of fill bytes": lambda: b"\xff\xd8" + b"\xff" * 2**26,
    "a JPEG with fill bytes between segments": lambda: b"\xff\xd8" + b"\xff" * 2**26 + saved(FLAT, "JPEG")[2:],
    "a JPEG of stuffed bytes": lambda: b"\xff\xd8" + b"\xff\0" * 2**25 + saved(FLAT, "JPEG")[2:],
    "a JPEG of short runs of fill bytes": lambda: b"\xff\xd8" + (b"\xff" * 30 + b"\0") * 2**21,
    "a JPEG of restart markers": lambda: b"\xff\xd8" + b"\xff\xd0" * 2**25 + saved(FLAT, "JPEG")[2:],
    "a JPEG of zeros": lambda: b"\xff\xd8\xff" + bytes(2**26),
    "a PNG with transparency": lambda: saved(Image.new("RGBA", (side_that_is_free("PNG"),) * 2), "PNG"),
    "a PNG with transparency and 16 bits": lambda: deep_and_clear(side_that_is_free("PNG")),
    "a PNG of 16 bits": lambda: saved(Image.new("I;16", (side_that_is_free("PNG"),) * 2), "PNG"),
    "a PNG of 1,000 frames": lambda: film_of_png(side_that_is_free("PNG"), 1000),
    "a WebP with transparency": lambda: webp(lossless(side_that_is_free("WebP"), alpha=True)),
    "an AVIF with transparency": lambda: saved(Image.new("RGBA", (side_that_is_free("AVIF"),) * 2), "AVIF", speed=10),
    "a JPEG 2000 with transparency": lambda: saved(
        Image.new("RGBA", (side_that_is_free("JPEG 2000"),) * 2), "JPEG2000"
    ),
    "a HEIC with transparency": lambda: saved(Image.new("RGBA", (side_that_is_free("HEIC"),) * 2), "HEIF"),
    "a TIFF of floats": lambda: flat_floats(side_that_is_free("TIFF"), 1),
    "a TIFF of three bands of floats": lambda: flat_floats(4000, 3),
    "an AVIF of 36 megapixels that claims 100 pixels": lambda: avif(6000),
    "an AVIF film that claims 100 pixels": lambda: avif(2000, 10),
    "a document whose second page is large": lambda: document(1, 6000, 3),
    "a document of large pages": lambda: document(6000, 6000, 5),
    "a deflated DICOM that claims less than it has": lambda: deflated_dicom(4000, 12),
    "a TIFF of 50 bands of floats": lambda: flat_floats(1000, 50),
    "a JPEG XL of floats": lambda: jxl(np.zeros((4000, 4000, 3), np.float32)),
    "a JPEG XL of 16 bits with transparency": lambda: jxl(np.zeros((4000, 4000, 4), np.uint16)),
    "a HEIC of 36 megapixels that claims 100 pixels": lambda: extents(
        saved(Image.new("RGB", (6000, 6000)), "HEIF"), 10, 10
    ),
}

MEASURED = """
import json, resource, sys, time
from pathlib import Path
from threading import Event, Thread
import pillow_heif, tifffile
from imgsim_guard.images.child import CHILD
from imgsim_guard.images.decode import decode_whole

def megabytes(process, name):
    try:
        [line] = [line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith(name)]
    except (OSError, ValueError):
        return 0
    return int(line.split()[1]) / 1000

def processor():
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)

def watch(most, ended):
    while not ended.wait(0.002):
        if CHILD.process is not None:
            most.append(max(most[-1], megabytes(CHILD.process.pid, "VmHWM")))

for path in sys.argv[1:]:
    data = Path(path).read_bytes()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before, started, clock = megabytes("self", "VmRSS"), processor(), time.perf_counter()
    most, ended = [0], Event()
    watcher = Thread(target=watch, args=(most, ended))
    watcher.start()
    outcome = decode_whole(data)
    ended.set()
    watcher.join()
    passed, peak = time.perf_counter() - clock, megabytes("self", "VmHWM")
    answer = getattr(outcome, "reason", None) or "x".join(map(str, outcome.pixels.shape))
    del outcome
    CHILD.end()  # its time counts when it has ended
    print(json.dumps([path, peak - before, most[-1], processor() - started, passed, answer]), flush=True)
"""


class Measured(NamedTuple):
    """At the peak beyond what the process has with its libraries loaded; all of the child process, 75 MB of which are
    its libraries; `seconds`: of processor time of both.
    """

    megabytes: float
    childs: float
    seconds: float
    passed: float
    answer: str


def all_of_them() -> dict[str, bytes]:
    """The files, by what they are."""
    made = {f"too many: {name}": data for name, data in TOO_MANY.items()}
    made |= {f"too few: {name}": make() for name, make in TOO_FEW_BYTES.items()}
    return made | {name: make() for name, make in DECODED.items()}


def measure(files: dict[str, bytes], folder: Path) -> dict[str, Measured]:
    """What each takes, in one process for all, since what one leaves is no part of what the next one takes."""
    names = {}
    for number, (name, data) in enumerate(files.items()):
        path = folder / str(number)
        path.write_bytes(data)
        names[str(path)] = name
    done = subprocess.run([sys.executable, "-c", MEASURED, *names], capture_output=True, text=True, check=False)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    if (done.returncode, len(rows)) != (0, len(names)):
        after = names[rows[-1][0]] if rows else "the start"
        raise RuntimeError(f"the process ended after {after}: {done.stderr}")
    return {names[path]: Measured(*row) for path, *row in rows}


def main() -> None:
    """Print what each file takes."""
    files = all_of_them()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(files, Path(folder))
    rows = [
        "| file | bytes | MB | of the child, MB | seconds of processor | seconds | answer |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, one in found.items():
        figures = f"{one.megabytes:.0f} | {one.childs:.0f} | {one.seconds:.2f} | {one.passed:.2f}"
        rows.append(f"| {name} | {len(files[name]):,} | {figures} | {one.answer} |")
    sys.stdout.write("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
