"""Evidence kept by pair: what is read is what was written, and damage costs a look, never a verdict."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsim_guard.model import Evidence, Outcome, Transform
from imgsim_guard.store import verdicts
from imgsim_guard.store.verdicts import Verdicts, pair_key

if TYPE_CHECKING:
    from pathlib import Path

numbers = st.floats(allow_nan=False, allow_infinity=False)
transforms = st.builds(
    Transform,
    mirrored=st.booleans(),
    rotation=numbers,
    scale=numbers,
    squeeze=numbers,
    covered=numbers,
    shown=numbers,
    matrix=st.tuples(*[numbers] * 6),
)
evidences = st.builds(
    Evidence,
    outcome=st.sampled_from(["confirmed", "refuted", "undecided"]),
    matching_points=st.integers(0, 10**6),
    agreement=numbers,
    covered=numbers,
    transform=st.none() | transforms,
    reason=st.text(),
    blank=st.booleans(),
)
keys = st.binary(min_size=verdicts.KEY_SIZE, max_size=verdicts.KEY_SIZE)


def evidence(reason: str, outcome: Outcome = "refuted") -> Evidence:
    return Evidence(outcome, 3, 0.1, 0.2, None, reason)


def key(number: int) -> bytes:
    return pair_key(bytes([number % 256, number // 256]) * 16, bytes(32))


@given(found=st.dictionaries(keys, evidences, max_size=6), others=st.lists(keys, max_size=3))
def test_evidence_comes_back_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory, found: dict[bytes, Evidence], others: list[bytes]
) -> None:
    folder = tmp_path_factory.mktemp("verdicts")
    Verdicts(folder).add(found)
    asked = [*found, *others]
    assert Verdicts(folder).find(asked) == [found.get(one) for one in asked]


def test_a_pair_is_known_by_both_files_by_their_order_and_by_what_a_first_look_compares() -> None:
    one, two = b"1" * 32, b"2" * 32
    looks = [(one, two, ""), (two, one, ""), (one, one, ""), (one, two, "model"), (one, two, "hashes")]
    assert len({pair_key(first, second, first_look=compared) for first, second, compared in looks}) == len(looks)


def test_what_one_process_adds_another_that_is_open_finds_when_it_adds(tmp_path: Path) -> None:
    first, second = Verdicts(tmp_path), Verdicts(tmp_path)
    assert first.find([key(1)]) == second.find([key(1)]) == [None]
    first.add({key(1): evidence("one")})
    second.add({key(2): evidence("two")})
    assert second.find([key(1), key(2)]) == [evidence("one"), evidence("two")]


@pytest.mark.parametrize("damage", ["cut", "changed", "emptied", "replaced", "folder"])
def test_a_damaged_file_is_not_known_and_hinders_nothing(tmp_path: Path, damage: str) -> None:
    kept = Verdicts(tmp_path)
    kept.add({key(1): evidence("one")})
    (path,) = tmp_path.iterdir()
    data = bytearray(path.read_bytes())
    if damage == "folder":
        path.unlink()
        path.mkdir()
    else:
        data[len(data) // 2] ^= 1
        path.write_bytes({"cut": bytes(data[:-9]), "changed": bytes(data), "emptied": b"", "replaced": b"{}"}[damage])
    again = Verdicts(tmp_path)
    assert again.find([key(1)]) == [None]
    again.add({key(2): evidence("two")})
    assert Verdicts(tmp_path).find([key(1), key(2)]) == [None, evidence("two")]


def test_evidence_of_another_shape_is_not_known(tmp_path: Path) -> None:
    for text in (b"{}", b"[]", b"null", b'{"outcome":"confirmed"}', b'{"transform":{"matrix":3}}', b"{"):
        name, data = verdicts._written({key(1): text})  # noqa: SLF001  as another version could have written it
        (tmp_path / name).write_bytes(data)
    assert Verdicts(tmp_path).find([key(1)]) == [None]


def test_a_folder_that_cannot_be_written_or_read_keeps_nothing(tmp_path: Path) -> None:
    taken = tmp_path / "verdicts"
    taken.write_bytes(b"a file, where no folder can be made")
    kept = Verdicts(taken)
    kept.add({key(1): evidence("one")})
    assert kept.find([key(1)]) == [None]


def test_many_small_files_become_one_and_nothing_is_lost(tmp_path: Path) -> None:
    commits = verdicts.SMALL_FILES_KEPT + 5
    for number in range(commits):
        Verdicts(tmp_path).add({key(number): evidence(str(number % 3))})
    assert len(list(tmp_path.iterdir())) <= verdicts.SMALL_FILES_KEPT
    found = Verdicts(tmp_path).find([key(number) for number in range(commits)])
    assert found == [evidence(str(number % 3)) for number in range(commits)]


def test_the_oldest_file_goes_when_there_is_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "MOST_BYTES", 2500)
    for number in range(4):
        Verdicts(tmp_path).add({key(number): evidence("x" * 700)})
        for path in tmp_path.iterdir():
            os.utime(path, (path.stat().st_mtime - 10,) * 2)
    found = Verdicts(tmp_path).find([key(number) for number in range(4)])
    assert found == [None, None, evidence("x" * 700), evidence("x" * 700)]
