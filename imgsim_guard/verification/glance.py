"""A first look at a pair, by what is stored of both images: it tells whether their pixels have to be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from imgsim_guard.search.hashes import are_near
from imgsim_guard.search.words import ANGLE_STEPS, POINT_STEPS, SIZE_STEPS, mirrored
from imgsim_guard.verification.matching import agreeing_moves

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsim_guard.search.words import Features

FEW_FEATURES = 20
"""An image with fewer features is a simple picture, or a faint one: they say nothing about it."""

MOST_BITS = 16
"""Bits (of 64) in which the signatures of one spot may differ."""

WEIGHED_MATCHES = 80
"""So many of the nearest matches are weighed."""

WORTH_POINTS = 5
"""Matches that agree on a move. All of 336 copies under 84 edits have as many, or near hashes, and 189 of 200 copies
under one to five edits. Of different pictures that AugNet finds alike (X-rays, streets, cards, frames of a film), one
in five has.
"""


class Glance(NamedTuple):
    """What is stored of one look of an image: its local features, and its perceptual hashes uint8 [5, 32]."""

    features: Features
    hashes: NDArray[np.uint8]


def worth_verifying(query: Glance, gallery: Glance) -> bool:
    """Whether the pair could be confirmed at all. About 1 ms."""
    if min(len(query.features), len(gallery.features)) < FEW_FEATURES:
        return True
    return (
        _points_in_common(query.features, gallery.features) >= WORTH_POINTS
        or _points_in_common(mirrored(query.features), gallery.features, side=-1) >= WORTH_POINTS
        or are_near(query.hashes, gallery.hashes)
    )


def _points_in_common(query: Features, gallery: Features, *, side: int = 1) -> int:
    """How many places of the gallery's features are where one move puts the query's. `side`: -1 if the query is
    mirrored.
    """
    i, j = _matches(query["signature"], gallery["signature"])
    if len(i) < WORTH_POINTS:
        return 0
    source, target = _places(query[i]) * [side, 1], _places(gallery[j])
    scales = (gallery["size"][j].astype(np.float64) - query["size"][i]) * (np.log(2) / SIZE_STEPS)
    turns = (gallery["angle"][j].astype(np.float64) - query["angle"][i]) * (360 / ANGLE_STEPS)
    long_side = float(max(gallery["x"].max(), gallery["y"].max())) / POINT_STEPS
    support = agreeing_moves(source, target, scales, turns, long_side=long_side)
    return min(len(set(map(tuple, np.rint(places[support]).tolist()))) for places in (source, target))


def _places(features: Features) -> NDArray[np.float64]:
    return np.column_stack([features["x"], features["y"]]) / POINT_STEPS


def _matches(query: NDArray[np.uint64], gallery: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Signatures that are mutually nearest, the nearest first; of equally near ones the first."""
    bits = np.bitwise_count(query[:, None] ^ gallery)
    i, j = np.divmod(np.flatnonzero(bits <= MOST_BITS), len(gallery))
    order = np.argsort(bits[i, j], kind="stable")
    i, j = i[order], j[order]
    firsts = [np.zeros(len(order), np.bool_) for _ in range(2)]
    for first, rows in zip(firsts, (i, j), strict=True):
        first[np.unique(rows, return_index=True)[1]] = True
    kept = np.flatnonzero(firsts[0] & firsts[1])[:WEIGHED_MATCHES]
    return i[kept], j[kept]
