"""How all reports describe a match. File names are escaped, so that no terminal obeys them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsim_guard.report.escaping import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgsim_guard.model import Evidence, Match


BY_PIXELS = "confirmed by pixels"


def details(match: Match) -> str:
    """In one sentence: how near the two images are, what applies to the match, and what verification found."""
    found = match.evidence
    verified = [] if found is None or found.outcome == "skipped" else [explained(found)]  # a note covers those
    return "; ".join([nearness(match), *circumstances(match), *verified])


def nearness(match: Match) -> str:
    """How near the two images are."""
    if match.query.content == match.gallery.content:
        return "same bytes"
    if match.kind == "exact-duplicate":
        return "same pixels"
    if not match.measured:
        return BY_PIXELS
    return f"distance {match.distance:.2f} (threshold {match.rule.threshold:g})"


def circumstances(match: Match) -> Iterator[str]:
    """What else applies: leakage, a label conflict, why it was accepted, and what its rule says."""
    if match.leakage:
        yield f"leakage: {shown(match.splits[0])} -> {shown(match.splits[1])}"
    if match.label_conflict:
        yield f"label conflict: {shown(match.labels[0])} and {shown(match.labels[1])}"
    if match.accepted is not None:
        yield f"accepted: {shown(match.accepted)}"
    elif match.counts and match.rule.on_match != "fail":
        yield "a warning only" if match.rule.on_match == "warn" else "ignored by a rule"


def explained(evidence: Evidence) -> str:
    """What verification found."""
    if evidence.outcome != "confirmed":
        return f"{evidence.outcome}: {shown(evidence.reason)}"
    points = f"{evidence.matching_points:,} matching points, " if evidence.matching_points else ""
    relation = f"{evidence.relation}: " if evidence.relation in {"overlapping view", "same scene"} else ""
    return f"{relation}{shown(evidence.reason)}; {points}{evidence.agreement:.0%} of the content matches"
