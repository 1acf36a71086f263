"""Writing: to the terminal, to report files, and the display of progress."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.errors import GuardError
from imgsim_guard.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

STANDARD_OUTPUT = "-"

PROGRAM = "imgsim-guard"


def say(text: str, *, to_stderr: bool = False) -> None:
    """Print a text that ends in its own newline."""
    print(as_typed(text), end="", file=sys.stderr if to_stderr else sys.stdout)


def as_typed(text: str) -> str:
    """The text with the commands in it as they can be typed here.

    A hook's environment is on the PATH only while pre-commit runs it, so there the program is named by its path unless
    the user has another.
    """
    own = Path(sys.prefix, "Scripts" if os.name == "nt" else "bin")
    if "PRE_COMMIT" not in os.environ or not (own / PROGRAM).exists():
        return text
    others = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if Path(folder) != own]
    if shutil.which(PROGRAM, path=os.pathsep.join(others)):
        return text
    return re.sub(rf"\b{PROGRAM} (accept|embed)\b", lambda found: f"{shlex.quote(str(own / PROGRAM))} {found[1]}", text)


def write_report(report: str | bytes, target: str) -> None:
    """Write a report to a file, which is replaced whole or not at all; a text also to standard output (-).

    Folders that are missing are made.
    """
    if target == STANDARD_OUTPUT and isinstance(report, str):
        say(report)
        return
    data = report.encode() if isinstance(report, str) else report
    path = Path(target)
    try:
        if path.exists() and not path.is_file():  # a device or a pipe: replacing /dev/null would be a poor joke
            path.write_bytes(data)
        else:
            if not path.parent.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, data)
    except OSError as error:
        raise GuardError(f"cannot write the report {target}: {error.strerror}") from error


def write_lines(path: Path, lines: Sequence[str]) -> bool:
    """Add the lines that a file does not have yet; whether there were any. Raises GuardError when it cannot be."""
    try:
        before = path.read_text() if path.exists() else ""
        missing = [line for line in lines if line not in before.splitlines()]
        if missing:
            ended = before if not before or before.endswith("\n") else f"{before}\n"
            replace_file(path, (ended + "".join(f"{line}\n" for line in missing)).encode())
    except (OSError, UnicodeDecodeError) as error:
        raise GuardError(f"cannot add to {path}: {error}") from error
    return bool(missing)


@contextmanager
def progress_display(*, quiet: bool) -> Iterator[Callable[[int, str], Callable[[], object]]]:
    """Yields what opens a bar of so many images. No bar when nobody watches: pre-commit shows a terminal to what it
    runs and prints everything at the end, so that its own variable is asked, too.
    """
    bars = []

    def open_bar(total: int, doing: str) -> Callable[[], object]:
        from tqdm import tqdm

        hidden = quiet or "PRE_COMMIT" in os.environ or sys.stderr is None or not sys.stderr.isatty()
        bars.append(tqdm(total=total, desc=doing, unit="", leave=False, disable=hidden, file=sys.stderr))
        return bars[-1].update

    try:
        yield open_bar
    finally:
        for bar in bars:
            bar.close()
