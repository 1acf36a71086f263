"""Verification of a pair of images: are they pictures of the same original, or do they only look alike?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from imgsim_guard.model import Evidence, Transform
from imgsim_guard.verification.agreement import Agreement, agreement
from imgsim_guard.verification.alignment import Alignment, Doubles, by_features, by_frames
from imgsim_guard.verification.overlay import Overlay, overlay, refined, straightened
from imgsim_guard.verification.paper import printed
from imgsim_guard.verification.prepared import FEATURE_SIDE, GREY_SIDE, Prepared
from imgsim_guard.verification.transform import shares, transform, words

if TYPE_CHECKING:
    from collections.abc import Iterator

# Long side of the grid for the cheap look at a proposal.
COARSE_SIDE = 192
# A proposal whose windows agree less than this in the cheap look is dropped: unrelated pictures stay below,
# copies reach 0.8 even before their alignment is refined to the pixel.
COARSE_AGREEMENT = 0.45
# The same for whole frames and few matching points, whose agreement has to be nearly complete in the end: chest
# X-rays of different people stay below.
STRICT_COARSE_AGREEMENT = 0.7
# Nothing is refined that agrees less than this to begin with: copies agree in 0.59 or more.
HOPELESS = 0.25
STRICT_HOPELESS = 0.45
# Print of which more than this came and went in the cheap look is other print: copies under patches stay below 0.1.
COARSE_SWAPPED = 0.2
# Long sides of the grids on which print is read. What differs in the first is not read on.
READING_SIDES = (576, GREY_SIDE)
# Fewer textured windows than this (of 15 px, 5 apart) could agree by accident.
LEAST_WINDOWS = 40
# The overlap must be at least this part of the smaller picture: tiles cut from one picture are not copies.
LEAST_OVERLAP = 0.3
# Photographs: copies under captions, patches and watermarks keep 0.75 or more, other pictures reach less.
PHOTOGRAPH_AGREEMENT = 0.6
# Paper and screens: print that came and went, as a share of the textured windows. Copies with a logo or a caption
# stay below 0.02 outside of one region; the same form filled in otherwise begins at 0.04.
MOST_SWAPPED = 0.02
# One region of other print that is no larger than this part of the overlap may be an overlay (a logo over text).
LARGEST_OVERLAY = 0.015
# With fewer matching points than this, agreement has to be nearly complete.
MANY_POINTS = 12
STRICT_AGREEMENT = 0.9
# ... and few windows may show something in one picture only.
STRICT_WHOLE = 0.8
# Pictures with fewer features than this are simple; a letter has 3 to 15, an icon 20 to 60.
SIMPLE_FEATURES = 16
# Larger pictures with as few features are smooth photographs.
SIMPLE_SIDE = 256
# O and Q, i and j agree in 0.93 to 0.958 of their windows, a glyph of 16 px and its JPEG of quality 40 in 0.97.
SIMPLE_AGREEMENT = 0.96
UPRIGHT_TOLERANCE = 0.1
# Nothing can be aligned to a strip narrower than this many pixels.
LEAST_PIXELS = 8
# Below this a look at full size is worth its time (small print on shaded paper is not seen as print when it is small).
NEARLY_ALL = 0.98
# An affine transform that so many points support, and that leaves windows in disagreement, may lack perspective.
STRAIGHTENING_POINTS = 30
# Too few features to say that they do not align.
ENOUGH_FEATURES = 60


class _Judgement(Enum):
    SAME = 1
    DIFFERENT = 2
    OTHER_PRINT = 3
    OTHER_SIGN = 4
    UNCLEAR = 5


@dataclass(frozen=True, slots=True)
class _Trial:
    """One proposal, tried."""

    judgement: _Judgement
    matrix: Doubles  # (2, 3), from the first small picture to the second
    points: int
    agreement: float
    hidden: float  # share of the seen windows in which something lies over one of the pictures
    thorough: bool  # judged after refinement


def verify(query: Prepared, gallery: Prepared) -> Evidence:
    """Confirm or refute that the query was made from the gallery image, or the other way round.

    The pair is always looked at in one order, so that the outcome does not depend on which is the query.
    """
    if query.blank or gallery.blank:
        return _blank(query, gallery)
    swap = gallery.digest < query.digest
    trial = _best_trial(gallery, query) if swap else _best_trial(query, gallery)
    if trial is None:
        return _unaligned(query, gallery)
    matrix = np.linalg.inv(np.vstack([trial.matrix, [0, 0, 1]]))[:2] if swap else trial.matrix
    return _evidence(trial, transform(query, gallery, matrix), query, gallery)


def _blank(query: Prepared, gallery: Prepared) -> Evidence:
    if query.blank and gallery.blank:
        return Evidence(
            "undecided", 0, 0.0, 0.0, None, "both images are blank or nearly so: nothing to compare", blank=True
        )
    which = "query" if query.blank else "gallery image"
    return Evidence("refuted", 0, 0.0, 0.0, None, f"only the {which} is blank or nearly so")


def _unaligned(query: Prepared, gallery: Prepared) -> Evidence:
    if min(*query.small.shape, *gallery.small.shape) < LEAST_PIXELS:
        return Evidence("undecided", 0, 0.0, 0.0, None, "too small to compare")
    if min(len(query.features.points), len(gallery.features.points)) >= ENOUGH_FEATURES:
        return Evidence("refuted", 0, 0.0, 0.0, None, "both have enough detail, but nothing brings them into line")
    return Evidence("refuted", 0, 0.0, 0.0, None, "simple pictures that differ in all 8 orientations")


def _evidence(trial: _Trial, found: Transform, query: Prepared, gallery: Prepared) -> Evidence:
    numbers = (trial.points, round(trial.agreement, 3), found.covered, found)
    if trial.judgement is _Judgement.SAME:
        said = words(found, query, gallery, hidden=trial.hidden)
        return Evidence("confirmed", *numbers, ", ".join(said) or "the same picture, saved again")
    if trial.judgement is _Judgement.UNCLEAR:
        return Evidence("undecided", *numbers, "they line up, but show too little to be sure")
    if trial.judgement is _Judgement.OTHER_PRINT:
        return Evidence("refuted", *numbers, "they have the same layout, but other print in it")
    if trial.judgement is _Judgement.OTHER_SIGN:
        return Evidence("refuted", *numbers, "the same simple sign, but mirrored, turned or of another size")
    return Evidence("refuted", *numbers, f"laid over each other, {trial.agreement:.0%} of what they show agrees")


def _best_trial(first: Prepared, second: Prepared) -> _Trial | None:
    """The first proposal that is confirmed, else the one that agrees best; None if none is worth a look."""
    best = None
    for proposal in _proposals(first, second):
        trial = _tried(first, second, proposal)
        if trial is not None and trial.judgement is _Judgement.SAME:
            return trial
        if trial is not None and (best is None or trial.agreement > best.agreement):
            best = trial
        if trial is not None and trial.thorough and trial.points >= MANY_POINTS:
            return trial
    return best


# Whole-frame proposals that are looked at: of 16, the right one is among the first, symmetric pictures aside.
MOST_FRAMES = 3


def _proposals(first: Prepared, second: Prepared) -> Iterator[Alignment]:
    yield from by_features(first, second)
    yield from by_frames(first, second)[:MOST_FRAMES]


def _tried(first: Prepared, second: Prepared, proposal: Alignment) -> _Trial | None:
    """Looks at a proposal closer and closer, as long as it holds; None if there is nothing to judge."""
    many, matrix, bent = proposal.points >= MANY_POINTS, proposal.matrix, False
    look = _coarse(first, second, matrix)
    if look is not None and not look.holds(many=many) and look.seen.fraction >= (HOPELESS if many else STRICT_HOPELESS):
        matrix, bent = refined(look.laid, matrix)
        look = _coarse(first, second, matrix)
    if look is None:
        return None
    if look.seen.fraction < (COARSE_AGREEMENT if many else STRICT_COARSE_AGREEMENT):
        return _trial(_Judgement.DIFFERENT, matrix, proposal, look.seen, thorough=False)
    if many and not bent and look.swapped and printed(look.laid):
        return _trial(_Judgement.OTHER_PRINT, matrix, proposal, look.seen, thorough=True)
    return _looked_at(first, second, Alignment(matrix, proposal.points))


class _Coarse(NamedTuple):
    """The cheap look at a proposal."""

    laid: Overlay
    seen: Agreement

    @property
    def swapped(self) -> bool:
        return self.seen.scattered_swaps(LARGEST_OVERLAY) > COARSE_SWAPPED

    def holds(self, *, many: bool) -> bool:
        """Whether it needs no better alignment to go on with; few points seldom align well enough."""
        return many and self.seen.fraction >= COARSE_AGREEMENT and not self.swapped


def _coarse(first: Prepared, second: Prepared, matrix: Doubles) -> _Coarse | None:
    """None if too little of them overlaps."""
    laid = overlay(first.small, second.small, matrix, side=COARSE_SIDE)
    if laid is None or max(shares(first.small, second.small, matrix)) < LEAST_OVERLAP:
        return None
    return _Coarse(laid, agreement(laid))


def _looked_at(first: Prepared, second: Prepared, proposal: Alignment) -> _Trial | None:
    """The thorough look at a proposal that lies nearly right."""
    laid = overlay(first.small, second.small, proposal.matrix, side=FEATURE_SIDE)
    if laid is None:
        return None
    matrix, bent = refined(laid, proposal.matrix)
    laid = overlay(first.small, second.small, matrix, side=FEATURE_SIDE)
    if laid is None:
        return None
    laid, seen = _straighter(laid, proposal.points, bent=bent)
    if _simple(first, second) and printed(laid):
        judgement = _judged_simple(seen, upright=_upright(first, second, matrix))
        return _trial(judgement, matrix, proposal, seen, thorough=True)
    judgement = _judged(seen, proposal.points, laid)
    if judgement is _Judgement.SAME and (seen.fraction < NEARLY_ALL or printed(laid)):
        return _read(first, second, Alignment(matrix, proposal.points), bent=bent)
    return _trial(judgement, matrix, proposal, seen, thorough=True)


def _read(first: Prepared, second: Prepared, proposal: Alignment, *, bent: bool) -> _Trial | None:
    """Judge print where it can be read: first in middling size, where most other print shows already."""
    enlarged = _enlarged(second) @ np.vstack([proposal.matrix, [0, 0, 1]]) @ np.linalg.inv(_enlarged(first))
    trial = None
    for side in READING_SIDES:
        laid = overlay(first.grey, second.grey, enlarged[:2], side=side)
        if laid is None:
            return None
        laid, seen = _straighter(laid, proposal.points, bent=bent)
        trial = _trial(_judged(seen, proposal.points, laid), proposal.matrix, proposal, seen, thorough=True)
        if trial.judgement is not _Judgement.SAME:
            break
    return trial


def _simple(first: Prepared, second: Prepared) -> bool:
    """Whether one is no richer than a glyph or a plain symbol; a mirrored b is a d, a turned 6 a 9."""
    few = min(len(first.features.points), len(second.features.points)) < SIMPLE_FEATURES
    return few and max(*first.grey.shape, *second.grey.shape) <= SIMPLE_SIDE


def _upright(first: Prepared, second: Prepared, matrix: Doubles) -> bool:
    """Neither mirrored nor turned, and no larger or smaller within its frame (an s is not an S)."""
    (height, width), (high, wide) = first.small.shape, second.small.shape
    frames = np.diag([wide / width, high / height])
    return bool(np.abs(np.linalg.solve(frames, matrix[:, :2]) - np.eye(2)).max() < UPRIGHT_TOLERANCE)


def _straighter(laid: Overlay, points: int, *, bent: bool) -> tuple[Overlay, Agreement]:
    """The overlay and what agrees in it, without perspective where there is some and more agrees without it."""
    seen = agreement(laid)
    if not bent or points < STRAIGHTENING_POINTS or not COARSE_AGREEMENT < seen.fraction < NEARLY_ALL:
        return laid, seen
    straight = straightened(laid)
    better = agreement(straight)
    return (straight, better) if better.fraction > seen.fraction else (laid, seen)


def _enlarged(image: Prepared) -> Doubles:
    """(3, 3) from pixels of the small picture to those of the grey one."""
    x, y = image.grey.shape[1] / image.small.shape[1], image.grey.shape[0] / image.small.shape[0]
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])


def _trial(judgement: _Judgement, matrix: Doubles, proposal: Alignment, seen: Agreement, *, thorough: bool) -> _Trial:
    hidden = float((seen.swapped | seen.covered).sum()) / max(1, int(seen.seen.sum()))
    return _Trial(judgement, matrix, proposal.points, seen.fraction, hidden, thorough)


def _judged_simple(seen: Agreement, *, upright: bool) -> _Judgement:
    if seen.fraction < SIMPLE_AGREEMENT or seen.whole < STRICT_AGREEMENT:
        return _Judgement.DIFFERENT
    return _Judgement.SAME if upright else _Judgement.OTHER_SIGN


def _judged(seen: Agreement, points: int, laid: Overlay) -> _Judgement:
    if seen.textured.sum() < LEAST_WINDOWS:
        return _Judgement.UNCLEAR
    enough = PHOTOGRAPH_AGREEMENT if points >= MANY_POINTS else STRICT_AGREEMENT
    if seen.fraction < enough or (points < MANY_POINTS and seen.whole < STRICT_WHOLE):
        return _Judgement.DIFFERENT
    if seen.scattered_swaps(LARGEST_OVERLAY) > MOST_SWAPPED and printed(laid):
        return _Judgement.OTHER_PRINT
    return _Judgement.SAME
