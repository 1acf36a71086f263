"""`imgsim-guard hook`: what pre-commit calls."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from imgsim_guard.cli.job import in_repository
from imgsim_guard.cli.verdict import judge
from imgsim_guard.sources import tracked
from imgsim_guard.sources.selection import image_filter

if TYPE_CHECKING:
    import argparse


def hook(arguments: argparse.Namespace) -> int:
    """`imgsim-guard hook`."""
    with in_repository(arguments) as (git, job):
        selection = tracked.for_hook(git, image_filter(job.settings.images), os.environ)
        source = tracked.Trackers(git, selection.revision)
        return judge(selection, source, job, max_missing=job.settings.max_missing_embeddings)
