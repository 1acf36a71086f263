"""Each match in one sentence, for reports that give an image a line. Nothing in it can be obeyed by what shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsim_guard.report.escaping import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgsim_guard.model import Evidence, Match


def details(match: Match) -> str:
    """How near the two images are, what follows from it, and what verification saw."""
    return "; ".join([_nearness(match), *_circumstances(match), *_verified(match.evidence)])


def _nearness(match: Match) -> str:
    if match.query.content == match.gallery.content:
        return "same bytes"
    if match.kind == "exact-duplicate":
        return "same pixels"
    return f"distance {match.distance:.2f} (threshold {match.rule.threshold:g})"


def _circumstances(match: Match) -> Iterator[str]:
    if match.leakage:
        yield f"leakage: {shown(match.splits[0])} -> {shown(match.splits[1])}"
    if match.accepted is not None:
        yield f"accepted: {shown(match.accepted)}"
    elif match.counts and match.rule.on_match != "fail":
        yield "a warning only" if match.rule.on_match == "warn" else "ignored by a rule"


def _verified(evidence: Evidence | None) -> Iterator[str]:
    if evidence is None or evidence.outcome == "skipped":  # of which a note tells once for all
        return
    if evidence.outcome != "confirmed":
        yield f"{evidence.outcome}: {shown(evidence.reason)}"
        return
    yield shown(evidence.reason)
    if evidence.matching_points:
        yield f"{evidence.matching_points:,} matching points"
    yield f"{evidence.agreement:.0%} agree"
