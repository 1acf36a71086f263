"""Draws different pictures of one kind, as programs do: charts, boards, flags, maps, notes, plans, sprites, signs.

Every picture is drawn from the name of its kind and its number, so that the same pictures come out wherever the same
version of Pillow and the DejaVu fonts are. Within a kind no two pictures are copies.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import drawn_boards as boards
import drawn_charts as charts
import drawn_figures as figures
import drawn_maps as maps
import drawn_pages as pages
import drawn_screens as screens
import drawn_tables as tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from templates import Picture

DRAWN = 10
"""Pictures of each kind."""


def draw_drawn(folder: Path) -> Iterator[tuple[str, list[Path]]]:
    """Draw every kind into a folder of its own; yields the kind and its pictures when it is done."""
    for name, draw in DRAWN_KINDS.items():
        (folder / name).mkdir(parents=True)
        paths = [folder / name / f"{number:02}.png" for number in range(DRAWN)]
        for number, path in enumerate(paths):
            draw(random.Random(f"{name}{number}"), number).save(path)
        yield name, paths


DRAWN_KINDS: dict[str, Callable[[random.Random, int], Picture]] = {
    "bar charts": charts.bars,
    "stacked bars": charts.stacked,
    "curves": charts.curves,
    "scatter plots": charts.scatter,
    "pies": charts.pie,
    "heat maps": charts.heatmap,
    "chess": boards.chess,
    "go": boards.go_board,
    "sudokus": boards.sudoku,
    "flags": maps.flag,
    "flags with a cross": maps.cross_flag,
    "coloured maps": maps.choropleth,
    "street maps": maps.street_map,
    "sheet music": pages.music,
    "dashboards": pages.dashboard,
    "settings": pages.settings,
    "sprites": figures.sprite,
    "floor plans": maps.floor_plan,
    "circuits": pages.circuit,
    "molecules": pages.molecule,
    "QR codes": boards.qr_code,
    "bar codes": boards.barcode,
    "playing cards": boards.card,
    "road signs": maps.road_sign,
    "smileys": figures.smiley,
    "masks": figures.mask,
    "label masks": figures.labels_mask,
    "clocks": charts.clock,
    "calendars": pages.calendar,
    "flowcharts": pages.flowchart,
    "Gantt charts": charts.gantt,
    "subway maps": maps.subway,
    "gauges": charts.gauge,
    "displays": charts.display,
    "dominoes": boards.domino,
    "crosswords": boards.crossword,
    "hexagons": boards.hexagons,
    "knitting": boards.knitting,
    "weather maps": maps.weather_map,
    "code": pages.code,
    "task boards": pages.cards_on_a_board,
    "small tables": tables.small_table,
    "large sheets": tables.large_sheet,
    "dark sheets": tables.dark_sheet,
    "nutrition labels": tables.nutrition_label,
    "boarding passes": tables.boarding_pass,
    "seat plans": tables.seat_plan,
    "terminals": tables.terminal,
    "pale settings": screens.pale_settings,
    "lists under a clock": screens.list_under_a_clock,
    "hands": screens.hand,
    "candlesticks": screens.candlesticks,
    "heartbeats": screens.heartbeat,
}
