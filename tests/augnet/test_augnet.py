from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import onnxruntime
import pytest
from conftest import ROOT, photograph, random_picture
from safetensors import safe_open

from imgsim_guard import augnet
from imgsim_guard.augnet.embedder import MODEL_PATH, PROVIDERS, OnnxEmbedder, mapped_model
from imgsim_guard.augnet.mapped import graph_without_weights
from imgsim_guard.augnet.preprocessing import MAX_LONG_SIDE, preprocess, resized_shape
from imgsim_guard.images.decode import decode
from imgsim_guard.model import GuardError, Unreadable
from imgsim_guard.search import distances
from imgsim_guard.store.shard import file_digests

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

REFERENCE = ROOT / "tests" / "golden" / "reference.safetensors"
TOLERANCE = 0.03
"""The largest distance between our embedding of a photograph and the reference's."""


def reference_embeddings() -> dict[str, NDArray[np.float32]]:
    with safe_open(REFERENCE, framework="numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no mapping


def recorded_digests() -> dict[str, str]:
    with safe_open(REFERENCE, framework="numpy") as file:
        digests: dict[str, str] = json.loads(file.metadata()["sha256"])
        return digests


def pixels_of(name: str) -> NDArray[np.uint8]:
    pixels = decode(photograph(name))
    assert not isinstance(pixels, Unreadable)
    return pixels


@pytest.mark.parametrize("name", sorted(recorded_digests()))
def test_an_embedding_is_the_references_within_the_tolerance(name: str, augnet_embedder: augnet.Embedder) -> None:
    assert file_digests(photograph(name))["sha256"].hex() == recorded_digests()[name]
    reference = reference_embeddings()
    pixels = pixels_of(name)
    ours = augnet_embedder.embed([pixels, np.ascontiguousarray(pixels[:, ::-1])])
    assert np.linalg.norm(ours[0] - reference[name]) <= TOLERANCE
    assert np.linalg.norm(ours[1] - reference[f"mirrored/{name}"]) <= TOLERANCE


def test_distances_are_ordered_as_the_reference_orders_them(augnet_embedder: augnet.Embedder) -> None:
    grass, gravel, cat = (pixels_of(name) for name in ("grass.png", "gravel.png", "chelsea.png"))
    mirrored = np.ascontiguousarray(grass[:, ::-1])
    first, *others = augnet_embedder.embed([grass, grass, mirrored, gravel, cat])
    same, mirror, other_texture, other_kind = (float(distances(first[None], other[None])[0]) for other in others)
    assert same == 0.0 < mirror < other_texture < other_kind

    reference = reference_embeddings()
    theirs = [
        np.linalg.norm(reference["grass.png"] - reference[name])
        for name in ("mirrored/grass.png", "gravel.png", "chelsea.png")
    ]
    assert np.allclose([mirror, other_texture, other_kind], theirs, atol=2 * TOLERANCE)


def test_an_embedding_does_not_depend_on_its_neighbours_in_the_call(augnet_embedder: augnet.Embedder) -> None:
    pictures = [random_picture(seed, height=40 + 7 * seed, width=60) for seed in range(4)]
    together = augnet_embedder.embed(pictures)
    alone = np.concatenate([augnet_embedder.embed([picture]) for picture in reversed(pictures)])[::-1]
    assert np.array_equal(together, alone)


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_an_embedding_does_not_depend_on_the_number_of_threads(threads: int, augnet_embedder: augnet.Embedder) -> None:
    import onnxruntime  # not before the embedder has turned its telemetry off

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(MODEL_PATH.read_bytes(), options, providers=["CPUExecutionProvider"])
    pictures = [random_picture(seed, height=300 + 7 * seed, width=400) for seed in range(2)]
    assert np.array_equal(OnnxEmbedder(session, 1, "reference").embed(pictures), augnet_embedder.embed(pictures))


def test_embeddings_survive_half_precision_unchanged(augnet_embedder: augnet.Embedder) -> None:
    embedding = augnet_embedder.embed([random_picture(1)])
    assert embedding.shape == (1, 768)
    assert embedding.dtype == np.float32
    assert np.array_equal(embedding, embedding.astype(np.float16).astype(np.float32))
    assert np.abs(embedding).max() <= 1


def test_no_images_give_no_embeddings(augnet_embedder: augnet.Embedder) -> None:
    assert augnet_embedder.embed([]).shape == (0, 768)


def reference_preprocessing(pixels: NDArray[np.uint8]) -> NDArray[Any]:
    """What imgsim 0.1.2 does in `resize_short`, `normalize` and `Vectorizer.vectorize`, in its own order and types."""
    scale = 350 / min(pixels.shape[:2])
    resized = cv2.resize(pixels, (int(max(pixels.shape[1] * scale, 350)), int(max(pixels.shape[0] * scale, 350))))
    batch = np.array([resized[..., ::-1] / 255.0]).transpose([0, 3, 1, 2])
    for channel, (mean, deviation) in enumerate(zip([0.485, 0.456, 0.406], [0.229, 0.224, 0.225], strict=True)):
        batch[:, channel] = (batch[:, channel] - mean) / deviation
    return batch.astype(np.float32)


@pytest.mark.parametrize("shape", [(350, 350), (1, 1), (349, 351), (1000, 333), (333, 1000), (97, 970), (600, 451)])
def test_preprocessing_is_the_references_to_the_last_bit(shape: tuple[int, int]) -> None:
    pixels = random_picture(5, *shape)
    assert np.array_equal(preprocess(pixels), reference_preprocessing(pixels))


def test_antialiased_preprocessing_takes_every_pixel_of_a_large_picture() -> None:
    """One column in eight is white: the reference sees some of them whole and others not at all."""
    pixels = np.zeros((2800, 2800, 3), np.uint8)
    pixels[:, ::8] = 255
    assert preprocess(pixels, "antialiased").std(axis=(2, 3)).max() < 1e-5
    sparse = preprocess(pixels)
    assert np.array_equal(sparse, reference_preprocessing(pixels))
    assert abs(sparse - preprocess(pixels, "antialiased")).min() > 0.4


@pytest.mark.parametrize("shape", [(350, 350), (200, 300), (350, 700)])
def test_what_does_not_shrink_is_the_references_in_both_ways(shape: tuple[int, int]) -> None:
    pixels = random_picture(5, *shape)
    assert np.array_equal(preprocess(pixels, "antialiased"), reference_preprocessing(pixels))


def test_an_antialiased_embedding_of_a_scaled_copy_is_nearer() -> None:
    embedder = augnet.load("onnx", preprocessing="antialiased")
    large = np.asarray(np.random.default_rng(0).integers(0, 256, (1400, 1400, 3)), np.uint8)
    small = np.asarray(cv2.resize(large, (700, 700), interpolation=cv2.INTER_AREA), np.uint8)
    first, second = embedder.embed([large, small])
    assert np.linalg.norm(first - second) < 0.3
    reference = augnet.load("onnx").embed([large, small])
    assert np.linalg.norm(reference[0] - reference[1]) > 1


def test_ways_of_preprocessing_do_not_share_embeddings_and_the_references_keep_theirs() -> None:
    assert augnet.fingerprint("onnx", "reference") == augnet.fingerprint("onnx")
    assert augnet.fingerprint("onnx", "antialiased") != augnet.fingerprint("onnx")


@pytest.mark.parametrize("height", [40, 700])
def test_an_embedding_does_not_depend_on_how_many_are_made_at_once(
    height: int, augnet_embedder: augnet.Embedder
) -> None:
    pictures = [random_picture(seed, height=height, width=60 + seed) for seed in range(4)]
    at_once = augnet.load("onnx", 2)
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda picture: at_once.embed([picture])[0], pictures))
    assert np.array_equal(augnet_embedder.embed(pictures), together)


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_the_processor_runs_it_where_nothing_else_is_installed(
    device: augnet.Device, augnet_embedder: augnet.Embedder
) -> None:
    picture = random_picture(1)
    embedding = augnet.load("onnx", device=device).embed([picture])
    assert np.array_equal(embedding, augnet_embedder.embed([picture]))


@pytest.mark.parametrize("device", ["cuda", "directml"])
def test_a_device_that_is_not_installed_is_an_error_that_says_how_to_get_it(device: augnet.Device) -> None:
    assert PROVIDERS[device][0] not in onnxruntime.get_available_providers()
    with pytest.raises(
        GuardError, match=f"device: {device} is not installed; there is .*cpu.*pip install onnxruntime-"
    ):
        augnet.load("onnx", device=device)


def test_a_device_for_which_onnx_runtime_takes_the_processor_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """As onnxruntime-gpu does without CUDA: it prints why, and runs on the processor. The provider that comes with
    every ONNX Runtime besides the processor's is one that needs a service, and so never the model's.
    """
    name = "AzureExecutionProvider"
    assert name in onnxruntime.get_available_providers()
    monkeypatch.setitem(PROVIDERS, "cuda", (name, {}))
    session = onnxruntime.InferenceSession(MODEL_PATH, providers=["CPUExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, **__: session)
    with pytest.raises(GuardError, match="device: cuda is installed, but did not start, for the reason above"):
        augnet.load("onnx", device="cuda")
    assert augnet.load("onnx", device="auto").embed([random_picture(1)]).shape == (1, 768)


@pytest.mark.parametrize("shape", [(10, 10_000), (10_000, 10), (1, 100_000)])
def test_the_long_side_of_an_extreme_strip_is_capped(shape: tuple[int, int]) -> None:
    assert sorted(resized_shape(*shape)) == [350, MAX_LONG_SIDE]


def test_ten_to_one_is_not_yet_capped() -> None:
    assert resized_shape(100, 1000) == (350, 3500)


def test_the_weights_are_left_in_the_file() -> None:
    with mapped_model(MODEL_PATH) as model:
        graph = graph_without_weights(model, MODEL_PATH.name)
        places = re.findall(rb"\x06offset\x12.(\d+)j.\n\x06length\x12.(\d+)", graph, re.DOTALL)
        ranges = sorted((int(offset), int(offset) + int(length)) for offset, length in places)
        assert len(graph) < 2**16
        assert 0 < len(model) - sum(end - begin for begin, end in ranges) < len(graph)
    assert all(end <= begin for (_, end), (begin, _) in pairwise(ranges))


def test_a_model_behind_a_link_is_loaded(tmp_path: Path, augnet_embedder: augnet.Embedder) -> None:
    """As some installers lay out what they install."""
    link = tmp_path / "linked.onnx"
    link.symlink_to(MODEL_PATH)
    picture = random_picture(1)
    assert np.array_equal(OnnxEmbedder.load(link).embed([picture]), augnet_embedder.embed([picture]))


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    damaged = tmp_path / "augnet.onnx"
    model = bytearray(MODEL_PATH.read_bytes())
    model[len(model) // 2] ^= 1
    damaged.write_bytes(model)
    with pytest.raises(GuardError, match=r"model is damaged .* reinstall imgsim-guard"):
        OnnxEmbedder.load(damaged)


def test_an_empty_model_is_refused(tmp_path: Path) -> None:
    damaged = tmp_path / "augnet.onnx"
    damaged.touch()
    with pytest.raises(GuardError, match="model is damaged"):
        OnnxEmbedder.load(damaged)


def test_a_model_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GuardError, match=r"cannot be read .*No such file.*reinstall imgsim-guard"):
        OnnxEmbedder.load(tmp_path / "augnet.onnx")


def test_the_reference_engine_says_how_to_get_it_when_it_is_not_installed() -> None:
    with pytest.raises(GuardError, match=r"pip install 'imgsim-guard\[imgsim\]'"):
        augnet.load("imgsim")


def test_the_engines_do_not_share_embeddings() -> None:
    assert augnet.fingerprint("onnx") != augnet.fingerprint("imgsim")


def test_images_that_were_hashed_in_another_way_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    before = augnet.fingerprint("onnx")
    monkeypatch.setattr(augnet, "HASHING", augnet.HASHING + 1)
    assert augnet.fingerprint("onnx") != before
