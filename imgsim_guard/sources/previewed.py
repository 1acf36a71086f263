"""Images by their own pixels or, if those are not on this machine, by the previews in the team's store."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgsim_guard.model import Image, Unreadable
    from imgsim_guard.sources.source import Source
    from imgsim_guard.store.previews import Previews
    from imgsim_guard.store.store import Store


class Previewed:
    """A source that falls back to previews. It serves to verify and show pairs, not to embed."""

    def __init__(self, source: Source, store: Store, previews: Previews) -> None:
        self._source = source
        self._store = store
        self._previews = previews

    def read(self, image: Image) -> bytes | Unreadable:
        """The image's bytes, or those of its preview, or why neither can be read."""
        own = self._source.read(image) if self._source.at_hand(image) else None
        if isinstance(own, bytes):
            return own
        return self._preview(image) or own or self._source.read(image)

    def at_hand(self, image: Image) -> bool:
        """Whether the image or its preview is on this machine."""
        return self._source.at_hand(image) or self._preview(image) is not None

    def _preview(self, image: Image) -> bytes | None:
        digest = self._store.sha256([image.content]).get(image.content)
        return None if digest is None else self._previews.get(digest)
