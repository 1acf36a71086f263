"""The tracked store: the folder of embeddings that DVC tracks, and whether all of it is on this machine."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from imgsim_guard.model import GuardError, Unreadable
from imgsim_guard.sources.dvc import Dvc
from imgsim_guard.sources.dvc_cache import project_of
from imgsim_guard.sources.dvc_command import run_dvc
from imgsim_guard.sources.folders import read_file
from imgsim_guard.sources.manifests import Out, Pointed, read_lock, read_pointer
from imgsim_guard.sources.plain_yaml import ManifestError

if TYPE_CHECKING:
    from pathlib import Path

    from imgsim_guard.sources.git import Git


NO_PROJECT = (
    "there is no DVC repository in the root of this git repository; run dvc init first, "
    "or imgsim-guard init --dvc in the folder of a DVC project"
)


class TeamStore:
    """A folder, relative to the root, that a `.dvc` file beside it tracks or will track."""

    def __init__(self, git: Git, path: str) -> None:
        self._git = git
        self._path = path
        self.pointer = f"{path}.dvc"
        self.project = project_of(git.root, path)
        self.folder: Path = git.root / path

    def require_whole(self) -> None:
        """Raise GuardError unless embeddings can be added here: DVC is installed, and all tracked files of the folder
        are there.
        """
        if not self.folder.resolve().is_relative_to(self._git.root.resolve()):
            raise GuardError(f"{self._path} is a link to {self.folder.resolve()}, outside the repository; remove it")
        if not (self._git.root / self.project / ".dvc").is_dir():
            raise GuardError(NO_PROJECT)
        if stage := self._stage():
            raise GuardError(
                f"{self._path} is an output of a stage in {stage}: use dvc repro instead of imgsim-guard sync"
            )
        if lacking := self.lacking():
            raise GuardError(f"{lacking}; run {self.command('pull')} first, or the embeddings of others would be lost")

    def lacking(self) -> str:
        """What DVC tracks and this machine lacks, in words; empty if nothing is missing."""
        out = self._tracked()
        if out is None:
            return ""
        listed = Dvc(self._git, None).files(Pointed(out, self.pointer), new=True)
        if isinstance(listed, Unreadable):
            return listed.reason.partition(";")[0]
        absent = sum(1 for file in listed if not (self.folder / file.path).is_file())
        return f"{absent:,} of the {len(listed):,} files of {self._path} are not on this machine" if absent else ""

    def command(self, name: str) -> str:
        """A DVC command for the store, to run where whoever reads it stands."""
        return Dvc(self._git, None).command(name, self.pointer)

    def add(self) -> bool:
        """Run `dvc add` for the folder and stage the pointer. Returns whether there is anything to commit.

        Raises GuardError if DVC fails.
        """
        for left_over in self.folder.rglob("*.tmp"):  # from a run that was killed while it wrote
            left_over.unlink()
        out, there = self._tracked(), self._there()
        if out is None and not there:
            return False
        if out is None or self._listed(out) != there:
            run_dvc("add", posixpath.relpath(self._path, self.project or "."), root=self._git.root / self.project)
        ignoring = posixpath.join(posixpath.dirname(self._path), ".gitignore")
        staged = [path for path in (self.pointer, ignoring) if (self._git.root / path).exists()]
        self._git.text("add", "--", *staged)
        return bool(self._git.text("status", "--porcelain", "--", *staged))

    def _there(self) -> set[str]:
        return {file.relative_to(self.folder).as_posix() for file in self.folder.rglob("*") if file.is_file()}

    def _listed(self, out: Out) -> set[str] | None:
        """The files that DVC tracks; None if its list of files cannot be read."""
        files = Dvc(self._git, None).files(Pointed(out, self.pointer), new=True)
        return None if isinstance(files, Unreadable) else {file.path for file in files}

    def _tracked(self) -> Out | None:
        pointer = self._git.root / self.pointer
        if not pointer.exists():
            return None
        outs = self._outs(self.pointer)
        return next((out for out in outs if out.path == self._path), None)

    def _stage(self) -> str:
        """The `dvc.lock` with the stage whose output is the folder; empty if there is none."""
        locks = [entry.path for entry in self._git.index() if posixpath.basename(entry.path) == "dvc.lock"]
        named = (path for path in locks if any(out.path == self._path for out in self._outs(path)))
        return next(named, "")

    def _outs(self, pointer: str) -> list[Out]:
        data = self._read(pointer)
        try:
            if pointer.endswith(".dvc"):
                return read_pointer(pointer, data, own=True)
            pointed, _ = read_lock(pointer, data, self._read_if_there, own=True)
        except ManifestError as error:
            raise GuardError(f"{pointer}: {error}") from error
        return [one.out for one in pointed]

    def _read(self, path: str) -> bytes:
        data = read_file(str(self._git.root / path))
        if isinstance(data, Unreadable):
            raise GuardError(f"{path}: {data.reason}")
        return data

    def _read_if_there(self, path: str) -> bytes | None:
        data = read_file(str(self._git.root / path))
        return None if isinstance(data, Unreadable) else data
