"""The report for people, as text: which image is a copy of which, how near they are, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsim_guard.report.escaping import shown
from imgsim_guard.report.group_text import group_lines, left_over, sum_of
from imgsim_guard.report.ways_out import ROOT, Standing, ways_out
from imgsim_guard.report.wording import BY_PIXELS, circumstances, explained, nearness

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from imgsim_guard.model import Kind, Match, Result, Scope

WORDS: dict[Kind, str] = {
    "exact-duplicate": "exact duplicate of",
    "near-duplicate": "near-duplicate of",
    "look-alike": "look-alike of",
}
BLOCKING: dict[Kind, str] = {"exact-duplicate": "exact duplicates", "near-duplicate": "near-duplicates"}
QUERIES: dict[Scope, tuple[str, str]] = {
    "staged": ("new image", "new images"),
    "revisions": ("new image", "new images"),
    "named": ("image", "images"),
    "all": ("image", "images"),
    "folders": ("image", "images"),
}


WIDTH = 100
"""Characters of a line, unless a terminal says otherwise."""


def text_report(  # noqa: PLR0913  how it is to be shown
    result: Result,
    *,
    seconds: float | None = None,
    look_alikes: bool = False,
    width: int = WIDTH,
    clean: str = "",
    standing: Standing = ROOT,
) -> str:
    """The whole report, ending in a newline. Where all images are compared with one another, they are shown as groups,
    else as pairs.

    `width`: of a line. `clean`: the command that would move the copies. `seconds`: how long the check took, left out if
    None. `look_alikes`: also list look-alikes, accepted and ignored pairs, and every distance. `standing`: where the
    reader is.
    """
    in_groups = bool(result.groups) and result.scope in {"folders", "all"}
    matches = [match for match in result.matches if _is_listed(match, look_alikes=look_alikes)]
    if in_groups:
        matches = [match for match in matches if not match.counts or match.rule.on_match == "ignore"]
    lines = [
        *(f"note: {shown(note)}" for note in result.notes),
        *(group_lines(result.groups, width) if in_groups else ()),
        *_rows(matches, {} if in_groups else dict(result.not_looked_at), numbers=look_alikes),
        *(f"{shown(path)}   unreadable: {shown(why.reason)}" for path, why in result.undecodable),
        *(f"{shown(path)}   not checked: {shown(why.reason)}" for path, why in result.unchecked),
        " ".join([headline(result, seconds), *_left_open(result, listed=look_alikes, in_groups=in_groups)]),
        *(left_over(result.groups) if in_groups else ()),
        *(_sum(result, clean) if in_groups else ()),
        *(ways_out(result, standing) if result.failed else ()),
    ]
    return "\n".join(lines) + "\n"


def _sum(result: Result, clean: str) -> Iterator[str]:
    if said := sum_of(result.groups):
        yield said
        if clean:
            yield f"  see what would be moved:  {clean}"


def compare_report(matches: Iterable[Match]) -> str:
    """How one image relates to others, two lines each. A pair that is no match is given as a look-alike."""
    return "".join(f"{line}\n" for line in _rows(list(matches), numbers=True))


def _is_listed(match: Match, *, look_alikes: bool) -> bool:
    return look_alikes or (match.kind != "look-alike" and match.accepted is None and match.rule.on_match != "ignore")


def _rows(matches: Sequence[Match], not_looked_at: Mapping[str, int] | None = None, *, numbers: bool) -> Iterator[str]:
    last = {match.query.path: match for match in matches}
    left = {id(match): (not_looked_at or {}).get(path, 0) for path, match in last.items()}
    rows = [(shown(match.query.path), _words(match), shown(match.gallery.path), match) for match in matches]
    query_width = max((len(query) for query, *_ in rows), default=0)
    gallery_width = max((len(gallery) for _, _, gallery, _ in rows), default=0)
    for query, words, gallery, match in rows:
        yield f"{query:{query_width}}   {words:18}   {gallery:{gallery_width}}   {_how_near(match, numbers=numbers)}"
        if match.evidence is not None and match.evidence.outcome != "skipped":  # one note covers all skipped pairs
            yield f"{'':{query_width}}   {explained(match.evidence)}"
        if more := left.get(id(match)):
            yield f"{'':{query_width}}   and {more:,} more within reach, not looked at"


def _words(match: Match) -> str:
    return (
        WORDS[match.kind] if match.kind != "look-alike" or match.distance <= match.rule.threshold else "different from"
    )


def _how_near(match: Match, *, numbers: bool) -> str:
    """`numbers`: give the distance also where it did not decide, because it is beyond the threshold."""
    by_pixels = match.kind == "near-duplicate" and match.distance > match.rule.threshold
    near = [BY_PIXELS] if by_pixels and match.measured else []
    return ", ".join(
        [*near, *([nearness(match)] if numbers or not by_pixels or not match.measured else []), *circumstances(match)]
    )


def headline(result: Result, seconds: float | None = None) -> str:
    """The result in one sentence."""
    found = [
        f"{result.count(kind):,} {_plural(result.count(kind), plural)}"
        for kind, plural in BLOCKING.items()
        if result.count(kind)
    ]
    if both := len(result.counted("exact-duplicate") & result.counted("near-duplicate")):
        found[-1] += f" ({both:,} {'image is' if both == 1 else 'images are'} both)"
    if result.undecodable:
        found.append(f"{len(result.undecodable):,} unreadable")
    if result.unchecked:
        found.append(f"{len(result.unchecked):,} not checked")
    if result.too_many_uncompared:
        found.append(f"{result.uncompared:,} of the dataset not compared")
    queries = f"{result.queries:,} {QUERIES[result.scope][result.queries != 1]}"
    took = "" if seconds is None else f" in {seconds:.1f} s"
    what = " and ".join(filter(None, [", ".join(found[:-1]), *found[-1:]])) or "no near-duplicates"
    allowed = " (allowed by the configuration)" if found and not result.failed else ""
    return f"{what} among {queries}, checked against {result.gallery:,}{took}{allowed}."


def _left_open(result: Result, *, listed: bool, in_groups: bool) -> Iterator[str]:
    for said, unlisted in not_counted(result, leakage=not in_groups):
        yield f"{said.removesuffix('.')} (--verbose lists them)." if unlisted and not listed else said


def not_counted(result: Result, *, leakage: bool = True) -> Iterator[tuple[str, bool]]:
    """Sentences for what the headline does not count, each with whether its matches are listed with --verbose only.

    `leakage`: not where groups tell of it, which count each image once.
    """
    if leakage and (leaking := _queries(match for match in result.matches if match.leakage and match.counts)):
        yield f"{leaking:,} {'is' if leaking == 1 else 'are'} leakage between splits.", False
    if alike := result.count("look-alike"):
        yield f"{alike:,} only look alike.", True
    if more := sum(count for _, count in result.not_looked_at):
        yield f"{more:,} more within reach, not looked at (--all-pairs looks at all).", False
    if accepted := _queries(match for match in result.matches if match.accepted is not None):
        yield f"{accepted:,} accepted.", True
    if ignored := _queries(match for match in result.matches if match.counts and match.rule.on_match == "ignore"):
        yield f"{ignored:,} ignored by a rule.", True


def _queries(matches: Iterable[Match]) -> int:
    return len({match.query for match in matches})


def _plural(count: int, plural: str) -> str:
    return plural.removesuffix("s") if count == 1 else plural
