"""Images in plain folders: no git, no tracker."""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.images.headers import LONGEST_SIGNATURE, has_signature
from imgsim_guard.model import GuardError, Image, Selection, Unreadable, content_id
from imgsim_guard.sources.git_blobs import MAX_BLOB_SIZE
from imgsim_guard.sources.selection import has_image_suffix, overlooked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

IN_ANNEX = ".git/annex/objects/"
"""A folder in the target of every link of git-annex."""

GITS_OWN = ".git"
"""Git's folder, in which git-annex keeps images, too: each has a name outside it."""

NAMED = 3
"""Files that a note names before it only counts."""


class Folders:
    """Reads files by their path. `base`: the folder of relative paths, if it is not the working directory."""

    def __init__(self, base: str = "") -> None:
        self._base = base

    def read(self, image: Image) -> bytes | Unreadable:
        """The file's bytes, if they still have the content id of the image."""
        data = read_file(os.path.join(self._base, image.path))  # noqa: PTH118  keeps the path as given
        if isinstance(data, bytes) and _content_id(data) != image.content:
            return Unreadable("it changed while it was being read")
        return data

    def at_hand(self, image: Image) -> bool:  # noqa: ARG002  it was just read
        """Always: the file was read a moment ago."""
        return True


def _silent(_total: int, _doing: str) -> Callable[[], object]:
    return lambda: None


def in_folders(
    paths: Sequence[str],
    against: Sequence[str] | None,
    *,
    mutual: bool = False,
    progress: Callable[[int, str], Callable[[], object]] = _silent,
) -> Selection:
    """All images at or below `paths`, compared with each other; or, given `against`, compared with the images there,
    and also with each other if `mutual`.

    A symbolic or hard link to an image is no second image: it is in the selection's `links`. Raises GuardError for a
    path that does not exist. Paths stay as given. `progress` opens a display of how many of the files are read.
    """
    found = _Found(progress)
    queries = found.images(paths)
    unreadable, notes = tuple(found.unreadable), list(found.notes())
    gallery: list[Image] = []
    if against is not None:
        before = len(found.unreadable)
        gallery = found.images(against)
        notes = [f"{path} cannot be read and was not compared: {why.reason}" for path, why in found.unreadable[before:]]
        notes += found.notes()
    if not queries and not unreadable and (left_out := found.left_out()):
        raise GuardError(f"there are images here, but none of them is checked: {'; '.join(left_out)}")
    return Selection(
        "folders",
        tuple(sorted(queries)),
        tuple(sorted(gallery)),
        mutual=mutual or against is None,
        unreadable=unreadable,
        notes=tuple(notes),
        links=tuple(sorted(found.links)),
    )


class _Found:
    """The images in folders. `links`: further names of a file, each with the path of the image."""

    def __init__(self, progress: Callable[[int, str], Callable[[], object]]) -> None:
        self._progress = progress
        self.unreadable: list[tuple[str, Unreadable]] = []
        self.links: list[tuple[str, str]] = []
        self._not_entered: list[str] = []
        self._others: list[str] = []
        self._names: dict[tuple[int, int], str] = {}
        self._seen: set[str] = set()

    def images(self, paths: Sequence[str]) -> list[Image]:
        """The images at or below these paths that were not found by an earlier call."""
        files = {os.path.abspath(file): file for file in _files(paths, self._not_entered, self._others)}  # noqa: PTH100  links stay
        new = sorted(file for absolute, file in files.items() if absolute not in self._seen)
        self._seen |= files.keys()
        images = []
        single = list(self._without_links(new))
        done = self._progress(len(single), "reading")
        for path in single:
            done()
            data = read_file(path)
            if isinstance(data, Unreadable):
                self.unreadable.append((path, _kept_by_annex(path) or data))
            else:
                images.append(Image(path, _content_id(data)))
        return images

    def notes(self) -> Iterator[str]:
        """Notes on everything that was left out."""
        if self.links:
            yield (
                f"{_named(path for path, _ in sorted(self.links))}: another name of an image that is "
                "compared anyway (a link), so it is not counted as a copy"
            )
        yield from self.left_out()
        if self._not_entered:
            yield f"{_named(sorted(self._not_entered))}: a linked folder, which is not searched; name it to search it"

    def left_out(self) -> list[str]:
        """Notes on images in formats that are not read, and on images without a suffix."""
        notes = [*overlooked(self._others)]
        if unnamed := [path for path in sorted(self._others) if not Path(path).suffix and _begins_as_image(path)]:
            notes.append(
                f"{_named(unnamed)}: an image without a suffix, which is not checked; name the file to check it"
            )
        return notes

    def _without_links(self, paths: Sequence[str]) -> Iterator[str]:
        """The paths, one for each file. If a file also has names outside these folders, its names here are separate
        images: they may be copies that a tracker links from its cache.
        """
        names: dict[tuple[int, int], list[str]] = {}
        for path in paths:
            key = _file_at(path)
            if key is None:
                yield path
            else:
                names.setdefault(key, []).append(path)
        for key, some in names.items():
            own = [] if key in self._names else _images_among(some)
            yield from own
            first = self._names.setdefault(key, own[0] if own else "")
            self.links += [(path, first) for path in some if path not in own]


def _images_among(names: Sequence[str]) -> Sequence[str]:
    """Those names of one file that are images and not symbolic links to one."""
    regular = [path for path in names if not os.path.islink(path)]  # noqa: PTH114  Path.is_link() raises if it is long
    if not regular:
        return names
    return regular if Path(regular[0]).stat().st_nlink > len(regular) else regular[:1]


def _file_at(path: str) -> tuple[int, int] | None:
    """The device and inode of a file, which are the same for all its names; None if there is no file."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _kept_by_annex(path: str) -> Unreadable | None:
    """Why there is nothing behind a link of git-annex; None for any other file."""
    with suppress(OSError):
        if IN_ANNEX in Path(path).readlink().as_posix():
            return Unreadable("git-annex keeps it, and it is not here; git annex get brings it", absent=True)
    return None


def _named(paths: Iterable[str]) -> str:
    """The first few paths, and how many more there are."""
    names = [*paths]
    more = [f"{len(names) - NAMED:,} more"] if len(names) > NAMED else []
    return ", ".join([*names[:NAMED], *more])


def identified(path: str) -> Image:
    """One file as an image. Raises GuardError if it cannot be read."""
    data = read_file(path)
    if isinstance(data, Unreadable):
        raise GuardError(f"{path}: {data.reason}")
    return Image(path, _content_id(data))


def read_file(path: str) -> bytes | Unreadable:
    """The bytes of a regular file, or why they cannot be read."""
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


def _files(paths: Sequence[str], not_entered: list[str], others: list[str]) -> Iterator[str]:
    """The files at or below these paths. A file that is given by name is always taken; in a folder, files with an image
    suffix are, except in git's folder. Linked folders are not entered, since they may lead anywhere, also back; they
    are added to `not_entered`. `others` gets the files without an image suffix.
    """
    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112  Path.is_dir() raises for a path that is too long, or not permitted
            for folder, below, names in os.walk(path, onerror=_fail):
                below[:] = [name for name in below if name != GITS_OWN]
                not_entered += (str(other) for name in below if (other := Path(folder, name)).is_symlink())
                others += (str(Path(folder, name)) for name in names if not has_image_suffix(name))
                yield from (str(Path(folder, name)) for name in names if has_image_suffix(name))
        elif os.path.lexists(path):
            yield str(Path(path))
        else:
            raise GuardError(f"{path}: no such file or folder")


def _begins_as_image(path: str) -> bool:
    """Whether a regular file begins like an image. Opening a pipe would block until somebody writes to it."""
    with suppress(OSError):
        if stat.S_ISREG(Path(path).stat().st_mode):
            with Path(path).open("rb") as file:
                return has_signature(file.read(LONGEST_SIGNATURE))
    return False


def _fail(error: OSError) -> None:
    raise GuardError(f"cannot list the folder {error.filename}: {error.strerror}") from error
