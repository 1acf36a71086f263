"""Files that are on no disk of this machine: DVC (the extra `dvc`) streams them from the remote."""

from __future__ import annotations

import importlib.util
from functools import cached_property
from typing import TYPE_CHECKING

from imgsim_guard.sources.manifests import File

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dvc.api import DVCFileSystem
    from dvc.repo import Repo
    from dvc.repo.index import Index


class Remote:
    """The files of a commit through DVC's Python API. Nothing is imported, and no commit is made, before the first
    read.

    Only the remotes of the configuration in the worktree are used. In CI that is the configuration of the base. The
    configuration of the commit that is checked is not used, nor is the source of an import, which a pointer names. So
    the commit of a stranger cannot make this machine contact a server.

    DVC can fail in many ways: a broken dvc.yaml anywhere in the repository, a remote that does not answer, a version
    that is on no remote. In each case the result is empty. The caller must compare the bytes with their checksum.
    """

    def __init__(self, root: Path, revision: Callable[[], str]) -> None:
        self._root = root
        self._revision = revision

    def files(self, path: str) -> list[File]:
        """The files of a directory, with the MD5 of each; empty if DVC cannot list it."""
        if self._system is None:
            return []
        try:
            found = self._system.find(f"/{path}", detail=True)
            return [
                File(name.removeprefix(f"/{path}/"), str(info["md5"])) for name, info in found.items() if "md5" in info
            ]
        except Exception:  # noqa: BLE001  DVC and its back ends raise many types
            return []

    def read(self, path: str) -> bytes | None:
        """The bytes of a file; None if DVC cannot read it."""
        if self._system is None:
            return None
        try:
            return bytes(self._system.cat_file(f"/{path}"))
        except Exception:  # noqa: BLE001  DVC and its back ends raise many types
            return None

    @cached_property
    def _system(self) -> DVCFileSystem | None:
        if importlib.util.find_spec("dvc") is None:
            return None
        try:
            from dvc.api import DVCFileSystem

            repo = _restrained()
            commit = repo(str(self._root), rev=self._revision(), subrepos=True, uninitialized=True, repo_factory=repo)
            return DVCFileSystem(commit, subrepos=True, repo_factory=repo)
        except Exception:  # noqa: BLE001  DVC raises many types
            return None


def _restrained() -> type[Repo]:
    """DVC's `Repo` for a commit, limited to the remotes of the configuration in the worktree."""
    from dvc.config import Config
    from dvc.repo import Repo

    class Restrained(Repo):  # type: ignore[misc]  # DVC has no types
        @cached_property
        def config(self) -> Config:
            return Config(self.local_dvc_dir)

        @cached_property
        def index(self) -> Index:
            from dvc.repo.index import Index

            index = Index.from_repo(self)
            # Partial imports have no contents.
            index.stages = [stage for stage in index.stages if not stage.is_partial_import]
            for stage in index.stages:
                if stage.is_import:
                    stage.deps = []  # without its source, it is read from a remote, like the output of `dvc add`
            return index

    return Restrained
