"""A change of the configuration that brings images into a split, a label or the dataset is judged in hook and CI."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from conftest import THUMBNAILS, Dataset, Person, Repository, near

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAME = ".imgsim-guard.yaml"
SPLITS = "splits: {train: 'a/**', test: 'b/**'}\n"
LABELS = "labels: 'data/{label}/*'\n"
NOTE = (
    "note: images that the change of .imgsim-guard.yaml brings into another split or label, or into the dataset: %d; "
    "they are checked as if they were moved there"
)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two copies in each of two folders, which somebody accepted by turning the check off; and one without a copy."""
    made = Repository(tmp_path_factory.mktemp("held") / "repository")
    made.root.mkdir()
    made.git("init", "--quiet", "--initial-branch=main", ".")
    pictures = {"a/1.png": near(1), "a/2.png": near(1, by=2), "b/3.png": near(1, by=3), "b/4.png": near(2)}
    made.commit({NAME: THUMBNAILS, **pictures})
    return made.root


@pytest.fixture
def person(held: Path, tmp_path: Path) -> Person:
    return Person(Dataset(shutil.copytree(held, tmp_path / "clone")), tmp_path / "cache")


def hook(person: Person, monkeypatch: pytest.MonkeyPatch, code: int = 0, *more: str) -> str:
    with monkeypatch.context() as patch:
        patch.setenv("GIT_INDEX_FILE", ".git/index")
        return person.guard("hook", *more, code=code)


def test_images_that_enter_a_split_are_judged_against_the_other_splits(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = person.dataset
    repository.stage({NAME: THUMBNAILS + SPLITS})
    printed = hook(person, monkeypatch, 1)
    assert NOTE % 4 in printed
    assert "leakage: test -> train" in printed
    assert "a/1.png" in printed
    assert "a/2.png" in printed
    assert printed.count("near-duplicate of") == 2  # the pair within train was there before
    assert "  drop it:           git rm --cached -- " in printed
    repository.git("commit", "--quiet", "-m", "splits")
    assert person.guard("check", "--from-ref", "HEAD~1", code=1).splitlines()[0] == printed.splitlines()[1]
    assert hook(person, monkeypatch) == ""
    monkeypatch.setenv("PRE_COMMIT_FROM_REF", "HEAD~1")
    monkeypatch.setenv("PRE_COMMIT_TO_REF", "HEAD")
    assert "leakage: test -> train" in person.guard("hook", code=1)


@pytest.mark.parametrize(
    ("before", "after", "entering"),
    [
        (SPLITS, "splits: {train: 'a/*.png', test: 'b/*.png'}\n", 0),  # the same splits, in other words
        (SPLITS, "", 0),
        (SPLITS, SPLITS + "reach: 20\n", 0),
        ("splits: {train: 'b/**', test: 'a/**'}\n", SPLITS, 4),
        ("splits: {train: 'b/**', test: '**'}\n", SPLITS, 4),  # b was in two, which no check would have passed
        ("images: ['a/**']\n", "", 2),
        ("images: ['a/**']\n", "images: ['*.png']\n", 2),
        ("nonsense: 1\n", SPLITS, 4),
    ],
)
def test_which_images_enter(
    person: Person, before: str, after: str, entering: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.dataset.commit({NAME: THUMBNAILS + before})
    person.dataset.stage({NAME: THUMBNAILS + after})
    printed = hook(person, monkeypatch, int(entering > 0), "--verbose")
    assert (NOTE % entering in printed) == (entering > 0)


@pytest.mark.parametrize("name", ["pyproject.toml", "ci/rules.yaml"])
def test_a_configuration_under_another_name_is_that_of_the_commit_too(
    person: Person, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: Mapping[str, tuple[str, str]] = {
        "pyproject.toml": (
            "[tool.imgsim-guard]\nthreshold = 2\nverify = 'never'\n",
            "splits = {train = 'a/**', test = 'b/**'}",
        ),
        "ci/rules.yaml": (THUMBNAILS, SPLITS),
    }
    before, splits = texts[name]
    person.dataset.git("rm", "--quiet", NAME)
    person.dataset.commit({name: before})
    person.dataset.stage({name: before + splits})
    person.dataset.write({name: before})  # what is staged holds, whatever the worktree has
    named = ["--config", name] if name != "pyproject.toml" else []
    assert (NOTE % 4).replace(NAME, name) in hook(person, monkeypatch, 1, *named)


def test_images_that_get_another_label_are_judged_against_other_labels(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.dataset.git("mv", "a", "data-a")
    person.dataset.commit({"data/cat/x.png": near(7), "data/dog/y.png": near(7, by=2), "data/dog/z.png": near(8)})
    person.dataset.stage({NAME: THUMBNAILS + LABELS})
    printed = hook(person, monkeypatch, 1)
    assert NOTE % 3 in printed
    assert "label conflict" in printed


def test_folders_that_are_renamed_with_their_split_are_nothing_new(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.dataset.commit({NAME: THUMBNAILS + SPLITS})
    person.dataset.git("mv", "a", "training")
    person.dataset.stage({NAME: THUMBNAILS + SPLITS.replace("a/**", "training/**")})
    assert "among 0 new images" in hook(person, monkeypatch)
    person.dataset.git("mv", "b/3.png", "training/3.png")
    assert "training/3.png   near-duplicate of" in hook(person, monkeypatch, 1)
