"""The tracked store: a folder of shards that DVC tracks, or that is the output of a stage of a pipeline.

Shards are only added, and named by their contents. So when two branches have both published, a merge is the union of
their files. Only `rewritten` replaces files, when a user asks for it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from imgsim_guard.store import folder as files
from imgsim_guard.store.features import read_features, remove_shards, rows_of, shard_files
from imgsim_guard.store.shard import SUFFIX, read_shard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from imgsim_guard.store.features import FeatureFile
    from imgsim_guard.store.shard import Row, Shard

Made = TypeVar("Made")

ROWS_OF_A_PUBLISHED_SHARD = 4096
"""Rows of a shard: 7 MB, and 20 MB of local features. A million images are 250 files, so a remote gets few requests."""


class Inspected(NamedTuple):
    """What is in a folder of shards. `damaged`: by file, what is wrong with it."""

    shards: int
    rows: int
    size: int
    damaged: dict[Path, str]


def publish(rows: Iterable[Row], folder: Path, *, fingerprint: str) -> list[Path]:
    """Add rows to a folder of shards; returns the files that were written. The same rows give the same files."""
    ordered = sorted(rows, key=lambda row: row.sha256)
    written = []
    for start in range(0, len(ordered), ROWS_OF_A_PUBLISHED_SHARD):
        part = ordered[start : start + ROWS_OF_A_PUBLISHED_SHARD]
        written += [files.add_file(folder / fingerprint, *file) for file in shard_files(part, fingerprint=fingerprint)]
    return written


def published(folder: Path, *, fingerprint: str) -> set[bytes]:
    """The SHA-256 of each image in a folder of shards. Raises GuardError if a shard is damaged."""
    found = _undamaged(folder, lambda shard, _: {*map(bytes, shard.digests["sha256"])}, fingerprint=fingerprint)
    return set[bytes]().union(*found.values())


def inspect(folder: Path, *, fingerprint: str) -> Inspected:
    """Read every shard of a folder, and find damaged ones."""
    found = _read(
        folder,
        lambda shard, features: (len(shard.embeddings), len(shard.data) + len(features.data)),
        fingerprint=fingerprint,
    )
    damaged = {path: str(one) for path, one in found.items() if isinstance(one, files.DamagedFileError)}
    sound = [one for one in found.values() if not isinstance(one, files.DamagedFileError)]
    return Inspected(len(found), sum(rows for rows, _ in sound), sum(size for _, size in sound), damaged)


def rewritten(
    folder: Path,
    *,
    fingerprint: str,
    keep: Callable[[Row], bool] = lambda _row: True,
    between: Callable[[], object] = lambda: None,
) -> tuple[int, int]:
    """Write the rows for which `keep` is true as few large shards, then delete the others. Returns how many rows there
    were before and after.

    If the process is killed in between, rows exist twice and none is lost. `between` is called before files are
    deleted, if there are any to delete. Raises GuardError, without a change, if a shard is damaged.
    """
    shards = _undamaged(folder, lambda *shard: shard, fingerprint=fingerprint)
    before = {row.sha256: row for shard in shards.values() for row in rows_of(*shard)}
    after = [row for row in before.values() if keep(row)]
    written = publish(after, folder, fingerprint=fingerprint)
    if others := [path for path in shards if path not in written]:
        between()
        remove_shards(others)
    return len(before), len(after)


def _undamaged(folder: Path, of: Callable[[Shard, FeatureFile], Made], *, fingerprint: str) -> dict[Path, Made]:
    """The result of `of` for each shard of a folder. Raises GuardError if a shard is damaged."""
    made = {}
    for path, one in _read(folder, of, fingerprint=fingerprint).items():
        if isinstance(one, files.DamagedFileError):
            raise files.damaged_error(path, str(one), folder) from one
        made[path] = one
    return made


def _read(
    folder: Path, of: Callable[[Shard, FeatureFile], Made], *, fingerprint: str
) -> dict[Path, Made | files.DamagedFileError]:
    """The result of `of` for each shard of a folder, or how the shard is damaged. No shard stays in memory."""

    def read(path: Path) -> Made | files.DamagedFileError | None:
        try:
            data = files.read_file(path)
            if data is None:
                return None
            shard = read_shard(path.name, data, fingerprint=fingerprint)
            features = read_features(path, shard, whole=True)
            return None if features is None else of(shard, features)
        except files.DamagedFileError as error:
            return error

    return files.read_settled(lambda: files.list_files(folder / fingerprint, SUFFIX), partial(map, read))


def other_fingerprints(folder: Path, *, fingerprint: str) -> list[str]:
    """The fingerprints of other models whose shards are in the folder."""
    return [path.name for path in files.list_files(folder, "") if path.is_dir() and path.name != fingerprint]
