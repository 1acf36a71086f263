"""Images that could not be decoded, stored beside the shards, so that they are not read again at every commit.

Each file is JSON, named by the SHA-256 of its bytes, with the decoder that gave up. Another version of the decoder
tries again.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SUFFIX = ".unreadable.json"


def write_unreadable(reasons: Mapping[str, str], *, decoder: str) -> tuple[str, bytes]:
    """The name and the bytes of a file with the reasons, by content id, why this decoder found no image."""
    data = json.dumps({"decoder": decoder, "images": dict(reasons)}, sort_keys=True, indent=0).encode()
    return hashlib.sha256(data).hexdigest() + SUFFIX, data


def read_unreadable(name: str, data: bytes, *, decoder: str) -> dict[str, str]:
    """Reasons by content id; empty if the file is damaged or from another decoder, which may have read the image."""
    if hashlib.sha256(data).hexdigest() + SUFFIX != name:
        return {}
    try:
        document = json.loads(data)
        if document["decoder"] != decoder:
            return {}
        return {str(content): str(reason) for content, reason in document["images"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
