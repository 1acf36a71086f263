"""The report for GitHub Actions: workflow commands, which become annotations of the commit."""

from __future__ import annotations

import hashlib
import html
from typing import TYPE_CHECKING

from imgsim_guard.report.escaping import shown
from imgsim_guard.report.remarks import TITLES, remarks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgsim_guard.model import Result
    from imgsim_guard.report.remarks import Remark, Severity

MAX_ANNOTATIONS = 10
"""Of each level GitHub shows no more for one step of a job, and says nothing of the rest."""

LARGEST_SUMMARY = 500_000
"""Bytes: half of what GitHub takes for a step."""


def github_report(result: Result) -> str:
    """An annotation for each of the first images that fail or are warned of, and one that sums up.

    Each line ends in a newline; none holds anything but its own command, whatever a file is called.
    """
    about = remarks(result)
    errors, warnings = _by_path(about, "error"), _by_path(about, "warning")
    lines = [*_annotations("error", errors), *_annotations("warning", warnings), _summary(result, errors, warnings)]
    return "".join(f"{line}\n" for line in lines)


def step_summary(text: str, *, failed: bool) -> str:
    """The text report as the summary of a step, in Markdown: preformatted and escaped, so that no name of a file in it
    is read as Markdown or HTML. What GitHub would not take, more than LARGEST_SUMMARY bytes, is cut off.
    """
    escaped = html.escape(text).encode("utf-8", "backslashreplace")
    if len(escaped) > LARGEST_SUMMARY:
        whole = escaped[:LARGEST_SUMMARY].rpartition(b"\n")[0]
        escaped = whole + b"\n... and more\n"
    return f"### imgsim-guard {'failed' if failed else 'passed'}\n\n<pre>\n{escaped.decode()}</pre>\n\n"


def fenced(text: str) -> str:
    """The text, which ends in a newline, so that GitHub runs none of the commands that names of files in it may spell.

    The word that ends the fence is a digest of the text, so that nothing within the text can be that word.
    """
    word = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
    return f"::stop-commands::{word}\n{text}::{word}::\n"


def _by_path(about: Sequence[Remark], severity: Severity) -> list[list[Remark]]:
    found: dict[str, list[Remark]] = {}
    for remark in about:
        if remark.severity == severity:
            found.setdefault(remark.path, []).append(remark)
    return list(found.values())


def _annotations(command: str, images: Sequence[Sequence[Remark]]) -> Iterator[str]:
    for about in images[:MAX_ANNOTATIONS]:
        more = f" (and {len(about) - 1:,} more)" if len(about) > 1 else ""
        path, title = _property(about[0].path), _property(TITLES[about[0].subject])
        yield f"::{command} file={path},title={title}::{_data(about[0].sentence + more)}"


def _summary(result: Result, errors: Sequence[object], warnings: Sequence[object]) -> str:
    verdict = "failed" if result.failed else "passed"
    counted = f"{len(errors):,} with errors and {len(warnings):,} with warnings among {result.queries:,} images"
    cut = (
        f"; at most {MAX_ANNOTATIONS} of each are annotated"
        if max(len(errors), len(warnings)) > MAX_ANNOTATIONS
        else ""
    )
    return f"::notice title=imgsim-guard::{verdict}: {counted}, checked against {result.gallery:,}{cut}"


def _data(text: str) -> str:
    """As actions/toolkit escapes the message of a command (packages/core/src/command.ts)."""
    return shown(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """As actions/toolkit escapes the value of a property."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
