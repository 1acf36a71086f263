"""Looks at one proposal of how two pictures lie on one another, closer and closer, as long as it holds."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from imgsim_guard.verification.agreement import Agreement, agreement
from imgsim_guard.verification.alignment import PLENTY, Alignment
from imgsim_guard.verification.drawing import Colours, Unexplained, unexplained
from imgsim_guard.verification.evidence import Trial
from imgsim_guard.verification.judging import (
    LARGEST_OVERLAY,
    MANY_POINTS,
    PHOTOGRAPH_AGREEMENT,
    Judgement,
    drawings_of,
    judged,
    judged_drawing,
    judged_in_full,
    judged_simple,
    judged_straightened,
    other_sign,
    plain_pair,
    simple_pair,
)
from imgsim_guard.verification.overlay import Overlay, overlay, refined, refined_if_blurred, slid, straightened
from imgsim_guard.verification.paper import photographed, printed
from imgsim_guard.verification.pattern import frames_of_one_shot, mostly_a_pattern, only_a_pattern
from imgsim_guard.verification.places import in_many_places
from imgsim_guard.verification.prepared import FEATURE_SIDE, GREY_SIDE, Doubles, Prepared
from imgsim_guard.verification.shot import in_place, same_shot
from imgsim_guard.verification.surroundings import in_other_scene
from imgsim_guard.verification.transform import (
    enlarged,
    shares,
    turned,
    unbent,
    upright,
)

COARSE_SIDE = 192
"""Long side of the grid for the cheap look at a proposal."""

COARSE_AGREEMENT = 0.45
"""A proposal whose windows agree less than this in the cheap look is dropped: unrelated pictures stay below, copies
reach 0.8 even before their alignment is refined to the pixel.
"""

HOPELESS = 0.25
"""Nothing is refined that agrees less than this to begin with, and nothing looked at closer, however many points match:
copies agree in 0.59 or more, those that are hidden by half in 0.39.
"""

STRICT_HOPELESS = 0.45

COARSE_SWAPPED = 0.2
"""Print of which more than this came and went in the cheap look is other print: copies under patches stay below 0.1."""

READING_SIDES = (576, GREY_SIDE)
"""Long sides of the grids on which print is read. What differs in the first is not read on."""

LEAST_OVERLAP = 0.3
"""The overlap must be at least this part of the smaller picture: tiles cut from one picture are not copies."""

STRICT_OVERLAP = 0.75
"""... and nearly all of it with few matching points: the squares of a chess board fit a part of any other."""

NEARLY_ALL = 0.98
"""Below this a look at full size is worth its time (small print on shaded paper is not seen as print when it is small).
"""

STRAIGHTENING_POINTS = 30
"""An affine transform that so many points support, and that leaves windows in disagreement, may lack perspective."""


MUCH_LARGER = 1.5
"""Grid pixels of the grey pictures for one of the small ones, from which on they show what the small ones do not."""

UNLIKE_DETAILS = Judgement.DIFFERENT, Judgement.OTHER_SHOT
"""What is said of photographs that may yet show the same in many places."""

AGAINST_PHOTOGRAPHS = (Judgement.OTHER_SCENE, in_other_scene), (Judgement.PATTERN, only_a_pattern)
"""What is said of photographs of which much agrees. A pattern is looked for only where they would be confirmed, and are
no frames of one shot.
"""


def tried(first: Prepared, second: Prepared, proposal: Alignment) -> Trial | None:
    """Looks at a proposal closer and closer, as long as it holds; None if there is nothing to judge."""
    many, matrix, bent = proposal.points >= MANY_POINTS, proposal.matrix, False
    if proposal.bend is not None:
        first = unbent(first, proposal.bend)
    elif proposal.points == 0 and plain_pair(first, second) and not turned(matrix):
        matrix = slid(first.small, second.small, matrix)
    look = _coarse(first, second, matrix, many=many)
    if look is not None and not look.holds(many=many) and look.seen.fraction >= (HOPELESS if many else STRICT_HOPELESS):
        matrix, bent = refined(look.laid, matrix)[:2]
        look = _coarse(first, second, matrix, many=many)
    if look is None:
        return None
    if look.seen.fraction < (HOPELESS if proposal.points >= PLENTY else COARSE_AGREEMENT):
        return _trial(Judgement.DIFFERENT, matrix, proposal, look.seen, thorough=False)
    if many and not bent and look.swapped and printed(look.laid):
        return _trial(Judgement.OTHER_PRINT, matrix, proposal, look.seen, thorough=True)
    return _looked_at(first, second, Alignment(matrix, proposal.points))


POINTS_UNBENT = 25
"""Perspective that is guessed from fewer points brings chess boards into line with their next row of squares."""


def tried_unbent(first: Prepared, second: Prepared, proposal: Alignment) -> Trial | None:
    """The trial of a proposal with perspective, if that confirms photographs. A flat thing that is photographed from
    elsewhere, a board or a card, is under perspective as well; then most of its surroundings differ.
    """
    if proposal.bend is None or proposal.points < POINTS_UNBENT:
        return None
    flat = unbent(first, proposal.bend)
    laid = overlay(flat.small, second.small, proposal.matrix, side=FEATURE_SIDE)
    if laid is None or not photographed(laid):
        return None
    trial = tried(flat, second, Alignment(proposal.matrix, proposal.points))
    if trial is None or trial.judgement is not Judgement.SAME or trial.agreement < PHOTOGRAPH_AGREEMENT:
        return None
    return trial


class _Coarse(NamedTuple):
    """The cheap look at a proposal; it knows of swapped windows where many points match."""

    laid: Overlay
    seen: Agreement

    @property
    def swapped(self) -> bool:
        return self.seen.scattered_swaps(LARGEST_OVERLAY) > COARSE_SWAPPED

    def holds(self, *, many: bool) -> bool:
        """Whether it needs no better alignment to go on with; few points seldom align well enough."""
        return many and self.seen.fraction >= COARSE_AGREEMENT and not self.swapped


def _coarse(first: Prepared, second: Prepared, matrix: Doubles, *, many: bool) -> _Coarse | None:
    """None if too little of them overlaps."""
    if max(shares(first.small, second.small, matrix)) < (LEAST_OVERLAP if many else STRICT_OVERLAP):
        return None
    laid = overlay(first.small, second.small, matrix, side=COARSE_SIDE)
    return None if laid is None else _Coarse(laid, agreement(laid, swaps=many))


def _looked_at(first: Prepared, second: Prepared, proposal: Alignment) -> Trial | None:
    """The thorough look at a proposal that lies nearly right."""
    magnified = max(first.magnified, second.magnified)
    laid = overlay(first.small, second.small, proposal.matrix, side=FEATURE_SIDE, magnified=magnified)
    if laid is None:
        return None
    followed = refined_if_blurred(laid, proposal.matrix)
    matrix, bent, exact = followed.matrix, followed.bent, followed.exact
    affine = overlay(first.small, second.small, matrix, side=FEATURE_SIDE, magnified=magnified)
    if affine is None:
        return None
    laid, seen = _straighter(affine, proposal.points, bent=bent)
    drawings = drawings_of(first, second)
    simple = simple_pair(first, second) and printed(laid)
    judgement = _judged(first, second, laid, seen, Alignment(matrix, proposal.points))
    captioned = explained = False
    if judgement in (Judgement.SAME, Judgement.UNCLEAR) and drawings is not None:
        colours = Colours(*drawings, matrix, plain_pair(first, second)) if laid is affine else None
        roughly = bent or (proposal.points == 0 and exact is None)
        found = unexplained(laid, colours, roughly=roughly, repainted=first.inverted)
        other = _judged_by_ink(found, affine, bent=bent, repainted=first.inverted)
        judgement = judgement if other is Judgement.SAME else other
        captioned, explained = found.stamp.foreign, not bent and found.nothing
    exactly = in_place(exact)
    if drawings is None and judgement in (*UNLIKE_DETAILS, Judgement.SAME):
        may_be_a_pattern = judgement is Judgement.SAME and not frames_of_one_shot(matrix, proposal.points)
        asked = AGAINST_PHOTOGRAPHS if may_be_a_pattern else AGAINST_PHOTOGRAPHS[:1]
        judgement = next((other for other, holds in asked if holds(first, second, matrix, laid, seen)), judgement)
    if not simple and judgement is Judgement.SAME:
        if not explained and not same_shot(seen, proposal.points, laid, followed=followed, drawn=drawings is not None):
            judgement = Judgement.OTHER_SHOT
        elif seen.fraction < NEARLY_ALL or printed(laid) or drawings is not None:
            read = _read(first, second, Alignment(matrix, proposal.points), bent=bent, captioned=captioned)
            return None if read is None else replace(read, exactly=exactly)
    if judgement in UNLIKE_DETAILS and _in_many_places(first, second, matrix, laid, seen):
        judgement, exactly = Judgement.SAME, True
    return replace(_trial(judgement, matrix, proposal, seen, thorough=True), exactly=exactly)


def _judged_by_ink(found: Unexplained, affine: Overlay, *, bent: bool, repainted: bool) -> Judgement:
    """What is said of drawings by what is only in one of them. Where they lie under perspective, that is asked again of
    the overlay without it: a line of text that is longer in one of them looks like perspective, too.
    """
    judgement = judged_drawing(found, repainted=repainted)
    if judgement is not Judgement.SAME or not bent or repainted:
        return judgement
    straight = straightened(affine)
    return Judgement.SAME if straight is affine else judged_straightened(unexplained(straight, None))


def _judged(first: Prepared, second: Prepared, laid: Overlay, seen: Agreement, proposal: Alignment) -> Judgement:
    """What the windows of an overlay say. Three stripes that are turned are another flag."""
    drawn, few = drawings_of(first, second) is not None, simple_pair(first, second)
    lies_upright = few and upright(first, second, proposal.matrix)
    if few and printed(laid):
        return judged_simple(seen, upright=lies_upright, drawn=drawn)
    judgement = judged(seen, proposal.points, laid, drawn=drawn)
    other = judgement is Judgement.SAME and other_sign(first, second, proposal.matrix)
    return Judgement.OTHER_SIGN if other else judgement


def _read(first: Prepared, second: Prepared, proposal: Alignment, *, bent: bool, captioned: bool) -> Trial | None:
    """Judge print where it can be read: first in middling size, where most other print shows already, and what is drawn
    once more in full size. captioned: a line in a colour of its own lies over it, which only the small pictures show.
    """
    trial, drawn, matrix = None, drawings_of(first, second) is not None, proposal.matrix
    for side in _reading_sides(first, second):
        laid = _in_grey(first, second, matrix, side=side)
        if laid is None:
            return None
        in_full = drawn and not bent and side == GREY_SIDE
        if in_full:
            laid = _exactly_laid(first, second, laid, matrix)
        laid, seen = _straighter(laid, proposal.points, bent=bent)
        judgement = judged(seen, proposal.points, laid, drawn=drawn)
        if judgement is Judgement.SAME and in_full:
            judgement = judged_in_full(seen, None if captioned or first.inverted else unexplained(laid, None))
        trial = _trial(judgement, matrix, proposal, seen, thorough=True)
        if trial.judgement is not Judgement.SAME:
            break
    return trial


def _reading_sides(first: Prepared, second: Prepared) -> tuple[int, ...]:
    """Pictures no larger than the first of READING_SIDES are on the same grid in either."""
    middling, full = READING_SIDES
    return READING_SIDES if min(max(first.grey.shape), max(second.grey.shape)) > middling else (full,)


def _exactly_laid(first: Prepared, second: Prepared, laid: Overlay, matrix: Doubles) -> Overlay:
    """An overlay of the grey pictures after what shows in them only was followed as well."""
    exactly = refined(laid, _between_greys(first, second, matrix)).matrix
    return overlay(first.grey, second.grey, exactly, side=GREY_SIDE) or laid


def _in_grey(first: Prepared, second: Prepared, matrix: Doubles, *, side: int) -> Overlay | None:
    """The overlay of the grey pictures, which show a picture on a page larger."""
    return overlay(first.grey, second.grey, _between_greys(first, second, matrix), side=side)


def _between_greys(first: Prepared, second: Prepared, matrix: Doubles) -> Doubles:
    """The (2, 3) matrix between the grey pictures that one between the small ones stands for."""
    return np.asarray((enlarged(second) @ np.vstack([matrix, [0, 0, 1]]) @ np.linalg.inv(enlarged(first)))[:2])


def _in_many_places(first: Prepared, second: Prepared, matrix: Doubles, laid: Overlay, seen: Agreement) -> bool:
    """Whether two photographs show the same exactly where they should in so many places that they are one."""
    if drawings_of(first, second) is not None or not photographed(laid):
        return False
    found = in_many_places(laid)
    if not found:
        larger = _in_grey(first, second, matrix, side=FEATURE_SIDE)
        found = larger is not None and larger.one.size > MUCH_LARGER * laid.one.size and in_many_places(larger)
    return found and not mostly_a_pattern(laid, seen)


def _straighter(laid: Overlay, points: int, *, bent: bool) -> tuple[Overlay, Agreement]:
    """The overlay and what agrees in it, without perspective where there is some and more agrees without it."""
    seen = agreement(laid)
    if not bent or points < STRAIGHTENING_POINTS or not COARSE_AGREEMENT < seen.fraction < NEARLY_ALL:
        return laid, seen
    straight = straightened(laid)
    better = agreement(straight)
    return (straight, better) if better.fraction > seen.fraction else (laid, seen)


def _trial(judgement: Judgement, matrix: Doubles, proposal: Alignment, seen: Agreement, *, thorough: bool) -> Trial:
    hidden = float((seen.swapped | seen.covered).sum()) / max(1, int(seen.seen.sum()))
    return Trial(judgement, matrix, proposal.points, seen.fraction, hidden, thorough)
