"""A cheap look at a pair that decides whether it is worth preparing and verifying."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from imgsim_guard.verification.alignment import agreeing_moves
from imgsim_guard.verification.prepared import Floats, Pixels, content_box, shrunk, thumbnail, whole_frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

GLANCE_SIDE = 320
"""300 ORB features at 320 px cost a tenth of the 600 SIFT features that verification uses."""

GLANCE_FEATURES = 300

ORB_BORDER = 16
"""ORB looks for nothing this near to the border, and shrinks a narrow strip to no pixels at all."""

MOST_BITS = 60
"""Bits (of 256) in which two descriptors of one spot may differ."""

WEIGHED_MATCHES = 80
"""So many of the nearest matches are weighed."""

WORTH_POINTS = 5
"""Unrelated photographs have 5 matches that agree on a move in 11 % of the pairs; of copies under 84 edits 99 % have.
"""

WORTH_CORRELATION = 0.7
"""Whole frames that correlate this much at 32 x 32 may be blurred, tiny or featureless copies."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What is needed of one image for the cheap look; about 35 kB."""

    points: Floats  # (2 n, 2): of the picture, then of the mirrored picture
    sizes: Floats
    angles: Floats  # degrees
    descriptors: Pixels  # (2 n, 32) ORB
    upright: int  # n
    thumbnails: tuple[Floats, Floats]


def glance(pixels: Pixels) -> Glance:
    """Look at one image; pixels: (h, w, 3) uint8 BGR, which may be decoded at reduced size. About 4 ms."""
    small = shrunk(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8), GLANCE_SIDE)
    upright, descriptors = _orb(small)
    mirrored, others = _orb(np.ascontiguousarray(small[:, ::-1]))
    found = upright + mirrored
    return Glance(
        np.array([point.pt for point in found], np.float32).reshape(-1, 2),
        np.array([point.size for point in found], np.float32),
        np.array([point.angle for point in found], np.float32),
        np.vstack([descriptors, others]),
        len(upright),
        (thumbnail(small, whole_frame(small)), thumbnail(small, content_box(small))),
    )


def _orb(small: Pixels) -> tuple[list[cv2.KeyPoint], Pixels]:
    """ORB features (Rublee et al. 2011), six octaves of 1.3 apart, down to faint corners."""
    if min(small.shape) <= 2 * ORB_BORDER:
        return [], np.zeros((0, 32), np.uint8)
    orb = cv2.ORB.create(GLANCE_FEATURES, scaleFactor=1.3, nlevels=6, edgeThreshold=ORB_BORDER, fastThreshold=10)
    found, descriptors = orb.detectAndCompute(small, None)
    if descriptors is None:
        return [], np.zeros((0, 32), np.uint8)
    return list(found), np.asarray(descriptors, np.uint8)


def worth_verifying(query: Glance, gallery: Glance) -> bool:
    """Whether the pair could be confirmed at all. About 3 ms."""
    return _frames_correlate(query, gallery) or _points_agree(query, gallery)


def _frames_correlate(query: Glance, gallery: Glance) -> bool:
    for one, two in zip(query.thumbnails, gallery.thumbnails, strict=True):
        for picture in (one, one[:, ::-1]):
            if any(float((np.rot90(picture, turn) * two).mean()) > WORTH_CORRELATION for turn in range(4)):
                return True
    return False


def _points_agree(query: Glance, gallery: Glance) -> bool:
    i, j = _matches(query.descriptors, gallery.descriptors[: gallery.upright])
    for half in (i < query.upright, i >= query.upright):
        one, two = i[half], j[half]
        if len(one) < WORTH_POINTS:
            continue
        turns = gallery.angles[two] - query.angles[one]
        scales = np.log(gallery.sizes[two] / query.sizes[one])
        source, target = query.points[one].astype(np.float64), gallery.points[two].astype(np.float64)
        support = agreeing_moves(source, target, scales, turns, long_side=GLANCE_SIDE)
        if len(np.unique(np.rint(target[support]), axis=0)) >= WORTH_POINTS:
            return True
    return False


def _matches(query: Pixels, gallery: Pixels) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Mutually nearest descriptors, nearest pairs first."""
    if not len(query) or not len(gallery):
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    found = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(query, gallery)
    kept = sorted((match.distance, match.queryIdx, match.trainIdx) for match in found if match.distance < MOST_BITS)
    indices = np.array([match[1:] for match in kept[:WEIGHED_MATCHES]], np.intp).reshape(-1, 2)
    return indices[:, 0], indices[:, 1]
