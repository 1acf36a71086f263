"""Adopting a dirty folder, and then one new duplicate, in a real repository: by `init`, `embed`, `check --all` and
`accept --all`, or, with --adopt, by `init --adopt`, which shows the duplicates, and `init --adopt --yes`.

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

WIDTH, HEIGHT, SHAPES = 160, 120, 14
SEED = 20_000


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--images", type=int, default=2_000, help="duplicates included (default 2,000)")
    arguments.add_argument("--duplicates", type=int, default=150)
    arguments.add_argument("--adopt", action="store_true", help="adopt it by init --adopt")
    arguments.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "repository")
        guard = Guard(root, Path(folder, "cache"))
        planted = _make(root, images=options.images, duplicates=options.duplicates)
        if options.adopt:
            guard("init", "--adopt", code=1)
            guard("init", "--adopt", "--yes")
        else:
            guard("init")
            guard("embed")
            guard("check", "--all", "--html", str(Path(folder, "report.html")), code=1)
            guard("accept", "--all", "--reason", "there before the gate")
        accepted = [pair.shown for pair in load_accepted(root / ".imgsim-guard" / "accepted.yaml")]
        adopting = sum(guard.seconds.values())
        _git(root, "add", ".")
        _git(root, "commit", "--quiet", "-m", "the gate")
        cv2.imwrite(str(root / "data" / "new.jpg"), _cropped(drawn(options.duplicates)), [cv2.IMWRITE_JPEG_QUALITY, 80])
        cv2.imwrite(str(root / "data" / "fine.png"), drawn(options.images))
        _git(root, "add", "data")
        guard("hook", code=1)
        refused = guard.said
        _git(root, "reset", "--quiet", "--", "data/new.jpg")
        guard("hook")
        guard("check", "--all")
        size = (root / ".imgsim-guard" / "accepted.yaml").stat().st_size
    found = {frozenset(shown.split(" and ")) for shown in accepted}
    figures = {
        "images": options.images,
        "duplicates": len(planted),
        "found": len(planted.keys() & found),
        "missed": dict(Counter(edit for pair, edit in planted.items() if pair not in found)),
        "other pairs": len(found - planted.keys()),
        "bytes of accepted.yaml": size,
        "seconds": guard.seconds,
        "seconds of adopting": round(adopting, 1),
    }
    print(json.dumps(figures, indent=1))
    print(f"\nThe new duplicate:\n\n{refused}\nWithout it:\n\n{guard.said}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


class Guard:
    """Runs imgsim-guard there, a process each time. `said`: what the last one printed."""

    def __init__(self, root: Path, cache: Path) -> None:
        self.root = root
        self.environment = {**os.environ, CACHE_VARIABLE: str(cache)}
        self.seconds: dict[str, float] = {}
        self.said = ""

    def __call__(self, *arguments: str, code: int = 0) -> None:
        """Insist on the exit code, and remember how long it took."""
        command = [sys.executable, "-P", "-m", "imgsim_guard", *arguments]
        started = time.perf_counter()
        done = subprocess.run(
            command, cwd=self.root, env=self.environment, stdout=subprocess.PIPE, text=True, check=False
        )
        name = " ".join(arguments[:3]) + (" (refused)" if done.returncode == 1 else "")
        self.seconds[name] = round(time.perf_counter() - started, 1)
        self.said = done.stdout
        print(f"{name}: {self.seconds[name]} s", flush=True)
        if done.returncode != code:
            raise SystemExit(f"{command} ended with {done.returncode}:\n{done.stdout}")


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
