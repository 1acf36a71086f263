"""What other systems lack is not needed, and what they read in a name is refused or escaped: as far as that can be told
on this one.
"""

from __future__ import annotations

import ntpath
import os
import re
import subprocess
import sys
from pathlib import PureWindowsPath
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from conftest import Dataset, Repository, encoded, photograph, random_picture

from imgsim_guard.augnet import fingerprint
from imgsim_guard.gate import grouping
from imgsim_guard.gate.cleaning import plan
from imgsim_guard.images import decoder_messages
from imgsim_guard.images.decode import decode_whole
from imgsim_guard.model import GuardError, Unreadable
from imgsim_guard.sources.selection import has_image_suffix, image_filter
from imgsim_guard.store.shard import SUFFIX
from imgsim_guard.system import files
from imgsim_guard.system.cache_folder import CACHE_VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

WITHOUT_POSIX = """
import importlib, os, pkgutil, signal, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in {"fcntl", "grp", "posixshmem", "pty", "pwd", "resource", "syslog", "termios", "tty"}:
            raise ModuleNotFoundError(f"No module named {name!r}")

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import cv2, jinja2, numpy, onnxruntime, pathspec, platformdirs, pydantic, safetensors.numpy, tempfile, tqdm, yaml
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Absent())
for name in ("fork", "forkpty", "getuid", "geteuid", "getpgid", "killpg", "memfd_create", "mkfifo", "sched_getaffinity",
             "setsid", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGKILL", "SIGHUP", "SIGALRM", "SIGPIPE", "alarm"):
    delattr(signal, name)

import imgsim_guard
for module in pkgutil.walk_packages(imgsim_guard.__path__, "imgsim_guard."):
    if module.name not in {"imgsim_guard.__main__", "imgsim_guard.augnet.reference", "imgsim_guard.augnet.graph"}:
        importlib.import_module(module.name)
"""
"""A Python without what only POSIX systems have: every module is imported in it. Two need extra packages."""


def test_no_module_needs_what_only_posix_systems_have() -> None:
    done = subprocess.run([sys.executable, "-P", "-c", WITHOUT_POSIX], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_files_in_memory_damage_is_heard_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder_messages, "sys", SimpleNamespace(platform="darwin"))
    whole = encoded(random_picture(1, 200, 300), ".jpg")
    damaged = decode_whole(whole[: len(whole) // 2])
    assert isinstance(damaged, Unreadable)
    assert damaged.reason.startswith("damaged")
    assert not isinstance(decode_whole(whole), Unreadable)


def test_names_that_the_program_makes_are_names_everywhere(repository: Repository, tmp_path: Path) -> None:
    repository.write({"cat.png": photograph("chelsea.png"), "x.png": b"no image"})
    cache = tmp_path / "cache"
    repository.guard("scan", ".", code=1, **{CACHE_VARIABLE: str(cache)})
    names = [part for file in cache.rglob("*") for part in file.relative_to(cache).parts]
    assert {fingerprint("onnx")} < {*names}
    for name in names:
        assert re.fullmatch(r"[a-z0-9._-]{1,100}", name)
        assert not ntpath.isreserved(name) if hasattr(ntpath, "isreserved") else not PureWindowsPath(name).is_reserved()
        assert not name.endswith((".", " "))
    longest = PureWindowsPath("C:/Users/somebody with a name/AppData/Local/imgsim-guard/Cache") / max(
        (str(file.relative_to(cache)) for file in cache.rglob(f"*{SUFFIX}")), key=len
    )
    assert len(str(longest)) < 260  # what Windows allows by default


@pytest.mark.parametrize("name", ["A.PNG", "a.JpG", "x/y.TIFF"])
def test_the_case_of_a_suffix_says_nothing(name: str) -> None:
    assert has_image_suffix(name)


def test_patterns_tell_upper_from_lower_case_on_every_system() -> None:
    assert image_filter(["data/**"])("data/a.png")
    assert not image_filter(["data/**"])("Data/a.png")


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_a_console_that_lacks_characters_gets_them_escaped(
    encoding: str, repository: Repository, tmp_path: Path
) -> None:
    data = encoded(random_picture(1))
    repository.write({"\u732b \u00e9.png": data, "b.png": data})
    done = subprocess.run(
        [sys.executable, "-P", "-m", "imgsim_guard", "scan", "."],
        cwd=repository.root,
        env={**os.environ, "PYTHONIOENCODING": encoding, CACHE_VARIABLE: str(tmp_path / "cache")},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, b"")
    said = done.stdout.decode(encoding)
    assert ("\u732b" if encoding == "utf-16" else "\\u732b") in said
    assert "copy  b.png   same bytes" in said


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The paths of Windows, in the modules that compute with paths."""
    for module in (files, grouping, plan):
        names = {**vars(os), "path": ntpath, "sep": "\\"}
        monkeypatch.setattr(module, "os", SimpleNamespace(**names))


@pytest.mark.usefixtures("windows")
@pytest.mark.parametrize(
    ("path", "said"),
    [
        (r"C:\data\train\cat\a.png", "train/cat/a.png"),
        (r"c:\DATA\..\data\train\a.png", "train/a.png"),
        (r"C:\other\train\a.png", "C:/other/train/a.png"),
        (r"D:\data\train\a.png", "D:/data/train/a.png"),
        (r"\\server\share\train\a.png", "//server/share/train/a.png"),
        (r"C:\data\..train\a.png", "..train/a.png"),
    ],
)
def test_paths_of_windows_are_matched_with_slashes(path: str, said: str) -> None:
    assert grouping.below(path, r"C:\data") == said  # type: ignore[arg-type]  # a path of this system has other rules


@pytest.mark.usefixtures("windows")
def test_another_drive_of_windows_has_no_relative_path() -> None:
    assert files.relative_path(r"D:\a\b.png", r"C:\data") == r"D:\a\b.png"
    assert files.relative_path(r"C:\data\a\b.png", r"C:\data") == r"a\b.png"
    with pytest.raises(GuardError, match="these folders are on several drives; clean each by itself"):
        plan.root_of([r"C:\data", r"D:\data"], [])


def test_a_folder_may_begin_with_two_dots(tmp_path: Path) -> None:
    assert grouping.below(str(tmp_path / "..train" / "a.png"), tmp_path) == "..train/a.png"


def test_pointers_with_line_ends_of_windows_name_the_same_images(dataset: Dataset, cache: Path) -> None:  # noqa: ARG001
    pointer = dataset.root / "data" / "images.dvc"
    assert b"\r" not in pointer.read_bytes()
    before = re.sub("in .* s", "", dataset.guard("check", "--all", code=1))
    pointer.write_bytes(pointer.read_bytes().replace(b"\n", b"\r\n"))
    dataset.git("-c", "core.autocrlf=false", "add", "--all")
    assert re.sub("in .* s", "", dataset.guard("check", "--all", code=1)) == before
    assert "data/images/d.png" in before


def test_windows_line_ends_change_nothing(repository: Repository, tmp_path: Path) -> None:
    data = encoded(random_picture(1))
    repository.stage({"a.png": data, "b.png": data})
    cache = {CACHE_VARIABLE: str(tmp_path / "cache")}
    repository.guard("hook", code=1, **cache)
    repository.write({".imgsim-guard.yaml": "# yes\r\nimages:\r\n- '*.png'\r\n- '!b.png'\r\n"})
    repository.guard("hook", code=0, **cache)
    (repository.root / ".imgsim-guard.yaml").unlink()
    repository.guard("accept", "b.png", "--reason", "for this test", code=0, **cache)
    accepted = repository.root / ".imgsim-guard" / "accepted.yaml"
    accepted.write_bytes(accepted.read_bytes().replace(b"\n", b"\r\n"))
    repository.guard("hook", code=0, **cache)
