"""Read text files, and write files completely or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.model import GuardError

if TYPE_CHECKING:
    from collections.abc import Container

PIECE = 2**20
"""Bytes that are read at a time."""


def read_text(path: Path, *, what: str, largest: int) -> str:
    """The text of a file that people write; `what` is what messages call it. Raises GuardError."""
    try:
        with path.open("rb") as file:
            data = file.read(largest + 1)  # no more: it may be a link to a device that never ends
    except OSError as error:
        raise GuardError(f"cannot read the {what} {path}: {error.strerror}") from error
    if len(data) > largest:
        raise GuardError(f"{path}: larger than {largest:,} bytes, the most for the {what}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise GuardError(
            f"{path}: not a text file in UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8"
        ) from error


def leads_out(path: Path, root: Path) -> bool:
    """Whether a path is outside of a folder once its links are followed: a commit can bring links to anywhere."""
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def relative_path(path: str | Path, start: str | Path = os.curdir) -> str:
    """The path from a folder; the absolute path where there is none, such as to another drive of Windows."""
    try:
        return os.path.relpath(path, start)
    except ValueError:
        return os.path.abspath(path)  # noqa: PTH100  links stay


def free_name(name: str, folder: Path, taken: Container[str] = ()) -> str:
    """The name, with a number if it is `taken` or there is such a file in the folder."""
    stem, suffix = os.path.splitext(name)  # noqa: PTH122  the path stays as it is
    numbered = (name if number == 1 else f"{stem} ({number}){suffix}" for number in count(1))
    return next(free for free in numbered if free not in taken and not os.path.lexists(folder / free))


def copy_new(source: Path, target: Path) -> None:
    """Copy a file to a name that nothing has yet, with its times; of an interrupted copy nothing is left.

    Raises OSError.
    """
    with source.open("rb") as original, target.open("xb") as copy:
        try:
            shutil.copyfileobj(original, copy, PIECE)
            copy.flush()
            os.fsync(copy.fileno())
            shutil.copystat(source, target)
        except BaseException:
            target.unlink()
            raise


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file atomically: readers see the old file or the new one, even after a crash.

    It gets the permissions that the user's umask gives to new files. Raises OSError, and then leaves nothing behind.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _umask() -> int:
    """It can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
