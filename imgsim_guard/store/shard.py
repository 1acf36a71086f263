"""A shard: rows of embeddings with the content ids of the images' bytes, as a file that never changes.

A shard is a safetensors file named by the SHA-256 of its bytes. Rows are sorted, so the same rows give the same file on
every machine, and the union of two folders of shards is a folder of shards.
"""

from __future__ import annotations

import hashlib
import json
import mmap
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import safetensors
import safetensors.numpy

from imgsim_guard.augnet import dimensions
from imgsim_guard.search.hashes import HASH_SIZE, HASHES
from imgsim_guard.search.words import NO_FEATURES
from imgsim_guard.store.folder import DamagedFileError, require_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

FORMAT = 3
SUFFIX = ".safetensors"
CONTENT_IDS = ("git", "md5", "sha256")
"""The digests of an image's bytes. Only these are read until something has to be compared."""

DIGEST_SIZES = {"git": 20, "md5": 16, "sha256": 32, "pixels": 16, "hashes": HASHES * HASH_SIZE, "looks": 2}
"""Bytes of each digest of a row: the content ids of the file's bytes by tracker, the digest of its pixels, its
perceptual hashes, and `looks`: how many further looks of the image have rows of their own (`look_digests`), and whether
it has frames that were not read.
"""

MOST_LOOKS = 255


_ONE = np.float16(1).view(np.uint16)


class Row(NamedTuple):
    """An image: its digests, its embedding, float16 [768] between -1 and 1, or [0] without AugNet, and its local
    features, which are not in the shard but in a file beside it (`store.features`).
    """

    git: bytes
    md5: bytes
    sha256: bytes
    pixels: bytes
    hashes: bytes
    embedding: NDArray[np.float16]
    looks: bytes = bytes(2)
    features: bytes = NO_FEATURES


class Shard(NamedTuple):
    """Columns of n rows, as views of `data`: `embeddings` float16 [n, 768], or [n, 0] without AugNet, and for each
    digest name uint8 [n, size].
    """

    embeddings: NDArray[np.float16]
    digests: dict[str, NDArray[np.uint8]]
    data: bytes | mmap.mmap
    features: str = ""
    """The SHA-256 of the file with the images' local features; empty if there is none."""

    def row(self, index: int) -> Row:
        """The row of one image."""
        digests = {name: bytes(column[index]) for name, column in self.digests.items()}
        return Row(**digests, embedding=self.embeddings[index])

    def rows(self) -> Iterator[Row]:
        """All rows, in order."""
        return map(self.row, range(len(self.embeddings)))

    def release(self) -> None:
        """Let the system drop the pages of a mapped file from memory."""
        release(self.data)


def release(data: bytes | mmap.mmap) -> None:
    """Let the system drop the pages of a mapped file from memory. It reads them again when they are used."""
    if isinstance(data, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):  # some systems lack it
        data.madvise(mmap.MADV_DONTNEED)


class DamagedShardError(DamagedFileError):
    """The bytes are not a shard, or not the shard that has this name."""


def file_digests(data: bytes) -> dict[str, bytes]:
    """The content ids of a file's bytes, by tracker. Git's digest includes a header (gitformat-loose, "blob")."""
    return {
        "git": hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).digest(),
        "md5": hashlib.md5(data, usedforsecurity=False).digest(),
        "sha256": hashlib.sha256(data).digest(),
    }


def look_digests(sha256: bytes, number: int) -> dict[str, bytes]:
    """The content ids for a further look of an image, such as another frame, counted from 1. They are derived from the
    SHA-256 of the image's bytes, so no file has them.
    """
    digest = hashlib.sha256(b"look %d of " % number + sha256).digest()
    return {name: digest[: DIGEST_SIZES[name]] for name in CONTENT_IDS}


def write_shard(rows: Iterable[Row], *, fingerprint: str, features: str = "") -> tuple[str, bytes]:
    """The name and the bytes of the shard with these rows. `features`: as in Shard."""
    ordered = sorted(rows, key=lambda row: row.sha256)
    tensors: dict[str, NDArray[np.float16] | NDArray[np.uint8]] = {
        name: np.frombuffer(b"".join(getattr(row, name) for row in ordered), np.uint8).reshape(-1, size)
        for name, size in DIGEST_SIZES.items()
    }
    tensors["embeddings"] = np.array([row.embedding for row in ordered], np.float16).reshape(
        len(ordered), dimensions(fingerprint)
    )
    contents = _digest_of_contents({name: tensors[name] for name in CONTENT_IDS})
    about = _metadata(fingerprint) | {"contents": contents} | ({"features": features} if features else {})
    metadata = {"imgsim_guard": json.dumps(about, sort_keys=True)}
    data = safetensors.numpy.save(tensors, metadata)
    return hashlib.sha256(data).hexdigest() + SUFFIX, data


def read_shard(name: str, data: bytes | mmap.mmap, *, fingerprint: str) -> Shard:
    """The shard in these bytes, as views of them. Raises DamagedShardError unless they match the name
    and fingerprint.
    """
    if hashlib.sha256(data).hexdigest() + SUFFIX != name:
        raise DamagedShardError("its contents do not match its name")
    start = 8 + int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8:start])
        metadata = header.pop("__metadata__", None)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedShardError(f"it is not a safetensors file ({error})") from error
    expected, features = _check_metadata(metadata, fingerprint)
    shard = _validated(header, data, start, width=dimensions(fingerprint))._replace(features=features)
    if _digest_of_contents(shard.digests) != expected:
        raise DamagedShardError("its content ids do not match their digest")
    shard.release()
    return shard


def read_contents(path: Path, *, fingerprint: str) -> dict[str, NDArray[np.uint8]]:
    """The content ids in a shard, by tracker, uint8 [n, size]; the rest is not read. Raises DamagedFileError, OSError.

    They have a checksum of their own, since checking the shard's name takes reading all of it.
    """
    require_file(path)
    try:
        with safetensors.safe_open(path, framework="np") as file:
            expected, _ = _check_metadata(file.metadata(), fingerprint)
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


def _validated(header: Mapping[str, object], data: bytes | mmap.mmap, start: int, *, width: int) -> Shard:
    """The tensors that a header describes, which begin at `start`; `width`: of the embeddings. Raises
    DamagedShardError if they are not those of a shard.
    """
    shape = _described(header, "embeddings")[1]
    rows = shape[0] if isinstance(shape, list) and shape else 0
    if _described(header, "embeddings") != ("F16", [rows, width]):
        raise DamagedShardError("its embeddings have the wrong type or shape")
    expected = {name: ("U8", [rows, size]) for name, size in DIGEST_SIZES.items()}
    if {name: _described(header, name) for name in header if name != "embeddings"} != expected:
        raise DamagedShardError("its digests have the wrong type or shape")
    embeddings, *digests = _tensors(header, ("embeddings", *DIGEST_SIZES), data, start)
    # Without the sign, float16 numbers have the order of their bits; infinity and NaN are above all numbers.
    if (embeddings.view(np.uint16) << 1).max(initial=0) > _ONE << 1:
        raise DamagedShardError("its embeddings are out of range")
    return Shard(embeddings, dict(zip(DIGEST_SIZES, digests, strict=True)), data)


def _described(header: Mapping[str, Any], name: str) -> tuple[object, object]:
    """The type and shape of a tensor in a header."""
    found = header.get(name)
    return (found.get("dtype"), found.get("shape")) if isinstance(found, dict) else (None, None)


def _tensors(
    header: Mapping[str, Any], names: Sequence[str], data: bytes | mmap.mmap, start: int
) -> list[NDArray[Any]]:
    """Views of the data. Raises DamagedShardError unless each byte from `start` on belongs to exactly one of them."""
    try:
        places = [(first, last) for first, last in (header[name]["data_offsets"] for name in names)]
        firsts, lasts = zip(*sorted(places), strict=True)
        if (*lasts,) != (*firsts[1:], len(data) - start) or firsts[0] != 0:
            raise DamagedShardError("its tensors do not follow one another")
        types = [np.dtype("<f2" if name == "embeddings" else np.uint8) for name in names]
        found = [
            np.ndarray(header[name]["shape"], dtype, data, start + first)
            for name, dtype, (first, _) in zip(names, types, places, strict=True)
        ]
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise DamagedShardError(f"it is not a safetensors file ({error})") from error
    if [tensor.nbytes for tensor in found] != [last - first for first, last in places]:
        raise DamagedShardError("its tensors are not as long as its header tells")
    return found


def _metadata(fingerprint: str) -> dict[str, object]:
    """One string, since safetensors keeps no order of several, and the same rows must give the same bytes."""
    return {"format": FORMAT, "fingerprint": fingerprint}


def _check_metadata(found: object, fingerprint: str) -> tuple[str, str]:
    """The checksums of the content ids and of the features. Raises DamagedShardError for other metadata."""
    text = found.get("imgsim_guard") if isinstance(found, dict) and len(found) == 1 else None
    try:
        metadata = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        metadata = None
    contents, features = (
        (metadata.pop("contents", None), metadata.pop("features", "")) if isinstance(metadata, dict) else (None, None)
    )
    if metadata != _metadata(fingerprint) or not isinstance(contents, str) or not isinstance(features, str):
        raise DamagedShardError("it is of another model or format")
    return contents, features


def _digest_of_contents(columns: Mapping[str, NDArray[np.generic]]) -> str:
    digest = hashlib.sha256()
    for name in CONTENT_IDS:
        digest.update(np.ascontiguousarray(columns[name]).data)
    return digest.hexdigest()
