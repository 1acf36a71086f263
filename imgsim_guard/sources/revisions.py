"""The commits that a user names, where nobody else may choose what a name means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imgsim_guard.model import GuardError

if TYPE_CHECKING:
    from imgsim_guard.sources.git import Git

FETCH = "run git fetch, or in CI check out the full history (fetch-depth: 0)"

_STEP, _ID = re.compile(r"[~^@:]"), re.compile(r"[0-9a-f]{40}")
"""What ends the name that a revision such as `main~2` begins with; and a commit's id, of which there is one."""


def commit_of(git: Git, revision: str) -> str:
    """The id of the commit that a revision names. Raises GuardError if it names none, or several.

    Git takes a tag before a branch, so whoever may push a tag could choose what is compared.
    """
    named = _refs_named(git, _STEP.split(revision, maxsplit=1)[0])
    if len(named) > 1:
        raise GuardError(f"{revision!r} names {' and '.join(named)}; give one of these in full")
    commit = git.commit(revision)
    if commit is None:
        raise GuardError(f"{revision!r} is not a commit in this clone; {FETCH}")
    return commit


def _refs_named(git: Git, name: str) -> list[str]:
    """The tags and branches that a short name means."""
    if name in {"", "HEAD"} or _ID.fullmatch(name):
        return []
    meant = [f"refs/{kind}/{name}" for kind in ("heads", "remotes", "tags")]
    return [ref for ref in git.text("for-each-ref", "--format=%(refname)", *meant).splitlines() if ref in meant]
