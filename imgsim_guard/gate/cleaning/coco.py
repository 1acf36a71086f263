"""Annotations in COCO's format that name images which are removed: found, and written anew without them."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from imgsim_guard.model import GuardError
from imgsim_guard.sources.selection import has_image_suffix
from imgsim_guard.system.files import free_name, read_text, relative_path, replace_file

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
    if document.get("annotations"):
        document["annotations"] = [one for one in document["annotations"] if one["image_id"] not in gone]
    folder, stem = Path(file.path).parent, Path(file.path).stem
    target = folder / free_name(f"{stem}{CLEANED}.json", folder)
    data = json.dumps(document).encode()
    try:
        replace_file(target, data)
    except OSError as error:
        raise GuardError(f"cannot write {target}: {error.strerror}") from error
    return str(target), hashlib.sha256(data).hexdigest()


def _candidates(named: Iterable[str]) -> Iterator[str]:
    """The paths of JSON files, each once, without sidecars: one file has the annotations of many images."""
    seen: set[str] = set()
    for path in named:
        folder = path if os.path.isdir(path) else os.path.dirname(path) or "."  # noqa: PTH112,PTH120
        beside = relative_path(os.path.join(os.path.realpath(folder), os.pardir))  # noqa: PTH118
        places = [(at, names) for at, _, names in os.walk(folder)]
        places += [(place, _listed(place)) for place in (beside, os.path.join(beside, BESIDE))]  # noqa: PTH118
        for place, names in places:
            stems = {os.path.splitext(name)[0] for name in names if has_image_suffix(name)}  # noqa: PTH122
            of_images = {*names} if stems else set()
            for name in names:
                stem = name.removesuffix(".json")
                file = os.path.normpath(os.path.join(place, name))  # noqa: PTH118
                own = name.endswith(".json") and stem not in stems and stem not in of_images
                if own and os.path.abspath(file) not in seen and os.path.isfile(file):  # noqa: PTH100,PTH113
                    seen.add(os.path.abspath(file))  # noqa: PTH100
                    yield file


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208
    except OSError:
        return []


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
        right = all(isinstance(image["file_name"], str) for image in document["images"])
        ids = [image["id"] for image in document["images"]]
        ids += [one["image_id"] for one in document.get("annotations") or ()]
        right &= all(isinstance(number, int | str) for number in ids)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
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
