"""What is said about a pair of images that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgsim_guard.model import Evidence, Transform
from imgsim_guard.verification.judging import REASONS, Judgement
from imgsim_guard.verification.transform import overlapping, words

if TYPE_CHECKING:
    from imgsim_guard.model import Outcome, Relation
    from imgsim_guard.verification.prepared import Doubles, Prepared

LEAST_PIXELS = 8
"""Nothing can be aligned to a strip narrower than this many pixels."""

ENOUGH_FEATURES = 60
"""Too few features to say that they do not align."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One proposal, tried."""

    judgement: Judgement
    matrix: Doubles  # (2, 3), from the first small picture to the second
    points: int
    agreement: float
    hidden: float  # share of the seen windows in which something lies over one of the pictures
    thorough: bool  # judged after refinement
    exactly: bool = True  # details lie where they should, as far as they were followed


def of_blank(query: Prepared, gallery: Prepared) -> Evidence:
    """The evidence where one or both show nothing."""
    if query.blank and gallery.blank:
        return Evidence(
            "undecided", 0, 0.0, 0.0, None, "both images are blank or nearly so: nothing to compare", blank=True
        )
    which = "query" if query.blank else "gallery image"
    return Evidence("refuted", 0, 0.0, 0.0, None, f"only the {which} is blank or nearly so")


def of_unaligned(query: Prepared, gallery: Prepared) -> Evidence:
    """The evidence where no way was found to lay one over the other."""
    if min(*query.small.shape, *gallery.small.shape) < LEAST_PIXELS:
        return Evidence("undecided", 0, 0.0, 0.0, None, "too small to compare")
    if min(len(query.features.points), len(gallery.features.points)) >= ENOUGH_FEATURES:
        return Evidence("refuted", 0, 0.0, 0.0, None, "both have enough detail, but nothing brings them into line")
    return Evidence("refuted", 0, 0.0, 0.0, None, "simple pictures that differ in all 8 orientations")


def of_trial(trial: Trial, found: Transform, query: Prepared, gallery: Prepared, *, other_theme: bool) -> Evidence:
    """The evidence of the best trial."""
    numbers = (trial.points, round(trial.agreement, 3), found.covered, found)
    if trial.judgement is Judgement.SAME:
        said = words(found, query, gallery, hidden=trial.hidden, other_theme=other_theme)
        relation = _relation(trial, found, query, gallery)
        reason = ", ".join(said) or "the same picture, saved again"
        return Evidence("confirmed", *numbers, reason, relation=relation)
    outcome: Outcome = "undecided" if trial.judgement is Judgement.UNCLEAR else "refuted"
    laid = f"laid over each other, {trial.agreement:.0%} of what they show agrees"
    return Evidence(outcome, *numbers, REASONS.get(trial.judgement, laid))


def _relation(trial: Trial, found: Transform, query: Prepared, gallery: Prepared) -> Relation:
    if not trial.exactly:
        return "same scene"
    return "overlapping view" if overlapping(found, query, gallery) else "copy"
