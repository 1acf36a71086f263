"""The command line: what the process as a whole does, and its exit code."""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING

from imgsim_guard import __version__
from imgsim_guard.cli.parser import parse_arguments
from imgsim_guard.cli.terminal import as_typed
from imgsim_guard.images.headers import restrain_opencv
from imgsim_guard.model import GuardError
from imgsim_guard.report.escaping import shown
from imgsim_guard.system.crash import report_crashes
from imgsim_guard.system.garbage_collector import collect_seldom

if TYPE_CHECKING:
    from collections.abc import Sequence

ISSUES = "https://github.com/imgsim-guard/imgsim-guard/issues"

COULD_NOT_RUN, BUG, INTERRUPTED = 2, 3, 130
"""Python's own exit code for an uncaught exception is 1, which must never read as "found"."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit code: 0 clean, 1 above the limits, 2 could not run, 3 a bug, 130 interrupted.

    Where native code crashes, the process dies of the signal, as any other does: never with 0 or 1.
    """
    restrain_opencv()
    report_crashes()
    collect_seldom()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        arguments = parse_arguments(argv)
        code = arguments.run(arguments)
        print(end="", flush=True)  # not sys.stdout.flush(): there is no sys.stdout when it was closed before
    except GuardError as error:
        for line in as_typed(f"imgsim-guard: {error}").split(
            "\n"
        ):  # it names files and repeats values, which strangers chose
            print(shown(line), file=sys.stderr)
        return COULD_NOT_RUN
    except KeyboardInterrupt:
        print(
            "imgsim-guard: interrupted; what was embedded so far is kept, and the same command goes on from there",
            file=sys.stderr,
        )
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has left. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return COULD_NOT_RUN
    except Exception:  # noqa: BLE001  the one place: whatever it is, it must not look like a verdict
        traceback.print_exc()
        print(
            f"imgsim-guard {__version__}: this is a bug; please report it with the lines above: {ISSUES}",
            file=sys.stderr,
        )
        return BUG
    return int(code)
