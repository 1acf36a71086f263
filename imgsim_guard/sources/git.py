"""Git's plumbing commands: the files of the index or a revision, what changed, and the bytes of a blob."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.model import GuardError, Image, Unreadable, digest_of
from imgsim_guard.sources.git_blobs import GitBlobs
from imgsim_guard.sources.git_command import git_environment, run_git
from imgsim_guard.sources.git_records import (
    BEHIND,
    BLOB,
    BLOB_OF_A_TREE,
    EMPTY_BLOB,
    LINK,
    PATH,
    PATH_OF_A_TREE,
    REGULAR_FILES,
    STAGE,
    Change,
    Entry,
    change_of,
    counts,
)
from imgsim_guard.system.garbage_collector import no_collecting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""The id of the empty tree, the base before the first commit. Git knows it in every repository."""


class Git:
    """A worktree. Every command runs in its root, in the environment of the process as `git_environment` changes it.

    The environment matters: in a hook, `git commit -a` and `git commit PATH` name the index that is about to be
    committed in GIT_INDEX_FILE, relative to the root.
    """

    def __init__(self, root: Path, environment: Mapping[str, str] | None = None) -> None:
        self.root = root
        self.environment = git_environment() if environment is None else environment
        self._blobs = GitBlobs(root, self.environment)

    @classmethod
    def here(cls) -> Git:
        """The repository of the working directory. Raises GuardError if there is none, or if git refuses to use it."""
        try:
            asked = run_git(["rev-parse", "--show-object-format", "--show-toplevel"], cwd=Path.cwd())
        except GuardError as error:
            raise GuardError(f"{error}\n  without a repository:  imgsim-guard scan FOLDER") from error
        object_format, _, root = asked.removesuffix(b"\n").partition(b"\n")
        if object_format != b"sha1":
            raise GuardError(
                "this repository uses SHA-256 object names, which imgsim-guard cannot read; "
                "use imgsim-guard scan FOLDER instead"
            )
        return cls(Path(os.fsdecode(root)))

    def text(self, *arguments: str) -> str:
        """What a git command prints, stripped. Raises GuardError if it fails."""
        return os.fsdecode(self.run(*arguments)).strip()

    def run(self, *arguments: str, given: bytes = b"") -> bytes:
        """The output of a git command, as bytes. `given` is its standard input. Raises GuardError if it fails."""
        return run_git(list(arguments), cwd=self.root, given=given, environment=self.environment)

    def option(self, name: str) -> str | None:
        """The value of an option of git's configuration; None if it is not set."""
        try:
            return self.text("config", "--get", name)
        except GuardError:
            return None

    def commit(self, revision: str) -> str | None:
        """The id of the commit that a revision names, or None. A revision that begins with - is not taken for an
        option.
        """
        try:
            return self.text("rev-parse", "--quiet", "--verify", "--end-of-options", f"{revision}^{{commit}}")
        except GuardError:
            return None

    def staged_changes(self) -> list[Change]:
        """What the index changes compared with HEAD, or with the empty tree before the first commit."""
        return self.changes_in_index(self.commit("HEAD") or EMPTY_TREE)

    def first_seen(self) -> dict[str, int]:
        """For each path of the history, when it was first added, as a count of commits."""
        found: dict[str, int] = {}
        commits = 0
        arguments = ("--reverse", "--diff-filter=A", "--no-renames", "--name-only", "--format=%x01", "-z")
        for field in self.run("log", *arguments).split(b"\0"):
            name = field.lstrip(b"\n\x01")
            commits += b"\x01" in field
            if name:
                found.setdefault(os.fsdecode(name), commits)
        return found

    @no_collecting()
    def index(self) -> list[Entry]:
        """The files of the index. Raises GuardError during an unresolved conflict."""
        records = self._records("ls-files", "--stage", "-z")
        for record in records:
            if record[STAGE] != "0":
                raise GuardError(f"{record[PATH]} has an unresolved conflict; resolve it and run git add first")
        return [Entry(record[PATH], record[BLOB]) for record in records if counts(record)]

    def listed(self, paths: Sequence[str], revision: str | None) -> list[Entry]:
        """The files of a revision, or of the index, at or below these paths."""
        if revision is None:
            records = self._records("--literal-pathspecs", "ls-files", "--stage", "-z", "--", *paths)
            return [Entry(record[PATH], record[BLOB]) for record in records if record.startswith(REGULAR_FILES)]
        records = self._records("ls-tree", "-r", "-z", "--full-tree", revision, "--", *paths)
        regular = [record for record in records if record.startswith(REGULAR_FILES)]
        return [Entry(record[PATH_OF_A_TREE], record[BLOB_OF_A_TREE]) for record in regular]

    def index_paths(self) -> list[str] | None:
        """The paths of what `index` returns, in a third of the time; None during an unresolved conflict."""
        records = self._records("ls-files", "--stage", "-z")
        if any(record[STAGE] != "0" for record in records):
            return None
        regular = [record for record in records if record.startswith(REGULAR_FILES)]
        return [record[PATH] for record in regular if EMPTY_BLOB not in record]

    @no_collecting()
    def tree(self, revision: str) -> list[Entry]:
        """The files of a revision."""
        records = self._records("ls-tree", "-r", "-z", "--full-tree", revision)
        regular = [record for record in records if counts(record)]
        return [Entry(record[PATH_OF_A_TREE], record[BLOB_OF_A_TREE]) for record in regular]

    def links_and_submodules(self, revision: str | None) -> list[Change]:
        """The links and submodules of a revision, or of the index, as changes that add them."""
        asked = ("ls-files", "--stage", "-z") if revision is None else ("ls-tree", "-r", "-z", "--full-tree", revision)
        records = [record for record in self._records(*asked) if record.startswith((*BEHIND,)) and not counts(record)]
        blob = BLOB if revision is None else BLOB_OF_A_TREE
        return [
            Change(
                record.partition("\t")[2],
                None,
                None,
                BEHIND[record[:6]],
                record[blob] if record.startswith(LINK) else "",
            )
            for record in records
        ]

    def changes_in_index(self, base: str) -> list[Change]:
        """What the index changes compared with a revision."""
        return self._changes("diff-index", "--cached", "--ita-invisible-in-index", base)

    def changes_between(self, base: str, revision: str) -> list[Change]:
        """What `revision` changes compared with `base`."""
        return self._changes("diff-tree", "-r", base, revision)

    @cached_property
    def folder(self) -> Path:
        """The `.git` folder that all worktrees of the repository share."""
        return Path(self.text("rev-parse", "--path-format=absolute", "--git-common-dir"))

    def worktrees(self) -> list[Path]:
        """The root of this worktree and, if it is a linked one, that of the main worktree."""
        main = self.folder.parent
        return [self.root, *([main] if self.folder.name == ".git" and main != self.root else [])]

    def merge_base(self, one: str, other: str) -> str | None:
        """The id of the best common ancestor of two commits; None if this clone has none."""
        try:
            return self.text("merge-base", one, other)
        except GuardError:
            return None

    def is_shallow(self) -> bool:
        """Whether this clone has only a part of the history."""
        return self.text("rev-parse", "--is-shallow-repository") == "true"

    def index_commit(self) -> str:
        """The id of a new commit with the content of the index. No branch contains it, so git will delete
        it some day.
        """
        parent = self.commit("HEAD")
        tree = self.text("write-tree")
        # For a user without a name.
        author = ["-c", "user.name=imgsim-guard", "-c", "user.email=imgsim-guard@localhost"]
        return self.text(*author, "commit-tree", tree, *(["-p", parent] if parent else []), "-m", "what is checked")

    def sizes(self, blobs: Iterable[str]) -> dict[str, int]:
        """The sizes in bytes of those blobs that this clone has."""
        wanted = sorted(set(blobs))
        if not wanted:
            return {}
        self._fetch_missing(wanted)
        answer = self.run("cat-file", "--batch-check", "--buffer", given=_lines(wanted))
        answers = (line.split() for line in answer.decode().splitlines())  # `id blob size`, or `id missing`
        return {words[0]: int(words[2]) for words in answers if words[1] == "blob"}

    def blobs(self, blobs: Iterable[str], *, largest: int) -> dict[str, bytes]:
        """The bytes of those blobs that this clone has and that have at most `largest` bytes."""
        wanted = [blob for blob, size in self.sizes(blobs).items() if size <= largest]
        answer = self.run("cat-file", "--batch", "--buffer", given=_lines(wanted)) if wanted else b""
        found, at = {}, 0
        for blob in wanted:
            start = answer.index(b"\n", at) + 1
            size = int(answer[at:start].split()[-1])
            found[blob] = answer[start : start + size]
            at = start + size + 1
        return found

    def _fetch_missing(self, blobs: Sequence[str]) -> None:
        """In a partial clone, fetch the missing blobs with one command. Git would fetch each of them when
        it is read.
        """
        if self._promisor is None:
            return
        here = set(self.run("cat-file", "--batch-all-objects", "--batch-check=%(objectname)").decode().split())
        missing = [blob for blob in blobs if blob not in here]
        if len(missing) > 1:
            options = ("--no-tags", "--no-write-fetch-head", "--recurse-submodules=no", "--filter=blob:none", "--stdin")
            fetch = ("-c", "fetch.negotiationAlgorithm=noop", "fetch", "--quiet", *options, self._promisor)
            with suppress(GuardError):  # a read reports a blob that cannot be fetched
                self.run(*fetch, given=_lines(missing))

    @cached_property
    def _promisor(self) -> str | None:
        """The remote of a partial clone; None for a full clone."""
        try:
            names = self.text("config", "--name-only", "--get-regexp", r"^remote\..*\.promisor$").splitlines()
        except GuardError:
            return None
        return names[0].removeprefix("remote.").removesuffix(".promisor") if names else None

    def filtered(self, path: str, revision: str | None) -> bytes | None:
        """A path's file in a revision, or in the index, as a checkout would write it; None if git cannot produce it."""
        try:
            return self.run("cat-file", "--filters", f"{revision or ''}:{path}")
        except GuardError:
            return None

    def read(self, image: Image) -> bytes | Unreadable:
        """The bytes of the blob that an image's content id names. Raises GuardError if git ends early."""
        return self._blobs.read(digest_of(image.content))

    def at_hand(self, image: Image) -> bool:  # noqa: ARG002  a partial clone fetches by itself
        """Always."""
        return True

    def close(self) -> None:
        """End the process that reads blobs."""
        self._blobs.close()

    def _changes(self, *command: str) -> list[Change]:
        fields = iter(self._records(*command[:1], "--raw", "-z", "--no-abbrev", "--no-renames", *command[1:]))
        return [change_of(record, next(fields)) for record in fields]

    def _records(self, *arguments: str) -> list[str]:
        return os.fsdecode(self.run(*arguments)).split("\0")[:-1]


def _lines(words: Iterable[str]) -> bytes:
    return "".join(f"{word}\n" for word in words).encode()
