"""Embeddings that are not in the store yet, in a file that is kept if the process is killed.

A shard is written every half minute. Until then its rows are in this file in the store's folder, each with a checksum.
The next process that embeds takes over the files of processes that no longer run.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from imgsim_guard.augnet import dimensions
from imgsim_guard.search.words import FEATURES_SIZE
from imgsim_guard.store.shard import DIGEST_SIZES, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SUFFIX = ".journal"

CHECKSUM_SIZE = 16

_BYTES = {**DIGEST_SIZES, "features": FEATURES_SIZE}


def _record_of(folder: Path) -> np.dtype[np.void]:
    """What is written of a row into the store in a folder, which has the name of its fingerprint."""
    digests = ((name, "u1", (size,)) for name, size in _BYTES.items())
    row = np.dtype([*digests, ("embedding", "<f2", (dimensions(folder.name),))])
    return np.dtype([("row", row), ("checksum", "u1", (CHECKSUM_SIZE,))])


class Journal:
    """The file of this process, created with its first row. If it cannot be created, nothing is kept: the store reports
    why.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._kind = folder, _record_of(folder)
        self._file: BinaryIO | None = None

    def write(self, row: Row) -> None:
        """Write a row, so that it is kept if this process is killed."""
        with suppress(OSError):
            self._file = self._file or _made(self._folder)
            record = _record(row, self._kind)
            written = self._file.write(record)
            if written < len(record):  # the disk is full; the next record must not begin within this one
                self._file.seek(-written, os.SEEK_CUR)
                self._file.truncate()

    def clear(self) -> None:
        """Delete the rows, which are in the store now."""
        if self._file is not None:
            with suppress(OSError):
                self._file.seek(0)
                self._file.truncate()

    def close(self) -> None:
        """Remove the file."""
        if self._file is not None:
            self._file.close()
            with suppress(OSError):  # not permitted: the next process that embeds tries again
                Path(self._file.name).unlink()


def take_over(folder: Path, keep: Callable[[list[Row]], object]) -> bool:
    """Pass the undamaged rows of processes that no longer run to `keep`. Returns whether there were any."""
    found = False
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        data = _abandoned(path)
        if data is None:
            continue
        if rows := list(_rows(data, _record_of(folder))):
            keep(rows)
            found = True
        with suppress(OSError):
            path.unlink()
    return found


def _abandoned(path: Path) -> bytes | None:
    with suppress(OSError), path.open("rb+") as file:
        return file.read() if _is_mine(file) else None
    return None


def _made(folder: Path) -> BinaryIO:
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        descriptor, name = tempfile.mkstemp(SUFFIX, dir=folder)
        os.close(descriptor)
        file = open(name, "wb", buffering=0)  # noqa: SIM115, PTH123  closed by close()
        _is_mine(file)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # another process took it over before it was locked


def _is_mine(file: BinaryIO) -> bool:
    """Lock the file for as long as it is open; False if another running process has locked it."""
    if sys.platform == "win32":
        import msvcrt

        lock = (file.fileno(), msvcrt.LK_NBLCK, 1)
        with suppress(OSError):
            msvcrt.locking(*lock)
            return True
        return False
    import fcntl

    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _record(row: Row, kind: np.dtype[np.void]) -> bytes:
    record = np.zeros(1, kind)
    for name in _BYTES:
        record["row"][name] = np.frombuffer(getattr(row, name), np.uint8)
    record["row"]["embedding"] = row.embedding
    record["checksum"] = np.frombuffer(_checksum(record["row"].tobytes()), np.uint8)
    return record.tobytes()


def _rows(data: bytes, kind: np.dtype[np.void]) -> Iterator[Row]:
    records = np.frombuffer(data[: len(data) // kind.itemsize * kind.itemsize], kind)
    for record in records:
        row = record["row"]
        if bytes(record["checksum"]) == _checksum(row.tobytes()):
            yield Row(**{name: bytes(row[name]) for name in _BYTES}, embedding=row["embedding"].copy())


def _checksum(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=CHECKSUM_SIZE).digest()
