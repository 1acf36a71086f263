"""The same photograph saved in every way is found through the whole gate, with the real model."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from conftest import photograph
from encoders import SUFFIXES, every_way, kind_of, saved
from PIL import Image

from imgsim_guard.cli import main
from imgsim_guard.system.cache_folder import CACHE_VARIABLE

PHOTO = Image.open(io.BytesIO(photograph("chelsea.png"))).convert("RGB")
PHOTO.info.clear()
OTHER = Image.open(io.BytesIO(photograph("coffee.png"))).convert("RGB").resize(PHOTO.size)
FILES = every_way(PHOTO, OTHER)

LOSSLESS = {
    *("PNG 8 bit", "PNG interlaced", "WebP lossless", "BMP", "Netpbm"),
    *("TIFF 8 bit", "TIFF LZW", "TIFF Deflate", "TIFF tiled", "TIFF big-endian"),
    *("JPEG 2000", "JPEG 2000 tiled", "JPEG 2000 codestream"),
}

MORE = {"PNG 16 bit", "PNG RGBA", "TIFF 16 bit", "TIFF multi-page"}
"""What has the same first picture and more: bits, transparency, pages. It is no exact duplicate."""

WRONG = {"PNG 8 bit": "jpg", "JPEG baseline": "png", "TIFF LZW": "bmp", "WebP lossy": "gif", "HEIC": "jpeg"}
"""Which formats are also saved with which other format's suffix."""

FARTHEST = 3.0
"""Distance from the original: 256 colours are at 1.9, the mirror image is at 3.7, and a quarter turn at 11.7."""


def file_name(name: str, suffix: str) -> str:
    return f"{name.replace(':', '')}.{suffix}"


@pytest.fixture(scope="module")
def matches(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What one scan of all files against the original says, by the name of the file."""
    folder = tmp_path_factory.mktemp("formats")
    (folder / "copies").mkdir()
    for name, data in FILES.items():
        (folder / "copies" / file_name(name, SUFFIXES[kind_of(name)])).write_bytes(data)
    for name, suffix in WRONG.items():
        (folder / "copies" / file_name(name, suffix)).write_bytes(FILES[name])
    (folder / "original.png").write_bytes(saved(PHOTO, "PNG", compress_level=1))
    report = folder / "report.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(folder / "cache"))
        arguments = [str(folder / "copies"), "--against", str(folder / "original.png"), "--json", str(report)]
        assert main(["scan", *arguments]) == 1
    document = json.loads(report.read_text())
    assert (document["unreadable"], document["notes"]) == ([], [])
    return {match["query"].rpartition("/")[2]: match for match in document["matches"]}


@pytest.mark.parametrize(
    ("name", "suffix"), [*((name, SUFFIXES[kind_of(name)]) for name in FILES), *WRONG.items()], ids=str
)
def test_the_same_picture_is_found_however_it_is_saved(
    name: str, suffix: str, matches: dict[str, dict[str, Any]]
) -> None:
    match = matches[file_name(name, suffix)]

    if name in LOSSLESS:
        assert match["kind"] == "exact-duplicate"
        return
    # Verification also confirms what is turned or mirrored: that it was not is what shows that EXIF was obeyed.
    how = match["verification"]
    assert (match["kind"], how["outcome"]) == ("near-duplicate", "confirmed")
    if name in MORE:
        return
    assert match["distance"] < FARTHEST
    assert not how["transform"]["mirrored"]
    assert abs(how["transform"]["rotation"]) < 1
    assert how["transform"]["covered"] > 0.98
