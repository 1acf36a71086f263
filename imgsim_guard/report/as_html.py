"""The report for people as one self-contained HTML file with pictures.

Names of files come from strangers. Everything is escaped, the styles and the script are the only ones that the page's
own policy lets through, by their hashes, and nothing is fetched.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.gate.groups import copies_in
from imgsim_guard.report.escaping import shown
from imgsim_guard.report.group_text import counted, left_over, sum_of
from imgsim_guard.report.histogram import histogram
from imgsim_guard.report.page import page_of
from imgsim_guard.report.text import headline, not_counted
from imgsim_guard.report.view import KINDS, STATUSES, Album, ShownImage, shown_pairs
from imgsim_guard.report.ways_out import ways_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

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


MOST_PAIRS = 1000
"""That a page shows of those that its groups have, too: with more it loads slowly, and nobody looks at all."""

MOST_FOLDERS = 60
"""To choose from."""

UNIT = re.compile(r" (?=[kMG]?B$)")
"""The space before a unit, at which no line should end."""


WAY_OUT = re.compile(r"  (?P<name>\S[^:]*): +")
"""How the line of a way out begins."""


class _ShownGroup(NamedTuple):
    """The images, each with what becomes of it and why, the number of the pair that shows it beside the image that it
    matches, and that image's place in the group. `words`, `folders`: what the filters look at.
    """

    members: tuple[tuple[ShownImage, Member, int | None, int | None], ...]
    roles: tuple[Role, ...]
    folders: tuple[str, ...]
    splits: tuple[str, ...]
    labels: tuple[str, ...]
    words: str


def html_report(result: Result, pictures: Pictures, *, clean_up: bool = False) -> str:
    """The result as a page. The same result and pictures give the same text.

    `clean_up`: offer to choose which images of each group stay, and to save that for `clean --plan`.
    """
    album = Album(pictures)
    in_order = sorted(result.groups, key=_importance)
    for group in in_order:  # their previews come first in the file, so that they are there first
        for member in group.members:
            album.image(member.image)
    pairs_in_all = shown_pairs(result, album)
    pairs = _most(pairs_in_all) if in_order else pairs_in_all
    numbers = {(pair.match.query, pair.match.gallery): number for number, pair in enumerate(pairs, start=1)}
    shorten = _shortened(member.image for group in in_order for member in group.members)
    groups = [_shown_group(group, album, numbers, shorten) for group in in_order]
    head, more = _head(result)
    return page_of(
        "report.html",
        title="scan" if result.scope == "folders" else "failed" if result.failed else "passed",
        scripted=True,
        result=result,
        headline=head,
        left_open=more,
        ways_out=_ways_out(result) if result.failed else [],
        sections=_sections(result, len(pairs_in_all), len(groups)),
        new=result.scope in {"staged", "revisions"},
        pairs=pairs,
        pairs_in_all=len(pairs_in_all),
        compared=sum(album.compared(pair.match) for pair in pairs),
        laid=sum(pair.laid is not None for pair in pairs),
        filters=_filters(pairs),
        groups=groups,
        group_filters=_group_filters(groups),
        sum="" if _is_for_cleaning(result) else sum_of(result.groups),
        copies=len(copies_in(result.groups)),
        clean_up=clean_up,
        histogram=histogram([distance for _, distance in result.nearest], result.bounds.threshold),
        previews=album.previews,
        KINDS=KINDS,
        ROLES=ROLES,
    )  # fmt: skip


def _ways_out(result: Result) -> list[tuple[str, list[str]]]:
    """Each way out by its name, and the commands that it takes."""
    found: list[tuple[str, list[str]]] = []
    for line in ways_out(result):
        if start := WAY_OUT.match(line):
            found.append((start["name"], [line[start.end() :]]))
        else:  # a further line of the same
            found[-1][1].append(line.strip())
    return found


def _sections(result: Result, pairs: int, groups: int) -> list[tuple[str, str, int | None]]:
    """What the page holds, in order: the template's name, the title, and how many. What is to be done comes first."""
    found: list[tuple[str, str, int | None]] = [("groups", "Groups", groups)] if groups else []
    found.append(("pairs", "Pairs", pairs))
    if not _is_for_cleaning(result):
        found.reverse()  # whose commit is refused wants to see the pair
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


def _is_for_cleaning(result: Result) -> bool:
    """Whether everything was compared with everything, so that the groups are what there is to do."""
    return result.scope in {"folders", "all"}


def _head(result: Result) -> tuple[str, list[str]]:
    """The sentence that the page begins with, and those that follow."""
    if not _is_for_cleaning(result) or not result.groups:
        return headline(result), [said for said, _ in not_counted(result)]
    copies = UNIT.sub("\N{NO-BREAK SPACE}", sum_of(result.groups)) or "no copy that may go"
    unreadable = len(result.unreadable)
    return f"{copies}, among {counted(result.queries, 'image', 'images')}.", [
        *left_over(result.groups),
        *([f"{counted(unreadable, 'image', 'images')} could not be read."] if unreadable else []),
        *(said for said, _ in not_counted(result, leakage=False)),
    ]


def _most(pairs: Sequence[ShownPair]) -> list[ShownPair]:
    """The first of those that the groups have, too, and the first of the others."""
    in_groups = [pair for pair in pairs if pair.match.counts]
    others = [pair for pair in pairs if not pair.match.counts]
    return in_groups[:MOST_PAIRS] + others[:MOST_PAIRS]


def _shortened(images: Iterable[Image]) -> Callable[[str], str]:
    """What gives the folder of a path, with only so many levels that there are not too many folders to choose from."""
    folders = {PurePosixPath(shown(image.path)).parent.parts for image in images}
    deepest = max(map(len, folders), default=0)
    depth = next((n for n in range(deepest, 0, -1) if len({parts[:n] for parts in folders}) <= MOST_FOLDERS), 0)
    return lambda path: str(PurePosixPath(*PurePosixPath(path).parent.parts[:depth]))


def _shown_group(
    group: Group, album: Album, numbers: Mapping[tuple[Image, Image], int], shorten: Callable[[str], str]
) -> _ShownGroup:
    places: dict[Image | None, int] = {member.image: place for place, member in enumerate(group.members)}
    members = tuple(
        (album.image(member.image), member, _pair(member, numbers), places.get(member.of)) for member in group.members
    )
    roles = {member.role for member in group.members}
    return _ShownGroup(
        members,
        tuple(role for role in ROLES if role in roles),
        tuple(sorted({shorten(image.path) for image, *_ in members})),
        tuple(sorted({shown(member.split) for member in group.members} - {""})),
        tuple(sorted({shown(member.label) for member in group.members} - {""})),
        "\n".join(image.path for image, *_ in members).lower(),
    )


def _pair(member: Member, numbers: Mapping[tuple[Image, Image], int]) -> int | None:
    """The number of the pair that shows an image beside the one that stays instead."""
    match = member.match
    if match is None:
        return None
    return numbers.get((match.query, match.gallery)) or numbers.get((match.gallery, match.query))


def _group_filters(groups: Sequence[_ShownGroup]) -> dict[str, Sequence[str]]:
    """What there is to choose from; nothing where all groups are alike."""
    roles = {role for group in groups for role in group.roles}
    choices: dict[str, Sequence[str]] = {
        "role": [role for role in ROLES if role in roles and role != "keep"],
        "folder": sorted({folder for group in groups for folder in group.folders}),
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
