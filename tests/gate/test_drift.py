"""What a store remembers of an image that a decoder here sees otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from conftest import Files, ThumbnailEmbedder, encoded, image_of, photograph, pixels_of

from imgsim_guard.gate.check import check
from imgsim_guard.gate.drift import EMBEDDED_AGAIN, drifted
from imgsim_guard.gate.pipeline import Pipeline
from imgsim_guard.gate.policy import Policy
from imgsim_guard.images.hashes import hashes
from imgsim_guard.images.picture import pixel_digest
from imgsim_guard.model import Bounds, Limits, Selection, Unreadable
from imgsim_guard.store.shard import Row, file_digests

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsim_guard.model import Image

MakePipeline = Callable[[Files], Pipeline]

CAT = photograph("chelsea.png")
SMALLER = encoded(np.asarray(cv2.resize(pixels_of("chelsea.png"), None, fx=0.8, fy=0.8), np.uint8))


def remember(pipeline: Pipeline, data: bytes, pixels: NDArray[np.uint8]) -> None:
    """Store an image as it was embedded where these pixels were decoded."""
    embedding = ThumbnailEmbedder().embed([pixels])[0].astype(np.float16)
    row = Row(**file_digests(data), pixels=pixel_digest(pixels), hashes=hashes(pixels).tobytes(), embedding=embedding)
    pipeline.store.add([row])


def notes(pipeline: Pipeline) -> tuple[str, ...]:
    """Those of a check of a copy against the cat."""
    selection = Selection("staged", (image_of("copy.png", SMALLER),), (image_of("cat.png", CAT),))
    result = check(selection, pipeline, policy=Policy(Bounds(threshold=2.0), Limits()))
    assert [match.kind for match in result.matches] == ["near-duplicate"]
    return result.notes


def test_a_decoder_that_gives_what_it_gave_is_not_mentioned(make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline(Files({"cat.png": CAT, "copy.png": SMALLER}))
    remember(pipeline, CAT, pixels_of("chelsea.png"))
    assert notes(pipeline) == ()


def test_other_pixels_that_hardly_move_the_embedding_are_not_mentioned(make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline(Files({"cat.png": CAT, "copy.png": SMALLER}))
    almost = pixels_of("chelsea.png").copy()
    almost[0, 0] ^= 1
    remember(pipeline, CAT, almost)
    assert notes(pipeline) == ()


def test_a_decoder_that_moves_an_embedding_is_reported(make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline(Files({"cat.png": CAT, "copy.png": SMALLER}))
    remember(pipeline, CAT, pixels_of("chelsea.png") // 8 * 8)
    [note] = notes(pipeline)
    about = "images that this machine decodes differently than the one that embedded them: 1 (such as cat.png)"
    assert note.startswith(f"{about}; this moves embeddings by up to ")
    assert note.endswith("; the stored embeddings are used")


@pytest.mark.parametrize("gone", [None, Unreadable("gone"), b"no image"])
def test_what_cannot_be_looked_at_again_is_not_mentioned(
    gone: Unreadable | bytes | None, make_pipeline: MakePipeline
) -> None:
    pipeline = make_pipeline(Files({} if gone is None else {"cat.png": gone}))
    remember(pipeline, CAT, pixels_of("chelsea.png") // 8 * 8)
    assert list(drifted({image_of("cat.png", CAT): b"other pixels"}, pipeline)) == []


def test_of_many_only_a_few_are_embedded_again(make_pipeline: MakePipeline, thumbnails: ThumbnailEmbedder) -> None:
    contents = {f"{number}.png": CAT + bytes(number) for number in range(2 * EMBEDDED_AGAIN)}
    pipeline = make_pipeline(Files(contents))
    pixels: dict[Image, bytes] = {}
    for path, data in contents.items():
        remember(pipeline, data, pixels_of("chelsea.png") // 8 * 8)
        pixels[image_of(path, data)] = b"other pixels"
    [note] = drifted(pixels, pipeline)
    assert f": {2 * EMBEDDED_AGAIN} (such as 0.png); " in note
    assert thumbnails.embedded == EMBEDDED_AGAIN
