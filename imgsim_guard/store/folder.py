"""A folder of immutable, content-named files that many processes may read and add to at once."""

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
"""Bytes from which a file is mapped. Smaller ones may be merged, and some systems do not delete what is mapped."""

LARGEST_FILE = 2**30
"""Bytes; no shard comes near it."""

LEFT_OVER = 3600
"""Seconds after which nobody is still writing a file."""


class DamagedFileError(Exception):
    """What is there is not a file of the store. The text says in which way."""


def list_files(folder: Path, suffix: str) -> list[Path]:
    """The files with this suffix, sorted; none when there is no such folder."""
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
    """What was read of each listed file, or is known of it; `read` gives None for a file that is no longer there.

    Another process may merge files between the listing and the reading: their rows are then in a file that was not
    listed. A listing of a folder that changes may also miss files. So both are repeated until nothing moved.
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
    """Raise DamagedFileError for what would be read forever, or not at all; OSError when it cannot be looked at.

    A link is followed, since DVC may make some; it may lead to a device, which is no store.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise DamagedFileError("it is not a regular file")
    if status.st_size > LARGEST_FILE:
        raise DamagedFileError(f"{status.st_size:,} bytes are too many for it")


def read_file(path: Path) -> bytes | None:
    """A file's bytes; None when another process has just merged it into a larger one. Raises DamagedFileError."""
    try:
        require_file(path)
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise GuardError(f"cannot read the store of embeddings at {path}: {error.strerror}" + READABLE) from error


def map_file(path: Path) -> bytes | mmap.mmap | None:
    """The same of a file that is never written to again; a large one is read only where it is looked at."""
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
    """Put a file there, whole or not at all."""
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
    """Delete what killed processes left half written. Never what one may still be writing."""
    for path in list_files(folder, ".tmp"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > LEFT_OVER:
                path.unlink()


def set_aside(path: Path) -> None:
    """Rename a damaged file so that it is not read again, and stays for whoever wants to look into it."""
    try:
        path.replace(path.with_name(path.name + DAMAGED))
    except OSError:
        return  # read-only, or another process did it first: it is not used either way


def damaged_error(path: Path, reason: str, folder: Path) -> GuardError:
    """What to say instead of adding to a folder that DVC tracks with a damaged file in it: DVC would publish that."""
    return GuardError(
        f"{path} is damaged: {reason}. Delete it; then dvc checkout {folder} brings it back or, if what DVC has "
        f"of it is damaged, too, dvc add {folder} goes on without it"
    )


def remove_files(paths: list[Path]) -> None:
    """Delete files whose rows another file holds now; one that is in use is left for another time."""
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError:
            continue
