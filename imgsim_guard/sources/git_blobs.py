"""The bytes of git's blobs one after the other, from a process that is started for the first of them."""

from __future__ import annotations

from contextlib import suppress
from typing import IO, TYPE_CHECKING

from imgsim_guard.model import GuardError, Unreadable
from imgsim_guard.sources.git_command import start_git

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path

MAX_BLOB_SIZE = 2**30
"""Largest blob that is read, in bytes: MAX_PIXELS pixels take less uncompressed."""


class GitBlobs:
    """Reads the blobs of the repository at a root. The process ends with `close`, and starts again when needed."""

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        self._root = root
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, blob: str) -> bytes | Unreadable:
        """The bytes of the blob with this id. Raises GuardError if git ends early."""
        requests, answers = self._pipes()
        try:
            requests.write(blob.encode() + b"\n")
            requests.flush()
            header = answers.readline().split()
        except BrokenPipeError:
            header = []
        if not header:
            raise GuardError(
                "git cat-file ended before it gave all images; try again (in a partial clone, with its remote in reach)"
            )
        if header[-1:] == [b"missing"]:
            return Unreadable("its bytes are not in this clone; run git fetch --refetch", absent=True)
        size = int(header[-1])
        if size > MAX_BLOB_SIZE:
            self.close()  # faster than reading the rest of the blob
            return Unreadable(f"{size:,} bytes, more than the {MAX_BLOB_SIZE:,} that are read")
        return answers.read(size + 1)[:size]

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with suppress(BrokenPipeError):  # the process had ended before it read the last request
                        pipe.close()
            self._process.wait()
            self._process = None

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process is None:
            self._process = start_git(["cat-file", "--batch"], cwd=self._root, environment=self._environment)
        if self._process.stdin is None or self._process.stdout is None:
            raise TypeError("Popen was asked for pipes and gave none")
        return self._process.stdin, self._process.stdout
