"""When native code crashes, name the image that was being decoded."""

from __future__ import annotations

import faulthandler
import os
from contextlib import suppress
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")

DOING = "while decoding this image"


def report_crashes() -> None:
    """Have Python say where it was when the process dies of SIGSEGV and its like. Not into descriptor 2 itself, which
    decoding redirects; and not if somebody else already listens.
    """
    if not faulthandler.is_enabled():
        with suppress(OSError):  # there is no standard error
            faulthandler.enable(os.dup(2), all_threads=False)


def naming(name: str, function: Callable[..., Result], *arguments: object) -> Result:
    """The function's result. Should the process crash meanwhile, the report has a line `File "<name>" ... in DOING`.

    All that a signal handler can still print are the names of the files and functions that are running. So the call is
    made by a function that claims to be from a file of that name, which costs a microsecond.
    """
    claimed = FunctionType(_call.__code__.replace(co_filename=name, co_name=DOING), {})
    result: Result = claimed(function, *arguments)
    return result


def _call(function: Callable[..., Any], *arguments: object) -> object:
    return function(*arguments)
