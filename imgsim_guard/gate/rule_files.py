"""The configuration and the accepted pairs, in the state that is checked.

A commit is checked by the rules in the index, if git tracks them, and a revision by its own rules. A command that is
run by hand uses the worktree, where rules are tried out. If the two differ, a note says which were read.
"""

from __future__ import annotations

import os
import re
import shlex
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from imgsim_guard.config.settings import FILE_NAMES, PYPROJECT
from imgsim_guard.model import GuardError
from imgsim_guard.sources.git import Git
from imgsim_guard.system.files import leads_out, read_text
from imgsim_guard.system.reader import as_reader_writes

if TYPE_CHECKING:
    from pathlib import Path

OWN_FOLDER = ".imgsim-guard"

MISNAMED = re.compile(
    r"(?:\.config/)?\.?imgsim[-_]?guard(?:rc|\.local|\.config)?\.(?:ya?ml|toml|jsonc?|cfg|ini)", re.IGNORECASE
)
"""Names by which people would look for a configuration in the root."""

LARGEST = 2**26
"""Bytes of any of the files."""


class RuleFiles:
    """The files with rules below a folder. `git`: the repository, if the folder is its root.

    `revision`: read the rules of this commit; `index`: read those of the index; otherwise read those of the worktree.
    `notes`: which files were read from where, if it is not obvious.
    """

    def __init__(self, root: Path, git: Git | None = None, *, index: bool = False, revision: str | None = None) -> None:
        self.notes: list[str] = []
        self._root = root
        self._git = git
        self._committed = index or revision is not None
        self._revision = revision

    def text(self, name: str, *, what: str, largest: int) -> str | None:
        """The text of a file, or None if there is none; `what` and `largest` as for `read_text`.

        Raises GuardError for a file that cannot be read, and for a link out of the root.
        """
        tracked = self._tracked_text(name, what=what, largest=largest) if self._git is not None else None
        if self._committed and (tracked is not None or name in self._index):
            self._compare(name, tracked, what=what, largest=largest)
            return tracked
        there = self._there(name, what=what, largest=largest)
        if there is None and tracked is not None:
            self.notes.append(f"{name} is not in the worktree; the one that is staged was read")
            return tracked
        if tracked is not None and _differ(there, tracked) and _has_rules(name, there, tracked):
            self.notes.append(
                f"{name} has changes that are not staged, which were read; git commit goes by what is staged"
            )
        return there

    def nested(self) -> list[str]:
        """Configurations that are not read: those in subfolders of the repository, and those under another name."""
        if self._git is None:
            return []
        listed = self._git.run("ls-files", "-z", "--", *(f":(glob)*/**/{name}" for name in FILE_NAMES))
        pattern = ("-e", r"^\[tool\.imgsim-guard", "--", f":(glob)*/**/{PYPROJECT}")
        with suppress(GuardError):  # git grep ends with 1 if there is none
            listed += self._git.run("grep", "--cached", "--name-only", "--full-name", "-z", *pattern)
        found = {os.fsdecode(name) for name in listed.split(b"\0") if name}
        found.update(name for name in self._in_root() if MISNAMED.fullmatch(name) and name not in FILE_NAMES)
        return sorted(found)

    def _in_root(self) -> list[str]:
        listed = self._git.run("ls-files", "-z", "--", ":(glob)*", ":(glob).config/*") if self._git is not None else b""
        return [*map(os.fsdecode, listed.split(b"\0")), *(path.name for path in self._root.iterdir())]

    def _compare(self, name: str, tracked: str | None, *, what: str, largest: int) -> None:
        """Add a note if a file differs: rules that were edited and not staged do not apply."""
        there = self._there(name, what=what, largest=largest) if self._revision is None else tracked
        if _differ(there, tracked) and _has_rules(name, there, tracked):
            self.notes.append(
                f"{name} has changes that are not part of this commit, so they do not hold yet: "
                f"{self._add(name)}, or name it in git commit, too"
            )

    def _add(self, name: str) -> str:
        return f"git add {shlex.quote(as_reader_writes(name, self._root))}"

    def _there(self, name: str, *, what: str, largest: int) -> str | None:
        path = self._root / name
        if leads_out(path, self._root):
            raise GuardError(f"{name} is a link to a place outside the repository, so it is not read")
        return read_text(path, what=what, largest=largest) if os.path.lexists(path) else None

    def _tracked_text(self, name: str, *, what: str, largest: int) -> str | None:
        blob = self._blobs.get(name)
        if blob is None:
            return None
        data = self._texts.get(blob)
        if data is None or len(data) > largest:
            raise GuardError(f"{self._root / name}: larger than {largest:,} bytes, the most for the {what}")
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise GuardError(f"{name}: not a text file in UTF-8 ({error.reason} at byte {error.start})") from error

    @cached_property
    def _blobs(self) -> dict[str, str]:
        """The files with rules in the index or the revision, by path."""
        return self._listed(self._revision)

    @cached_property
    def _index(self) -> dict[str, str]:
        """The files in the index, including those that `git commit PATH` leaves out of the commit."""
        if self._git is None or (self._revision is None and "GIT_INDEX_FILE" not in self._git.environment):
            return self._blobs
        own = {name: value for name, value in self._git.environment.items() if name != "GIT_INDEX_FILE"}
        return self._listed(None, Git(self._git.root, own))

    @cached_property
    def _texts(self) -> dict[str, bytes]:
        return self._git.blobs(self._blobs.values(), largest=LARGEST) if self._git is not None else {}

    def _listed(self, revision: str | None, git: Git | None = None) -> dict[str, str]:
        asked = git or self._git
        if asked is None:
            return {}
        listed = asked.listed([*FILE_NAMES, PYPROJECT, OWN_FOLDER], revision)
        return {entry.path: entry.blob for entry in listed if entry.path.endswith((".yaml", ".yml", ".toml"))}


def _differ(text: str | None, other: str | None) -> bool:
    """Whether texts differ in more than line ends, which git may convert (core.autocrlf)."""
    return (text or "").replace("\r\n", "\n") != (other or "").replace("\r\n", "\n") or (text is None) != (
        other is None
    )


def _has_rules(name: str, *texts: str | None) -> bool:
    """Whether a file has rules: a `pyproject.toml` may have no section for imgsim-guard."""
    return name != PYPROJECT or any("imgsim-guard" in (text or "") for text in texts)
