"""Notice when this machine decodes an image differently than the machine that embedded it.

A new version of a decoder may give other pixels. The stored embeddings are used all the same, so that no verdict
depends on who embedded an image, and a note says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsim_guard.model import Unreadable
from imgsim_guard.system.crash import naming

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from imgsim_guard.gate.pipeline import Pipeline
    from imgsim_guard.model import Image

TOLERANCE = 0.03
"""Distance. The tests allow embeddings to be this far from the reference's."""

EMBEDDED_AGAIN = 8
"""Images to embed again, at most: enough to see what a decoder changed, and a second or two of work."""


def drifted(pixels: Mapping[Image, bytes], pipeline: Pipeline) -> Iterator[str]:
    """A note about images whose pixels differ here, or nothing. `pixels`: the digests of the pixels decoded here."""
    if not pipeline.store.has_embeddings:
        return
    rows = pipeline.store.find(image.content for image in pixels)
    others = [
        image
        for image, digest in sorted(pixels.items())
        if image.content in rows
        and pipeline.store.pixels(rows[image.content]) != digest
        and pipeline.source.at_hand(image)  # otherwise a preview was decoded
    ]
    if not others:
        return
    moved = {image: _moved(image, rows[image.content], pipeline) for image in others[:EMBEDDED_AGAIN]}
    far = [image for image, distance in moved.items() if distance > TOLERANCE]
    if far:
        yield (
            f"images that this machine decodes differently than the one that embedded them: {len(others):,} (such as "
            f"{far[0].path}); this moves embeddings by up to {max(moved.values()):.2f}; the stored embeddings are used"
        )


def _moved(image: Image, row: int, pipeline: Pipeline) -> float:
    """The distance between the embedding made here and the stored one. 0 if the image cannot be decoded here, or if the
    pixels differ only at full size, which verification sees and embedding does not.
    """
    from imgsim_guard.images.decode import read_picture
    from imgsim_guard.search import distances

    data = pipeline.source.read(image)
    if isinstance(data, Unreadable):
        return 0.0
    picture = naming(image.path, read_picture, data, pipeline.least_side)
    if isinstance(picture, Unreadable) or picture.digest == pipeline.store.pixels(row):
        return 0.0
    return float(distances(pipeline.load(1).embed([picture.pixels]), pipeline.store.embeddings([row]))[0])
