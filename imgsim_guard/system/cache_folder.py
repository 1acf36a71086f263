"""Where this user's cache is: shared by all clones and worktrees on the machine."""

from __future__ import annotations

import os
from pathlib import Path

CACHE_VARIABLE = "IMGSIM_GUARD_CACHE_DIR"


def cache_folder() -> Path:
    """The folder that IMGSIM_GUARD_CACHE_DIR names, else the platform's usual one for caches."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_cache_dir("imgsim-guard", appauthor=False))
