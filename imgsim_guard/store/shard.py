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
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

FORMAT = 2
SUFFIX = ".safetensors"
CONTENT_IDS = ("git", "md5", "sha256")
"""Of the digests, those that name an image's bytes: all that is read as long as nothing has to be compared."""

DIGEST_SIZES = {"git": 20, "md5": 16, "sha256": 32, "pixels": 16, "hashes": HASHES * HASH_SIZE}
"""Bytes of each digest that a row carries: the trackers' content ids of the file's bytes, the digest of its pixels, and
its perceptual hashes."""


_ONE = np.float16(1).view(np.uint16)


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
    contents = _digest_of_contents({name: tensors[name] for name in CONTENT_IDS})
    metadata = {"imgsim_guard": json.dumps(_metadata(fingerprint) | {"contents": contents}, sort_keys=True)}
    data = safetensors.numpy.save(tensors, metadata)
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
    expected = _check_metadata(header.get("__metadata__"), fingerprint)
    shard = _validated(tensors)
    if _digest_of_contents(shard.digests) != expected:
        raise DamagedShardError("its content ids do not match their digest")
    return shard


def read_contents(path: Path, *, fingerprint: str) -> dict[str, NDArray[np.uint8]]:
    """The content ids in a shard, by tracker, uint8 [n, size]; the rest is not read. Raises DamagedShardError, OSError.

    They have a digest of their own in the shard, since its name tells of damage only after all of it is read.
    """
    try:
        with safetensors.safe_open(path, framework="np") as file:
            expected = _check_metadata(file.metadata(), fingerprint)
            found = {name: file.get_tensor(name) for name in CONTENT_IDS}
    except safetensors.SafetensorError as error:
        raise DamagedShardError(f"it is not a safetensors file ({error})") from error
    sizes = {(tensor.dtype, tensor.shape[1:], len(tensor)) for tensor in found.values()}
    rows = len(found["sha256"]) if found["sha256"].shape else 0
    if sizes != {(np.dtype(np.uint8), (DIGEST_SIZES[name],), rows) for name in CONTENT_IDS}:
        raise DamagedShardError("its digests have the wrong type or shape")
    if _digest_of_contents(found) != expected:
        raise DamagedShardError("its content ids do not match their digest")
    return found


def _validated(tensors: dict[str, NDArray[np.generic]]) -> Shard:
    embeddings = tensors.pop("embeddings", np.zeros(0))
    if embeddings.dtype != np.float16 or embeddings.shape[1:] != (DIMENSIONS,):
        raise DamagedShardError("its embeddings have the wrong type or shape")
    rows = len(embeddings)
    # Of two float16 without their signs, the greater has the greater bits; so have infinity and what is no number.
    if (embeddings.view(np.uint16) & 0x7FFF > _ONE).any():
        raise DamagedShardError("its embeddings are out of range")
    expected = {name: (np.dtype(np.uint8), (rows, size)) for name, size in DIGEST_SIZES.items()}
    if {name: (tensor.dtype, tensor.shape) for name, tensor in tensors.items()} != expected:
        raise DamagedShardError("its digests have the wrong type or shape")
    return Shard(
        embeddings.astype(np.float16, copy=False), {name: tensor.view(np.uint8) for name, tensor in tensors.items()}
    )


def _metadata(fingerprint: str) -> dict[str, object]:
    """Kept as one string: safetensors keeps no order of several, and the same rows must give the same bytes."""
    return {"format": FORMAT, "fingerprint": fingerprint}


def _check_metadata(found: object, fingerprint: str) -> str:
    """The digest of the content ids. Raises DamagedShardError for the metadata of something else."""
    text = found.get("imgsim_guard") if isinstance(found, dict) and len(found) == 1 else None
    try:
        metadata = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        metadata = None
    contents = metadata.pop("contents", None) if isinstance(metadata, dict) else None
    if metadata != _metadata(fingerprint) or not isinstance(contents, str):
        raise DamagedShardError("it is of another model or format")
    return contents


def _digest_of_contents(columns: Mapping[str, NDArray[np.generic]]) -> str:
    digest = hashlib.sha256()
    for name in CONTENT_IDS:
        digest.update(np.ascontiguousarray(columns[name]).data)
    return digest.hexdigest()
