"""Git LFS: which blobs are pointers, and the bytes of the files they point to."""

from __future__ import annotations

import hashlib
import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.model import Image, Unreadable, content_id, digest_of
from imgsim_guard.sources.folders import read_file
from imgsim_guard.system.files import leads_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imgsim_guard.sources.git import Git
    from imgsim_guard.sources.git_records import Change, Entry

LARGEST_POINTER = 1023
"""Pointers are smaller than this, in bytes (docs/spec.md of git-lfs, "The pointer")."""

LARGEST_ATTRIBUTES = 1_000_000

_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-[0-9]-[^\n]*\n)*oid sha256:([0-9a-f]{64})\nsize [0-9]+\n"
)


def pointed_to(blob: bytes) -> str | None:
    """The content id of the file that a pointer points to; None for a blob that is no pointer by the specification."""
    found = _POINTER.fullmatch(blob)
    return content_id("sha256", found[1].decode()) if found else None


def is_used(git: Git, entries: Iterable[Entry], changes: Iterable[Change]) -> bool:
    """Whether any blob may be a pointer. If not, git need not be asked for sizes."""
    if (git.folder / "lfs").is_dir() or git.option("lfs.storage"):
        return True
    attributes = {entry.blob for entry in entries if _has_attributes(entry.path)}
    attributes |= {change.old for change in changes if change.old and _has_attributes(change.path)}
    return any(b"lfs" in text for text in git.blobs(attributes, largest=LARGEST_ATTRIBUTES).values())


def resolved(git: Git, images: Iterable[Image]) -> dict[str, str]:
    """For each image that is a pointer, by its content id: the content id of the file it points to."""
    blobs = {digest_of(image.content) for image in images}
    found = {blob: pointed_to(data) for blob, data in git.blobs(blobs, largest=LARGEST_POINTER).items()}
    return {content_id("git", blob): content for blob, content in found.items() if content}


class Lfs:
    """Reads the files that pointers point to. `revision`: the commit of the pointers; None for the index."""

    def __init__(self, git: Git, revision: str | None) -> None:
        self._git = git
        self._revision = revision

    def read(self, image: Image) -> bytes | Unreadable:
        """The file's bytes from the LFS storage, else from the worktree, else from a checkout by git, which may
        download it.
        """
        oid = digest_of(image.content)
        for data in self._attempts(image.path, oid):
            if isinstance(data, bytes) and hashlib.sha256(data).hexdigest() == oid:
                return data
        return Unreadable("git LFS has not downloaded it; run git lfs pull", absent=True)

    def at_hand(self, image: Image) -> bool:
        """Whether the bytes seem to be on this machine. Opens no file."""
        if self._object(digest_of(image.content)).is_file():
            return True
        file = self._git.root / image.path
        return file.is_file() and file.stat().st_size > LARGEST_POINTER and not leads_out(file, self._git.root)

    def _attempts(self, path: str, oid: str) -> Iterator[bytes | Unreadable | None]:
        yield read_file(str(self._object(oid)))
        file = self._git.root / path
        yield read_file(str(file)) if not leads_out(file, self._git.root) else None
        yield self._git.filtered(path, self._revision)

    def _object(self, oid: str) -> Path:
        return self._storage / "objects" / oid[:2] / oid[2:4] / oid

    @cached_property
    def _storage(self) -> Path:
        """The folder of downloaded files: `lfs.storage`, which is relative to the `.git` folder."""
        return self._git.folder / Path(self._git.option("lfs.storage") or "lfs").expanduser()


def _has_attributes(path: str) -> bool:
    return path.rpartition("/")[2] == ".gitattributes"
