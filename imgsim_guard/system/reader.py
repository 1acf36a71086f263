"""Where whoever reads the output stands: the commands that are printed should run there."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path


def folder_of_reader(root: Path) -> str:
    """The folder, relative to the root of the repository; empty for the root, and for a place outside of it.

    Git and pre-commit start hooks in the root. Git tells where it was called itself; pre-commit, run by hand, leaves
    the shell's variable as it was.
    """
    folder = _below(Path.cwd(), root)
    if not folder:
        folder = os.environ.get("GIT_PREFIX", "").rstrip("/")
    if not folder and "PRE_COMMIT" in os.environ and "PWD" in os.environ:
        folder = _below(Path(os.environ["PWD"]), root)
    return folder


def as_reader_writes(path: str, root: Path) -> str:
    """A path of the repository as whoever reads the output has to write it."""
    folder = folder_of_reader(root)
    return posixpath.relpath(path, folder) if folder else path


def _below(place: Path, root: Path) -> str:
    root = root.resolve()
    place = place.resolve()
    return place.relative_to(root).as_posix() if place != root and place.is_relative_to(root) else ""
