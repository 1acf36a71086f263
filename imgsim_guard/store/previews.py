"""Previews: small pictures in shards of their own, by which a machine without the dataset verifies and shows pairs.

A shard is a safetensors file named by the SHA-256 of its bytes: `sha256` uint8 [n, 32], the digest of each image's
file; `data` uint8 [size], the WebP pictures one after the other; and `ends` int64 [n], where each picture ends.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from functools import partial
from itertools import chain, pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import safetensors
import safetensors.numpy

from imgsim_guard.store import folder as files
from imgsim_guard.store.shard import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ROWS_OF_A_SHARD = 512
"""Size of a shard: about 10 MB."""


class Previews:
    """The previews in a folder. A damaged shard counts as missing.

    The digests are read with the first request, and a shard is checked with the first request for one of its pictures.
    So memory holds digests, and no pictures.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._places: dict[bytes, list[_Place]] | None = None
        self._sound: dict[Path, bool] = {}

    def __contains__(self, sha256: bytes) -> bool:
        """Whether there is a preview of the image whose file has this SHA-256."""
        return sha256 in self._listed()

    def get(self, sha256: bytes) -> bytes | None:
        """The WebP picture of an image, by the SHA-256 of its file; None if there is none."""
        found = self._read(sha256)
        if found is None and sha256 in self:  # another process may have merged the shard
            self._places = None
            found = self._read(sha256)
        return found

    def damaged(self) -> dict[Path, str]:
        """The damaged shards: by file, what is wrong with it."""
        paths = files.list_files(self._folder, SUFFIX)
        return dict.fromkeys((path for path in paths if not _is_sound(path)), "it is not what its name promises")

    def require_undamaged(self) -> None:
        """Raise GuardError if a shard is damaged: DVC would publish it with the new ones."""
        for path, reason in self.damaged().items():
            raise files.damaged_error(path, reason, self._folder)

    def add(self, pictures: Mapping[bytes, bytes]) -> None:
        """Add pictures by the SHA-256 of the image's file. Raises GuardError if they cannot be written."""
        ordered = sorted(pictures.items())
        for start in range(0, len(ordered), ROWS_OF_A_SHARD):
            files.add_file(self._folder, *_written(ordered[start : start + ROWS_OF_A_SHARD]))
        self._places = None

    def _read(self, sha256: bytes) -> bytes | None:
        places = self._listed().get(sha256, [])
        read = (place.read() for place in places if self._is_sound(place.path))
        return next((picture for picture in read if picture is not None), None)

    def _is_sound(self, path: Path) -> bool:
        if path not in self._sound:
            self._sound[path] = _is_sound(path)
        return self._sound[path]

    def _listed(self) -> dict[bytes, list[_Place]]:
        if self._places is None:
            self._places = {}
            found = files.read_settled(lambda: files.list_files(self._folder, SUFFIX), partial(map, _places))
            for digest, place in chain.from_iterable(found.values()):
                self._places.setdefault(digest, []).append(place)
        return self._places


class _Place(NamedTuple):
    """Where a picture is: its file and its range of bytes."""

    path: Path
    start: int
    end: int

    def read(self) -> bytes | None:
        """The picture; None if the file is gone."""
        with suppress(FileNotFoundError), safetensors.safe_open(self.path, framework="np") as file:
            return bytes(file.get_slice("data")[self.start : self.end]) if self.end > self.start else b""
        return None


def _written(pictures: list[tuple[bytes, bytes]]) -> tuple[str, bytes]:
    data = safetensors.numpy.save(
        {
            "sha256": np.frombuffer(b"".join(digest for digest, _ in pictures), np.uint8).reshape(-1, 32),
            "data": np.frombuffer(b"".join(picture for _, picture in pictures), np.uint8),
            "ends": np.cumsum([len(picture) for _, picture in pictures], dtype=np.int64),
        }
    )
    return hashlib.sha256(data).hexdigest() + SUFFIX, data


def _places(path: Path) -> list[tuple[bytes, _Place]] | None:
    """Where the pictures of a shard are, by digest; empty if it is damaged, None if it is gone."""
    try:
        files.require_file(path)
        with safetensors.safe_open(path, framework="np") as file:
            digests, ends = file.get_tensor("sha256"), file.get_tensor("ends")
    except FileNotFoundError:
        return None
    except (files.DamagedFileError, safetensors.SafetensorError, OSError):
        return []
    if digests.dtype != np.uint8 or digests.shape != (ends.size, 32) or ends.shape != (ends.size,):
        return []
    bounds = pairwise([0, *ends.tolist()])
    return [(digest, _Place(path, *found)) for digest, found in zip(map(bytes, digests), bounds, strict=True)]


def _is_sound(path: Path) -> bool:
    """Whether the file has the SHA-256 in its name, and holds previews."""
    try:
        data = files.read_file(path) or b""
        if hashlib.sha256(data).hexdigest() + SUFFIX != path.name:
            return False
        tensors = safetensors.numpy.load(data)
        _, pictures, ends = (tensors[key] for key in ("sha256", "data", "ends"))
    except (files.DamagedFileError, safetensors.SafetensorError, ValueError, KeyError, RecursionError):
        return False
    shapes = {"sha256": (ends.size, 32), "data": (pictures.size,), "ends": (ends.size,)}
    types = {"sha256": np.uint8, "data": np.uint8, "ends": np.int64}
    if any(tensors[key].shape != shapes[key] or tensors[key].dtype != types[key] for key in types):
        return False
    bounds = [0, *ends.tolist()]
    return bounds == sorted(bounds) and bounds[-1] == len(pictures)
