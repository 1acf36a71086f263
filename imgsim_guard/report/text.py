"""The report that a person reads: what, against what, how near, and the ways out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsim_guard.report.escaping import shell_word, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imgsim_guard.model import Kind, Match, Result, Scope

PLURALS: dict[Kind, str] = {"exact-duplicate": "exact duplicates", "near-duplicate": "near-duplicates"}
WORDS: dict[Kind, str] = {"exact-duplicate": "exact duplicate of", "near-duplicate": "near-duplicate of"}
QUERIES: dict[Scope, tuple[str, str]] = {
    "staged": ("new image", "new images"),
    "revisions": ("new image", "new images"),
    "all": ("image", "images"),
    "folders": ("image", "images"),
}


PATHS_IN_A_COMMAND = 5
"""As many as a person would read; the command for the rest is easy to write from them."""


def text_report(result: Result, *, seconds: float | None = None) -> str:
    """The whole report, ending in a newline. `seconds` is how long the check took, left out if None."""
    lines = [
        *(f"note: {shown(note)}" for note in result.notes),
        *_matches(result),
        *(f"{shown(path)}   unreadable: {shown(why.reason)}" for path, why in result.undecodable),
        *(f"{shown(path)}   not checked: {shown(why.reason)}" for path, why in result.unchecked),
        _summary(result, seconds),
        *(_ways_out(result) if result.failed else ()),
    ]
    return "\n".join(lines) + "\n"


def compare_report(first: str, others: Iterable[tuple[str, float]], *, threshold: float) -> str:
    """The distances of one image to others, a line each."""
    rows = [(shown(first), shown(other), distance) for other, distance in others]
    width = max(len(other) for _, other, _ in rows)
    lines = []
    for image, other, distance in rows:
        verdict = "near-duplicates" if distance <= threshold else "different"
        lines.append(f"{image}   {other:{width}}   distance {distance:5.2f}   {verdict} (threshold {threshold:g})")
    return "\n".join(lines) + "\n"


def _matches(result: Result) -> Iterator[str]:
    rows = [(shown(match.query.path), WORDS[match.kind], shown(match.gallery.path), match) for match in result.matches]
    query_width = max((len(query) for query, *_ in rows), default=0)
    gallery_width = max((len(gallery) for _, _, gallery, _ in rows), default=0)
    for query, words, gallery, match in rows:
        yield f"{query:{query_width}}   {words:18}   {gallery:{gallery_width}}   {_nearness(match, result)}"


def _nearness(match: Match, result: Result) -> str:
    if match.query.content == match.gallery.content:
        return "same bytes"
    if match.kind == "exact-duplicate":
        return "same pixels"
    return f"distance {match.distance:.2f} (threshold {result.threshold:g})"


def _summary(result: Result, seconds: float | None) -> str:
    found = [
        f"{result.count(kind):,} {_plural(result.count(kind), PLURALS[kind])}" for kind in PLURALS if result.count(kind)
    ]
    if result.undecodable:
        found.append(f"{len(result.undecodable):,} unreadable")
    if result.unchecked:
        found.append(f"{len(result.unchecked):,} not checked")
    queries = f"{result.queries:,} {QUERIES[result.scope][result.queries != 1]}"
    took = "" if seconds is None else f" in {seconds:.1f} s"
    what = " and ".join(found) or "no near-duplicates"
    allowed = " (allowed by the configuration)" if found and not result.failed else ""
    return f"{what} among {queries}, checked against {result.gallery:,}{took}{allowed}."


def _ways_out(result: Result) -> Iterator[str]:
    paths = {match.query.path for match in result.matches} | {path for path, _ in result.undecodable}
    in_dvc = sorted(paths & {*result.in_dvc})
    others = sorted(paths - {*in_dvc})
    if others and result.scope == "staged":
        yield f"  drop it:    git reset -- {_words(others)}"
    elif others and result.scope in {"revisions", "all"}:
        yield f"  drop it:    git rm --cached -- {_words(others)}"
    if in_dvc:
        yield f"  drop it:    rm -- {_words(in_dvc)}"
        yield "              then dvc add what held it, and git add the .dvc file"
    if result.scope == "staged":
        yield "  keep it:    SKIP=imgsim-guard git commit    (for once; with a plain git hook: git commit --no-verify)"
    if result.scope != "folders":
        settings = ["threshold", "max_near_duplicates", "unreadable", *(["unchecked"] if result.unchecked else [])]
        yield f"  allow more: see {', '.join(settings)} and images in .imgsim-guard.yaml"


def _words(paths: list[str]) -> str:
    """All of them on the command line while that can be read, else the first and how many more."""
    some = " ".join(shell_word(_pathspec(path)) for path in paths[:PATHS_IN_A_COMMAND])
    return (
        some
        if len(paths) <= PATHS_IN_A_COMMAND
        else f"{some}    (and {len(paths) - PATHS_IN_A_COMMAND:,} more, listed above)"
    )


def _pathspec(path: str) -> str:
    """What git reads as this path and no other: some characters would make it a pattern."""
    return f":(literal){path}" if path.startswith(":") or set(path) & set("*?[\\") else path


def _plural(count: int, plural: str) -> str:
    return plural.removesuffix("s") if count == 1 else plural
