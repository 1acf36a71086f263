"""Put images that look alike into folders, as links or copies. No image is moved, and no file is overwritten."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.model import GuardError
from imgsim_guard.system.files import copy_new, free_name, relative_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imgsim_guard.gate.similar import Near

SINGLE = "single"
"""The folder of the images that are near no other."""


def names_of(groups: Sequence[Sequence[Near]]) -> list[str]:
    """The name of each group's folder: numbers of equal length, which any program sorts."""
    width = len(str(sum(len(group) > 1 for group in groups)))
    return [f"{number:0{width}}" if len(group) > 1 else SINGLE for number, group in enumerate(groups, 1)]


def require_new(folder: Path) -> None:
    """Raise GuardError unless a folder is empty or does not exist."""
    try:
        empty = not os.path.lexists(folder) or not any(folder.iterdir())
    except OSError as error:
        raise GuardError(f"cannot write into {folder}: {(error.strerror or str(error)).lower()}") from error
    if not empty:
        raise GuardError(f"{folder} is not empty; name another folder, or one that is not there yet")


def put(groups: Sequence[Sequence[Near]], folder: Path, *, copy: bool, done: Callable[[], object]) -> None:
    """Link to each image from the folder of its group, or copy it there. `done` is called after each.

    Links are relative. Images with the same name get numbers. Raises GuardError.
    """
    for name, group in zip(names_of(groups), groups, strict=True):
        for near in group:
            source, place = Path(near.image.path), folder / name
            try:
                place.mkdir(parents=True, exist_ok=True)
                target = place / free_name(source.name, place)
                if copy:
                    copy_new(source, target)
                else:
                    target.symlink_to(relative_path(os.path.realpath(source), os.path.realpath(place)))
            except OSError as error:
                advice = "" if copy else "; where there are no links, use --copy"
                why = (error.strerror or str(error)).lower()
                raise GuardError(f"cannot put {source} into {place}: {why}{advice}") from error
            done()
