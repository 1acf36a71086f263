"""Previews: what a machine without the dataset verifies pairs by, with the real DVC where it matters."""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
import safetensors.numpy
from conftest import Files, Person, ThumbnailEmbedder, encoded, image_of, near, open_store, photograph, pixels_of

from imgsim_guard.gate.embed import embed_missing
from imgsim_guard.gate.pipeline import Pipeline
from imgsim_guard.gate.publish import add_previews
from imgsim_guard.images.decode import PREVIEW_SIDE, decode, preview
from imgsim_guard.model import Unreadable
from imgsim_guard.sources.previewed import Previewed
from imgsim_guard.store.previews import ROWS_OF_A_SHARD, Previews

if TYPE_CHECKING:
    from pathlib import Path

CAT = photograph("chelsea.png")
CROPPED_CAT = encoded(np.ascontiguousarray(pixels_of("chelsea.png")[30:-10, 25:-40]))
"""Beyond the threshold of thumbnails below, within reach of verification."""

SETTINGS = "threshold: 2\nreach: 10\npreviews: true\n"
POINTERS = [".imgsim-guard/store.dvc", ".imgsim-guard/previews.dvc"]


def digest(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest()


# The shards


def test_what_is_added_is_found_by_the_digest_of_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "previews"
    pictures = {digest(number): b"picture %d" % number for number in range(ROWS_OF_A_SHARD + 1)}
    Previews(folder).add(pictures)
    Previews(folder).add({digest(-1): b""})
    Previews(folder).add({})
    previews = Previews(folder)
    assert {key: previews.get(key) for key in pictures} == pictures
    assert (previews.get(digest(-1)), previews.get(digest(-2))) == (b"", None)
    assert digest(0) in previews
    assert digest(-2) not in previews
    names = [path.name for path in folder.iterdir()]
    assert len(names) == 3
    Previews(folder).add(pictures)
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)


def test_a_shard_that_is_merged_into_another_after_it_was_listed_is_found_there(tmp_path: Path) -> None:
    Previews(tmp_path).add({digest(1): b"one"})
    previews = Previews(tmp_path)
    assert previews.get(digest(1)) == b"one"
    [alone] = tmp_path.iterdir()
    Previews(tmp_path).add({digest(1): b"one", digest(2): b"two"})
    alone.unlink()
    assert previews.get(digest(1)) == b"one"
    assert previews.get(digest(2)) == b"two"


def test_without_a_folder_there_are_none(tmp_path: Path) -> None:
    assert Previews(tmp_path / "previews").get(digest(0)) is None


PICTURES = np.frombuffer(b"zeroone", np.uint8)
DAMAGED: list[dict[str, Any]] = [
    {"data": np.zeros(7, np.float32)},
    {"data": PICTURES.reshape(7, 1)},
    {"data": np.array(1, np.uint8)},
    {"data": PICTURES[:-1]},
    {"ends": np.array([4, 7], np.int32)},
    {"ends": np.array(7)},
    {"ends": np.array([4, 8])},
    {"ends": np.array([-1, 7])},
    {"ends": np.array([7, 4])},
    {"ends": np.array([4, 6, 7])},
    {"sha256": np.zeros((2, 31), np.uint8)},
    {"sha256": np.zeros((1, 32), np.uint8)},
]


@pytest.mark.parametrize("damage", [*DAMAGED, b"", b"{}", b"\xff" * 40, b"\x02" + bytes(7) + b"{}", "cut"])
def test_a_damaged_shard_counts_as_not_there(tmp_path: Path, damage: dict[str, Any] | bytes | str) -> None:
    folder = tmp_path / "previews"
    Previews(folder).add({digest(0): b"zero", digest(1): b"one"})
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    tensors = safetensors.numpy.load(whole)
    assert {key: tensor.shape for key, tensor in tensors.items()} == {"sha256": (2, 32), "data": (7,), "ends": (2,)}
    path.unlink()
    if isinstance(damage, str):
        path.write_bytes(whole[:-1])
    else:
        data = damage if isinstance(damage, bytes) else safetensors.numpy.save(tensors | damage)
        (folder / f"{hashlib.sha256(data).hexdigest()}.safetensors").write_bytes(data)
    Previews(folder).add({digest(2): b"two"})
    assert [Previews(folder).get(digest(number)) for number in range(3)] == [None, None, b"two"]


def test_a_preview_is_small_and_shows_the_picture() -> None:
    pixels = pixels_of("coffee.png")
    small = decode(preview(pixels))
    assert not isinstance(small, Unreadable)
    assert max(small.shape) == PREVIEW_SIDE < max(pixels.shape)
    again = cv2.resize(small, (pixels.shape[1], pixels.shape[0]))
    assert np.abs(again.astype(int) - pixels).mean() < 8
    tiny = decode(preview(np.full((1, 3, 3), 200, np.uint8)))
    assert not isinstance(tiny, Unreadable)
    assert tiny.shape == (1, 3, 3)


def test_an_image_is_seen_by_its_own_pixels_else_by_its_preview(tmp_path: Path) -> None:
    here, gone, never = (image_of(path, near(seed)) for seed, path in enumerate(("here.png", "gone.png", "never.png")))
    files = Files({"here.png": near(0), "gone.png": near(1), "bad.png": b"text"})
    store, previews = open_store(tmp_path / "store"), Previews(tmp_path / "previews")
    embed_missing(files.images()[1:], Pipeline(files, store, ThumbnailEmbedder, lambda *_: lambda: None))
    images = [here, gone, never, image_of("bad.png", b"text")]
    assert add_previews(images, files, store, previews, lambda *_: lambda: None) == 2
    assert add_previews(images, files, store, previews, lambda *_: lambda: None) == 0

    changed = Unreadable("changed since", absent=True)
    files.contents = {"here.png": near(0), "never.png": changed}
    source = Previewed(files, store, previews)
    assert [source.at_hand(image) for image in (here, gone, images[3])] == [True, True, False]
    assert source.read(here) == near(0)
    assert source.read(never) == changed
    small = source.read(gone)
    assert isinstance(small, bytes)
    assert small.startswith(b"RIFF")
    files.contents = {"gone.png": changed}
    assert source.read(gone) == small


# The team's


@pytest.fixture
def without_the_dataset(anna: Person, tmp_path: Path) -> Person:
    """Somebody who cloned a repository with previews, and pulled only what is the gate's."""
    team = anna.dataset
    team.write({".imgsim-guard.yaml": SETTINGS})
    team.add({"cats/cat.png": CAT, "cats/coffee.png": photograph("coffee.png"), "cats/bad.png": b"text"}, "cats")
    team.save()
    anna.guard("embed", "--quiet")
    said = anna.guard("sync")
    assert f"  share it:   dvc push {' '.join(POINTERS)}\n" in said
    assert team.git("diff", "--cached", "--name-only").split() == [".imgsim-guard/.gitignore", *reversed(POINTERS)]
    before = [(team.root / pointer).read_bytes() for pointer in POINTERS]
    team.save()
    assert anna.guard("sync") == (
        "published embeddings: 0; already published: 7.\n"
        "note: 1 staged or committed images have no embedding yet: run imgsim-guard embed, then sync\n"
    )
    assert [(team.root / pointer).read_bytes() for pointer in POINTERS] == before
    team.dvc("push", "--quiet")
    clone = Person(team.clone(tmp_path / "team" / "clone"), tmp_path / "empty")
    clone.dataset.dvc("pull", "--quiet", *POINTERS)
    return clone


def test_without_the_dataset_a_copy_is_verified_by_its_preview(without_the_dataset: Person) -> None:
    clone = without_the_dataset.dataset
    clone.stage({"new.png": CROPPED_CAT})
    found = without_the_dataset.guard("hook", code=1)
    assert "new.png   near-duplicate of    cats/cat.png   " in found
    assert "cropped to " in found
    assert "1 near-duplicate among 1 new image, checked against 7 " in found
    assert "whose pixels are not on this machine" not in found
    assert without_the_dataset.embedder.embedded == 1

    shutil.rmtree(clone.root / ".imgsim-guard" / "previews")
    found = without_the_dataset.guard("hook")
    assert found.count("note: pairs decided by the distance only, because their pixels are not on this machine") == 1
    clone.stage({"new.png": encoded(np.bitwise_xor(pixels_of("chelsea.png"), np.uint8(1)))})
    found = without_the_dataset.guard("hook", code=1)
    assert found.count("note: pairs decided by the distance only, because their pixels are not on this machine") == 1
    assert "new.png   near-duplicate of    cats/cat.png   distance 0." in found


def test_what_the_hook_finds_by_a_preview_can_be_accepted(without_the_dataset: Person) -> None:
    without_the_dataset.dataset.stage({"new.png": CROPPED_CAT})
    without_the_dataset.guard("hook", code=1)
    said = without_the_dataset.guard("accept", "new.png", "--reason", "a detail")
    assert said.startswith("accepted: new.png and cats/cat.png\n")
    without_the_dataset.guard("hook")


def test_a_damaged_shard_of_previews_is_not_published(anna: Person) -> None:
    anna.dataset.commit({".imgsim-guard.yaml": SETTINGS})
    anna.guard("sync", "--quiet")
    (shard,) = (anna.dataset.root / ".imgsim-guard" / "previews").iterdir()
    data = shard.read_bytes()
    shard.unlink()
    shard.write_bytes(data[:-1])
    said = anna.guard("store", "verify", code=1)
    assert said.startswith(f"{shard}   damaged: it is not what its name promises\n")
    said = anna.guard("sync", code=2)
    assert said.startswith(f"imgsim-guard: {shard} is damaged: it is not what its name promises. Delete it; then ")
    assert shard.read_bytes() == data[:-1]


def test_ci_needs_the_store_and_the_bytes_of_new_images_only(bert: Person, carla: Person) -> None:
    team, ci = bert.dataset, carla.dataset
    old = {file.read_bytes() for file in (team.root / "data" / "images").iterdir()}
    team.git("checkout", "--quiet", "-b", "feature")
    team.add({"data/images/new.png": near(2, 2), "data/images/other.png": near(9)}, "data/images")
    team.save()
    team.dvc("push", "--quiet")
    for file in (team.root.parent / "remote").rglob("*"):
        if file.is_file() and file.read_bytes() in old:
            file.unlink()
    ci.git("fetch", "--quiet")
    ci.git("checkout", "--quiet", "feature")
    ci.dvc("pull", "--quiet", ".imgsim-guard/store")
    found = carla.guard("check", "--from-ref", "origin/main", "--to-ref", "HEAD", code=1)
    assert found.startswith("data/images/new.png   near-duplicate of    data/images/2.png   distance 0.")
    assert "\n1 near-duplicate among 2 new images, checked against 6 " in found
    assert carla.embedder.embedded == 2
    assert not (ci.root / "data" / "images").exists()
