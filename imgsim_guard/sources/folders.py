"""Images in plain folders: no git, no tracker."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.model import GuardError, Image, Selection, Unreadable, content_id
from imgsim_guard.sources.git import MAX_BLOB_SIZE
from imgsim_guard.sources.selection import has_image_suffix

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


class Folders:
    """Reads files by their path. `base`: what relative paths begin at, if not the working directory."""

    def __init__(self, base: str = "") -> None:
        self._base = base

    def read(self, image: Image) -> bytes | Unreadable:
        """The file's bytes, if they are still those that the content id was taken of."""
        data = read_file(os.path.join(self._base, image.path))  # noqa: PTH118  the path stays as it is
        if isinstance(data, bytes) and _content_id(data) != image.content:
            return Unreadable("it changed while it was being looked at")
        return data

    def at_hand(self, image: Image) -> bool:  # noqa: ARG002  it was just read
        """Always."""
        return True


def in_folders(paths: Sequence[str], against: Sequence[str] | None) -> Selection:
    """All images at or below `paths`, compared with one another; or, given `against`, only with the images there.

    Raises GuardError for a path that does not exist. Paths are kept as given.
    """
    queries, unreadable = _identified(_files(paths))
    if against is None:
        return Selection("folders", tuple(sorted(queries)), (), unreadable=tuple(unreadable))
    own = {os.path.realpath(image.path) for image in queries}
    gallery, not_readable = _identified(file for file in _files(against) if os.path.realpath(file) not in own)
    notes = tuple(f"{path} cannot be read, so nothing was compared with it: {why.reason}" for path, why in not_readable)
    return Selection(
        "folders",
        tuple(sorted(queries)),
        tuple(sorted(gallery)),
        mutual=False,
        unreadable=tuple(unreadable),
        notes=notes,
    )


def identified(path: str) -> Image:
    """One file as an image. Raises GuardError when it cannot be read."""
    data = read_file(path)
    if isinstance(data, Unreadable):
        raise GuardError(f"{path}: {data.reason}")
    return Image(path, _content_id(data))


def read_file(path: str) -> bytes | Unreadable:
    """A regular file's bytes, or why they cannot be had."""
    try:
        status = Path(path).stat()
        if not stat.S_ISREG(status.st_mode):
            return Unreadable("not a regular file")
        if status.st_size > MAX_BLOB_SIZE:
            return Unreadable(f"{status.st_size:,} bytes, more than the {MAX_BLOB_SIZE:,} that are read")
        return Path(path).read_bytes()
    except OSError as error:
        return Unreadable((error.strerror or str(error)).lower())


def _content_id(data: bytes) -> str:
    return content_id("sha256", hashlib.sha256(data).hexdigest())


def _identified(files: Iterable[str]) -> tuple[list[Image], list[tuple[str, Unreadable]]]:
    images, unreadable = [], []
    for path in sorted({os.path.abspath(file): file for file in files}.values()):  # noqa: PTH100  links stay
        data = read_file(path)
        if isinstance(data, Unreadable):
            unreadable.append((path, data))
        else:
            images.append(Image(path, _content_id(data)))
    return images, unreadable


def _files(paths: Sequence[str]) -> Iterator[str]:
    """Files named are taken whatever their name; of a folder, those whose name says image. Linked folders are not
    entered: they may lead anywhere, and back.
    """
    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112  Path.is_dir() raises for a path that is too long, or not permitted
            for folder, _, names in os.walk(path, onerror=_fail):
                yield from (str(Path(folder, name)) for name in names if has_image_suffix(name))
        elif os.path.lexists(path):
            yield str(Path(path))
        else:
            raise GuardError(f"{path}: no such file or folder")


def _fail(error: OSError) -> None:
    raise GuardError(f"cannot look into the folder {error.filename}: {error.strerror}") from error
