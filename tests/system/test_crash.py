"""A process that dies while it embeds: it names the image, never ends with 0 or 1, and what was computed is kept."""

from __future__ import annotations

import faulthandler
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from conftest import Files, ThumbnailEmbedder, encoded, image_of, open_store, random_picture

from imgsim_guard.gate.embed import embed_missing, missing
from imgsim_guard.gate.pipeline import Pipeline
from imgsim_guard.store.journal import SUFFIX, Journal, take_over
from imgsim_guard.store.shard import Row, file_digests
from imgsim_guard.system.cache_folder import CACHE_VARIABLE
from imgsim_guard.system.crash import DOING, naming, report_crashes

if TYPE_CHECKING:
    from collections.abc import Callable

PICTURES = {f"{number}.png": encoded(random_picture(number)) for number in range(8)}
IMAGES = [image_of(path, data) for path, data in PICTURES.items()]

TESTS = ":".join(str(folder) for folder in (Path(__file__).parent, Path(__file__).parents[1]))
"""Where this module and conftest are."""

DYING = """
import ctypes, signal, sys, threading, time
from pathlib import Path
sys.path[:0] = sys.argv[1].split(":")
import conftest, test_crash
from imgsim_guard.gate import embed as embedding
from imgsim_guard.images import decode as images
from imgsim_guard.system.crash import report_crashes
report_crashes()
embedder = conftest.ThumbnailEmbedder()
read, decode_whole = images._read, images.decode_whole

def wait_for_the_others(data, *smaller):
    while data == test_crash.PICTURES["5.png"] and embedder.embedded < 5:
        time.sleep(0.01)
    return decode_whole(data, *smaller)

def decode_or_die(data, *smaller):
    if data != test_crash.PICTURES["5.png"]:
        return read(data, *smaller)
    time.sleep(0.2)
    if sys.argv[3] == "SIGSEGV":
        ctypes.string_at(0)
    signal.pthread_kill(threading.get_ident(), getattr(signal, sys.argv[3]))

images.decode_whole = wait_for_the_others
images._read = decode_or_die
store = conftest.open_store(Path(sys.argv[2]))
source = conftest.Files(test_crash.PICTURES)
pipeline = test_crash.Pipeline(source, store, lambda _at_once: embedder, lambda *_: lambda: None)
embedding.embed_missing(test_crash.IMAGES, pipeline)
"""


def died(root: Path, how: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", DYING, TESTS, str(root), how]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("how", ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE"])
def test_a_crash_of_the_decoder_names_the_image(how: str, tmp_path: Path) -> None:
    done = died(tmp_path, how)

    assert done.returncode == -getattr(signal, how)
    assert re.search(f'File "5.png", line [0-9]+ in {DOING}', done.stderr)
    assert "4.png" not in done.stderr
    assert done.stderr.startswith("Fatal Python error: ")


@pytest.mark.parametrize("how", ["SIGSEGV", "SIGABRT", "SIGKILL"])
def test_what_was_embedded_before_it_is_not_embedded_again(
    how: str, tmp_path: Path, thumbnails: ThumbnailEmbedder
) -> None:
    assert died(tmp_path, how).returncode == -getattr(signal, how)
    store = open_store(tmp_path)
    assert len(store) == 0

    pipeline = Pipeline(Files(PICTURES), store, lambda _at_once: thumbnails, lambda _total, _doing: lambda: None)
    embed_missing(missing(IMAGES, store), pipeline)

    assert thumbnails.embedded == len(PICTURES) - 5
    whole = open_store(tmp_path / "whole")
    embed_missing(IMAGES, pipeline._replace(store=whole))
    for image in IMAGES:
        ours, theirs = (
            kept.embeddings([kept.find([image.content])[image.content]]) for kept in (open_store(tmp_path), whole)
        )
        np.testing.assert_array_equal(ours, theirs)
    assert list(store.folder.glob(f"*{SUFFIX}")) == []


GATE = """
import ctypes, sys
from imgsim_guard.images import decode as images
from imgsim_guard.cli import main
read = images._read
images._read = lambda data, *smaller: ctypes.string_at(0) if b"crash" in data else read(data, *smaller)
sys.exit(main(["scan", sys.argv[1]]))
"""


@pytest.mark.parametrize("name", ["bad.png", "böse\udcff \n.png"])
def test_the_gate_does_not_pass_and_does_not_say_found(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "good.png").write_bytes(PICTURES["0.png"])
    (folder / name).write_bytes(PICTURES["1.png"] + b"crash")
    environment = os.environ | {CACHE_VARIABLE: str(tmp_path / "cache")}

    command = [sys.executable, "-P", "-c", GATE, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    assert done.returncode == -signal.SIGSEGV
    named = str(folder / name).encode("ascii", "backslashreplace").decode().replace("\n", "\\x0a")
    assert re.search(f'File "{re.escape(named)}", line [0-9]+ in {DOING}', done.stderr)
    assert done.stdout == ""


def test_the_name_takes_nothing_from_the_call() -> None:
    assert naming("a.png", divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        naming("a.png", divmod, 7, 0)


def test_a_listener_that_is_there_already_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(faulthandler, "enable", lambda *_, **__: asked.append(1))
    monkeypatch.setattr(faulthandler, "is_enabled", lambda: True)
    report_crashes()
    assert asked == []
    monkeypatch.setattr(faulthandler, "is_enabled", lambda: False)
    monkeypatch.setattr(os, "dup", lambda _descriptor: 7)
    report_crashes()
    assert asked == [1]


# The journal


def row_of(number: int) -> Row:
    random = np.random.default_rng(number)
    embedding = random.uniform(-1, 1, 768).astype(np.float16)
    return Row(**file_digests(bytes([number])), pixels=random.bytes(16), hashes=random.bytes(160), embedding=embedding)


def same(ours: Row, theirs: Row) -> bool:
    others = ours._replace(embedding=theirs.embedding) == theirs  # one array is the same as itself
    return others and np.array_equal(ours.embedding, theirs.embedding)


def left(folder: Path, *numbers: int) -> Path:
    """The journal of a process that died after these rows."""
    journal = Journal(folder)
    for number in numbers:
        journal.write(row_of(number))
    [path] = folder.glob(f"*{SUFFIX}")
    data = path.read_bytes()
    journal.close()
    path.write_bytes(data)
    return path


def taken_over(folder: Path) -> list[Row]:
    kept: list[Row] = []
    take_over(folder, kept.extend)
    return kept


def test_rows_are_taken_over_bit_for_bit_and_once(tmp_path: Path) -> None:
    left(tmp_path, 1, 2)
    kept = taken_over(tmp_path)
    assert [same(row, row_of(number)) for row, number in zip(kept, (1, 2), strict=True)] == [True, True]
    assert taken_over(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("damage", "numbers"),
    [
        (lambda data: data[:-1], [1, 2]),
        (lambda data: data[: len(data) // 3 + 5], [1]),
        (lambda data: data[:-900] + b"x" + data[-899:], [1, 2]),
        (lambda data: b"x" + data[1:], [2, 3]),
        (lambda _data: b"", []),
        (lambda data: data + b"more", [1, 2, 3]),
    ],
)
def test_rows_that_are_not_whole_are_left_out(
    damage: Callable[[bytes], bytes], numbers: list[int], tmp_path: Path
) -> None:
    path = left(tmp_path, 1, 2, 3)
    path.write_bytes(damage(path.read_bytes()))
    kept = taken_over(tmp_path)
    assert [same(row, row_of(number)) for row, number in zip(kept, numbers, strict=True)] == [True] * len(numbers)


def test_the_journal_of_a_living_process_is_left_alone(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write(row_of(1))
    assert taken_over(tmp_path) == []
    [path] = tmp_path.iterdir()
    journal.clear()
    assert path.stat().st_size == 0
    journal.write(row_of(2))
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_where_no_journal_can_be_written_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    journal = Journal(tmp_path / "file")
    journal.write(row_of(1))
    journal.clear()
    journal.close()
    assert taken_over(tmp_path / "file") == []
