"""What to do about a failed check: commands that run where the reader stands."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.gate.derived import maker
from imgsim_guard.report.escaping import shell_word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from imgsim_guard.model import Pointer, Result, Scope

PATHS_IN_A_COMMAND = 5
"""Paths that a command lists; more would be hard to read."""


class Standing(NamedTuple):
    """Where the reader is: in this folder, relative to the root; and whether `git commit -a` or `git commit PATH` was
    refused, which take files from the worktree. `configuration`: the file that has the rules, or may have them.
    `elsewhere`: what to check out first, as `git switch` takes it, if something else is checked out.
    """

    folder: str = ""
    from_worktree: bool = False
    configuration: str = ".imgsim-guard.yaml"
    elsewhere: str = ""

    def path(self, path: str) -> str:
        """A path of the repository as the reader has to write it."""
        return posixpath.relpath(path, self.folder) if self.folder else path

    @property
    def there(self) -> str:
        """What a command begins with, so that it runs where the images are checked out."""
        return f"git switch {self.elsewhere} && " if self.elsewhere else ""


ROOT = Standing()


def ways_out(result: Result, standing: Standing = ROOT) -> Iterator[str]:
    """A line for each way, with the command."""
    blocked = _blocked(result)
    paths = blocked | {path for path, _ in result.undecodable}
    made = {path: stage for path in paths if (stage := maker(path, result.made))}
    in_dvc = {path: result.pointers[path] for path in sorted(paths - {*made}) if path in result.pointers}
    yield from _out_of_git(sorted(paths - {*made} - {*in_dvc}), result, standing)
    yield from _out_of_dvc(in_dvc, standing)
    for stage in sorted({*made.values()}):
        yield f"  drop it:           change what the stage {stage} makes it of, then dvc repro {shell_word(stage)}"
    if result.scope != "folders" and blocked:
        yield f"  keep it:           {standing.there}{_accept(sorted(blocked), result.scope, standing)}"
    elif result.scope == "staged":
        yield "  skip this once:    SKIP=imgsim-guard git commit    (with a plain git hook: git commit --no-verify)"
    if result.scope != "folders":
        yield f"  change the rules:  {_rules(result, standing)}"


def _blocked(result: Result) -> set[str]:
    """What has to go: of groups, the copies and not the image that is kept, which may be the query of a match."""
    blocked = {match.query.path for match in result.matches if match.blocking}
    copies = {member.image.path for group in result.groups for member in group.copies}
    return copies if result.scope == "all" and copies else blocked


def _out_of_git(paths: list[str], result: Result, standing: Standing) -> Iterator[str]:
    if not paths or result.scope == "folders":
        return
    if result.scope == "named":  # which may be new in the worktree, or staged
        yield f"  drop it:           git rm --cached --force --ignore-unmatch -- {_listed(paths, standing)}"
        return
    if entering := [path for path in paths if path in result.entering and result.scope == "staged"]:
        yield f"  drop it:           git rm --cached -- {_listed(entering, standing)}"
        paths = [path for path in paths if path not in result.entering]
    if result.scope != "staged":
        yield f"  drop it:           {standing.there}git rm --cached -- {_listed(paths, standing)}"
        return
    changed = [path for path in paths if standing.from_worktree and path in result.replaced]
    if new := [path for path in paths if path not in changed]:
        yield f"  drop it:           git reset -- {_listed(new, standing)}"
    if changed:  # the same command would take it again; a stash keeps it
        yield f"  drop it:           git stash push -- {_listed(changed, standing)}"


def _out_of_dvc(pointers: Mapping[str, Pointer], standing: Standing) -> Iterator[str]:
    """Of a folder that DVC tracks, the files are removed; of a file, what tracks it, too."""
    folders: dict[Pointer, list[str]] = {}
    for path, pointer in pointers.items():
        if pointer.output != path:
            folders.setdefault(pointer, []).append(path)
            continue
        file, folder = standing.path(pointer.file), standing.path(posixpath.dirname(pointer.file) or ".")
        yield (
            f"  drop it:           {standing.there}{_dvc('remove', pointer.file, pointer, standing)} "
            f"&& rm -- {shell_word(standing.path(path))} && git add --update -- {shell_word(folder)}"
            f"    (or git reset -- {shell_word(file)})"
        )
    for pointer, paths in folders.items():
        add = _dvc("add", pointer.output, pointer, standing)
        again = f"{add} && git add -- {shell_word(standing.path(pointer.file))}"
        if len(paths) <= PATHS_IN_A_COMMAND:
            yield f"  drop it:           {standing.there}rm -- {_listed(paths, standing, git=False)} && {again}"
        else:
            yield f"  drop it:           {standing.there}rm -- {_listed(paths, standing, git=False)}"
            yield f"                     then {again}"


def _dvc(command: str, target: str, pointer: Pointer, standing: Standing) -> str:
    """DVC's command for a target in its project, which is the repository's root or a folder of it."""
    project = pointer.project
    if not project:
        return f"dvc {command} {shell_word(standing.path(target))}"
    return f"dvc --cd {shell_word(standing.path(project))} {command} {shell_word(posixpath.relpath(target, project))}"


def _rules(result: Result, standing: Standing) -> str:
    settings = ["threshold", "max_near_duplicates", "unreadable", *(["unchecked"] if result.unchecked else [])]
    settings += ["uncompared"] if result.too_many_uncompared else []
    file = shell_word(standing.path(standing.configuration))
    return f"{', '.join(settings)} and images in {file}, then git add {file}"


def _accept(paths: list[str], scope: Scope, standing: Standing) -> str:
    """The command for the first image while images are new, or for all at once."""
    if scope == "all" and len(paths) > 1:
        return 'imgsim-guard accept --all --reason "..."'
    others = f"    (and {len(paths) - 1:,} more)" if len(paths) > 1 else ""
    path = standing.path(paths[0])
    path = f"./{path}" if path.startswith("-") else path  # otherwise it would be read as an option
    add = f"git add -- {shell_word(_pathspec(path))} && " if scope == "named" else ""  # it may be new in the worktree
    return f'{add}imgsim-guard accept {shell_word(path)} --reason "..."{others}'


def _listed(paths: Iterable[str], standing: Standing, *, git: bool = True) -> str:
    """The paths, or the first few and how many more there are."""
    own = [standing.path(path) for path in paths]
    some = " ".join(shell_word(_pathspec(path) if git else path) for path in own[:PATHS_IN_A_COMMAND])
    return some if len(own) <= PATHS_IN_A_COMMAND else f"{some}    (and {len(own) - PATHS_IN_A_COMMAND:,} more)"


def _pathspec(path: str) -> str:
    """The path such that git does not read it as a pattern."""
    return f":(literal){path}" if path.startswith(":") or set(path) & set("*?[\\") else path
