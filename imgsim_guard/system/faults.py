"""Faults of the machine, told from bugs: what it refused, and what to do about it."""

from __future__ import annotations

import errno
import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMORY = "out of memory; close other programs, or run it where there is more"

_ADVICE = (
    ({errno.EMFILE, errno.ENFILE}, "allow more open files (ulimit -n 1024)"),
    ({errno.ENOSPC, errno.EDQUOT}, "free some space"),
    ({errno.EACCES, errno.EPERM, errno.EROFS}, "give this user the right to do that"),
    ({errno.ENOMEM}, "close other programs, or run it where there is more memory"),
    ({errno.EAGAIN}, "allow more processes and threads (ulimit -u), or close other programs"),
    ({errno.ENOEXEC}, "it is not a program for this machine: install it anew"),
)

_OF_NATIVE_CODE = re.compile("bad.alloc|Failed to allocate memory|Insufficient memory|Out of memory")
"""How C++, ONNX Runtime and OpenCV say that there is no memory."""

_NO_THREAD = re.compile("can't start new thread")


def told(error: BaseException) -> str | None:
    """What the machine refused, and what to do about it; None when the error may be a bug."""
    return next((text for cause in _causes(error) if (text := _told(cause))), None)


def reason(error: OSError) -> str:
    """What the system says of an error, and what to do about it where that is known."""
    said = error.strerror or str(error)
    return next((f"{said}; {advice}" for numbers, advice in _ADVICE if error.errno in numbers), said)


def is_lack_of_memory(error: BaseException) -> bool:
    """Whether something failed for want of memory, here or in native code that says so in a text."""
    return isinstance(error, MemoryError) or _OF_NATIVE_CODE.search(str(error)) is not None


@contextmanager
def native_memory() -> Iterator[None]:
    """Raise MemoryError where native code raises an error of its own for want of memory."""
    try:
        yield
    except Exception as error:
        if is_lack_of_memory(error):
            raise MemoryError(str(error)) from error
        raise


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        yield cause
        seen.add(id(cause))
        cause = cause.__cause__


def _told(error: BaseException) -> str | None:
    if is_lack_of_memory(error):
        return MEMORY
    if isinstance(error, FileNotFoundError) and _is_nowhere():
        return "the working folder was deleted; change to one that exists (cd)"
    if isinstance(error, OSError):
        return f"{reason(error)}{_file(error)}"
    if isinstance(error, RuntimeError) and _NO_THREAD.search(str(error)):
        return "no further thread can be started; allow more (ulimit -u), or close other programs"
    if isinstance(error, ImportError) and not (error.name or "").startswith("imgsim_guard."):
        short = (number for number in (errno.EMFILE, errno.ENOMEM) if os.strerror(number) in str(error))
        advice = next((reason(OSError(number, os.strerror(number))) for number in short), "reinstall imgsim-guard")
        return f"a package that imgsim-guard needs cannot be loaded ({error}); {advice}"
    return None


def _is_nowhere() -> bool:
    try:
        os.getcwd()  # noqa: PTH109  Path.cwd() is the same
    except FileNotFoundError:
        return True
    return False


def _file(error: OSError) -> str:
    return f" ({error.filename})" if error.filename is not None else ""
