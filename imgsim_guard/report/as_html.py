"""The report for people as one self-contained HTML file with pictures.

Names of files come from strangers. Everything is escaped, the styles and the script are the only ones that the page's
own policy lets through, by their hashes, and nothing is fetched.
"""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.report.escaping import shown
from imgsim_guard.report.group_text import sum_of
from imgsim_guard.report.histogram import histogram
from imgsim_guard.report.page import page_of
from imgsim_guard.report.text import headline, not_counted
from imgsim_guard.report.view import KINDS, STATUSES, Album, ShownImage, shown_pairs
from imgsim_guard.report.ways_out import ways_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from imgsim_guard.model import Group, Image, Member, Result, Role
    from imgsim_guard.report.pictures import Pictures
    from imgsim_guard.report.view import ShownPair

ROLES: dict[Role, str] = {
    "label-conflict": "Label conflict",
    "leakage": "Leakage",
    "copy": "Copy",
    "left": "Stays",
    "keep": "Keep",
}
"""What becomes of an image, the most important first."""


class _ShownGroup(NamedTuple):
    """The images, each with what becomes of it and why; `words`: what the filters look at."""

    members: tuple[tuple[ShownImage, Member], ...]
    roles: tuple[Role, ...]
    splits: tuple[str, ...]
    labels: tuple[str, ...]
    words: str


def html_report(result: Result, pictures: Pictures, *, clean_up: bool = False) -> str:
    """The result as a page. The same result and pictures give the same text.

    `clean_up`: offer to choose which images of each group stay, and to save that for `clean --plan`.
    """
    album = Album(pictures)
    groups = [_shown_group(group, album) for group in sorted(result.groups, key=_importance)]
    pairs = shown_pairs(result, album)
    return page_of(
        "report.html",
        result=result,
        headline=headline(result),
        left_open=[said for said, _ in not_counted(result)],
        ways_out=dedent("\n".join(ways_out(result))) if result.failed else "",
        sections=_sections(result, len(pairs), len(groups)),
        new=result.scope in {"staged", "revisions"},
        pairs=pairs,
        compared=sum(album.compared(pair.match) for pair in pairs),
        laid=sum(pair.laid is not None for pair in pairs),
        filters=_filters(pairs),
        groups=groups,
        group_filters=_group_filters(groups),
        sum=sum_of(result.groups),
        clean_up=clean_up,
        histogram=histogram([distance for _, distance in result.nearest], result.bounds.threshold),
        previews=album.previews,
        KINDS=KINDS,
        ROLES=ROLES,
    )  # fmt: skip


def _sections(result: Result, pairs: int, groups: int) -> list[tuple[str, str, int | None]]:
    """What the page holds, in order: the template's name, the title, and how many. What is to be done comes first."""
    found: list[tuple[str, str, int | None]] = [("groups", "Groups", groups)] if groups else []
    found.append(("pairs", "Pairs", pairs))
    if result.unreadable:
        found.append(("unreadable", "Unreadable", len(result.unreadable)))
    return (
        [*found, ("distances", "Distances", None)]
        if result.nearest or not (result.failed or result.bounds.retrieve == "hashes")
        else found
    )


def _importance(group: Group) -> tuple[bool, bool, int, Image]:
    """What wants a person first: label conflicts, leakage, then the largest groups."""
    roles = {member.role for member in group.members}
    return "label-conflict" not in roles, "leakage" not in roles, -len(group.members), group.kept.image


def _shown_group(group: Group, album: Album) -> _ShownGroup:
    members = tuple((album.image(member.image), member) for member in group.members)
    roles = {member.role for member in group.members}
    return _ShownGroup(
        members,
        tuple(role for role in ROLES if role in roles),
        tuple(sorted({shown(member.split) for member in group.members} - {""})),
        tuple(sorted({shown(member.label) for member in group.members} - {""})),
        "\n".join(image.path for image, _ in members).lower(),
    )


def _group_filters(groups: Sequence[_ShownGroup]) -> dict[str, Sequence[str]]:
    """What there is to choose from; nothing where all groups are alike."""
    roles = {role for group in groups for role in group.roles}
    choices: dict[str, Sequence[str]] = {
        "role": [role for role in ROLES if role in roles and role != "keep"],
        "split": sorted({split for group in groups for split in group.splits}),
        "label": sorted({label for group in groups for label in group.labels}),
    }
    return {name: values for name, values in choices.items() if len(values) > 1}


def _filters(pairs: Sequence[ShownPair]) -> dict[str, Sequence[str]]:
    """What there is to choose from; nothing where all pairs are alike."""
    kinds = {pair.match.kind for pair in pairs}
    statuses = {pair.status for pair in pairs}
    choices: dict[str, Sequence[str]] = {
        "kind": [kind for kind in KINDS if kind in kinds],
        "status": [status for status in STATUSES if status in statuses],
        "splits": _sorted(pair.splits for pair in pairs),
    }
    return {name: values for name, values in choices.items() if len(values) > 1}


def _sorted(words: Iterable[str]) -> list[str]:
    """Those of leakage first."""
    return sorted({*words}, key=lambda word: ("→" not in word, word))
