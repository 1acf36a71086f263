"""First looks: different pictures are refuted by what is stored of them, before their pixels are read."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from conftest import Files, encoded, image_of, photograph, pixels_of
from PIL import Image as Pillow

from imgsim_guard.gate import first_look
from imgsim_guard.gate.embed import embed_missing
from imgsim_guard.gate.first_look import NOT_WORTH_IT, NOTHING_STORED, FirstLooks
from imgsim_guard.gate.look import Looks, look
from imgsim_guard.model import Candidate
from imgsim_guard.verification.verifier import NOT_AT_HAND

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgsim_guard.gate.pipeline import Pipeline
    from imgsim_guard.model import Image


def film() -> bytes:
    """Coffee, then the cat."""
    frames = [Pillow.fromarray(pixels_of(name)[:300, :400, ::-1]) for name in ("coffee.png", "chelsea.png")]
    data = io.BytesIO()
    frames[0].save(data, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    return data.getvalue()


CONTENTS = {
    "cat.png": photograph("chelsea.png"),
    "crop.png": encoded(np.ascontiguousarray(pixels_of("chelsea.png")[40:, 60:])),
    "coffee.png": photograph("coffee.png"),
    "rocket.jpg": photograph("rocket.jpg"),
    "film.webp": film(),
}


@pytest.fixture
def stored(make_pipeline: Callable[[Files], Pipeline]) -> Pipeline:
    """With all of them in the store, and nothing read since."""
    files = Files(CONTENTS)
    pipeline = make_pipeline(files)
    embed_missing(files.images(), pipeline)
    files.reads.clear()
    return pipeline


def pair(query: str, gallery: str, *, near: bool = False, likely: bool = False) -> Candidate:
    first, second = (image_of(path, CONTENTS[path]) for path in (query, gallery))
    return Candidate(first, second, 20.0, near=near, likely=likely)


PAIRS = {
    pair("crop.png", "cat.png"): True,
    pair("rocket.jpg", "cat.png"): False,
    pair("rocket.jpg", "cat.png", near=True): True,
    pair("rocket.jpg", "coffee.png", likely=True): True,
    pair("film.webp", "cat.png"): True,  # by its second frame
    pair("film.webp", "rocket.jpg"): False,
    pair("coffee.png", "crop.png"): False,
}


def everywhere(_image: Image) -> bool:
    return True


@pytest.mark.parametrize("kept", [1, 2, 4096])
def test_far_pairs_are_refuted_unless_what_is_stored_of_them_agrees(
    stored: Pipeline, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr(first_look, "KEPT", kept)
    looks = FirstLooks(stored.store, everywhere)
    wanted = [None if worth else NOT_WORTH_IT for worth in PAIRS.values()]
    assert looks.refuted([*PAIRS]) == wanted
    assert [looks.refuted([one])[0] for one in reversed(PAIRS)] == wanted[::-1]
    assert looks.refuted([]) == []


def test_what_a_first_look_refutes_is_not_read_and_known_from_then_on(
    stored: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(stored.source, Files)
    refuted = [one for one, worth in PAIRS.items() if not worth]
    assert look(refuted, stored, Looks()).evidence == [NOT_WORTH_IT] * len(refuted)
    assert stored.source.reads == []
    found = look([*PAIRS], stored, Looks(all_pairs=True)).evidence
    assert [evidence == NOT_WORTH_IT for evidence in found] == [not worth for worth in PAIRS.values()]
    assert [found[0].outcome, found[4].outcome] == ["confirmed", "confirmed"]
    assert len({*stored.source.reads}) == len(stored.source.reads)

    stored.source.reads.clear()
    monkeypatch.setattr(FirstLooks, "refuted", lambda _looks, pairs: [None] * len(pairs))
    assert look([*PAIRS], stored, Looks(all_pairs=True)).evidence == found
    assert stored.source.reads == []
    assert NOT_WORTH_IT not in look(refuted, stored, Looks(fresh=True)).evidence


def test_without_pixels_near_pairs_are_refuted_by_what_is_stored_until_there_are_some(stored: Pipeline) -> None:
    class Elsewhere(Files):
        def at_hand(self, image: Image) -> bool:
            return image.path != "cat.png"

    pairs = [pair("crop.png", "cat.png", near=True), pair("rocket.jpg", "cat.png", near=True)]
    absent = stored._replace(source=Elsewhere(CONTENTS))
    for _ in range(2):
        assert look(pairs, absent, Looks()).evidence == [NOT_AT_HAND, NOTHING_STORED]
    found = look(pairs, stored, Looks()).evidence
    assert [evidence.outcome for evidence in found] == ["confirmed", "refuted"]
    assert NOTHING_STORED not in found
    assert look(pairs, absent, Looks()).evidence == found
