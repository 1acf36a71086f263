"""DVC's command line: commands that are printed, and those that `sync`, `init` and `store` run; a check runs none."""

from __future__ import annotations

import importlib.util
import os
import posixpath
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from imgsim_guard.model import GuardError
from imgsim_guard.system.reader import as_reader_writes

if TYPE_CHECKING:
    from pathlib import Path


def as_typed(name: str, target: str, *, project: str, root: Path) -> str:
    """A DVC command for a path that it tracks, to run where whoever reads it stands. `project`: the folder of the DVC
    project, relative to the root; empty for the root.
    """
    if not project:
        return f"dvc {name} {shlex.quote(as_reader_writes(target, root))}"
    below = shlex.quote(as_reader_writes(project, root))
    return f"dvc --cd {below} {name} {shlex.quote(posixpath.relpath(target, project))}"


def run_dvc(*arguments: str, root: Path) -> str:
    """What a DVC command prints. Raises GuardError with DVC's message if the command fails or DVC is not installed."""
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    command = [*_dvc(), *arguments]
    try:
        result = subprocess.run(
            command,
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise GuardError(f"cannot run {command[0]}: {error.strerror}") from error
    if result.returncode:
        said = result.stderr.strip() or result.stdout.strip() or f"exit status {result.returncode}"
        raise GuardError(f"dvc {arguments[0]}: {said.removeprefix('ERROR: ')}")
    return result.stdout


def _dvc() -> list[str]:
    """The user's DVC, which has the plugins for their remotes; else the one in this Python environment."""
    found = shutil.which("dvc")
    if found is not None:
        return [found]
    if importlib.util.find_spec("dvc") is not None:
        return [sys.executable, "-m", "dvc"]
    raise GuardError("DVC is not installed, or not on the PATH: pip install dvc")
