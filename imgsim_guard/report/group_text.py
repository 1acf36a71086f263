"""Groups as text: each once, what is kept and what is a copy of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsim_guard.gate.groups import copies_in
from imgsim_guard.report.escaping import shown
from imgsim_guard.report.sizes import in_bytes, in_pixels
from imgsim_guard.report.wording import nearness

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgsim_guard.model import Group, Match, Member, Role

WORDS: dict[Role, str] = {
    "keep": "keep",
    "copy": "copy",
    "leakage": "LEAKAGE",
    "label-conflict": "LABEL CONFLICT",
    "left": "stays",
}

NOTABLE = 0.03
"""What changes by less is the rounding of saving a picture again."""

NOTABLE_DEGREES = 0.7


def group_lines(groups: Sequence[Group], width: int) -> Iterator[str]:
    """The groups, one line an image where that fits the width, else two."""
    for group in groups:
        for member in group.members:
            yield from _member(member, width)


def sum_of(groups: Sequence[Group]) -> str:
    """How many copies there are, and what they take."""
    copies = copies_in(groups)
    if not copies:
        return ""
    holding = sum(bool(group.copies) for group in groups)
    size = in_bytes(sum(member.size for member in copies))
    return f"{_counted(len(copies), 'copy', 'copies')} in {_counted(holding, 'group', 'groups')}, {size}"


def left_over(groups: Sequence[Group]) -> Iterator[str]:
    """What a clean-up leaves to a person, in sentences."""
    members = [member for group in groups for member in group.members]
    conflicts = sum(member.role == "label-conflict" for member in members)
    leaking = sum(member.role == "leakage" for member in members)
    if conflicts:
        yield f"{_counted(conflicts, 'label conflict', 'label conflicts')}: the same image under two labels."
    if leaking:
        yield f"{_counted(leaking, 'image', 'images')} leaking between splits."


def reason(member: Member) -> str:
    """How a copy was made of the image that is kept, or why another image stays."""
    match = member.match
    if match is None or member.role != "copy":
        return shown(member.why)
    if match.kind == "exact-duplicate":
        return nearness(match)
    if match.evidence is None or match.evidence.outcome != "confirmed":
        return nearness(match)
    if match.query == member.image:
        return shown(match.evidence.reason)
    return "the same picture" + "".join(f", {words}" for words in _made(match))


def _made(match: Match) -> Iterator[str]:
    """What was done to the gallery image's counterpart, the other way round than verification says it."""
    found = match.evidence.transform if match.evidence is not None else None
    if found is None:
        return
    if found.mirrored:
        yield "mirrored"
    if abs(found.rotation) > NOTABLE_DEGREES:
        yield f"rotated {abs(found.rotation):.3g} degrees"
    if found.shown < 1 - NOTABLE:
        yield f"cropped to {found.shown:.0%}"
    if found.covered < 1 - NOTABLE:
        yield f"part of a larger picture ({found.covered:.0%} of it)"
    if found.scale and abs(1 / found.scale - 1) > NOTABLE:
        yield f"scaled to {1 / found.scale:.0%}"


def _member(member: Member, width: int) -> Iterator[str]:
    path, kept = shown(member.image.path), member.role == "keep"
    facts = [in_pixels(member.width, member.height), in_bytes(member.size)] if member.width else []
    said = "; ".join([*filter(None, [member.why if kept else reason(member)]), ", ".join(facts)])
    line = f"{'' if kept else '  '}{WORDS[member.role]}  {path}"
    if len(line) + 3 + len(said) <= width:
        yield f"{line}   {said}".rstrip()
    else:
        yield line
        yield f"        {said}"


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
