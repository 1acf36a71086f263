"""What git says is new: with real repositories and, where it matters, from within a real hook."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from conftest import Outcome, Repository

from imgsim_guard.model import GuardError, Image, Selection, Unreadable
from imgsim_guard.sources import git_blobs, tracked
from imgsim_guard.sources.git import Git
from imgsim_guard.sources.selection import has_image_suffix, image_filter, without_moved
from imgsim_guard.store.shard import file_digests

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


Listed = tuple[list[str], list[str]]


def listed(selection: Selection) -> Listed:
    """The paths of the queries and of the gallery."""
    return [image.path for image in selection.queries], [image.path for image in selection.gallery]


def staged(repository: Repository) -> Listed:
    selection = tracked.staged(Git(repository.root), has_image_suffix)
    return listed(without_moved(selection, identity=lambda content: content))


def test_before_the_first_commit_everything_staged_is_new(repository: Repository) -> None:
    repository.stage({"b.png": "2", "a.jpg": "1", "notes.txt": "no image"})
    assert staged(repository) == (["a.jpg", "b.png"], [])


def test_what_head_has_is_the_gallery(repository: Repository) -> None:
    repository.commit({"old.png": "1"})
    repository.stage({"new.png": "2"})
    assert staged(repository) == (["new.png"], ["old.png"])


def test_what_is_not_staged_is_not_looked_at(repository: Repository) -> None:
    repository.commit({"old.png": "1"})
    repository.write({"new.png": "2", "old.png": "changed"})
    assert staged(repository) == ([], ["old.png"])


def test_a_replaced_image_is_not_compared_with_what_it_replaces(repository: Repository) -> None:
    repository.commit({"a.png": "before", "b.png": "other"})
    repository.stage({"a.png": "after"})
    assert staged(repository) == (["a.png"], ["b.png"])


def test_a_renamed_image_is_not_new(repository: Repository) -> None:
    repository.commit({"a.png": "1"})
    repository.git("mv", "a.png", "z.png")
    assert staged(repository) == ([], ["z.png"])


def test_an_image_that_moves_into_a_split_is_new_there(repository: Repository) -> None:
    names = ["train/a.png", "train/b.png", "pool/c.png", "test/d.png"]
    repository.commit({name: name for name in names})
    for old, new in (("train/a", "test/a"), ("train/b", "train/z"), ("pool/c", "train/c"), ("test/d", "pool/d")):
        (repository.root / new).parent.mkdir(exist_ok=True)
        repository.git("mv", f"{old}.png", f"{new}.png")

    def split(path: str) -> str:
        return path.partition("/")[0].replace("pool", "")

    selection = tracked.staged(Git(repository.root), has_image_suffix)
    found = without_moved(selection, identity=lambda content: content, split=split)
    assert listed(found) == (["test/a.png", "train/c.png"], ["pool/d.png", "train/z.png"])
    assert [image.path for image in found.lost] == ["pool/c.png", "train/a.png"]


def test_a_copied_image_is_new_whatever_git_is_told_about_copies(repository: Repository) -> None:
    repository.git("config", "diff.renames", "copies")
    repository.commit({"a.png": "1"})
    repository.stage({"copy.png": "1"})
    assert staged(repository) == (["copy.png"], ["a.png"])


def test_an_image_that_is_renamed_and_copied_is_new_once(repository: Repository) -> None:
    repository.commit({"a.png": "1"})
    repository.git("rm", "--quiet", "a.png")
    repository.stage({"b.png": "1", "c.png": "1"})
    assert staged(repository) == (["c.png"], ["b.png"])


def test_two_images_that_swap_names_are_not_new(repository: Repository) -> None:
    repository.commit({"a.png": "1", "b.png": "2"})
    repository.stage({"a.png": "2", "b.png": "1"})
    assert staged(repository) == ([], ["a.png", "b.png"])


def test_a_file_that_becomes_an_image_by_its_name_is_new(repository: Repository) -> None:
    repository.commit({"a.bin": "1"})
    repository.git("mv", "a.bin", "a.png")
    assert staged(repository) == (["a.png"], [])


def test_links_and_submodules_are_no_images(repository: Repository, tmp_path: Path) -> None:
    other = Repository(tmp_path / "other")
    other.root.mkdir()
    other.git("init", "--quiet", ".")
    other.commit({"x.png": "1"})
    (repository.root / "link.jpg").symlink_to("/etc/passwd")
    repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other.root), "sub.jpg")
    repository.git("add", "link.jpg")
    assert staged(repository) == ([], [])


def test_a_link_that_becomes_a_file_is_new(repository: Repository) -> None:
    (repository.root / "a.png").symlink_to("b.png")
    repository.git("add", "a.png")
    repository.git("commit", "--quiet", "-m", "link")
    (repository.root / "a.png").unlink()
    repository.stage({"a.png": "1"})
    assert staged(repository) == (["a.png"], [])


def test_names_may_hold_anything(repository: Repository) -> None:
    names = ["café.png", "new\nline.png", 'quo"te.png', "-dash.png", "tab\t.png", " space .png", "日本.jpg", "*.gif"]
    repository.stage(dict.fromkeys(names, "x") | {os.fsdecode(b"not-utf-8-\xff.png"): "x"})
    queries, gallery = staged(repository)
    assert queries == sorted([*names, os.fsdecode(b"not-utf-8-\xff.png")])
    assert gallery == []


def test_what_is_only_announced_is_not_part_of_the_commit(repository: Repository) -> None:
    repository.commit({"old.png": "1"})
    repository.write({"later.png": "2"})
    repository.git("add", "--intent-to-add", "later.png")
    assert staged(repository)[0] == []


def test_an_unresolved_conflict_is_an_error(repository: Repository) -> None:
    diverge(repository, ours={"a.png": "ours"}, theirs={"a.png": "theirs"})
    repository.git("merge", "theirs", code=1)
    with pytest.raises(GuardError, match=r"^a\.png has an unresolved conflict; resolve it and run git add first$"):
        staged(repository)


def test_patterns_choose_the_dataset(repository: Repository) -> None:
    repository.commit({"data/old.png": "1", "docs/old.png": "2"})
    repository.stage({"data/new.png": "3", "data/icons/i.png": "4", "docs/new.png": "5", "data/labels.txt": "6"})
    selection = tracked.staged(Git(repository.root), image_filter(["data/**", "!data/icons/"]))
    assert listed(selection) == (["data/new.png"], ["data/old.png"])


def test_an_image_that_is_moved_into_the_dataset_is_new(repository: Repository) -> None:
    repository.commit({"docs/a.png": "1"})
    (repository.root / "data").mkdir()
    repository.git("mv", "docs/a.png", "data/a.png")
    assert listed(tracked.staged(Git(repository.root), image_filter(["data/**"]))) == (["data/a.png"], [])


def test_bytes_come_from_the_index_never_from_the_folder(repository: Repository) -> None:
    repository.stage({"a.png": b"staged\0\n"})
    repository.write({"a.png": "edited since"})
    git = Git(repository.root)
    [image] = tracked.staged(git, has_image_suffix).queries
    assert git.read(image) == b"staged\0\n"
    assert git.read(image) == b"staged\0\n"
    git.close()


def test_the_content_id_is_that_of_the_bytes(repository: Repository) -> None:
    repository.stage({"a.png": b"anything"})
    [image] = tracked.staged(Git(repository.root), has_image_suffix).queries
    assert image.content == "git:" + file_digests(b"anything")["git"].hex()


def test_a_blob_that_is_not_in_the_clone_is_unreadable(repository: Repository) -> None:
    git = Git(repository.root)
    assert git.read(Image("a.png", "git:" + "1" * 40)) == Unreadable(
        "its bytes are not in this clone; run git fetch --refetch", absent=True
    )
    git.close()


def test_a_blob_that_is_too_large_is_unreadable_and_the_next_one_is_read(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_blobs, "MAX_BLOB_SIZE", 100_000)
    repository.stage({"a.png": b"x" * 100_001, "b.png": b"y" * 100_000})
    git = Git(repository.root)
    large, small = tracked.staged(git, has_image_suffix).queries
    assert git.read(large) == Unreadable("100,001 bytes, more than the 100,000 that are read")
    assert git.read(small) == b"y" * 100_000
    git.close()


def test_a_git_that_ends_early_is_an_error_and_no_unreadable_image(repository: Repository, tmp_path: Path) -> None:
    repository.stage({"a.png": "1"})
    [image] = tracked.staged(Git(repository.root), has_image_suffix).queries
    git = Git(tmp_path)  # where there is no repository
    with pytest.raises(
        GuardError,
        match=r"git cat-file ended before it gave all images; try again "
        r"\(in a partial clone, with its remote in reach\)",
    ):
        git.read(image)
    git.close()


def test_patterns_that_are_none_are_an_error() -> None:
    with pytest.raises(GuardError, match=r"^images: "):
        image_filter(["!"])


def test_outside_a_repository_git_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GuardError, match="not a git repository"):
        Git.here()


def test_a_repository_with_other_object_names_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Repository(tmp_path).git("init", "--quiet", "--object-format=sha256", ".")
    with pytest.raises(GuardError, match="SHA-256 object names"):
        Git.here()


def test_without_git_the_message_says_what_is_missing(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository.root))
    with pytest.raises(GuardError, match="git is not installed, or not on the PATH"):
        staged(repository)


def diverge(repository: Repository, *, ours: Mapping[str, str], theirs: Mapping[str, str]) -> None:
    """Two branches from one commit, with `main` (ours) checked out."""
    repository.commit({"base.txt": "base"})
    repository.git("checkout", "--quiet", "-b", "theirs")
    repository.commit(theirs)
    repository.git("checkout", "--quiet", "main")
    repository.commit(ours)


# Revisions.


def between(repository: Repository, base: str, revision: str) -> Listed:
    selection = tracked.between(Git(repository.root), has_image_suffix, base=base, revision=revision)
    return listed(without_moved(selection, identity=lambda content: content))


def test_between_revisions_the_merge_base_counts_and_what_the_base_gained_since_is_there(
    repository: Repository,
) -> None:
    ours = {"ours.png": "1", "both.png": "ours", "same.png": "3"}
    diverge(repository, ours=ours, theirs={"theirs.png": "2", "both.png": "theirs", "same.png": "3"})
    assert between(repository, "main", "theirs") == (["both.png", "same.png", "theirs.png"], ["ours.png"])
    assert between(repository, "theirs", "main") == (["both.png", "ours.png", "same.png"], ["theirs.png"])


def test_what_the_base_still_has_and_the_revision_changed_or_moved_is_not_there(repository: Repository) -> None:
    repository.commit({"a.png": "1", "b.png": "2", "c.png": "3"})
    diverge(repository, ours={"ours.png": "4"}, theirs={"a.png": "changed"})
    repository.git("checkout", "--quiet", "theirs")
    repository.git("mv", "b.png", "moved.png")
    repository.git("rm", "--quiet", "c.png")
    repository.git("commit", "--quiet", "-m", "moved")
    assert between(repository, "main", "theirs") == (["a.png"], ["moved.png", "ours.png"])


def test_revisions_are_read_without_the_folder(repository: Repository) -> None:
    repository.commit({"a.png": "1"})
    repository.commit({"b.png": "2"})
    repository.git("rm", "--quiet", "a.png", "b.png")
    git = Git(repository.root)
    selection = tracked.between(git, has_image_suffix, base="HEAD~1", revision="HEAD")
    assert [git.read(image) for image in (*selection.queries, *selection.gallery)] == [b"2", b"1"]
    git.close()


def test_a_revision_that_is_not_there_is_an_error(repository: Repository) -> None:
    repository.commit({"a.png": "1"})
    for base, revision in (("nowhere", "HEAD"), ("HEAD", "--all"), ("HEAD", "-n1")):
        with pytest.raises(GuardError, match="is not a commit in this clone; run git fetch, or in CI"):
            between(repository, base, revision)


@pytest.mark.parametrize("kind", ["heads", "remotes"])
def test_a_name_that_a_tag_has_as_well_is_an_error(repository: Repository, kind: str) -> None:
    """Git takes the tag, which somebody may have pushed to choose what is compared."""
    repository.commit({"a.png": "1"})
    base = repository.git("rev-parse", "HEAD").strip()
    repository.git("update-ref", f"refs/{kind}/base/it", base)
    repository.commit({"b.png": "2"})
    assert between(repository, "base/it", "HEAD") == (["b.png"], ["a.png"])
    repository.git("tag", "base/it")
    said = f"'base/it(~0)?' names refs/{kind}/base/it and refs/tags/base/it; give one of these in full"
    for name in ("base/it", "base/it~0"):
        with pytest.raises(GuardError, match=said):
            between(repository, name, "HEAD")
    assert between(repository, f"refs/{kind}/base/it", "HEAD") == (["b.png"], ["a.png"])
    assert between(repository, base, "HEAD") == (["b.png"], ["a.png"])


def test_the_tips_of_histories_without_a_common_ancestor_are_compared(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a.png": "1", "b.png": "2"})
    repository.git("checkout", "--quiet", "--orphan", "other")
    repository.git("rm", "--quiet", "--cached", "a.png")
    repository.commit({"c.png": "3"})
    assert between(repository, "main", "other") == (["c.png"], ["b.png"])

    shallow = Repository(tmp_path / "shallow")
    repository.git(
        "clone", "--quiet", "--depth=1", "--no-single-branch", f"file://{repository.root}", str(shallow.root)
    )
    with pytest.raises(GuardError, match="no common ancestor in this clone; run git fetch"):
        between(shallow, "origin/main", "origin/other")


def test_a_range_in_a_pattern_that_runs_backwards_is_a_mistake_of_the_configuration() -> None:
    with pytest.raises(GuardError, match="images: bad character range z-a"):
        image_filter(["data/[z-a].png"])


# Paths.


def restricted(repository: Repository, *paths: str) -> Listed:
    git = Git(repository.root)
    return listed(tracked.restricted(tracked.staged(git, has_image_suffix), git, paths))


@pytest.fixture
def three_new(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    repository.commit({"old/a.png": "1"})
    repository.stage({"new/b.png": "2", "new/c.png": "3", "new-other/d.png": "4"})
    monkeypatch.chdir(repository.root)
    return repository


def test_a_path_chooses_among_the_new_images_and_the_rest_is_gallery(three_new: Repository) -> None:
    assert restricted(three_new, "new") == (["new/b.png", "new/c.png"], ["new-other/d.png", "old/a.png"])
    assert restricted(three_new, "./new/c.png", "old") == (["new/c.png"], ["new-other/d.png", "new/b.png", "old/a.png"])
    assert restricted(three_new, ".")[0] == ["new-other/d.png", "new/b.png", "new/c.png"]


def test_paths_are_relative_to_the_working_directory(three_new: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(three_new.root / "new")
    assert restricted(three_new, "b.png")[0] == ["new/b.png"]


def test_a_path_with_nothing_tracked_is_an_error(three_new: Repository) -> None:
    with pytest.raises(GuardError, match=r"^nowhere: not a tracked image; run git add or dvc add first$"):
        restricted(three_new, "nowhere")
    with pytest.raises(GuardError, match="outside the repository"):
        restricted(three_new, "..")


# Links and submodules


@pytest.fixture
def with_links(repository: Repository, tmp_path: Path) -> Repository:
    """New: two links that look like images, one that does not, and a submodule."""
    repository.commit({"a.png": "a", "blobs/0001": "b"})
    other = Repository(tmp_path / "other")
    other.root.mkdir()
    other.git("init", "--quiet", ".")
    other.commit({"copy.png": "b"})
    for name, target in {"x.png": "blobs/0001", "y.png": "/elsewhere", "notes": "blobs"}.items():
        (repository.root / name).symlink_to(target)
    repository.git("-c", "protocol.file.allow=always", "submodule", "add", "--quiet", str(other.root), "data/sub")
    repository.git("add", "--all")
    return repository


NOT_FOLLOWED = [
    "2 links not followed, so the images there were not checked: x.png, y.png",
    "1 submodule not followed, so the images there were not checked: data/sub",
]


def test_new_links_and_submodules_are_counted_in_a_note(with_links: Repository) -> None:
    git = Git(with_links.root)
    assert list(tracked.staged(git, has_image_suffix).notes) == NOT_FOLLOWED
    assert list(tracked.everything(git, has_image_suffix).notes) == NOT_FOLLOWED
    with_links.git("commit", "--quiet", "-m", "links")
    assert tracked.staged(git, has_image_suffix).notes == ()
    assert list(tracked.everything(git, has_image_suffix, revision="HEAD").notes) == NOT_FOLLOWED
    assert list(tracked.between(git, has_image_suffix, base="HEAD~1", revision="HEAD").notes) == NOT_FOLLOWED


def test_those_that_the_patterns_leave_out_are_not_counted(with_links: Repository) -> None:
    git = Git(with_links.root)
    assert list(tracked.staged(git, image_filter(["/a.png"])).notes) == []
    assert list(tracked.staged(git, image_filter(["data/**"])).notes[:1]) == NOT_FOLLOWED[1:]


def test_a_hook_says_so_when_a_commit_brings_nothing_else(
    with_links: Repository, guard: Callable[..., Outcome], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del cache
    monkeypatch.chdir(with_links.root)
    done = guard("hook")
    assert done.code == 0
    assert all(note in done.out + done.err for note in NOT_FOLLOWED)
