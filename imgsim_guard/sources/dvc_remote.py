"""What is on no disk here: DVC itself, where the extra `dvc` is installed, streams it from where it is."""

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
    """The files of a commit as DVC sees them. Nothing is loaded, and no commit made, before something is asked for.

    Only the remotes of DVC's configuration in the worktree are asked, which in CI is that of the base: neither those of
    the commit's configuration, nor the source of an import, which a pointer names. So a stranger's commit names no
    server.

    DVC may fail in any way: at a broken dvc.yaml anywhere in the repository, a remote that does not answer, a version
    that no remote has. Whatever it is, the answer is that it has nothing. What it gives must be held to its checksum.
    """

    def __init__(self, root: Path, revision: Callable[[], str]) -> None:
        self._root = root
        self._revision = revision

    def files(self, path: str) -> list[File]:
        """The files of a directory, with the MD5 of each; empty when it cannot be listed."""
        if self._system is None:
            return []
        try:
            found = self._system.find(f"/{path}", detail=True)
            return [
                File(name.removeprefix(f"/{path}/"), str(info["md5"])) for name, info in found.items() if "md5" in info
            ]
        except Exception:  # noqa: BLE001  of DVC or of any of its back ends
            return []

    def read(self, path: str) -> bytes | None:
        """The bytes of a file; None when they cannot be had."""
        if self._system is None:
            return None
        try:
            return bytes(self._system.cat_file(f"/{path}"))
        except Exception:  # noqa: BLE001  of DVC or of any of its back ends
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
        except Exception:  # noqa: BLE001  of DVC
            return None


def _restrained() -> type[Repo]:
    """DVC's repository of a commit, that asks no server but those of the configuration in the worktree."""
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
            index.stages = [stage for stage in index.stages if not stage.is_partial_import]  # those have no contents
            for stage in index.stages:
                if stage.is_import:
                    stage.deps = []  # then it is read from a remote, as what `dvc add` tracks is
            return index

    return Restrained
