"""The store under fire: killed, without space, without rights, by many at once, and with anything in its folders.

What was there before is there, `store verify` names what is wrong, and the verdict is that of an empty store.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import safetensors.numpy
from conftest import open_store
from disks import full_disk
from fire import FINGERPRINT, SCENES, Embed, Job, Scene, assert_kept, forked, rows_in
from test_store import assert_holds, rows_of

from imgsim_guard.model import GuardError
from imgsim_guard.store import folder as files
from imgsim_guard.store import store as stores
from imgsim_guard.store.journal import SUFFIX, Journal, take_over
from imgsim_guard.store.previews import Previews
from imgsim_guard.store.shard import CONTENT_IDS, DIGEST_SIZES, FORMAT, Row, read_shard, write_shard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from conftest import Person
    from fire import Runner
    from numpy.typing import NDArray

SEED = 7
NOBODY = 65534
KILLS = {"embed": 12, "sync": 3, "compact": 3, "accept": 3}
"""`python tests/fire.py --kills 300` is longer."""


@pytest.fixture(scope="module")
def run() -> Iterator[Runner]:
    with forked() as runner:
        yield runner


@pytest.fixture(scope="module")
def scene(run: Runner, tmp_path_factory: pytest.TempPathFactory) -> Embed:
    return Embed(tmp_path_factory.mktemp("fire") / "embed", run)


@pytest.fixture
def place(scene: Embed) -> Iterator[Path]:
    """A copy of the repository, and of a cache that has some of its images."""
    made = scene.copy()
    yield made
    shutil.rmtree(made)


# Killed


@pytest.mark.parametrize("name", SCENES)
def test_a_command_that_is_killed_loses_nothing(name: str, run: Runner, tmp_path: Path) -> None:
    draw = random.Random(f"{SEED} {name}")
    killed: Scene = SCENES[name](tmp_path / name, run)
    assert len({killed.kill(draw) for _ in range(KILLS[name])}) > 1


@pytest.mark.parametrize("killed", [0, 4])
def test_eight_processes_at_once_on_one_cache_of_which_some_are_killed(
    scene: Embed, run: Runner, place: Path, killed: int
) -> None:
    draw, lines = random.Random(SEED), len(scene.undisturbed.lines)
    # Those that find the others' embeddings have less to do, and may end before the line that would be their last.
    fatal = [0] * (8 - killed) + [3, *(draw.randrange(1, lines // 2) for _ in range(killed - 1))][:killed]
    jobs = [scene.job(place, *scene.command, fatal=at) for at in fatal]
    ended = run(*(job._replace(answer=f"{job.answer}-{number}") for number, job in enumerate(jobs)))
    assert [one.code for one in ended[: 8 - killed]] == [0] * (8 - killed)
    assert {one.code for one in ended[8 - killed :]} <= {0, -signal.SIGKILL}
    assert (-signal.SIGKILL in {one.code for one in ended}) == bool(killed)
    scene.examine(place)


# Without space, without rights


@pytest.mark.parametrize("space", [600, 2500, 5000, 20_000, 100_000])
def test_a_full_disk_stops_the_gate_and_takes_nothing(scene: Embed, run: Runner, place: Path, space: int) -> None:
    [ended] = run(scene.job(place, "check", "--all", "--quiet")._replace(space=space))
    if ended.code == 2:
        assert "cannot write to the store of embeddings at " in scene.said()
        assert "nothing stored before is lost" in scene.said()
    assert ended.code == (2 if space < 100_000 else 1)
    assert_kept(scene.before, rows_in(place / "cache"), scene.whole)
    scene.examine(place)


def test_a_row_that_did_not_fit_takes_no_later_one_with_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write(rows_of(1)[0])
    [path] = tmp_path.glob(f"*{SUFFIX}")
    size = path.stat().st_size
    with full_disk(size * 3 // 2):
        journal.write(rows_of(2)[0])
    journal.write(rows_of(3)[0])
    data = path.read_bytes()
    journal.close()
    path.write_bytes(data)
    kept: list[Row] = []
    take_over(tmp_path, kept.extend)
    assert [row.sha256 for row in kept] == [row.sha256 for row in rows_of(1, 3)]


def test_a_journal_that_was_taken_for_abandoned_before_it_was_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imgsim_guard.store import journal as module

    lock = module._is_mine  # noqa: SLF001  the moment before it

    def taken(file: object) -> bool:
        monkeypatch.setattr(module, "_is_mine", lock)
        [path] = tmp_path.glob(f"*{SUFFIX}")
        path.unlink()
        return lock(file)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_is_mine", taken)
    journal = Journal(tmp_path)
    journal.write(rows_of(1)[0])
    [path] = tmp_path.glob(f"*{SUFFIX}")
    assert path.stat().st_size > 0
    journal.close()


def timeless(said: str) -> str:
    return re.sub(r"in \d+\.\d s", "in 0.0 s", said)


def test_a_cache_that_may_only_be_read_gives_the_same_verdict_or_stops_the_gate(scene: Embed, run: Runner) -> None:
    assert os.geteuid() == 0 or os.getuid() != NOBODY
    with tempfile.TemporaryDirectory() as made:
        place = Path(made, "place")
        shutil.copytree(scene.template, place)
        for path in (Path(made), *place.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        Path(made, "answer").touch()
        pictures = str(place / "dataset")
        job = Job(("scan", pictures, "--quiet"), made, str(place / "cache"), str(Path(made, "answer")))
        nobody = job._replace(user=NOBODY if os.geteuid() == 0 else 0)
        [ended] = run(nobody)
        assert ended.code == 2, Path(made, "answer.said").read_text()
        assert "cannot write to the store of embeddings at " in Path(made, "answer.said").read_text()
        assert rows_in(place / "cache") == scene.before
        for path in (place, *place.rglob("*")):
            path.chmod(0o755)
        [whole] = run(job)
        there = {path: path.read_bytes() for path in (place / "cache").rglob("*") if path.is_file()}
        expected = Path(made, "answer.said").read_text()
        for path in (place, *place.rglob("*")):
            path.chmod(0o555)
        [ended] = run(nobody)
        assert (whole.code, ended.code) == (1, 1)
        assert timeless(Path(made, "answer.said").read_text()) == timeless(expected)
        assert {path: path.read_bytes() for path in there} == there
        for path in (place, *place.rglob("*")):
            path.chmod(0o755)


# Anything in its folders


def shard_of(cache: Path) -> Path:
    return max((cache / FINGERPRINT).glob("*.safetensors"), key=lambda path: path.stat().st_size)


def places_in(data: bytes) -> dict[str, int]:
    """Where each part of a shard begins."""
    header = int.from_bytes(data[:8], "little")
    described = json.loads(data[8 : 8 + header])
    columns = {name: 8 + header + described[name]["data_offsets"][0] for name in ("embeddings", *DIGEST_SIZES)}
    return {"length": 0, "last byte of the length": 7, "header": 8, "end of the header": 7 + header, **columns}


PARTS = ["length", "last byte of the length", "header", "end of the header", "embeddings", *DIGEST_SIZES]


@pytest.mark.parametrize("part", PARTS)
def test_a_flipped_bit_anywhere_in_a_shard_is_named_and_changes_no_verdict(
    scene: Embed, place: Path, part: str
) -> None:
    scene.go(place, "embed", "--quiet")
    path = shard_of(place / "cache")
    data = bytearray(path.read_bytes())
    data[places_in(bytes(data))[part]] ^= 1 << random.Random(part).randrange(8)
    path.write_bytes(data)
    assert_named_and_harmless(scene, place, path)
    assert path.with_name(path.name + files.DAMAGED).read_bytes() == data


def assert_named_and_harmless(scene: Embed, place: Path, path: Path) -> None:
    """`store verify` names the file; the verdict is the same, with a note that names it, too; then nothing is wrong."""
    scene.go(place, "store", "verify", code=1)
    assert f"{path}   damaged: " in scene.said()
    report = scene.judged(place)
    notes = report.pop("notes")
    assert isinstance(notes, list)
    assert [note for note in notes if str(path) in note]
    assert report == {key: value for key, value in scene.verdict.items() if key != "notes"}
    assert rows_in(place / "cache") == scene.whole
    scene.go(place, "store", "verify")


def well_named(folder: Path, data: bytes) -> None:
    (folder / f"{hashlib.sha256(data).hexdigest()}.safetensors").write_bytes(data)


def remade(
    folder: Path, *, fingerprint: str = FINGERPRINT, form: int = FORMAT, swapped: bool = False
) -> tuple[dict[str, NDArray[np.generic]], str]:
    """The tensors of a shard, and the metadata that it would have."""
    name, data = write_shard(rows_of(1, 2), fingerprint=FINGERPRINT)
    shard = read_shard(name, data, fingerprint=FINGERPRINT)
    embeddings = shard.embeddings.byteswap() if swapped else shard.embeddings
    tensors: dict[str, NDArray[np.generic]] = {**shard.digests, "embeddings": embeddings}
    contents = hashlib.sha256(b"".join(tensors[key].tobytes() for key in CONTENT_IDS)).hexdigest()
    assert folder.is_dir()
    return tensors, json.dumps({"fingerprint": fingerprint, "format": form, "contents": contents})


def of_another_model(folder: Path) -> None:
    tensors, metadata = remade(folder, fingerprint="augnet-other")
    well_named(folder, safetensors.numpy.save(tensors, {"imgsim_guard": metadata}))


def from_the_future(folder: Path) -> None:
    tensors, metadata = remade(folder, form=FORMAT + 1)
    well_named(folder, safetensors.numpy.save(tensors, {"imgsim_guard": metadata}))


def of_another_byte_order(folder: Path) -> None:
    tensors, metadata = remade(folder, swapped=True)
    well_named(folder, safetensors.numpy.save(tensors, {"imgsim_guard": metadata}))


def with_its_length_in_another_byte_order(folder: Path) -> None:
    _, data = write_shard(rows_of(1, 2), fingerprint=FINGERPRINT)
    well_named(folder, data[7::-1] + data[8:])


def claiming_a_million_rows(folder: Path) -> None:
    _, data = write_shard(rows_of(1, 2), fingerprint=FINGERPRINT)
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    at = 0
    for name, tensor in header.items():
        if name != "__metadata__":
            size = 1_000_000 * tensor["shape"][1] * (2 if name == "embeddings" else 1)
            tensor.update(shape=[1_000_000, tensor["shape"][1]], data_offsets=[at, at + size])
            at += size
    text = json.dumps(header).encode()
    well_named(folder, len(text).to_bytes(8, "little") + text + data[end:])


def a_link_out_of_the_store(folder: Path) -> None:
    outside = folder.parents[2] / "outside"
    outside.write_bytes(b"somebody's own")
    (folder / f"{'0' * 64}.safetensors").symlink_to(outside)


def a_link_to_a_device_without_end(folder: Path) -> None:
    (folder / f"{'0' * 64}.safetensors").symlink_to("/dev/zero")


def a_pipe_that_nobody_writes(folder: Path) -> None:
    os.mkfifo(folder / f"{'0' * 64}.safetensors")


def a_folder(folder: Path) -> None:
    (folder / f"{'0' * 64}.safetensors").mkdir()


def a_file_without_end(folder: Path) -> None:
    with (folder / f"{'0' * 64}.safetensors").open("wb") as file:
        file.truncate(files.LARGEST_FILE + 1)


HOSTILE: list[Callable[[Path], None]] = [
    of_another_model,
    from_the_future,
    of_another_byte_order,
    with_its_length_in_another_byte_order,
    claiming_a_million_rows,
    a_link_out_of_the_store,
    a_link_to_a_device_without_end,
    a_pipe_that_nobody_writes,
    a_folder,
    a_file_without_end,
]


@pytest.mark.parametrize("put", HOSTILE)
@pytest.mark.parametrize("layer", ["cache", "dataset/.imgsim-guard/store"])
def test_what_is_no_shard_is_named_and_changes_no_verdict(
    scene: Embed, place: Path, layer: str, put: Callable[[Path], None]
) -> None:
    folder = place / layer / FINGERPRINT
    folder.mkdir(parents=True, exist_ok=True)
    known = set(folder.glob("*.safetensors"))
    put(folder)
    [path] = set(folder.glob("*.safetensors")) - known
    if layer == "cache":
        assert_named_and_harmless(scene, place, path)
    else:  # DVC's, which is left alone
        scene.go(place, "store", "verify", code=1)
        assert f"{path}   damaged: " in scene.said()
        report = scene.judged(place)
        notes = report.pop("notes")
        assert isinstance(notes, list)
        assert [note for note in notes if f"did not use a damaged part of the store ({path}: " in note]
        assert report == {key: value for key, value in scene.verdict.items() if key != "notes"}
        assert path.is_symlink() or path.exists()
    outside = place / "outside"
    assert not outside.exists() or outside.read_bytes() == b"somebody's own"


@pytest.mark.parametrize("put", HOSTILE)
def test_what_is_no_shard_of_previews_counts_as_not_there_and_is_named(
    tmp_path: Path, put: Callable[[Path], None]
) -> None:
    folder = tmp_path / "a" / "b" / "previews"
    sound = {hashlib.sha256(b"%d" % number).digest(): b"picture %d" % number for number in range(3)}
    Previews(folder).add(sound)
    known = set(folder.iterdir())
    put(folder)
    [path] = set(folder.glob("*.safetensors")) - known
    previews = Previews(folder)
    assert {digest: previews.get(digest) for digest in sound} == sound
    assert previews.get(rows_of(7)[0].sha256) is None
    assert list(previews.damaged()) == [path]


def test_a_record_of_what_is_unreadable_that_is_no_file_is_passed_over(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.add_unreadable({"sha256:00": "why"})
    os.mkfifo(store.folder / "0.unreadable.json")
    assert open_store(tmp_path).unreadable == {"sha256:00": "why"}


@pytest.mark.parametrize("command", [("sync",), ("store", "compact"), ("store", "prune")])
@pytest.mark.parametrize("linked", [".imgsim-guard/store", ".imgsim-guard"])
def test_a_team_store_that_leads_out_of_the_repository_is_not_written_to(
    bert: Person, tmp_path: Path, command: tuple[str, ...], linked: str
) -> None:
    outside = Path(shutil.move(bert.dataset.root / linked, tmp_path / "outside"))
    (bert.dataset.root / linked).symlink_to(outside)
    (outside / "somebody's.tmp").write_text("own")
    there = sorted(outside.rglob("*"))
    assert f"imgsim-guard: .imgsim-guard/store is a link to {outside}" in bert.guard(*command, code=2)
    assert sorted(outside.rglob("*")) == there


# Nothing piles up


def test_shards_that_came_of_merging_are_merged_in_their_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("SMALL_SHARDS_KEPT", 2), ("ROWS_OF_A_SMALL_SHARD", 3), ("ROWS_OF_A_LARGE_SHARD", 9)):
        monkeypatch.setattr(stores, name, value)
    most = 0
    for number in range(60):
        open_store(tmp_path).add(rows_of(number))
        most = max(most, len(list((tmp_path / "thumbnails").iterdir())))
    assert_holds(open_store(tmp_path), rows_of(*range(60)))
    sizes = [file.rows for file in open_store(tmp_path)._files]  # noqa: SLF001
    assert sum(size < 3 for size in sizes) <= 2
    assert sum(3 <= size < 9 for size in sizes) <= 2
    assert len(sizes) <= most <= 2 + 2 + 60 // 9 + 1


def test_what_killed_processes_left_half_written_is_deleted_when_nobody_can_be_writing_it(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.add(rows_of(1))
    old, new = store.folder / "old.tmp", store.folder / "new.tmp"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    open_store(tmp_path).add(rows_of(2))
    assert (old.exists(), new.exists()) == (False, True)


def test_a_damaged_store_is_published_no_further(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(files.DamagedFileError, match="not a regular file"):
        files.read_file(tmp_path / "pipe")
    with pytest.raises(GuardError, match="Not a directory"):
        files.read_file(tmp_path / "pipe" / "below")
