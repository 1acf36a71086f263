"""A page of HTML from a template: everything is escaped, and only its own style and script are let through."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from imgsim_guard.report.escaping import shown
from imgsim_guard.report.wording import nearness

if TYPE_CHECKING:
    from collections.abc import Mapping

    import jinja2


def page_of(template: str, *, title: str, previews: Mapping[str, object], scripted: bool, **values: object) -> str:
    """The page that a template of `templates/` makes of these values. `previews`: by data URI, each with its number and
    its size. `scripted`: whether the page has the script.
    """
    own = {"title": title, "previews": previews, "scripted": scripted, **_own_code()}
    return environment().get_template(template).render(**values, **own)


@cache
def environment() -> jinja2.Environment:
    """Where templates are, and what they can use."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        autoescape=True,
        loader=PackageLoader("imgsim_guard.report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"shown": shown, "nearness": nearness, "number": "{:,}".format, "json": json.dumps}
    return made


def _own_code() -> dict[str, str]:
    style, script = _part("report.css"), _part("report.js")
    return {"style": style, "script": script, "style_hash": _hash(style), "script_hash": _hash(script)}


def _part(name: str) -> str:
    return files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """As a Content-Security-Policy names an inline style or script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
