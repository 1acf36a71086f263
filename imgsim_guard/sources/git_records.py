"""The records that git's plumbing commands print, and which of them count."""

from __future__ import annotations

from typing import NamedTuple

EMPTY_BLOB = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
"""The id of an empty file. `git add --intent-to-add` stages it for a file whose content will be added later."""

REGULAR_FILES = ("100644", "100755")
"""Modes. Links (120000) and submodules (160000) are not images of this repository."""

LINK, SUBMODULE = "120000", "160000"
LINKS_THAT_COUNT = (".dvc", "dvc.lock")
"""Suffixes of links that are listed: DVC follows links to its pointers."""

BEHIND = {LINK: "link", SUBMODULE: "submodule"}

BLOB, STAGE, PATH = slice(7, 47), 48, slice(50, None)
"""Positions in `mode blob stage<TAB>path`: a mode has 6 digits, and the id of a blob 40."""

BLOB_OF_A_TREE, PATH_OF_A_TREE = slice(12, 52), slice(53, None)
"""Positions in `mode blob id<TAB>path`, where `blob` is that word."""


class Entry(NamedTuple):
    """A regular file of the index or of a revision."""

    path: str
    blob: str


class Change(NamedTuple):
    """A path whose regular file differs between two states. `old` and `new` are blob ids; None if there is no regular
    file.

    `behind`: `link` or `submodule` if the new state has one of these at the path. `blob`: the blob with the link's
    target.
    """

    path: str
    old: str | None
    new: str | None
    behind: str = ""
    blob: str = ""


def counts(record: str) -> bool:
    """Whether a record, which begins with a mode and ends with a path, is a regular file or a link that counts."""
    return record.startswith(REGULAR_FILES) or (record.startswith(LINK) and record.endswith(LINKS_THAT_COUNT))


def change_of(record: str, path: str) -> Change:
    """A record `:old-mode new-mode old-blob new-blob status` of diff-index or diff-tree."""
    old_mode, new_mode, old, new, _status = record.removeprefix(":").split()
    modes = (*REGULAR_FILES, LINK) if path.endswith(LINKS_THAT_COUNT) else REGULAR_FILES
    found = new if new_mode in modes else None
    behind = "" if found else BEHIND.get(new_mode, "")
    return Change(path, old if old_mode in modes else None, found, behind, new if behind == "link" else "")
