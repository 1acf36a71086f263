"""Where one picture could lie in another: affine transforms proposed by matching features or by whole frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import cv2
import numpy as np

from imgsim_guard.verification.matching import REACH, agreeing_moves, distinct, matches, squared_distances
from imgsim_guard.verification.prepared import Features, Prepared, mirrored, whole_frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsim_guard.verification.prepared import Box, Doubles

CHEAP_FEATURES = 250
"""The cheap look matches so many features of the one picture with all of the other's. Of 185 unrelated pairs none had 3
that agree on a move, of the copies only pictures on a page of text (1 in 12) had fewer.
"""

CHEAP_POINTS = 3

LEAST_PROMISE = 0.5
"""Mirrored or not: a copy is the one, with ten times the matches of the other. Where fewer agree than this part of the
other's, all features are not matched.
"""

CLEARLY_UPRIGHT = 30
"""Where so many agree, the mirrored picture is not tried."""

PLENTY = 40
"""With so many of them a transform is fitted well, and the rest need not be matched."""

LEAST_POINTS = 6
"""A fitted transform needs more than the three points that define it."""

TOLERANCES = (REACH, 0.03, 0.015, 0.01)
"""Distance allowed between a moved point and its partner, of the target's long side: wide at first, since one feature's
scale and angle are coarse, then narrow, for a transform fitted to many.
"""

LEAST_FRAME_CORRELATION, LEAST_OF_DRAWINGS = 0.7, 0.6
"""Whole frames that agree less than this at 32 x 32 are not worth a closer look; an icon that lost its border agrees
less.
"""


@dataclass(frozen=True, slots=True)
class Alignment:
    """A proposal: matrix (2, 3) float64 takes pixels of the first small picture to those of the second."""

    matrix: Doubles
    points: int  # matching features that agree with it; 0 if whole frames were compared
    bend: Doubles | None = None  # (3, 3), the perspective of the first small picture that comes before the matrix
    closer: Alignment | None = None  # the same with perspective, where that brings the points much closer together


Ways: TypeAlias = tuple[bool, ...]
"""For each try of how one picture lies on another, whether it is mirrored."""

EITHER_WAY: Ways = False, True


def by_features(first: Prepared, second: Prepared, ways: Ways = EITHER_WAY) -> list[Alignment]:
    """At most one proposal for each way of the first picture, best first."""
    width = first.small.shape[1]
    flip = np.array([[-1.0, 0, width - 1], [0, 1, 0], [0, 0, 1]])
    long_side = float(max(second.small.shape))
    tries: list[tuple[_Matching, Doubles]] = []
    for mirror in ways:
        if not tries or tries[0][0].promise < CLEARLY_UPRIGHT:
            own = mirrored(first.features, width) if mirror else first.features
            tries.append((_Matching(own, second.features, long_side), flip if mirror else np.eye(3)))
    least = max(CHEAP_POINTS, max(matching.promise for matching, _ in tries) * LEAST_PROMISE)
    found = []
    for matching, undo in tries:
        proposal = matching.fitted() if matching.promise >= least else None
        if proposal is not None:
            found.append(of_moved(proposal, undo))
    return sorted(found, key=lambda proposal: -proposal.points)


def of_moved(proposal: Alignment, move: Doubles) -> Alignment:
    """A proposal of a picture that was mirrored or squeezed, by (3, 3) move, as one of the picture itself."""
    bend = None if proposal.bend is None else np.asarray(np.linalg.inv(move) @ proposal.bend @ move, np.float64)
    closer = None if proposal.closer is None else of_moved(proposal.closer, move)
    return Alignment(np.asarray(proposal.matrix @ move, np.float64), proposal.points, bend, closer)


PROMISING_FEATURES = 150, 300
"""Of a part of a picture, and of another picture: of 12 parts that no more than show it, each had four in common."""


def promising(
    features: Features, width: int, other: Prepared, least: int, numbers: tuple[int, int] = PROMISING_FEATURES
) -> Ways:
    """The ways of a picture of this width in which at least so many of its strongest features agree on a move to
    another. `numbers`: of its features and of the other's.
    """
    some, others = numbers
    first, second, long_side = features.strongest(some), other.features.strongest(others), float(max(other.small.shape))
    owns = ((mirror, mirrored(first, width) if mirror else first) for mirror in EITHER_WAY)
    return tuple(mirror for mirror, own in owns if _Matching(own, second, long_side).promise >= least)


class _Matching:
    """The features of one picture, upright or mirrored, beside another's: `promise` is how many of the strongest
    agree on a move.
    """

    def __init__(self, first: Features, second: Features, long_side: float) -> None:
        self._first, self._second, self._long_side = first, second, long_side
        self._distances = squared_distances(first.strongest(CHEAP_FEATURES), second)
        self._cheap = self._agreeing()
        self.promise = distinct(*self._cheap)

    def fitted(self) -> Alignment | None:
        """A transform fitted to the largest set of matches that agree on a move, of all features if need be."""
        if len(self._cheap[0]) >= PLENTY:
            found = _fitted(*self._cheap, self._long_side)
            if found is not None and found.points >= PLENTY:
                return found
        rest = squared_distances(self._first.without(CHEAP_FEATURES), self._second)
        self._distances = np.concatenate([self._distances, rest])
        return _fitted(*self._agreeing(), self._long_side)

    def _agreeing(self) -> tuple[Doubles, Doubles, NDArray[np.bool_]]:
        """Matched points (n, 2) of both, and (n,) which of them agree on a move."""
        first, second = self._first, self._second
        i, j = matches(self._distances)
        source, target = first.points[i].astype(np.float64), second.points[j].astype(np.float64)
        scales, turns = np.log(second.sizes[j] / first.sizes[i]), second.angles[j] - first.angles[i]
        return source, target, agreeing_moves(source, target, scales, turns, long_side=self._long_side)


def _fitted(source: Doubles, target: Doubles, support: NDArray[np.bool_], long_side: float) -> Alignment | None:
    """Least squares on the supporting points, which are chosen anew under ever narrower tolerances."""
    bent = _bent(source, target, support, long_side)
    for tolerance in TOLERANCES[1:]:
        if distinct(source, target, support) < LEAST_POINTS:
            return bent and bent.move
        matrix = fit_affine(source[support], target[support])
        support = np.linalg.norm(moved_points(matrix, source) - target, axis=1) < tolerance * long_side
    points = distinct(source, target, support)
    if bent is not None and bent.move.points > max(BENT * points, points + MORE_BENT):
        return bent.move
    if points < LEAST_POINTS or not plausible(matrix):
        return None
    closer = bent.move if bent is not None and bent.closer else None
    return Alignment(fit_affine(source[support], target[support]), points, closer=closer)


BENT, MORE_BENT = 1.2, 4
"""Perspective has two unknowns more: it is taken where it brings so many times, and so many more, points into line."""

MUCH_CLOSER, LEAST_AWAY = 0.6, 0.004
"""... and tried of photographs where it brings them so much closer to their partners, which else are this part of the
long side away: two unknowns more bring 12 points closer by a twentieth.
"""

BENT_POINTS = 12
"""The points that it wants; four define it."""

DEEPEST = 3.0
"""So many times as far away as the nearest matched point lies the farthest; what is further is a degenerate fit."""


class _Bent(NamedTuple):
    """A move with perspective, and whether that brings the points much closer to their partners."""

    move: Alignment
    closer: bool


def _bent(source: Doubles, target: Doubles, support: NDArray[np.bool_], long_side: float) -> _Bent | None:
    """The same with perspective, which is fitted to what supports it under ever narrower tolerances."""
    for tolerance in TOLERANCES:
        if distinct(source, target, support) < BENT_POINTS:
            return None
        whole, _ = cv2.findHomography(source[support], target[support], 0)
        if whole is None:
            return None
        moved = cv2.perspectiveTransform(source[:, None], whole)[:, 0]
        support = np.linalg.norm(moved - target, axis=1) < tolerance * long_side
    if distinct(source, target, support) < BENT_POINTS:
        return None
    matrix = fit_affine(source[support], target[support])
    bend = np.asarray(np.linalg.inv(np.vstack([matrix, [0, 0, 1]])) @ whole, np.float64)
    depth = source @ bend[2, :2] + bend[2, 2]
    deep = depth.min() <= 0 or depth.max() > DEEPEST * depth.min()
    if deep or not plausible(matrix):
        return None
    without, within = (
        float(np.median(np.linalg.norm(moved[support] - target[support], axis=1)))
        for moved in (moved_points(matrix, source), cv2.perspectiveTransform(source[:, None], whole)[:, 0])
    )
    closer = without > LEAST_AWAY * long_side and within < MUCH_CLOSER * without
    return _Bent(Alignment(matrix, distinct(source, target, support), bend), closer)


def fit_affine(source: Doubles, target: Doubles) -> Doubles:
    """The (2, 3) matrix that takes (n, 2) source points nearest to the (n, 2) target points, by least squares."""
    centre = source.mean(axis=0)
    design = np.column_stack([source - centre, np.ones(len(source))])
    solution = np.linalg.lstsq(design, target, rcond=None)[0].T
    solution[:, 2] -= solution[:, :2] @ centre
    return np.asarray(solution, np.float64)


def moved_points(matrix: Doubles, points: Doubles) -> Doubles:
    """(n, 2) points moved by a (2, 3) matrix."""
    return points @ matrix[:, :2].T + matrix[:, 2]


LARGEST_SQUEEZE = 3.0
"""A copy is seldom squeezed beyond 1 : 3 or scaled beyond 1 : 12; degenerate fits to a few points are."""

LARGEST_SCALE = 12.0


def plausible(matrix: Doubles) -> bool:
    """Whether an affine transform neither crushes nor explodes the picture."""
    large, small = np.linalg.svd(matrix[:, :2], compute_uv=False)
    return bool(small > 0 and large / small < LARGEST_SQUEEZE and 1 / LARGEST_SCALE < small <= large < LARGEST_SCALE)


def by_frames(first: Prepared, second: Prepared) -> list[Alignment]:
    """Proposals that lay frame on frame and content box on content box in the 8 orientations, best first."""
    found = []
    both_drawn = first.drawing is not None and second.drawing is not None
    least = LEAST_OF_DRAWINGS if both_drawn else LEAST_FRAME_CORRELATION
    boxes_one, boxes_two = (whole_frame(first.small), first.box), (whole_frame(second.small), second.box)
    trimmed = boxes_one != (first.box, first.box) or boxes_two != (second.box, second.box)
    for mirror in (False, True):
        for quarters in range(4):
            for kind in range(1 + trimmed):
                one, two = first.thumbnails[kind], second.thumbnails[kind]
                seen = np.rot90(one[:, ::-1] if mirror else one, quarters)
                correlation = float((seen * two).mean())
                if correlation > least:
                    found.append(
                        (correlation, _between(boxes_one[kind], boxes_two[kind], mirror=mirror, quarters=quarters))
                    )
    found.sort(key=lambda pair: -round(pair[0], 2))  # of symmetric pictures, the upright first
    return [Alignment(matrix, 0) for _, matrix in found if plausible(matrix)]


def _between(one: Box, two: Box, *, mirror: bool, quarters: int) -> Doubles:
    """The (2, 3) matrix from one box to the other, mirrored first, then turned left by quarters."""
    turn = np.linalg.matrix_power(np.array([[0.0, 1, 0], [-1, 0, 1], [0, 0, 1]]), quarters)
    flip = np.array([[-1.0, 0, 1], [0, 1, 0], [0, 0, 1]]) if mirror else np.eye(3)
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # pixel centres to pixel edges
    whole = np.linalg.inv(half) @ _unit_to(two) @ turn @ flip @ np.linalg.inv(_unit_to(one)) @ half
    return np.asarray(whole[:2], np.float64)


def _unit_to(box: Box) -> Doubles:
    x0, y0, x1, y1 = box
    return np.array([[x1 - x0, 0.0, x0], [0, y1 - y0, y0], [0, 0, 1]])
