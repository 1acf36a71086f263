"""Damaged images of every format, and what stands where one should be: unreadable for a reason, and the rest goes on.

A format without a checksum cannot tell other bytes from other pictures: a bit flip there gives another picture, for
every program that reads it. What must not be is that a decoder which noticed is not listened to.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conftest import Dataset, Repository, encoded, photograph, random_picture, whole_pixels
from encoders import every_way
from PIL import Image

from imgsim_guard.cli import main
from imgsim_guard.config.settings import FILE_NAME
from imgsim_guard.images.decode import decode
from imgsim_guard.model import Unreadable
from imgsim_guard.sources import tracked
from imgsim_guard.sources.folders import Folders, identified, read_file
from imgsim_guard.sources.git import Git
from imgsim_guard.sources.selection import has_image_suffix
from imgsim_guard.sources.trackers import Trackers
from imgsim_guard.system.cache_folder import CACHE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

PHOTO = Image.open(io.BytesIO(photograph("chelsea.png"))).convert("RGB")
PHOTO.info.clear()
FILES = every_way(PHOTO, PHOTO.rotate(180))


def pixels_of(data: bytes) -> NDArray[np.uint8]:
    pixels = decode(data)
    assert not isinstance(pixels, Unreadable)
    return pixels


WHOLE = {name: pixels_of(data) for name, data in FILES.items()}

DAMAGED = Unreadable("damaged: its decoder found errors, and made up the rest")
NO_HEADER = Unreadable("not an image in a supported format, or its header is damaged")

CHECKED_THROUGHOUT = ("PNG", "AVIF")
"""Formats in which no damage passes: one has checksums, and the decoder of the other checks every tile to its end."""

LATER_PAGES = ("TIFF multi-page", "HEIC two pictures")
"""Of which the first half is a whole file, all but for a directory."""

NOTICED_WHEN_ZEROED = (
    *("JPEG", "PNG", "GIF", "AVIF"),
    *("TIFF LZW", "TIFF Deflate", "TIFF JPEG", "TIFF 16 bit", "JPEG 2000 codestream", "JPEG 2000 tiled"),
)
"""Where a tail of zeros, as an aborted download leaves it, cannot be a picture. In BMP, Netpbm and raw TIFF it is
black, and in WebP, HEIC and JPEG 2000 zeros are code like any other."""


def outcome_is_whole_or_unreadable(name: str, data: bytes) -> bool:
    """Whether it is unreadable for a reason, or every pixel is what it is in the undamaged file."""
    outcome = whole_pixels(data)
    if isinstance(outcome, Unreadable):
        return bool(outcome.reason)
    return np.array_equal(outcome, WHOLE[name])


@pytest.mark.parametrize("name", FILES)
def test_an_undamaged_file_is_whole(name: str) -> None:
    np.testing.assert_array_equal(whole_pixels(FILES[name]), WHOLE[name])


@pytest.mark.parametrize("name", FILES)
def test_no_file_that_was_cut_short_is_taken_for_another_picture(name: str) -> None:
    data = FILES[name]
    lengths = {len(data) * tenths // 10 for tenths in range(10)} | {len(data) - few for few in (1, 2, 5, 20, 100)}
    assert [length for length in sorted(lengths) if not outcome_is_whole_or_unreadable(name, data[:length])] == []


@pytest.mark.parametrize("name", FILES)
def test_what_is_cut_short_by_a_tenth_or_more_is_unreadable_unless_only_later_pages_are_gone(name: str) -> None:
    data = FILES[name]
    readable = [
        tenths for tenths in range(10) if not isinstance(whole_pixels(data[: len(data) * tenths // 10]), Unreadable)
    ]
    assert not readable or (name in LATER_PAGES and min(readable) >= 5)


@pytest.mark.parametrize("tenths", range(1, 10))
@pytest.mark.parametrize("name", [name for name in FILES if name.startswith(NOTICED_WHEN_ZEROED)])
def test_no_file_with_a_tail_of_zeros_is_taken_for_another_picture(name: str, tenths: int) -> None:
    length = len(FILES[name]) * tenths // 10
    assert outcome_is_whole_or_unreadable(name, FILES[name][:length] + bytes(len(FILES[name]) - length))


def flipped(data: bytes, seed: int) -> bytes:
    changed = bytearray(data)
    position = int(np.random.default_rng(seed).integers(len(data) * 8))
    changed[position // 8] ^= 1 << position % 8
    return bytes(changed)


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_gives_a_picture_or_a_reason(name: str) -> None:
    for seed in range(8):
        outcome = whole_pixels(flipped(FILES[name], seed))
        if isinstance(outcome, Unreadable):
            assert outcome.reason
        else:
            assert outcome.dtype == np.uint8
            assert outcome.ndim == 3
            assert not name.startswith(CHECKED_THROUGHOUT) or np.array_equal(outcome, WHOLE[name])


# Through the sources, and the whole gate

HALF = FILES["JPEG baseline"][: len(FILES["JPEG baseline"]) // 2]
HOLE = FILES["JPEG baseline"][:8000] + FILES["JPEG baseline"][20000:]
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 5\n"

BROKEN: dict[str, tuple[bytes, str]] = {
    "cut.jpg": (HALF, "damaged, cut short or of an unusual kind: the JPEG decoder gave up"),
    "empty.png": (b"", "an empty file"),
    "hole.jpg": (HOLE, DAMAGED.reason),
    "pointer.png": (POINTER, "a git LFS pointer, not an image; git lfs pull brings the image"),
    "text.jpg": (b"A picture of a cat\n", NO_HEADER.reason),
}
GOOD = {"cat.jpg": FILES["JPEG baseline"], "copy.png": FILES["PNG 8 bit"], "noise.png": encoded(random_picture(3))}


@pytest.fixture(scope="module")
def warm_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def kept(warm_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that the tests here share."""
    monkeypatch.setenv(CACHE_VARIABLE, str(warm_cache))
    return warm_cache


def report_of(code: int, *arguments: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "report.json"
        assert main([*arguments, "--json", str(target)]) == code
        document: dict[str, Any] = json.loads(target.read_text())
    return document


def reasons(document: dict[str, Any]) -> dict[str, str]:
    return {Path(entry["image"]).name: entry["reason"] for entry in document["unreadable"]}


CODES = [("fail", 1), ("warn", 0)]


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(("setting", "code"), CODES)
def test_in_folders_the_broken_are_named_and_the_rest_is_compared(
    setting: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, data in (GOOD | {name: data for name, (data, _) in BROKEN.items()}).items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "dangling.jpg").symlink_to("nowhere")
    (tmp_path / FILE_NAME).write_text(f"unreadable: {setting}\nmax_near_duplicates: 1\n")

    document = report_of(code, "scan", ".")

    assert reasons(document) == {name: why for name, (_, why) in BROKEN.items()} | {
        "dangling.jpg": "no such file or directory",
        "pipe.jpg": "not a regular file",
    }
    assert [(Path(match["query"]).name, match["kind"]) for match in document["matches"]] == [
        ("copy.png", "near-duplicate")
    ]
    assert document["queries"] == len(GOOD) + len(BROKEN) + 2


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(("setting", "code"), CODES)
def test_in_git_the_broken_are_named_and_the_rest_is_compared(
    setting: str, code: int, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository.root)
    repository.commit({"cat.jpg": GOOD["cat.jpg"], FILE_NAME: f"unreadable: {setting}\nmax_near_duplicates: 1\n"})
    (repository.root / "dangling.jpg").symlink_to("nowhere")
    repository.stage({"copy.png": GOOD["copy.png"]} | {name: data for name, (data, _) in BROKEN.items()})
    repository.git("add", "dangling.jpg")
    for name in ("cut.jpg", "hole.jpg"):  # what is staged is judged, whether or not it is still in the worktree
        (repository.root / name).unlink()

    document = report_of(code, "check")

    assert reasons(document) == {name: why for name, (_, why) in BROKEN.items()}
    assert [(match["query"], match["kind"]) for match in document["matches"]] == [("copy.png", "near-duplicate")]


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(("setting", "code"), CODES)
def test_behind_dvc_the_broken_are_named_and_the_rest_is_compared(
    setting: str, code: int, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(dataset.root)
    contents = {"cat.jpg": GOOD["cat.jpg"], "copy.png": GOOD["copy.png"]}
    contents |= {name: data for name, (data, _) in BROKEN.items()}
    dataset.write({FILE_NAME: f"unreadable: {setting}\nmax_near_duplicates: 1\nimages: [new/]\n"})
    dataset.add({f"new/{name}": data for name, data in contents.items()}, "new")

    document = report_of(code, "check")

    assert reasons(document) == {name: why for name, (_, why) in BROKEN.items()}
    assert [(match["query"], match["gallery"]) for match in document["matches"]] == [("new/cat.jpg", "new/copy.png")]


def test_broken_ones_are_not_embedded_and_the_rest_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    folder = tmp_path / "images"
    folder.mkdir()
    for name, data in ({"noise.png": GOOD["noise.png"]} | {name: data for name, (data, _) in BROKEN.items()}).items():
        (folder / name).write_bytes(data)

    assert main(["embed", str(folder)]) == 0

    assert "new images: 6; embeddings in the store: 1;" in capsys.readouterr().out


@pytest.fixture
def forbidden() -> Iterator[Path]:
    """An image that whoever runs the tests may not read; not in pytest's own folders, which nobody else may enter."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder, "secret.png")
        image.write_bytes(GOOD["noise.png"])
        Path(folder).chmod(0o755)
        image.chmod(0)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)  # root may read everything
        try:
            yield image
        finally:
            os.seteuid(user)


def test_an_image_that_may_not_be_read_is_unreadable(forbidden: Path) -> None:
    assert read_file(str(forbidden)) == Unreadable("permission denied")


def test_an_image_that_vanished_or_changed_since_it_was_listed_is_unreadable(tmp_path: Path) -> None:
    vanished, changed = tmp_path / "vanished.png", tmp_path / "changed.png"
    for path in (vanished, changed):
        path.write_bytes(GOOD["noise.png"])
    images = [identified(str(path)) for path in (vanished, changed)]
    vanished.unlink()
    changed.write_bytes(GOOD["noise.png"][:-1])
    assert [Folders().read(image) for image in images] == [
        Unreadable("no such file or directory"),
        Unreadable("it changed while it was being read"),
    ]


def test_a_folder_in_the_place_of_a_listed_image_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(GOOD["noise.png"])
    image = identified(str(path))
    path.unlink()
    path.mkdir()
    assert Folders().read(image) == Unreadable("not a regular file")


def test_a_staged_blob_that_vanished_is_unreadable(repository: Repository) -> None:
    repository.stage({"a.png": GOOD["noise.png"]})
    with closing(Git(repository.root)) as git:
        [image] = tracked.staged(git, has_image_suffix).queries
        blob = image.content.removeprefix("git:")
        (repository.root / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
        assert isinstance(Trackers(git, None).read(image), Unreadable)
