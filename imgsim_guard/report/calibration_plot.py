"""The plot of `calibrate`: a histogram of the distances to the nearest neighbour, as an SVG file."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.gate.calibration.findings import SORTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from imgsim_guard.gate.calibration.findings import Calibration, Neighbour, Sort

WIDTH, HEIGHT = 860, 440
LEFT, RIGHT, TOP, BOTTOM = 64, 20, 104, 58

LEAST_RANGE = 26
"""Distances that are always shown, so that the plots of two datasets can be compared."""

NAME = 260
"""Pixels that the name of a threshold may take."""

LEAST_HEIGHT = 2.0
"""Pixels of a bar of one image beside bars of thousands: the few copies are what matters."""

TICKS = 5
"""About so many on the axis of images."""

NAMES: Mapping[Sort, str] = {
    "copy": "copies",
    "look-alike": "look-alikes",
    "undecided": "undecided",
    "unverified": "not compared",
}

STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-size: 16px; font-weight: 600 }
.paper { fill: #ffffff }
.axis { stroke: #57606a }
.grid { stroke: #d8dee4 }
.copy { fill: #b7410e }
.look-alike { fill: #2f6fb5 }
.undecided { fill: #e0a100 }
.unverified { fill: #a8b0b8 }
.edge { stroke: #ffffff; stroke-width: 5 }
.today { stroke: #24292f; stroke-width: 2; stroke-dasharray: 6 4 }
.suggested { stroke: #1a7f37; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.paper { fill: #0d1117 }
.axis { stroke: #9198a1 }
.grid { stroke: #2a313c }
.copy { fill: #f0793f }
.look-alike { fill: #5a9fe8 }
.undecided { fill: #f2c94c }
.unverified { fill: #6b7683 }
.edge { stroke: #0d1117 }
.today { stroke: #e6edf3 }
.suggested { stroke: #4ac26b }
}"""


class _Scale(NamedTuple):
    """From distances and numbers of images to pixels. `columns`: of one distance each; `most`: the axis's end."""

    columns: int
    most: int

    def x(self, distance: float) -> float:
        return round(LEFT + distance / self.columns * (WIDTH - LEFT - RIGHT), 1)

    def height(self, images: int) -> float:
        return round(max(LEAST_HEIGHT, images / self.most * (HEIGHT - TOP - BOTTOM)), 1) if images else 0.0


def calibration_svg(found: Calibration) -> str:
    """The plot, ending in a newline; light and dark as its reader's screen is."""
    columns = _columns(found.neighbours)
    step = _step(max(sum(column.values()) for column in columns))
    most = step * math.ceil(max(1, *(sum(column.values()) for column in columns)) / step)
    scale = _Scale(len(columns), most)
    title = f"Distance to the nearest other image, of {len(found.neighbours):,} images"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="t d">',
        f'<title id="t">{escape(title)}</title>',
        f'<desc id="d">{escape(_described(found))}</desc>',
        f"<style>\n{STYLE}\n</style>",
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>',
        _text(LEFT, 26, title, kind="title"),
        *_legend(found),
        *_axes(scale, step),
        *(bar for place, column in enumerate(columns) for bar in _bars(place, column, scale)),
        *_lines(found, scale),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _columns(neighbours: Sequence[Neighbour]) -> list[dict[Sort, int]]:
    """How many of each sort are at 0 to 1, 1 to 2 and so on; each column without its upper end."""
    furthest = max((neighbour.distance for neighbour in neighbours), default=0.0)
    columns: list[dict[Sort, int]] = [dict.fromkeys(SORTS, 0) for _ in range(max(LEAST_RANGE, int(furthest) + 1))]
    for neighbour in neighbours:
        columns[int(neighbour.distance)][neighbour.sort] += 1
    return columns


def _step(most: int) -> int:
    """1, 2 or 5 times a power of ten, so that there are about TICKS."""
    wanted = max(1.0, most / TICKS)
    power = 10 ** math.floor(math.log10(wanted))
    return int(next(factor * power for factor in (1, 2, 5, 10) if factor * power >= wanted))


def _bars(place: int, column: Mapping[Sort, int], scale: _Scale) -> Iterator[str]:
    """One on the other, copies at the bottom."""
    base = float(HEIGHT - BOTTOM)
    left, width = scale.x(place) + 1, round(scale.x(place + 1) - scale.x(place) - 2, 1)
    for sort in SORTS:
        if column[sort]:
            height = scale.height(column[sort])
            base = round(base - height, 1)
            told = f"{place} to {place + 1}: {column[sort]:,} {NAMES[sort]}"
            yield (
                f'<rect class="{sort}" x="{left:g}" y="{base:g}" width="{width:g}" height="{height:g}">'
                f"<title>{told}</title></rect>"
            )


def _axes(scale: _Scale, step: int) -> Iterator[str]:
    floor = HEIGHT - BOTTOM
    for images in range(step, scale.most + 1, step):
        y = floor - scale.height(images)
        yield f'<path class="grid" d="M{LEFT} {y:g}H{WIDTH - RIGHT}"/>'
        yield _text(LEFT - 8, y + 4, f"{images:,}", anchor="end")
    yield _text(LEFT - 8, floor + 4, "0", anchor="end")
    for distance in range(0, scale.columns + 1, 2):
        yield f'<path class="axis" d="M{scale.x(distance):g} {floor}v5"/>'
        yield _text(scale.x(distance), floor + 20, str(distance), anchor="middle")
    yield f'<path class="axis" d="M{LEFT} {floor}H{WIDTH - RIGHT}"/>'
    yield _text((LEFT + WIDTH - RIGHT) / 2, floor + 44, "AugNet distance", anchor="middle")
    yield _text(LEFT - 8, TOP - 10, "images", anchor="end")


def _legend(found: Calibration) -> Iterator[str]:
    x = float(LEFT)
    for sort in SORTS:
        count = sum(neighbour.sort == sort for neighbour in found.neighbours)
        if count:
            label = f"{NAMES[sort]} ({count:,})"
            yield f'<rect class="{sort}" x="{x:g}" y="41" width="12" height="12"/>'
            yield _text(x + 18, 52, label)
            x += 44 + 7 * len(label)


def _lines(found: Calibration, scale: _Scale) -> Iterator[str]:
    """Today's threshold and the suggested one. The name of the one passes above the other's end, so that they cannot
    meet.
    """
    named = {found.today: ("today", f"current threshold, {found.today:g}")}
    if found.suggested == found.today:
        named = {found.today: ("today", f"threshold {found.today:g}, current and suggested")}
    elif found.suggested is not None:
        named[found.suggested] = ("suggested", f"suggested, {found.suggested:g}")
    to_the_left = scale.x(max(named)) > WIDTH - NAME
    for distance, y in zip(sorted(named, reverse=to_the_left), (74, 92), strict=False):
        kind, name = named[distance]
        x = scale.x(min(distance, scale.columns))
        before = to_the_left and x > NAME
        way = f"M{x:g} {y - 10}V{HEIGHT - BOTTOM}"
        yield f'<path class="edge" d="{way}"/>'
        yield f'<path class="{kind}" d="{way}"/>'
        yield _text(x - 6 if before else x + 6, y, name, anchor="end" if before else "start")


def _described(found: Calibration) -> str:
    row = found.blocked_at(found.today)
    return (
        f"Histogram. Within the current threshold of {found.today:g} are {row.within:,}: {row.copies:,} copies, "
        f"{row.look_alikes:,} look-alikes, {row.undecided:,} undecided, {row.unverified:,} not compared."
    )


def _text(x: float, y: float, text: str, *, anchor: str = "start", kind: str = "") -> str:
    words = f' class="{kind}"' if kind else ""
    return f'<text{words} x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'
