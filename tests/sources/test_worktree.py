"""The worktree judged as if it had been staged, while nothing in the repository changes."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest
from conftest import THUMBNAILS, Dataset, Person, near

if TYPE_CHECKING:
    from pathlib import Path


def everything_in(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below a folder, git's among them: its bytes and, but for git's own, when it was written."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.read_bytes(), 0 if ".git" in path.parts else path.stat().st_mtime_ns) for path in files}


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def person(tmp_path: Path) -> Person:
    """Somebody with an empty repository, at a path that git has to be told with care."""
    root = tmp_path / 'a "quoted\\" : place'
    root.mkdir()
    dataset = Dataset(root)
    dataset.git("init", "--quiet", "--initial-branch=main", ".")
    dataset.stage({".imgsim-guard.yaml": THUMBNAILS})
    return Person(dataset, tmp_path / "cache")


def judged(person: Person, temporary: Path) -> list[tuple[str, str]]:
    """The pairs that are found, after making sure that nothing changed and nothing was left behind."""
    before = everything_in(person.dataset.root)
    report = person.guard("check", "--all", "--worktree", "--json", "-", code=1)
    assert everything_in(person.dataset.root) == before
    assert list(temporary.iterdir()) == []
    document = json.loads(report[report.index("\n{") :])
    assert document["unreadable"] == document["unchecked"] == []
    return [(match["query"], match["gallery"]) for match in document["matches"]]


def test_what_is_not_staged_and_not_tracked_is_judged_and_what_is_ignored_is_not(
    person: Person, temporary: Path
) -> None:
    team = person.dataset
    team.commit({"a.png": near(0), "b.png": near(1), "gone.png": near(2), "same.png": near(3)})
    os.utime(team.root / "a.png", (1e9, 1e9))  # so long unchanged that git does not read it again
    team.git("update-index", "--refresh")
    team.stage({"half.png": near(4), ".gitignore": "ignored.png\nout/\n"})
    (team.root / "gone.png").unlink()
    untracked: dict[str, bytes | str] = {
        "sub/new \n *.png": near(3, 3),
        "near-gone.png": near(2, 2),
        "near-staged.png": near(4, 2),
    }
    ignored: dict[str, bytes | str] = {"ignored.png": near(0), "out/x.png": near(0), "notes.txt": "x"}
    team.write({"b.png": near(0, 2), "half.png": near(3, 2), **untracked, **ignored})
    assert judged(person, temporary) == [
        ("b.png", "a.png"),
        ("half.png", "same.png"),
        ("sub/new \n *.png", "half.png"),
        ("sub/new \n *.png", "same.png"),
    ]


def test_before_the_first_commit_and_before_anything_is_staged(person: Person, temporary: Path) -> None:
    team = person.dataset
    team.git("rm", "--quiet", "--cached", ".imgsim-guard.yaml")
    (team.root / ".git" / "index").unlink()
    team.write({"a.png": near(0), "b.png": near(0, 2)})
    assert judged(person, temporary) == [("b.png", "a.png")]


def test_a_linked_worktree_is_judged_by_itself(person: Person, temporary: Path, tmp_path: Path) -> None:
    team = person.dataset
    team.commit({"a.png": near(0), "b.png": near(1)})
    team.write({"elsewhere.png": near(1, 2)})
    team.git("worktree", "add", "--quiet", str(tmp_path / "places" / "linked"))
    linked = Person(Dataset(tmp_path / "places" / "linked"), person.cache)
    linked.dataset.write({"new.png": near(0, 2)})
    before = everything_in(team.root)
    assert judged(linked, temporary) == [("new.png", "a.png")]
    assert everything_in(team.root) == before


def test_an_index_in_two_parts_stays_as_it_is(person: Person, temporary: Path) -> None:
    person.dataset.git("config", "core.splitIndex", "true")
    person.dataset.commit({"a.png": near(0)})
    person.dataset.git("update-index", "--split-index")
    person.dataset.write({"new.png": near(0, 2)})
    assert judged(person, temporary) == [("new.png", "a.png")]


@pytest.mark.parametrize("used_before", [True, False])
def test_images_that_git_lfs_is_to_track_are_judged(person: Person, temporary: Path, *, used_before: bool) -> None:
    team = person.dataset
    team.git("lfs", "install", "--local")
    team.git("lfs", "track", "*.png")
    if used_before:
        team.git("add", ".gitattributes")
        team.commit({"a.png": near(0)})
    else:
        team.write({"a.png": near(0)})
    team.write({"new.png": near(0, 2)})
    if not used_before:
        shutil.rmtree(team.root / ".git" / "lfs", ignore_errors=True)
    assert judged(person, temporary) == [("new.png", "a.png")]


def test_what_dvc_added_and_git_did_not_stage_is_judged(anna: Person, temporary: Path) -> None:
    team = anna.dataset
    team.write({"data/images/new.png": near(1, 2), "other/near.png": near(4, 2)})
    team.dvc("add", "--quiet", "data/images", "other")
    assert judged(anna, temporary) == [("data/images/new.png", "data/images/1.png"), ("other/near.png", "in-git.png")]
    assert anna.guard("check", "--all").startswith("no near-duplicates among 5 images, ")


def test_what_git_says_is_said(person: Person, temporary: Path) -> None:
    person.dataset.git("config", "core.safecrlf", "true")
    person.dataset.git("config", "core.autocrlf", "true")
    person.dataset.write({".imgsim-guard.yaml": f"{THUMBNAILS}# edited\n"})  # git looks at no file that is unchanged
    said = person.guard("check", "--all", "--worktree", code=2)
    assert said == "imgsim-guard: git add: fatal: LF would be replaced by CRLF in .imgsim-guard.yaml\n"
    assert list(temporary.iterdir()) == []


def test_the_worktree_is_judged_as_a_whole_only(person: Person) -> None:
    said = person.guard("check", "--worktree", code=2)
    assert said == "imgsim-guard: --worktree needs --all: it checks every image in the worktree\n"
