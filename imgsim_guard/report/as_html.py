"""The report for people as one self-contained HTML file with pictures.

Names of files come from strangers. Everything is escaped, the styles and the script are the only ones that the page's
own policy lets through, by their hashes, and nothing is fetched.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from textwrap import dedent
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.report.escaping import shown
from imgsim_guard.report.groups import Group, keeping, mutual_groups, proposal, removal, removals
from imgsim_guard.report.histogram import histogram
from imgsim_guard.report.text import headline, not_counted
from imgsim_guard.report.view import KINDS, STATUSES, Album, ShownImage, shown_pairs
from imgsim_guard.report.ways_out import ways_out
from imgsim_guard.report.wording import nearness

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import jinja2

    from imgsim_guard.model import Result
    from imgsim_guard.report.groups import Proposal
    from imgsim_guard.report.pictures import Pictures
    from imgsim_guard.report.view import ShownPair

LEAST_GROUP = 3
"""Images in a group that is worth showing where nothing is proposed: two are a pair, and shown as that."""


class _ShownGroup(NamedTuple):
    """The images, each with the lines of the script that keep and remove it. `keep`: the index of the proposed one."""

    images: tuple[tuple[ShownImage, str, str], ...]
    furthest: float
    keep: int | None
    why: str


def html_report(
    result: Result, pictures: Pictures, *, clean_up: bool = False, history: Mapping[str, int] | None = None
) -> str:
    """The result as a page. The same result and pictures give the same text.

    `clean_up`: propose which image of each group to keep. `history`: by path, numbers that grow with the time at which
    images were added, as far as known.
    """
    album = Album(pictures)
    pairs = shown_pairs(result, album)
    groups = [group for group in mutual_groups(result.matches) if clean_up or len(group.images) >= LEAST_GROUP]
    proposals = [proposal(group, pictures.images, history) if clean_up else None for group in groups]
    return _environment().get_template("report.html").render(
        result=result,
        headline=headline(result),
        left_open=[said for said, _ in not_counted(result)],
        ways_out=dedent("\n".join(ways_out(result))) if result.failed else "",
        sections=_sections(result, len(pairs), len(groups), clean_up=clean_up),
        new=result.scope in {"staged", "revisions"},
        pairs=pairs,
        compared=sum(album.compared(pair.match) for pair in pairs),
        laid=sum(pair.laid is not None for pair in pairs),
        filters=_filters(pairs),
        groups=[_shown_group(*both, album) for both in zip(groups, proposals, strict=True)],
        clean_up=clean_up,
        removals=removals(one for one in proposals if one is not None),
        histogram=histogram([distance for _, distance in result.nearest], result.bounds.threshold),
        previews=album.previews,
        **_own_code(),
    )  # fmt: skip


def _sections(result: Result, pairs: int, groups: int, *, clean_up: bool) -> list[tuple[str, str, int | None]]:
    """What the page holds, in order: the template's name, the title, and how many. What is to be done comes first."""
    about = [("distances", "Distances", None), ("groups", "Clean-up" if clean_up else "Groups", groups)]
    about = [section for section in about if section[0] != "groups" or groups]
    found: list[tuple[str, str, int | None]] = [("pairs", "Pairs", pairs)]
    if result.unreadable:
        found.append(("unreadable", "Unreadable", len(result.unreadable)))
    return [*about, *found] if clean_up else [*found, *reversed(about)]


def _shown_group(group: Group, proposed: Proposal | None, album: Album) -> _ShownGroup:
    images = tuple((album.image(image), keeping(image.path), removal(image.path)) for image in group.images)
    if proposed is None:
        return _ShownGroup(images, group.furthest, None, "")
    return _ShownGroup(images, group.furthest, group.images.index(proposed.keep), proposed.why)


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


@cache
def _environment() -> jinja2.Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        loader=PackageLoader("imgsim_guard.report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"shown": shown, "nearness": nearness, "number": "{:,}".format}
    environment.globals["KINDS"] = KINDS
    return environment


def _own_code() -> dict[str, str]:
    style, script = _part("report.css"), _part("report.js")
    return {"style": style, "script": script, "style_hash": _hash(style), "script_hash": _hash(script)}


def _part(name: str) -> str:
    return files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """As a Content-Security-Policy names an inline style or script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
