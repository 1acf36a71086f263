"""`imgsim-guard hook`: what pre-commit calls."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from imgsim_guard.cli.job import in_repository
from imgsim_guard.cli.verdict import judge
from imgsim_guard.sources import tracked

if TYPE_CHECKING:
    import argparse


def hook(arguments: argparse.Namespace) -> int:
    """`imgsim-guard hook`."""
    with in_repository(arguments) as (git, job):
        selection = tracked.for_hook(git, job.workspace.is_image, os.environ)
        source = tracked.Trackers(git, selection.revision)
        return judge(selection, source, job, max_missing=job.workspace.settings.max_missing_embeddings)
