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
from pathlib import Path

from imgsim_guard.config.settings import FILE_NAMES, PYPROJECT
from imgsim_guard.model import GuardError
from imgsim_guard.sources.git import Git
from imgsim_guard.system.files import leads_out, read_text
from imgsim_guard.system.reader import as_reader_writes

OWN_FOLDER = ".imgsim-guard"

MISNAMED = re.compile(
    r"(?:\.config/)?\.?imgsim[-_]?guard(?:rc|\.local|\.config)?\.(?:ya?ml|toml|jsonc?|cfg|ini)", re.IGNORECASE
)
"""Names by which people would look for a configuration in the root."""

RULE_SUFFIXES = (".yaml", ".yml", ".toml")
"""What the names of files with rules end with."""

LARGEST = 2**26
"""Bytes of any of the files."""


class RuleFiles:
    """The files with rules below a folder. `git`: the repository, if the folder is its root.

    `revision`: read the rules of this commit; `index`: read those of the index; otherwise read those of the worktree.
    `named`: the path of a configuration that was named, relative to the working directory. `notes`: which files were
    read from where, if it is not obvious.
    """

    def __init__(
        self,
        root: Path,
        git: Git | None = None,
        *,
        index: bool = False,
        revision: str | None = None,
        named: str | None = None,
    ) -> None:
        self.notes: list[str] = []
        self._named = path_below(root, named) if named else None
        self._root = root
        self._git = git
        self._committed = index or revision is not None
        self._revision = revision

    def named(self, *, what: str, largest: int) -> str | None:
        """The text of the named configuration if git tracks it, as for `text`; empty if only the revision lacks it."""
        if self._named is None or not (self._named in self._blobs or self._named in self._index):
            return None
        return self.text(self._named, what=what, largest=largest) or ""

    def text(self, name: str, *, what: str, largest: int) -> str | None:
        """The text of a file, or None if there is none; `what` and `largest` as for `read_text`.

        Raises GuardError for a file that cannot be read, and for a link out of the root.
        """
        tracked = self._tracked_text(name, what=what, largest=largest) if self._git is not None else None
        if self._committed and (tracked is not None or name in self._index):
            self._compare(name, tracked, what=what, largest=largest)
            return tracked
        there = self._there(name, what=what, largest=largest)
        if self._committed and there is not None and _has_rules(name, there):
            self.notes.append(
                f"{name} was read, but git does not track it, so others check without it: {self._add(name)}"
            )
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
        rooted = (f":(glob,icase){folder}*imgsim*guard*" for folder in ("", ".config/"))
        places = (*(f":(glob)*/**/{name}" for name in FILE_NAMES), *rooted)
        listed = self._git.run("ls-files", "-z", "--", *places).split(b"\0")
        tables = b""
        with suppress(GuardError):  # git grep ends with 1 if there is none
            pattern = ("-e", r"^\[tool\.imgsim-guard", "--", f":(glob)*/**/{PYPROJECT}")
            tables = self._git.run("grep", "--cached", "--name-only", "--full-name", "-z", *pattern)
        names = {*map(os.fsdecode, listed), *(path.name for path in self._root.iterdir())}
        below = {name for name in names if "/" in name and name.rpartition("/")[2] in FILE_NAMES}
        misnamed = {name for name in names if MISNAMED.fullmatch(name) and name not in FILE_NAMES}
        return sorted(below | misnamed | {os.fsdecode(name) for name in tables.split(b"\0") if name})

    def _compare(self, name: str, tracked: str | None, *, what: str, largest: int) -> None:
        """Add a note if a file differs: rules that were edited and not staged do not apply."""
        there = self._there(name, what=what, largest=largest) if self._revision is None else tracked
        if _differ(there, tracked) and _has_rules(name, there, tracked):
            self.notes.append(
                f"{name} has changes that are not part of this commit, so they do not hold yet: "
                f"{self._add(name)}, or name it in git commit, too"
            )

    def _add(self, name: str) -> str:
        force = "--force " if self._is_ignored(name) else ""
        return f"git add {force}{shlex.quote(as_reader_writes(name, self._root))}"

    def _is_ignored(self, name: str) -> bool:
        if self._git is None or name in self._index:
            return False
        try:
            self._git.run("check-ignore", "--quiet", "--", name)
        except GuardError:  # it ends with 1 for a file that is not ignored
            return False
        return True

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
        own = [self._named] if self._named else []
        listed = asked.listed([*FILE_NAMES, PYPROJECT, OWN_FOLDER, *own], revision)
        return {entry.path: entry.blob for entry in listed if entry.path in own or entry.path.endswith(RULE_SUFFIXES)}


def path_below(root: Path, path: str) -> str | None:
    """A path relative to the working directory as one relative to the root; None outside the root."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100  resolve() would follow a tracked link
    return absolute.relative_to(root).as_posix() if absolute.is_relative_to(root) else None


def _differ(text: str | None, other: str | None) -> bool:
    """Whether texts differ in more than line ends, which git may convert (core.autocrlf)."""
    return (text or "").replace("\r\n", "\n") != (other or "").replace("\r\n", "\n") or (text is None) != (
        other is None
    )


def _has_rules(name: str, *texts: str | None) -> bool:
    """Whether a file has rules: a `pyproject.toml` may have no section for imgsim-guard."""
    return name != PYPROJECT or any("imgsim-guard" in (text or "") for text in texts)
