"""Labels: the class of an image, from a part of its path or from a table."""

from __future__ import annotations

import csv
import io
import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from imgsim_guard.gate.label_patterns import LABEL, label_pattern
from imgsim_guard.model import GuardError
from imgsim_guard.system.files import read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

LARGEST = 2**30
"""Bytes of a table: COCO's own annotations take half of that."""

FILES = ("path", "file", "filename", "file_name", "image", "image_path", "filepath")
CLASSES = ("label", "class", "category", "target", "species", "name")
"""Names of the column with the label, in the order in which they are searched."""


def labels_by(patterns: Sequence[str], root: Path) -> Callable[[str], str]:
    """A function that returns the label of a path, relative to the root and with slashes; empty if there is none.

    A pattern has `{label}` for the part of the path that is the class. Without it, it is the name of a CSV or COCO file
    below the root. Raises GuardError for a file that is no such table.
    """
    if not patterns:
        return lambda _path: ""
    by_pattern = [label_pattern(pattern) for pattern in patterns if LABEL in pattern]
    tables = [_table(root / name) for name in patterns if LABEL not in name]

    def label(path: str) -> str:
        for from_path in by_pattern:
            if found := from_path(path):
                return found
        for table in tables:
            if found_there := table.get(path) or table.get(PurePosixPath(path).name):
                return found_there
        return ""

    return label


def _table(path: Path) -> dict[str, str]:
    """The labels in a file, by path and also by name, if the name is unique."""
    text = read_text(path, what="file of labels", largest=LARGEST)
    rows = _of_coco(text, path) if path.suffix.lower() == ".json" else _of_csv(text, path)
    labels = dict(rows)
    names: dict[str, set[str]] = {}
    for file, label in labels.items():
        names.setdefault(PurePosixPath(file).name, set()).add(label)
    return {name: min(found) for name, found in names.items() if len(found) == 1} | labels


def _of_csv(text: str, path: Path) -> Iterable[tuple[str, str]]:
    try:
        reader = csv.DictReader(io.StringIO(text, newline=None))  # any line ends
        columns = {name.strip().lower(): name for name in reader.fieldnames or () if name}
        file = next((columns[name] for name in FILES if name in columns), None)
        label = next((columns[name] for name in CLASSES if name in columns), None)
        if file is None or label is None:
            raise GuardError(
                f"labels: {path} needs a line of headings with a column for the file ({', '.join(FILES[:3])}) and one "
                f"for the label ({', '.join(CLASSES[:3])})"
            )
        return [(row[file], row[label]) for row in reader if row[file] and row[label]]
    except csv.Error as error:
        raise GuardError(f"labels: {path} is no CSV file: {error}") from error


def _of_coco(text: str, path: Path) -> Iterable[tuple[str, str]]:
    """An image with objects of several classes has all of them in its label."""
    try:
        document = json.loads(text)
        names = {one["id"]: str(one["name"]) for one in document["categories"]}
        found: dict[object, set[str]] = {}
        for one in document["annotations"]:
            found.setdefault(one["image_id"], set()).add(names[one["category_id"]])
        return [(str(one["file_name"]), ", ".join(sorted(found.get(one["id"], ())))) for one in document["images"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise GuardError(f"labels: {path} is no COCO file: {type(error).__name__}: {error}") from error
