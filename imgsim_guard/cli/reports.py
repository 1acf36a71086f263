"""Reports on request: which option writes which, and where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.cli.terminal import STANDARD_OUTPUT, say, write_report
from imgsim_guard.errors import GuardError
from imgsim_guard.report.as_github import fenced, github_report
from imgsim_guard.report.as_json import json_report
from imgsim_guard.report.as_junit import junit_report
from imgsim_guard.report.as_metrics import distances_csv, metrics_json
from imgsim_guard.report.as_sarif import sarif_report

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from imgsim_guard.model import Result

WRITTEN: dict[str, Callable[[Result], str]] = {
    "json": json_report,
    "sarif": sarif_report,
    "junit": junit_report,
    "metrics": metrics_json,
}
"""By option, what is written to the file that it names."""

PLOT = "distances.csv"


def taken(arguments: argparse.Namespace) -> bool:
    """Whether a report goes to standard output, so that nothing else may. Raises GuardError when two would."""
    options = [option for option in WRITTEN if getattr(arguments, option) == STANDARD_OUTPUT]
    if len(options) > 1:
        raise GuardError(f"only one report can go to standard output: --{' or --'.join(options)}")
    return bool(options)


def say_verdict(text: str, arguments: argparse.Namespace) -> None:
    """Print the report for people; for GitHub, so that it runs nothing of it."""
    say(fenced(text) if arguments.github else text, to_stderr=taken(arguments))


def write_reports(result: Result, arguments: argparse.Namespace) -> None:
    """Write what was asked for. Raises GuardError for what cannot be written, after all else is."""
    if arguments.github:
        say(github_report(result), to_stderr=taken(arguments))
    targets = {option: getattr(arguments, option) for option in WRITTEN}
    wanted = [(WRITTEN[option](result), target) for option, target in targets.items() if target is not None]
    if arguments.plots is not None:
        wanted.append((distances_csv(result), str(Path(arguments.plots) / PLOT)))
    problems = []
    for report, target in wanted:
        try:
            write_report(report, target)
        except GuardError as error:
            problems.append(str(error))
    if problems:
        raise GuardError("\n".join(problems))
