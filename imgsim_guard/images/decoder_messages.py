"""Read what image libraries print to standard error, and keep it from the terminal.

If libjpeg or libtiff run out of data or find an impossible value, they print a line and make up the rest of the
picture. Only that line shows that the picture is damaged.
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
"""Lines of OpenCV, which may continue after `>` or spaces, and of the libraries in it."""


def overheard(function: Callable[[], Result]) -> tuple[Result, bytes]:
    """The result of a call, and what was printed during it. Lines that are not from an image library, such as those of
    another thread, are printed afterwards. One call at a time, since a process has one standard error.
    """
    with _ONE_AT_A_TIME, _ear() as ear:
        with _standard_error_into(ear.fileno()):
            result = function()
        heard = _pass_on(ear)
    return result, heard


@contextmanager
def hushed() -> Iterator[None]:
    """Suppress what image libraries print meanwhile; other lines are printed at the end. Any number of threads may be
    within this at once; lines appear when the last of them ends.
    """
    _HUSHED.begin()
    try:
        yield
    finally:
        _HUSHED.end()


class _Hushed:
    """Redirects standard error to a file from the first thread's begin until the last thread's end."""

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
    """What was recorded. Lines that are not from an image library are printed."""
    ear.seek(0)
    heard = ear.read()
    if others := _LIBRARIES.sub(b"", heard):
        with suppress(OSError):  # standard error may be closed
            os.write(STANDARD_ERROR, others)
    return heard


def _ear() -> IO[bytes]:
    """A file in memory if possible, since disks may be full and folders read-only."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # an old kernel, a sandbox or a C library without it
            return os.fdopen(os.memfd_create("overheard"), "w+b")
    return TemporaryFile()


@contextmanager
def _standard_error_into(file: int) -> Iterator[None]:
    try:
        before = os.dup(STANDARD_ERROR)
    except OSError:  # standard error is closed
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
