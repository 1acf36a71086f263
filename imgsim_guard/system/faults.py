"""Faults of the machine, told from bugs: what it refused, and what to do about it."""

from __future__ import annotations

import errno
import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from imgsim_guard.model import GuardError
from imgsim_guard.system.threads import cores

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

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

_LOADER = re.compile("failed to map segment|[Cc]annot allocate memory")
"""How the loader of libraries says that."""

LEAST_MEMORY, MEMORY_OF_A_CORE = 1_400_000, 50_000
"""Kilobytes of address space (`ulimit -v`) that a check of three pictures takes on a machine without cores, and for
each core, measured. With less, OpenBLAS ends the process with 1, which would be a verdict, or ONNX Runtime crashes.
"""

_NO_THREAD = re.compile("can't start new thread")


def told(error: BaseException) -> str | None:
    """What the machine refused, and what to do about it; None when the error may be a bug."""
    return next((text for cause in _causes(error) if (text := _told(cause))), None)


def reason(error: OSError) -> str:
    """What the system says of an error, and what to do about it where that is known."""
    said = error.strerror or str(error)
    if said.startswith("No usable temporary directory"):
        return f"{said}; set TMPDIR to a folder in which files can be made"
    return next((f"{said}; {advice}" for numbers, advice in _ADVICE if error.errno in numbers), said)


def require_address_space() -> None:
    """Raise GuardError where this process may not have as much address space as the libraries take."""
    if resource is None:
        return
    allowed, least = resource.getrlimit(resource.RLIMIT_AS)[0], LEAST_MEMORY + MEMORY_OF_A_CORE * cores()
    if allowed != resource.RLIM_INFINITY and allowed // 1024 < least:
        raise GuardError(
            f"too little memory is allowed (ulimit -v {allowed // 1024}); allow at least ulimit -v {least}"
        )


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
        advice = next(
            (reason(OSError(number, os.strerror(number))) for number in _short_of(error)), "reinstall imgsim-guard"
        )
        return f"a package that imgsim-guard needs cannot be loaded ({error}); {advice}"
    return None


def _short_of(error: ImportError) -> Iterator[int]:
    if os.strerror(errno.EMFILE) in str(error):
        yield errno.EMFILE
    if _LOADER.search(str(error)):
        yield errno.ENOMEM


def _is_nowhere() -> bool:
    try:
        os.getcwd()  # noqa: PTH109  Path.cwd() is the same
    except FileNotFoundError:
        return True
    return False


def _file(error: OSError) -> str:
    return f" ({error.filename})" if error.filename is not None else ""
