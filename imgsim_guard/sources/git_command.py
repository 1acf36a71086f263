"""Running git: its environment, its output, and errors for the user."""

from __future__ import annotations

import os
import subprocess
from itertools import pairwise
from typing import TYPE_CHECKING

from imgsim_guard.model import GuardError
from imgsim_guard.system.faults import reason

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FOLDERS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY")
"""Environment variables with paths relative to the working directory. (GIT_INDEX_FILE is relative to the root.)"""


def git_environment() -> dict[str, str]:
    """The environment of the process, with absolute paths, so that it has the same meaning in the root as in the
    working directory; and without `git replace`, since replaced bytes do not have the digest that is their id.
    """
    absolute = {name: os.path.abspath(os.environ[name]) for name in FOLDERS if os.environ.get(name)}  # noqa: PTH100
    return {**os.environ, **absolute, "GIT_NO_REPLACE_OBJECTS": "1"}


def run_git(
    arguments: list[str], *, cwd: Path, given: bytes = b"", environment: Mapping[str, str] | None = None
) -> bytes:
    """The output of a git command; `given` is its standard input. Raises GuardError if it fails or does not start."""
    command = ["git", *arguments]
    try:
        result = subprocess.run(command, cwd=cwd, input=given, env=environment, capture_output=True, check=False)
    except OSError as error:
        raise _not_started(error) from error
    if result.returncode:
        said = os.fsdecode(result.stderr).strip().expandtabs(4) or f"exit status {result.returncode}"
        raise GuardError(f"git {_name(arguments)}: {said}")
    return result.stdout


def start_git(arguments: list[str], *, cwd: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A git command that reads requests and writes answers. Raises GuardError if it does not start."""
    pipe = subprocess.PIPE
    try:
        return subprocess.Popen(
            ["git", *arguments], cwd=cwd, env=environment, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL
        )
    except OSError as error:
        raise _not_started(error) from error


def _not_started(error: OSError) -> GuardError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):  # raised if no folder of PATH has git
        return GuardError("git is not installed, or not on the PATH")
    return GuardError(f"git cannot be started: {reason(error)}")


def _name(arguments: list[str]) -> str:
    """The name of a git command: the first argument that is neither an option nor the value of -c."""
    pairs = pairwise(["", *arguments])
    return next(word for before, word in pairs if before != "-c" and not word.startswith("-"))
