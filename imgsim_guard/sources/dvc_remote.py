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


class Remote:
    """The files of a commit as DVC sees them. Nothing is loaded, and no commit made, before something is asked for.

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

            return DVCFileSystem(str(self._root), rev=self._revision(), subrepos=True)
        except Exception:  # noqa: BLE001  of DVC
            return None
