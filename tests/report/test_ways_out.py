"""The commands that a failed check prints, run where the reader stands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from conftest import THUMBNAILS, Dataset, Person, Repository, encoded, near, random_picture

from imgsim_guard.gate.judge import exact_duplicate
from imgsim_guard.gate.policy import Policy
from imgsim_guard.model import Bounds, Image, Limits, Made, Pointer, Result
from imgsim_guard.report.ways_out import Standing, ways_out

if TYPE_CHECKING:
    from pathlib import Path

    from imgsim_guard.model import Scope


def command(printed: str, label: str) -> str:
    """The first command after a label, without the remark behind it."""
    found = re.search(rf"  {label}: +(.*?)(    \(.*)?$", printed, re.MULTILINE)
    assert found, printed
    return found[1]


def result(*paths: str, scope: Scope = "staged", **more: object) -> Result:
    matches = [exact_duplicate(Image(path, "git:1"), Image("old.png", "git:1"), Policy()) for path in paths]
    return Result(scope, Bounds(), Limits(), len(paths), 1, tuple(matches), **more)  # type: ignore[arg-type]


def test_paths_are_those_of_the_folder_where_the_reader_stands() -> None:
    standing = Standing("vision", configuration="pyproject.toml")
    drop, keep, rules = ways_out(result("vision/new.png", "-x.png"), standing)
    assert drop == "  drop it:           git reset -- ../-x.png new.png"
    assert keep == '  keep it:           imgsim-guard accept ../-x.png --reason "..."    (and 1 more)'
    assert rules.endswith(" and images in ../pyproject.toml, then git add ../pyproject.toml")


def test_what_a_stage_makes_is_never_removed_by_hand() -> None:
    made = (Made("out", "prepare", derived=False),)
    first = next(iter(ways_out(result("out/a.png", made=made))))
    assert first == "  drop it:           change what the stage prepare makes it of, then dvc repro prepare"


def test_each_pointer_has_its_command() -> None:
    pointers = {f"ml/data/{number}.png": Pointer("ml/data.dvc", "ml/data", "ml") for number in range(7)}
    lines = list(ways_out(result(*pointers, "x.png", pointers={**pointers, "x.png": Pointer("x.png.dvc", "x.png")})))
    five = " ".join(list(pointers)[:5])
    alone = "dvc remove x.png.dvc && rm -- x.png && git add --update -- ."
    assert lines[:3] == [
        f"  drop it:           {alone}    (or git reset -- x.png.dvc)",
        f"  drop it:           rm -- {five}    (and 2 more)",
        "                     then dvc --cd ml add data && git add -- ml/data.dvc",
    ]


def test_files_that_were_named_by_hand_may_be_new() -> None:
    drop, keep, _ = ways_out(result("new.png", scope="named"))
    assert drop == "  drop it:           git rm --cached --force --ignore-unmatch -- new.png"
    assert keep == '  keep it:           git add -- new.png && imgsim-guard accept new.png --reason "..."'


@pytest.fixture
def person(repository: Repository, tmp_path: Path) -> Person:
    """Somebody with a repository of picture 1 in `vision/data`."""
    dataset = Dataset(repository.root)
    dataset.commit({".imgsim-guard.yaml": THUMBNAILS, "vision/data/old.png": near(1), "vision/data/other.png": near(2)})
    return Person(dataset, tmp_path / "cache")


def refused(person: Person, monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    """What the hook prints as git runs it: in the root, with the folder where git was called."""
    for name, value in {"GIT_PREFIX": "vision/", **environment}.items():
        monkeypatch.setenv(name, value)
    printed = person.guard("hook", code=1)
    for name in {"GIT_PREFIX", *environment}:
        monkeypatch.delenv(name)
    return printed


def in_folder(person: Person, line: str, tools: Path) -> None:
    Repository(person.dataset.root / "vision").run("sh", "-c", f'PATH="{tools}:$PATH"; {line}')


def test_commands_run_in_the_folder_where_git_was_called(
    person: Person, monkeypatch: pytest.MonkeyPatch, tools: Path
) -> None:
    person.dataset.stage({"vision/data/copy.png": near(1, by=2)})
    printed = refused(person, monkeypatch)
    in_folder(person, command(printed, "drop it"), tools)
    assert person.dataset.git("status", "--porcelain") == "?? vision/data/copy.png\n"
    person.dataset.git("add", ".")
    accept = command(refused(person, monkeypatch), "keep it").removeprefix("imgsim-guard ").replace("...", "why")
    monkeypatch.chdir(person.dataset.root / "vision")
    assert accept == 'accept data/copy.png --reason "why"'


def test_a_changed_image_that_commit_all_would_stage_again_goes_to_the_stash(
    person: Person, monkeypatch: pytest.MonkeyPatch, tools: Path
) -> None:
    person.dataset.write({"vision/data/other.png": near(1, by=2)})
    person.dataset.git("add", "--all")
    lock = person.dataset.root / "index.lock"  # as git makes it, beside an index without the change
    lock.write_bytes((person.dataset.root / ".git" / "index").read_bytes())
    person.dataset.git("reset", "--quiet")
    printed = refused(person, monkeypatch, GIT_INDEX_FILE=str(lock))
    lock.unlink()
    in_folder(person, command(printed, "drop it"), tools)
    assert person.dataset.git("status", "--porcelain") == ""
    assert "vision/data/other.png" in person.dataset.git("stash", "show", "--name-only")


def test_what_is_not_checked_out_is_checked_out_first(person: Person, tools: Path) -> None:
    dataset = person.dataset
    dataset.git("checkout", "--quiet", "-b", "a&b")
    dataset.commit({"vision/data/copy.png": near(1, by=2)})
    dataset.git("checkout", "--quiet", "main")
    printed = person.guard("check", "--from-ref", "main", "--to-ref", "a&b", code=1)
    assert command(printed, "drop it") == "git switch 'a&b' && git rm --cached -- vision/data/copy.png"
    assert command(printed, "keep it").startswith("git switch 'a&b' && imgsim-guard accept vision/data/copy.png ")
    dataset.run("sh", "-c", f'PATH="{tools}:$PATH"; {command(printed, "drop it")}')
    assert dataset.git("status", "--porcelain") == "D  vision/data/copy.png\n?? vision/data/copy.png\n"
    again = person.guard("check", "--from-ref", "main", "--to-ref", "a&b", code=1)
    assert command(again, "drop it") == "git rm --cached -- vision/data/copy.png"


def test_of_a_whole_dataset_the_copies_are_taken_out_of_dvc_whatever_their_names(person: Person, tools: Path) -> None:
    dataset = person.dataset
    dataset.dvc("init", "--quiet")
    large = encoded((random_picture(3, 48, 64) // 2 + 65).astype(np.uint8))
    dataset.add({"pool/b.png": large, "pool/a.png": near(3)}, "pool")
    dataset.save()
    printed = person.guard("check", "--all", code=1)
    assert "  copy  pool/a.png" in printed
    assert command(printed, "drop it") == "rm -- pool/a.png && dvc add pool && git add -- pool.dvc"
    dataset.run("sh", "-c", f'PATH="{tools}:$PATH"; {command(printed, "drop it")}')
    assert "no near-duplicates" in person.guard("check", "--all")


def test_what_dvc_has_to_fetch_is_named_from_where_the_reader_stands(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = person.dataset
    dataset.dvc("init", "--quiet")
    pointer = f"outs:\n- md5: {'1' * 32}\n  size: 1\n  hash: md5\n  path: it's new.png\n"
    dataset.stage({"vision/data/it's new.png.dvc": pointer})
    assert """run dvc pull 'data/it'"'"'s new.png'\n""" in refused(person, monkeypatch)
    # pre-commit changes the folder, and leaves the variable as it was.
    monkeypatch.setenv("PWD", str(dataset.root / "vision" / "data"))
    assert """run dvc pull 'it'"'"'s new.png'\n""" in refused(person, monkeypatch, GIT_PREFIX="", PRE_COMMIT="1")


@pytest.mark.parametrize("folder", [False, True])
def test_commands_for_what_dvc_tracks_take_it_out_of_the_commit(
    person: Person, monkeypatch: pytest.MonkeyPatch, tools: Path, *, folder: bool
) -> None:
    dataset = person.dataset
    dataset.dvc("init", "--quiet")
    dataset.add({"vision/pool/a.png": near(3)}, *(["vision/pool"] if folder else ["vision/pool/a.png"]))
    dataset.save()
    dataset.add({"vision/pool/copy.png": near(1, by=2)}, *(["vision/pool"] if folder else ["vision/pool/copy.png"]))
    in_folder(person, command(refused(person, monkeypatch), "drop it"), tools)
    assert not (dataset.root / "vision/pool/copy.png").exists()
    assert dataset.git("status", "--porcelain") == ""
    assert "no images are staged" in person.guard("hook")
