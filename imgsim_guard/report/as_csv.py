"""The report for spreadsheets: the groups as CSV, one row an image."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from imgsim_guard.gate.sorting import names_of
from imgsim_guard.model import Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from imgsim_guard.gate.similar import Near
    from imgsim_guard.model import Result


def csv_report(result: Result) -> str:
    """The images of all groups, with a line of headings; what is not valid Unicode in a name is escaped."""
    return _written(Row._fields, result.rows)


def sorted_csv(groups: Sequence[Sequence[Near]]) -> str:
    """Images that were sorted: the folder of each one's group, and the distance to the middle image of it."""
    names = names_of(groups)
    rows = [(name, near.image.path, near.distance) for name, group in zip(names, groups, strict=True) for near in group]
    return _written(("group", "image", "distance"), rows)


def _written(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(headings)
    for row in rows:
        writer.writerow([_cell(cell) for cell in row])
    return text.getvalue().encode("utf-8", "backslashreplace").decode()


def _cell(value: object) -> object:
    """No cell begins as a formula does, which a spreadsheet would run: a path may have ./ before it."""
    return f"./{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
