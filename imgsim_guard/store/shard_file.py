"""A shard with its features as files: read them whole or only the content ids, and merge small ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.model import GuardError
from imgsim_guard.store import folder as files
from imgsim_guard.store.features import read_features, remove_shards, rows_of, shard_files
from imgsim_guard.store.shard import Shard, read_contents, read_shard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from imgsim_guard.store.features import FeatureFile


class ShardFile(NamedTuple):
    """A shard's file: its content ids, uint8 [n, size] by tracker, and the whole shard if it was read.

    `own`: whether the file is in this user's cache.
    """

    path: Path
    own: bool
    contents: Mapping[str, NDArray[np.uint8]]
    shard: Shard | None = None
    features: FeatureFile | None = None

    @classmethod
    def whole(cls, path: Path, shard: Shard, features: FeatureFile, *, own: bool) -> ShardFile:
        """The file of a shard that was read."""
        return cls(path, own, shard.digests, shard, features)

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return len(self.contents["sha256"])

    @property
    def is_mine(self) -> bool:
        """Whether the file is in this user's cache, and completely read, so that it may be merged."""
        return self.own and self.shard is not None


def read_shard_file(
    path: Path, *, own: bool, fingerprint: str, lazy: bool
) -> ShardFile | files.DamagedFileError | None:
    """A shard, or only its content ids if `lazy`, or how it is damaged; None if it has just been merged into another
    one. Raises GuardError if the file cannot be read.
    """
    try:
        if lazy:
            return ShardFile(path, own, read_contents(path, fingerprint=fingerprint))
        data = files.map_file(path)
        if data is None:
            return None
        shard = read_shard(path.name, data, fingerprint=fingerprint)
        features = read_features(path, shard)
        return None if features is None else ShardFile.whole(path, shard, features, own=own)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise GuardError(f"cannot read the store of embeddings at {path}: {error.strerror}" + files.READABLE) from error
    except files.DamagedFileError as error:
        return error


def merge(small: Sequence[ShardFile], folder: Path, *, fingerprint: str) -> None:
    """Write the rows of these shards as one, then delete them. After a kill in between, rows exist twice."""
    rows = {
        row.sha256: row
        for file in small
        if file.shard is not None and file.features is not None
        for row in rows_of(file.shard, file.features)
    }
    written = [files.add_file(folder, *file) for file in shard_files(rows.values(), fingerprint=fingerprint)]
    remove_shards(file.path for file in small if file.path not in written)
