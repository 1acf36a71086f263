"""One shard: rows of embeddings with the content ids of the same bytes, as a file that never changes.

A shard is a safetensors file named by the SHA-256 of its bytes. Rows are sorted, so the same rows make the same file on
every machine, and the union of two folders of shards is again a folder of shards.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import safetensors
import safetensors.numpy

from imgsim_guard.augnet import DIMENSIONS
from imgsim_guard.perceptual import HASH_SIZE, HASHES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

FORMAT = 1
SUFFIX = ".safetensors"
DIGEST_SIZES = {"git": 20, "md5": 16, "sha256": 32, "pixels": 16, "hashes": HASHES * HASH_SIZE}
"""Bytes of each digest that a row carries: the trackers' content ids of the file's bytes, the digest of its pixels, and
its perceptual hashes."""


class Row(NamedTuple):
    """One image: its digests, and its embedding, float16 [768] between -1 and 1."""

    git: bytes
    md5: bytes
    sha256: bytes
    pixels: bytes
    hashes: bytes
    embedding: NDArray[np.float16]


class Shard(NamedTuple):
    """Columns of n rows: `embeddings` float16 [n, 768], and for each digest name uint8 [n, size]."""

    embeddings: NDArray[np.float16]
    digests: dict[str, NDArray[np.uint8]]

    def row(self, index: int) -> Row:
        """One image's."""
        digests = {name: bytes(column[index]) for name, column in self.digests.items()}
        return Row(**digests, embedding=self.embeddings[index])

    def rows(self) -> Iterator[Row]:
        """One after the other."""
        return map(self.row, range(len(self.embeddings)))


class DamagedShardError(Exception):
    """The bytes are not a shard, or not the shard that their name promises."""


def file_digests(data: bytes) -> dict[str, bytes]:
    """The content ids of a file's bytes, by tracker. Git hashes a header with them (gitformat-loose, "blob")."""
    return {
        "git": hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).digest(),
        "md5": hashlib.md5(data, usedforsecurity=False).digest(),
        "sha256": hashlib.sha256(data).digest(),
    }


def write_shard(rows: Iterable[Row], *, fingerprint: str) -> tuple[str, bytes]:
    """The name and the bytes of the shard that holds these rows."""
    ordered = sorted(rows, key=lambda row: row.sha256)
    tensors: dict[str, NDArray[np.float16] | NDArray[np.uint8]] = {
        name: np.frombuffer(b"".join(getattr(row, name) for row in ordered), np.uint8).reshape(-1, size)
        for name, size in DIGEST_SIZES.items()
    }
    tensors["embeddings"] = np.array([row.embedding for row in ordered], np.float16).reshape(-1, DIMENSIONS)
    data = safetensors.numpy.save(tensors, {"imgsim_guard": _metadata(fingerprint)})
    return hashlib.sha256(data).hexdigest() + SUFFIX, data


def read_shard(name: str, data: bytes, *, fingerprint: str) -> Shard:
    """The shard in these bytes. Raises DamagedShardError unless they match the name and the fingerprint."""
    if hashlib.sha256(data).hexdigest() + SUFFIX != name:
        raise DamagedShardError("its contents do not match its name")
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        tensors = safetensors.numpy.load(data)
    except (safetensors.SafetensorError, ValueError, KeyError, RecursionError) as error:
        raise DamagedShardError(f"it is not a safetensors file ({error})") from error
    if header.get("__metadata__") != {"imgsim_guard": _metadata(fingerprint)}:
        raise DamagedShardError("it is of another model or format")
    return _validated(tensors)


def _validated(tensors: dict[str, NDArray[np.generic]]) -> Shard:
    embeddings = tensors.pop("embeddings", np.zeros(0))
    if embeddings.dtype != np.float16 or embeddings.shape[1:] != (DIMENSIONS,):
        raise DamagedShardError("its embeddings have the wrong type or shape")
    rows = len(embeddings)
    if not (np.abs(embeddings) <= 1).all():
        raise DamagedShardError("its embeddings are out of range")
    expected = {name: (np.dtype(np.uint8), (rows, size)) for name, size in DIGEST_SIZES.items()}
    if {name: (tensor.dtype, tensor.shape) for name, tensor in tensors.items()} != expected:
        raise DamagedShardError("its digests have the wrong type or shape")
    return Shard(
        embeddings.astype(np.float16, copy=False), {name: tensor.view(np.uint8) for name, tensor in tensors.items()}
    )


def _metadata(fingerprint: str) -> str:
    """One string: safetensors does not keep the order of several, and the same rows must give the same bytes."""
    return json.dumps({"format": FORMAT, "fingerprint": fingerprint}, sort_keys=True)
