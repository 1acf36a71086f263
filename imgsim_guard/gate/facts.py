"""The facts that the keep rule needs about images: size, compression, age, and whether an image is a page."""

from __future__ import annotations

from functools import cache, partial
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.gate.groups import shows_part
from imgsim_guard.gate.keep import Facts
from imgsim_guard.images.headers import read_header
from imgsim_guard.model import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    import numpy as np
    from numpy.typing import NDArray

    from imgsim_guard.images.regions import Box
    from imgsim_guard.model import Image, Match
    from imgsim_guard.sources.source import Source

FITS = 0.85
"""Least overlap of the place of a picture on a page with a part found there: their common area over that of both."""

NEARLY_ALL = 0.97
"""An image of which another one shows more than this part of the area is not checked for a frame."""

SIDE = 384
"""Long side at which the surroundings of a part are examined."""

PLAIN, FEW = 10, 0.03
"""Grey levels from the median, and the share of pixels that may differ more: JPEG's effect on one colour."""

AFTER_ALL_COMMITS = 1e15
"""The age of a file that is in no commit, in nanoseconds since 1970, is larger than this; counts of commits are
smaller.
"""


class Looks:
    """What is read of images, each once: `measured` and `looked_at` are functions of an image."""

    def __init__(self, source: Source) -> None:
        self.measured = cache(partial(_measured, source=source))
        self.looked_at = cache(partial(_looked_at, source=source))


def facts_of(  # noqa: PLR0913  all facts meet here
    matches: Collection[Match],
    looks: Looks,
    *,
    held: Callable[[Image], bool],
    protected: Callable[[str], bool],
    age: Callable[[str], float],
    order: Callable[[str], int],
) -> dict[Image, Facts]:
    """The facts about each image of the matches. An image that is not on this machine has no size."""
    around = pages(matches, looks)
    found: dict[Image, Facts] = {}
    for image in sorted({image for match in matches for image in (match.query, match.gallery)}):
        width, height, size = looks.measured(image)
        found[image] = Facts(
            width,
            height,
            size,
            age(image.path),
            held(image),
            protected(image.path),
            image in around,
            order(image.path),
        )
    return found


def _measured(image: Image, source: Source) -> tuple[int, int, int]:
    """Width, height and bytes; zeros if the image cannot be read."""
    data = source.read(image) if source.at_hand(image) else Unreadable("", absent=True)
    header = None if isinstance(data, Unreadable) else read_header(data)
    if header is None or isinstance(data, Unreadable):
        return 0, 0, 0
    return header.width, header.height, len(data)


def age_of(path: str, commit: int | None) -> float:
    """When a file was added to the repository, as a count of commits; else when it was last written."""
    if commit is not None:
        return commit
    try:
        return AFTER_ALL_COMMITS + Path(path).stat().st_mtime_ns
    except OSError:
        return inf


def pages(matches: Iterable[Match], looks: Looks) -> set[Image]:
    """The images that show another image as a picture of its own: a page, a collage, a screenshot, a frame.

    A photograph from which another was cropped shows that one on a part of its area, too, but without a border. So the
    part must be surrounded by one colour, or be one of the pictures within the image.
    """
    found: set[Image] = set()
    for match in matches:
        for outer, inner in ((match.query, match.gallery), (match.gallery, match.query)):
            if outer not in found and shows_part(match, outer, NEARLY_ALL):
                looked = looks.looked_at(outer)
                corners = _corners(match, outer, looks.measured(outer), looks.measured(inner))
                if looked is not None and corners is not None and _is_set_off(corners, *looked):
                    found.add(outer)
    return found


def _looked_at(image: Image, source: Source) -> tuple[NDArray[np.uint8], list[Box]] | None:
    """An image's grey values uint8 [h, w], reduced, and the pictures within it."""
    import cv2
    import numpy as np

    from imgsim_guard.images.decode import decode
    from imgsim_guard.images.regions import shrunk, views

    data = source.read(image) if source.at_hand(image) else Unreadable("", absent=True)
    pixels = data if isinstance(data, Unreadable) else decode(data)
    if isinstance(pixels, Unreadable):
        return None
    return np.asarray(cv2.cvtColor(shrunk(pixels, SIDE), cv2.COLOR_BGR2GRAY), np.uint8), views(pixels)


def _corners(
    match: Match, outer: Image, size: tuple[int, int, int], others: tuple[int, int, int]
) -> NDArray[np.float64] | None:
    """The corners (4, 2) of the other image on the outer one, in shares of its width and height; None if unknown."""
    import numpy as np

    found = match.evidence.transform if match.evidence is not None else None
    if found is None or not size[0] or not others[0]:
        return None
    to_gallery = np.vstack([np.array(found.matrix, np.float64).reshape(2, 3), [0, 0, 1]])
    matrix = to_gallery if outer == match.gallery else np.linalg.inv(to_gallery)
    width, height, _ = others
    corners = matrix @ np.array([[0, width, width, 0], [0, 0, height, height], [1, 1, 1, 1]])
    return np.asarray(corners[:2].T / size[:2])


def _is_set_off(corners: NDArray[np.float64], grey: NDArray[np.uint8], boxes: Iterable[Box]) -> bool:
    """Whether a part, given by its corners, is a picture of its own within a picture [h, w]."""
    import cv2
    import numpy as np

    from imgsim_guard.images.regions import Box

    box = Box(*(float(value) for value in (*corners.min(axis=0), *corners.max(axis=0))))
    if any(_common(box, other) >= FITS for other in boxes):
        return True
    around = np.ones(grey.shape, np.uint8)
    cv2.fillConvexPoly(around, np.rint(corners * grey.shape[::-1]).astype(np.int32), 0)
    outside = grey[cv2.erode(around, np.ones((5, 5), np.uint8)) > 0].astype(np.float32)
    return bool(outside.size) and float((np.abs(outside - np.median(outside)) > PLAIN).mean()) < FEW


def _common(one: Box, other: Box) -> float:
    """The common area of two boxes divided by that of both together."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    common = max(0.0, width) * max(0.0, height)
    areas = sum((box.right - box.left) * (box.bottom - box.top) for box in (one, other))
    return common / max(1e-9, areas - common)
