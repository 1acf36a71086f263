"""From pixels to local features, by which parts of a picture are found at any place, scale and rotation.

Root-SIFT (Lowe, Distinctive image features from scale-invariant keypoints, 2004; Arandjelovic and Zisserman, Three
things everyone should know to improve object retrieval, 2012).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from imgsim_guard.images.regions import shrunk
from imgsim_guard.search.words import (
    ANGLE_STEPS,
    FEATURE,
    FEATURES_SIZE,
    MOST_FEATURES,
    POINT_STEPS,
    SIZE_STEPS,
    quantised,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from imgsim_guard.search.words import Features

SIDE = 384
"""Long side in pixels at which features are detected."""

SMALL_SIDE = 256
"""The same where AugNet is left out: detection would take most of the time."""

CONTRAST = 0.015
"""SIFT's contrast threshold. OpenCV's default of 0.04 finds none in X-rays and fog; below 0.01 there is noise."""

CELLS = 6
"""Features are taken evenly from so many cells a side, so that a caption or a page's text does not have all of them."""

NORM = 512.0
"""The norm of a descriptor, in whole numbers: sums of 128 products stay below 2**24, so that float32 products are
exact, in whatever order threads or BLAS add them up.
"""

STRONG, PIXELS_A_FEATURE = 8.0, 45
"""A picture has a feature for so many pixels of so strong a Laplacian, roughly: whether there are 900 or more is told
rightly of 271 of 284 pictures of six kinds.
"""

AS_LONG_AS_A_LOOK = 300
"""Features that are described while the picture is looked at once."""

OF_A_PART = 100
"""Features of a picture that lies on another one or on a screenshot, seen by itself. The whole has the others."""


def local_features(pixels: NDArray[np.uint8], side: int = SIDE, *, part: NDArray[np.uint8] | None = None) -> bytes:
    """The local features of a picture uint8 [h, w, 3], as `search.words.features_in` reads them. `side`: the long side
    in pixels at which they are detected; `part`: the pixels of a picture that lies on it, whose features have its own
    coordinates.
    """
    if part is None:
        return _features(pixels, side, MOST_FEATURES).tobytes().ljust(FEATURES_SIZE, b"\0")
    own = _features(part, side, OF_A_PART)
    others = _features(pixels, side, MOST_FEATURES - len(own))
    return np.concatenate([others, own]).tobytes().ljust(FEATURES_SIZE, b"\0")


def _features(pixels: NDArray[np.uint8], side: int, most: int) -> Features:
    grey = np.asarray(cv2.cvtColor(shrunk(pixels, side), cv2.COLOR_BGR2GRAY), np.uint8)
    points, descriptors = detected(grey, most, of_all_sizes=True)
    found = np.zeros(len(points), FEATURE)
    if len(points):
        places = np.array([point.pt for point in points])
        found["x"], found["y"] = np.rint(places * POINT_STEPS).astype(np.uint16).T
        sizes = np.log2(np.array([point.size for point in points]))
        found["size"] = np.clip(np.rint(sizes * SIZE_STEPS), 1, 255)
        found["angle"] = np.rint(np.array([point.angle for point in points]) * (ANGLE_STEPS / 360)) % ANGLE_STEPS
        found["words"], found["signature"] = quantised(descriptors)
    return found


def detected(
    grey: NDArray[np.uint8], most: int, *, of_all_sizes: bool = False
) -> tuple[Sequence[cv2.KeyPoint], NDArray[np.uint8]]:
    """The strongest features of a picture uint8 [h, w], evenly spread, and their descriptors uint8 [n, 128].

    `of_all_sizes`: as many large ones as small ones, if there are. Of a picture on a page, the small ones of the page
    are the large ones of the picture.
    """
    sift = cv2.SIFT.create(0, contrastThreshold=CONTRAST)
    many = _expected(grey) > most + AS_LONG_AS_A_LOOK
    found, described = (sift.detect(grey, None), None) if many else sift.detectAndCompute(grey, None)
    order = shared_out(found, grey.shape, most, of_all_sizes=of_all_sizes)
    chosen = [found[index] for index in order]
    if not chosen:
        return [], np.zeros((0, 128), np.uint8)
    raw = np.asarray(sift.compute(grey, chosen)[1] if described is None else described[order], np.float32)
    total = np.maximum(raw.sum(axis=1, keepdims=True), 1)
    return chosen, np.minimum(np.rint(np.sqrt(raw / total) * NORM), 255).astype(np.uint8)


def _expected(grey: NDArray[np.uint8]) -> float:
    """About how many features a picture [h, w] has."""
    smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1.0)
    strong = np.abs(cv2.Laplacian(smooth, cv2.CV_32F, ksize=3)) > STRONG
    return int(np.count_nonzero(strong)) / PIXELS_A_FEATURE


LARGER = (5.0, 10.0)
"""Sizes in pixels from which on features are large, and very large. Half of all features are smaller than 5 pixels."""


def shared_out(
    found: Sequence[cv2.KeyPoint], shape: tuple[int, ...], most: int, *, of_all_sizes: bool = False
) -> NDArray[np.intp]:
    """The numbers of the `most` strongest keypoints, taken in turn from the cells of a grid over a picture of this
    shape, and within a cell from the small, the large and the very large ones.
    """
    points = np.asarray(cv2.KeyPoint.convert(found), np.float64).reshape(-1, 2)
    responses, sizes, angles = (
        np.fromiter((getattr(point, what) for point in found), np.float64, len(found))
        for what in ("response", "size", "angle")
    )
    ranked = np.lexsort((angles, sizes, points[:, 1], points[:, 0], -responses))
    across, down = (points * CELLS / shape[1::-1]).astype(np.intp).T
    of_size = np.searchsorted(LARGER, sizes, side="right") if of_all_sizes else 0
    cells = ((across * CELLS + down) * (1 + len(LARGER)) + of_size)[ranked]
    # A keypoint's turn is how many stronger ones its cell has.
    by_cell, counts = np.argsort(cells, kind="stable"), np.bincount(cells)
    turns = np.empty(len(found), np.intp)
    turns[by_cell] = np.arange(len(found)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.asarray(ranked[np.argsort(turns, kind="stable")[:most]])
