"""`imgsim-guard init --adopt` in real repositories, with the real model and the real DVC."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import Dataset, Outcome, Person, Repository, near
from test_accept import CAT, COFFEE, NEAR_CAT, NEAR_COFFEE, ROCKET, reasons

from imgsim_guard.cli.baseline import REASON
from imgsim_guard.gate import look

if TYPE_CHECKING:
    from collections.abc import Callable

FOUND = "pairs of duplicates: 2, among 4 of 5 images.\n"
PAIRS = [("near-cat.jpg and cat.png", REASON), ("near-coffee.jpg and coffee.png", REASON)]


@pytest.fixture
def dirty(repository: Repository, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:  # noqa: ARG001  its own
    """A repository with two pairs of duplicates and an image that is not tracked yet, as the working directory."""
    monkeypatch.chdir(repository.root)
    photographs = {"cat.png": CAT, "coffee.png": COFFEE}
    repository.commit(photographs | {"near-cat.jpg": NEAR_CAT, "near-coffee.jpg": NEAR_COFFEE})
    repository.write({"rocket.png": ROCKET})
    return repository


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_nothing_is_accepted_before_somebody_has_seen_it(dirty: Repository, guard: Callable[..., Outcome]) -> None:
    done = guard("init", "--adopt")
    assert done.code == 1
    assert FOUND in done.out
    page = Path(done.out.split("see them:    file://")[1].split("\n")[0])
    assert page.read_text().count("near-cat.jpg") > 0
    assert done.out.endswith("nothing was accepted; when you have seen them:  imgsim-guard init --adopt --yes\n")
    assert reasons(dirty) == []
    assert dirty.git("diff", "--cached", "--name-only") == ""


def test_the_second_run_compares_nothing_again_and_the_commit_goes_through(
    dirty: Repository, guard: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    guard("init", "--adopt")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a pair was compared again")

    monkeypatch.setattr(look, "_verifier", refuse)
    done = guard("init", "--adopt", "--yes")
    assert (done.code, reasons(dirty)) == (0, PAIRS)
    assert done.out.endswith(
        "next:\n"
        "  add images:      git add -- rocket.png    (1 not tracked yet)\n"
        "  install hooks:   pre-commit install -t pre-commit -t pre-merge-commit -t pre-push\n"
        '  commit it:       git commit -m "Guard the dataset"\n'
    )
    assert dirty.git("status", "--short") == (
        "A  .imgsim-guard.yaml\n"
        "A  .imgsim-guard/.gitattributes\n"
        "A  .imgsim-guard/accepted.yaml\n"
        "A  .pre-commit-config.yaml\n"
        "?? rocket.png\n"
    )
    dirty.git("commit", "--quiet", "-m", "Guard the dataset")
    assert guard("check", "--all").code == 0
    assert "no duplicates to accept.\n" in guard("init", "--adopt").out


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("Yes\n", 0), ("\n", 1), ("n\n", 1), ("", 1)])
def test_on_a_terminal_it_asks(
    dirty: Repository, guard: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    done = guard("init", "--adopt")
    assert "accept them as the baseline? [y/N] " in done.out
    assert (done.code, reasons(dirty)) == (code, [] if code else PAIRS)


@pytest.mark.parametrize("options", [["--adopt", "--dry-run"], ["--yes"]])
def test_options_that_contradict_each_other(
    repository: Repository, guard: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    monkeypatch.chdir(repository.root)
    done = guard("init", *options)
    assert done.code == 2
    assert "--adopt and --dry-run exclude each other, and --yes needs --adopt" in done.err
    assert not (repository.root / ".imgsim-guard.yaml").exists()


def test_with_dvc_configuration_baseline_and_embeddings_are_one_commit(
    anna: Person, monkeypatch: pytest.MonkeyPatch, tools: Path
) -> None:
    monkeypatch.setenv("PATH", str(tools), prepend=":")
    team: Dataset = anna.dataset
    team.add({"data/images/again.png": near(2, by=2)}, "data/images")
    team.save()
    first = anna.guard("init", "--dvc", "--adopt", code=1)
    assert "pairs of duplicates: 1, among 2 of 6 images.\n" in first
    assert first.endswith("  imgsim-guard init --dvc --adopt --yes\n")
    second = anna.guard("init", "--dvc", "--adopt", "--yes")
    assert "published embeddings: 6; already published: 0.\n" in second
    assert "  share it:        dvc push && git push; run imgsim-guard init --dvc once in each clone\n" in second
    staged = team.git("diff", "--cached", "--name-only").split()
    assert {"dvc.yaml", ".imgsim-guard/store.dvc", ".imgsim-guard/accepted.yaml", ".gitattributes"} < {*staged}
    team.git("commit", "--quiet", "--no-verify", "-m", "Guard the dataset")
    anna.guard("check", "--all")
