"""Images that a Python program passes: paths, and pictures in memory."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from imgsim_guard.model import Image
from imgsim_guard.sources.folders import Folders

if TYPE_CHECKING:
    from imgsim_guard.model import Unreadable


class Given:
    """Reads files by their path, and pictures in memory by their name."""

    def __init__(self) -> None:
        self._files = Folders()
        self._held: dict[str, bytes] = {}

    def add(self, name: str, data: bytes) -> Image:
        """Add a picture as the bytes of an image file."""
        self._held[name] = data
        return Image(name, f"sha256:{hashlib.sha256(data).hexdigest()}")

    def read(self, image: Image) -> bytes | Unreadable:
        """The image's bytes."""
        return self._held[image.path] if image.path in self._held else self._files.read(image)

    def at_hand(self, image: Image) -> bool:
        """Always."""
        return image.path in self._held or self._files.at_hand(image)
