"""Memory that was freed stays with the process: to ask the system for it again takes a sixth of verification."""

from __future__ import annotations

import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""The numbers of these parameters (mallopt(3))."""

KEPT, OF_ITS_OWN = 64 << 20, 32 << 20
"""Bytes that are kept at the end of each heap, and of an array that gets memory of its own, returned at once: the most
that glibc takes. With 4 MB, the model's arrays would be fetched anew for each layer, 0.07 s of a hook.
"""


def keep_freed_memory() -> None:
    """For a process that runs one command. glibc returns what is above 128 kB, and the system hands it out page by
    page, each filled with zeros; other C libraries keep it anyway, or have no such setting.
    """
    if sys.platform != "linux":
        return
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, KEPT)
        mallopt(_MMAP_THRESHOLD, OF_ITS_OWN)
