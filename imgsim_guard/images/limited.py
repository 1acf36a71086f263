"""The program of the child process: decodes one file after the other, each with its own limits of memory and time."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from imgsim_guard.images.child import READY, REQUEST, too_much, write_answer
from imgsim_guard.images.headers import read_header, restrain_opencv
from imgsim_guard.model import Unreadable

try:
    import resource
except ImportError:  # Windows: only the elapsed time is limited
    resource = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgsim_guard.images.picture import Picture

STEP = 2**24
"""Bytes above the limit: libraries allocate memory in large pieces."""


def serve() -> None:
    """Answer requests on standard input until it is closed."""
    source, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)  # what a library prints is not part of an answer
    restrain_opencv()
    if hasattr(os, "sched_setaffinity"):  # decoders start a thread for each core, which takes address space
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    import imgsim_guard.images.decode  # noqa: F401  before the memory is limited

    answers.write(READY)
    answers.flush()
    while len(request := source.read(REQUEST.size)) == REQUEST.size:
        length, memory, seconds, least_side, whole = REQUEST.unpack(request)
        answer = _limited(_read(source, length), memory, seconds, None if least_side < 0 else least_side, whole)
        write_answer(answer, answers)
        answers.flush()


def _read(source: IO[bytes], length: int) -> bytes:
    data = source.read(length)
    if len(data) < length:
        sys.exit()  # the parent has ended
    return data


def _limited(data: bytes, memory: int, seconds: float, least_side: int | None, whole: bool) -> Picture | Unreadable:  # noqa: FBT001
    from imgsim_guard.images.decode import decode_whole_here, read_here
    from imgsim_guard.images.dicom import load_dicom

    header = read_header(data)
    if header is not None and header.format == "DICOM":
        load_dicom()  # what that takes is not the file's
    with _limits(memory + STEP, seconds):
        try:
            answer = (decode_whole_here if whole else read_here)(data, least_side)
        except MemoryError:
            answer = Unreadable("", passing=True)
    if header is None or not isinstance(answer, Unreadable) or not answer.passing:
        return answer
    return too_much(header, f"{memory // 10**6:,} MB of memory", passing=not _could_be_had(memory))


def _could_be_had(memory: int) -> bool:
    """Whether the machine has so much memory without the limit. If not, the file is not the cause."""
    try:
        bytearray(memory)
    except MemoryError:
        return False
    return True


@contextmanager
def _limits(memory: int, seconds: float) -> Iterator[None]:
    if resource is None:
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    soft, hard = _address_space() + memory, before[1]
    resource.setrlimit(resource.RLIMIT_AS, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
    signal.setitimer(signal.ITIMER_PROF, seconds)  # its signal ends the process
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, before)


def _address_space() -> int:
    """Bytes of address space in use. Without /proc, a value too large to matter: macOS does not enforce the limit."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 2**40
