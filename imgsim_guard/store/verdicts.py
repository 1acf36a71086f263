"""The evidence of verified pairs, so that a pair is compared once.

Each file is a safetensors file named by the SHA-256 of its bytes: `keys` uint8 [n, 16], rising, one for each pair;
`answers` uint32 [n], the number of the text of each pair; `texts` uint8 [size], JSON texts one after the other; and
`ends` int64, where each text ends. Files are only added and merged, so any number of processes may use them at once.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, get_args

import numpy as np
import safetensors
import safetensors.numpy

from imgsim_guard.model import Evidence, GuardError, Outcome, Transform
from imgsim_guard.store import folder as files
from imgsim_guard.store.lookup import Finder
from imgsim_guard.store.shard import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

KEY_SIZE = 16

MOST_BYTES = 2**27
"""Most bytes of all files: some million pairs. If there are more, the oldest file is deleted."""

LARGE, SMALL_FILES_KEPT = 2**22, 32
"""Every commit adds a file. If there are more than so many files below so many bytes, they are merged into one."""


def pair_key(query: bytes, gallery: bytes, *, first_look: str = "") -> bytes:
    """The key of a comparison: the SHA-256 of each image's file, which of them is the query, and the fingerprint of
    what a first look compares, which may refute a pair by itself.
    """
    return hashlib.blake2b(query + gallery + first_look.encode(), digest_size=KEY_SIZE).digest()


class Verdicts:
    """The evidence of pairs in a folder, by `pair_key`. The folder is read with the first request.

    All of it can be computed again. So a damaged file counts as missing, and no error is raised if a file cannot be
    read or written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, keys: Sequence[bytes]) -> list[Evidence | None]:
        """The evidence of each key; None if it is not stored."""
        found: list[Evidence | None] = [None] * len(keys)
        wanted = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, KEY_SIZE)
        for file in self._read:
            for place, row in enumerate(file.rows(wanted).tolist()):
                if row >= 0 and found[place] is None:
                    found[place] = file.evidence(row)
        return found

    def add(self, found: Mapping[bytes, Evidence]) -> None:
        """Store the evidence of these keys."""
        if not found:
            return
        with suppress(GuardError):
            name, data = _written({key: _text(evidence) for key, evidence in found.items()})
            files.add_file(self._folder, name, data)
            self.__dict__.pop("_read", None)
            self._tidy()
            files.remove_left_overs(self._folder)

    @cached_property
    def _read(self) -> list[_File]:
        with suppress(GuardError):
            paths = files.list_files(self._folder, SUFFIX)
            return [file for path in paths if (file := _read(path)) is not None]
        return []

    def _tidy(self) -> None:
        """Merge small files, and delete the oldest one if there are too many bytes."""
        with suppress(OSError):
            small = [path for path in files.list_files(self._folder, SUFFIX) if path.stat().st_size < LARGE]
            if len(small) > SMALL_FILES_KEPT:
                parts = [file for path in small if (file := _read(path)) is not None]
                merged = files.add_file(
                    self._folder, *_written({k: text for part in parts for k, text in part.texts()})
                )
                files.remove_files([path for path in small if path != merged])
            kept = [
                (path.stat().st_mtime, path.stat().st_size, path) for path in files.list_files(self._folder, SUFFIX)
            ]
            left = sum(size for _, size, _ in kept)
            for _, size, path in sorted(kept):
                if left <= MOST_BYTES:
                    break
                files.remove_files([path])
                left -= size


class _File(NamedTuple):
    finder: Finder
    keys: NDArray[np.uint8]
    answers: NDArray[np.uint32]
    data: bytes
    ends: NDArray[np.int64]

    def rows(self, wanted: NDArray[np.uint8]) -> NDArray[np.intp]:
        return self.finder.find(wanted)

    def text(self, row: int) -> bytes:
        at = int(self.answers[row])
        return self.data[int(self.ends[at - 1]) if at else 0 : int(self.ends[at])]

    def evidence(self, row: int) -> Evidence | None:
        return _evidence(self.text(row))

    def texts(self) -> list[tuple[bytes, bytes]]:
        return [(bytes(key), self.text(row)) for row, key in enumerate(self.keys)]


def _text(evidence: Evidence) -> bytes:
    """JSON writes the shortest text that gives the same float, so nothing is lost."""
    return json.dumps(asdict(evidence), sort_keys=True, separators=(",", ":")).encode()


def _evidence(text: bytes) -> Evidence | None:
    """None for another text, such as one of another version."""
    try:
        document = json.loads(text)
        if (transform := document["transform"]) is not None:
            document["transform"] = Transform(**{**transform, "matrix": tuple(transform["matrix"])})
        found = Evidence(**document)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return found if found.outcome in get_args(Outcome) else None


def _written(texts: Mapping[bytes, bytes]) -> tuple[str, bytes]:
    """The name and the bytes of a file. A text that many pairs share is written once."""
    ordered = sorted(texts.items())
    places = {text: place for place, text in enumerate(sorted(set(texts.values())))}
    data = safetensors.numpy.save(
        {
            "keys": np.frombuffer(b"".join(key for key, _ in ordered), np.uint8).reshape(-1, KEY_SIZE),
            "answers": np.array([places[text] for _, text in ordered], np.uint32),
            "texts": np.frombuffer(b"".join(places), np.uint8),
            "ends": np.cumsum([len(text) for text in places], dtype=np.int64),
        }
    )
    return hashlib.sha256(data).hexdigest() + SUFFIX, data


def _read(path: Path) -> _File | None:
    """None if the file is damaged, or has just been merged into another one."""
    try:
        data = files.read_file(path)
        if data is None or hashlib.sha256(data).hexdigest() + SUFFIX != path.name:
            return None
        found = safetensors.numpy.load(data)
        keys, answers, ends = found["keys"], found["answers"], found["ends"]
        whole = len(keys) == len(answers) and (len(ends) > int(answers.max(initial=0)) or not len(keys))
        if keys.shape[1:] != (KEY_SIZE,) or not whole or any(one > two for one, two in pairwise(ends.tolist())):
            return None
        return _File(Finder([keys], KEY_SIZE), keys, answers, found["texts"].tobytes(), ends)
    except (GuardError, files.DamagedFileError, safetensors.SafetensorError, KeyError, ValueError, TypeError):
        return None
