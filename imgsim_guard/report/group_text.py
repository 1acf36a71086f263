"""Groups as text: each once, what is kept and what is a copy of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsim_guard.gate.groups import VIEWS, copies_in
from imgsim_guard.report.escaping import shown
from imgsim_guard.report.sizes import in_bytes, in_pixels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgsim_guard.model import Group, Member, Role

WORDS: dict[Role, str] = {
    "keep": "keep",
    "copy": "copy",
    "leakage": "LEAKAGE",
    "label-conflict": "LABEL CONFLICT",
    "left": "stays",
}


def group_lines(groups: Sequence[Group], width: int) -> Iterator[str]:
    """The groups, one line an image where that fits the width, else two."""
    for group in groups:
        for member in group.members:
            yield from _member(member, group.kept, width)


def sum_of(groups: Sequence[Group]) -> str:
    """How many copies there are, and what they take."""
    copies = copies_in(groups)
    if not copies:
        return ""
    holding = sum(bool(group.copies) for group in groups)
    size = in_bytes(sum(member.size for member in copies))
    of = f"{holding:,} of {len(groups):,} groups" if holding < len(groups) else counted(holding, "group", "groups")
    return f"{counted(len(copies), 'copy', 'copies')} in {of}, {size}"


def left_over(groups: Sequence[Group]) -> Iterator[str]:
    """What a clean-up leaves to a person, in sentences."""
    members = [member for group in groups for member in group.members]
    conflicts = sum(member.role == "label-conflict" for member in members)
    leaking = sum(member.role == "leakage" for member in members)
    if conflicts:
        yield f"{counted(conflicts, 'label conflict', 'label conflicts')}: the same image under two labels."
    if leaking:
        yield f"{counted(leaking, 'image', 'images')} leaking between splits."
    if views := sum(member.role == "left" and member.why in VIEWS.values() for member in members):
        yield f"{counted(views, 'view', 'views')} of what another image shows; clean --views moves them, too."


def _member(member: Member, first: Member, width: int) -> Iterator[str]:
    """A line or two. What an image matches is said where it is not the first of the group, above it."""
    path, kept = shown(member.image.path), member.role == "keep"
    other = f"matches {shown(member.of.path)}" if member.of not in (None, first.image) else ""
    facts = [in_pixels(member.width, member.height), in_bytes(member.size)] if member.width else []
    warned = ["a warning only"] if member.match is not None and member.match.rule.on_match == "warn" else []
    said = "; ".join(filter(None, [other, shown(member.why), *warned, ", ".join(facts)]))
    line = f"{'' if kept else '  '}{WORDS[member.role]}  {path}"
    if len(line) + 3 + len(said) <= width:
        yield f"{line}   {said}".rstrip()
    else:
        yield line
        yield f"        {said}"


def counted(count: int, one: str, many: str) -> str:
    """A number with the word for it."""
    return f"{count:,} {one if count == 1 else many}"
