"""`imgsim-guard scan`: find all near-duplicates in folders, without git."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.cli.job import in_folders
from imgsim_guard.cli.verdict import judge
from imgsim_guard.cli.wiring import images_in
from imgsim_guard.sources import folders
from imgsim_guard.sources.place import Place

if TYPE_CHECKING:
    import argparse


def scan(arguments: argparse.Namespace) -> int:
    """`imgsim-guard scan`."""
    job = in_folders(arguments, retrieve="hashes" if arguments.quick else None)
    selection = images_in(arguments)
    return judge(selection, folders.Folders(), job, place=Place(str(Path.cwd())))
