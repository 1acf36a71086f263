"""What the benchmarks share: asking the reference's interpreter, taking turns, tables, and what was measured on."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PACKAGES = (
    "imgsim-guard",
    "numpy",
    "onnxruntime",
    "opencv-python-headless",
    "imgsim",
    "torch",
    "torchvision",
    "faiss-cpu",
    "usearch",
)

VERSIONS = f"""
import json
from importlib.metadata import PackageNotFoundError, version
found = {{}}
for name in {PACKAGES!r}:
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--reference", required=True, metavar="PYTHON", help="interpreter that has imgsim and torch")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return made


def ask(python: str, script: str, *arguments: str) -> str:
    """What a script prints under another interpreter."""
    result = subprocess.run([python, "-c", script, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    return result.stdout


def seconds(action: Callable[[], object]) -> float:
    """How long it takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def in_turns(rounds: int, **actions: Callable[[], float]) -> dict[str, list[float]]:
    """Each action's own measure, taken in turns, so that a slow minute of the machine slows all of them."""
    measured: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            measured[name].append(action())
    return measured


def report(
    figures: Mapping[str, object], rows: Sequence[Sequence[str]], *, reference: str | None, target: Path | None
) -> None:
    """Print the rows as a table, and write the figures with the versions and the machine."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    document = {
        **figures,
        "machine": {"processor": _processor(), "cores": os.cpu_count(), "system": platform.platform()},
        "versions": {
            "python": platform.python_version(),
            "ours": _own_versions(),
            **({} if reference is None else {"reference": json.loads(ask(reference, VERSIONS))}),
        },
    }
    print(json.dumps({"machine": document["machine"], "versions": document["versions"]}))
    if target is not None:
        target.write_text(json.dumps(document, indent=1) + "\n")


def summary(values: Sequence[float]) -> str:
    """The median, and the least."""
    return f"{statistics.median(values):.3f} (least {min(values):.3f})"


def _own_versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), sys.platform)
