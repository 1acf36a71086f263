"""`imgsim-guard config`: what is in force, and why."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from conftest import Outcome, Repository

from imgsim_guard.config.reader import parse_settings
from imgsim_guard.config.settings import FILE_NAME, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

CONFIGURATION = """\
images: ["data/**", "!data/icons/"]
threshold: 9.5
max_near_duplicates: 2.5%
splits: {train: "data/train/**", val: ["data/val/**", "data/dev/**"], "tr\u00e4ning": "data/x/**"}
rules:
- {between: [val, train], threshold: 12, limit: 3}
- {within: train, on_match: warn, limit: 1%}
"""


@pytest.fixture
def here(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository without a commit, as the working directory."""
    monkeypatch.chdir(repository.root)
    return repository


@pytest.fixture
def configured(here: Repository) -> Repository:
    here.write({FILE_NAME: CONFIGURATION})
    return here


@pytest.mark.usefixtures("here")
def test_without_a_configuration_all_are_the_defaults(guard: Callable[..., Outcome]) -> None:
    code, out, err = guard("config")
    heading, *lines = out.splitlines()
    assert (code, err, heading) == (0, "", "# there is no .imgsim-guard.yaml: these are the defaults")
    assert [line.partition(":")[0] for line in lines] == list(vars(Settings()))
    assert all(line.endswith("  # default") for line in lines)
    assert "threshold: 10.0  # default" in lines


@pytest.mark.usefixtures("configured")
def test_what_is_printed_is_a_configuration_again(guard: Callable[..., Outcome]) -> None:
    out = guard("config").out
    assert parse_settings(out, name="f") == parse_settings(CONFIGURATION, name="f")
    given = [line.partition(":")[0] for line in out.splitlines()[1:] if not line.endswith("  # default")]
    assert given == ["images", "threshold", "max_near_duplicates", "splits", "rules"]
    assert out.startswith("# .imgsim-guard.yaml\n")


def test_the_configuration_that_was_named_is_told(here: Repository, guard: Callable[..., Outcome]) -> None:
    here.write({"strict.yaml": "threshold: 12\n"})
    assert guard("config", "--config", "strict.yaml").out.startswith("# strict.yaml\nimages: null  # default\n")


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    ("path", "explained"),
    [
        (
            "data/train/new.png",
            (
                "  is an image of the dataset (images: data/**, !data/icons/)\n"
                "  is in the split train (splits.train: data/train/**)\n"
                "  within train: threshold 9.5, on_match warn, limit 1% (rules.1)\n"
                "  against val: threshold 12, on_match fail, limit 3 (rules.0)\n"
                "  against tr\u00e4ning: threshold 9.5, on_match fail (no rule applies)\n"
            ),
        ),
        (
            "data/dev/new.JPG",
            (
                "  is an image of the dataset (images: data/**, !data/icons/)\n"
                "  is in the split val (splits.val: data/val/**, data/dev/**)\n"
                "  against train: threshold 12, on_match fail, limit 3 (rules.0)\n"
                "  within val: threshold 9.5, on_match fail (no rule applies)\n"
                "  against tr\u00e4ning: threshold 9.5, on_match fail (no rule applies)\n"
            ),
        ),
        (
            "data/new.png",
            (
                "  is an image of the dataset (images: data/**, !data/icons/)\n"
                "  is in none of the splits train, val, tr\u00e4ning\n"
                "  against any other image: threshold 9.5, on_match fail (no rule applies)\n"
            ),
        ),
        ("data/icons/new.png", "  is not an image of the dataset (images: data/**, !data/icons/)\n"),
        ("icon.png", "  is not an image of the dataset (images: data/**, !data/icons/)\n"),
        ("data/train/notes.txt", "  is not an image, by its suffix\n"),
    ],
)
def test_a_path_is_explained_whether_or_not_it_exists(path: str, explained: str, guard: Callable[..., Outcome]) -> None:
    assert guard("config", path) == Outcome(0, f"{path}:\n{explained}", "")


def test_paths_are_those_of_the_working_directory(
    configured: Repository, guard: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    (configured.root / "data" / "train").mkdir(parents=True)
    monkeypatch.chdir(configured.root / "data" / "train")
    out = guard("config", "a.png", "../val/b.png").out
    assert [line for line in out.splitlines() if not line.startswith(" ")] == ["data/train/a.png:", "data/val/b.png:"]


@pytest.mark.usefixtures("here")
def test_names_and_patterns_of_strangers_reach_no_terminal(here: Repository, guard: Callable[..., Outcome]) -> None:
    here.write({FILE_NAME: 'images: ["**\\e[31m*"]\nsplits: {a: "**\\e[31m*"}\n'})
    out = guard("config", "x\x1b[31m.png", os.fsdecode(b"\xff.png")).out
    assert "\x1b" not in out
    assert out == (
        "x\\x1b[31m.png:\n"
        "  is an image of the dataset (images: **\\x1b[31m*)\n"
        "  is in the split a (splits.a: **\\x1b[31m*)\n"
        "  within a: threshold 10, on_match fail (no rule applies)\n"
        "\\udcff.png:\n"
        "  is not an image of the dataset (images: **\\x1b[31m*)\n"
    )


def test_what_cannot_be_explained_is_said(here: Repository, guard: Callable[..., Outcome]) -> None:
    outside = f"imgsim-guard: ../a.png: outside the repository at {here.root}; name a path inside it\n"
    assert guard("config", "../a.png") == Outcome(2, "", outside)
    here.write({FILE_NAME: 'splits: {train: "data/**", test: "data/test/**"}\n'})
    assert guard("config", "data/test/a.png") == Outcome(
        2,
        "",
        "imgsim-guard: data/test/a.png is in two splits, train and test; "
        "change their patterns in the configuration so that no image is in both\n",
    )
    here.write({FILE_NAME: "", ".imgsim-guard/accepted.yaml": "words\n"})
    assert guard("config").code == 2
