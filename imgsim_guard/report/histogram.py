"""The bars of a plot of the distances to the nearest neighbours."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_BARS = 48
STEPS = (0.5, 1.0, 2.0, 5.0, 10.0)
MOST_TICKS = 8


class Bar(NamedTuple):
    """`images` have a distance from `start` to `end`. `left` and `width` are in percent of the axis,
    `height` of the highest bar.
    """

    start: float
    end: float
    images: int
    left: float
    width: float
    height: float


class Histogram(NamedTuple):
    """Bars from left to right, the empty ones left out, and where numbers stand below the axis, in percent.

    `threshold`: where that is on the axis; `within`: how many distances it reaches.
    """

    bars: tuple[Bar, ...]
    ticks: tuple[tuple[str, float], ...]
    threshold: float
    within: int
    total: int
    most: int


def histogram(distances: Sequence[float], threshold: float) -> Histogram | None:
    """The plot of the distances, with the threshold on its axis; None if there are none."""
    if not distances:
        return None
    reach = max(*distances, threshold * 1.25, 1.0)
    step = _step(reach / MOST_BARS)
    bins = math.floor(reach / step) + 1
    counts = [0] * bins
    for distance in distances:
        counts[_bin(distance, step)] += 1
    bars = tuple(
        Bar(
            start=round(index * step, 6),
            end=round((index + 1) * step, 6),
            images=count,
            left=_percent(index / bins),
            width=_percent(1 / bins),
            height=_percent(count / max(counts)),
        )
        for index, count in enumerate(counts)
        if count
    )
    within = sum(1 for distance in distances if distance <= threshold)
    end = bins * step
    return Histogram(bars, _ticks(end), _percent(threshold / end), within, len(distances), max(counts))


def _bin(distance: float, step: float) -> int:
    """The bar of a distance. What lies on the edge of two belongs to the left one, as the threshold does."""
    return max(0, math.ceil(round(distance / step, 9)) - 1)


def _step(least: float) -> float:
    """The least width of STEPS, or of them times a power of ten, that is enough."""
    power = 10.0 ** max(0, math.floor(math.log10(least))) if least > 0 else 1.0
    return next(step * power for step in STEPS if step * power >= least)


def _ticks(end: float) -> tuple[tuple[str, float], ...]:
    step = _step(end / MOST_TICKS)
    return tuple((f"{index * step:g}", _percent(index * step / end)) for index in range(math.floor(end / step) + 1))


def _percent(part: float) -> float:
    return round(100 * part, 3)
