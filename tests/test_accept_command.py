"""`imgsim-guard accept` with real repositories and the real model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from conftest import Outcome, Repository, encoded, pixels_of

from imgsim_guard.accepted import load_accepted
from imgsim_guard.cache import CACHE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

ACCEPTED = ".imgsim-guard/accepted.yaml"
ATTRIBUTES = ".imgsim-guard/.gitattributes"
STAGED = "newly accepted pairs: {}.\n.imgsim-guard/accepted.yaml is staged; commit it with the images.\n"


def small(name: str) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(pixels_of(name), (160, 120), interpolation=cv2.INTER_AREA), np.uint8)


def jpeg(name: str, quality: int = 80) -> bytes:
    return encoded(small(name), ".jpg", cv2.IMWRITE_JPEG_QUALITY, quality)


CAT, COFFEE, ROCKET = (encoded(small(name)) for name in ("chelsea.png", "coffee.png", "rocket.jpg"))
NEAR_CAT, NEARER_CAT, NEAR_COFFEE = jpeg("chelsea.png"), jpeg("chelsea.png", 90), jpeg("coffee.png")


@pytest.fixture(scope="module")
def warm_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that the tests here share, so that each picture is embedded once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def here(repository: Repository, warm_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository with two images, as the working directory."""
    monkeypatch.setenv(CACHE_VARIABLE, str(warm_cache))
    monkeypatch.chdir(repository.root)
    repository.commit({"cat.png": CAT, "coffee.png": COFFEE})
    return repository


def staged(repository: Repository) -> list[str]:
    return repository.git("diff", "--cached", "--name-only", "-z").split("\0")[:-1]


def reasons(repository: Repository) -> list[tuple[str, str]]:
    """Of each accepted pair, the paths as they are shown and the reason."""
    return [(pair.shown, pair.reason) for pair in load_accepted(repository.root / ACCEPTED)]


def near_duplicates(said: str) -> set[tuple[str, str]]:
    return set(re.findall(r"^(\S+) +near-duplicate of +(\S+)", said, re.MULTILINE))


def test_an_image_that_cannot_be_read_has_no_pair_to_accept(here: Repository, guard: Callable[..., Outcome]) -> None:
    here.stage({"new.png": b"words"})
    complaint = "imgsim-guard: new.png: not an image in a supported format, or its header is damaged\n"
    assert guard("accept", "new.png", "--reason", "x") == Outcome(2, "", complaint)
