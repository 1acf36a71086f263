"""Change one number in the text of a configuration, and nothing else."""

from __future__ import annotations

import yaml

from imgsim_guard.config.strict_yaml import YamlError, parse_yaml
from imgsim_guard.model import GuardError

BOM = "\ufeff"


def with_setting(text: str, key: str, value: float) -> str:
    """The text with this number under a top-level key; every other character stays as it is.

    The line is added at the end when there is none. The text must be a configuration that was read without mistakes.
    Raises GuardError when it is written in a way in which the line cannot be added.
    """
    mark, body = (BOM, text[1:]) if text.startswith(BOM) else ("", text)
    number = f"{value:g}"
    before = parse_yaml(body).value or {}
    for changed in (_replaced(body, key, number), _added(body, key, number)):
        if changed is not None and _is(changed, {**before, key: value} if isinstance(before, dict) else None):
            return mark + changed
    raise GuardError(f"cannot find the place for it in the configuration; add this line by hand: {key}: {number}")


def _replaced(text: str, key: str, number: str) -> str | None:
    node = yaml.compose(text)
    if not isinstance(node, yaml.MappingNode):
        return None
    for name, value in node.value:
        if name.value == key:
            return text[: value.start_mark.index] + number + text[value.end_mark.index :]
    return None


def _added(text: str, key: str, number: str) -> str:
    """As a line at the end, or first between the braces of `{...}`."""
    node = yaml.compose(text)
    if isinstance(node, yaml.MappingNode) and node.flow_style:
        at = node.start_mark.index + 1
        return f"{text[:at]}{key}: {number}{', ' if node.value else ''}{text[at:]}"
    newline = "\r\n" if "\r\n" in text else "\n"
    indent = " " * node.start_mark.column if node is not None else ""
    ended = text if not text or text.endswith("\n") else text + newline
    return f"{ended}{indent}{key}: {number}{newline}"


def _is(text: str, expected: object) -> bool:
    try:
        return parse_yaml(text).value == expected
    except YamlError:
        return False
