"""What `clean` says: what would move, what has moved, and what was put back."""

from __future__ import annotations

import os
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.gate.groups import copies_in
from imgsim_guard.report.escaping import shell_word, shown
from imgsim_guard.report.group_text import counted, group_lines, left_over, sum_of
from imgsim_guard.report.sizes import in_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from imgsim_guard.gate.cleaning.coco import Coco
    from imgsim_guard.gate.cleaning.manifest import Move, Way
    from imgsim_guard.gate.cleaning.moving import Problem
    from imgsim_guard.gate.cleaning.plan import Going
    from imgsim_guard.model import Result


class Following(NamedTuple):
    """In words, what happens to copies: `would` it does, `nothing` so far, and the word before the command to `do` it.

    `coco`: annotations that name them. `sharing`: only copies with the same bytes are meant.
    """

    would: str
    nothing: str
    do: str
    coco: Sequence[Coco] = ()
    sharing: bool = False


def what_follows(way: Way, folder: str, coco: Sequence[Coco]) -> Following:
    """What happens to copies in this way; `folder`: where those go that move."""
    if way == "move":
        return Following(f"would move to {shell_word(folder)}", "Nothing was moved.", "move them:  ", coco)
    return Following(
        f"would become {way}s to the image that is kept", "Nothing was changed.", "link them:  ", sharing=True
    )


def plan_text(result: Result, files: Sequence[Going], *, what: Following, command: str, width: int) -> str:
    """The groups, what would become of the copies, and the command that does it."""
    lines = [
        *(f"note: {shown(note)}" for note in result.notes),
        *(f"{shown(path)}   unreadable, stays: {shown(why.reason)}" for path, why in result.unreadable),
        *group_lines(result.groups, width),
        *left_over(result.groups),
    ]
    copies = copies_in(result.groups)
    if not files:
        what_not = "link: no copy has the same bytes" if what.sharing and copies else "move"
        among = counted(result.queries, "image", "images")
        return "\n".join([*lines, f"Nothing to {what_not} among {among}."]) + "\n"
    if what.sharing:
        said = _images(files, " with the same bytes")
        left = len(copies) - len(files)
        lines += [f"{counted(left, 'copy', 'copies')} with other bytes would stay as they are."] if left else []
    else:
        said = sum_of(result.groups) + _with_them(files)
    lines += [f"{_naming(one)} that would move (--rewrite-coco writes it anew without them)." for one in what.coco]
    lines.append(f"{said}, {what.would}. {what.nothing}")
    return "\n".join([*lines, f"  {what.do}{command}"]) + "\n"


def moved_text(  # noqa: PLR0913  all that there is to say
    files: Sequence[Going],
    problems: Sequence[Problem],
    *,
    manifest: str,
    targets: Sequence[str],
    coco: Sequence[Coco] = (),
    written: Sequence[str] = (),
) -> str:
    """What has moved, what could not, and the command that puts it back. `coco`: annotations that name what moved;
    `written`: for each, the file without that, if these were written.
    """
    lines = [
        *(f"{shown(problem.path)}   was not moved: {shown(problem.why)}" for problem in problems),
        f"moved {_images(files)}{_with_them(files)}.",
        *(
            f"{_naming(one)} that moved{f'; {shown(new)} is without them' if new else ''}."
            for one, new in zip_longest(coco, written)
        ),
        *(f"  tell DVC:   dvc add {shell_word(target)}" for target in targets),
        f"  put back:   imgsim-guard clean --undo {shell_word(manifest)}",
    ]
    return "\n".join(lines) + "\n"


def shared_text(files: Sequence[Going], problems: Sequence[Problem], *, manifest: str) -> str:
    """How many copies share their bytes now, which could not, and the command that parts them again."""
    wrong = {problem.path for problem in problems}
    done = [one for one in files if os.path.abspath(one.path) not in wrong and one.path not in wrong]  # noqa: PTH100
    lines = [
        *(f"{shown(problem.path)}   was not linked: {shown(problem.why)}" for problem in problems),
        f"linked {_images(done)}.",
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


def _naming(file: Coco) -> str:
    return f"{shown(file.path)} names {counted(len(file.names), 'image', 'images')}"


def _images(files: Sequence[Going], which: str = "") -> str:
    """How many copies these are, in words which ones, and what they take."""
    copies = [one.copy for one in files if one.kind == "image"]
    return f"{counted(len(copies), 'copy', 'copies')}{which}, {in_bytes(sum(copy.size for copy in copies))}"


def _with_them(files: Iterable[Going]) -> str:
    """How many files go beside the copies themselves."""
    kinds = [one.kind for one in files]
    others = [counted(kinds.count(kind), kind, f"{kind}s") for kind in ("sidecar", "link") if kind in kinds]
    return f", with {' and '.join(others)}" if others else ""
