"""What folders say by their names, where no configuration says it: which are splits, and which are classes in them."""

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
"""By split, what its folder is called."""

LEAST = 2
"""Splits, and classes, that there have to be: one alone splits nothing."""


class Layout(NamedTuple):
    """The splits and labels that folders show, each by what finds it; `notes` say which were found."""

    splits: Mapping[str, Callable[[str], bool]]
    label: Callable[[str], str] | None
    notes: tuple[str, ...]


def layout_of(paths: Iterable[str]) -> Layout:
    """The layout of images with these paths, with slashes.

    Folders called as a split are one where there are two or more of them; folders below these are classes where two or
    more names are in several splits, as in `train/cat`, `train/dog`, `test/cat`, `test/dog`.
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
    """The split that a folder of this name is; empty for none."""
    return next((split for split, words in SPLIT_WORDS.items() if folder.lower() in words), "")


def _split(path: str) -> tuple[str, tuple[str, ...]]:
    """The split of a path by its topmost folder that is called so, and the folders below that."""
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
