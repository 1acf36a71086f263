"""Real Ray: one cluster for the module, of two workers on this machine, to which commands connect as to any other."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conftest import encoded, image_of, near, photograph, pixels_of, random_picture
from hypothesis import given
from hypothesis import strategies as st

from imgsim_guard.augnet import Model, fingerprint
from imgsim_guard.distributed import tasks
from imgsim_guard.distributed.cluster import Cluster, cluster_at
from imgsim_guard.distributed.exchange import Exchange
from imgsim_guard.distributed.grid import Grid
from imgsim_guard.distributed.workers import RayWorkers
from imgsim_guard.gate.pipeline import Pipeline
from imgsim_guard.images.decode import DECODER
from imgsim_guard.model import Candidate, GuardError
from imgsim_guard.search import joins
from imgsim_guard.sources.folders import Folders, in_folders
from imgsim_guard.sources.place import Place
from imgsim_guard.store.features import read_features, rows_of
from imgsim_guard.store.shard import read_shard
from imgsim_guard.store.store import Store
from imgsim_guard.system.cache_folder import CACHE_VARIABLE
from imgsim_guard.verification.verifier import Verifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from conftest import Outcome, Repository

MODEL = fingerprint("onnx")
ONNX = Model("onnx", "reference", "cpu")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for workers in /proc")


@pytest.fixture(scope="module")
def environment() -> Iterator[None]:
    """What the command line tells Ray by the environment does not outlive this module."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def cluster(environment: None) -> Iterator[Cluster]:  # noqa: ARG001  it is undone after it
    with cluster_at("") as started:
        yield started


@pytest.fixture(scope="module")
def address(cluster: Cluster) -> str:  # noqa: ARG001  it is up
    import ray

    return str(ray.get_runtime_context().gcs_address)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photographs, a mirrored, a darker and a cropped copy, one that is the same, and no image."""
    folder = tmp_path_factory.mktemp("pictures") / "images"
    folder.mkdir()
    for name in ("chelsea.png", "coffee.png", "astronaut.png", "rocket.jpg"):
        (folder / name).write_bytes(photograph(name))
    (folder / "mirrored.jpg").write_bytes(encoded(pixels_of("chelsea.png")[:, ::-1], ".jpg"))
    (folder / "darker.jpg").write_bytes(encoded((pixels_of("coffee.png") * 0.6).astype(np.uint8), ".jpg"))
    (folder / "cropped.png").write_bytes(encoded(pixels_of("astronaut.png")[40:420, 30:400]))
    (folder / "same.jpg").write_bytes(photograph("rocket.jpg"))
    (folder / "broken.png").write_bytes(photograph("coffee.png")[:5000])
    for seed in range(12):
        (folder / f"{seed}.png").write_bytes(encoded(random_picture(seed)))
    return folder


@pytest.fixture(scope="module")
def local(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the cache and the report of a run without Ray."""
    folder = tmp_path_factory.mktemp("local")
    run("scan", "images", "--json", str(folder / "report.json"), cwd=pictures.parent, cache=folder / "cache", code=1)
    return folder


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "imgsim_guard", *arguments]


def run(*arguments: str, cwd: Path, cache: Path, code: int = 0) -> str:
    environment = {**os.environ, CACHE_VARIABLE: str(cache)}
    result = subprocess.run(
        command(*arguments), cwd=cwd, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert result.returncode == code, result.stdout + result.stderr
    return result.stdout + result.stderr


def rows_below(folder: Path) -> list[tuple[Any, ...]]:
    """All that the shards in a folder hold, in one order: a row that is there twice is listed twice."""
    found: list[tuple[Any, ...]] = []
    for path in folder.rglob("*.safetensors"):
        if path.parent.name.startswith("verdicts-"):
            continue
        shard = read_shard(path.name, path.read_bytes(), fingerprint=MODEL)
        features = read_features(path, shard, whole=True)
        assert features is not None
        rows = (row._asdict() | {"embedding": row.embedding.tobytes()} for row in rows_of(shard, features))
        found += [tuple(row.values()) for row in rows]
    return sorted(found)


def processes(*, with_environment: str) -> dict[int, str]:
    """The command lines of the processes whose environment mentions a text."""
    found = {}
    for path in Path("/proc").iterdir():
        try:
            if path.name.isdecimal() and with_environment.encode() in (path / "environ").read_bytes():
                found[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # it has ended
    return found


def workers_at_work(on: str) -> list[int]:
    """This module's workers that are in the middle of a call."""
    found = []
    for path in Path("/proc").iterdir():
        try:
            doing, parent = (path / "cmdline").read_bytes(), (path / "stat").read_text().rpartition(")")[2].split()[1]
            of_ours = int(Path("/proc", parent, "stat").read_text().rpartition(")")[2].split()[1]) == os.getpid()
        except (OSError, IndexError):
            continue
        if doing.startswith(b"ray::" + on.encode()) and of_ours:
            found.append(int(path.name))
    return found


def when(condition: Callable[[], Any], process: subprocess.Popen[str]) -> Any:
    """What the condition gives as soon as it gives something, while the process runs."""
    while process.poll() is None:
        if found := condition():
            return found
        time.sleep(0.01)
    pytest.fail(f"ended before: {process.communicate()}")


def without_progress(errors: str) -> str:
    """What was said, without the lines that a slow machine prints twice a minute."""
    return "".join(line for line in errors.splitlines(keepends=True) if " a second, " not in line)


def test_a_scan_reports_the_same_bytes_and_a_killed_worker_loses_and_doubles_nothing(
    address: str, pictures: Path, local: Path, tmp_path: Path
) -> None:
    environment = {**os.environ, CACHE_VARIABLE: str(tmp_path / "cache")}
    arguments = command("scan", "images", "--json", str(tmp_path / "report.json"), "--ray", address)
    with subprocess.Popen(
        arguments,
        cwd=pictures.parent,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        killed = when(lambda: workers_at_work("embed_slice"), process)[0]
        os.kill(killed, signal.SIGKILL)
        _, errors = process.communicate()
    assert process.returncode == 1
    assert not without_progress(errors)
    assert not Path("/proc", str(killed)).exists()
    assert (tmp_path / "report.json").read_bytes() == (local / "report.json").read_bytes()
    assert rows_below(tmp_path / "cache") == rows_below(local / "cache")


def test_embeddings_go_where_all_machines_reach_and_are_taken_from_there(
    address: str, pictures: Path, local: Path, tmp_path: Path
) -> None:
    url = (tmp_path / "shared").as_uri()
    arguments = ("embed", "images", "--ray", address, "--shards", url)
    assert "embeddings in the store: 19" in run(*arguments, cwd=pictures.parent, cache=tmp_path / "cache")
    shared = {path.name for path in (tmp_path / "shared" / MODEL).glob("*.safetensors")}
    assert shared
    assert rows_below(tmp_path / "shared") == rows_below(tmp_path / "cache") == rows_below(local / "cache")
    # Half a shard, of a worker that died, is no shard; what is there already is not embedded again.
    half = next((tmp_path / "shared" / MODEL).glob("*.safetensors"))
    half.write_bytes(half.read_bytes()[:1000])
    assert "embeddings in the store: 19" in run(*arguments, cwd=pictures.parent, cache=tmp_path / "another cache")
    assert rows_below(tmp_path / "another cache") == rows_below(local / "cache")
    assert 1 <= len({path.name for path in (tmp_path / "shared" / MODEL).glob("*.safetensors")} - shared) <= 3


def test_images_that_git_has_are_embedded_and_published(address: str, repository: Repository, cache: Path) -> None:
    repository.commit({f"{seed}.png": near(seed) for seed in range(3)})
    assert "new images: 3" in repository.guard("embed", "--publish", "--ray", address)
    assert rows_below(repository.root / ".imgsim-guard") == rows_below(cache)
    said = repository.guard("embed", "--worktree", "--ray", address, code=2)
    assert "Ray's workers read git's index, so run git add instead" in said


def test_without_an_address_it_starts_by_itself_and_an_interruption_leaves_no_process_and_keeps_what_was_embedded(
    environment: None,  # noqa: ARG001  undone
    pictures: Path,
    tmp_path: Path,
) -> None:
    mark = str(tmp_path / "cache")
    more = tmp_path / "more"
    shutil.copytree(pictures, more)
    for seed in range(100, 300):
        (more / f"{seed}.png").write_bytes(encoded(random_picture(seed)))
    with subprocess.Popen(
        command("embed", str(more), "--ray"),
        env={**os.environ, CACHE_VARIABLE: mark},
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        when(lambda: list((tmp_path / "cache").rglob("*.safetensors")), process)
        assert any("raylet" in line for line in processes(with_environment=mark).values())
        while process.poll() is None:  # Ray may be where an interruption is not heard
            os.killpg(process.pid, signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
        errors = process.stderr.read() if process.stderr else ""
    assert (process.returncode, without_progress(errors)) == (
        130,
        "imgsim-guard: interrupted; what was finished is kept; run the same command again to continue\n",
    )
    assert not processes(with_environment=mark)
    kept = len(rows_below(tmp_path / "cache"))
    assert 0 < kept < 219
    counted = len(opened_store(tmp_path / "cache"))
    assert counted == kept  # each once


class Here:
    """Makes the calls one after the other, in this process."""

    cores = 3

    def put(self, value: object) -> object:
        return value

    def map(self, function: Callable[..., Any], calls: Iterable[tuple[object, ...]]) -> Iterator[Any]:
        return (function(*call) for call in calls)


def some_rows(seed: int, count: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Embeddings and hashes, many of them near others and some the same."""
    random = np.random.default_rng(seed)
    base = np.random.default_rng(0).choice([-1, 1], (4, 768)).astype(np.float16)
    rows = base[random.integers(0, 4, count)]
    rows[:, :40] = random.choice(np.array([-1, 0, 1], np.float16), (count, 40))
    hashes = np.random.default_rng(1).integers(0, 256, (3, 5, 32), np.uint8)[random.integers(0, 3, count)]
    hashes[:, :, 5] = random.integers(0, 4, (count, 5))
    hashes[:, 0, 0] |= 0x80
    return rows, hashes


def all_joins(by: joins.Joins, seed: int, sizes: tuple[int, int]) -> list[object]:
    (first, first_hashes), (second, second_hashes) = some_rows(seed, sizes[0]), some_rows(seed + 1, sizes[1])
    return [
        sorted(by.pairs_between(first, first[: sizes[1]], threshold=6)),
        sorted(by.pairs_among(first, threshold=6)),
        sorted(by.nearest_between(first, second, k=3, reach=50)),
        sorted(by.nearest_among(first, k=3, reach=7)),
        sorted(by.nearest_between(first, second, k=1, reach=50, within=6)),
        sorted(by.nearest_among(first, k=1, reach=7, within=6)),
        list(by.nearest_hashes(first_hashes, second_hashes, k=2)),
        list(by.nearest_hashes(first_hashes, first_hashes, k=2, same=True)),
    ]


@given(st.integers(0, 999), st.tuples(st.integers(0, 40), st.integers(0, 40)), st.integers(1, 20))
def test_a_grid_finds_what_one_search_finds_whatever_the_blocks(
    seed: int, sizes: tuple[int, int], most_rows: int
) -> None:
    grid = Grid(Here(), most_rows=most_rows, least_rows=2)
    assert all_joins(grid, seed, sizes) == all_joins(joins, seed, sizes)


def test_so_it_does_on_ray(cluster: Cluster) -> None:
    found = all_joins(Grid(cluster, most_rows=100), 1, (250, 130))
    assert found == all_joins(joins, 1, (250, 130))
    assert all(found)


def opened_store(folder: Path) -> Store:
    return Store(folder, fingerprint=MODEL, decoder=lambda: DECODER)


def pipeline_into(store: Store) -> Pipeline:
    return Pipeline(Folders(), store, lambda _at_once: pytest.fail("loaded here"), lambda _total, _doing: lambda: None)


def test_who_cannot_read_the_images_is_told(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").write_bytes(near(1))
    (tmp_path / "b.png").write_bytes(near(2))
    images = in_folders(["a.png", "b.png"], None).queries
    store = opened_store(tmp_path / "cache")
    exchange = Exchange(str(tmp_path / "cache"), MODEL)
    job = tasks.Job(tasks.release(ONNX), ONNX, Place(str(tmp_path / "elsewhere")), str(tmp_path / "cache"))
    workers = RayWorkers(cluster, job, exchange, apart=False)
    with pytest.raises(GuardError, match=r"^a\.png: a worker cannot read it, but this machine can: no such file"):
        workers.embed(images, pipeline_into(store))
    pair = Candidate(images[0], images[1], 1.0, near=True)
    with pytest.raises(GuardError, match=r"^a worker cannot read a\.png and b\.png, but this machine can"):
        list(workers.verify(Verifier(Folders()), [pair], lambda: None))


def test_who_shares_no_folder_with_the_workers_is_told(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(near(1))
    images = in_folders([str(tmp_path / "a.png")], None).queries
    place, release = Place(str(tmp_path)), tasks.release(ONNX)
    theirs = tasks.Job(release, ONNX, place, str(tmp_path / "theirs"))
    workers = RayWorkers(cluster, theirs, Exchange(str(tmp_path / "ours"), MODEL), apart=True)
    with pytest.raises(GuardError, match=r"a worker cannot write to .*theirs: there is no such folder where it runs"):
        workers.embed(images, pipeline_into(opened_store(tmp_path / "ours")))
    Exchange(str(tmp_path / "theirs"), MODEL).make()
    with pytest.raises(GuardError, match=r"is not on this machine; images: 1\. --shards names"):
        workers.embed(images, pipeline_into(opened_store(tmp_path / "ours")))
    in_memory = theirs._replace(shards="memory://shards")
    workers = RayWorkers(cluster, in_memory, Exchange("memory://shards", MODEL), apart=True)
    with pytest.raises(GuardError, match=r"is not on this machine; images: 1\. --shards names"):
        workers.embed(images, pipeline_into(opened_store(tmp_path / "ours")))


def test_a_worker_of_another_release_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    job = tasks.Job("imgsim-guard 0.0", ONNX, Place(str(tmp_path)), str(tmp_path))
    with pytest.raises(GuardError, match=r"^a worker has imgsim-guard .*, and this machine imgsim-guard 0\.0: every"):
        list(cluster.map(tasks.verify_slice, [(job, [])]))


def test_what_a_worker_raises_comes_here(cluster: Cluster) -> None:
    with pytest.raises(AttributeError, match="no_such_join"):
        list(cluster.map(tasks.join_blocks, [("no_such_join", {})]))
    with pytest.raises(GuardError, match="a worker lacks a package that this machine has"):
        list(cluster.map(importlib.import_module, [("only_this_machine_has_it",)]))


def test_an_interruption_is_heard_at_the_next_result_if_ray_loses_it(cluster: Cluster) -> None:
    results = cluster.map(importlib.import_module, [("math",)] * 3)
    assert next(results).__name__ == "math"
    with suppress(KeyboardInterrupt):  # as is what is raised in one of Ray's callbacks
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        next(results)
    assert len(list(cluster.map(importlib.import_module, [("math",)] * 3))) == 3


def test_a_worker_that_always_dies_ends_the_run(cluster: Cluster) -> None:
    with pytest.raises(GuardError, match=r"^Ray gave up \(.*\); what was embedded is kept"):
        list(cluster.map(lambda: os._exit(9), [()]))


def test_what_a_worker_does_can_be_done_here(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(near(1))
    (tmp_path / "b.png").write_bytes(near(1, by=2))
    (tmp_path / "c.png").write_bytes(b"no image")
    images = [image_of(name, (tmp_path / name).read_bytes()) for name in ("a.png", "b.png", "c.png")]
    Exchange(str(tmp_path), MODEL).make()
    job = tasks.Job(tasks.release(ONNX), ONNX, Place(str(tmp_path)), str(tmp_path))
    done = tasks.embed_slice(job, images)
    assert list(done.unreadable) == list(done.lasting) == [images[2].content]
    assert len(opened_store(tmp_path)) == 2
    assert tasks.embed_slice(job, images[2:]).lasting == done.lasting
    [evidence], pixels = tasks.verify_slice(job, [Candidate(images[0], images[1], 1.0, near=True)])
    assert evidence.outcome == "confirmed"
    assert [*pixels] == images[:2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--ray", "127.0.0.1:1"], "there is no Ray cluster at 127.0.0.1:1: [Errno 111] Connection refused"),
        (["--ray", "ray://127.0.0.1:99999"], "there is no Ray cluster at ray://127.0.0.1:99999"),
        (["--ray", "--shards", "nonsense://x"], "cannot use nonsense://x: Protocol not known: nonsense"),
        (["--shards", "x"], "--shards needs --ray: it says where Ray's workers write embeddings"),
    ],
)
def test_what_is_no_cluster_is_said_at_once(arguments: list[str], said: str, pictures: Path, tmp_path: Path) -> None:
    assert said in run("scan", str(pictures), *arguments, cwd=tmp_path, cache=tmp_path / "cache", code=2)


def test_a_path_is_no_address(guard: Callable[..., Outcome]) -> None:
    outcome = guard("scan", "--ray", "images")
    assert outcome.code == 2
    assert "'images' is not an address such as 10.0.0.5:6379; write paths before --ray" in outcome.err


@pytest.mark.usefixtures("environment", "cache")
@pytest.mark.parametrize("module", ["ray", "fsspec"])
def test_without_ray_it_says_what_to_install(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, guard: Callable[..., Outcome]
) -> None:
    (tmp_path / "a.png").write_bytes(near(1))
    monkeypatch.setitem(sys.modules, module, None)
    outcome = guard("scan", str(tmp_path), "--ray")
    assert outcome.code == 2
    assert re.search(r"--ray needs .*; pip install 'imgsim-guard\[ray\]'", outcome.err)
