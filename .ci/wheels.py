#!/usr/bin/env python3
"""Fails when what the package stands on has no wheels for a system or a Python: nobody should have to compile OpenCV.

uv resolves for each of them what an installation there would get, with wheels alone. Nothing is installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
SYSTEMS = {
    "Linux, Intel": "x86_64-manylinux_2_28",
    "Linux, ARM": "aarch64-manylinux_2_28",
    "macOS, Apple silicon": "aarch64-apple-darwin",
    "Windows": "x86_64-pc-windows-msvc",
}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
EXTRAS = ("heic",)
"""Those that have native code and are for every system. The reference (torch), CUDA and Ray are for some."""

MACOS = "14.0"
"""The oldest for which ONNX Runtime has wheels of every Python."""


def resolved(system: str, python: str) -> subprocess.CompletedProcess[str]:
    """What uv says about an installation with the extras there."""
    extras = [f"--extra={extra}" for extra in EXTRAS]
    only_wheels = ["--only-binary=:all:", "--no-header", "--no-annotate", "--quiet"]
    where = [f"--python-platform={SYSTEMS[system]}", f"--python-version={python}"]
    command = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "compile",
        *where,
        *extras,
        *only_wheels,
        str(ROOT / "pyproject.toml"),
    ]
    environment = os.environ | {"MACOSX_DEPLOYMENT_TARGET": MACOS}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def main() -> int:
    """Ask for each; the exit code."""
    asked = [(system, python) for system in SYSTEMS for python in PYTHONS]
    with ThreadPoolExecutor(len(SYSTEMS)) as pool:
        answers = list(pool.map(lambda one: resolved(*one), asked))
    for (system, python), done in zip(asked, answers, strict=True):
        said = f"{len(done.stdout.splitlines())} wheels" if done.returncode == 0 else f"NO WHEELS\n{done.stderr}"
        print(f"{system}, Python {python}: {said}")
    return int(any(done.returncode for done in answers))


if __name__ == "__main__":
    sys.exit(main())
