"""Rates measured on a few images: their confidence bounds, and the largest threshold for a rate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

STEP = 0.1
"""Step of suggested thresholds: finer ones would be more precise than a dataset allows."""

CONFIDENCE = 0.95

HALVINGS = 60
"""Halvings of an interval of 1, which leave less than the resolution of float64."""

NEGLIGIBLE = 1e-17
"""Terms of a sum that float64 would round away."""


def images_needed(rate: float) -> int:
    """The fewest images that can show a rate (0 to 1) of events: 3 / rate, the rule of three.

    n trials without an event leave rates up to 3 / n plausible with 95 % confidence (Hanley and Lippman-Hand, "If
    nothing goes wrong, is everything all right?", JAMA 1983;249:1743-1745). With fewer trials, not even zero events
    would show the rate.
    """
    return math.ceil(round(3 / rate, 6))


def upper_bound(count: int, total: int) -> float:
    """The highest rate (0 to 1) that is plausible with 95 % confidence after `count` events in `total` images.

    One-sided, by Clopper and Pearson (Biometrika 1934;26:404-413): the p at which a binomial variable of `total` trials
    is at most `count` with probability 0.05. It assumes independent images.
    """
    if count >= total:
        return 1.0
    low, high = count / total, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _at_most(count, total, middle) > 1 - CONFIDENCE:
            low = middle
        else:
            high = middle
    return high


def quantile(ordered: Sequence[float], share: float) -> float:
    """The least of the rising values that is not below a share (0 to 1) of them; always one of the values."""
    return ordered[max(0, math.ceil(round(share * len(ordered), 6)) - 1)]


def largest_threshold(ordered: Sequence[float], allowed: int, *, highest: float) -> float | None:
    """The largest multiple of STEP, up to `highest`, with at most `allowed` of the rising distances at or below it.

    It is just below the distance after the first `allowed` ones. None if 0 is too large already.
    """
    if len(ordered) <= allowed:
        return highest
    steps = math.ceil(round(ordered[allowed] / STEP, 4)) - 1  # distances have four decimals
    return None if steps < 0 else min(highest, round(steps * STEP, 1))


def _at_most(count: int, total: int, p: float) -> float:
    """The probability that a binomial variable is at most `count`, for p above count / total, where the terms become
    smaller.
    """
    if p >= 1:
        return 0.0
    ways = math.lgamma(total + 1) - math.lgamma(count + 1) - math.lgamma(total - count + 1)
    term = math.exp(ways + count * math.log(p) + (total - count) * math.log1p(-p))
    probability = 0.0
    for events in range(count, -1, -1):
        probability += term
        if term <= NEGLIGIBLE * probability:
            break
        term *= events / (total - events + 1) * (1 - p) / p
    return probability
