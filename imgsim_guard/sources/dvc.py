"""What DVC's pointers stand for: the files of an output, and the bytes of an image.

Everything is read from DVC's cache and the workspace. DVC itself is only called for files that are not on this machine.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from imgsim_guard.model import Image, Pointer, Unreadable, digest_of
from imgsim_guard.sources.dvc_cache import Caches
from imgsim_guard.sources.dvc_command import as_typed
from imgsim_guard.sources.dvc_remote import Remote
from imgsim_guard.sources.folders import read_file
from imgsim_guard.sources.manifests import NEVER_DOWNLOADED, File, read_manifest, write_manifest
from imgsim_guard.sources.plain_yaml import ManifestError
from imgsim_guard.system.files import leads_out

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgsim_guard.sources.git import Git
    from imgsim_guard.sources.manifests import Out, Pointed


class Dvc:
    """DVC's part of a repository. `revision`: the commit to read; None for the index."""

    def __init__(self, git: Git, revision: str | None) -> None:
        self._git = git
        self._caches = Caches(git.worktrees())
        self._remote = Remote(git.root, lambda: revision or git.index_commit())

    def read(self, image: Image) -> bytes | Unreadable:
        """The image's bytes from DVC's cache, else from the workspace, else from the remote (with the extra `dvc`)."""
        md5 = digest_of(image.content)
        damaged = False
        for data in self._attempts(image.path, md5):
            if isinstance(data, bytes):
                if _md5(data) == md5:
                    return data
                damaged = True
        command = self.command("pull", image.path)
        why = "DVC's copy of it is not what was committed" if damaged else "not on this machine"
        return Unreadable(f"{why}; run {command}", absent=True)

    def at_hand(self, image: Image) -> bool:
        """Whether the bytes seem to be on this machine. Opens no file."""
        cached = self._caches.object(image.path, digest_of(image.content))
        file = self._git.root / image.path
        return cached is not None or (file.is_file() and not leads_out(file, self._git.root))

    def files(self, pointed: Pointed, *, new: bool) -> Sequence[File] | Unreadable:
        """The files of an output, by their path within it. The path of an output that is one file is empty.

        The list comes from the cache or, with the extra `dvc`, from the remote. If the output is `new`, the workspace
        is hashed, too.
        """
        out, pointer = pointed.out, pointed.pointer
        if out.problem:
            advice = f"; run {self.command('update', pointer)}" if out.problem == NEVER_DOWNLOADED else ""
            return Unreadable(f"{pointer}: {out.problem}{advice}", absent=True)
        if not out.is_directory:
            return [File("", out.md5)]
        if out.files is not None:
            return out.files
        return self._listed(out, pointer, new=new)

    def pointer(self, pointed: Pointed) -> Pointer:
        """The pointer of an output, with the paths that messages need."""
        return Pointer(pointed.pointer, pointed.out.path, self._caches.project(pointed.pointer))

    def _listed(self, out: Out, pointer: str, *, new: bool) -> Sequence[File] | Unreadable:
        """The files of a directory. A list is accepted from anywhere if its MD5 is that of the output."""
        cached = self._caches.object(out.path, f"{out.md5}.dir")
        data = read_file(str(cached)) if cached is not None else None
        if isinstance(data, bytes) and _md5(data) == out.md5:
            try:
                return read_manifest(data)
            except ManifestError as error:
                return Unreadable(f"{pointer}: its list of files is not valid: {error}", absent=True)
        for look in (*([self._in_workspace] if new else []), self._remote.files):
            found = look(out.path)
            if found and _md5(write_manifest(found)) == out.md5:
                return found
        command = self.command("pull", pointer if pointer.endswith(".dvc") else out.path)
        what = "is not in DVC's cache" if cached is None else f"is damaged in DVC's cache: delete {cached}"
        reason = f"{pointer}: its list of files {what}; run {command}, or dvc commit after dvc add --no-commit"
        return Unreadable(reason, absent=True)

    def _in_workspace(self, path: str) -> list[File]:
        """The files of the folder in the workspace, which may differ from the files that were added."""
        folder, root = self._git.root / path, self._git.root
        files = []
        for file in folder.rglob("*") if folder.is_dir() and not leads_out(folder, root) else ():
            data = read_file(str(file)) if file.is_file() and not leads_out(file, root) else None
            if isinstance(data, bytes):
                files.append(File(file.relative_to(folder).as_posix(), _md5(data)))
        return files

    def _attempts(self, path: str, md5: str) -> Iterator[bytes | Unreadable | None]:
        cached = self._caches.object(path, md5)
        if cached is not None:
            yield read_file(str(cached))
        file = self._git.root / path
        yield read_file(str(file)) if not leads_out(file, self._git.root) else None
        yield self._remote.read(path)

    def command(self, name: str, target: str) -> str:
        """A DVC command for a path that it tracks, to run where whoever reads it stands."""
        return as_typed(name, target, project=self._caches.project(target), root=self._git.root)


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
