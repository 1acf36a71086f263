"""Where images are, as plain data for another process, which opens the same source."""

from __future__ import annotations

from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.sources.folders import Folders
from imgsim_guard.sources.git import Git
from imgsim_guard.sources.trackers import Trackers

if TYPE_CHECKING:
    from collections.abc import Iterator


class Place(NamedTuple):
    """`folder`: the folder of relative paths, or the root of the repository if images are `tracked`. `revision`: as in
    Trackers.
    """

    folder: str
    tracked: bool = False
    revision: str | None = None


@contextmanager
def opened(place: Place) -> Iterator[Folders | Trackers]:
    """The source of the images at a place."""
    if place.tracked:
        with closing(Git(Path(place.folder))) as git:
            yield Trackers(git, place.revision)
    else:
        yield Folders(place.folder)
