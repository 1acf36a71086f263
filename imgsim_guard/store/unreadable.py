"""What could not be decoded, remembered beside the shards, so that it is not read again at every commit.

Each file is JSON, named by the SHA-256 of its bytes, and names the decoder whose verdict it holds: another version of
the decoder asks again.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SUFFIX = ".unreadable.json"


def write_unreadable(reasons: Mapping[str, str], *, decoder: str) -> tuple[str, bytes]:
    """The name and the bytes of a file with the reasons, by content id, why this decoder reads no image there."""
    data = json.dumps({"decoder": decoder, "images": dict(reasons)}, sort_keys=True, indent=0).encode()
    return hashlib.sha256(data).hexdigest() + SUFFIX, data


def read_unreadable(name: str, data: bytes, *, decoder: str) -> dict[str, str]:
    """Reasons by content id; empty when the file is damaged or another decoder's, for then the question is open."""
    if hashlib.sha256(data).hexdigest() + SUFFIX != name:
        return {}
    try:
        document = json.loads(data)
        if document["decoder"] != decoder:
            return {}
        return {str(content): str(reason) for content, reason in document["images"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
