"""imgsim-guard keeps near-duplicate images out of a dataset.

What is offered to other programs is in `__all__`, and is loaded when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgsim_guard.api import compare, distance, embed, html_report, json_report, scan
    from imgsim_guard.config.reader import load_settings
    from imgsim_guard.config.settings import Settings
    from imgsim_guard.model import Evidence, GuardError, Image, Match, Result, Transform, Unreadable
    from imgsim_guard.store.store import Store

__version__ = "0.1.0"

__all__ = [
    "Evidence",
    "GuardError",
    "Image",
    "Match",
    "Result",
    "Settings",
    "Store",
    "Transform",
    "Unreadable",
    "compare",
    "distance",
    "embed",
    "html_report",
    "json_report",
    "load_settings",
    "open_store",
    "scan",
]

_HOMES = {
    "api": ("compare", "distance", "embed", "html_report", "json_report", "open_store", "scan"),
    "config.reader": ("load_settings",),
    "model": ("Evidence", "GuardError", "Image", "Match", "Result", "Transform", "Unreadable"),
    "config.settings": ("Settings",),
    "store.store": ("Store",),
}


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"imgsim_guard.{module}"), name)
    raise AttributeError(f"module 'imgsim_guard' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
