"""Annotations in COCO's format that name images which are removed: found, and written anew without them."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from imgsim_guard.model import GuardError
from imgsim_guard.system.files import free_name, read_text, replace_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

LARGEST = 2**30
"""Bytes: COCO's own annotations are half of that."""

BESIDE = "annotations"
"""The folder in which COCO has its annotations, beside the one with the images."""

CLEANED = "-cleaned"
"""What the name of a file without removed images adds to that of the file with them."""


class Coco(NamedTuple):
    """A file of annotations, the names by which it has removed images, and how many images it has."""

    path: str
    names: frozenset[str]
    images: int


def naming(removed: Sequence[str], named: Iterable[str]) -> list[Coco]:
    """The files of annotations that name removed images, sorted: in the folders that are cleaned, beside them, and in
    `annotations` beside them.
    """
    gone = {os.path.abspath(path) for path in removed}  # noqa: PTH100  links stay
    folders = [*named]
    found = ((path, _names(path)) for path in sorted(_candidates(folders))) if gone else ()
    files = [
        Coco(path, _among(names, gone, [os.path.dirname(path), *folders]), len(names))  # noqa: PTH120
        for path, names in found
        if names
    ]
    return [file for file in files if file.names]


def written_without(file: Coco) -> tuple[str, str]:
    """Write the annotations without those of removed images to a new file beside, and return its path and SHA-256.

    All else is as it was. Raises GuardError.
    """
    document = _document(file.path)
    gone = {image["id"] for image in document["images"] if image["file_name"] in file.names}
    document["images"] = [image for image in document["images"] if image["id"] not in gone]
    if isinstance(document.get("annotations"), list):
        document["annotations"] = [one for one in document["annotations"] if one.get("image_id") not in gone]
    folder, stem = Path(file.path).parent, Path(file.path).stem
    target = folder / free_name(f"{stem}{CLEANED}.json", folder)
    data = json.dumps(document).encode()
    try:
        replace_file(target, data)
    except OSError as error:
        raise GuardError(f"cannot write {target}: {error.strerror}") from error
    return str(target), hashlib.sha256(data).hexdigest()


def _candidates(named: Iterable[str]) -> Iterator[str]:
    """The paths of JSON files, each once."""
    seen: set[str] = set()
    for path in named:
        folder = path if os.path.isdir(path) else os.path.dirname(path) or "."  # noqa: PTH112,PTH120
        beside = os.path.relpath(os.path.join(os.path.realpath(folder), os.pardir))  # noqa: PTH118
        below = [os.path.join(at, name) for at, _, names in os.walk(folder) for name in names]  # noqa: PTH118
        for place in (beside, os.path.join(beside, BESIDE)):  # noqa: PTH118
            below += [os.path.join(place, name) for name in (os.listdir(place) if os.path.isdir(place) else ())]  # noqa: PTH112,PTH118,PTH208
        for file in map(os.path.normpath, below):
            if file.endswith(".json") and os.path.abspath(file) not in seen and os.path.isfile(file):  # noqa: PTH100,PTH113
                seen.add(os.path.abspath(file))  # noqa: PTH100
                yield file


def _names(path: str) -> list[str]:
    """The names of the images in a file of annotations; none if it is something else."""
    try:
        with Path(path).open("rb") as file:
            if b'"file_name"' not in file.read(LARGEST):  # most JSON is not worth parsing
                return []
        return [image["file_name"] for image in _document(path)["images"]]
    except (OSError, GuardError):
        return []


def _document(path: str) -> dict[str, Any]:
    """Raises GuardError for what is no file of annotations."""
    try:
        document: dict[str, Any] = json.loads(read_text(Path(path), what="annotations", largest=LARGEST))
        right = all(isinstance(image["file_name"], str) and "id" in image for image in document["images"])
    except (ValueError, TypeError, KeyError, RecursionError):
        right = False
    if not right:
        raise GuardError(f"{path}: no annotations in COCO's format")
    return document


def _among(names: Sequence[str], gone: set[str], likely: Iterable[str]) -> frozenset[str]:
    """Which of the names are of removed images. They begin at a folder that the file does not tell: at the one in which
    most of them are there, or were; of several, at the first that is likely.
    """
    wanted = {*names}
    first = [os.path.join(os.path.abspath(folder), "") for folder in likely]  # noqa: PTH100,PTH118  links stay
    others = sorted({path[: -len(tail)] for path in gone for tail in _tails(path) if tail in wanted})
    if not others:
        return frozenset()

    def lacking(root: str) -> int:
        return sum(root + name not in gone and not os.path.exists(root + name) for name in wanted)  # noqa: PTH110

    root = min([*first, *others], key=lacking)
    return frozenset(name for name in wanted if root + name in gone)


def _tails(path: str) -> list[str]:
    """What a path may be called from any folder above it."""
    parts = PurePosixPath(path.replace(os.sep, "/")).parts[1:]
    return ["/".join(parts[at:]) for at in range(len(parts))]
