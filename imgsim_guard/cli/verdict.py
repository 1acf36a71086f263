"""Judge a selection, print the verdict and write the reports that were asked for."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from imgsim_guard.cli.reports import say_verdict, taken, write_reports
from imgsim_guard.cli.terminal import progress_display
from imgsim_guard.cli.wiring import details, opened_pipeline, workers_of
from imgsim_guard.gate.check import check as run_check
from imgsim_guard.gate.check import nothing_new
from imgsim_guard.gate.look import Looks
from imgsim_guard.model import GuardError
from imgsim_guard.report.text import text_report
from imgsim_guard.sources import tracked
from imgsim_guard.sources.git import Git

if TYPE_CHECKING:
    from imgsim_guard.cli.job import Job
    from imgsim_guard.model import Result, Selection
    from imgsim_guard.sources.place import Place
    from imgsim_guard.sources.source import Source


def judge(
    selection: Selection,
    source: Source,
    job: Job,
    *,
    max_missing: int | None = None,
    place: Place | None = None,
) -> int:
    """The exit code: 1 if the result exceeds the limits, else 0. `place`: where Ray's workers find the images."""
    arguments, workspace = job.arguments, job.workspace
    taken(arguments)  # before any work: two reports that want standard output are refused
    if selection.unlisted and not (arguments.verbose or arguments.html):
        return _say_nothing_new(selection, job)
    store = workspace.lazy_store
    here = () if place is not None and arguments.ray is not None else selection.queries
    with (
        opened_pipeline(source, job, store, queries=here) as pipeline,
        workers_of(job, store, place) as workers,
    ):
        result = run_check(
            selection,
            pipeline._replace(workers=workers),
            policy=workspace.policy,
            max_missing=max_missing,
            nearest=arguments.plots is not None or arguments.html is not None,
            looks=Looks(getattr(arguments, "all_pairs", False), getattr(arguments, "fresh", False)),
        )
    if result.failed or not arguments.quiet:
        text = text_report(result, seconds=time.monotonic() - job.started, look_alikes=arguments.verbose)
        say_verdict(text + details(job, store), arguments)
    # Folders compared with themselves are there to be cleaned; what is in a repository has ways out of its own.
    clean_up = selection.scope == "folders" and selection.mutual
    pictures = workspace.pictures(source, store)
    write_reports(result, arguments, lambda: _page(result, pictures, clean_up=clean_up, quiet=arguments.quiet))
    return int(result.failed)


def _say_nothing_new(selection: Selection, job: Job) -> int:
    """The verdict where there are no queries: no store is read for it, which would load NumPy."""
    arguments = job.arguments
    result = nothing_new(selection, job.workspace.policy)
    if not arguments.quiet:
        say_verdict(text_report(result, seconds=time.monotonic() - job.started), arguments)
    write_reports(result, arguments, lambda: "")
    return int(result.failed)


def _page(result: Result, source: Source, *, clean_up: bool, quiet: bool) -> str:
    from imgsim_guard.report.as_html import html_report
    from imgsim_guard.report.pictures import illustrate
    from imgsim_guard.report.view import by_importance

    matches = by_importance(result.matches)
    with progress_display(quiet=quiet) as progress:
        pictures = illustrate(matches, source, progress(len(matches), "drawing"))
    history = _history({image.path for match in matches for image in (match.query, match.gallery)}) if clean_up else {}
    return html_report(result, pictures, clean_up=clean_up, history=history)


def _history(paths: set[str]) -> dict[str, int]:
    """When each of these files was added to the repository around, as a count of commits; nothing without one."""
    found: dict[str, int] = {}
    with suppress(GuardError), closing(Git.here()) as git:
        seen = git.first_seen()
        for path in paths:
            with suppress(GuardError):
                name = tracked.below_root(path, git.root)
                found |= {path: seen[name]} if name in seen else {}
    return found
