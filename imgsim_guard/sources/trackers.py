"""The source of tracked images: each is read from git, git LFS or DVC, by its content id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsim_guard.model import Image, Tracker, Unreadable, tracker_of
from imgsim_guard.sources import lfs
from imgsim_guard.sources.dvc import Dvc

if TYPE_CHECKING:
    from imgsim_guard.sources.git import Git

TRACKERS: dict[Tracker, str] = {"git": "git", "sha256": "git LFS", "md5": "DVC"}
"""The trackers, by their usual names."""


class Trackers:
    """Reads each image from its tracker. `revision`: the commit of the images; None for the index."""

    def __init__(self, git: Git, revision: str | None) -> None:
        self._by_tracker: dict[Tracker, Git | Dvc | lfs.Lfs] = {
            "git": git,
            "md5": Dvc(git, revision),
            "sha256": lfs.Lfs(git, revision),
        }

    def read(self, image: Image) -> bytes | Unreadable:
        """The image's bytes, or why they cannot be read."""
        return self._of(image).read(image)

    def at_hand(self, image: Image) -> bool:
        """Whether the bytes seem to be on this machine. Opens no file."""
        return self._of(image).at_hand(image)

    def _of(self, image: Image) -> Git | Dvc | lfs.Lfs:
        return self._by_tracker[tracker_of(image.content)]
