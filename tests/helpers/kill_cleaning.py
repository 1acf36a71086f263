"""Kills a clean-up, and the undoing of one, at any line of the code that moves files, and looks at what is left.

`python tests/helpers/kill_cleaning.py --kills 100` is a long run of what tests/gate/test_cleaning.py does briefly.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.gate import cleaning
from imgsim_guard.gate.cleaning import run
from imgsim_guard.gate.cleaning.manifest import manifests_in
from imgsim_guard.gate.cleaning.plan import going, sharing
from imgsim_guard.gate.pipeline import silent
from imgsim_guard.model import Group, Image, Match, Member
from imgsim_guard.system.cache_folder import CACHE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

WATCHED = str(Path(cleaning.__file__).parent)
COPIES = 4


def files_in(folder: Path) -> dict[str, str]:
    """By path, the digest of each file; what a link points to."""
    return {
        str(path.relative_to(folder)): str(path.readlink()) if path.is_symlink() else _digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def made(folder: Path) -> list[Group]:
    """A dataset of an image, copies of it with sidecars, and links; and the group that it is."""
    data = folder / "photos"
    data.mkdir(parents=True)
    names = ["a.png", *(f"copy {number}.png" for number in range(COPIES))]
    for name in names:
        (data / name).write_bytes(b"the same bytes")
        (data / name).with_suffix(".txt").write_text(f"of {name}")
    (data / "link.png").symlink_to("copy 0.png")
    images = [Image(str(data / name), f"sha256:{_digest(data / name)}") for name in names]
    kept, *copies = images
    members = [Member(kept, "keep")]
    members += [
        Member(image, "copy", "", kept, Match("exact-duplicate", image, kept, 0.0), width=1, height=1, size=14)
        for image in copies
    ]
    return [Group(tuple(members))]


def link(folder: Path, groups: list[Group]) -> None:
    """Make the copies hard links, as far as they are none."""
    kept = groups[0].kept.image.path
    left = [one for one in sharing(groups) if not Path(one.path).samefile(kept)]
    if left:
        run.apply(left, [str(folder / "photos")], folder / "removed", staged={}, progress=silent, way="hardlink")


def apply(folder: Path, groups: list[Group]) -> None:
    """Clean the dataset, as far as it is not clean."""
    left = [Group(tuple(one for one in group.members if Path(one.image.path).exists())) for group in groups]
    links = [(str(folder / "photos" / "link.png"), str(folder / "photos" / "copy 0.png"))]
    files = [
        one
        for one in going(left, [link for link in links if os.path.lexists(link[0])], sidecars=True)
        if os.path.lexists(one.path)
    ]
    if files:
        run.apply(files, [str(folder / "photos")], folder / "removed", staged={}, progress=silent)


def undo(folder: Path) -> None:
    """Put back all that was moved."""
    if found := manifests_in(folder / "removed"):
        _, problems = run.undo(found[-1], silent)
        assert not problems, problems


def killed(job: Callable[[], None], fatal: int) -> tuple[int, int]:
    """Run a job in a process of its own that is killed after so many lines; the signal, and the lines it ran."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        lines = 0

        def step(_frame: FrameType, event: str, _argument: object) -> object:
            nonlocal lines
            lines += event == "line"
            if lines == fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            return step

        def calls(frame: FrameType, _event: str, _argument: object) -> object:
            return step if frame.f_code.co_filename.startswith(WATCHED) else None

        sys.settrace(calls)  # type: ignore[arg-type]  # it returns a function or None
        try:
            job()
        finally:
            sys.settrace(None)
            os.write(writing, lines.to_bytes(8, "little"))
            os._exit(0)
    os.close(writing)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with os.fdopen(reading, "rb") as answer:
        return status, int.from_bytes(answer.read(), "little")


def kills(count: int, draw: random.Random, folder: Path, clean: Callable[[Path, list[Group]], None]) -> None:
    """Kill so many times: a clean-up, which is then undone or gone on with and undone, or the undoing itself."""
    os.environ[CACHE_VARIABLE] = str(folder / "cache")
    groups = made(folder)
    before = files_in(folder / "photos")
    _, whole = killed(lambda: clean(folder, groups), 0)
    _, back = killed(lambda: undo(folder), 0)
    assert files_in(folder / "photos") == before
    for _ in range(count):
        fatal, of_undo, go_on = draw.randint(1, whole - 1), draw.randint(1, back - 1), draw.random() < 0.5
        status, _ = killed(lambda: clean(folder, groups), fatal)
        assert status == -signal.SIGKILL, (status, fatal, whole)
        _complete(folder, before, f"after {fatal} lines of {whole}")
        if go_on:
            clean(folder, groups)
            if clean is apply:
                assert {*files_in(folder / "photos")} == {"a.png", "a.txt"}, f"after {fatal} lines, gone on with"
            else:
                assert (folder / "photos" / "a.png").stat().st_nlink == 1 + COPIES, f"after {fatal} lines, gone on with"
            killed(lambda: undo(folder), of_undo)
            _complete(folder, before, f"after {of_undo} lines of undoing")
        undo(folder)
        assert files_in(folder / "photos") == before, f"after {fatal} lines, undone"
        assert (folder / "photos" / "a.png").stat().st_nlink == 1, f"after {fatal} lines, undone"
        assert not (folder / "removed").exists() or not files_in(folder / "removed"), f"after {fatal} lines"
        shutil.rmtree(folder / "removed", ignore_errors=True)


def _complete(folder: Path, before: dict[str, str], when: str) -> None:
    """No file is lost or changed: each is where it was, or where it goes."""
    there = files_in(folder / "removed") if (folder / "removed").exists() else {}
    assert before.items() <= (there | files_in(folder / "photos")).items(), when


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    arguments = parser.parse_args()
    for clean in (apply, link):
        with tempfile.TemporaryDirectory() as folder:
            kills(arguments.kills, random.Random(arguments.seed), Path(folder), clean)
    sys.stdout.write(f"{arguments.kills} kills of each, nothing lost (seed {arguments.seed})\n")


if __name__ == "__main__":
    main()
