"""A picture that was squeezed: its features match those of the other one after that was squeezed as well.

Local features bear half as much again in one direction, and few are found under more: a portrait made square again as a
landscape is squeezed by more than two.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from imgsim_guard.verification.alignment import Alignment, by_features, of_moved, promising
from imgsim_guard.verification.prepared import Prepared, local_features, made_of, whole_frame
from imgsim_guard.verification.transform import scaling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgsim_guard.verification.prepared import Box, Doubles

LEAST_APART = 1.4
"""The one is so many times as wide for its height as the other; most pairs of pictures of one source are not, and are
not looked at."""

SQUEEZE = 2.2
"""By so much is squeezed what may have been squeezed by 1.5 to 3."""

PROMISING_FEATURES, PROMISING_POINTS = (80, 150), 3
"""So many of so few of the strongest features of both agree on a move: 4 or more of 12 copies that are found so, 2 or
fewer of 189 pairs of unrelated photographs. More features cost more than all else that is asked of such a pair.
"""


def by_squeezing(first: Prepared, second: Prepared) -> Iterator[Alignment]:
    """Proposals of how the first lies on the second, after either was squeezed towards the other's aspect."""
    for wider in _wider(first, second):
        narrowed = made_of(first, _narrowed if wider else _lowered)
        for move in _proposed(narrowed, second):
            yield of_moved(move, scaling(first.small, narrowed.small))
        lowered = made_of(second, _lowered if wider else _narrowed)
        for move in _proposed(lowered, first, back=True):
            yield _onto_squeezed(move, scaling(second.small, lowered.small))


def _wider(first: Prepared, second: Prepared) -> list[bool]:
    """Whether the first picture, or what is in it, is wider for its height than the second; empty if they are alike."""
    boxes = (whole_frame(first.small), whole_frame(second.small)), (first.box, second.box)
    kinds = [(_aspect(one), _aspect(other)) for one, other in boxes]
    return list(dict.fromkeys(one > other for one, other in kinds if max(one / other, other / one) > LEAST_APART))


def _aspect(box: Box) -> float:
    return (box[2] - box[0]) / (box[3] - box[1])


def _narrowed(image: Prepared) -> Prepared:
    height, width = image.small.shape
    return _resized(image, max(1, round(width / SQUEEZE)), height)


def _lowered(image: Prepared) -> Prepared:
    height, width = image.small.shape
    return _resized(image, width, max(1, round(height / SQUEEZE)))


def _resized(image: Prepared, width: int, height: int) -> Prepared:
    """The image with its small picture and its features squeezed. About 7 ms."""
    small = np.asarray(cv2.resize(image.small, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return replace(image, small=small, features=local_features(small), made={})


def _proposed(squeezed: Prepared, other: Prepared, *, back: bool = False) -> list[Alignment]:
    """How a squeezed picture lies on another one, or, if that is asked, the other on it."""
    ways = promising(squeezed.features, squeezed.small.shape[1], other, PROMISING_POINTS, PROMISING_FEATURES)
    if not ways:
        return []
    return by_features(other, squeezed, ways) if back else by_features(squeezed, other, ways)


def _onto_squeezed(move: Alignment, squeeze: Doubles) -> Alignment:
    """The move onto a squeezed picture as one onto the picture itself, which (3, 3) squeezes."""
    closer = None if move.closer is None else _onto_squeezed(move.closer, squeeze)
    onto = np.asarray((np.linalg.inv(squeeze) @ np.vstack([move.matrix, [0, 0, 1]]))[:2], np.float64)
    return Alignment(onto, move.points, move.bend, closer)
