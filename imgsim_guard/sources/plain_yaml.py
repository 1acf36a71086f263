"""DVC's YAML files as plain values. Anything unexpected raises ManifestError."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgsim_guard.config.strict_yaml import Words


class ManifestError(Exception):
    """The bytes are not what DVC writes. The text says why."""


def text_of(data: bytes) -> str:
    """The text of a file, with line ends of Unix. Raises ManifestError."""
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ManifestError("it is not text in UTF-8") from error


def parsed(text: str, *, anchors: bool = False) -> Words:
    """The YAML document; `anchors` as in `strict_yaml`. Raises ManifestError."""
    from imgsim_guard.config.strict_yaml import YamlError, parse_words  # pointers as DVC writes them need no parser

    try:
        return parse_words(text, anchors=anchors)
    except YamlError as error:
        raise ManifestError(f"{error.message} (line {error.mark.line})") from error


def mapping(value: object, what: str) -> dict[str, Words]:
    """The value, if it is a mapping; `what` is its name in messages. Raises ManifestError."""
    if not isinstance(value, dict):
        raise ManifestError(f"{what} is not a mapping")
    return value


def word(value: object, what: str) -> str:
    """The value, if it is a text that is not empty; `what` is its name in messages. Raises ManifestError."""
    if not isinstance(value, str) or not value:
        raise ManifestError(f"{what} is missing")
    return value
