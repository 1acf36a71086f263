"""Local features beside a shard: they come back as they were, and a shard that lost them is embedded again."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from conftest import open_store

from imgsim_guard.search.words import FEATURE, FEATURES_SIZE, MOST_FEATURES, WORDS
from imgsim_guard.store.features import SUFFIX, features_path
from imgsim_guard.store.journal import Journal, take_over
from imgsim_guard.store.shard import Row, file_digests
from imgsim_guard.store.shared import inspect, publish, rewritten
from imgsim_guard.store.store import SMALL_SHARDS_KEPT

if TYPE_CHECKING:
    from pathlib import Path


def made_up(number: int, *, most: int = MOST_FEATURES) -> Row:
    draw = np.random.default_rng(number)
    features = np.zeros(draw.integers(0, most + 1), FEATURE)
    for name in ("x", "y", "angle", "signature"):
        features[name] = draw.integers(0, 2**8, len(features))
    features["size"] = draw.integers(1, 2**8, len(features))
    features["words"] = draw.integers(0, WORDS, (len(features), 3))
    return Row(
        **file_digests(b"%d" % number),
        pixels=bytes(16),
        hashes=bytes(160),
        embedding=draw.choice(np.array([-1, 1], np.float16), 768),
        features=features.tobytes().ljust(FEATURES_SIZE, b"\0"),
    )


def content(row: Row) -> str:
    return f"sha256:{row.sha256.hex()}"


def told(row: Row) -> list[bytes]:
    """Features have no order."""
    step = FEATURE.itemsize
    return sorted(row.features[at : at + step] for at in range(0, FEATURES_SIZE, step))


def test_features_come_back_as_they_were_from_every_shard_and_after_merging(tmp_path: Path) -> None:
    rows = [made_up(number, most=9) for number in range(SMALL_SHARDS_KEPT + 3)]
    for one in rows:
        open_store(tmp_path).add([one])
    kept = open_store(tmp_path)
    assert {row.sha256: told(row) for row in kept.rows(map(content, rows))} == {row.sha256: told(row) for row in rows}
    files = {path.suffix for path in kept.folder.iterdir()}
    assert files == {".safetensors", SUFFIX}
    assert len(list(kept.folder.glob(f"*{SUFFIX}"))) <= len(list(kept.folder.glob("*.safetensors")))


def test_features_are_published_rewritten_and_taken_over_from_the_journal(tmp_path: Path) -> None:
    rows = [made_up(number) for number in range(5)]
    folder = tmp_path / "shared"
    publish(rows[:3], folder, fingerprint="thumbnails")
    publish(rows[2:], folder, fingerprint="thumbnails")
    assert rewritten(folder, fingerprint="thumbnails") == (5, 5)
    assert len(list((folder / "thumbnails").iterdir())) == 2
    read = open_store(folder).rows(map(content, rows))
    assert {row.sha256: told(row) for row in read} == {row.sha256: told(row) for row in rows}

    journal = Journal(tmp_path / "journal")
    journal.write(rows[0])
    [path] = (tmp_path / "journal").iterdir()
    (tmp_path / "killed").mkdir()
    shutil.copy(path, tmp_path / "killed")  # nobody holds the lock of the copy
    journal.close()
    found: list[Row] = []
    assert take_over(tmp_path / "killed", found.extend)
    assert found[0].features == rows[0].features


@pytest.mark.parametrize("damage", ["gone", "cut", "emptied", "of another shard", "a bit of the beginnings"])
def test_a_shard_that_lost_its_features_is_set_aside_and_said(tmp_path: Path, damage: str) -> None:
    row, other = made_up(1), made_up(2)
    store = open_store(tmp_path)
    store.add([row])
    open_store(tmp_path / "other").add([other])
    path = features_path(next(store.folder.glob("*.safetensors")))
    data = bytearray(path.read_bytes())
    if damage == "gone":
        path.unlink()
    elif damage == "of another shard":
        path.write_bytes(
            features_path(next((tmp_path / "other" / "thumbnails").glob("*.safetensors"))).read_bytes()[:-20]
        )
    else:
        start = 8 + int.from_bytes(data[:8], "little")
        data[start + json.loads(data[8:start])["starts"]["data_offsets"][0]] ^= 1
        path.write_bytes({"cut": bytes(data[:-9]), "emptied": b""}.get(damage, bytes(data)))
    again = open_store(tmp_path)
    assert again.find([content(row)]) == {}
    said = "its local features are missing" if damage == "gone" else "its local features are damaged"
    assert [note for note in again.notes if said in note]


def test_a_wrong_bit_anywhere_in_features_is_found_when_all_is_verified(tmp_path: Path) -> None:
    publish([made_up(1)], tmp_path, fingerprint="thumbnails")
    [path] = (tmp_path / "thumbnails").glob(f"*{SUFFIX}")
    data = bytearray(path.read_bytes())
    data[-3] ^= 4
    path.write_bytes(data)
    [reason] = inspect(tmp_path, fingerprint="thumbnails").damaged.values()
    assert reason == "its local features are damaged"
