"""Without AugNet: `scan --quick`, `clean --quick`, and `retrieve: hashes` in the configuration."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from conftest import Files, ThumbnailEmbedder, encoded, image_of, pixels_of, random_picture
from test_cli import loaded

from imgsim_guard.augnet import WITHOUT_EMBEDDINGS
from imgsim_guard.config.settings import FILE_NAME
from imgsim_guard.gate import look as looking
from imgsim_guard.gate.check import check
from imgsim_guard.gate.embed import embed_missing
from imgsim_guard.gate.pipeline import Pipeline, silent
from imgsim_guard.gate.policy import Policy
from imgsim_guard.model import Bounds, GuardError, Selection
from imgsim_guard.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from conftest import Outcome, Repository

    from imgsim_guard.gate.pipeline import Verifies
    from imgsim_guard.model import Candidate, Evidence, Result

PHOTOGRAPHS = {
    name: np.asarray(cv2.resize(pixels_of(name), (360, 240)), np.uint8) for name in ("chelsea.png", "rocket.jpg")
}
COPIES = {
    "chelsea.png": np.ascontiguousarray(PHOTOGRAPHS["chelsea.png"][20:-20, 40:-20, ::-1][:, ::-1]),
    "rocket.jpg": np.asarray(cv2.resize(PHOTOGRAPHS["rocket.jpg"], (240, 160)), np.uint8),
}
ORIGINALS = {name: encoded(pixels) for name, pixels in PHOTOGRAPHS.items()}
EDITED = {f"copy-of-{name}": encoded(pixels, ".jpg") for name, pixels in COPIES.items()}
LEFT_OUT = "AugNet is left out: copies are found by hashes and local features only"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    photos = tmp_path / "work" / "photos"
    photos.mkdir(parents=True)
    for name, data in {**ORIGINALS, **EDITED, "other.png": encoded(random_picture(1, 240, 360))}.items():
        (photos / name).write_bytes(data)
    monkeypatch.chdir(photos.parent)
    return photos.parent


def names(cache: Path) -> set[str]:
    """The folders of the cache that hold what is stored of images."""
    return {path.name for path in cache.iterdir() if not path.name.startswith(("verdicts-", "refused"))}


def test_a_quick_scan_finds_edited_copies_and_every_report_says_what_was_left_out(
    folder: Path, cache: Path, guard: Callable[..., Outcome]
) -> None:
    code, out, err = guard("scan", "--quick", "photos", "--json", "r.json", "--html", "r.html", "--csv", "r.csv")
    assert (code, err) == (1, "")
    assert out.startswith(f"note: {LEFT_OUT}")
    report = json.loads((folder / "r.json").read_text())
    assert {(match["query"], match["gallery"]) for match in report["matches"]} == {
        ("photos/copy-of-chelsea.png", "photos/chelsea.png"),
        ("photos/rocket.jpg", "photos/copy-of-rocket.jpg"),
    }
    assert {match["distance"] for match in report["matches"]} == {None}
    assert report["retrieve"] == "hashes"
    assert report["notes"][0].startswith(LEFT_OUT)
    page = (folder / "r.html").read_text()
    assert LEFT_OUT in page
    assert "<dt>Found by</dt><dd>hashes</dd>" in page
    assert "inf" not in (folder / "r.csv").read_text().replace("info", "")
    assert names(cache) == {WITHOUT_EMBEDDINGS}
    assert "imgsim-guard clean photos --quick" in out


@pytest.mark.usefixtures("folder", "cache")
def test_the_model_is_not_loaded() -> None:
    code, modules = loaded("scan", "--quick", "--quiet", "photos")
    assert code == 1
    assert "onnxruntime" not in modules


@pytest.mark.usefixtures("folder", "cache")
def test_a_second_quick_scan_finds_the_same_and_reads_no_pixels(
    guard: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = guard("scan", "--quick", "photos")
    monkeypatch.setattr(looking, "_verifier", None)
    assert guard("scan", "--quick", "photos") == first


def test_the_frames_of_a_film_are_one_group(folder: Path, cache: Path, guard: Callable[..., Outcome]) -> None:
    whole = pixels_of("chelsea.png")
    for number in range(9):
        x, y = 4 * number, 2 * number
        frame = np.ascontiguousarray(whole[y : y + 240, x : x + 320])
        (folder / f"film-{number}.jpg").write_bytes(encoded(frame, ".jpg"))
    code, out, err = guard("scan", "--quick", *(f"film-{number}.jpg" for number in range(9)))
    assert (code, err) == (1, "")
    assert "8 near-duplicates among 9 images, checked against 8 in 0.0 s. " in out
    assert "more within reach, not looked at (--all-pairs looks at all)." in out
    assert names(cache) == {WITHOUT_EMBEDDINGS}


@pytest.mark.usefixtures("cache")
def test_what_only_looks_alike_is_no_match_whatever_the_threshold(folder: Path, guard: Callable[..., Outcome]) -> None:
    (folder / FILE_NAME).write_text("threshold: 50\nreach: 50\n")
    code, out, _ = guard("scan", "--quick", "photos/chelsea.png", "photos/other.png", "photos/rocket.jpg")
    assert code == 0
    assert out.endswith("no near-duplicates among 3 images, checked against 2 in 0.0 s.\n")


def test_a_commit_is_refused_without_an_embedding(repository: Repository, cache: Path) -> None:
    repository.commit({**ORIGINALS, FILE_NAME: "retrieve: hashes\n"})
    repository.stage(EDITED)
    out = repository.guard("hook", code=1)
    assert LEFT_OUT in out
    assert "copy-of-chelsea.png   near-duplicate of    chelsea.png   confirmed by pixels" in out
    assert "onnx" not in out
    assert names(cache) == {WITHOUT_EMBEDDINGS}
    said = repository.guard("accept", "copy-of-chelsea.png", "--reason", "two versions")
    assert "accepted: copy-of-chelsea.png and chelsea.png" in said
    assert "copy-of-chelsea.png   near-duplicate" not in repository.guard("hook", code=1)


def checked(root: Path, retrieve: str, files: Files, *, max_missing: int | None = None) -> Result:
    """The check of all files among one another, with a store in this folder."""
    bounds = Bounds(threshold=2.0, reach=40.0, retrieve="hashes" if retrieve == "hashes" else "all")
    fingerprint = WITHOUT_EMBEDDINGS if retrieve == "hashes" else "thumbnails"
    store = Store(root, fingerprint=fingerprint, decoder=lambda: "test")
    pipeline = Pipeline(files, store, ThumbnailEmbedder, silent)
    selection = Selection("folders", tuple(files.images()), ())
    return check(selection, pipeline, policy=Policy(bounds), max_missing=max_missing)


def test_a_full_check_afterwards_embeds_all_and_uses_the_verdicts_of_the_quick_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = Files({**ORIGINALS, **EDITED})
    quick = checked(tmp_path, "hashes", files)
    assert len(quick.matches) == 2

    seen: list[Candidate] = []
    make = looking._verifier  # noqa: SLF001

    def watched(pipeline: Pipeline) -> Verifies:
        verifier = make(pipeline)
        verify = verifier.verify

        def noting(pairs: Sequence[Candidate], done: Callable[[], object]) -> Iterator[Evidence]:
            seen.extend(pairs)
            return verify(pairs, done)

        monkeypatch.setattr(verifier, "verify", noting)
        return verifier

    monkeypatch.setattr(looking, "_verifier", watched)
    full = checked(tmp_path, "all", files)
    assert {(match.query, match.gallery) for match in quick.matches} <= {
        (match.query, match.gallery) for match in full.matches
    }
    confirmed = {(match.query.path, match.gallery.path) for match in quick.matches}
    assert not confirmed & {(pair.query.path, pair.gallery.path) for pair in seen}
    assert all(match.measured for match in full.matches)


def test_pairs_without_pixels_are_not_compared_and_that_is_said(tmp_path: Path) -> None:
    files = Files({**ORIGINALS, **EDITED})
    store = Store(tmp_path, fingerprint=WITHOUT_EMBEDDINGS, decoder=lambda: "test")
    embed_missing(files.images(), Pipeline(files, store, ThumbnailEmbedder, silent))
    queries, gallery = (
        tuple(image_of(name, data) for name, data in sorted(some.items())) for some in (EDITED, ORIGINALS)
    )
    result = check(
        Selection("folders", queries, gallery, mutual=False),
        Pipeline(Files({**EDITED}), store, ThumbnailEmbedder, silent),
        policy=Policy(Bounds(retrieve="hashes")),
    )
    assert result.matches == ()
    assert "pairs not compared, because their pixels are not on this machine: 2; run dvc pull or git lfs pull" in (
        result.notes
    )


def test_too_many_images_without_hashes_are_told_with_the_time_they_take(tmp_path: Path) -> None:
    files = Files({f"{seed}.png": encoded(random_picture(seed)) for seed in range(6)})
    with pytest.raises(GuardError, match=r"^6 images have no hashes yet\. Hashing them once takes about \d+ seconds\."):
        checked(tmp_path, "hashes", files, max_missing=2)


def test_no_embedding_is_had_of_a_store_of_hashes_nor_put_into_it(tmp_path: Path) -> None:
    files = Files(dict(ORIGINALS))
    store = Store(tmp_path, fingerprint=WITHOUT_EMBEDDINGS, decoder=lambda: "test")
    embed_missing(files.images(), Pipeline(files, store, ThumbnailEmbedder, silent))
    rows = list(store.find(image.content for image in files.images()).values())
    with pytest.raises(RuntimeError, match="no embeddings"):
        store.embeddings(rows)
    kept = store.rows(image.content for image in files.images())
    assert [row.embedding.shape for row in kept] == [(0,), (0,)]
    with pytest.raises(ValueError, match="reshape"):
        store.add([row._replace(embedding=np.zeros(768, np.float16)) for row in kept])
    with pytest.raises(ValueError, match="reshape"):
        Store(tmp_path, fingerprint="thumbnails", decoder=lambda: "test").add(kept)
    again = Store(tmp_path, fingerprint=WITHOUT_EMBEDDINGS, decoder=lambda: "test")
    assert sorted(again.find(image.content for image in files.images())) == sorted(
        image.content for image in files.images()
    )
