"""`imgsim-guard compare`: compare one image with others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsim_guard.cli.job import in_folders
from imgsim_guard.cli.terminal import STANDARD_OUTPUT, say, say_written, write_report
from imgsim_guard.cli.wiring import embed_images, opened_pipeline
from imgsim_guard.gate.matching import compare_with
from imgsim_guard.model import GuardError
from imgsim_guard.report.text import compare_report
from imgsim_guard.sources import folders

if TYPE_CHECKING:
    import argparse


def compare(arguments: argparse.Namespace) -> int:
    """`imgsim-guard compare`."""
    if arguments.image is not None and len(arguments.others) > 1:
        raise GuardError("--image draws one pair: name exactly two images")
    job = in_folders(arguments, retrieve="all")
    first, *others = [folders.identified(path) for path in (arguments.first, *arguments.others)]
    source = folders.Folders()
    for path, why in embed_images([first, *others], source, job, quiet=True).items():
        raise GuardError(f"{path}: {why.reason}")
    with opened_pipeline(source, job, job.workspace.store, quiet=True) as pipeline:
        matches = compare_with(first, others, pipeline, bounds=job.workspace.policy.bounds)
    if arguments.json != STANDARD_OUTPUT:
        say(compare_report(matches))
    if arguments.json is not None:
        from imgsim_guard.report.as_json import compare_json

        write_report(compare_json(matches), arguments.json)
    if arguments.image is not None:
        from imgsim_guard.verification.verifier import side_by_side_png

        write_report(side_by_side_png(matches[0], source), arguments.image)
    say_written(arguments.json, arguments.image, quiet=arguments.quiet)
    return 0
