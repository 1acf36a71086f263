"""The local features of a shard's images, in a file beside the shard. It is an inverted file that is searched in place.

It is a safetensors file with the name of its shard and another suffix. For n images in the order of the shard, and f
features in the order of their words, it has `starts` uint32 [4097], `images`, `signatures`, `angles`, `sizes` and
`points` as in `search.local.Inverted`, and `others` uint16 [f, 2], the further near words.

The file is as immutable as its shard, which contains its SHA-256. If the file is missing, the shard counts as damaged,
since copies of parts would not be found. If no image has features, there is no file.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import safetensors.numpy

from imgsim_guard.search.local import Inverted
from imgsim_guard.search.words import FEATURE, FEATURES_SIZE, WORDS, features_in
from imgsim_guard.store import folder as files
from imgsim_guard.store.shard import SUFFIX as SHARD_SUFFIX
from imgsim_guard.store.shard import DamagedShardError, release, write_shard

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from imgsim_guard.search.words import Features
    from imgsim_guard.store.shard import Row, Shard

SUFFIX = ".features"

_COLUMNS: dict[str, tuple[str, str, tuple[int, ...]]] = {
    "starts": ("U32", "<u4", ()),
    "images": ("U16", "<u2", ()),
    "signatures": ("U64", "<u8", ()),
    "angles": ("U8", "u1", ()),
    "sizes": ("U8", "u1", ()),
    "points": ("U16", "<u2", (2,)),
    "others": ("U16", "<u2", (2,)),
}
"""By name: the type in safetensors, the type in NumPy, and the shape of an element."""


class FeatureFile(NamedTuple):
    """The columns of a file, as views of `data`."""

    inverted: Inverted
    others: NDArray[np.uint16]
    data: bytes | mmap.mmap

    def release(self) -> None:
        """Let the system drop the pages of a mapped file from memory."""
        release(self.data)

    def of(self, images: Sequence[int] | NDArray[np.intp]) -> list[Features]:
        """The features of these images, in the same order."""
        owners = np.minimum(self.inverted.images, self.inverted.pictures - 1)
        wanted = np.zeros(self.inverted.pictures, np.bool_)
        wanted[images] = True
        places = np.flatnonzero(wanted[owners])
        places = places[np.argsort(owners[places], kind="stable")]
        bounds = np.searchsorted(owners[places], np.arange(self.inverted.pictures + 1))
        return [self._features(places[bounds[image] : bounds[image + 1]]) for image in images]

    def _features(self, places: NDArray[np.intp]) -> Features:
        found = np.zeros(len(places), FEATURE)
        found["x"], found["y"] = self.inverted.points[places].T
        found["size"], found["angle"] = self.inverted.sizes[places], self.inverted.angles[places]
        found["signature"] = self.inverted.signatures[places]
        found["words"][:, 0] = np.searchsorted(self.inverted.starts, places, side="right") - 1
        found["words"][:, 1:] = np.minimum(self.others[places], WORDS - 1)
        return found


def shard_files(rows: Iterable[Row], *, fingerprint: str) -> list[tuple[str, bytes]]:
    """The names and the bytes of the files for these rows: the features first, so that a shard that
    exists is complete.
    """
    ordered = sorted(rows, key=lambda row: row.sha256)
    if not any(row.features.strip(b"\0") for row in ordered):
        return [write_shard(ordered, fingerprint=fingerprint)]
    features = _written(ordered)
    name, data = write_shard(ordered, fingerprint=fingerprint, features=hashlib.sha256(features).hexdigest())
    return [(features_path(Path(name)).name, features), (name, data)]


def remove_shards(paths: Iterable[Path]) -> None:
    """Delete shards and the files beside them."""
    files.remove_files([file for path in paths for file in (path, features_path(path))])


def features_path(shard: Path) -> Path:
    """The path of the features of a shard."""
    return shard.with_name(shard.name.removesuffix(SHARD_SUFFIX) + SUFFIX)


def read_features(path: Path, shard: Shard, *, whole: bool = False) -> FeatureFile | None:
    """The features of the images in the shard at a path; None if both files are gone.

    Raises DamagedShardError if only the features are missing, or damaged (`whole` checks every byte); OSError.
    """
    data = files.map_file(features_path(path)) if shard.features else b""
    if data is None:
        if not path.exists():  # another process has merged it
            return None
        raise DamagedShardError("its local features are missing")
    if whole and shard.features and hashlib.sha256(data).hexdigest() != shard.features:
        raise DamagedShardError("its local features are damaged")
    return features_of(shard, data)


def rows_of(shard: Shard, found: FeatureFile, wanted: Sequence[int] | NDArray[np.intp] | None = None) -> Iterator[Row]:
    """Rows of a shard with their features, all or the `wanted` ones."""
    chosen = range(len(shard.embeddings)) if wanted is None else wanted
    for index, features in zip(chosen, found.of(list(chosen)), strict=True):
        yield shard.row(int(index))._replace(features=features.tobytes().ljust(FEATURES_SIZE, b"\0"))


def features_of(shard: Shard, data: bytes | mmap.mmap) -> FeatureFile:
    """The features of a shard's images in these bytes. Raises DamagedShardError."""
    try:
        found = _parsed(data if shard.features else _written([]), len(shard.embeddings))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        found = None
    if found is None:
        raise DamagedShardError("its local features are damaged")
    return found


def _written(rows: Sequence[Row]) -> bytes:
    parts = [features_in(row.features) for row in rows]
    features = np.concatenate([np.zeros(0, FEATURE), *parts])
    images = np.repeat(np.arange(len(rows)), [len(part) for part in parts]).astype(np.uint16)
    order = np.argsort(features["words"][:, 0], kind="stable")
    features, images = features[order], images[order]
    starts = np.searchsorted(features["words"][:, 0], np.arange(WORDS + 1)).astype(np.uint32)
    tensors: dict[str, NDArray[Any]] = {
        "starts": starts,
        "images": images,
        "signatures": np.ascontiguousarray(features["signature"]),
        "angles": np.ascontiguousarray(features["angle"]),
        "sizes": np.ascontiguousarray(features["size"]),
        "points": np.stack([features["x"], features["y"]], axis=1),
        "others": np.ascontiguousarray(features["words"][:, 1:]),
    }
    return safetensors.numpy.save(tensors, {"starts": hashlib.sha256(starts.tobytes()).hexdigest()})


def _parsed(data: bytes | mmap.mmap, rows: int) -> FeatureFile | None:
    """Views of the data. The large columns are not checked: a wrong bit there is only a wrong vote."""
    start = 8 + int.from_bytes(data[:8], "little")
    header: dict[str, Any] = json.loads(data[8:start])
    metadata, columns = header.pop("__metadata__"), {}
    if set(header) != set(_COLUMNS):
        return None
    for name, (kind, dtype, shape) in _COLUMNS.items():
        first, last = header[name]["data_offsets"]
        size = np.dtype(dtype).itemsize * int(np.prod(shape, dtype=int))
        if header[name]["dtype"] != kind or not 0 <= first <= last <= len(data) - start or (last - first) % size:
            return None
        count = (last - first) // size
        columns[name] = np.ndarray((count, *shape), dtype, data, start + first)
    starts, lengths = columns["starts"], {len(column) for name, column in columns.items() if name != "starts"}
    if hashlib.sha256(starts.tobytes()).hexdigest() != metadata["starts"] or len(starts) != WORDS + 1:
        return None
    if lengths != {int(starts[-1])} or starts[0] or (np.diff(starts.astype(np.int64)) < 0).any():
        return None
    names = ("images", "signatures", "angles", "sizes", "points")
    inverted = Inverted(rows, starts, *(columns[name] for name in names))
    return FeatureFile(inverted, columns["others"], data)
