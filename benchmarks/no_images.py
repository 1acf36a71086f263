"""What the hook adds to a commit without images: `git commit` alone, with the plain hook, and with pre-commit.

pre-commit takes time by itself, so it is also measured with a hook that does nothing. All ways take turns.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from measuring import in_turns, report

if TYPE_CHECKING:
    from collections.abc import Callable

HOOK = f"{sys.executable} -P -m imgsim_guard hook"
AUTHOR = ("-c", "user.name=Benchmark", "-c", "user.email=benchmark@example.com")

OF_PRE_COMMIT = """\
repos:
- repo: local
  hooks:
  - {{id: it, name: it, entry: {entry}, language: system, pass_filenames: false, always_run: true}}
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--images", type=int, default=1000, help="in the repository (default 1,000)")
    arguments.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ways = {
            "git": _repository(Path(folder, "git"), options.images),
            "plain": _repository(Path(folder, "plain"), options.images, hook=f"#!/bin/sh\nexec {HOOK}\n"),
            "nothing": _repository(Path(folder, "nothing"), options.images, entry="git --version"),
            "pre_commit": _repository(Path(folder, "pre-commit"), options.images, entry=HOOK),
        }
        clocks: dict[str, list[float]] = {name: [] for name in ways}
        actions = {name: partial(_processor, commit, clocks[name]) for name, commit in ways.items()}
        for commit in ways.values():
            commit()  # files are read and compiled for the first time
        times = in_turns(options.rounds, **actions)
    names = {
        "git": "git commit",
        "plain": "with the plain hook",
        "nothing": "with pre-commit, whose hook does nothing",
        "pre_commit": "with pre-commit and imgsim-guard",
    }
    rows = [["a commit without images", "seconds of processor time, least (median)", "seconds, least"]]
    rows += [
        [names[name], f"{min(values):.3f} ({sorted(values)[len(values) // 2]:.3f})", f"{min(clocks[name]):.3f}"]
        for name, values in times.items()
    ]
    report({"processor": times, "clock": clocks}, rows, reference=None, target=options.json)


def _processor(commit: Callable[[], None], clock: list[float]) -> float:
    """Seconds of processor time of a commit and all it starts."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    commit()
    clock.append(time.perf_counter() - started)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _repository(root: Path, images: int, *, hook: str = "", entry: str = "") -> Callable[[], None]:
    """A repository of files with the names of images; what commits one more line of text there."""
    root.mkdir()
    _git(root, "init", "--quiet")
    (root / "data").mkdir()
    for number in range(images):
        (root / "data" / f"{number}.png").write_bytes(number.to_bytes(4))
    if entry:
        (root / ".pre-commit-config.yaml").write_text(OF_PRE_COMMIT.format(entry=entry))
    _git(root, "add", ".")
    _git(root, "commit", "--quiet", "-m", "start")
    if hook:
        (root / ".git" / "hooks" / "pre-commit").write_text(hook)
        (root / ".git" / "hooks" / "pre-commit").chmod(0o755)
    if entry:
        subprocess.run([sys.executable, "-m", "pre_commit", "install"], cwd=root, check=True, stdout=subprocess.DEVNULL)
    text = root / "README.md"

    def commit() -> None:
        with text.open("a") as file:
            file.write("a line\n")
        _git(root, "add", "README.md")
        _git(root, "commit", "--quiet", "-m", "a line")

    return commit


def _git(root: Path, *arguments: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(["git", *AUTHOR, *arguments], cwd=root, check=True, capture_output=True, env=environment)


if __name__ == "__main__":
    main()
