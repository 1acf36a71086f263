"""A result as remarks, each about one image and with a severity. SARIF, JUnit and annotations are made from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from imgsim_guard.config.settings import FILE_NAME
from imgsim_guard.model import Unreadable
from imgsim_guard.report.escaping import shown
from imgsim_guard.report.text import WORDS
from imgsim_guard.report.wording import details

if TYPE_CHECKING:
    from imgsim_guard.model import Match, Result

Severity = Literal["error", "warning", "note"]
"""`error`: the check fails because of it. `warning`: it is allowed, by the limits or by a rule. `note`: it passes."""

Subject = Literal["exact-duplicate", "near-duplicate", "look-alike", "unreadable", "unchecked"]

TITLES: dict[Subject, str] = {
    "exact-duplicate": "exact duplicate",
    "near-duplicate": "near-duplicate",
    "look-alike": "look-alike",
    "unreadable": "unreadable",
    "unchecked": "not checked",
}


class Remark(NamedTuple):
    """What is said about the image at `path`; `match` is None unless it is about a pair."""

    subject: Subject
    severity: Severity
    path: str
    reason: str
    match: Match | None = None

    @property
    def sentence(self) -> str:
        """In full but for the path, and with nothing in it that a terminal would obey."""
        if self.match is None:
            return f"{TITLES[self.subject]}: {self.reason}"
        return f"{WORDS[self.match.kind]} {shown(self.match.gallery.path)}: {self.reason}"


def remarks(result: Result) -> list[Remark]:
    """The matches in their order, then the unreadable, then the unchecked.

    There is an error among them if and only if the check fails.
    """
    too_many = bool(result.exceeded)
    limits = result.limits
    return [
        *(
            Remark(match.kind, _severity(match, too_many=too_many), match.query.path, details(match), match)
            for match in result.matches
        ),
        *(_about("unreadable", path, why, fails=limits.unreadable_fails) for path, why in result.undecodable),
        *(_about("unchecked", path, why, fails=limits.unchecked_fails) for path, why in result.unchecked),
        *(_about("unchecked", FILE_NAME, _uncompared(result), fails=True) for _ in [0] if result.too_many_uncompared),
    ]


def _uncompared(result: Result) -> Unreadable:
    return Unreadable(f"{result.uncompared:,} images of the dataset were not compared, more than uncompared allows")


def _severity(match: Match, *, too_many: bool) -> Severity:
    if not match.counts or match.rule.on_match == "ignore":
        return "note"
    return "error" if match.blocking and too_many else "warning"


def _about(subject: Subject, path: str, why: Unreadable, *, fails: bool) -> Remark:
    return Remark(subject, "error" if fails else "warning", path, shown(why.reason))
