"""Rates seen in a few images: how far they can be trusted, and the threshold that keeps to one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

STEP = 0.1
"""Of thresholds that are proposed: finer ones pretend to know more than a dataset tells."""

CONFIDENCE = 0.95

HALVINGS = 60
"""Of an interval of 1, which leaves less than float64 resolves."""

NEGLIGIBLE = 1e-17
"""Part of a sum that float64 does not keep."""


def images_needed(rate: float) -> int:
    """The fewest images that can show a rate (0 to 1) of events: 3 / rate, the rule of three.

    n trials without any event leave rates up to 3 / n plausible with 95 % confidence (Hanley and Lippman-Hand, "If
    nothing goes wrong, is everything all right?", JAMA 1983;249:1743-1745). So fewer could not show that it is kept,
    even if nothing happened.
    """
    return math.ceil(round(3 / rate, 6))


def upper_bound(count: int, total: int) -> float:
    """The highest rate (0 to 1) that `count` events in `total` images leave plausible with 95 % confidence.

    One-sided, by Clopper and Pearson (Biometrika 1934;26:404-413): the p at which a binomial variable of `total` trials
    is at most `count` with probability 0.05. It takes the images for independent.
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
    """The least of the rising values that so great a share (0 to 1) of them does not exceed; always one of them."""
    return ordered[max(0, math.ceil(round(share * len(ordered), 6)) - 1)]


def largest_threshold(ordered: Sequence[float], allowed: int, *, highest: float) -> float | None:
    """The largest multiple of STEP, up to `highest`, at or below which at most `allowed` of the rising distances lie.

    That is the one just below the distance after the first `allowed`. None when even 0 is too large.
    """
    if len(ordered) <= allowed:
        return highest
    steps = math.ceil(round(ordered[allowed] / STEP, 4)) - 1  # distances have four decimals
    return None if steps < 0 else min(highest, round(steps * STEP, 1))


def _at_most(count: int, total: int, p: float) -> float:
    """The probability that a binomial variable is at most `count`; for p above count / total, where terms shrink."""
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
