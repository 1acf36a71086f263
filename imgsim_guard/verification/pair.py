"""Verification of a pair of images: are they pictures of the same original, or do they only look alike?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from imgsim_guard.model import Evidence, Transform
from imgsim_guard.verification.agreement import Agreement, agreement
from imgsim_guard.verification.alignment import Alignment, Doubles, by_features, by_frames
from imgsim_guard.verification.drawing import unexplained
from imgsim_guard.verification.judging import (
    LARGEST_OVERLAY,
    MANY_POINTS,
    REASONS,
    Judgement,
    drawings_of,
    in_place,
    judged,
    judged_drawing,
    judged_simple,
    same_shot,
    simple_pair,
)
from imgsim_guard.verification.overlay import Overlay, overlay, refined, refined_if_blurred, straightened
from imgsim_guard.verification.paper import printed
from imgsim_guard.verification.prepared import FEATURE_SIDE, GREY_SIDE, Prepared
from imgsim_guard.verification.theme import inverted, themes_differ
from imgsim_guard.verification.transform import (
    elsewhere,
    enlarged,
    overlapping,
    shares,
    transform,
    unbent,
    upright,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgsim_guard.model import Outcome, Relation

COARSE_SIDE = 192
"""Long side of the grid for the cheap look at a proposal."""

COARSE_AGREEMENT = 0.45
"""A proposal whose windows agree less than this in the cheap look is dropped: unrelated pictures stay below, copies
reach 0.8 even before their alignment is refined to the pixel.
"""

STRICT_COARSE_AGREEMENT = 0.7
"""The same for whole frames and few matching points, whose agreement has to be nearly complete in the end: chest X-rays
of different people stay below.
"""

HOPELESS = 0.25
"""Nothing is refined that agrees less than this to begin with: copies agree in 0.59 or more."""

STRICT_HOPELESS = 0.45

COARSE_SWAPPED = 0.2
"""Print of which more than this came and went in the cheap look is other print: copies under patches stay below 0.1."""

READING_SIDES = (576, GREY_SIDE)
"""Long sides of the grids on which print is read. What differs in the first is not read on."""

LEAST_OVERLAP = 0.3
"""The overlap must be at least this part of the smaller picture: tiles cut from one picture are not copies."""

STRICT_OVERLAP = 0.75
"""... and nearly all of it with few matching points: the squares of a chess board fit a part of any other."""

LEAST_PIXELS = 8
"""Nothing can be aligned to a strip narrower than this many pixels."""

NEARLY_ALL = 0.98
"""Below this a look at full size is worth its time (small print on shaded paper is not seen as print when it is small).
"""

STRAIGHTENING_POINTS = 30
"""An affine transform that so many points support, and that leaves windows in disagreement, may lack perspective."""

ENOUGH_FEATURES = 60
"""Too few features to say that they do not align."""


@dataclass(frozen=True, slots=True)
class _Trial:
    """One proposal, tried."""

    judgement: Judgement
    matrix: Doubles  # (2, 3), from the first small picture to the second
    points: int
    agreement: float
    hidden: float  # share of the seen windows in which something lies over one of the pictures
    thorough: bool  # judged after refinement
    exactly: bool = True  # details lie where they should, as far as they were followed


def verify(query: Prepared, gallery: Prepared) -> Evidence:
    """Confirm or refute that the query was made from the gallery image, or the other way round.

    The pair is always looked at in one order, so that the outcome does not depend on which is the query.
    """
    if query.blank or gallery.blank:
        return _blank(query, gallery)
    swap = gallery.digest < query.digest
    first, second = (gallery, query) if swap else (query, gallery)
    trial, other_theme = _best_trial(first, second), False
    if (trial is None or trial.judgement is not Judgement.SAME) and themes_differ(first, second):
        themed = _best_trial(inverted(first), second)
        other_theme = themed is not None and themed.judgement is Judgement.SAME
        trial = themed if other_theme else trial
    if trial is None:
        return _unaligned(query, gallery)
    matrix = np.linalg.inv(np.vstack([trial.matrix, [0, 0, 1]]))[:2] if swap else trial.matrix
    return _evidence(trial, transform(query, gallery, matrix), query, gallery, other_theme=other_theme)


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


def _evidence(trial: _Trial, found: Transform, query: Prepared, gallery: Prepared, *, other_theme: bool) -> Evidence:
    numbers = (trial.points, round(trial.agreement, 3), found.covered, found)
    if trial.judgement is Judgement.SAME:
        said = words(found, query, gallery, hidden=trial.hidden, other_theme=other_theme)
        relation = _relation(trial, found, query, gallery)
        reason = ", ".join(said) or "the same picture, saved again"
        return Evidence("confirmed", *numbers, reason, relation=relation)
    outcome: Outcome = "undecided" if trial.judgement is Judgement.UNCLEAR else "refuted"
    laid = f"laid over each other, {trial.agreement:.0%} of what they show agrees"
    return Evidence(outcome, *numbers, REASONS.get(trial.judgement, laid))


def _relation(trial: _Trial, found: Transform, query: Prepared, gallery: Prepared) -> Relation:
    if not trial.exactly:
        return "same scene"
    return "overlapping view" if overlapping(found, query, gallery) else "copy"


def _best_trial(first: Prepared, second: Prepared) -> _Trial | None:
    """The first proposal that is confirmed, else the one that agrees best; None if none is worth a look.

    Where many points were brought into line and the pictures differ, that is settled, but for drawings that may lie
    elsewhere on one another: the digits of a display fit after a shift by one as well.
    """
    best, settled = None, None
    for proposal in _proposals(first, second):
        if settled is not None and not elsewhere(first.small, settled.matrix, proposal.matrix):
            continue
        trial = _tried(first, second, proposal)
        if trial is None:
            continue
        if trial.judgement is Judgement.SAME:
            return trial
        if best is None or trial.agreement > best.agreement:
            best = trial
        if trial.thorough and trial.points >= MANY_POINTS:
            settled = trial
            if drawings_of(first, second) is None:
                break
    return best


MOST_FRAMES = 3
"""Whole-frame proposals that are looked at: of 16, the right one is among the first, symmetric pictures aside."""


def _proposals(first: Prepared, second: Prepared) -> Iterator[Alignment]:
    yield from by_features(first, second)
    yield from by_frames(first, second)[:MOST_FRAMES]


def _tried(first: Prepared, second: Prepared, proposal: Alignment) -> _Trial | None:
    """Looks at a proposal closer and closer, as long as it holds; None if there is nothing to judge."""
    many, matrix, bent = proposal.points >= MANY_POINTS, proposal.matrix, False
    if proposal.bend is not None:
        first = unbent(first, proposal.bend)
    look = _coarse(first, second, matrix, many=many)
    if look is not None and not look.holds(many=many) and look.seen.fraction >= (HOPELESS if many else STRICT_HOPELESS):
        matrix, bent, _ = refined(look.laid, matrix)
        look = _coarse(first, second, matrix, many=many)
    if look is None:
        return None
    if look.seen.fraction < (COARSE_AGREEMENT if many else STRICT_COARSE_AGREEMENT):
        return _trial(Judgement.DIFFERENT, matrix, proposal, look.seen, thorough=False)
    if many and not bent and look.swapped and printed(look.laid):
        return _trial(Judgement.OTHER_PRINT, matrix, proposal, look.seen, thorough=True)
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


def _coarse(first: Prepared, second: Prepared, matrix: Doubles, *, many: bool) -> _Coarse | None:
    """None if too little of them overlaps."""
    laid = overlay(first.small, second.small, matrix, side=COARSE_SIDE)
    least = LEAST_OVERLAP if many else STRICT_OVERLAP
    if laid is None or max(shares(first.small, second.small, matrix)) < least:
        return None
    return _Coarse(laid, agreement(laid))


def _looked_at(first: Prepared, second: Prepared, proposal: Alignment) -> _Trial | None:
    """The thorough look at a proposal that lies nearly right."""
    magnified = max(first.magnified, second.magnified)
    laid = overlay(first.small, second.small, proposal.matrix, side=FEATURE_SIDE, magnified=magnified)
    if laid is None:
        return None
    matrix, bent, exact = refined_if_blurred(laid, proposal.matrix)
    affine = overlay(first.small, second.small, matrix, side=FEATURE_SIDE)
    if affine is None:
        return None
    laid, seen = _straighter(affine, proposal.points, bent=bent)
    few, drawings = simple_pair(first, second), drawings_of(first, second)
    simple = few and printed(laid)
    if simple:
        judgement = judged_simple(seen, upright=upright(first.small, second.small, matrix), drawn=drawings is not None)
    else:
        judgement = judged(seen, proposal.points, laid, drawn=drawings is not None)
    if judgement is Judgement.SAME and drawings is not None and few and not upright(first.small, second.small, matrix):
        judgement = Judgement.OTHER_SIGN  # three stripes that are turned are another flag
    if judgement in (Judgement.SAME, Judgement.UNCLEAR) and drawings is not None:
        colours, roughly = drawings if laid is affine else None, proposal.points == 0 and exact is None
        found = unexplained(laid, colours, matrix, roughly=roughly, repainted=first.inverted)
        if (other := judged_drawing(found, repainted=first.inverted)) is not Judgement.SAME:
            judgement = other
    if not simple and judgement is Judgement.SAME:
        if not same_shot(seen, proposal.points, laid, exact=exact, drawn=drawings is not None):
            judgement = Judgement.OTHER_SHOT
        elif seen.fraction < NEARLY_ALL or printed(laid):
            read = _read(first, second, Alignment(matrix, proposal.points), bent=bent)
            return None if read is None else replace(read, exactly=in_place(exact))
    return replace(_trial(judgement, matrix, proposal, seen, thorough=True), exactly=in_place(exact))


def _read(first: Prepared, second: Prepared, proposal: Alignment, *, bent: bool) -> _Trial | None:
    """Judge print where it can be read: first in middling size, where most other print shows already."""
    in_grey = enlarged(second) @ np.vstack([proposal.matrix, [0, 0, 1]]) @ np.linalg.inv(enlarged(first))
    trial = None
    for side in READING_SIDES:
        laid = overlay(first.grey, second.grey, in_grey[:2], side=side)
        if laid is None:
            return None
        laid, seen = _straighter(laid, proposal.points, bent=bent)
        judgement = judged(seen, proposal.points, laid, drawn=drawings_of(first, second) is not None)
        trial = _trial(judgement, proposal.matrix, proposal, seen, thorough=True)
        if trial.judgement is not Judgement.SAME:
            break
    return trial


def _straighter(laid: Overlay, points: int, *, bent: bool) -> tuple[Overlay, Agreement]:
    """The overlay and what agrees in it, without perspective where there is some and more agrees without it."""
    seen = agreement(laid)
    if not bent or points < STRAIGHTENING_POINTS or not COARSE_AGREEMENT < seen.fraction < NEARLY_ALL:
        return laid, seen
    straight = straightened(laid)
    better = agreement(straight)
    return (straight, better) if better.fraction > seen.fraction else (laid, seen)


def _trial(judgement: Judgement, matrix: Doubles, proposal: Alignment, seen: Agreement, *, thorough: bool) -> _Trial:
    hidden = float((seen.swapped | seen.covered).sum()) / max(1, int(seen.seen.sum()))
    return _Trial(judgement, matrix, proposal.points, seen.fraction, hidden, thorough)
