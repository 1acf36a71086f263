"""What a repository that strangers write to can make the program do: nothing is executed, nothing is sent, and no path
out of the repository is followed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT, Dataset, Repository, encoded, near, photograph, random_picture

from imgsim_guard.gate.workspace import Workspace
from imgsim_guard.model import GuardError
from imgsim_guard.sources.dvc_cache import Caches
from imgsim_guard.sources.git import Git
from imgsim_guard.sources.manifests import read_manifest, read_pointer
from imgsim_guard.sources.plain_yaml import ManifestError
from imgsim_guard.sources.selection import has_image_suffix
from imgsim_guard.sources.tracked import everything
from imgsim_guard.sources.trackers import Trackers

if TYPE_CHECKING:
    from collections.abc import Callable

WATCHED = """
import json, os, sys

seen = []
PREFIXES = ("socket.", "os.system", "os.exec", "os.spawn", "os.posix_spawn", "os.startfile", "os.fork", "pickle.")

def watch(event, arguments):
    if event == "subprocess.Popen":
        seen.append([event, [os.fsdecode(word) for word in arguments[1]]])
    elif event == "open" and isinstance(arguments[0], (str, bytes)) and isinstance(arguments[1], str):
        if set(arguments[1]) & set("wax+"):
            seen.append(["write", os.path.abspath(os.fsdecode(arguments[0]))])
    elif event.startswith(PREFIXES):
        seen.append([event, repr(arguments)])

def run():
    from imgsim_guard.cli import main
    return main(sys.argv[2:])

import pickle, socket, subprocess  # whoever imports them runs nothing yet
sys.addaudithook(watch)
code = ACTION
found = list(seen)
with open(sys.argv[1], "w") as file:
    json.dump(found, file)
sys.exit(code)
"""
"""Runs the program, and writes what Python's audit hooks saw of it to a file."""

LEADS_OUT = "is a link to a place outside the repository, so it is not read"


@pytest.fixture
def watched(tmp_path: Path, repository: Repository) -> Callable[..., list[list[str]]]:
    def run(*arguments: str, code: int = 0, action: str = "run()") -> list[list[str]]:
        report = tmp_path / "seen.json"
        script = WATCHED.replace("ACTION", action)
        variables = {"IMGSIM_GUARD_CACHE_DIR": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
        repository.run(sys.executable, "-P", "-c", script, str(report), *arguments, code=code, **variables)
        found: list[list[str]] = json.loads(report.read_text())
        return found

    return run


@pytest.mark.parametrize(
    ("action", "event"),
    [
        ("subprocess.run('exit 0', shell=True).returncode", "subprocess.Popen"),
        ("os.system('exit 0')", "os.system"),
        ("socket.socket().connect_ex(('127.0.0.1', 9)) and 0", "socket.connect"),
        ("0 * len(pickle.loads(b'cos\\nsystem\\n.').__name__)", "pickle.find_class"),
    ],
)
def test_the_watcher_sees(watched: Callable[..., list[list[str]]], action: str, event: str) -> None:
    assert event in {name for name, _ in watched(action=action)}


COMMANDS = {
    "hook": (("hook",), 1),
    "check": (("check", "--all", "--html", "reports/page.html", "--sarif", "reports/sarif.json"), 1),
    "scan": (("scan", ".", "--json", "reports/report.json"), 1),
    "compare": (("compare", "cat.png", "data/copy.jpg"), 0),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_run_starts_git_alone_opens_no_socket_and_loads_no_pickle(
    command: str, repository: Repository, watched: Callable[..., list[list[str]]], tmp_path: Path
) -> None:
    repository.stage(
        {"cat.png": photograph("chelsea.png"), "data/copy.jpg": photograph("chelsea.png"), "b.png": near(1)}
    )
    repository.write({"reports/x": ""})
    arguments, code = COMMANDS[command]
    seen = watched(*arguments, code=code)
    started = [words for event, words in seen if event == "subprocess.Popen"]
    assert all(words[0] == "git" for words in started)
    assert bool(started) == (command != "compare")
    assert {event for event, _ in seen} <= {"subprocess.Popen", "write"}
    written = [Path(path) for event, path in seen if event == "write" and path != os.devnull]
    places = (tmp_path / "cache", repository.root / "reports")
    assert [path for path in written if not any(path.is_relative_to(place) for place in places)] == []


def _namespaces() -> bool:
    """Whether this machine lets a process have a network of its own, without routes."""
    unshare = shutil.which("unshare")
    return unshare is not None and not subprocess.run([unshare, "-rn", "true"], check=False).returncode


@pytest.mark.skipif(not _namespaces(), reason="needs Linux that permits `unshare -rn`; the audit hooks watch anywhere")
def test_a_commit_is_judged_without_any_network(repository: Repository, tools: Path, tmp_path: Path) -> None:
    hook = repository.root / ".git" / "hooks" / "pre-commit"
    shutil.copy(ROOT / "hooks" / "pre-commit", hook)
    hook.chmod(0o755)
    variables = {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "IMGSIM_GUARD_CACHE_DIR": str(tmp_path / "cache"),
    }
    isolated = ("unshare", "-rn")
    assert repository.run(*isolated, "cat", "/proc/net/route").splitlines()[1:] == []
    repository.stage({"cat.png": photograph("chelsea.png"), "b.png": near(1)})
    repository.run(*isolated, "git", "commit", "--quiet", "-m", "one", code=0, **variables)
    repository.stage({"data/copy.png": photograph("chelsea.png"), "c.png": near(2)})
    said = repository.run(*isolated, "git", "commit", "--quiet", "-m", "two", code=1, **variables)
    assert "exact duplicate of" in said


# Paths


def test_a_configuration_or_accepted_pairs_out_of_the_repository_are_not_read(tmp_path: Path) -> None:
    root, secret = tmp_path / "root", tmp_path / "secret"
    (root / ".imgsim-guard").mkdir(parents=True)
    secret.write_text("password: hunter2\n")
    (root / ".imgsim-guard" / "accepted.yaml").symlink_to("../../secret")
    with pytest.raises(GuardError, match=LEADS_OUT) as about_accepted:
        _ = Workspace(root).policy
    (root / ".imgsim-guard.yaml").symlink_to(secret)
    with pytest.raises(GuardError, match=LEADS_OUT) as about_configuration:
        Workspace(root)
    assert "hunter2" not in f"{about_accepted.value}{about_configuration.value}"


def test_a_link_within_the_repository_is_followed_and_a_file_that_was_named_may_be_anywhere(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "settings").mkdir(parents=True)
    (root / "settings" / "guard.yaml").write_text("threshold: 3\n")
    (root / ".imgsim-guard.yaml").symlink_to("settings/guard.yaml")
    (tmp_path / "other.yaml").write_text("threshold: 4\n")
    assert Workspace(root).settings.threshold == 3
    assert Workspace(root, config=str(tmp_path / "other.yaml")).settings.threshold == 4


def test_a_device_that_never_ends_is_no_configuration() -> None:
    with pytest.raises(GuardError, match="larger than 100,000 bytes, the most for the configuration"):
        Workspace(Path("/"), config="/dev/zero")


@pytest.mark.parametrize("whole_folder", [True, False])
def test_an_image_that_dvc_tracks_is_not_read_through_a_link_out_of_the_repository(
    dataset: Dataset, tmp_path: Path, *, whole_folder: bool
) -> None:
    dataset.add({"more/new.png": "new"}, "more")
    dataset.save()
    shutil.rmtree(dataset.root / ".dvc" / "cache")
    outside = tmp_path / "outside"
    if whole_folder:
        (dataset.root / "more").rename(outside)
        (dataset.root / "more").symlink_to(outside)
    else:
        outside.mkdir()
        (dataset.root / "more" / "new.png").rename(outside / "new.png")
        (dataset.root / "more" / "new.png").symlink_to(outside / "new.png")
    git = Git(dataset.root)
    selection = everything(git, has_image_suffix)
    assert "more" in dict(selection.unreadable)


def test_the_bytes_of_a_tracked_image_are_not_read_through_a_link_out_of_the_repository(
    dataset: Dataset, tmp_path: Path
) -> None:
    dataset.add({"new.png": "new"}, "new.png")
    image = next(image for image in everything(Git(dataset.root), has_image_suffix).queries if image.path == "new.png")
    shutil.rmtree(dataset.root / ".dvc" / "cache")
    source = Trackers(Git(dataset.root), None)
    (dataset.root / "new.png").unlink(missing_ok=True)
    (dataset.root / "new.png").write_bytes(b"new")
    assert source.at_hand(image)
    assert source.read(image) == b"new"
    (dataset.root / "new.png").rename(tmp_path / "secret.png")
    (dataset.root / "new.png").symlink_to(tmp_path / "secret.png")
    assert not source.at_hand(image)
    assert not isinstance(source.read(image), bytes)


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n"


def test_what_lfs_points_to_is_not_read_through_a_link_out_of_the_repository(
    repository: Repository, tmp_path: Path
) -> None:
    data = encoded(random_picture(1, 200, 200))
    pointer = POINTER.format(oid=hashlib.sha256(data).hexdigest(), size=len(data))
    repository.commit({"data/a.png": pointer, ".gitattributes": "*.png lfs\n"})
    source = Trackers(Git(repository.root), None)
    [image] = everything(Git(repository.root), has_image_suffix).queries
    (repository.root / "data" / "a.png").write_bytes(data)
    assert source.at_hand(image)
    assert source.read(image) == data
    (repository.root / "data").rename(tmp_path / "elsewhere")
    (repository.root / "data").symlink_to(tmp_path / "elsewhere")
    assert not source.at_hand(image)
    assert not isinstance(source.read(image), bytes)


WINDOWS = ["..\\x.png", "a\\..\\..\\x.png", "\\\\server\\share\\x.png", "\\x.png", "C:\\x.png", "C:/x.png"]
"""There, each of them leads out of the repository or to another machine; elsewhere they are names."""


@pytest.mark.parametrize("path", WINDOWS)
def test_lists_of_files_name_nothing_outside_on_windows_either(path: str) -> None:
    entry = {"md5": "0" * 32, "relpath": path}
    with pytest.raises(ManifestError, match="it lists a file at"):
        read_manifest(json.dumps([entry]).encode())
    [out] = read_pointer("x.dvc", f"outs:\n- md5: {'0' * 32}\n  path: '{path}'\n".encode())
    assert out.problem == "its path is outside the repository"
    assert out.md5 == ""


@pytest.mark.parametrize(
    "text", ["[cache]\ndir = ~nobody-has-this-name/x\n", "[cache]\ndir = /dev/zero\n", "[cache]\ndir = \0\n", "\0" * 99]
)
def test_a_strange_cache_holds_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text(text)
    assert Caches([tmp_path]).object("x.png", "0" * 32) is None


def test_a_configuration_of_dvc_that_never_ends_is_none(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").symlink_to("/dev/zero")
    assert Caches([tmp_path]).object("x.png", "0" * 32) is None
