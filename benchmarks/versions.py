"""Whether the lowest and the newest versions that pyproject.toml allows give the same verdicts, near the threshold too.

Ends with 1 if they do not.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from measuring import VERSIONS, ask

from imgsim_guard.images.decode import decode
from imgsim_guard.sources.selection import has_image_suffix

ROOT = Path(__file__).parents[1]

SIDE = 400
"""Pixels of the long side of what is drawn: enough to be verified by."""

STEPS = (0.95, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
"""How bright the copies are: on the way to black, every photograph comes by the threshold. Each is also cut
a little more than the one before.
"""

SUFFIXES = (".jpg", ".png", ".webp", ".tif", ".jp2", ".avif", ".bmp")
"""Of the formats that they are in."""

THRESHOLD, NEAR, ALL = 10.0, 1.0, 56
"""The default threshold, what counts as near it, and one within which every pair is."""

ON_ONE_CORE = (
    "import os, runpy; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); runpy.run_module('imgsim_guard')"
)

Judged = dict[tuple[str, str], Any]
"""By the names of two images, what a report says of them."""


class Run(NamedTuple):
    """What one environment says: `verdicts` by the default rules, and the `distances` of all pairs."""

    name: str
    verdicts: Judged
    distances: Judged


def main() -> int:
    options = _arguments()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        drawn = draw(options.folder, work / "pictures", options.photographs)
        lowest, newest = (
            os.path.abspath(given) if given else environment(work / name, lowest=name == "lowest")  # noqa: PTH100  a link is an environment
            for name, given in (("lowest", options.lowest), ("newest", options.newest))
        )
        runs = [
            run("lowest", [lowest], drawn, work / "stored by the lowest", work),
            run("newest", [newest], drawn, work / "stored by the newest", work),
            run("newest, stored by the lowest", [newest], drawn, work / "stored by the lowest", work),
            run("newest, in the opposite order", [newest], drawn[::-1], work / "stored backwards", work),
        ]
        if hasattr(os, "sched_setaffinity"):
            runs.append(run("newest, on one core", [newest, "-c", ON_ONE_CORE], drawn, work / "stored by one", work))
    print(f"lowest: {ask(lowest, VERSIONS).strip()}\nnewest: {ask(newest, VERSIONS).strip()}\n{len(drawn)} images")
    return max([compared(runs[0], other) for other in runs[1:]])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="with photographs in it")
    parser.add_argument("--photographs", type=int, default=20, metavar="N", help="take so many of them (default: 20)")
    for name in ("lowest", "newest"):
        parser.add_argument(f"--{name}", metavar="PYTHON", help="use this environment instead of making one")
    return parser.parse_args()


def requirements(*, lowest: bool) -> list[str]:
    """What the package depends on, held to its lowest versions or not."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [line.partition(",")[0].replace(">=", "==") if lowest else line for line in project["dependencies"]]


def environment(folder: Path, *, lowest: bool) -> str:
    """The interpreter of a new virtual environment with them."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *requirements(lowest=lowest)], check=True)
    return str(python)


def draw(folder: Path, target: Path, photographs: int) -> list[str]:
    """Some photographs of a folder, and darker and darker copies of each, in as many formats."""
    target.mkdir()
    drawn = []
    paths = (path for path in sorted(folder.iterdir()) if has_image_suffix(path.name))
    readable = ((path, pixels) for path in paths if isinstance(pixels := decode(path.read_bytes()), np.ndarray))
    for path, pixels in islice(readable, photographs):
        scale = SIDE / max(pixels.shape[:2])
        small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        copies = {f"original{path.suffix}": path.read_bytes()}
        for number, (step, suffix) in enumerate(zip(STEPS, SUFFIXES, strict=True)):
            copy = np.asarray(small[:, number * 8 :] * step, np.uint8)
            copies[f"{step}{suffix}"] = cv2.imencode(suffix, copy)[1].tobytes()
        for name, data in copies.items():
            drawn.append(str(target / f"{path.stem} {name}"))
            Path(drawn[-1]).write_bytes(data)
    return drawn


def run(name: str, command: list[str], pictures: list[str], cache: Path, work: Path) -> Run:
    """What an environment says of the pictures, with the embeddings in a cache and the others added to it."""
    verdicts = scanned(command, pictures, cache, work, "{}")
    distances = scanned(command, pictures, cache, work, f"threshold: {ALL}\nverify: never")
    return Run(name, verdicts, {pair: found["distance"] for pair, found in distances.items()})


def scanned(command: list[str], pictures: list[str], cache: Path, work: Path, settings: str) -> Judged:
    """The pairs that `scan` reports."""
    (work / "settings.yaml").write_text(settings)
    start = command if "-c" in command else [*command, "-m", "imgsim_guard"]
    arguments = ["scan", "--config", "settings.yaml", "--quiet", "--json", "report.json", "--", *pictures]
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "IMGSIM_GUARD_CACHE_DIR": str(cache)}
    ended = subprocess.run([*start, *arguments], cwd=work, env=variables, stdout=subprocess.PIPE, check=False)
    if ended.returncode not in {0, 1}:
        raise SystemExit(f"{command[0]} ended with {ended.returncode}")
    report = json.loads((work / "report.json").read_text())
    if report["unreadable"] or report["notes"]:
        raise SystemExit(f"{command[0]}: {report['unreadable']}, {report['notes']}")
    return {(Path(match["query"]).name, Path(match["gallery"]).name): match for match in report["matches"]}


def compared(first: Run, other: Run) -> int:
    """Print how another run differs; 1 if a verdict does."""
    moved = [abs(distance - other.distances[pair]) for pair, distance in first.distances.items()]
    near = sum(abs(distance - THRESHOLD) <= NEAR for distance in first.distances.values())
    crossed = sum(
        (first.distances[pair] <= THRESHOLD) != (other.distances[pair] <= THRESHOLD) for pair in first.distances
    )
    kinds = [{pair: found["kind"] for pair, found in some.verdicts.items()} for some in (first, other)]
    changed = len({*kinds[0].items()} ^ {*kinds[1].items()})
    agreed = [
        abs(agreement(found) - agreement(other.verdicts.get(pair, found))) for pair, found in first.verdicts.items()
    ]
    print(
        f"{other.name}: {len(moved):,} distances moved by at most {max(moved):.4f}; of {near:,} pairs within {NEAR:g} "
        f"of the threshold {crossed} crossed it; of {len(kinds[0]):,} pairs reported {changed} are judged differently, "
        f"and the share of what agrees moved by at most {max(agreed):.4f}"
    )
    return int(bool(crossed or changed))


def agreement(match: Any) -> float:  # noqa: ANN401  out of JSON
    """How much of two pictures agrees; 0 where nobody looked."""
    return float((match["verification"] or {}).get("agreement", 0.0))


if __name__ == "__main__":
    sys.exit(main())
