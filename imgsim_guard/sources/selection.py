"""Which paths are images of the dataset, by suffix and by pattern; and which of them are new, by content."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from imgsim_guard.model import GuardError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imgsim_guard.model import Selection

SUFFIXES = re.compile(r"\.(jpe?g|jpe|jfif|png|webp|bmp|dib|tiff?|gif|avif|hei[cf]|jp2|ppm|pgm)$", re.IGNORECASE)
"""Of files that are opened. It decides what is an image only by name; what is in it is decided by content. HEIC is
among them even where it cannot be read: such a photograph is unreadable, not overlooked. `.pre-commit-hooks.yaml`
repeats it."""


def has_image_suffix(path: str) -> bool:
    """Whether a path's name says that it is an image."""
    return bool(SUFFIXES.search(path))


def is_dvc_file(path: str) -> bool:
    """Whether a path is one of DVC's pointers to data."""
    return path.endswith((".dvc", "/dvc.lock")) or path == "dvc.lock"


def image_filter(patterns: Sequence[str] | None) -> Callable[[str], bool]:
    """Whether a path, relative to the root and with slashes, is an image of the dataset.

    `patterns` are those of a .gitignore file: the last one that matches decides, and `!` takes out again.
    """
    if patterns is None:
        return has_image_suffix
    matches = pattern_filter(patterns, name="images")
    return lambda path: has_image_suffix(path) and matches(path)


def pattern_filter(patterns: str | Sequence[str], *, name: str) -> Callable[[str], bool]:
    """Whether a path matches patterns of a .gitignore file. `name` is the setting's. Raises GuardError."""
    import pathspec

    try:
        spec = pathspec.PathSpec.from_lines("gitignore", [patterns] if isinstance(patterns, str) else patterns)
    except (ValueError, re.error) as error:  # a range such as [z-a] is no error of pathspec's
        raise GuardError(f"{name}: {error}") from error
    return spec.match_file


def without_moved(selection: Selection, identity: Callable[[str], str]) -> Selection:
    """The same, with the queries that only moved in the gallery instead.

    A path that gained a content is new only as far as the state holds that content more often than before: so a
    renamed image is not new, a copied one is, and one that is both renamed and copied counts once. Two contents are the
    same when `identity` says the same of them.
    """
    lost = Counter(identity(image.content) for image in selection.lost)
    queries, moved = [], []
    for image in selection.queries:
        content = identity(image.content)
        if lost[content] > 0:
            lost[content] -= 1
            moved.append(image)
        else:
            queries.append(image)
    if not moved:
        return selection
    left = []
    for image in selection.lost:
        content = identity(image.content)
        if lost[content] > 0:
            lost[content] -= 1
            left.append(image)
    gallery = tuple(sorted((*selection.gallery, *moved)))
    return replace(selection, queries=tuple(queries), gallery=gallery, lost=tuple(left))
