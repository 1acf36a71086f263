"""Adopting a dirty folder, then one new duplicate and a day's pictures, in a real repository, in commands and seconds.

By the single steps of docs/git.md or, with --adopt, by `init --adopt`, which shows the duplicates, and `init --adopt
--yes`. With --dvc, DVC tracks the folder, and git and DVC have a remote.

The pictures are drawn, each from its number, so that a run can be repeated; every duplicate is an edit of one of them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from imgsim_guard.gate.accepted import load_accepted
from imgsim_guard.system.cache_folder import CACHE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

HOOK = Path(__file__).parents[1] / "hooks" / "pre-commit"

WIDTH, HEIGHT, SHAPES = 160, 120, 14
SEED = 20_000


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--images", type=int, default=2_000, help="duplicates included (default 2,000)")
    arguments.add_argument("--duplicates", type=int, default=150)
    arguments.add_argument("--adopt", action="store_true", help="adopt it by init --adopt")
    arguments.add_argument("--dvc", action="store_true", help="DVC tracks the folder")
    arguments.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "repository")
        planted = _make(root, images=options.images, duplicates=options.duplicates)
        if options.dvc:
            _give_to_dvc(root, Path(folder))
        adoption = Steps(root, Path(folder, "cache"))
        _adopt(adoption, root, adopt=options.adopt, dvc=options.dvc, page=Path(folder, "report.html"))
        accepted = [pair.shown for pair in load_accepted(root / ".imgsim-guard" / "accepted.yaml")]
        size = (root / ".imgsim-guard" / "accepted.yaml").stat().st_size
        day = Steps(root, Path(folder, "cache"))
        cv2.imwrite(str(root / "data" / "new.jpg"), _cropped(drawn(options.duplicates)), [cv2.IMWRITE_JPEG_QUALITY, 80])
        cv2.imwrite(str(root / "data" / "fine.png"), drawn(options.images))
        _add(day, dvc=options.dvc)
        day("git", "commit", "--quiet", "-m", "more", code=1)
        refused = day.said
        (root / "data" / "new.jpg").unlink()
        fine = Steps(root, Path(folder, "cache"))
        _add(fine, dvc=options.dvc)
        if options.dvc:
            fine("imgsim-guard", "sync")
        fine("git", "commit", "--quiet", "-m", "more")
        _push(fine, dvc=options.dvc)
    found = {frozenset(shown.split(" and ")) for shown in accepted}
    figures = {
        "images": options.images,
        "duplicates": len(planted),
        "found": len(planted.keys() & found),
        "missed": dict(Counter(edit for pair, edit in planted.items() if pair not in found)),
        "other pairs": len(found - planted.keys()),
        "bytes of accepted.yaml": size,
        **{
            name: {"commands": len(steps.seconds), "seconds": round(sum(steps.seconds.values()), 1), **steps.seconds}
            for name, steps in (("adopting", adoption), ("a duplicate", day), ("a day's pictures", fine))
        },
    }
    print(json.dumps(figures, indent=1))
    print(f"\nThe new duplicate:\n\n{refused}\nWithout it:\n\n{fine.said}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


class Steps:
    """Runs commands there, a process each. `seconds`: of each command; `said`: what the last one printed."""

    def __init__(self, root: Path, cache: Path) -> None:
        self.root = root
        people = {f"GIT_{who}_{what}": "x@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self.environment = {**os.environ, **people, CACHE_VARIABLE: str(cache), "PATH": path, "DVC_NO_ANALYTICS": "1"}
        self.seconds: dict[str, float] = {}
        self.said = ""

    def __call__(self, *command: str, code: int = 0) -> None:
        """Insist on the exit code, and remember how long it took."""
        started = time.perf_counter()
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        name = " ".join(word.rpartition("/")[2] or word for word in command[:4])
        name += " (again)" * (name in self.seconds)
        self.seconds[name] = round(time.perf_counter() - started, 1)
        self.said = done.stdout
        print(f"{name}: {self.seconds[name]} s", flush=True)
        if done.returncode != code:
            raise SystemExit(f"{command} ended with {done.returncode}:\n{done.stdout}")


def _adopt(run: Steps, root: Path, *, adopt: bool, dvc: bool, page: Path) -> None:
    """As docs/git.md and docs/dvc.md say; the plain hook stands for `pre-commit install`."""
    init = ("imgsim-guard", "init", *(["--dvc"] if dvc else []))
    if adopt:
        run(*init, "--adopt", code=1)
        run(*init, "--adopt", "--yes")  # on a terminal, the first one asks
    else:
        run(*init)
        run("git", "add", ".")
        run("imgsim-guard", "embed")
        run("imgsim-guard", "check", "--all", "--html", str(page), code=1)
        run("imgsim-guard", "accept", "--all", "--reason", "there before the gate")
    run("cp", str(HOOK), str(root / ".git" / "hooks" / "pre-commit"))
    run("git", "commit", "--quiet", "-m", "the gate")
    if dvc and not adopt:
        run("imgsim-guard", "sync")
        run("git", "commit", "--quiet", "-m", "embeddings")
    _push(run, dvc=dvc)


def _add(run: Steps, *, dvc: bool) -> None:
    if dvc:
        run("dvc", "add", "--quiet", "data")
    run("git", "add", "data.dvc" if dvc else "data")


def _push(run: Steps, *, dvc: bool) -> None:
    if dvc:
        run("dvc", "push", "--quiet")
        run("git", "push", "--quiet")


def _give_to_dvc(root: Path, folder: Path) -> None:
    run = Steps(root, folder)
    run("git", "init", "--quiet", "--bare", str(folder / "remote.git"))
    run("git", "remote", "add", "origin", str(folder / "remote.git"))
    run("dvc", "init", "--quiet")
    run("dvc", "remote", "add", "--default", "--quiet", "ours", str(folder / "remote"))
    run("git", "rm", "-r", "--quiet", "--cached", "data")
    run("dvc", "add", "--quiet", "data")
    run("git", "add", ".")
    run("git", "commit", "--quiet", "-m", "in DVC")
    run("git", "push", "--quiet", "--set-upstream", "origin", "HEAD")
    run("dvc", "push", "--quiet")


def drawn(number: int) -> NDArray[np.uint8]:
    """A picture of random shapes over a random slope of colours, with a little noise."""
    draw = np.random.default_rng(SEED + number)
    corners = draw.integers(0, 256, (2, 2, 3)).astype(np.uint8)
    pixels = cv2.resize(corners, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    for _ in range(SHAPES):
        colour = tuple(int(value) for value in draw.integers(0, 256, 3))
        points = draw.integers(-20, WIDTH + 20, (int(draw.integers(3, 7)), 2)).astype(np.int32)
        centre, axes = tuple(int(value) for value in points[0]), tuple(int(value) for value in draw.integers(4, 50, 2))
        kind = draw.integers(3)
        if kind == 0:
            cv2.fillPoly(pixels, [points // 2 + points[0] // 2], colour, cv2.LINE_AA)
        elif kind == 1:
            cv2.ellipse(pixels, centre, axes, float(draw.integers(180)), 0, 360, colour, -1, cv2.LINE_AA)
        else:
            cv2.polylines(pixels, [points], isClosed=False, color=colour, thickness=3, lineType=cv2.LINE_AA)
    noise = np.asarray(draw.normal(0, 4, (HEIGHT, WIDTH, 3)), np.int16)
    return np.asarray((np.asarray(pixels, np.int16) + noise).clip(0, 255), np.uint8)


def _cropped(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return pixels[6:-6, 8:-8]


EDITS: dict[str, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    "copied": lambda pixels: pixels,
    "saved as JPEG": lambda pixels: pixels,
    "made smaller": lambda pixels: np.asarray(cv2.resize(pixels, None, fx=0.75, fy=0.75), np.uint8),
    "cropped": _cropped,
    "brighter": lambda pixels: np.asarray(cv2.convertScaleAbs(pixels, alpha=1.1, beta=15), np.uint8),
    "mirrored": lambda pixels: np.asarray(cv2.flip(pixels, 1), np.uint8),
}


def _make(root: Path, *, images: int, duplicates: int) -> dict[frozenset[str], str]:
    """A committed folder of pictures; the pairs in it that are duplicates, with how they came to be."""
    folder = root / "data"
    folder.mkdir(parents=True)
    planted = {}
    names = list(EDITS)
    for number in range(images - duplicates):
        pixels = drawn(number)
        cv2.imwrite(str(folder / f"{number:05}.png"), pixels)
        if number < duplicates:
            edit = names[number % len(names)]
            path = folder / f"{number:05}-again.{'jpg' if edit == 'saved as JPEG' else 'png'}"
            cv2.imwrite(str(path), EDITS[edit](pixels))
            planted[frozenset({f"data/{number:05}.png", f"data/{path.name}"})] = edit
    _git(root, "init", "--quiet", ".")
    _git(root, "add", ".")
    _git(root, "commit", "--quiet", "-m", "as it grew")
    return planted


def _git(root: Path, *arguments: str) -> None:
    author = ["-c", "user.name=Benchmark", "-c", "user.email=benchmark@example.com"]
    subprocess.run(["git", *author, *arguments], cwd=root, check=True)


if __name__ == "__main__":
    main()
