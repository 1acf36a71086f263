"""Check a selection, print the verdict and write the requested reports."""

from __future__ import annotations

import os
import time
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.cli.refusal import page_of_refusal
from imgsim_guard.cli.reports import say_verdict, taken, write_reports
from imgsim_guard.cli.terminal import progress_display, terminal_width
from imgsim_guard.cli.wiring import details, opened_pipeline, workers_of
from imgsim_guard.config.settings import FILE_NAME
from imgsim_guard.gate.check import check as run_check
from imgsim_guard.gate.check import nothing_new
from imgsim_guard.gate.grouping import for_folders, grouped
from imgsim_guard.gate.groups import Wishes
from imgsim_guard.gate.look import Looks
from imgsim_guard.model import GuardError
from imgsim_guard.report.escaping import shell_word
from imgsim_guard.report.text import text_report
from imgsim_guard.report.ways_out import Standing
from imgsim_guard.sources.git import Git
from imgsim_guard.sources.tracked import below_root
from imgsim_guard.system.reader import folder_of_reader

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from imgsim_guard.cli.job import Job
    from imgsim_guard.gate.policy import Policy
    from imgsim_guard.gate.workspace import Workspace
    from imgsim_guard.model import Result, Scope, Selection
    from imgsim_guard.sources.place import Place
    from imgsim_guard.sources.source import Source


def judge(  # noqa: PLR0913  where all parts meet
    selection: Selection,
    source: Source,
    job: Job,
    *,
    max_missing: int | None = None,
    place: Place | None = None,
    page: bool = False,
) -> int:
    """The exit code: 1 if the result exceeds the limits, else 0. `place`: where Ray's workers find the images. `page`:
    whether to write a page of what is refused, too.
    """
    arguments, workspace = job.arguments, job.workspace
    taken(arguments)  # first: two reports for standard output are an error
    if selection.unlisted and not (arguments.verbose or arguments.html):
        return _say_nothing_new(selection, job)
    named = arguments.paths if selection.scope == "folders" else ()
    result = examined(selection, source, job, max_missing=max_missing, place=place, named=named)
    store = workspace.lazy_store
    result = replace(result, notes=(*workspace.notes, *result.notes))
    if result.failed or not arguments.quiet:
        standing = _standing(workspace, selection.revision if result.failed else None)
        text = text_report(
            result,
            seconds=time.monotonic() - job.started,
            look_alikes=arguments.verbose,
            width=terminal_width(),
            clean=_cleaning(arguments, result, standing),
            standing=standing,
        )
        address = page_of_refusal(result, workspace.pictures(source, store)) if page and result.failed else ""
        say_verdict(
            (f"see it:  {address}\n" if address else "") + text + details(job, store), arguments, failed=result.failed
        )
    # What was compared with itself is there to be cleaned; what is new in a repository has ways out of its own.
    clean_up = selection.scope in {"folders", "all"} and selection.mutual
    pictures = workspace.pictures(source, store)
    write_reports(result, arguments, lambda: _page(result, pictures, clean_up=clean_up, quiet=arguments.quiet))
    return int(result.failed)


def examined(  # noqa: PLR0913  where all parts meet
    selection: Selection,
    source: Source,
    job: Job,
    *,
    max_missing: int | None = None,
    place: Place | None = None,
    named: Sequence[str] = (),
    resolve: tuple[str, ...] = (),
    views: bool = False,
    policy: Policy | None = None,
) -> Result:
    """The result of a check, with its groups."""
    arguments, workspace = job.arguments, job.workspace
    store, policy = workspace.lazy_store, workspace.policy if policy is None else policy
    if selection.scope == "folders":
        policy, notes = for_folders(policy, selection, workspace.root)
        selection = replace(selection, notes=(*selection.notes, *notes))
    here = () if place is not None and arguments.ray is not None else selection.queries
    with (
        opened_pipeline(source, job, store, queries=here) as pipeline,
        workers_of(job, store, place) as workers,
    ):
        result = run_check(
            selection,
            pipeline._replace(workers=workers),
            policy=policy,
            max_missing=max_missing,
            nearest=getattr(arguments, "plots", None) is not None or getattr(arguments, "html", None) is not None,
            looks=Looks(getattr(arguments, "all_pairs", False), getattr(arguments, "fresh", False)),
        )
        new = {image.path for image in selection.queries}
        wishes = Wishes(policy.keep, resolve, new.__contains__, policy.ignores, views)
        return grouped(result, pipeline, policy, wishes=wishes, added=partial(_added, selection.scope), named=named)


def _cleaning(arguments: argparse.Namespace, result: Result, standing: Standing) -> str:
    """The command that moves the copies that were found in folders, or in a whole repository."""
    if result.scope == "folders":
        words = [*arguments.paths, *(word for path in arguments.against or () for word in ("--against", path))]
        words += ["--quick"] if arguments.quick else []
    else:
        paths = [member.image.path for group in result.groups for member in group.members]
        words = [standing.path(os.path.commonpath([os.path.dirname(path) for path in paths]) or ".")] if paths else []  # noqa: PTH120
    return " ".join(["imgsim-guard clean", *map(shell_word, words)])


def _standing(workspace: Workspace, revision: str | None) -> Standing:
    """Where whoever reads the verdict is, and what was to be committed or pushed."""
    # `git commit -a` and `git commit PATH` commit an index of their own, under one of these names.
    index = os.path.basename(os.environ.get("GIT_INDEX_FILE", ""))  # noqa: PTH119
    from_worktree = index == "index.lock" or index.startswith("next-index-")
    return Standing(
        folder_of_reader(workspace.root),
        from_worktree,
        workspace.configuration or FILE_NAME,
        _not_checked_out(revision) if revision else "",
    )


def _not_checked_out(revision: str) -> str:
    """How `git switch` names a revision that is not the one that is checked out; empty for the latter."""
    with closing(Git.here()) as git:
        if git.commit(revision) == git.commit("HEAD"):
            return ""
        points = git.text(
            "for-each-ref", "--count=1", f"--points-at={revision}", "--format=%(refname:short)", "refs/heads"
        )
        return shell_word(points) if points else f"--detach {git.text('rev-parse', '--short', revision)}"


def _say_nothing_new(selection: Selection, job: Job) -> int:
    """The verdict without new images: no store is read, because that would import NumPy."""
    arguments = job.arguments
    result = nothing_new(selection, job.workspace.policy)
    result = replace(result, notes=(*job.workspace.notes, *result.notes))
    if not arguments.quiet:
        say_verdict(text_report(result, seconds=time.monotonic() - job.started), arguments, failed=result.failed)
    write_reports(result, arguments, lambda: "")
    return int(result.failed)


def _page(result: Result, source: Source, *, clean_up: bool, quiet: bool) -> str:
    from imgsim_guard.report.as_html import html_report
    from imgsim_guard.report.pictures import illustrate
    from imgsim_guard.report.view import by_importance

    matches = by_importance(result.matches)
    with progress_display(quiet=quiet) as progress:
        pictures = illustrate(matches, source, progress(len(matches), "drawing"))
    return html_report(result, pictures, clean_up=clean_up)


def _added(scope: Scope) -> Callable[[str], int | None]:
    """When the file at a path was added to the repository around, as a count of commits; None if it was not."""
    found: dict[str, int] = {}
    root = Path()
    if scope in {"folders", "all"}:
        with suppress(GuardError), closing(Git.here()) as git:
            found, root = git.first_seen(), git.root

    def added(path: str) -> int | None:
        if scope == "folders" and found:
            with suppress(GuardError):
                return found.get(below_root(path, root))
        return found.get(path)

    return added
