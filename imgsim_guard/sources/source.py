"""What a source of images offers, whichever tracker or folder it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from imgsim_guard.model import Image, Unreadable


class Source(Protocol):
    """Where images' bytes come from."""

    def read(self, image: Image) -> bytes | Unreadable:
        """The image's bytes, or why they cannot be had."""

    def at_hand(self, image: Image) -> bool:
        """Whether its bytes seem to be on this machine, judged without opening a file."""
