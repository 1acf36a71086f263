"""The folder or URL (fsspec) where workers write shards, and from which this machine reads them."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.model import GuardError
from imgsim_guard.store.features import features_of, features_path, rows_of, shard_files
from imgsim_guard.store.folder import add_file
from imgsim_guard.store.shard import SUFFIX, read_shard

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imgsim_guard.store.shard import Row


class Exchange:
    """Shards below a folder or URL, in a subfolder named by the fingerprint, as in every store.

    A shard is named by its contents, so a retry writes the same file, and an incomplete file is not taken for a shard.
    Raises GuardError if the folder cannot be used.
    """

    def __init__(self, url: str, fingerprint: str) -> None:
        try:
            import fsspec
            from fsspec.implementations.local import LocalFileSystem
        except ImportError as error:
            raise GuardError(f"--ray needs fsspec ({error}); pip install 'imgsim-guard[ray]'") from error
        self._url = url
        self._fingerprint = fingerprint
        with self._naming("cannot use"):
            if "://" in url:
                self._files, folder = fsspec.core.url_to_fs(url)
            else:
                self._files, folder = fsspec.filesystem("file"), os.path.abspath(url)  # noqa: PTH100  links stay
        self._folder = f"{folder.rstrip('/')}/{fingerprint}"
        self._is_local = isinstance(self._files, LocalFileSystem)

    def make(self) -> None:
        """Create the folder. A worker that does not find it has no access to it."""
        with self._naming("cannot make a folder in"):
            self._files.makedirs(self._folder, exist_ok=True)

    def write(self, rows: Iterable[Row]) -> None:
        """Write the shard of these rows into the folder, which must exist."""
        for name, data in shard_files(rows, fingerprint=self._fingerprint):
            with self._naming("a worker cannot write to"):
                if not self._is_local:
                    self._files.pipe_file(f"{self._folder}/{name}", data)
                elif Path(self._folder).is_dir():
                    add_file(Path(self._folder), name, data)
                else:
                    raise FileNotFoundError("there is no such folder where it runs")

    def names(self) -> list[str]:
        """The names of the shards in the folder."""
        with self._naming("cannot read"):
            self._files.invalidate_cache()
            paths = self._files.ls(self._folder, detail=False)
        return sorted(path.rpartition("/")[2] for path in paths if path.endswith(SUFFIX))

    def read(self, name: str) -> list[Row]:
        """The rows of a shard. Raises DamagedShardError if its contents do not match its name."""
        with self._naming("cannot read"):
            data = self._files.cat_file(f"{self._folder}/{name}")
        shard = read_shard(name, data, fingerprint=self._fingerprint)
        with self._naming("cannot read"):
            path = f"{self._folder}/{features_path(Path(name)).name}"
            features = self._files.cat_file(path) if shard.features else b""
        return [*rows_of(shard, features_of(shard, features))]

    @contextmanager
    def _naming(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # each file system raises its own types
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise GuardError(
                f"{what} {self._url}: {reason}. --shards names a folder or URL that every machine of the cluster can "
                "read and write"
            ) from error
