"""Output: the terminal, report files, and progress bars."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.gate.notes import duration
from imgsim_guard.model import GuardError
from imgsim_guard.report.escaping import shell_word
from imgsim_guard.system.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

STANDARD_OUTPUT = "-"

PROGRAM = "imgsim-guard"

SECONDS_A_LINE = 30
"""Between two lines about progress."""

WIDTH = 100
"""Characters a line that fit most screens and logs."""


def say(text: str, *, to_stderr: bool = False) -> None:
    """Print a text that ends in a newline."""
    print(as_typed(text), end="", file=sys.stderr if to_stderr else sys.stdout)


def agreed(question: str) -> bool:
    """Whether a person answers yes; False without a terminal to ask on."""
    if sys.stdin is None or not sys.stdin.isatty():
        return False
    print(question, end="", flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def as_typed(text: str) -> str:
    """The text with its commands in a form that works in the user's shell.

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


def terminal_width() -> int:
    """In characters; one number where no terminal is written to, so that lines are the same everywhere."""
    on_a_terminal = any(stream is not None and stream.isatty() for stream in (sys.stdout, sys.stderr))
    return shutil.get_terminal_size((WIDTH, 24)).columns if on_a_terminal else WIDTH


def write_report(report: str | bytes, target: str) -> None:
    """Write a report to a file, which is replaced whole or not at all; a text also to standard output (-).

    Folders that are missing are made.
    """
    if target == STANDARD_OUTPUT and isinstance(report, str):
        print(report, end="")  # unchanged: programs read it
        return
    data = report.encode() if isinstance(report, str) else report
    path = Path(target)
    try:
        if path.exists() and not path.is_file():  # a device or a pipe: /dev/null must not be replaced by a file
            path.write_bytes(data)
        else:
            if not path.parent.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, data)
    except OSError as error:
        raise GuardError(f"cannot write the report {target}: {error.strerror}") from error


def say_written(*targets: str | None, quiet: bool) -> None:
    """Say which files were written, unless a report went to standard output, where programs read it."""
    files = [target for target in targets if target is not None]
    if files and STANDARD_OUTPUT not in files and not quiet:
        say("".join(f"wrote {shell_word(file)}\n" for file in files))


def text_of(root: Path, name: str) -> str | None:
    """The text of a file of the repository, its line ends as they are; None if there is none. Raises GuardError."""
    path = root / name
    try:
        return path.read_bytes().decode() if os.path.lexists(path) else None
    except UnicodeDecodeError as error:
        raise GuardError(f"cannot read {name}: not a text file in UTF-8; save it as UTF-8") from error
    except OSError as error:
        raise GuardError(f"cannot read {name}: {error.strerror}") from error


def write_texts(root: Path, texts: Mapping[str, str]) -> None:
    """Write files of the repository, each whole, and none unless all seem to be possible. Raises GuardError."""
    for name in texts:
        _require_writable(root, name)
    for name, text in texts.items():
        path = (root / name).resolve()  # so that a link is not replaced by a file
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, text.encode())
        except OSError as error:
            raise GuardError(f"cannot write {name}: {error.strerror}") from error


def _require_writable(root: Path, name: str) -> None:
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()):
        raise GuardError(f"cannot write {name}: it is a link to a place outside the repository")
    folder = next(folder for folder in path.parents if os.path.lexists(folder))
    if not folder.is_dir():
        raise GuardError(f"cannot write {name}: {folder.name} is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise GuardError(f"cannot write {name}: no permission in the folder {folder}")


class _Lines:
    """Progress as lines, for logs."""

    def __init__(self, total: int, doing: str) -> None:
        self._total, self._doing, self._done = total, doing, 0
        self._started = self._printed = time.monotonic()

    def step(self) -> None:
        self._done += 1
        now = time.monotonic()
        if now - self._printed >= SECONDS_A_LINE:
            self._printed = now
            rate = self._done / (now - self._started)
            left = duration((self._total - self._done) / rate)
            say(f"{self._doing}: {self._done:,} of {self._total:,}, {rate:.1f} a second, {left} left\n", to_stderr=True)


@contextmanager
def progress_display(*, quiet: bool) -> Iterator[Callable[[int, str], Callable[[], object]]]:
    """Yields a function that opens a progress bar. Without a terminal, it prints a line twice a minute instead. Under
    pre-commit, which pretends to be a terminal and prints all output at the end, nothing is shown.
    """
    bars = []

    def open_bar(total: int, doing: str) -> Callable[[], object]:
        if quiet or "PRE_COMMIT" in os.environ or sys.stderr is None:
            return lambda: None
        if not sys.stderr.isatty():
            return _Lines(total, doing).step
        from tqdm import tqdm  # a tenth of a second, most of it to tell its own version

        bars.append(tqdm(total=total, desc=doing, unit="", leave=False, file=sys.stderr))
        return bars[-1].update

    try:
        yield open_bar
    finally:
        for bar in bars:
            bar.close()
