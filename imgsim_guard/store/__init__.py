"""The store: content ids to embeddings, so that an image is embedded once, ever.

What belongs to the dataset is never asked of the store: it only remembers. Losing it costs time, never correctness.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from imgsim_guard.augnet import DIMENSIONS
from imgsim_guard.perceptual import HASH_SIZE, HASHES
from imgsim_guard.store import folder as files
from imgsim_guard.store.shard import DIGEST_SIZES, SUFFIX, DamagedShardError, Row, Shard, read_shard, write_shard
from imgsim_guard.store.unreadable import SUFFIX as UNREADABLE_SUFFIX
from imgsim_guard.store.unreadable import read_unreadable, write_unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

ROWS_OF_A_SMALL_SHARD = 256
SMALL_SHARDS_KEPT = 32
"""Every commit adds a shard of a few rows. Past this many they are merged into one, so that a year of commits is not
a thousand files to open."""


class Store:
    """The embeddings of one fingerprint, read from folders when made, and added to as images are embedded.

    `root` is this user's cache, which alone is written to; `tracked` is the store that comes with the repository, if it
    has one. `notes` are for the person who waits: a damaged shard was set aside.
    """

    def __init__(
        self, root: Path, *, fingerprint: str, decoder: Callable[[], str], tracked: Path | None = None
    ) -> None:
        self.folder = root / fingerprint
        self.notes: list[str] = []
        self.unreadable: dict[str, str] = {}
        self.fingerprint = fingerprint
        self._decoder = decoder
        self._shards: list[Shard] = []
        self._small: list[tuple[Path, Shard]] = []
        self._rows_of: dict[str, dict[bytes, int]] = {}
        self._columns: dict[str, NDArray[np.uint8]] = {}
        self._embeddings: NDArray[np.float16] | None = None
        for path in files.list_files(tracked / fingerprint, SUFFIX) if tracked is not None else ():
            self._read(path, own=False)
        for path in files.list_files(self.folder, SUFFIX):
            self._read(path, own=True)
        for path in files.list_files(self.folder, UNREADABLE_SUFFIX):
            self.unreadable |= read_unreadable(path.name, files.read_file(path) or b"", decoder=self._decoder())

    def __len__(self) -> int:
        """How many embeddings it holds."""
        return len(self._rows_by_digest("sha256"))

    def find(self, contents: Iterable[str]) -> dict[str, int]:
        """The row of each content id whose embedding is stored."""
        found = {}
        for content in contents:
            tracker, _, digest = content.partition(":")
            row = self._rows_by_digest(tracker).get(bytes.fromhex(digest))
            if row is not None:
                found[content] = row
        return found

    def identity(self, content: str) -> str:
        """The same for two content ids that are known to name the same bytes, whichever trackers they come from."""
        row = self.find([content]).get(content)
        return content if row is None else "sha256:" + self._digest("sha256", row).hex()

    def embeddings(self, rows: Sequence[int]) -> NDArray[np.float16]:
        """The embeddings in these rows, float16 [n, 768]."""
        if self._embeddings is None:
            none = np.zeros((0, DIMENSIONS), np.float16)
            self._embeddings = np.concatenate([none, *(shard.embeddings for shard in self._shards)])
        return self._embeddings[np.asarray(rows, np.intp)]

    def hashes(self, rows: Sequence[int]) -> NDArray[np.uint8]:
        """The perceptual hashes of the images in these rows, uint8 [n, 5, 32]."""
        return self._column("hashes")[np.asarray(rows, np.intp)].reshape(-1, HASHES, HASH_SIZE)

    def pixels(self, row: int) -> bytes:
        """The digest of the pixels of the image in this row."""
        return self._digest("pixels", row)

    def rows(self, contents: Iterable[str]) -> list[Row]:
        """What is stored of these content ids: one row for each image, in no particular order."""
        chosen = sorted(set(self.find(contents).values()))
        ends = list(accumulate(len(shard.embeddings) for shard in self._shards))
        places = [(row, bisect_right(ends, row)) for row in chosen]
        return [self._shards[at].row(row - ends[at] + len(self._shards[at].embeddings)) for row, at in places]

    def add(self, rows: Sequence[Row]) -> None:
        """Keep these rows, in the folder and at hand. Raises GuardError when they cannot be written."""
        name, data = write_shard(rows, fingerprint=self.fingerprint)
        path = files.add_file(self.folder, name, data)
        self._take(path, read_shard(name, data, fingerprint=self.fingerprint), own=True)
        if len(self._small) > SMALL_SHARDS_KEPT:
            self._merge_small()

    def add_unreadable(self, reasons: Mapping[str, str]) -> None:
        """Remember why these content ids have no pixels. Raises GuardError when that cannot be written."""
        self.unreadable |= reasons
        files.add_file(self.folder, *write_unreadable(reasons, decoder=self._decoder()))

    def _digest(self, name: str, row: int) -> bytes:
        return bytes(self._column(name)[row])

    def _column(self, name: str) -> NDArray[np.uint8]:
        """The digests of this name in all rows, uint8 [n, size]."""
        if name not in self._columns:
            none = np.zeros((0, DIGEST_SIZES[name]), np.uint8)
            self._columns[name] = np.concatenate([none, *(shard.digests[name] for shard in self._shards)])
        return self._columns[name]

    def _read(self, path: Path, *, own: bool) -> None:
        data = files.read_file(path)
        if data is None:
            return
        try:
            self._take(path, read_shard(path.name, data, fingerprint=self.fingerprint), own=own)
        except DamagedShardError as error:
            if own:
                files.set_aside(path)
                done = "set aside"
            else:  # DVC's, which would not overwrite a folder with a change of ours in it
                done = "did not use"
            self.notes.append(f"{done} a damaged part of the store ({path}: {error}); its images are embedded again")

    def _take(self, path: Path, shard: Shard, *, own: bool) -> None:
        self._shards.append(shard)
        if own and len(shard.embeddings) < ROWS_OF_A_SMALL_SHARD:
            self._small.append((path, shard))
        self._embeddings = None
        self._rows_of.clear()
        self._columns.clear()

    def _rows_by_digest(self, tracker: str) -> dict[bytes, int]:
        if tracker not in self._rows_of:
            columns = [shard.digests[tracker] for shard in self._shards]
            digests = [digest for column in columns for digest in map(bytes, column)]
            self._rows_of[tracker] = {digest: row for row, digest in enumerate(digests)}
        return self._rows_of[tracker]

    def _merge_small(self) -> None:
        """Write the rows of all small shards as one, then delete them: killed in between, rows exist twice, no less."""
        rows = {row.sha256: row for _, shard in self._small for row in shard.rows()}
        name, data = write_shard(rows.values(), fingerprint=self.fingerprint)
        merged = files.add_file(self.folder, name, data)
        files.remove_files([path for path, _ in self._small if path != merged])
        self._small = []
