"""Escape file names, which may come from strangers, for terminals and shell commands."""

from __future__ import annotations

import os
import shlex
import string

_PLAIN = (string.ascii_letters + string.digits + " /._-:()").encode()


def shown(text: str) -> str:
    """The text on one line without anything that a terminal would obey: control and invisible characters escaped."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "surrogatepass").decode()
        for character in text
    )


def shell_word(path: str) -> str:
    """A word that a POSIX shell reads as this path; where that cannot be typed, in bash's and zsh's $'...' form."""
    if path.isprintable():
        return shlex.quote(path)
    escaped = "".join(chr(octet) if octet in _PLAIN else f"\\{octet:03o}" for octet in octets(path))
    return f"$'{escaped}'"


def octets(path: str) -> bytes:
    """The bytes of a path, also of one that no file system gave: lists of files may spell what cannot be encoded."""
    try:
        return os.fsencode(path)
    except UnicodeEncodeError:
        return path.encode("utf-8", "surrogatepass")
