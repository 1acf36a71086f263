"""Git LFS: which blobs are pointers, and the bytes behind them."""

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

    from imgsim_guard.sources.git import Change, Entry, Git

LARGEST_POINTER = 1023
"""Bytes. The specification wants pointers below 1,024 bytes (docs/spec.md of git-lfs, "The pointer")."""

LARGEST_ATTRIBUTES = 1_000_000

_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-[0-9]-[^\n]*\n)*oid sha256:([0-9a-f]{64})\nsize [0-9]+\n"
)


def pointed_to(blob: bytes) -> str | None:
    """The content id of what a pointer points to; None for anything but a pointer as the specification has it."""
    found = _POINTER.fullmatch(blob)
    return content_id("sha256", found[1].decode()) if found else None


def is_used(git: Git, entries: Iterable[Entry], changes: Iterable[Change]) -> bool:
    """Whether any blob may be a pointer. Only then is it worth while to ask git for their sizes."""
    if (git.folder / "lfs").is_dir() or git.option("lfs.storage"):
        return True
    attributes = {entry.blob for entry in entries if _has_attributes(entry.path)}
    attributes |= {change.old for change in changes if change.old and _has_attributes(change.path)}
    return any(b"lfs" in text for text in git.blobs(attributes, largest=LARGEST_ATTRIBUTES).values())


def resolved(git: Git, images: Iterable[Image]) -> dict[str, str]:
    """By the content id of each image that is a pointer, the content id of what it points to."""
    blobs = {digest_of(image.content) for image in images}
    found = {blob: pointed_to(data) for blob, data in git.blobs(blobs, largest=LARGEST_POINTER).items()}
    return {content_id("git", blob): content for blob, content in found.items() if content}


class Lfs:
    """Reads what pointers point to. `revision` is the commit whose pointers they are; None for the index."""

    def __init__(self, git: Git, revision: str | None) -> None:
        self._git = git
        self._revision = revision

    def read(self, image: Image) -> bytes | Unreadable:
        """From the object store; else from the worktree; else as git checks it out, which may download it."""
        oid = digest_of(image.content)
        for data in self._attempts(image.path, oid):
            if isinstance(data, bytes) and hashlib.sha256(data).hexdigest() == oid:
                return data
        return Unreadable("git LFS has not downloaded it; run git lfs pull", absent=True)

    def at_hand(self, image: Image) -> bool:
        """Whether its bytes seem to be on this machine, judged without opening a file."""
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
        """Where git LFS keeps what it has downloaded: `lfs.storage`, which is relative to the `.git` folder."""
        return self._git.folder / Path(self._git.option("lfs.storage") or "lfs").expanduser()


def _has_attributes(path: str) -> bool:
    return path.rpartition("/")[2] == ".gitattributes"
