"""The splits and classes of a dataset without a configuration, from the names of its folders."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

SPLIT_WORDS = {
    "train": {"train", "training"},
    "val": {"val", "valid", "validation", "dev"},
    "test": {"test", "testing", "holdout"},
}
"""Names of the folders of each split."""

LEAST = 2
"""The fewest splits, or classes, that count."""


class Layout(NamedTuple):
    """The splits and labels that the folders show, as functions of a path; `notes` name them."""

    splits: Mapping[str, Callable[[str], bool]]
    label: Callable[[str], str] | None
    notes: tuple[str, ...]


def layout_of(paths: Iterable[str]) -> Layout:
    """The layout of images with these paths, with slashes.

    Folders with the name of a split count if there are at least two splits. The folders below them are classes if two
    or more names are in several splits, as in `train/cat`, `train/dog`, `test/cat`, `test/dog`.
    """
    classes: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        split, rest = _split(path)
        if split:
            classes[split] |= {*rest[:1]}
    if len(classes) < LEAST:
        return Layout({}, None, ())
    notes = [f"taken for splits, as folders are called so: {', '.join(sorted(classes))} (splits: in the configuration)"]
    shared = {
        name for name in set().union(*classes.values()) if sum(name in some for some in classes.values()) >= LEAST
    }
    if len(shared) >= LEAST:
        named = ", ".join(sorted(shared)[:5]) + (", ..." if len(shared) > 5 else "")  # noqa: PLR2004
        notes.append(
            f"taken for labels, as folders in several splits are called so: {named} (labels: in the configuration)"
        )
    splits = {name: partial(_is_in, name) for name in sorted(classes)}
    return Layout(splits, _class if len(shared) >= LEAST else None, tuple(notes))


def split_called(folder: str) -> str:
    """The split of a folder with this name; empty if it is none."""
    return next((split for split, words in SPLIT_WORDS.items() if folder.lower() in words), "")


def _split(path: str) -> tuple[str, tuple[str, ...]]:
    """The split of a path by its topmost folder with the name of a split, and the folders below that one."""
    folders = PurePosixPath(path).parts[:-1]
    for depth, folder in enumerate(folders):
        if split := split_called(folder):
            return split, folders[depth + 1 :]
    return "", ()


def _is_in(split: str, path: str) -> bool:
    return _split(path)[0] == split


def _class(path: str) -> str:
    _, rest = _split(path)
    return rest[0] if rest else ""
