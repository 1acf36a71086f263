"""Where imgsim-guard was installed from, so that pre-commit can install the same (PEP 610)."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit


class Repository(NamedTuple):
    """A repository and one of its commits."""

    url: str
    revision: str


def installed_from() -> Repository | None:
    """The git repository that this package was installed from; None for an index, an archive or a folder.

    Neither does pre-commit reach a package in a subdirectory, nor does an address with a password belong into a file.
    """
    with suppress(PackageNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        origin = json.loads(distribution("imgsim-guard").read_text("direct_url.json") or "null")
        url, version_control = origin["url"], origin["vcs_info"]
        revision = version_control["commit_id"]
        usable = version_control["vcs"] == "git" and re.fullmatch(r"[0-9a-f]{40,64}", revision)
        if usable and not origin.get("subdirectory") and urlsplit(url).password is None:
            return Repository(url, revision)
    return None


def installed_command() -> str:
    """The command that runs this package, as a shell would read it."""
    if shutil.which("imgsim-guard"):
        return "imgsim-guard"
    return f"{shlex.quote(Path(sys.executable).as_posix())} -m imgsim_guard"
