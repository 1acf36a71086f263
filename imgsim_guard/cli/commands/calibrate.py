"""`imgsim-guard calibrate`: suggest a threshold for this dataset."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.cli.job import in_folders, in_repository
from imgsim_guard.cli.terminal import STANDARD_OUTPUT, say, say_written, write_report
from imgsim_guard.cli.wiring import details, opened_pipeline
from imgsim_guard.config.editor import with_setting
from imgsim_guard.config.settings import FILE_NAME
from imgsim_guard.gate.calibration.calibrate import MOST_PAIRS
from imgsim_guard.gate.calibration.calibrate import calibrate as run_calibrate
from imgsim_guard.model import GuardError
from imgsim_guard.report.calibration_text import calibration_text, too_few, unsure
from imgsim_guard.report.escaping import shown
from imgsim_guard.sources import folders, tracked
from imgsim_guard.sources.trackers import Trackers

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from imgsim_guard.cli.job import Job
    from imgsim_guard.gate.calibration.findings import Calibration
    from imgsim_guard.model import Selection
    from imgsim_guard.sources.source import Source


class _Place(NamedTuple):
    """The images to calibrate on, and their configuration."""

    job: Job
    selection: Selection
    source: Source


def calibrate(arguments: argparse.Namespace) -> int:
    """`imgsim-guard calibrate`."""
    with _place(arguments) as place:
        found = _calibration(place)
        if not arguments.quiet or found.suggested != found.today:
            text = calibration_text(found) + details(place.job, place.job.workspace.store)
            say(text, to_stderr=arguments.json == STANDARD_OUTPUT)
        if arguments.json is not None:
            from imgsim_guard.report.calibration_json import calibration_json

            write_report(calibration_json(found), arguments.json)
        if arguments.plot is not None:
            from imgsim_guard.report.calibration_plot import calibration_svg

            write_report(calibration_svg(found), arguments.plot)
        say_written(arguments.json, arguments.plot, quiet=arguments.quiet)
        if arguments.write:
            _write(found, place, arguments)
    return 0


@contextmanager
def _place(arguments: argparse.Namespace) -> Iterator[_Place]:
    """The folders that were named, else everything tracked in the repository around the working directory."""
    if arguments.paths:
        yield _Place(
            in_folders(arguments, retrieve="all"), folders.in_folders(arguments.paths, None), folders.Folders()
        )
        return
    with in_repository(arguments, retrieve="all") as (git, job):
        selection = tracked.everything(git, job.workspace.is_image)
        yield _Place(job, selection, Trackers(git, selection.revision))


def _calibration(place: _Place) -> Calibration:
    arguments, workspace = place.job.arguments, place.job.workspace
    with opened_pipeline(place.source, place.job, workspace.store) as pipeline:
        return run_calibrate(
            place.selection,
            pipeline,
            policy=workspace.policy,
            rate=arguments.rate,
            verify=not arguments.no_verify,
            most_pairs=MOST_PAIRS if arguments.pairs is None else arguments.pairs,
        )


def _write(found: Calibration, place: _Place, arguments: argparse.Namespace) -> None:
    """Write the suggested threshold to the configuration, and change nothing else in it."""
    if found.too_small:
        raise GuardError(f"the configuration was not changed: {too_few(found)}")
    if found.unsure:
        raise GuardError(f"the configuration was not changed: {unsure(found)}")
    if found.suggested is None:
        raise GuardError(f"the configuration was not changed: no threshold keeps false blocks to {found.rate}")
    file = (place.job.workspace.root / FILE_NAME if arguments.config is None else Path(arguments.config)).resolve()
    name = shown(arguments.config or FILE_NAME)
    if found.suggested == found.today:
        say(f"{name}: the threshold stays {found.today:g}.\n", to_stderr=True)
        return
    text = file.read_bytes().decode() if file.exists() else ""  # it was read before, as the settings
    write_report(with_setting(text, "threshold", found.suggested), str(file))
    say(f"{name}: threshold {found.today:g} -> {found.suggested:g}\n", to_stderr=True)
