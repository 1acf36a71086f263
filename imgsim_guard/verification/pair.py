"""Verification of a pair of images: are they pictures of the same original, or do they only look alike?"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from imgsim_guard.verification import evidence
from imgsim_guard.verification.alignment import Alignment, by_features, by_frames
from imgsim_guard.verification.closer import COARSE_AGREEMENT, tried, tried_unbent
from imgsim_guard.verification.judging import MANY_POINTS, Judgement, drawings_of
from imgsim_guard.verification.paper import on_plain_ground
from imgsim_guard.verification.squeezed import by_squeezing
from imgsim_guard.verification.theme import inverted, themes_differ
from imgsim_guard.verification.transform import elsewhere, shares, transform
from imgsim_guard.verification.within import parts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imgsim_guard.model import Evidence
    from imgsim_guard.verification.evidence import Trial
    from imgsim_guard.verification.prepared import Prepared


def verify(query: Prepared, gallery: Prepared) -> Evidence:
    """Confirm or refute that the query was made from the gallery image, or the other way round.

    The pair is always looked at in one order, so that the outcome does not depend on which is the query.
    """
    if query.blank or gallery.blank:
        return evidence.of_blank(query, gallery)
    swap = gallery.digest < query.digest
    first, second = _alike_drawn(*((gallery, query) if swap else (query, gallery)))
    trial, other_theme = _best_trial(first, second, _proposals(first, second)), False
    if (trial is None or trial.judgement is not Judgement.SAME) and themes_differ(first, second):
        other = inverted(first)
        themed = _best_trial(other, second, _proposals(other, second))
        other_theme = themed is not None and themed.judgement is Judgement.SAME
        trial = themed if other_theme else trial
    if trial is None or trial.judgement is not Judgement.SAME:
        trial = _of_a_part(first, second) or _squeezed(first, second, trial) or trial
    if trial is None:
        return evidence.of_unaligned(query, gallery)
    matrix = np.linalg.inv(np.vstack([trial.matrix, [0, 0, 1]]))[:2] if swap else trial.matrix
    return evidence.of_trial(trial, transform(query, gallery, matrix), query, gallery, other_theme=other_theme)


def _alike_drawn(first: Prepared, second: Prepared) -> tuple[Prepared, Prepared]:
    """Both as drawings, where one is drawn and the other may be."""
    if first.drawing is None and second.drawing is not None and first.possible_drawing is not None:
        return replace(first, drawing=first.possible_drawing), second
    if second.drawing is None and first.drawing is not None and second.possible_drawing is not None:
        return first, replace(second, drawing=second.possible_drawing)
    return first, second


def _best_trial(first: Prepared, second: Prepared, proposals: Iterable[Alignment]) -> Trial | None:
    """The first proposal that is confirmed, else the one that agrees best; None if none is worth a look.

    Where many points were brought into line and the pictures differ, that is settled, but for drawings that may lie
    elsewhere on one another: the digits of a display fit after a shift by one as well.
    """
    best, settled = None, None
    for proposal in proposals:
        if settled is not None and not elsewhere(first.small, settled.matrix, proposal.matrix):
            continue
        trial = tried(first, second, proposal)
        if proposal.closer is not None and (trial is None or trial.judgement is not Judgement.SAME):
            trial = tried_unbent(first, second, proposal.closer) or trial
        if trial is None:
            continue
        if trial.judgement is Judgement.SAME:
            return trial
        if best is None or trial.agreement > best.agreement:
            best = trial
        if trial.thorough and trial.points >= MANY_POINTS and trial.agreement >= COARSE_AGREEMENT:
            settled = trial
            if drawings_of(first, second) is None:
                break
    return best


def _squeezed(first: Prepared, second: Prepared, known: Trial | None) -> Trial | None:
    """The trial of photographs of which one was squeezed, if that confirms them. What lies on the other by many points
    already was not squeezed by much.
    """
    if drawings_of(first, second) is not None or (known is not None and known.points >= MANY_POINTS):
        return None
    trial = _best_trial(first, second, by_squeezing(first, second))
    return trial if trial is not None and trial.judgement is Judgement.SAME else None


LEAST_COVERED, ROUGHLY_COVERED = 0.4, 0.32
"""Of a picture, what is pasted onto another one has to show more than this part: two pages may show one picture. The
second is asked for before it is known exactly how they lie: a card on two tables is compared no further.
"""


def _of_a_part(first: Prepared, second: Prepared) -> Trial | None:
    """The trial of a photograph pasted onto one of them, against the other, if that confirms it. Pages are left out:
    two may have nothing but their layout in common.
    """
    for whole, other, of_first in ((first, second, True), (second, first, False)):
        for part in parts_of(whole) if other.drawing is None else ():
            ways = part.promising(other)
            picture = part.picture if ways and not on_plain_ground(other.small) else None
            if picture is None:
                continue
            one, two = (picture, other) if of_first else (other, picture)
            covered = partial(_covered, one, two, of_second=of_first)
            moves = (move for move in by_features(one, two, ways) if covered(move) > ROUGHLY_COVERED)
            trial = _best_trial(one, two, moves)
            if trial is not None and trial.judgement is Judgement.SAME and covered(trial) > LEAST_COVERED:
                place, found = part.matrix(picture), np.vstack([trial.matrix, [0, 0, 1]])
                return replace(trial, matrix=(found @ np.linalg.inv(place) if of_first else place @ found)[:2])
    return None


def _covered(first: Prepared, second: Prepared, found: Alignment | Trial, *, of_second: bool) -> float:
    """The share of one of the pictures on which the other lies."""
    of_two, of_one = shares(first.small, second.small, found.matrix)
    return of_two if of_second else of_one


MOST_FRAMES = 3
"""Whole-frame proposals that are looked at: of 16, the right one is among the first, symmetric pictures aside."""


def _proposals(first: Prepared, second: Prepared) -> Iterator[Alignment]:
    yield from by_features(first, second)
    yield from by_frames(first, second)[:MOST_FRAMES]
