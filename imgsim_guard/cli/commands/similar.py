"""`imgsim-guard similar`: find the images that look most like an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsim_guard.cli.job import in_folders
from imgsim_guard.cli.terminal import STANDARD_OUTPUT, progress_display, say, say_written, write_report
from imgsim_guard.cli.wiring import embed_images
from imgsim_guard.model import GuardError, Match
from imgsim_guard.report.similar_text import left_out_text, similar_text
from imgsim_guard.sources import folders

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from imgsim_guard.gate.similar import Near
    from imgsim_guard.model import Image


def similar(arguments: argparse.Namespace) -> int:
    """`imgsim-guard similar`."""
    job, source = in_folders(arguments, retrieve="all"), folders.Folders()
    queries = [folders.identified(path) for path in arguments.images]
    selection = folders.in_folders(arguments.folders, None)
    unreadable = embed_images([*queries, *selection.queries], source, job)
    for query in queries:
        if query.path in unreadable:
            raise GuardError(f"{query.path}: {unreadable[query.path].reason}")
    unreadable |= dict(selection.unreadable)
    gallery = [image for image in selection.queries if image.path not in unreadable]
    from imgsim_guard.gate.similar import nearest

    found = nearest(queries, gallery, job.workspace.store, k=arguments.k)
    if STANDARD_OUTPUT not in (arguments.json, arguments.html):
        say(left_out_text(selection.notes, unreadable) + similar_text(queries, found, len(gallery)))
    if arguments.json is not None:
        from imgsim_guard.report.as_json import similar_json

        write_report(similar_json(queries, found, unreadable), arguments.json)
    if arguments.html is not None:
        write_report(_page(queries, found, quiet=arguments.quiet), arguments.html)
    say_written(arguments.json, arguments.html, quiet=arguments.quiet)
    return 0


def _page(queries: Sequence[Image], nearest: Sequence[Sequence[Near]], *, quiet: bool) -> str:
    from imgsim_guard.report.pictures import illustrate
    from imgsim_guard.report.similar_page import similar_page

    pairs = [
        Match("look-alike", query, near.image, near.distance)
        for query, some in zip(queries, nearest, strict=True)
        for near in some
    ]
    with progress_display(quiet=quiet) as progress:
        pictures = illustrate(pairs, folders.Folders(), progress(len(pairs), "drawing"))
    return similar_page(queries, nearest, pictures)
