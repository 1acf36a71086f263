"""The images that look most like others, as one HTML page with pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsim_guard.report.page import page_of
from imgsim_guard.report.view import Album

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgsim_guard.gate.similar import Near
    from imgsim_guard.model import Image
    from imgsim_guard.report.pictures import Pictures


def similar_page(queries: Sequence[Image], nearest: Sequence[Sequence[Near]], pictures: Pictures) -> str:
    """Each image, and those that are nearest to it. The same images give the same text."""
    album = Album(pictures)
    shelves = [
        (album.image(query), [(album.image(near.image), near.distance) for near in some])
        for query, some in zip(queries, nearest, strict=True)
    ]
    return page_of("similar.html", title="similar images", previews=album.previews, scripted=False, shelves=shelves)
