"""Which local features of two pictures match, and which of these matches agree on one move."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from imgsim_guard.search.products import in_pieces, products_with

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsim_guard.verification.prepared import Doubles, Features, Floats

    Numbers: TypeAlias = NDArray[np.floating]

RATIO = 0.85**2
"""Lowe's ratio of the nearest to the second nearest descriptor distance, squared."""

MOVES_TRIED = 80
"""So many matches make a proposal each; where more match, most of them are right and any will do."""

TURN_TOLERANCE = 25.0  # degrees
"""Two features propose the same move if their turn and scale differ by no more than this."""

SCALE_TOLERANCE = np.log(1.7)

REACH = 0.05
"""Distance allowed between a moved point and its partner, of the target's long side: one feature's scale and angle are
coarse.
"""

LEAST_MATCHED = 6
"""Features that either picture has at least; fewer match by chance."""


def squared_distances(first: Features, second: Features) -> Floats:
    """(n, m) squared distances of the descriptors of n features to those of m, exact."""
    one, two = first.descriptors.astype(np.float32), second.descriptors.astype(np.float32)
    both = products_with(in_pieces(two), one, len(two))
    return np.asarray((one * one).sum(axis=1)[:, None] + ((two * two).sum(axis=1) - 2 * both))


def matches(distances: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of (n, m) squared distances that are each other's nearest and pass the ratio test."""
    if min(distances.shape) < LEAST_MATCHED:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    rows = np.arange(len(distances))
    nearest = distances.argmin(axis=1)
    mutual = rows[distances.argmin(axis=0)[nearest] == rows]
    chosen = nearest[mutual]
    left = distances[mutual]
    best = left[np.arange(len(mutual)), chosen]
    left[np.arange(len(mutual)), chosen] = np.inf
    kept = best < RATIO * left.min(axis=1)
    return mutual[kept], chosen[kept]


def agreeing_moves(
    source: Doubles, target: Doubles, scales: Numbers, turns: Numbers, *, long_side: float
) -> NDArray[np.bool_]:
    """(n,) bool: the largest set of matches that agree on one move.

    source, target: (n, 2) matched points; scales: (n,) logarithms of size ratios; turns: (n,) degrees; long_side: of
    the target picture, in pixels. Every match alone proposes a move (shift, turn and scale).
    """
    if not len(source):
        return np.zeros(0, np.bool_)
    one, two = _complex(source), _complex(target)
    tried = slice(0, MOVES_TRIED)
    linear = np.exp(scales + 1j * np.radians(turns))[tried, None]
    missed = linear * (one - one[tried, None]) - (two - two[tried, None])
    near = missed.real**2 + missed.imag**2 < (REACH * long_side) ** 2
    turned = np.abs((turns[tried, None] - turns + 180) % 360 - 180) < TURN_TOLERANCE
    scaled = np.abs(scales[tried, None] - scales) < SCALE_TOLERANCE
    support = near & turned & scaled
    return np.asarray(support[support.sum(axis=1).argmax()])


def _complex(points: Doubles) -> NDArray[np.complex128]:
    """(n, 2) points as (n,) complex numbers: a turn and a scale are one factor then."""
    return np.asarray(points[:, 0] + 1j * points[:, 1])


def distinct(source: Doubles, target: Doubles, support: NDArray[np.bool_]) -> int:
    """Supporting matches, those at one place counted once (SIFT repeats a point for each of its directions)."""
    return min(len(set(np.rint(_complex(points[support])).tolist())) for points in (source, target))
