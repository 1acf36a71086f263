"""The interface of a source of images: git, git LFS, DVC or folders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from imgsim_guard.model import Image, Unreadable


class Source(Protocol):
    """Reads the bytes of images."""

    def read(self, image: Image) -> bytes | Unreadable:
        """The image's bytes, or why they cannot be read."""

    def at_hand(self, image: Image) -> bool:
        """Whether the bytes seem to be on this machine. Opens no file."""
