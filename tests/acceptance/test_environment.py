"""What the machine refuses ends with 2 and what to do about it: never with 0 or 1, and never as a bug."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING

import pytest
from conftest import Files, Person, Repository, ThumbnailEmbedder, encoded, image_of, near, open_store, random_picture
from onnxruntime.capi.onnxruntime_pybind11_state import Fail

from imgsim_guard.augnet.embedder import OnnxEmbedder
from imgsim_guard.cli import main
from imgsim_guard.gate.embed import embed_missing
from imgsim_guard.gate.pipeline import Pipeline
from imgsim_guard.images import decoder_messages
from imgsim_guard.images.decode import decode_whole
from imgsim_guard.model import GuardError, Unreadable
from imgsim_guard.store.journal import Journal
from imgsim_guard.system import faults
from imgsim_guard.system.cache_folder import CACHE_VARIABLE
from imgsim_guard.system.threads import cores

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

COULD_NOT_RUN = 2

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="made with what POSIX systems refuse")


@pytest.fixture
def staged(repository: Repository, cache: Path) -> Repository:  # noqa: ARG001  its own
    """A new image, and nothing to compare it with."""
    repository.stage({"new.png": near(1)})
    return repository


def hook(here: Repository, shell: str = "exec", *, code: int = COULD_NOT_RUN, **environment: str) -> str:
    """Run the hook from a shell; what it printed."""
    python = f"{shell} {sys.executable} -P -m imgsim_guard"
    return here.run("sh", "-c", f"{python} hook", code=code, **environment)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")  # noqa: PTH110
@pytest.mark.parametrize("command", ["hook", "config", "doctor"])
def test_a_standard_output_on_a_full_disk(staged: Repository, command: str) -> None:
    run = f"{sys.executable} -P -m imgsim_guard {command}"
    said = staged.run("sh", "-c", f"{run} > /dev/full", code=COULD_NOT_RUN)
    assert said == "imgsim-guard: No space left on device; free some space\n"
    assert staged.run("sh", "-c", f"{run} > /dev/full 2> /dev/full", code=COULD_NOT_RUN) == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")  # noqa: PTH110
def test_a_standard_error_on_a_full_disk_keeps_the_exit_code(staged: Repository) -> None:
    staged.run("sh", "-c", f"{sys.executable} -P -m imgsim_guard hook 2> /dev/full", code=0)
    staged.run("sh", "-c", f"{sys.executable} -P -m imgsim_guard check --config nowhere 2> /dev/full", code=2)


@pytest.mark.parametrize("files", [6, 9])
def test_too_few_files_may_be_open(staged: Repository, files: int) -> None:
    said = hook(staged, f"ulimit -n {files} && exec")
    assert "git cannot be started: Too many open files; allow more open files (ulimit -n 1024)\n" in said


@pytest.mark.parametrize("command", ["hook", "scan .", "compare a b", "config", "check --json r.json", "embed ."])
def test_a_working_folder_that_was_deleted(staged: Repository, command: str) -> None:
    run = f"mkdir gone && cd gone && rmdir ../gone && {sys.executable} -P -m imgsim_guard {command}"
    said = staged.run("sh", "-c", run, code=COULD_NOT_RUN)
    assert said == "imgsim-guard: the working folder was deleted; change to one that exists (cd)\n"


@pytest.mark.parametrize(
    ("data", "mode", "why"),
    [
        (b"\x7fELFgarbage", 0o755, "Exec format error; it is not a program for this machine: install it anew"),
        (b"#!/bin/sh\n", 0o644, "Permission denied; give this user the right to do that"),
    ],
)
def test_a_git_that_cannot_be_started(staged: Repository, tmp_path: Path, data: bytes, mode: int, why: str) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").write_bytes(data)
    (tmp_path / "bin" / "git").chmod(mode)
    guard = [sys.executable, "-P", "-m", "imgsim_guard", "hook"]
    said = staged.run(*guard, code=COULD_NOT_RUN, PATH=f"/etc/passwd{os.pathsep}{tmp_path / 'bin'}")
    assert said.startswith(f"imgsim-guard: git cannot be started: {why}\n")
    nowhere = staged.run(*guard, code=COULD_NOT_RUN, PATH="/etc/passwd")
    assert nowhere.startswith("imgsim-guard: git is not installed, or not on the PATH\n")


@pytest.mark.parametrize(
    ("git", "ended"),
    [
        ("echo no disk; exit 1", "git init --quiet --template= . ended with 1, not 0:\n  no disk"),
        ("kill -9 $$", "git init --quiet --template= . ended with -9, not 0"),
    ],
)
def test_a_demo_that_git_stops(tmp_path: Path, git: str, ended: str) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").write_text(f"#!/bin/sh\n{git}\n")
    (tmp_path / "bin" / "git").chmod(0o755)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    said = Repository(tmp_path).guard("demo", "--quiet", code=COULD_NOT_RUN, PATH=path)
    assert said == f"imgsim-guard: the demo stops, as {ended}\n"


NO_HOME = """
import os, pwd, sys

def unknown(*_):
    raise KeyError

pwd.getpwuid = unknown
for name in ("HOME", "XDG_CACHE_HOME", "IMGSIM_GUARD_CACHE_DIR", "DVC_GLOBAL_CONFIG_DIR"):
    os.environ.pop(name, None)
from imgsim_guard.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("command", ["hook", "store info"])
def test_a_user_without_a_home(staged: Repository, command: str) -> None:
    said = staged.run(sys.executable, "-P", "-c", NO_HOME, *command.split(), code=COULD_NOT_RUN)
    assert "this user has no home folder for the cache of embeddings; set IMGSIM_GUARD_CACHE_DIR to a folder\n" in said
    assert not (staged.root / "~").exists()


def test_a_user_without_a_home_has_no_configuration_of_dvc(anna: Person, tmp_path: Path) -> None:
    anna.dataset.write({"~/.config/dvc/config": "[cache]\ndir = /a/strangers/folder\n", "new.png": near(7)})
    anna.dataset.git("add", "--all")
    code = NO_HOME.replace("from", f"os.environ['{CACHE_VARIABLE}'] = {str(tmp_path / 'own')!r}\nfrom", 1)
    said = anna.dataset.run(sys.executable, "-P", "-c", code, "check", code=0)
    assert "checked against" in said


# Memory


class Starved(ThumbnailEmbedder):
    """As ONNX Runtime is when there is no memory: it raises an exception of its own."""

    def embed(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        del images
        with faults.native_memory():
            raise RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : std::bad_alloc")


def test_a_model_without_memory_is_no_bug_and_no_fault_of_the_image(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    files = Files({"a.png": near(1)})
    pipeline = Pipeline(files, store, lambda _: Starved(), lambda _total, _doing: lambda: None)
    with pytest.raises(MemoryError, match="bad_alloc"):
        embed_missing([image_of("a.png", near(1))], pipeline)
    assert (len(store), store.unreadable) == (0, {})
    assert faults.told(MemoryError()) == "out of memory; close other programs, or run it where there is more"


def test_onnx_runtime_that_gets_no_memory_raises_a_memory_error(augnet_embedder: OnnxEmbedder) -> None:
    class Session:
        def run(self, *_: object) -> object:
            raise ValueError("Failed to allocate memory for requested buffer of size 100")

    starved = OnnxEmbedder(Session(), 1, "reference")
    with pytest.raises(MemoryError):
        starved.embed([random_picture(1)])
    assert augnet_embedder.embed([random_picture(1)]).shape == (1, 768)


@pytest.mark.parametrize("kilobytes", [100_000, 600_000, 1_000_000])
def test_too_little_address_space_is_told_before_a_library_crashes(staged: Repository, kilobytes: int) -> None:
    """OpenBLAS ended the process with 1, the code of a verdict, or ONNX Runtime with SIGSEGV."""
    said = hook(staged, f"ulimit -v {kilobytes} && exec")
    least = faults.LEAST_MEMORY + faults.MEMORY_OF_A_CORE * cores()
    told = f"imgsim-guard: too little memory is allowed (ulimit -v {kilobytes}); allow at least ulimit -v {least}\n"
    assert said == told


def test_an_onnx_runtime_that_does_not_start_is_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where /proc is not mounted."""

    def fails(*_: object, **__: object) -> None:
        raise Fail("no such thing\nat this line")

    monkeypatch.setattr("onnxruntime.InferenceSession", fails)
    with pytest.raises(GuardError, match=r"ONNX Runtime cannot start here: no such thing; is /proc mounted\?"):
        OnnxEmbedder.load()


# What else is refused


def test_an_image_library_is_heard_where_no_file_in_memory_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_name: str) -> int:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "memfd_create", refused)
    damaged = encoded(random_picture(5, 200, 200), ".jpg")
    assert isinstance(decode_whole(damaged[: len(damaged) // 2] + damaged[-2:]), Unreadable)
    monkeypatch.delattr(os, "memfd_create")
    assert decoder_messages.overheard(lambda: 1) == (1, b"")


def test_a_journal_that_may_not_be_deleted_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(tmp_path)
    files = Files({"a.png": near(1)})
    monkeypatch.setattr("pathlib.Path.unlink", lambda path, **_: refuse() if path.exists() else None)
    pipeline = Pipeline(files, store, lambda _: ThumbnailEmbedder(), lambda _total, _doing: lambda: None)
    assert embed_missing([image_of("a.png", near(1))], pipeline) == {}
    assert len(store) == 1
    Journal(tmp_path).close()


def refuse(*_: object, **__: object) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted", "a file")


NO_PACKAGE = (
    "a package that imgsim-guard needs cannot be loaded (No module named 'no_such_package'); reinstall imgsim-guard"
)
NO_SEGMENT = (
    "a package that imgsim-guard needs cannot be loaded (lib.so: failed to map segment from shared object); "
    "Cannot allocate memory; close other programs, or run it where there is more memory"
)
NO_TEMPORARY = "No usable temporary directory found in ['/a', '/b']"
NO_LIBRARY = (
    "a package that imgsim-guard needs cannot be loaded (lib.so: Cannot allocate memory); "
    "Cannot allocate memory; close other programs, or run it where there is more memory"
)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            PermissionError(errno.EPERM, "Operation not permitted", "a file"),
            "Operation not permitted; give this user the right to do that (a file)",
        ),
        (
            BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"),
            "Resource temporarily unavailable; allow more processes and threads (ulimit -u), or close other programs",
        ),
        (
            RuntimeError("can't start new thread"),
            "no further thread can be started; allow more (ulimit -u), or close other programs",
        ),
        (
            ModuleNotFoundError("No module named 'no_such_package'", name="no_such_package"),
            NO_PACKAGE,
        ),
        (
            ImportError("lib.so: Cannot allocate memory"),
            NO_LIBRARY,
        ),
        (ImportError("lib.so: failed to map segment from shared object"), NO_SEGMENT),
        (
            FileNotFoundError(errno.ENOENT, NO_TEMPORARY),
            f"{NO_TEMPORARY}; set TMPDIR to a folder in which files can be made",
        ),
        (RuntimeError("anything else"), None),
        (ModuleNotFoundError("No module named 'imgsim_guard.x'", name="imgsim_guard.x"), None),
    ],
)
def test_what_the_machine_refuses_is_told_from_a_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, said: str | None
) -> None:
    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr("imgsim_guard.cli.commands.config.config", fail)
    assert main(["config"]) == (2 if said else 3)
    printed = capsys.readouterr().err
    assert printed == f"imgsim-guard: {said}\n" if said else "this is a bug" in printed
    if said:
        main(["config", "--verbose"])
        assert capsys.readouterr().err.startswith("Traceback")


# Messages


def test_a_message_is_cut(repository: Repository, cache: Path) -> None:  # noqa: ARG001  its own
    splits = ", ".join(f"s{number}: a" for number in range(4000))
    rules = "".join(f"- {{within: x{number}}}\n" for number in range(1000))
    repository.write({".imgsim-guard.yaml": f"splits: {{{splits}}}\nrules:\n{rules}"})
    said = repository.guard("check", "--all", code=COULD_NOT_RUN)
    assert len(said.replace(str(repository.root), "")) < 100_000
    assert "rules.0: there is no split 'x0' (splits: s0, s1, " in said
    assert said.endswith("... and 801 more lines\n")


def test_what_git_advises_can_be_copied(staged: Repository) -> None:
    said = staged.guard("check", code=2, GIT_TEST_ASSUME_DIFFERENT_OWNER="1")
    assert "detected dubious ownership" in said
    assert f"\n    git config --global --add safe.directory {staged.root}\n" in said
