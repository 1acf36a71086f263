"""A folder of immutable files, named by content, that any number of processes may read and add to at once."""

from __future__ import annotations

import mmap
import os
import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from imgsim_guard.model import GuardError
from imgsim_guard.system.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

Found = TypeVar("Found")

DAMAGED = ".damaged"

READABLE = "; make it readable, or point IMGSIM_GUARD_CACHE_DIR elsewhere"

MAPPED = 2**20
"""Files of at least so many bytes are mapped. Smaller ones may be merged, and some systems cannot
delete a mapped file.
"""

LARGEST_FILE = 2**30
"""Largest file that is read, in bytes. Shards are much smaller."""

LEFT_OVER = 3600
"""Age in seconds after which a temporary file is left over from a killed process."""


class DamagedFileError(Exception):
    """The file is not a file of the store. The text says why."""


def list_files(folder: Path, suffix: str) -> list[Path]:
    """The files with this suffix, sorted; empty if there is no such folder."""
    try:
        return sorted(path for path in folder.iterdir() if path.name.endswith(suffix))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise GuardError(f"cannot read the store of embeddings at {folder}: {error.strerror}" + READABLE) from error


def read_settled(
    listed: Callable[[], Sequence[Path]],
    read: Callable[[Sequence[Path]], Iterable[Found | None]],
    known: Mapping[Path, Found] | None = None,
) -> dict[Path, Found]:
    """What `read` returns for each listed file, or what is known of it; `read` returns None for a file that is gone.

    Another process may merge files between the listing and the reading, so that their rows are in a file that was not
    listed. A listing of a folder that changes may also miss files. So both are repeated until the listing stays the
    same.
    """
    found = dict(known or {})
    before: tuple[Sequence[Path], set[Path]] | None = None
    while True:
        paths = listed()
        new = [path for path in paths if path not in found]
        found |= {path: one for path, one in zip(new, read(new), strict=True) if one is not None}
        there = paths, found.keys() & {*paths}
        if there == before:
            return {path: found[path] for path in paths if path in found}
        before = there


def require_file(path: Path) -> None:
    """Raise DamagedFileError for a file that is no regular file or too large; OSError if it cannot be examined.

    Links are followed, since DVC may make some. A link may lead to a device, which could be read without end.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise DamagedFileError("it is not a regular file")
    if status.st_size > LARGEST_FILE:
        raise DamagedFileError(f"{status.st_size:,} bytes are too many for it")


def read_file(path: Path) -> bytes | None:
    """A file's bytes; None if another process has just merged it into a larger one. Raises DamagedFileError."""
    try:
        require_file(path)
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise GuardError(f"cannot read the store of embeddings at {path}: {error.strerror}" + READABLE) from error


def map_file(path: Path) -> bytes | mmap.mmap | None:
    """A file's bytes, mapped if it is large; None if it is gone. For files that are never written again."""
    try:
        require_file(path)
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < MAPPED:
                return file.read()
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise GuardError(f"cannot read the store of embeddings at {path}: {error.strerror}" + READABLE) from error


def add_file(folder: Path, name: str, data: bytes) -> Path:
    """Write a file under a temporary name, then rename it. Returns its path."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / name, data)
    except OSError as error:
        raise GuardError(
            f"cannot write to the store of embeddings at {folder}: {error.strerror}; nothing stored before is lost. "
            "Free some space or make it writable, or point IMGSIM_GUARD_CACHE_DIR elsewhere"
        ) from error
    return folder / name


def remove_left_overs(folder: Path) -> None:
    """Delete the temporary files of killed processes, but none that a process may still be writing."""
    for path in list_files(folder, ".tmp"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > LEFT_OVER:
                path.unlink()


def set_aside(path: Path) -> None:
    """Rename a damaged file, so that it is not read again and can be examined."""
    try:
        path.replace(path.with_name(path.name + DAMAGED))
    except OSError:
        return  # the folder is read-only, or another process was first: the file is not used either way


def damaged_error(path: Path, reason: str, folder: Path) -> GuardError:
    """The error for a damaged file in a folder that DVC tracks, to which nothing is added: DVC would publish the
    damage.
    """
    return GuardError(
        f"{path} is damaged: {reason}. Delete it; then dvc checkout {folder} brings it back or, if what DVC has "
        f"of it is damaged, too, dvc add {folder} goes on without it"
    )


def remove_files(paths: list[Path]) -> None:
    """Delete files whose rows are in another file now; a file that is in use stays."""
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError:
            continue
