"""Copies that stay under their names, and share their bytes with the image that is kept: no file moves."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sys
from typing import TYPE_CHECKING

from imgsim_guard.system.files import PIECE

if TYPE_CHECKING:
    from pathlib import Path

    from imgsim_guard.gate.cleaning.manifest import Move, Way

FICLONE = 0x40049409
"""Linux's ioctl that makes one file share the bytes of another until either is written to (ioctl_ficlone(2))."""

NEW = ".imgsim-guard-"
"""What the name of a file begins with that is about to take the place of another."""


def share(source: Path, kept: Path, way: Way) -> None:
    """Put a link to the kept file, or a clone of it, in the place of one that has the same bytes. At every moment there
    is a file with these bytes. Raises OSError, with nothing changed.
    """
    if source.samefile(kept):
        return
    new = _new(source)
    new.unlink(missing_ok=True)
    try:
        if way == "hardlink":
            os.link(kept, new, follow_symlinks=False)
        else:
            _clone(kept, new)
            shutil.copystat(source, new)
        new.replace(source)
    finally:
        new.unlink(missing_ok=True)


def part(source: Path, move: Move) -> str:
    """Give a file bytes of its own again, and the mode and time that it had; why that was not possible, or nothing.

    A file that was never replaced is left as it is.
    """
    new = _new(source)
    new.unlink(missing_ok=True)
    status = source.lstat()
    if status.st_ino == move.inode or move.way == "reflink":
        return ""
    with source.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != move.digest:
            return f"it shares its bytes with {move.kept}, and these changed"
    try:
        with source.open("rb") as shared, new.open("xb") as own:
            shutil.copyfileobj(shared, own, PIECE)
            own.flush()
            os.fsync(own.fileno())
        new.chmod(move.mode)
        os.utime(new, ns=(move.written, move.written))
        new.replace(source)
    finally:
        new.unlink(missing_ok=True)
    return ""


def tidy_up(source: Path) -> None:
    """Remove what a killed process may have left beside a file."""
    _new(source).unlink(missing_ok=True)


def _new(source: Path) -> Path:
    """Beside the file, so that it can take its place, with a name that is never too long."""
    return source.with_name(NEW + hashlib.sha256(os.fsencode(source.name)).hexdigest()[:16])


def _clone(kept: Path, new: Path) -> None:
    if sys.platform != "linux":
        raise OSError(errno.EOPNOTSUPP, "reflinks are made on Linux only; use --hardlink")
    import fcntl

    with kept.open("rb") as original, new.open("xb") as clone:
        try:
            fcntl.ioctl(clone, FICLONE, original.fileno())
        except OSError as error:
            raise OSError(
                error.errno, "this file system makes no reflinks (Btrfs and XFS do); use --hardlink"
            ) from error
