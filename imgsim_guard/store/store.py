"""The store: embeddings by content id, so that each image is embedded once.

The store is only a cache and does not define the dataset. Without it, a check takes longer and gives the same result.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np

from imgsim_guard.augnet import dimensions
from imgsim_guard.model import digest_of, tracker_of
from imgsim_guard.search.hashes import HASH_SIZE, HASHES
from imgsim_guard.store import folder as files
from imgsim_guard.store.features import features_of, rows_of, shard_files
from imgsim_guard.store.lookup import Finder
from imgsim_guard.store.rows import StoredRows, by_shard
from imgsim_guard.store.shard import CONTENT_IDS, DIGEST_SIZES, SUFFIX, Row, Shard, look_digests, read_shard
from imgsim_guard.store.shard_file import ShardFile, merge, read_shard_file
from imgsim_guard.store.unreadable import SUFFIX as UNREADABLE_SUFFIX
from imgsim_guard.store.unreadable import read_unreadable, write_unreadable
from imgsim_guard.system.threads import in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from imgsim_guard.search.words import Features
    from imgsim_guard.store.features import FeatureFile
    from imgsim_guard.store.rows import Part, Wanted

ROWS_OF_A_SMALL_SHARD = 256
ROWS_OF_A_LARGE_SHARD = 2048
SMALL_SHARDS_KEPT = 32
"""If there are more small shards than this, they are merged. Every commit adds a shard of a few rows, so a year of
commits would be a thousand files. Merged shards are merged again until they are large.
"""


class Store:
    """The embeddings of one fingerprint, read from folders when a Store is made, and added to as images are embedded.

    `root` is this user's cache, the only folder that is written to; `tracked` is the store in the repository, if there
    is one. `lazy`: read only the content ids until `open` is called. `notes`: messages for the user, such as that a
    damaged shard was set aside. `advice`: where missing embeddings may be found.
    """

    def __init__(
        self,
        root: Path,
        *,
        fingerprint: str,
        decoder: Callable[[], str],
        tracked: Path | None = None,
        lazy: bool = False,
    ) -> None:
        self.folder = root / fingerprint
        self.notes: list[str] = []
        self.unreadable: dict[str, str] = {}
        self.fingerprint = fingerprint
        self.advice = ""
        self._decoder = decoder
        self._tracked = tracked
        self._files: list[ShardFile] = []
        self._finders: dict[str, Finder] = {}
        self._starts: list[int] = [0]
        self._list(lazy=lazy)
        for path in files.list_files(self.folder, UNREADABLE_SUFFIX):
            with suppress(files.DamagedFileError):
                self.unreadable |= read_unreadable(path.name, files.read_file(path) or b"", decoder=self._decoder())

    def open(self) -> None:
        """Read and check all shards; before, only content ids are known. Row numbers may change."""
        if any(file.shard is None for file in self._files):
            self._list(lazy=False)

    def reload(self) -> None:
        """Read the shards that other processes have added since. Row numbers may change."""
        self._list(lazy=False)

    def __len__(self) -> int:
        """How many embeddings there are."""
        return len(self._finder("sha256"))

    @property
    def has_embeddings(self) -> bool:
        """Whether its rows have embeddings; if not, only hashes and local features."""
        return dimensions(self.fingerprint) > 0

    def find(self, contents: Iterable[str]) -> dict[str, int]:
        """The row of each content id whose embedding is stored."""
        wanted = list(contents)
        found = [self._found(wanted, tracker) for tracker in CONTENT_IDS]
        several = [some for some in found if some]
        if len(several) < 2:  # noqa: PLR2004  one tracker
            return several[0] if several else {}
        rows = {content: row for some in several for content, row in some.items()}
        return {content: rows[content] for content in wanted if content in rows}

    def alike(self, contents: Iterable[str]) -> dict[str, str]:
        """Content ids that name the same bytes as an earlier one in `contents`, each with the first of these.

        The same bytes have one content id for each tracker, so nothing is looked up if all are of one tracker.
        """
        wanted = list(contents)
        if len({tracker_of(content) for content in wanted}) < 2:  # noqa: PLR2004  two trackers
            return {}
        first: dict[int, str] = {}
        return {
            content: earlier
            for content, row in self.find(wanted).items()
            if (earlier := first.setdefault(row, content)) != content
        }

    def sha256(self, contents: Iterable[str]) -> dict[str, bytes]:
        """The SHA-256 of the bytes that content ids name, where it is known."""
        wanted = list(contents)
        rows = self.find(wanted)
        digests = np.empty((len(rows), DIGEST_SIZES["sha256"]), np.uint8)
        for part in by_shard(list(rows.values()), self._starts):
            digests[part.places] = self._files[part.shard].contents["sha256"][part.rows]
        told = {content: bytes.fromhex(digest_of(content)) for content in wanted if tracker_of(content) == "sha256"}
        return told | dict(zip(rows, map(bytes, digests), strict=True))

    def embeddings(self, rows: Wanted) -> NDArray[np.float16]:
        """The embeddings in these rows, float16 [n, 768]."""
        return self.stored_embeddings(rows)[:]

    def stored_embeddings(self, rows: Wanted) -> StoredRows[np.float16]:
        """The embeddings in these rows, read when they are indexed. Raises RuntimeError if the store has none."""
        if not self.has_embeddings:
            raise RuntimeError("the store has hashes, but no embeddings")
        shards = self._shards_for(rows)
        none = np.empty((0, dimensions(self.fingerprint)), np.float16)
        return StoredRows(shards, [none, *(shard.embeddings for shard in shards)], self._starts, rows)

    def hashes(self, rows: Wanted) -> NDArray[np.uint8]:
        """The perceptual hashes of the images in these rows, uint8 [n, 5, 32]."""
        return self.stored_hashes(rows)[:]

    def stored_hashes(self, rows: Wanted) -> StoredRows[np.uint8]:
        """The perceptual hashes of the images in these rows, read when they are indexed."""
        shards = self._shards_for(rows)
        none = np.empty((0, HASHES, HASH_SIZE), np.uint8)
        hashes = [shard.digests["hashes"].reshape(-1, HASHES, HASH_SIZE) for shard in shards]
        return StoredRows(shards, [none, *hashes], self._starts, rows)

    def pixels(self, row: int) -> bytes:
        """The digest of the pixels of the image in this row."""
        [(at, _, [index])] = by_shard([row], self._starts)
        return bytes(self._shards_for([row])[at].digests["pixels"][index])

    def looks(self, rows: Mapping[str, int]) -> dict[str, list[int]]:
        """The rows of the further looks of images, by content id, given the row of each image. Images without further
        looks are left out.
        """
        numbers = np.fromiter(rows.values(), np.intp, len(rows))
        counts = self._column("looks", numbers)[:, 0]
        contents = list(rows)
        several = np.flatnonzero(counts)
        digests = self._column("sha256", numbers[several])
        wanted = {
            contents[at]: [look_digests(bytes(digest), number + 1)["sha256"].hex() for number in range(counts[at])]
            for at, digest in zip(several.tolist(), digests, strict=True)
        }
        found = self.find(f"sha256:{digest}" for some in wanted.values() for digest in some)
        return {
            content: [found[key] for digest in some if (key := f"sha256:{digest}") in found]
            for content, some in wanted.items()
        }

    def unseen(self, rows: Mapping[str, int]) -> list[str]:
        """Those content ids that are films or documents with frames or pages that were not read."""
        marks = self._column("looks", np.fromiter(rows.values(), np.intp, len(rows)))[:, 1]
        return [content for content, mark in zip(rows, marks.tolist(), strict=True) if mark]

    def _column(self, name: str, rows: Wanted) -> NDArray[np.uint8]:
        shards = self._shards_for(rows)
        found = np.empty((len(rows), DIGEST_SIZES[name]), np.uint8)
        for part in by_shard(rows, self._starts) if len(rows) else ():
            found[part.places] = shards[part.shard].digests[name][part.rows]
        return found

    def rows(self, contents: Iterable[str]) -> list[Row]:
        """All rows of these content ids, with their further looks, in no particular order."""
        self.open()
        found = self.find(contents)
        chosen = sorted({*found.values(), *(row for some in self.looks(found).values() for row in some)})
        return [
            row
            for file, part in self._parts_of(chosen)
            if file.shard is not None and file.features is not None
            for row in rows_of(file.shard, file.features, part.rows)
        ]

    def features(self, rows: Wanted) -> list[Features]:
        """The local features of the images in these rows."""
        found: dict[int, Features] = {}
        for features, part in self.feature_files(rows):
            found |= dict(zip(part.places.tolist(), features.of(part.rows), strict=True))
        return [found[place] for place in range(len(rows))]

    def feature_files(self, rows: Wanted) -> Iterator[tuple[FeatureFile, Part]]:
        """The files with the features of these rows, and which rows of each file they are."""
        for file, part in self._parts_of(rows):
            if file.features is None:
                raise RuntimeError("the store is not open")
            yield file.features, part

    def _parts_of(self, rows: Wanted) -> Iterator[tuple[ShardFile, Part]]:
        for part in by_shard(rows, self._starts):
            yield self._files[part.shard], part

    def add(self, rows: Sequence[Row]) -> None:
        """Add these rows to the folder and to this object. Raises GuardError if they cannot be written."""
        written = shard_files(rows, fingerprint=self.fingerprint)
        path = [files.add_file(self.folder, *file) for file in written][-1]
        shard = read_shard(*written[-1], fingerprint=self.fingerprint)
        self._files.append(ShardFile.whole(path, shard, features_of(shard, written[0][1]), own=True))
        self._index()
        for least, most in pairwise((0, ROWS_OF_A_SMALL_SHARD, ROWS_OF_A_LARGE_SHARD)):
            small = [file for file in self._files if file.is_mine and least <= file.rows < most]
            if len(small) > SMALL_SHARDS_KEPT:
                merge(small, self.folder, fingerprint=self.fingerprint)
                merged = {file.path for file in small}
                self._files = [file._replace(own=False) if file.path in merged else file for file in self._files]
        files.remove_left_overs(self.folder)

    def add_unreadable(self, reasons: Mapping[str, str]) -> None:
        """Remember why these content ids have no pixels. Raises GuardError if that cannot be written."""
        self.unreadable |= reasons
        files.add_file(self.folder, *write_unreadable(reasons, decoder=self._decoder()))

    def _shards_for(self, rows: Wanted) -> list[Shard]:
        """All shards if there are rows, else none: without rows, the store need not be open."""
        if not len(rows):
            return []
        shards = [file.shard for file in self._files if file.shard is not None]
        if len(shards) < len(self._files):
            raise RuntimeError("the store is not open")
        return shards

    def _list(self, *, lazy: bool) -> None:
        """Read the folders again, without files that were read before and are still there."""
        known: dict[Path, ShardFile | files.DamagedFileError] = {
            file.path: file for file in self._files if file.shard is not None or lazy
        }
        # Content ids are read so quickly that threads would only wait for each other.
        spread = map if lazy else in_order

        def read(path: Path) -> ShardFile | files.DamagedFileError | None:
            return read_shard_file(path, own=path.parent == self.folder, fingerprint=self.fingerprint, lazy=lazy)

        found = files.read_settled(self._paths, lambda paths: spread(read, paths), known)
        self._files = [file for file in found.values() if isinstance(file, ShardFile)]
        for path, file in found.items():
            if isinstance(file, files.DamagedFileError):
                self._leave_out(path, file)
        self._index()

    def _paths(self) -> list[Path]:
        """The shards of the tracked store, then those of the cache. An earlier row is found first."""
        folders = [self.folder] if self._tracked is None else [self._tracked / self.fingerprint, self.folder]
        return [path for folder in folders for path in files.list_files(folder, SUFFIX)]

    def _leave_out(self, path: Path, error: files.DamagedFileError) -> None:
        if path.parent == self.folder:
            files.set_aside(path)
            done = "set aside"
        else:  # DVC does not overwrite a folder with a change in it
            done = "did not use"
        self.notes.append(f"{done} a damaged part of the store ({path}: {error}); its images are embedded again")

    def _index(self) -> None:
        self._finders.clear()
        self._starts = [0, *accumulate(file.rows for file in self._files)][: max(1, len(self._files))]

    def _found(self, contents: Sequence[str], tracker: str) -> dict[str, int]:
        """The rows of those content ids that are this tracker's and stored."""
        prefix, size = f"{tracker}:", DIGEST_SIZES[tracker]
        length = len(prefix) + 2 * size
        own = [content for content in contents if content.startswith(prefix) and len(content) == length]
        if not own:
            return {}
        digests = np.frombuffer(bytes.fromhex("".join(own).replace(prefix, "")), np.uint8).reshape(len(own), size)
        rows = self._finder(tracker).find(digests).tolist()
        return {content: row for content, row in zip(own, rows, strict=True) if row >= 0}

    def _finder(self, tracker: str) -> Finder:
        if tracker not in self._finders:
            columns = [file.contents[tracker] for file in self._files]
            self._finders[tracker] = Finder(columns, DIGEST_SIZES[tracker])
        return self._finders[tracker]
