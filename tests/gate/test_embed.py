"""Embedding what is missing: once for each content, and kept however it ends."""

from __future__ import annotations

import itertools
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import termios
import threading
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from conftest import Files, ThumbnailEmbedder, encoded, image_of, open_store, random_picture
from hypothesis import given, settings
from hypothesis import strategies as st

from imgsim_guard.augnet import WITHOUT_EMBEDDINGS, fingerprint
from imgsim_guard.gate import embed as embedding
from imgsim_guard.gate.embed import embed_missing, missing
from imgsim_guard.gate.pipeline import Pipeline, Progress
from imgsim_guard.images.decode import DECODER, decode
from imgsim_guard.images.picture import pixel_digest
from imgsim_guard.model import GuardError, Image, Unreadable
from imgsim_guard.store.shard import file_digests, read_shard
from imgsim_guard.store.store import Store
from imgsim_guard.system.threads import cores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    MakePipeline = Callable[[Files], Pipeline]

quick = settings(deadline=None, derandomize=True, max_examples=40)

PICTURES = [encoded(random_picture(seed)) for seed in range(12)]
AHEAD = 2 * max(2, cores())
"""How many images are begun before the first is handed over."""

GONE = Image("gone.png", "sha256:" + "0" * 64)
NO_IMAGE = "not an image in a supported format, or its header is damaged"


def named(contents: Iterable[bytes]) -> Files:
    return Files({f"{number:03}.png": data for number, data in enumerate(contents)})


def embed_all(images: Sequence[Image], pipeline: Pipeline) -> dict[str, Unreadable]:
    return embed_missing(missing(images, pipeline.store), pipeline)


def stopping_after(steps: int, error: type[BaseException]) -> Progress:
    """A display that fails when it has advanced so often; ^C can come at any such point."""

    def open_display(_total: int, _doing: str) -> Callable[[], None]:
        advanced = iter(range(1, steps))

        def advance() -> None:
            if next(advanced, None) is None:
                raise error

        return advance

    return open_display


def pixels_of(data: bytes) -> NDArray[np.uint8]:
    pixels = decode(data)
    assert not isinstance(pixels, Unreadable)
    return pixels


class Breaking(ThumbnailEmbedder):
    """An embedder with a bug that one picture brings to light."""

    def __init__(self, picture: bytes) -> None:
        super().__init__()
        self.picture = pixels_of(picture)

    def embed(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        if np.array_equal(images[0], self.picture):
            raise ZeroDivisionError
        return super().embed(images)


def working_threads() -> list[str]:
    kinds = ("read", "work", "load")
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(kinds)]


def rows_by_shard(folder: Path) -> list[int]:
    shards = (
        read_shard(path.name, path.read_bytes(), fingerprint="thumbnails") for path in folder.glob("*.safetensors")
    )
    return sorted(len(shard.embeddings) for shard in shards)


def test_each_content_is_read_and_embedded_once_however_many_paths_it_has(
    make_pipeline: MakePipeline, thumbnails: ThumbnailEmbedder
) -> None:
    one, two = PICTURES[:2]
    files = Files({"a.png": one, "b.png": one, "c.png": two, "deep/a.png": one, "z.png": two})
    pipeline = make_pipeline(files)
    wanted = missing(files.images(), pipeline.store)
    assert wanted == [image_of("a.png", one), image_of("c.png", two)]
    assert embed_missing(wanted, pipeline) == {}
    assert files.reads == ["a.png", "c.png"]
    assert thumbnails.embedded == 2
    assert missing(files.images(), pipeline.store) == []
    assert missing(files.images(), make_pipeline(files).store) == []


def test_what_is_stored_is_the_embedding_and_every_digest_of_the_image(
    make_pipeline: MakePipeline, thumbnails: ThumbnailEmbedder
) -> None:
    pipeline = make_pipeline(named(PICTURES[:5]))
    embed_all(named(PICTURES[:5]).images(), pipeline)
    for data in PICTURES[:5]:
        pixels = decode(data)
        assert isinstance(pixels, np.ndarray)
        found = pipeline.store.find(f"{tracker}:{digest.hex()}" for tracker, digest in file_digests(data).items())
        assert len(found) == 3
        (row,) = set(found.values())
        assert pipeline.store.embeddings([row]).tolist() == thumbnails.embed([pixels]).tolist()
        assert pipeline.store.pixels(row) == pixel_digest(pixels)


def test_nothing_missing_needs_neither_a_model_nor_a_display(make_pipeline: MakePipeline) -> None:
    def never(*_: object) -> object:
        raise AssertionError

    files = named(PICTURES[:2])
    pipeline = make_pipeline(files)
    embed_all(files.images(), pipeline)
    files.reads.clear()
    assert embed_all(files.images(), Pipeline(files, pipeline.store, never, never)) == {}  # type: ignore[arg-type]
    assert files.reads == []


def test_the_model_is_loaded_once_and_not_when_there_is_nothing_to_embed(make_pipeline: MakePipeline) -> None:
    loaded: list[ThumbnailEmbedder] = []

    def load(_at_once: int) -> ThumbnailEmbedder:
        loaded.append(ThumbnailEmbedder())
        return loaded[-1]

    files = named(PICTURES)
    pipeline = make_pipeline(files)._replace(load=load)
    embed_all(files.images(), pipeline)
    embed_all(files.images(), pipeline)
    assert [embedder.embedded for embedder in loaded] == [len(PICTURES)]


def test_a_model_that_cannot_be_loaded_stops_the_run(make_pipeline: MakePipeline) -> None:
    def load(_at_once: int) -> ThumbnailEmbedder:
        raise GuardError("damaged")

    files = named(PICTURES)
    with pytest.raises(GuardError, match="damaged"):
        embed_all(files.images(), make_pipeline(files)._replace(load=load))


def test_the_display_has_a_step_for_every_image_whatever_becomes_of_it(make_pipeline: MakePipeline) -> None:
    steps: list[int] = []
    files = Files({"a.png": PICTURES[0], "b.png": b"", GONE.path: Unreadable("gone"), "z.png": PICTURES[1]})

    def display(total: int, doing: str) -> Callable[[], None]:
        assert doing == "embedding"
        steps.append(total)
        return lambda: steps.append(1)

    embed_all([*files.images(), GONE], make_pipeline(files)._replace(progress=display))
    assert steps == [4, 1, 1, 1, 1]


# Unreadable


def test_unreadable_images_are_returned_with_the_reason_and_the_others_embedded(
    make_pipeline: MakePipeline, thumbnails: ThumbnailEmbedder
) -> None:
    cut_short = PICTURES[2][:100]
    files = Files({"a.png": PICTURES[0], "b.png": b"text", "c.png": PICTURES[1], "d.png": b"", "e.png": cut_short})
    pipeline = make_pipeline(files)
    assert embed_all(files.images(), pipeline) == {
        image_of("b.png", b"text").content: Unreadable(NO_IMAGE),
        image_of("d.png", b"").content: Unreadable("an empty file"),
        image_of("e.png", cut_short).content: Unreadable(
            "damaged, cut short or of an unusual kind: the PNG decoder gave up"
        ),
    }
    assert thumbnails.embedded == len(pipeline.store) == 2


def test_a_verdict_on_the_bytes_is_remembered_and_a_source_that_failed_is_asked_again(
    make_pipeline: MakePipeline, thumbnails: ThumbnailEmbedder
) -> None:
    files = Files({"a.png": b"text", "gone.png": Unreadable("it could not be fetched")})
    damaged, away = image_of("a.png", b"text"), image_of("gone.png", PICTURES[0])
    first = embed_all([damaged, away], make_pipeline(files))
    assert first == {damaged.content: Unreadable(NO_IMAGE), away.content: Unreadable("it could not be fetched")}

    again = make_pipeline(files)
    assert again.store.unreadable == {damaged.content: NO_IMAGE}
    assert missing([damaged, away], again.store) == [away]
    files.contents = {**files.contents, "gone.png": PICTURES[0]}
    files.reads.clear()
    assert embed_all([damaged, away], again) == {}
    assert files.reads == ["gone.png"]
    assert thumbnails.embedded == 1
    assert missing([damaged, away], make_pipeline(files).store) == []


# However it ends


@pytest.mark.parametrize("rows_a_shard", [1, 3, 512])
@pytest.mark.parametrize("steps", [1, 2, 7, 11, 12])
def test_an_interruption_keeps_what_was_done_and_the_next_run_embeds_only_the_rest(
    make_pipeline: MakePipeline,
    thumbnails: ThumbnailEmbedder,
    monkeypatch: pytest.MonkeyPatch,
    steps: int,
    rows_a_shard: int,
) -> None:
    monkeypatch.setattr(embedding, "ROWS_A_SHARD", rows_a_shard)
    files = named(PICTURES)
    pipeline = make_pipeline(files)
    with pytest.raises(KeyboardInterrupt):
        embed_all(files.images(), pipeline._replace(progress=stopping_after(steps, KeyboardInterrupt)))
    assert len(pipeline.store) == steps <= thumbnails.embedded <= len(files.reads) <= steps + AHEAD
    assert working_threads() == []

    again = make_pipeline(files)
    assert missing(files.images(), again.store) == files.images()[steps:]
    before = thumbnails.embedded
    assert embed_all(files.images(), again) == {}
    assert thumbnails.embedded - before == len(PICTURES) - steps
    assert len(again.store) == len(PICTURES)


def test_an_interruption_keeps_what_is_known_to_be_unreadable(make_pipeline: MakePipeline) -> None:
    files = Files({"a.png": b"", "b.png": PICTURES[0], "c.png": PICTURES[1]})
    with pytest.raises(KeyboardInterrupt):
        embed_all(files.images(), make_pipeline(files)._replace(progress=stopping_after(1, KeyboardInterrupt)))
    assert make_pipeline(files).store.unreadable == {image_of("a.png", b"").content: "an empty file"}


@pytest.mark.parametrize("at", [1, 2, 6, 12])
def test_a_bug_in_the_embedder_is_not_hidden_and_what_came_before_is_kept(make_pipeline: MakePipeline, at: int) -> None:
    files, breaking = named(PICTURES), Breaking(PICTURES[at - 1])
    with pytest.raises(ZeroDivisionError):
        embed_all(files.images(), make_pipeline(files)._replace(load=lambda _at_once: breaking))
    assert missing(files.images(), make_pipeline(files).store) == files.images()[at - 1 :]
    assert working_threads() == []


def test_a_bug_in_the_source_is_not_hidden_and_what_came_before_is_kept(make_pipeline: MakePipeline) -> None:
    files = named(PICTURES)
    images = [*files.images()[:5], image_of("no such path", PICTURES[5]), *files.images()[6:]]
    with pytest.raises(KeyError, match="no such path"):
        embed_all(images, make_pipeline(files))
    assert missing(images, make_pipeline(files).store) == images[5:]
    assert working_threads() == []


def test_a_model_that_cannot_be_loaded_is_said_and_unreadable_images_before_it_are_remembered(
    make_pipeline: MakePipeline,
) -> None:
    def load(_at_once: int) -> ThumbnailEmbedder:
        raise GuardError("AugNet's model cannot be read")

    files = Files({"a.png": b"", "b.png": PICTURES[0]})
    with pytest.raises(GuardError, match="AugNet's model cannot be read"):
        embed_all(files.images(), make_pipeline(files)._replace(load=load))
    store = make_pipeline(files).store
    assert (len(store), list(store.unreadable.values())) == (0, ["an empty file"])


def test_a_store_that_cannot_be_written_is_said(make_pipeline: MakePipeline, tmp_path: Path) -> None:
    files = named(PICTURES)
    pipeline = make_pipeline(files)
    tmp_path.joinpath("store").write_text("a file where the folder should be")
    with pytest.raises(
        GuardError,
        match=r"cannot write to the store of embeddings at .*; nothing stored before is lost. "
        "Free some space or make it writable, or point IMGSIM_GUARD_CACHE_DIR elsewhere",
    ):
        embed_all(files.images(), pipeline)
    assert working_threads() == []


@quick
@given(st.data())
def test_whatever_is_asked_and_wherever_it_stops_a_second_run_completes_it(data: st.DataObject) -> None:
    """Contents with many paths, unreadable ones, sources that fail: a second run embeds what the first did not keep."""
    kinds = st.sampled_from([*PICTURES[:6], b"", b"text"])
    contents = data.draw(st.lists(kinds, max_size=14))
    steps = data.draw(st.integers(1, 15))
    files, embedder = named(contents), ThumbnailEmbedder()
    distinct, pictures = set(contents), set(contents) & set(PICTURES)
    with tempfile.TemporaryDirectory() as root:

        def run(progress: Progress) -> Store:
            store = open_store(Path(root))
            embed_all(files.images(), Pipeline(files, store, lambda _at_once: embedder, progress))
            return store

        kept = 0
        with suppress(KeyboardInterrupt):
            kept = len(run(stopping_after(steps, KeyboardInterrupt)))
        kept = kept or len(open_store(Path(root)))
        before = embedder.embedded
        store = run(lambda _total, _doing: lambda: None)
        assert kept + embedder.embedded - before == len(store) == len(pictures)
        assert set(store.unreadable) == {image_of("", content).content for content in distinct - pictures}


# Little by little


def test_a_shard_is_written_whenever_there_are_rows_enough(
    make_pipeline: MakePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "ROWS_A_SHARD", 5)
    files = named(PICTURES)
    pipeline = make_pipeline(files)
    stored: list[int] = []
    watched = pipeline._replace(progress=lambda _total, _doing: lambda: stored.append(len(pipeline.store)))
    embed_all(files.images(), watched)
    assert stored == [0, 0, 0, 0, 5, 5, 5, 5, 5, 10, 10, 10]
    assert rows_by_shard(pipeline.store.folder) == [2, 5, 5]


def test_a_shard_is_written_whenever_time_enough_has_passed(
    make_pipeline: MakePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that is 20 seconds further whenever it is looked at."""
    monkeypatch.setattr(embedding, "SECONDS_A_SHARD", 30)
    monkeypatch.setattr(embedding, "time", SimpleNamespace(monotonic=itertools.count(0, 20).__next__))
    files = named([b"text", *PICTURES[:5]])
    pipeline = make_pipeline(files)
    embed_all(files.images(), pipeline)
    assert rows_by_shard(pipeline.store.folder) == [1, 2, 2]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 12])
def test_all_images_are_read_in_order_and_only_a_few_ahead(make_pipeline: MakePipeline, count: int) -> None:
    files = named(PICTURES[:count])
    read: list[int] = []
    pipeline = make_pipeline(files)._replace(progress=lambda _total, _doing: lambda: read.append(len(files.reads)))
    embed_all(files.images(), pipeline)
    assert files.reads == [image.path for image in files.images()]
    assert all(done <= reads <= done + AHEAD for done, reads in enumerate(read, 1))
    assert len(read) == count
    assert working_threads() == []


# The real thing


def interrupted(command: Sequence[str], *, once: re.Pattern[bytes]) -> tuple[int, bytes]:
    """Run a command before a terminal, send ^C's signal when the terminal shows this; exit code, and what it showed."""
    terminal, other_end = pty.openpty()
    termios.tcsetwinsize(other_end, (24, 100))
    # A test run in the background may have been told to ignore the signal, and its children would, too.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=other_end, stderr=other_end)
    finally:
        signal.signal(signal.SIGINT, before)
        os.close(other_end)
    shown, sent = b"", False
    with suppress(OSError):  # how Linux says that the other end was closed
        while data := os.read(terminal, 4096):
            shown += data
            if not sent and once.search(shown):
                process.send_signal(signal.SIGINT)
                sent = True
    os.close(terminal)
    return process.wait(), shown


def test_control_c_keeps_what_the_real_model_did_and_the_next_run_does_the_rest(tmp_path: Path, cache: Path) -> None:
    pictures = [tmp_path / "pictures" / f"{seed:02}.png" for seed in range(60)]
    pictures[0].parent.mkdir()
    for seed, path in enumerate(pictures):
        path.write_bytes(encoded(random_picture(seed)))
    embed = [sys.executable, "-P", "-m", "imgsim_guard", "embed", str(pictures[0].parent)]

    code, shown = interrupted(embed, once=re.compile(rb" [1-9][0-9]?/60 "))
    assert (code, shown.splitlines()[-1]) == (
        130,
        b"imgsim-guard: interrupted; what was finished is kept; run the same command again to continue",
    )
    kept = len(augnet_store(cache))
    assert 0 < kept < 60

    for path in pictures[kept + 2 :]:  # two are rest enough, and take less time
        path.unlink()
    subprocess.run(embed, capture_output=True, check=True)
    store = augnet_store(cache)
    rows = store.find(image_of("", path.read_bytes()).content for path in pictures[: kept + 2])
    assert sorted(rows.values()) == [*range(kept + 2)]
    assert len(store) == kept + 2  # an image embedded twice would be there twice


def test_control_c_keeps_what_a_quick_scan_did_and_the_next_one_does_the_rest(tmp_path: Path, cache: Path) -> None:
    pictures = [tmp_path / "pictures" / f"{seed:03}.png" for seed in range(200)]
    pictures[0].parent.mkdir()
    for seed, path in enumerate(pictures):
        path.write_bytes(encoded(random_picture(seed, 480, 640)))
    scan = [sys.executable, "-P", "-m", "imgsim_guard", "scan", "--quick", str(pictures[0].parent)]

    code, shown = interrupted(scan, once=re.compile(rb"hashing: .* [1-9][0-9]*/200 "))
    assert (code, shown.splitlines()[-1]) == (
        130,
        b"imgsim-guard: interrupted; what was finished is kept; run the same command again to continue",
    )
    kept = len(hashes_store(cache))
    assert 0 < kept < 200

    for path in pictures[kept + 2 :]:
        path.unlink()
    subprocess.run(scan, capture_output=True, check=True)
    assert len(hashes_store(cache)) == kept + 2  # an image hashed twice would be there twice


def hashes_store(cache: Path) -> Store:
    return Store(cache, fingerprint=WITHOUT_EMBEDDINGS, decoder=lambda: DECODER)


def augnet_store(cache: Path) -> Store:
    return Store(cache, fingerprint=fingerprint("onnx"), decoder=lambda: DECODER)
