"""The store that a team shares: a folder of shards that DVC tracks, or that a stage of a pipeline puts out.

Shards are only ever added, and named by their contents, so that two branches that each publish merge as the union of
their files. Only `rewritten` replaces what is there, and only when somebody asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.store import folder as files
from imgsim_guard.store.shard import SUFFIX, read_shard, write_shard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from imgsim_guard.store.shard import Row, Shard

ROWS_OF_A_PUBLISHED_SHARD = 4096
"""7 MB: a million images are 250 files, and a remote is asked for few."""


class Inspected(NamedTuple):
    """What is in a folder of shards. `damaged`: by file, what is wrong with it."""

    shards: int
    rows: int
    size: int
    damaged: dict[Path, str]


def publish(rows: Iterable[Row], folder: Path, *, fingerprint: str) -> list[Path]:
    """Add rows to a folder of shards; the files that were written. The same rows make the same files."""
    ordered = sorted(rows, key=lambda row: row.sha256)
    written = []
    for start in range(0, len(ordered), ROWS_OF_A_PUBLISHED_SHARD):
        name, data = write_shard(ordered[start : start + ROWS_OF_A_PUBLISHED_SHARD], fingerprint=fingerprint)
        written.append(files.add_file(folder / fingerprint, name, data))
    return written


def published(folder: Path, *, fingerprint: str) -> set[bytes]:
    """The SHA-256 of each image that a folder of shards has. Raises GuardError when one of them is damaged."""
    return {
        bytes(digest) for _, shard in _undamaged(folder, fingerprint=fingerprint) for digest in shard.digests["sha256"]
    }


def inspect(folder: Path, *, fingerprint: str) -> Inspected:
    """Read every shard of a folder, and say what is wrong."""
    shards, rows, size = 0, 0, 0
    damaged = {}
    for path in files.list_files(folder / fingerprint, SUFFIX):
        shards += 1
        try:
            data = files.read_file(path) or b""
            size += len(data)
            rows += len(read_shard(path.name, data, fingerprint=fingerprint).embeddings)
        except files.DamagedFileError as error:
            damaged[path] = str(error)
    return Inspected(shards, rows, size, damaged)


def rewritten(
    folder: Path,
    *,
    fingerprint: str,
    keep: Callable[[Row], bool] = lambda _row: True,
    between: Callable[[], object] = lambda: None,
) -> tuple[int, int]:
    """Write the rows that are to be kept as few large shards, then delete the others; rows before and after.

    Killed in between, rows exist twice, and none is lost; `between` is called then, if there is anything to delete.
    Raises GuardError, having done nothing, when a shard is damaged.
    """
    shards = list(_undamaged(folder, fingerprint=fingerprint))
    before = {row.sha256: row for _, shard in shards for row in shard.rows()}
    after = [row for row in before.values() if keep(row)]
    written = publish(after, folder, fingerprint=fingerprint)
    if others := [path for path, _ in shards if path not in written]:
        between()
        files.remove_files(others)
    return len(before), len(after)


def _undamaged(folder: Path, *, fingerprint: str) -> Iterator[tuple[Path, Shard]]:
    """One shard of a folder after the other. Raises GuardError when one of them is damaged."""
    for path in files.list_files(folder / fingerprint, SUFFIX):
        try:
            yield path, read_shard(path.name, files.read_file(path) or b"", fingerprint=fingerprint)
        except files.DamagedFileError as error:
            raise files.damaged_error(path, str(error), folder) from error


def other_fingerprints(folder: Path, *, fingerprint: str) -> list[str]:
    """Which other models' shards are there."""
    return [path.name for path in files.list_files(folder, "") if path.is_dir() and path.name != fingerprint]
