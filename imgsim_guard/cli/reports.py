"""Write the reports that the options ask for."""

from __future__ import annotations

import os
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.cli.terminal import STANDARD_OUTPUT, say, say_written, write_report
from imgsim_guard.model import GuardError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from imgsim_guard.model import Result

WRITTEN = {
    "json": "as_json.json_report",
    "sarif": "as_sarif.sarif_report",
    "junit": "as_junit.junit_report",
    "metrics": "as_metrics.metrics_json",
    "csv": "as_csv.csv_report",
}
"""For each option, the function that makes its report. It is imported only when needed."""

PLOT = "distances.csv"


def taken(arguments: argparse.Namespace) -> bool:
    """Whether a report goes to standard output, so nothing else may. Raises GuardError if two would."""
    options = [option for option in [*WRITTEN, "html"] if getattr(arguments, option) == STANDARD_OUTPUT]
    if len(options) > 1:
        raise GuardError(
            f"only one report can go to standard output, --{' or --'.join(options)}; give a file name for the other"
        )
    return bool(options)


def say_verdict(text: str, arguments: argparse.Namespace, *, failed: bool) -> None:
    """Print the text report; with --github, fenced so that GitHub runs no command in it, and as the step's summary."""
    if arguments.github:
        from imgsim_guard.report.as_github import fenced, step_summary

        _add_to_step_summary(step_summary(text, failed=failed))
        text = fenced(text)
    say(text, to_stderr=taken(arguments))


def _add_to_step_summary(summary: str) -> None:
    """Where GitHub says: in a file, to which each step adds. Raises GuardError."""
    target = os.environ.get("GITHUB_STEP_SUMMARY")
    if target:
        try:
            with Path(target).open("a", encoding="utf-8") as file:
                file.write(summary)
        except OSError as error:
            raise GuardError(f"cannot write the step summary {target}: {error.strerror}") from error


def write_reports(result: Result, arguments: argparse.Namespace, page: Callable[[], str]) -> None:
    """Write the requested reports. Raises GuardError for those that cannot be written, after writing the others.

    `page` makes the HTML report.
    """
    if arguments.github:
        from imgsim_guard.report.as_github import github_report

        say(github_report(result), to_stderr=taken(arguments))
    targets = {option: getattr(arguments, option) for option in WRITTEN}
    writers = {option: _function(option) for option, target in targets.items() if target is not None}
    if "json" in writers:
        from imgsim_guard.report.as_json import json_report

        writers["json"] = partial(json_report, form=int(arguments.json_format))
    wanted = [(write(result), targets[option]) for option, write in writers.items()]
    if arguments.plots is not None:
        from imgsim_guard.report.as_metrics import distances_csv

        wanted.append((distances_csv(result), str(Path(arguments.plots) / PLOT)))
    if arguments.html is not None:
        wanted.append((page(), arguments.html))
    written, problems = [], []
    for report, target in wanted:
        try:
            write_report(report, target)
            written.append(target)
        except GuardError as error:
            problems.append(str(error))
    say_written(*written, quiet=arguments.quiet)
    if problems:
        raise GuardError("\n".join(problems))


def _function(option: str) -> Callable[[Result], str]:
    module, _, name = WRITTEN[option].partition(".")
    found: Callable[[Result], str] = getattr(import_module(f"imgsim_guard.report.{module}"), name)
    return found
