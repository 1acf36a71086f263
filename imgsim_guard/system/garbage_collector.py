"""Run Python's garbage collector less often: many small objects that stay in use make it slow."""

from __future__ import annotations

import atexit
import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def no_collecting() -> Iterator[None]:
    """Switch it off for this block, which makes many objects that stay in use."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def collect_seldom() -> None:
    """For a process that runs one command: what is made meanwhile is nearly all in use until the end, where it need not
    be searched once more.
    """
    gc.set_threshold(50_000)  # of Python 3.11, 700
    atexit.register(gc.freeze)
