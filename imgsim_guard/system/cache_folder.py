"""Where this user's cache is: shared by all clones and worktrees on the machine."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from imgsim_guard.model import GuardError

CACHE_VARIABLE = "IMGSIM_GUARD_CACHE_DIR"


def cache_folder() -> Path:
    """The folder that IMGSIM_GUARD_CACHE_DIR names, else the platform's usual one for caches.

    Raises GuardError where the user has no home: a folder named ~ in the repository would be no cache.
    """
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen)
    import platformdirs

    with suppress(RuntimeError):  # of newer versions; older ones give a path that begins with ~
        folder = Path(platformdirs.user_cache_dir("imgsim-guard", appauthor=False))
        if folder.is_absolute():
            return folder
    raise GuardError(f"this user has no home folder for the cache of embeddings; set {CACHE_VARIABLE} to a folder")
