"""Which paths are images of the dataset: by suffix, and by the patterns of the configuration."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imgsim_guard.errors import GuardError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SUFFIXES = re.compile(r"\.(jpe?g|jpe|jfif|png|webp|bmp|dib|tiff?|gif|avif|hei[cf]|jp2|ppm|pgm)$", re.IGNORECASE)
"""Of files that are opened. It decides what is an image only by name; what is in it is decided by content. Formats that
cannot be read are among them: a HEIC photograph is unreadable, not overlooked. `.pre-commit-hooks.yaml` repeats it."""


def has_image_suffix(path: str) -> bool:
    """Whether a path's name says that it is an image."""
    return bool(SUFFIXES.search(path))


def is_dvc_file(path: str) -> bool:
    """Whether a path is one of DVC's pointers to data."""
    return path.endswith(".dvc") or path.rpartition("/")[2] == "dvc.lock"


def image_filter(patterns: Sequence[str] | None) -> Callable[[str], bool]:
    """Whether a path, relative to the root and with slashes, is an image of the dataset.

    `patterns` are those of a .gitignore file: the last one that matches decides, and `!` takes out again.
    """
    if patterns is None:
        return has_image_suffix
    import pathspec

    try:
        spec = pathspec.PathSpec.from_lines("gitignore", patterns)
    except ValueError as error:
        raise GuardError(f"images: {error}") from error
    return lambda path: has_image_suffix(path) and spec.match_file(path)
