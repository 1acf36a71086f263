"""What `similar` and `sort` say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsim_guard.report.escaping import shell_word, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from imgsim_guard.gate.similar import Near
    from imgsim_guard.model import Image, Unreadable

NAMED = 3
"""Images of a group that are named."""


def similar_text(queries: Iterable[Image], nearest: Iterable[Sequence[Near]], compared: int) -> str:
    """The nearest images of each query, with their distances; `compared`: how many images were looked through."""
    lines = []
    for query, some in zip(queries, nearest, strict=True):
        lines.append(shown(query.path))
        lines += [f"  {near.distance:5.2f}  {shown(near.image.path)}" for near in some]
    lines.append(f"looked through {_images(compared)} by AugNet's distance: 0 is the same, about 32 unrelated.")
    return "\n".join(lines) + "\n"


def sorted_text(groups: Sequence[Sequence[Near]], distance: float, folder: str | None) -> str:
    """The groups, the largest first, and where they are."""
    several = [group for group in groups if len(group) > 1]
    within = f"{len(several):,} {'group' if len(several) == 1 else 'groups'} within a distance of {distance:g}"
    single = len(groups) - len(several)
    where = "" if folder is None else f"; see {shell_word(folder)}"
    total = sum(map(len, groups))
    return "\n".join([*_lines(several), f"{_images(total)}: {within}, {single:,} in none{where}."]) + "\n"


def left_out_text(notes: Iterable[str], unreadable: Mapping[str, Unreadable]) -> str:
    """What was not looked at, and why."""
    lines = [f"note: {shown(note)}\n" for note in notes]
    lines += [f"{shown(path)}   unreadable: {shown(why.reason)}\n" for path, why in sorted(unreadable.items())]
    return "".join(lines)


def _lines(groups: Iterable[Sequence[Near]]) -> Iterator[str]:
    for group in groups:
        names = ", ".join(shown(near.image.path) for near in group[:NAMED])
        yield f"{_images(len(group))}: {names}{', ...' if len(group) > NAMED else ''}"


def _images(count: int) -> str:
    return f"{count:,} {'image' if count == 1 else 'images'}"
