"""`imgsim-guard init`: set up a repository in one command."""

from __future__ import annotations

import os
import posixpath
from typing import TYPE_CHECKING

from imgsim_guard.cli import scaffold
from imgsim_guard.cli.baseline import adopt
from imgsim_guard.cli.commands.sync import sync
from imgsim_guard.cli.job import in_repository
from imgsim_guard.cli.terminal import say, text_of, write_texts
from imgsim_guard.config.settings import FILE_NAME, PREVIEWS
from imgsim_guard.gate.derived import maker
from imgsim_guard.model import GuardError
from imgsim_guard.report.escaping import shell_word, shown
from imgsim_guard.sources import tracked
from imgsim_guard.sources.dvc_cache import project_of
from imgsim_guard.sources.team_store import NO_PROJECT
from imgsim_guard.sources.trackers import TRACKERS
from imgsim_guard.sources.worktree import with_worktree

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from imgsim_guard.cli.job import Job
    from imgsim_guard.model import Selection
    from imgsim_guard.sources.git import Git

MOST_NAMED = 5
"""Files, or folders, that a step names one by one."""

HOOK_TYPES = ("pre-commit", "pre-merge-commit", "pre-push")
"""Listed one by one, because an existing configuration may not list them in `default_install_hook_types`."""

MERGE_DRIVER = {
    "merge.dvc.name": "DVC merge driver",
    "merge.dvc.driver": "dvc git-hook merge-driver --ancestor %O --our %A --their %B",
}
"""As `dvc install` sets it, in each clone: git does not copy merge drivers."""


def init(arguments: argparse.Namespace) -> int:
    """`imgsim-guard init`."""
    if (arguments.adopt and arguments.dry_run) or (arguments.yes and not arguments.adopt):
        raise GuardError("--adopt and --dry-run exclude each other, and --yes needs --adopt")
    uses_dvc = bool(arguments.dvc or arguments.stages)
    with in_repository(arguments) as (git, job), with_worktree(git) as state:
        project = _project(git, job) if uses_dvc else ""
        found = tracked.everything(state, job.workspace.is_image)
        say("".join(f"{line}\n" for line in _found(found)))
        files = list(_files(state, job, found, project))
        if not arguments.dry_run:
            write_texts(git.root, {file.path: file.text for file in files if file.text is not None})
        for file in files:
            _show(file, dry_run=arguments.dry_run)
        if uses_dvc:
            _configure_merging(git, dry_run=arguments.dry_run)
        written = [path for file in files if (path := git.root / file.path).exists()]
        if not arguments.dry_run and not arguments.adopt:
            say(_next_steps(written, uses_dvc=uses_dvc, untracked=_untracked(git, found)))
    return 0 if not arguments.adopt else _adopt(arguments, written, found, uses_dvc=uses_dvc)


def _adopt(arguments: argparse.Namespace, written: list[Path], found: Selection, *, uses_dvc: bool) -> int:
    """By the configuration that was written. 1 while there are duplicates that nobody accepted."""
    with in_repository(arguments) as (git, job), with_worktree(git) as state:
        if not adopt(git, state, job):
            return 1
        git.text("add", "--", *(path.relative_to(git.root).as_posix() for path in written))
        untracked = _untracked(git, found)
    publishes = uses_dvc and arguments.stages != "embed"
    if publishes:
        sync(arguments)
    types = " ".join(f"-t {name}" for name in HOOK_TYPES)
    steps = [
        *untracked,
        ("install hooks:", f"pre-commit install {types}"),
        ("commit it:", 'git commit -m "Guard the dataset"'),
    ]
    if publishes:
        steps.append(("share it:", "dvc push && git push; run imgsim-guard init --dvc once in each clone"))
    say(_listed(steps))
    return 0


def _found(selection: Selection) -> Iterator[str]:
    images = selection.queries
    counts = {name: sum(image.content.startswith(f"{key}:") for image in images) for key, name in TRACKERS.items()}
    listed = ", ".join(f"{count:,} in {name}" for name, count in counts.items() if count)
    yield f"found images: {listed}" if images else "found no images tracked by git, git LFS or DVC yet"
    for path, why in selection.unreadable:
        yield f"  {shown(path)}   not listed: {shown(why.reason)}"


def _project(git: Git, job: Job) -> str:
    """The folder of the DVC project around the working directory, relative to the root of the git repository."""
    project = project_of(git.root, tracked.below_root("x", git.root))
    if not (git.root / project / ".dvc").is_dir():
        raise GuardError(NO_PROJECT)
    store = job.workspace.settings.store
    if project and job.workspace.configuration and project_of(git.root, store) != project:
        raise GuardError(
            f"{store} is not in the DVC project in {project}, which cannot track it; "
            f"set store: {scaffold.store_in(project)} in {job.workspace.configuration}"
        )
    return project


def _files(git: Git, job: Job, found: Selection, project: str) -> Iterator[scaffold.File]:
    arguments, settings = job.arguments, job.workspace.settings
    derived = [one for one in found.made if one.derived]
    images = tuple(image for image in found.queries if not maker(image.path, derived))

    def present(path: str) -> str | None:
        return text_of(git.root, path)

    wanted_store = settings.store if job.workspace.configuration else scaffold.store_in(project)
    store_folder, _, store = wanted_store.rpartition("/")
    outputs = [one.path for one in derived if any(maker(image.path, [one]) for image in found.queries)]
    yield scaffold.configuration(present(FILE_NAME), found.queries, outputs, project=project)
    yield scaffold.pre_commit(present(scaffold.PRE_COMMIT), dvc=bool(arguments.dvc or arguments.stages))
    yield scaffold.accepted(settings.accepted, present(settings.accepted))
    yield scaffold.merging(settings.accepted, present)
    if arguments.dvc or arguments.stages:
        yield scaffold.lines(".gitattributes", present(".gitattributes"), ["*.dvc merge=dvc"])
        # Written now, since DVC takes its own entries back when a later stage of the same run fails (dvc#11091).
        ignoring = f"{store_folder}/.gitignore"
        yield scaffold.lines(ignoring, present(ignoring), [f"/{store}", f"/{PREVIEWS}"])
        # Without what stages derive: so that a stage that trains may depend on the check, and not the other way round.
        outs = [path for path in tracked.dvc_outs(git, job.workspace.is_image) if not maker(path, derived)]
        wanted = scaffold.dependencies_in(project, outs, images)
        embedding = arguments.stages == "embed"
        file = posixpath.join(project, scaffold.PIPELINE)
        yield scaffold.pipeline(present(file), wanted, embedding=embedding, project=project)


def _show(file: scaffold.File, *, dry_run: bool) -> None:
    if file.text is None:
        first, _, rest = file.advice.partition("\n")
        say(f"  {shown(file.path)}   {shown(first)}\n" + "".join(f"    {line}\n" for line in rest.splitlines()))
        return
    say(f"  {shown(file.path)}   {'would be written' if dry_run else 'written'}\n")
    if dry_run:
        say("".join(f"    | {shown(line)}\n" for line in file.text.splitlines()))


def _configure_merging(git: Git, *, dry_run: bool) -> None:
    for name, value in MERGE_DRIVER.items():
        if git.option(name) is None:
            say(f"  git config {name}   {'would be set' if dry_run else 'set'}, for this clone\n")
            if not dry_run:
                git.text("config", "--local", name, value)


def _untracked(git: Git, found: Selection) -> list[tuple[str, str]]:
    """The step that adds images, or DVC's pointers to them, that are in the worktree only; none if there are none."""
    tracked_files = {*(git.index_paths() or ())}
    files = {found.pointers[image.path].file if image.path in found.pointers else image.path for image in found.queries}
    new = sorted(files - tracked_files)
    if not new:
        return []
    places = new if len(new) <= MOST_NAMED else sorted({posixpath.dirname(file) or "." for file in new})
    if len(places) > MOST_NAMED:
        places = sorted({file.partition("/")[0] if "/" in file else "." for file in new})
    words = " ".join(shell_word(os.path.relpath(git.root / place)) for place in places)
    return [("add images:", f"git add -- {words}    ({len(new):,} not tracked yet)")]


def _next_steps(paths: list[Path], *, uses_dvc: bool, untracked: Iterable[tuple[str, str]]) -> str:
    named = " ".join(shell_word(os.path.relpath(path)) for path in paths)
    types = " ".join(f"-t {name}" for name in HOOK_TYPES)
    steps = [
        ("add the files:", f"git add {named}"),
        *untracked,
        ("embed images:", "imgsim-guard embed"),
        ("install hooks:", f"pre-commit install {types}"),
        ("set a baseline:", 'imgsim-guard accept --all --reason "there before the gate"'),
    ]
    if uses_dvc:
        steps.append(("share it:", "commit, then imgsim-guard sync; run imgsim-guard init --dvc once in each clone"))
    return _listed(steps)


def _listed(steps: Iterable[tuple[str, str]]) -> str:
    return "next:\n" + "".join(f"  {what:17}{command}\n" for what, command in steps)
