"""imgsim-guard keeps near-duplicate images out of a dataset.

What is offered to other programs is in `__all__`, and is loaded when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgsim_guard.api import compare, distance, embed, html_report, json_report, scan
    from imgsim_guard.configuration import load_settings
    from imgsim_guard.errors import GuardError
    from imgsim_guard.model import Evidence, Image, Match, Result, Transform, Unreadable
    from imgsim_guard.settings import Settings
    from imgsim_guard.store import Store

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
    "configuration": ("load_settings",),
    "errors": ("GuardError",),
    "model": ("Evidence", "Image", "Match", "Result", "Transform", "Unreadable"),
    "settings": ("Settings",),
    "store": ("Store",),
}


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"imgsim_guard.{module}"), name)
    raise AttributeError(f"module 'imgsim_guard' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
