"""What `clean` says: what would move, what has moved, and what was put back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsim_guard.report.escaping import shell_word, shown
from imgsim_guard.report.group_text import counted, group_lines, left_over, sum_of
from imgsim_guard.report.sizes import in_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from imgsim_guard.gate.cleaning.manifest import Move
    from imgsim_guard.gate.cleaning.moving import Problem
    from imgsim_guard.gate.cleaning.plan import Going
    from imgsim_guard.model import Result


def plan_text(result: Result, files: Sequence[Going], *, folder: str, command: str, width: int) -> str:
    """The groups, what would move, and the command that moves it."""
    lines = [
        *(f"note: {shown(note)}" for note in result.notes),
        *(f"{shown(path)}   unreadable, stays: {shown(why.reason)}" for path, why in result.unreadable),
        *group_lines(result.groups, width),
        *left_over(result.groups),
    ]
    if not files:
        return "\n".join([*lines, f"Nothing to move among {counted(result.queries, 'image', 'images')}."]) + "\n"
    with_them = "".join(f", with {said}" for said in _others(files))
    lines.append(f"{sum_of(result.groups)}{with_them}, would move to {shell_word(folder)}. Nothing was moved.")
    return "\n".join([*lines, f"  move them:  {command}"]) + "\n"


def moved_text(files: Sequence[Going], problems: Sequence[Problem], *, manifest: str, targets: Sequence[str]) -> str:
    """What has moved, what could not, and the command that puts it back."""
    copies = sum(one.kind == "image" for one in files)
    size = in_bytes(sum(one.copy.size for one in files if one.kind == "image"))
    with_them = "".join(f", with {said}" for said in _others(files))
    lines = [
        *(f"{shown(problem.path)}   was not moved: {shown(problem.why)}" for problem in problems),
        f"moved {counted(copies, 'copy', 'copies')}, {size}{with_them}.",
        *(f"  tell DVC:   dvc add {shell_word(target)}" for target in targets),
        f"  put back:   imgsim-guard clean --undo {shell_word(manifest)}",
    ]
    return "\n".join(lines) + "\n"


def undone_text(moves: Sequence[Move], problems: Sequence[Problem], targets: Sequence[str]) -> str:
    """What was put back, and what could not be."""
    back = len(moves) - len(problems)
    lines = [
        *(f"{shown(problem.path)}   was not put back: {shown(problem.why)}" for problem in problems),
        f"put back {counted(back, 'file', 'files')}.",
        *(f"  tell DVC:   dvc add {shell_word(target)}" for target in targets),
    ]
    return "\n".join(lines) + "\n"


def _others(files: Iterable[Going]) -> Iterator[str]:
    """How many files go beside the copies themselves."""
    kinds = [one.kind for one in files]
    for kind in ("sidecar", "link"):
        if count := kinds.count(kind):
            yield counted(count, kind, f"{kind}s")
