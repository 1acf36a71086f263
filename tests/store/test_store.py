"""The store: nothing that was written is lost, nothing damaged is believed."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import tempfile
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import safetensors.numpy
from conftest import open_store
from disks import full_disk
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imgsim_guard.augnet import DIMENSIONS
from imgsim_guard.model import GuardError
from imgsim_guard.store import folder, shared
from imgsim_guard.store import store as store_module
from imgsim_guard.store.folder import READABLE
from imgsim_guard.store.lookup import Finder
from imgsim_guard.store.shard import (
    CONTENT_IDS,
    DIGEST_SIZES,
    FORMAT,
    DamagedShardError,
    Row,
    file_digests,
    read_contents,
    read_shard,
    write_shard,
)
from imgsim_guard.store.store import SMALL_SHARDS_KEPT, Store
from imgsim_guard.store.unreadable import SUFFIX, read_unreadable, write_unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Tensors = dict[str, NDArray[np.generic]]

ANY_USER = 65534
"""Somebody without rights: to root, no folder is read-only."""

quick = settings(deadline=None, derandomize=True, max_examples=60)


def row_of(number: int, data: bytes = b"") -> Row:
    """The row of an image whose bytes are these, or this number's."""
    data = data or b"%d" % number
    embedding = np.random.default_rng(number).uniform(-1, 1, DIMENSIONS).astype(np.float16)
    return Row(
        **file_digests(data),
        pixels=hashlib.md5(data).digest(),
        hashes=hashlib.sha256(data).digest() * 5,
        embedding=embedding,
    )


def rows_of(*numbers: int) -> list[Row]:
    return [row_of(number) for number in numbers]


def content(row: Row, tracker: str = "sha256") -> str:
    return f"{tracker}:{getattr(row, tracker).hex()}"


def plain(row: Row) -> dict[str, bytes]:
    return {**{name: getattr(row, name) for name in DIGEST_SIZES}, "embedding": row.embedding.tobytes()}


def held(store: Store, rows: Sequence[Row]) -> list[Row]:
    """Those of the rows that the store holds, as it gives them back."""
    found = store.find(content(row) for row in rows)
    return [
        row._replace(pixels=store.pixels(at), hashes=store.hashes([at]).tobytes(), embedding=store.embeddings([at])[0])
        for row in rows
        if (at := found.get(content(row))) is not None
    ]


def assert_holds(store: Store, rows: Sequence[Row]) -> None:
    """Every one of these rows, bit for bit, under each of its content ids."""
    assert [plain(row) for row in held(store, rows)] == [plain(row) for row in rows]
    for tracker in ("git", "md5", "sha256"):
        found = store.find(content(row, tracker) for row in rows)
        assert list(found) == [content(row, tracker) for row in rows]
        assert store.embeddings(list(found.values())).tobytes() == b"".join(row.embedding.tobytes() for row in rows)


def names(root: Path) -> set[str]:
    return {path.name for path in root.rglob("*") if path.is_file()}


def shard_paths(root: Path) -> list[Path]:
    return sorted(root.rglob("*.safetensors"))


embedding_bits = st.lists(
    st.integers(0, 0x3C00).flatmap(lambda bits: st.sampled_from([bits, bits | 0x8000])), min_size=8, max_size=8
).map(lambda bits: np.tile(np.array(bits, np.uint16).view(np.float16), DIMENSIONS // 8))

any_rows = st.lists(
    st.builds(
        lambda data, pixels, hashes, embedding: Row(
            **file_digests(data), pixels=pixels, hashes=hashes, embedding=embedding
        ),
        st.binary(max_size=4),
        st.binary(min_size=16, max_size=16),
        st.binary(min_size=160, max_size=160),
        embedding_bits,
    ),
    max_size=6,
    unique_by=lambda row: row.sha256,
)


@quick
@given(any_rows)
def test_a_shard_is_read_back_bit_for_bit(rows: list[Row]) -> None:
    name, data = write_shard(rows, fingerprint="thumbnails")
    shard = read_shard(name, data, fingerprint="thumbnails")
    ordered = sorted(rows, key=lambda row: row.sha256)
    assert shard.embeddings.dtype == np.float16
    assert shard.embeddings.shape == (len(rows), DIMENSIONS)
    assert shard.embeddings.tobytes() == b"".join(row.embedding.tobytes() for row in ordered)
    assert {name: list(map(bytes, column)) for name, column in shard.digests.items()} == {
        name: [getattr(row, name) for row in ordered] for name in DIGEST_SIZES
    }


@quick
@given(st.data())
def test_the_same_rows_in_any_order_make_the_same_file(data: st.DataObject) -> None:
    rows = data.draw(any_rows)
    moved = data.draw(st.permutations(rows))
    assert write_shard(moved, fingerprint="f") == write_shard(rows, fingerprint="f")


def test_other_rows_or_another_fingerprint_make_another_file() -> None:
    made = [
        write_shard(rows_of(1, 2), fingerprint="f"),
        write_shard(rows_of(1, 3), fingerprint="f"),
        write_shard(rows_of(1), fingerprint="f"),
        write_shard(rows_of(1, 2), fingerprint="g"),
    ]
    assert len({name for name, _ in made}) == len({data for _, data in made}) == len(made)


@quick
@given(any_rows, st.integers(1, 6))
def test_a_store_gives_back_what_was_added_at_once_and_when_opened_again(rows: list[Row], size: int) -> None:
    with tempfile.TemporaryDirectory() as root:
        store = open_store(Path(root))
        for start in range(0, len(rows), size):
            store.add(rows[start : start + size])
        for opened in (store, open_store(Path(root))):
            assert len(opened) == len(rows)
            assert opened.notes == []
            assert_holds(opened, rows)


def test_an_image_is_found_by_what_git_dvc_and_lfs_call_it(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    row = row_of(1, b"hello\n")
    store.add([row_of(2), row])
    known = [
        "git:ce013625030ba8dba906f756967f9e9ca394464a",  # git hash-object
        "md5:b1946ac92492d2347c6235b4d2611184",  # md5sum
        "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",  # sha256sum
    ]
    unknown = ["git:" + "0" * 40, "md5:" + "0" * 32, "sha256:" + "0" * 64]
    found = store.find(known + unknown)
    assert list(found) == known
    assert len(set(found.values())) == 1
    assert store.embeddings(list(found.values())[:1]).tobytes() == row.embedding.tobytes()
    assert store.pixels(found[known[0]]) == row.pixels


def test_a_digest_of_one_tracker_is_not_taken_for_anothers(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.add(rows_of(1))
    assert store.find(["git:" + row_of(1).sha256.hex(), "md5:" + row_of(1).git.hex()]) == {}


@quick
@given(
    st.lists(st.lists(st.binary(min_size=2, max_size=2), max_size=6), max_size=4),
    st.lists(st.binary(min_size=2, max_size=2), max_size=9),
)
@example([[b"a\0", b"\0\0"], [b"a\0"]], [b"a\0", b"\0a", b"\0\0", b"a\0"])  # zeros at the end, and one there twice
def test_digests_are_found_as_in_a_dictionary(columns: list[list[bytes]], wanted: list[bytes]) -> None:
    finder = Finder([digests(column) for column in columns], 2)
    rows = {digest: row for row, digest in enumerate(digest for column in columns for digest in column)}
    assert finder.find(digests(wanted)).tolist() == [rows.get(digest, -1) for digest in wanted]
    assert len(finder) == len(rows)


def digests(given: list[bytes]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(given), np.uint8).reshape(-1, 2)


def test_the_ids_that_trackers_have_for_the_same_bytes_are_alike(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.add([one := row_of(1), two := row_of(2)])
    contents = [
        content(one, "md5"),
        content(two, "git"),
        content(row_of(3), "git"),
        content(one, "git"),
        content(row_of(3)),
        content(one),
    ]
    assert store.alike(contents) == {content(one, "git"): contents[0], content(one): contents[0]}
    assert list(store.find(contents)) == [contents[at] for at in (0, 1, 3, 5)]
    assert store.alike([content(one), content(two), content(one)]) == {}


def test_the_sha256_of_what_is_stored_is_known_and_that_which_an_id_is(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    assert store.sha256([content(row_of(1), "git")]) == {}
    store.add(rows_of(1, 2))
    store.add(rows_of(3))
    asked = [content(row_of(3), "git"), content(row_of(1), "md5"), content(row_of(4)), content(row_of(4), "git")]
    assert store.sha256(asked) == {
        asked[0]: row_of(3).sha256,
        asked[1]: row_of(1).sha256,
        asked[2]: row_of(4).sha256,
    }


def test_an_empty_store_holds_nothing_and_makes_no_folder(tmp_path: Path) -> None:
    store = open_store(tmp_path / "nowhere")
    assert len(store) == 0
    assert store.find(content(row) for row in rows_of(1, 2)) == {}
    assert store.embeddings([]).shape == (0, DIMENSIONS)
    assert (store.notes, store.unreadable) == ([], {})
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(IndexError):
        store.pixels(0)


def test_stores_of_two_models_in_one_folder_do_not_meet(tmp_path: Path) -> None:
    first = Store(tmp_path, fingerprint="first", decoder=lambda: "test")
    first.add(rows_of(1))
    first.add_unreadable({"sha256:00": "why"})
    second = Store(tmp_path, fingerprint="second", decoder=lambda: "test")
    assert (len(second), second.unreadable) == (0, {})


# Several at once


def test_two_stores_in_one_folder_add_up(tmp_path: Path) -> None:
    first, second = open_store(tmp_path), open_store(tmp_path)
    first.add(rows_of(1, 2))
    second.add(rows_of(2, 3))
    first.add(rows_of(4))
    assert_holds(first, rows_of(1, 2, 4))
    assert_holds(second, rows_of(2, 3))
    assert_holds(open_store(tmp_path), rows_of(1, 2, 3, 4))


def test_two_stores_that_add_the_same_rows_write_one_file(tmp_path: Path) -> None:
    for _ in range(2):
        Store(tmp_path, fingerprint="thumbnails", decoder=lambda: "test").add(rows_of(1, 2))
    assert names(tmp_path) == {write_shard(rows_of(1, 2), fingerprint="thumbnails")[0]}


def test_the_union_of_two_folders_is_a_store(tmp_path: Path) -> None:
    open_store(tmp_path / "mine").add(rows_of(1, 2))
    open_store(tmp_path / "theirs").add(rows_of(3))
    mine = open_store(tmp_path / "mine").folder
    for path in shard_paths(tmp_path / "theirs"):
        path.rename(mine / path.name)
    assert_holds(open_store(tmp_path / "mine"), rows_of(1, 2, 3))


def add_one_by_one(root: str, first: int, count: int) -> None:
    """What each of many processes does: enough small shards that all of them merge, again and again."""
    store_module.SMALL_SHARDS_KEPT = 3
    store = open_store(Path(root))
    for number in range(first, first + count):
        store.add(rows_of(number))
        store.add_unreadable({f"sha256:{number:064x}": "why"})
        assert open_store(Path(root)).notes == []
    assert_holds(store, rows_of(*range(first, first + count)))


def test_many_processes_add_and_merge_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    each, workers = 25, 4
    processes = [context.Process(target=add_one_by_one, args=(str(tmp_path), i * each, each)) for i in range(workers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * workers
    store = open_store(tmp_path)
    assert_holds(store, rows_of(*range(each * workers)))
    assert store.unreadable == {f"sha256:{number:064x}": "why" for number in range(each * workers)}
    assert store.notes == []
    assert not [name for name in names(tmp_path) if name.endswith((".tmp", folder.DAMAGED))]


# Damage


@pytest.fixture
def three_shards(tmp_path: Path) -> Path:
    """A store of three shards, the second of which is about to be damaged."""
    store = open_store(tmp_path)
    for numbers in ((1, 2), (3, 4), (5,)):
        store.add(rows_of(*numbers))
    return tmp_path


def second_shard(root: Path) -> Path:
    return open_store(root).folder / write_shard(rows_of(3, 4), fingerprint="thumbnails")[0]


def assert_set_aside(root: Path, path: Path, why: str) -> None:
    """The shard is gone from the store with a note, and lies beside it; the rest is there; it is said only once."""
    data = path.read_bytes()
    store = open_store(root)
    assert len(store.notes) == 1
    start = f"set aside a damaged part of the store ({path}: "
    end = "); its images are embedded again"
    assert store.notes[0].startswith(start)
    assert store.notes[0].endswith(end)
    assert why in store.notes[0].removeprefix(start)
    assert_holds(store, rows_of(1, 2, 5))
    assert not path.exists()
    assert path.with_name(path.name + ".damaged").read_bytes() == data

    again = open_store(root)
    assert again.notes == []
    assert len(again) == 3
    again.add(rows_of(3, 4))
    assert_holds(open_store(root), rows_of(1, 2, 3, 4, 5))


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 100, 1000, -1])
def test_a_shard_that_is_cut_short_is_set_aside(three_shards: Path, size: int) -> None:
    path = second_shard(three_shards)
    path.write_bytes(path.read_bytes()[:size])
    assert_set_aside(three_shards, path, "its contents do not match its name")


def test_a_shard_with_something_at_its_end_is_set_aside(three_shards: Path) -> None:
    path = second_shard(three_shards)
    path.write_bytes(path.read_bytes() + b"\0")
    assert_set_aside(three_shards, path, "its contents do not match its name")


@quick
@given(st.integers(0, 10**9), st.integers(0, 7))
@example(0, 0)
def test_any_flipped_bit_is_noticed(position: int, bit: int) -> None:
    name, data = write_shard(rows_of(3, 4), fingerprint="thumbnails")
    flipped = bytearray(data)
    flipped[position % len(data)] ^= 1 << bit
    with pytest.raises(DamagedShardError, match="its contents do not match its name"):
        read_shard(name, bytes(flipped), fingerprint="thumbnails")


@quick
@given(st.integers(0, 10**9), st.integers(0, 7))
def test_a_flipped_bit_under_a_name_that_fits_is_noticed_or_gives_a_sound_shard(position: int, bit: int) -> None:
    """As a broken writer would make it: there is no exception but the one that sets the shard aside."""
    _, data = write_shard(rows_of(3, 4), fingerprint="thumbnails")
    header = 8 + int.from_bytes(data[:8], "little")
    flipped = bytearray(data)
    flipped[position % header] ^= 1 << bit
    with pytest.raises(DamagedShardError):
        read_shard(hashlib.sha256(flipped).hexdigest() + ".safetensors", bytes(flipped), fingerprint="thumbnails")


def test_a_flipped_bit_on_disk_sets_the_shard_aside(three_shards: Path) -> None:
    path = second_shard(three_shards)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert_set_aside(three_shards, path, "its contents do not match its name")


def test_a_shard_under_another_name_is_set_aside(three_shards: Path) -> None:
    path = second_shard(three_shards)
    renamed = path.rename(path.with_name("copy of " + path.name))
    assert_set_aside(three_shards, renamed, "its contents do not match its name")


def tensors_of(*numbers: int) -> Tensors:
    name, data = write_shard(rows_of(*numbers), fingerprint="thumbnails")
    shard = read_shard(name, data, fingerprint="thumbnails")
    return {"embeddings": shard.embeddings, **shard.digests}


def raw_shard(
    tensors: Tensors, *, fingerprint: str = "thumbnails", form: int = FORMAT, contents: str | None = None
) -> bytes:
    ids = b"".join(tensors[name].tobytes() for name in CONTENT_IDS if name in tensors)
    right = hashlib.sha256(ids).hexdigest()
    metadata = json.dumps({"fingerprint": fingerprint, "format": form, "contents": contents or right})
    return safetensors.numpy.save(
        {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, {"imgsim_guard": metadata}
    )


def changed(change: Callable[[NDArray[np.generic]], NDArray[np.generic]], name: str = "embeddings") -> bytes:
    tensors = tensors_of(3, 4)
    return raw_shard({**tensors, name: change(tensors[name])})


def with_one(value: float) -> bytes:
    def put(embeddings: NDArray[np.generic]) -> NDArray[np.generic]:
        changed = embeddings.copy()
        changed[1, 700] = value
        return changed

    return changed(put)


TYPE_OR_SHAPE = "have the wrong type or shape"
WRONG_BUT_WELL_NAMED = {
    "no bytes": (b"", "it is not a safetensors file"),
    "no safetensors": (b"PK\3\4" * 100, "it is not a safetensors file"),
    "header is a list": (b"\2\0\0\0\0\0\0\0[]", "it is not a safetensors file"),
    "header is deep": ((100_000).to_bytes(8, "little") + b"[" * 100_000, "it is not a safetensors file"),
    "header of nothing": (b"\2\0\0\0\0\0\0\0{}", "it is of another model or format"),
    "another model": (raw_shard(tensors_of(3, 4), fingerprint="other"), "it is of another model or format"),
    "another format": (raw_shard(tensors_of(3, 4), form=FORMAT + 1), "it is of another model or format"),
    "other content ids": (raw_shard(tensors_of(3, 4), contents="0" * 64), "its content ids do not match their digest"),
    "no metadata": (safetensors.numpy.save(tensors_of(3, 4)), "it is of another model or format"),
    "float32": (changed(lambda rows: rows.astype(np.float32)), f"its embeddings {TYPE_OR_SHAPE}"),
    "uint16": (changed(lambda rows: rows.view(np.uint16)), f"its embeddings {TYPE_OR_SHAPE}"),
    "narrow": (changed(lambda rows: rows[:, :-1]), f"its embeddings {TYPE_OR_SHAPE}"),
    "flat": (changed(lambda rows: rows.reshape(-1)), f"its embeddings {TYPE_OR_SHAPE}"),
    "a single number": (changed(lambda rows: rows[0, 0].reshape(())), f"its embeddings {TYPE_OR_SHAPE}"),
    "deep": (changed(lambda rows: rows[None]), f"its embeddings {TYPE_OR_SHAPE}"),
    "no embeddings": (raw_shard({"git": tensors_of(3, 4)["git"]}), f"its embeddings {TYPE_OR_SHAPE}"),
    "no digests": (raw_shard({"embeddings": tensors_of(3)["embeddings"]}), f"its digests {TYPE_OR_SHAPE}"),
    "fewer digests": (changed(lambda rows: rows[:-1], "md5"), f"its digests {TYPE_OR_SHAPE}"),
    "short digests": (changed(lambda rows: rows[:, :-1], "git"), f"its digests {TYPE_OR_SHAPE}"),
    "signed digests": (changed(lambda rows: rows.view(np.int8), "sha256"), f"its digests {TYPE_OR_SHAPE}"),
    "a single digest": (changed(lambda rows: rows[0, 0].reshape(()), "md5"), f"its digests {TYPE_OR_SHAPE}"),
    "more than there should be": (
        raw_shard({**tensors_of(3, 4), "more": np.zeros(1, np.uint8)}),
        f"its digests {TYPE_OR_SHAPE}",
    ),
    "not a number": (with_one(np.nan), "its embeddings are out of range"),
    "infinite": (with_one(np.inf), "its embeddings are out of range"),
    "just above 1": (with_one(1.001), "its embeddings are out of range"),
    "below -1": (with_one(-2.0), "its embeddings are out of range"),
}


@pytest.mark.parametrize("kind", WRONG_BUT_WELL_NAMED)
def test_a_shard_with_a_name_that_fits_but_contents_that_cannot_be_is_set_aside(three_shards: Path, kind: str) -> None:
    data, why = WRONG_BUT_WELL_NAMED[kind]
    second_shard(three_shards).unlink()
    path = open_store(three_shards).folder / (hashlib.sha256(data).hexdigest() + ".safetensors")
    path.write_bytes(data)
    assert_set_aside(three_shards, path, why)


def test_a_large_shard_is_mapped_and_gives_back_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "MAPPED", 1)
    rows = rows_of(1, 2, 3)
    open_store(tmp_path).add(rows)
    assert_holds(open_store(tmp_path), rows)
    assert_holds(open_store(tmp_path), rows)


def test_a_system_without_advice_for_mapped_files_reads_them_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "MAPPED", 1)
    monkeypatch.delattr("mmap.MADV_DONTNEED", raising=False)  # as on Windows
    rows = rows_of(1, 2, 3)
    open_store(tmp_path).add(rows)
    assert_holds(open_store(tmp_path), rows)


def placed(name: str, place: object) -> bytes:
    """A shard whose header says that a tensor lies elsewhere."""
    _, data = write_shard(rows_of(3, 4), fingerprint="thumbnails")
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header[name]["data_offsets"] = place
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[start:]


NOT_IN_A_ROW = "its tensors do not follow one another"


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ([-3072, 0], NOT_IN_A_ROW),
        ([0, 3070], NOT_IN_A_ROW),
        ([2, 3072], NOT_IN_A_ROW),
        ([10**30, 10**30 + 3072], NOT_IN_A_ROW),
        ([0.0, 3072], "it is not a safetensors file"),
        ([0], "it is not a safetensors file"),
        ("0", "it is not a safetensors file"),
    ],
)
def test_a_tensor_that_does_not_lie_where_it_should_is_damage(place: object, why: str) -> None:
    data = placed("embeddings", place)
    with pytest.raises(DamagedShardError, match=why):
        read_shard(hashlib.sha256(data).hexdigest() + ".safetensors", data, fingerprint="thumbnails")


def test_tensors_that_overlap_by_their_shapes_are_damage() -> None:
    """The last one is a byte shorter than its shape, and so the one before has one more."""
    _, data = write_shard(rows_of(3, 4), fingerprint="thumbnails")
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    first, last = sorted(tuple(header[name]["data_offsets"]) for name in header if name != "__metadata__")[:2]
    names = {tuple(header[name]["data_offsets"]): name for name in header if name != "__metadata__"}
    header[names[first]]["data_offsets"] = [first[0], first[1] + 1]
    header[names[last]]["data_offsets"] = [last[0] + 1, last[1]]
    text = json.dumps(header).encode()
    made = len(text).to_bytes(8, "little") + text + data[8 + int.from_bytes(data[:8], "little") :]
    with pytest.raises(DamagedShardError, match="its tensors are not as long"):
        read_shard(hashlib.sha256(made).hexdigest() + ".safetensors", made, fingerprint="thumbnails")


# Lazily: only content ids, until the store is opened


def lazy_store(root: Path) -> Store:
    return Store(root, fingerprint="thumbnails", decoder=lambda: "test", lazy=True)


def test_a_lazy_store_knows_what_it_has_and_gives_the_same_once_it_is_open(three_shards: Path) -> None:
    lazy, eager = lazy_store(three_shards), open_store(three_shards)
    contents = [f"sha256:{row.sha256.hex()}" for row in rows_of(*range(1, 7))]
    assert lazy.find(contents) == eager.find(contents)
    assert len(lazy) == len(eager)
    rows = list(eager.find(contents).values())
    with pytest.raises(RuntimeError, match="not open"):
        lazy.embeddings(rows)
    lazy.open()
    assert lazy.find(contents) == eager.find(contents)
    assert np.array_equal(lazy.embeddings(rows), eager.embeddings(rows))
    assert np.array_equal(lazy.hashes(rows), eager.hashes(rows))
    assert [lazy.pixels(row) for row in rows] == [eager.pixels(row) for row in rows]
    assert lazy.notes == eager.notes == []


def test_damage_to_embeddings_is_noticed_when_a_lazy_store_is_opened(three_shards: Path) -> None:
    path = second_shard(three_shards)
    data = bytearray(path.read_bytes())
    data[data.index(rows_of(3)[0].embedding.tobytes())] ^= 1
    path.write_bytes(data)
    lazy, damaged = lazy_store(three_shards), [f"sha256:{row.sha256.hex()}" for row in rows_of(3, 4)]
    assert (len(lazy.find(damaged)), lazy.notes) == (2, [])
    lazy.open()
    assert lazy.find(damaged) == {}
    assert "its contents do not match its name" in lazy.notes[0]
    assert not path.exists()


@pytest.mark.parametrize("column", CONTENT_IDS)
def test_damage_to_content_ids_is_noticed_at_once(three_shards: Path, column: str) -> None:
    path = second_shard(three_shards)
    data = bytearray(path.read_bytes())
    header = int.from_bytes(data[:8], "little")
    data[8 + header + json.loads(data[8 : 8 + header])[column]["data_offsets"][0]] ^= 1
    path.write_bytes(data)
    [note] = lazy_store(three_shards).notes
    assert "its content ids do not match their digest" in note


def test_a_shard_that_is_merged_away_before_a_lazy_store_is_opened_is_found_where_it_went(three_shards: Path) -> None:
    lazy, contents = lazy_store(three_shards), [f"sha256:{row.sha256.hex()}" for row in rows_of(3, 4)]
    path = second_shard(three_shards)
    name, data = write_shard(rows_of(3, 4, 9), fingerprint="thumbnails")
    path.with_name(name).write_bytes(data)
    path.unlink()
    lazy.open()
    assert (len(lazy.find(contents)), lazy.notes) == (2, [])


@quick
@given(st.binary(max_size=40), st.integers(0, 10**9), st.integers(0, 7))
def test_whatever_the_bytes_content_ids_are_read_or_refused(prefix: bytes, position: int, bit: int) -> None:
    _, data = write_shard(rows_of(3, 4), fingerprint="thumbnails")
    flipped = bytearray(data)
    flipped[position % len(flipped)] ^= 1 << bit
    with tempfile.TemporaryDirectory() as folder:
        for made in (bytes(flipped), prefix + data, prefix):
            Path(folder, "shard").write_bytes(made)
            with suppress(DamagedShardError):
                assert list(read_contents(Path(folder, "shard"), fingerprint="thumbnails")) == list(CONTENT_IDS)


def test_each_damaged_shard_has_a_note_and_a_store_of_nothing_else_is_empty(three_shards: Path) -> None:
    paths = shard_paths(three_shards)
    for path in paths:
        path.write_bytes(b"x")
    store = open_store(three_shards)
    assert len(store) == 0
    assert store.notes == [
        f"set aside a damaged part of the store ({path}: its contents do not match its name); "
        "its images are embedded again"
        for path in paths
    ]


def test_a_damaged_shard_in_a_read_only_folder_is_not_used_either() -> None:
    with read_only_store(rows_of(1, 2), rows_of(3)) as root:
        path = shard_paths(root)[0]
        with everybody_may_write(path.parent):
            path.write_bytes(b"x")
        with without_rights():
            store, again = open_store(root), open_store(root)
        assert len(store.notes) == 1
        assert again.notes == store.notes
        assert path.read_bytes() == b"x"


# Merging


def filled_with_small_shards(root: Path) -> tuple[Store, list[Row]]:
    store, rows = open_store(root), rows_of(*range(SMALL_SHARDS_KEPT))
    for row in rows:
        store.add([row])
    assert len(shard_paths(root)) == SMALL_SHARDS_KEPT
    return store, rows


def test_small_shards_become_one_and_keep_all_rows(tmp_path: Path) -> None:
    store, rows = filled_with_small_shards(tmp_path)
    rows += rows_of(1000, 1001)
    store.add(rows[-2:])
    assert names(tmp_path) == {write_shard(rows, fingerprint="thumbnails")[0]}
    assert len(store) == len(rows)
    assert_holds(store, rows)
    assert_holds(open_store(tmp_path), rows)
    store.add(rows_of(1002))
    assert_holds(store, [*rows, row_of(1002)])
    assert len(shard_paths(tmp_path)) == 2


def test_large_shards_are_left_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "ROWS_OF_A_SMALL_SHARD", 3)
    monkeypatch.setattr(store_module, "SMALL_SHARDS_KEPT", 2)
    store = open_store(tmp_path)
    for numbers in ((1, 2, 3), (4, 5, 6, 7), (8,), (9, 10), (11,)):
        store.add(rows_of(*numbers))
    made = [rows_of(1, 2, 3), rows_of(4, 5, 6, 7), rows_of(8, 9, 10, 11)]
    assert names(tmp_path) == {write_shard(rows, fingerprint="thumbnails")[0] for rows in made}
    assert_holds(open_store(tmp_path), rows_of(*range(1, 12)))


def test_rows_that_are_there_twice_are_merged_into_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "SMALL_SHARDS_KEPT", 2)
    store = open_store(tmp_path)
    for numbers in ((1, 2), (2, 3), (1, 3)):
        store.add(rows_of(*numbers))
    assert names(tmp_path) == {write_shard(rows_of(1, 2, 3), fingerprint="thumbnails")[0]}
    assert len(open_store(tmp_path)) == 3


def test_a_merge_whose_result_is_one_of_the_merged_does_not_delete_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "SMALL_SHARDS_KEPT", 2)
    store = open_store(tmp_path)
    for numbers in ((1, 2, 3), (1,), (2,)):
        store.add(rows_of(*numbers))
    assert names(tmp_path) == {write_shard(rows_of(1, 2, 3), fingerprint="thumbnails")[0]}


def test_shards_that_vanish_before_they_are_merged_lose_nothing(tmp_path: Path) -> None:
    store, rows = filled_with_small_shards(tmp_path)
    for path in shard_paths(tmp_path)[::2]:
        path.unlink()
    store.add(rows_of(1000))
    assert len(shard_paths(tmp_path)) == 1
    assert_holds(open_store(tmp_path), [*rows, row_of(1000)])


def test_a_shard_that_vanishes_between_being_listed_and_being_read_is_passed_over(
    three_shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = folder.list_files

    def list_and_lose(where: Path, suffix: str) -> list[Path]:
        paths = listed(where, suffix)
        if suffix == ".safetensors":
            second_shard_path.unlink(missing_ok=True)
        return paths

    second_shard_path = second_shard(three_shards)
    open_store(three_shards).add_unreadable({"sha256:00": "why"})
    monkeypatch.setattr(folder, "list_files", list_and_lose)
    store = open_store(three_shards)
    assert_holds(store, rows_of(1, 2, 5))
    assert len(store) == 3
    assert (store.notes, store.unreadable) == ([], {"sha256:00": "why"})


def merging_meanwhile(monkeypatch: pytest.MonkeyPatch, merge: Callable[[], object], *, missed: bool = False) -> None:
    """Have another process merge shards once, just after a folder is listed; or while it is, so that all are missed."""
    listed = folder.list_files
    merged: list[bool] = []

    def list_and_merge(where: Path, suffix: str) -> list[Path]:
        paths = listed(where, suffix)
        if suffix != ".safetensors" or not paths or merged:
            return paths
        merged.append(True)
        merge()
        return [] if missed else paths

    monkeypatch.setattr(folder, "list_files", list_and_merge)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("missed", [False, True])
def test_shards_that_are_merged_between_being_listed_and_being_read_are_found_where_they_went(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, lazy: bool, missed: bool
) -> None:
    writer, rows = filled_with_small_shards(tmp_path)
    merging_meanwhile(monkeypatch, lambda: writer.add(rows_of(1000)), missed=missed)
    store = lazy_store(tmp_path) if lazy else open_store(tmp_path)
    assert len(store) == len(rows) + 1
    store.open()
    assert_holds(store, [*rows, row_of(1000)])
    assert store.notes == []


def test_shards_that_are_merged_while_a_lazy_store_is_opened_are_found_where_they_went(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, rows = filled_with_small_shards(tmp_path)
    store = lazy_store(tmp_path)
    merging_meanwhile(monkeypatch, lambda: writer.add(rows_of(1000)))
    store.open()
    assert_holds(store, [*rows, row_of(1000)])


def test_two_who_compact_a_store_at_once_lose_nothing_and_find_no_damage(
    three_shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_one = partial(shared.rewritten, three_shards, fingerprint="thumbnails")
    merging_meanwhile(monkeypatch, other_one)
    assert shared.rewritten(three_shards, fingerprint="thumbnails") == (5, 5)
    assert len(open_store(three_shards)) == 5


def test_a_store_that_is_compacted_while_it_is_inspected_is_not_damaged(
    three_shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    merging_meanwhile(monkeypatch, lambda: shared.rewritten(three_shards, fingerprint="thumbnails"))
    found = shared.inspect(three_shards, fingerprint="thumbnails")
    assert (found.shards, found.rows, found.damaged) == (1, 5, {})


def test_a_dangling_link_among_the_shards_is_passed_over(three_shards: Path) -> None:
    second_shard(three_shards).with_name("gone.safetensors").symlink_to("nowhere")
    assert len(open_store(three_shards)) == 5
    assert len(lazy_store(three_shards)) == 5


def test_killed_between_writing_the_merged_shard_and_deleting_the_others_rows_exist_twice_and_then_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, rows = filled_with_small_shards(tmp_path)

    def killed(_paths: list[Path]) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(folder, "remove_files", killed)
        with pytest.raises(KeyboardInterrupt):
            store.add(rows_of(1000))
    rows.append(row_of(1000))
    assert len(shard_paths(tmp_path)) == len(rows) + 1
    assert_holds(store, rows)

    again = open_store(tmp_path)
    assert_holds(again, rows)
    again.add(rows_of(1001))
    rows.append(row_of(1001))
    assert names(tmp_path) == {write_shard(rows, fingerprint="thumbnails")[0]}
    assert len(open_store(tmp_path)) == len(rows)


def test_a_file_that_cannot_be_deleted_is_left_and_the_others_are_deleted(three_shards: Path) -> None:
    in_use = three_shards / "a folder, which nobody can unlink"
    in_use.mkdir()
    folder.remove_files([in_use, second_shard(three_shards), three_shards / "gone"])
    assert in_use.exists()
    assert_holds(open_store(three_shards), rows_of(1, 2, 5))
    assert len(open_store(three_shards)) == 3


# Unreadable images


@quick
@given(st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=3), st.text(max_size=9))
def test_reasons_are_read_back_as_they_were(reasons: dict[str, str], decoder: str) -> None:
    assert read_unreadable(*write_unreadable(reasons, decoder=decoder), decoder=decoder) == reasons


def test_reasons_are_kept_beside_the_shards(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.add_unreadable({"sha256:00": "an empty file"})
    store.add_unreadable({"git:01": "damaged", "sha256:00": "an empty file"})
    expected = {"sha256:00": "an empty file", "git:01": "damaged"}
    assert store.unreadable == expected
    opened = open_store(tmp_path)
    assert (opened.unreadable, opened.notes, len(opened)) == (expected, [], 0)


def test_another_version_of_the_decoder_is_asked_again(tmp_path: Path) -> None:
    open_store(tmp_path).add_unreadable({"sha256:00": "why"})
    newer = Store(tmp_path, fingerprint="thumbnails", decoder=lambda: "test 2")
    assert newer.unreadable == {}
    newer.add_unreadable({"sha256:01": "why"})
    assert newer.unreadable == {"sha256:01": "why"}
    assert open_store(tmp_path).unreadable == {"sha256:00": "why"}


def test_the_decoder_is_not_asked_for_its_version_when_nothing_was_unreadable(tmp_path: Path) -> None:
    def decoder() -> str:
        raise AssertionError

    open_store(tmp_path).add(rows_of(1))
    assert_holds(Store(tmp_path, fingerprint="thumbnails", decoder=decoder), rows_of(1))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe\xfd",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b'{"decoder": "test"}',
        b'{"decoder": "test", "images": null}',
        b'{"decoder": "test", "images": ["sha256:00"]}',
        b'{"decoder": null, "images": {"sha256:00": "why"}}',
        b"[" * 100_000,
    ],
)
def test_records_that_are_none_are_passed_over(tmp_path: Path, data: bytes) -> None:
    store = open_store(tmp_path)
    store.add_unreadable({"sha256:01": "why"})
    store.folder.joinpath(hashlib.sha256(data).hexdigest() + SUFFIX).write_bytes(data)
    opened = open_store(tmp_path)
    assert (opened.unreadable, opened.notes) == ({"sha256:01": "why"}, [])


def test_a_damaged_record_is_passed_over(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.add_unreadable({"sha256:00": "why"})
    store.add_unreadable({"sha256:01": "why not"})
    name, data = write_unreadable({"sha256:00": "why"}, decoder="test")
    store.folder.joinpath(name).write_bytes(data.replace(b"why", b"yes"))
    assert open_store(tmp_path).unreadable == {"sha256:01": "why not"}


# Where nothing can be written or read


@contextmanager
def without_rights() -> Iterator[None]:
    """As root, to whom everything is allowed, be somebody else for a moment."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(ANY_USER)
    try:
        yield
    finally:
        os.seteuid(user)


@contextmanager
def everybody_may_write(where: Path) -> Iterator[None]:
    mode = where.stat().st_mode
    where.chmod(0o777)
    try:
        yield
    finally:
        where.chmod(mode)


@contextmanager
def read_only_store(*shards: list[Row]) -> Iterator[Path]:
    """A store in a folder that all may read and nobody may write, outside pytest's own, which nobody else may enter."""
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        store = open_store(root)
        store.folder.mkdir()
        for rows in shards:
            store.add(rows)
        for path in shard_paths(root):
            path.chmod(0o444)
        root.chmod(0o555)
        store.folder.chmod(0o555)
        try:
            yield root
        finally:
            root.chmod(0o755)
            store.folder.chmod(0o755)


def cannot_write(where: Path, why: str) -> str:
    return (
        f"cannot write to the store of embeddings at {where}: {why}; nothing stored before is lost. "
        "Free some space or make it writable, or point IMGSIM_GUARD_CACHE_DIR elsewhere"
    )


def test_a_read_only_store_is_read_and_says_that_it_cannot_be_written() -> None:
    with read_only_store(rows_of(1, 2)) as root:
        before = names(root)
        with without_rights():
            store = open_store(root)
            with pytest.raises(GuardError) as refused:
                store.add(rows_of(3))
            with pytest.raises(GuardError) as refused_too:
                store.add_unreadable({"sha256:00": "why"})
        assert str(refused.value) == str(refused_too.value) == cannot_write(store.folder, "Permission denied")
        assert names(root) == before
        assert_holds(open_store(root), rows_of(1, 2))


def test_a_place_where_no_folder_can_be_made_is_said() -> None:
    with read_only_store() as root, without_rights():
        store = Store(root / "more", fingerprint="thumbnails", decoder=lambda: "test")
        with pytest.raises(GuardError) as refused:
            store.add(rows_of(1))
    assert str(refused.value) == cannot_write(root / "more" / "thumbnails", "Permission denied")


@pytest.mark.parametrize("space", [0, 1, 1000])
def test_a_full_disk_loses_nothing_that_was_stored(tmp_path: Path, space: int) -> None:
    store = open_store(tmp_path)
    store.add(rows_of(1, 2))
    before = names(tmp_path)
    with full_disk(space), pytest.raises(GuardError) as refused:
        store.add(rows_of(3, 4))
    with full_disk(0), pytest.raises(GuardError) as refused_too:
        store.add_unreadable({"sha256:00": "why"})
    assert str(refused.value) == str(refused_too.value) == cannot_write(store.folder, "File too large")
    assert names(tmp_path) == before
    assert_holds(store, rows_of(1, 2))
    store.add(rows_of(3, 4))
    assert_holds(open_store(tmp_path), rows_of(1, 2, 3, 4))


def test_a_disk_that_is_full_for_the_merged_shard_keeps_the_small_ones(tmp_path: Path) -> None:
    store, rows = filled_with_small_shards(tmp_path)
    with full_disk(4000), pytest.raises(GuardError) as refused:
        store.add(rows_of(1000))
    assert str(refused.value) == cannot_write(store.folder, "File too large")
    rows.append(row_of(1000))
    assert len(shard_paths(tmp_path)) == len(names(tmp_path)) == len(rows)
    assert_holds(open_store(tmp_path), rows)
    store.add(rows_of(1001))
    assert len(shard_paths(tmp_path)) == 1
    assert_holds(open_store(tmp_path), [*rows, row_of(1001)])


def test_a_file_where_the_folder_should_be_is_said(tmp_path: Path) -> None:
    tmp_path.joinpath("thumbnails").write_text("not a folder")
    with pytest.raises(GuardError) as refused:
        open_store(tmp_path)
    assert str(refused.value) == (
        f"cannot read the store of embeddings at {tmp_path / 'thumbnails'}: Not a directory{READABLE}"
    )


def test_a_shard_that_may_not_be_read_is_said() -> None:
    with read_only_store(rows_of(1)) as root:
        path = shard_paths(root)[0]
        path.chmod(0)
        with without_rights(), pytest.raises(GuardError) as refused:
            open_store(root)
        assert str(refused.value) == f"cannot read the store of embeddings at {path}: Permission denied{READABLE}"


def test_what_a_killed_process_left_half_written_is_harmless(three_shards: Path) -> None:
    left = open_store(three_shards).folder / "tmpabcdef.tmp"
    left.write_bytes(second_shard(three_shards).read_bytes()[:1000])
    store = open_store(three_shards)
    assert_holds(store, rows_of(1, 2, 3, 4, 5))
    store.add(rows_of(6))
    opened = open_store(three_shards)
    assert_holds(opened, rows_of(1, 2, 3, 4, 5, 6))
    assert opened.notes == []
    assert left.exists()
