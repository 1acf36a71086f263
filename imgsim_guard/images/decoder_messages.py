"""What image libraries print to standard error, heard instead of shown.

Where libjpeg and libtiff run out of data, or find what cannot be, they print a line and make up the rest of the
picture; that line is all that tells a damaged picture from a whole one.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import ExitStack, contextmanager, suppress
from tempfile import TemporaryFile
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO

Result = TypeVar("Result")

STANDARD_ERROR = 2

_ONE_AT_A_TIME = Lock()

_LIBRARIES = re.compile(
    rb"^(libpng (error|warning):|Corrupt JPEG data:|Warning: unknown JFIF|Invalid SOS|Inconsistent progression"
    rb"|\[ *(DEBUG|INFO|WARN|ERROR|FATAL):\d+@| {4}|>|$).*\n",
    re.MULTILINE,
)
"""Lines of OpenCV, some of which go on in lines after `>` or spaces, and of the libraries in it."""


def overheard(function: Callable[[], Result]) -> tuple[Result, bytes]:
    """What the call returns, and what was printed meanwhile. Lines that are no image library's, such as those of
    another thread, are printed after it. One call at a time: a process has one standard error.
    """
    with _ONE_AT_A_TIME, _ear() as ear:
        with _standard_error_into(ear.fileno()):
            result = function()
        heard = _pass_on(ear)
    return result, heard


@contextmanager
def hushed() -> Iterator[None]:
    """Keep what image libraries print meanwhile to nobody; lines that are not theirs are printed at the end. Any number
    of threads at once: where one begins while another is at it, both end with the last.
    """
    _HUSHED.begin()
    try:
        yield
    finally:
        _HUSHED.end()


class _Hushed:
    """Standard error leads into the ear of the first thread until the last one is done."""

    def __init__(self) -> None:
        self._counting = Lock()
        self._threads = 0
        self._kept = ExitStack()

    def begin(self) -> None:
        with self._counting:
            if not self._threads:
                self._kept = ExitStack()
                self._kept.enter_context(_ONE_AT_A_TIME)
                ear = self._kept.enter_context(_ear())
                self._kept.callback(_pass_on, ear)
                self._kept.enter_context(_standard_error_into(ear.fileno()))
            self._threads += 1

    def end(self) -> None:
        with self._counting:
            self._threads -= 1
            if not self._threads:
                self._kept.close()


_HUSHED = _Hushed()


def _pass_on(ear: IO[bytes]) -> bytes:
    """All that was heard; what is not an image library's is printed."""
    ear.seek(0)
    heard = ear.read()
    if others := _LIBRARIES.sub(b"", heard):
        with suppress(OSError):  # it may be closed
            os.write(STANDARD_ERROR, others)
    return heard


def _ear() -> IO[bytes]:
    """A file in memory where there are such: disks may be full, and folders read-only."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # an old kernel, a sandbox that forbids it, a C library without it
            return os.fdopen(os.memfd_create("overheard"), "w+b")
    return TemporaryFile()


@contextmanager
def _standard_error_into(file: int) -> Iterator[None]:
    try:
        before = os.dup(STANDARD_ERROR)
    except OSError:  # it is closed
        before = None
    os.dup2(file, STANDARD_ERROR)
    try:
        yield
    finally:
        if before is None:
            os.close(STANDARD_ERROR)
        else:
            os.dup2(before, STANDARD_ERROR)
            os.close(before)
