"""The command line: runs a command and returns the exit code."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING

from imgsim_guard import __version__
from imgsim_guard.cli.parser import parse_arguments
from imgsim_guard.cli.terminal import as_typed
from imgsim_guard.images.headers import restrain_opencv
from imgsim_guard.model import GuardError
from imgsim_guard.report.escaping import shown
from imgsim_guard.system.crash import report_crashes
from imgsim_guard.system.faults import require_address_space, told
from imgsim_guard.system.garbage_collector import collect_seldom
from imgsim_guard.system.memory import keep_freed_memory

if TYPE_CHECKING:
    from collections.abc import Sequence

ISSUES = "https://github.com/imgsim-guard/imgsim-guard/issues"

COULD_NOT_RUN, BUG, INTERRUPTED = 2, 3, 130
"""Python's own exit code for an uncaught exception is 1, which must never be read as "found"."""

SHOWN_LINES, SHOWN_CHARACTERS = 200, 5_000
"""Of an error: each of a file's thousands of lines may have a mistake. A path has 4,096 characters at most."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit code: 0 clean, 1 above the limits, 2 could not run, 3 a bug, 130 interrupted.

    If native code crashes, the process dies of the signal, never with 0 or 1.
    """
    restrain_opencv()
    report_crashes()
    collect_seldom()
    keep_freed_memory()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    verbose = False
    try:
        arguments = parse_arguments(argv)
        verbose = getattr(arguments, "verbose", False)
        require_address_space()
        code = int(arguments.run(arguments))
        print(end="", flush=True)  # not sys.stdout.flush(): there is no sys.stdout when it was closed before
    except SystemExit as stop:  # of the parser, which may have printed help
        return int(stop.code or 0) if _is_written() else COULD_NOT_RUN
    except BrokenPipeError:  # whoever read the output has left
        code = COULD_NOT_RUN
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  the one place: whatever it is, it must not look like a verdict
        code, said = _explained(error, verbose=verbose)
        with suppress(OSError):  # what was said before it comes first, where both streams go to one place
            print(end="", flush=True)
        with suppress(OSError):  # standard error may be full, too
            print(said, file=sys.stderr, flush=True)
    _is_written()
    return code


def _explained(error: BaseException, *, verbose: bool) -> tuple[int, str]:
    """The exit code, and what to say."""
    if isinstance(error, KeyboardInterrupt):
        said = "interrupted; what was finished is kept; run the same command again to continue"
        return INTERRUPTED, f"imgsim-guard: {said}"
    guarded = isinstance(error, GuardError)
    fault = str(error) if guarded else told(error)
    trace = "" if guarded or (fault and not verbose) else "".join(traceback.format_exception(error))
    if fault is None:
        this = f"imgsim-guard {__version__}"
        return BUG, f"{trace}{this}: this is a bug; please report it with the lines above: {ISSUES}"
    return COULD_NOT_RUN, trace + _cut(as_typed(f"imgsim-guard: {fault}"))


def _cut(text: str) -> str:
    """What fits on a screen or two, as it may be shown: it names files and repeats values that strangers chose."""
    lines = text.split("\n")
    more = [f"... and {len(lines) - SHOWN_LINES:,} more lines"] if len(lines) > SHOWN_LINES else []
    return "\n".join([*(shown(_shortened(line)) for line in lines[:SHOWN_LINES]), *more])


def _shortened(line: str) -> str:
    """A long line without its middle: what is wrong is often said at its end."""
    if len(line) <= SHOWN_CHARACTERS:
        return line
    half = SHOWN_CHARACTERS // 2
    return f"{line[:half]} ... {line[-half:]}"


def _is_written() -> bool:
    """Whether all that was printed could be written. What could not is given up, or Python would try again at exit and
    end with a code of its own.
    """
    written = True
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            written = False
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return written
