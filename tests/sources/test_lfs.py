"""Images that git LFS tracks, with the real git LFS."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from conftest import Repository, image_of
from hypothesis import given
from hypothesis import strategies as st

from imgsim_guard.model import Image, Unreadable
from imgsim_guard.sources import tracked
from imgsim_guard.sources.git import Git
from imgsim_guard.sources.lfs import pointed_to
from imgsim_guard.sources.selection import has_image_suffix, without_moved
from imgsim_guard.sources.trackers import Trackers

if TYPE_CHECKING:
    from pathlib import Path

    from imgsim_guard.model import Selection

OID = "0123456789abcdef" * 4
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize 12345\n"


@pytest.fixture
def lfs(repository: Repository) -> Repository:
    """A repository that keeps its PNG files in git LFS, with two images committed."""
    repository.git("lfs", "install", "--local")
    repository.git("lfs", "track", "*.png")
    repository.commit({".gitattributes": (repository.root / ".gitattributes").read_bytes(), "a.png": "a", "b.png": "b"})
    return repository


def staged(repository: Repository) -> Selection:
    with closing(Git(repository.root)) as git:
        return without_moved(tracked.staged(git, has_image_suffix), identity=lambda content: content)


def contents(repository: Repository, selection: Selection) -> dict[str, bytes | Unreadable]:
    with closing(Git(repository.root)) as git:
        source = Trackers(git, selection.revision)
        return {image.path: source.read(image) for image in (*selection.queries, *selection.gallery)}


def test_an_image_behind_a_pointer_is_known_by_the_digest_in_it(lfs: Repository) -> None:
    lfs.stage({"new.png": "new", "copy.png": "a", "in-git.jpg": "x"})
    lfs.git("mv", "b.png", "renamed.png")
    selection = staged(lfs)
    assert selection.queries == (
        image_of("copy.png", b"a"),
        Image("in-git.jpg", "git:" + lfs.git("rev-parse", ":in-git.jpg").strip()),
        image_of("new.png", b"new"),
    )
    assert selection.gallery == (image_of("a.png", b"a"), image_of("renamed.png", b"b"))
    assert (selection.unreadable, selection.notes) == ((), ())


def test_bytes_come_from_the_object_store(lfs: Repository) -> None:
    lfs.stage({"new.png": "new"})
    lfs.write({"new.png": "edited", "a.png": "edited"})
    assert contents(lfs, staged(lfs)) == {"new.png": b"new", "a.png": b"a", "b.png": b"b"}


def test_bytes_come_from_the_worktree_when_they_are_the_ones_that_were_added(lfs: Repository) -> None:
    lfs.stage({"new.png": "new"})
    shutil.rmtree(lfs.root / ".git" / "lfs" / "objects")
    lfs.write({"b.png": "edited"})
    missing = Unreadable("git LFS has not downloaded it; run git lfs pull", absent=True)
    assert contents(lfs, staged(lfs)) == {"new.png": b"new", "a.png": b"a", "b.png": missing}


@pytest.fixture
def clone(lfs: Repository, tmp_path: Path) -> Repository:
    """A clone that downloaded nothing, with the original's LFS objects within reach."""
    made = Repository(tmp_path / "clone")
    lfs.git("clone", "--quiet", str(lfs.root), str(made.root), GIT_LFS_SKIP_SMUDGE="1")
    made.git("lfs", "install", "--local")
    return made


def test_what_was_not_downloaded_is_fetched_by_git_where_it_can(clone: Repository) -> None:
    with closing(Git(clone.root)) as git:
        selection = tracked.everything(git, has_image_suffix)
        assert [Trackers(git, None).at_hand(image) for image in selection.queries] == [False, False]
    assert (clone.root / "a.png").read_text().startswith("version https://git-lfs")
    assert contents(clone, selection) == {"a.png": b"a", "b.png": b"b"}


def test_a_revision_is_read_as_it_was(clone: Repository) -> None:
    clone.git("rm", "--quiet", "a.png", "b.png")
    with closing(Git(clone.root)) as git:
        clone.commit({})
        selection = tracked.between(git, has_image_suffix, base="HEAD", revision="HEAD~1")
        assert selection.queries == ()
        images = tracked.between(git, has_image_suffix, base="HEAD~1", revision="HEAD~1").gallery
        source = Trackers(git, "HEAD~1")
        assert [source.read(image) for image in images] == [b"a", b"b"]


def test_what_cannot_be_downloaded_is_not_checked_and_says_what_to_run(clone: Repository, lfs: Repository) -> None:
    shutil.rmtree(lfs.root / ".git" / "lfs" / "objects")
    missing = Unreadable("git LFS has not downloaded it; run git lfs pull", absent=True)
    with closing(Git(clone.root)) as git:
        selection = tracked.everything(git, has_image_suffix)
    assert contents(clone, selection) == {"a.png": missing, "b.png": missing}


@pytest.mark.usefixtures("cache")
def test_without_git_lfs_the_pointers_are_still_recognised(clone: Repository, tmp_path: Path) -> None:
    shutil.rmtree(clone.root / ".git" / "lfs")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(shutil.which("git") or "git")
    report = clone.guard("check", "--all", code=1, PATH=str(tmp_path / "bin"))
    lines = [f"{name}.png   not checked: git LFS has not downloaded it; run git lfs pull" for name in "ab"]
    assert report.splitlines()[:2] == lines


def test_an_image_that_moves_out_of_lfs_or_into_it_is_compared_by_its_bytes(lfs: Repository) -> None:
    lfs.git("rm", "--quiet", "--cached", "a.png")
    lfs.stage({".gitattributes": "", "a.png": "a"})
    selection = staged(lfs)
    assert selection.queries == (Image("a.png", "git:" + lfs.git("rev-parse", ":a.png").strip()),)
    assert selection.lost == (image_of("a.png", b"a"),)


# Pointers.


def test_a_pointer_as_the_specification_shows_it() -> None:
    assert pointed_to(POINTER.encode()) == f"sha256:{OID}"
    extended = POINTER.replace("oid", f"ext-0-foo sha256:{OID}\noid", 1)
    assert pointed_to(extended.encode()) == f"sha256:{OID}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        POINTER.upper(),
        POINTER.replace("sha256", "md5"),
        POINTER.replace(OID, OID[1:]),
        POINTER.replace(OID, OID.upper()),
        POINTER.replace("12345", "-1"),
        POINTER.replace("\n", "\r\n"),
        POINTER + "more",
        " " + POINTER,
        POINTER.replace(OID, "../" * 21 + "x"),
    ],
)
def test_anything_else_is_no_pointer(text: str) -> None:
    assert pointed_to(text.encode()) is None


@given(st.binary())
def test_any_bytes_are_a_pointer_or_not(data: bytes) -> None:
    assert pointed_to(data) is None


def test_git_lfs_is_there() -> None:
    assert shutil.which("git-lfs", path=os.environ["PATH"]), "install the package git-lfs"


def test_a_partial_clone_fetches_all_pointers_at_once(lfs: Repository, tmp_path: Path) -> None:
    for option in ("allowFilter", "allowAnySHA1InWant"):
        lfs.git("config", f"uploadpack.{option}", "true")
    lfs.commit({f"{number}.png": str(number) for number in range(5)})
    address = f"file://{lfs.root}"
    lfs.git("clone", "--quiet", "--filter=blob:none", "--no-checkout", address, str(tmp_path / "partial"))
    partial = Repository(tmp_path / "partial")
    partial.git("read-tree", "HEAD")
    trace = tmp_path / "trace"
    with closing(Git(partial.root, {**os.environ, "GIT_TRACE": str(trace)})) as git:
        selection = tracked.everything(git, has_image_suffix)
    assert {image.content.partition(":")[0] for image in selection.queries} >= {"sha256"}
    assert trace.read_text().count("built-in: git fetch") <= 2
