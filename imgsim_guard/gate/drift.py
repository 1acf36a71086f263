"""Whether decoders here make of an image what they made of it when it was embedded.

A new version of a decoder may give other pixels. Stored embeddings stay in force all the same, so that no verdict
depends on who embedded what; but it is said.
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
"""A distance: as far as an embedding may be from the reference's."""

EMBEDDED_AGAIN = 8
"""Images, when there are more with other pixels: enough to tell what a decoder does, and a second or two of work."""


def drifted(pixels: Mapping[Image, bytes], pipeline: Pipeline) -> Iterator[str]:
    """What is to be said about images, given the digests of the pixels that they have here: nothing, or a note."""
    rows = pipeline.store.find(image.content for image in pixels)
    others = [
        image
        for image, digest in sorted(pixels.items())
        if image.content in rows
        and pipeline.store.pixels(rows[image.content]) != digest
        and pipeline.source.at_hand(image)  # else it was a preview that was looked at
    ]
    if not others:
        return
    moved = {image: _moved(image, rows[image.content], pipeline) for image in others[:EMBEDDED_AGAIN]}
    far = [image for image, distance in moved.items() if distance > TOLERANCE]
    if far:
        yield (
            f"decoders here give other pixels than when images were embedded, which moves embeddings by up to "
            f"{max(moved.values()):.2f}: {len(others):,} images, among them {far[0].path}; what is stored decides"
        )


def _moved(image: Image, row: int, pipeline: Pipeline) -> float:
    """How far the embedding of what is decoded here is from the stored one; 0 where nothing can be decoded, or where
    only verification, which takes all pixels, sees others.
    """
    from imgsim_guard.images.decode import decode, pixel_digest, reduction_of
    from imgsim_guard.search import distances

    data = pipeline.source.read(image)
    if isinstance(data, Unreadable):
        return 0.0
    pixels = naming(image.path, decode, data, pipeline.least_side)
    if isinstance(pixels, Unreadable):
        return 0.0
    if pixel_digest(pixels, reduction_of(data, pipeline.least_side)) == pipeline.store.pixels(row):
        return 0.0
    return float(distances(pipeline.load(1).embed([pixels]), pipeline.store.embeddings([row]))[0])
