"""Small pictures of the images, in shards of their own: what a machine without the dataset verifies and shows pairs by.

A shard is a safetensors file named by the SHA-256 of its bytes: `sha256` uint8 [n, 32] of each image's file, `data`
uint8 [size] with one WebP picture after the other, and `ends` int64 [n], where each ends.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import safetensors
import safetensors.numpy

from imgsim_guard.store import folder as files
from imgsim_guard.store.shard import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ROWS_OF_A_SHARD = 512
"""About 10 MB."""


class Previews:
    """The previews in a folder, read when the first is asked for. A damaged shard counts as not there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shards: list[tuple[bytes, dict[bytes, tuple[int, int]]]] | None = None

    def __contains__(self, sha256: bytes) -> bool:
        """Whether there is one of the image whose file has this digest."""
        return any(sha256 in places for _, places in self._read())

    def get(self, sha256: bytes) -> bytes | None:
        """The WebP picture of an image, by the digest of its file."""
        for data, places in self._read():
            if sha256 in places:
                start, end = places[sha256]
                return data[start:end]
        return None

    def damaged(self) -> dict[Path, str]:
        """By file, what is wrong with the shards that count as not there."""
        paths = files.list_files(self._folder, SUFFIX)
        broken = (path for path in paths if _parsed(path.name, files.read_file(path) or b"") is None)
        return dict.fromkeys(broken, "it is not what its name promises")

    def require_undamaged(self) -> None:
        """Raise GuardError when a shard is damaged: DVC would publish it with what is added."""
        for path, reason in self.damaged().items():
            raise files.damaged_error(path, reason, self._folder)

    def add(self, pictures: Mapping[bytes, bytes]) -> None:
        """Add pictures by digest. Raises GuardError when they cannot be written."""
        ordered = sorted(pictures.items())
        for start in range(0, len(ordered), ROWS_OF_A_SHARD):
            files.add_file(self._folder, *_written(ordered[start : start + ROWS_OF_A_SHARD]))
        self._shards = None

    def _read(self) -> list[tuple[bytes, dict[bytes, tuple[int, int]]]]:
        if self._shards is None:
            paths = files.list_files(self._folder, SUFFIX)
            shards = [_parsed(path.name, files.read_file(path) or b"") for path in paths]
            self._shards = [shard for shard in shards if shard is not None]
        return self._shards


def _written(pictures: list[tuple[bytes, bytes]]) -> tuple[str, bytes]:
    data = safetensors.numpy.save(
        {
            "sha256": np.frombuffer(b"".join(digest for digest, _ in pictures), np.uint8).reshape(-1, 32),
            "data": np.frombuffer(b"".join(picture for _, picture in pictures), np.uint8),
            "ends": np.cumsum([len(picture) for _, picture in pictures], dtype=np.int64),
        }
    )
    return hashlib.sha256(data).hexdigest() + SUFFIX, data


def _parsed(name: str, data: bytes) -> tuple[bytes, dict[bytes, tuple[int, int]]] | None:
    """The bytes of the pictures and, by digest, where each is; None for what is not the shard its name promises."""
    if hashlib.sha256(data).hexdigest() + SUFFIX != name:
        return None
    try:
        tensors = safetensors.numpy.load(data)
        digests, pictures, ends = (tensors[key] for key in ("sha256", "data", "ends"))
    except (safetensors.SafetensorError, ValueError, KeyError, RecursionError):
        return None
    shapes = {"sha256": (ends.size, 32), "data": (pictures.size,), "ends": (ends.size,)}
    types = {"sha256": np.uint8, "data": np.uint8, "ends": np.int64}
    if any(tensors[key].shape != shapes[key] or tensors[key].dtype != types[key] for key in types):
        return None
    bounds = [0, *ends.tolist()]
    if bounds != sorted(bounds) or bounds[-1] != len(pictures):
        return None
    return pictures.tobytes(), dict(zip(map(bytes, digests), pairwise(bounds), strict=True))
