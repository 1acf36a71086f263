"""A page with the pictures of what the hook refuses, in the user's cache: most terminals open its address."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.model import GuardError
from imgsim_guard.system.cache_folder import cache_folder
from imgsim_guard.system.files import replace_file

if TYPE_CHECKING:
    from imgsim_guard.model import Result
    from imgsim_guard.sources.source import Source

FOLDER = "refused"
MOST_PAGES = 10
MOST_PAIRS = 20
"""Pairs with pictures: drawing them takes a twentieth of a second each, and somebody is waiting."""


def page_of_refusal(result: Result, pictures: Source) -> str:
    """The address of a page of what is refused; empty where there is no pair to show, or no page can be written.

    The last MOST_PAGES pages are kept. The same refusal has the same page.
    """
    if not result.matches:
        return ""
    from imgsim_guard.report.as_html import html_report
    from imgsim_guard.report.pictures import illustrate
    from imgsim_guard.report.view import by_importance

    matches = by_importance(result.matches)
    page = html_report(replace(result, matches=tuple(matches)), illustrate(matches[:MOST_PAIRS], pictures)).encode()
    with suppress(OSError, GuardError):  # a convenience: the verdict stands without it
        folder = Path(cache_folder(), FOLDER).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{hashlib.sha256(page).hexdigest()[:32]}.html"
        replace_file(path, page)
        _forget_old(folder, path)
        return path.as_uri()
    return ""


def _forget_old(folder: Path, newest: Path) -> None:
    """Remove all pages but the last ones."""
    pages = sorted(folder.glob("*.html"), key=lambda page: (page == newest, page.stat().st_mtime_ns))
    for page in pages[:-MOST_PAGES]:
        page.unlink(missing_ok=True)
