"""The report for spreadsheets: the groups as CSV, one row an image."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from imgsim_guard.model import Row

if TYPE_CHECKING:
    from imgsim_guard.model import Result


def csv_report(result: Result) -> str:
    """The images of all groups, with a line of headings; what is not valid Unicode in a name is escaped."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Row._fields)
    for row in result.rows:
        writer.writerow([_cell(cell) for cell in row])
    return text.getvalue().encode("utf-8", "backslashreplace").decode()


def _cell(value: object) -> object:
    """No cell begins as a formula does, which a spreadsheet would run: a path may have ./ before it."""
    return f"./{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
