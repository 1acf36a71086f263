"""`imgsim-guard sort`: put images that look alike into folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.cli.job import in_folders
from imgsim_guard.cli.terminal import STANDARD_OUTPUT, progress_display, say, say_written, write_report
from imgsim_guard.cli.wiring import embed_images
from imgsim_guard.gate.cleaning.moving import require_outside
from imgsim_guard.gate.sorting import put, require_new
from imgsim_guard.model import GuardError
from imgsim_guard.report.similar_text import left_out_text, sorted_text
from imgsim_guard.sources import folders

if TYPE_CHECKING:
    import argparse


def sort(arguments: argparse.Namespace) -> int:
    """`imgsim-guard sort`."""
    if arguments.copy and arguments.into is None:
        raise GuardError("--copy needs --into: it says where the copies go")
    if arguments.into is not None:
        require_new(Path(arguments.into))
        require_outside(Path(arguments.into), arguments.paths, "--into")
    job, selection = in_folders(arguments, retrieve="all"), folders.in_folders(arguments.paths, None)
    unreadable = embed_images(selection.queries, folders.Folders(), job) | dict(selection.unreadable)
    images = [image for image in selection.queries if image.path not in unreadable]
    from imgsim_guard.gate.similar import in_groups

    groups = in_groups(images, job.workspace.store, distance=arguments.distance)
    if arguments.into is not None:
        with progress_display(quiet=arguments.quiet) as progress:
            done = progress(len(images), "copying" if arguments.copy else "linking")
            put(groups, Path(arguments.into), copy=arguments.copy, done=done)
    if arguments.csv != STANDARD_OUTPUT:
        said = sorted_text(groups, arguments.distance, arguments.into)
        say(left_out_text(selection.notes, unreadable) + said)
    if arguments.csv is not None:
        from imgsim_guard.report.as_csv import sorted_csv

        write_report(sorted_csv(groups), arguments.csv)
        say_written(arguments.csv, quiet=arguments.quiet)
    return 0
