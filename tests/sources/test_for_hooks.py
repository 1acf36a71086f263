"""What a hook judges: with real repositories and, where it matters, from within a real hook."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT, Repository
from test_tracked import Listed, diverge, listed

from imgsim_guard.model import GuardError, Selection
from imgsim_guard.sources.for_hooks import for_hook
from imgsim_guard.sources.git import Git
from imgsim_guard.sources.hook_calls import HookCall, calls_of_push
from imgsim_guard.sources.selection import has_image_suffix, image_filter, without_moved

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

HOOK = f"""#!{sys.executable}
import json, os, sys
sys.path.insert(0, {str(ROOT)!r})
from imgsim_guard.sources import tracked, trackers
from imgsim_guard.sources.for_hooks import for_hook
from imgsim_guard.sources.git import Git
from imgsim_guard.sources.hook_calls import HookCall
from imgsim_guard.sources.selection import has_image_suffix
git = Git.here()
with for_hook(git, has_image_suffix, HookCall.read(git, os.environ, sys.argv[1:])) as (state, selection):
    seen = {{image.path: git.read(image).decode() for image in (*selection.queries, *selection.gallery)}}
git.close()
document = [[image.path for image in side] for side in (selection.queries, selection.gallery)]
with open("REPORT", "w") as file:
    json.dump([*document, seen], file)
"""


@pytest.fixture
def report(repository: Repository, tmp_path: Path) -> Path:
    """Installs hooks that write down what they see: [queries, gallery, contents by path]."""
    target = tmp_path / "seen.json"
    for name in ("pre-commit", "pre-merge-commit"):
        hook = repository.root / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(HOOK.replace("REPORT", str(target)))
        hook.chmod(0o755)
    return target


def seen(report: Path) -> tuple[list[str], list[str], dict[str, str]]:
    queries, gallery, contents = json.loads(report.read_text())
    return queries, gallery, contents


def judged(
    repository: Repository,
    environment: Mapping[str, str],
    *files: str,
    is_image: Callable[[str], bool] = has_image_suffix,
) -> Selection:
    git = Git(repository.root)
    with for_hook(git, is_image, HookCall.read(git, environment, files)) as (_, selection):
        return without_moved(selection, identity=lambda content: content)


def needed(repository: Repository, environment: Mapping[str, str] | None = None, *files: str) -> bool:
    return HookCall.read(Git(repository.root), environment or {}, files).may_add_images


def test_a_plain_commit_sees_what_is_staged(repository: Repository, report: Path) -> None:
    repository.commit({"a.png": "1"})
    repository.commit({"b.png": "2"})
    assert seen(report) == (["b.png"], ["a.png"], {"a.png": "1", "b.png": "2"})


def test_commit_all_sees_what_it_is_about_to_commit(repository: Repository, report: Path) -> None:
    repository.commit({"a.png": "1", "b.png": "2"})
    repository.write({"a.png": "changed"})
    repository.git("commit", "--quiet", "--all", "-m", "all")
    assert seen(report) == (["a.png"], ["b.png"], {"a.png": "changed", "b.png": "2"})


def test_commit_path_sees_only_that_path(repository: Repository, report: Path) -> None:
    repository.commit({"a.png": "1", "b.png": "2"})
    repository.stage({"staged-but-not-named.png": "3"})
    repository.write({"a.png": "changed"})
    repository.git("commit", "--quiet", "-m", "path", "--", "a.png")
    assert seen(report) == (["a.png"], ["b.png"], {"a.png": "changed", "b.png": "2"})


def test_a_commit_from_a_subfolder_sees_the_same(repository: Repository, report: Path) -> None:
    repository.commit({"sub/a.png": "1"})
    repository.stage({"sub/b.png": "2"})
    Repository(repository.root / "sub").git("commit", "--quiet", "-m", "from below")
    assert seen(report)[:2] == (["sub/b.png"], ["sub/a.png"])


def test_a_linked_worktree_sees_its_own_index(repository: Repository, report: Path, tmp_path: Path) -> None:
    repository.commit({"a.png": "1"})
    repository.git("worktree", "add", "--quiet", str(tmp_path / "linked"))
    linked = Repository(tmp_path / "linked")
    repository.stage({"elsewhere.png": "3"})
    linked.commit({"b.png": "2"})
    assert seen(report) == (["b.png"], ["a.png"], {"a.png": "1", "b.png": "2"})


def test_amending_judges_what_is_added_to_the_amended_commit(repository: Repository, report: Path) -> None:
    repository.commit({"a.png": "1"})
    repository.stage({"b.png": "2"})
    repository.git("commit", "--quiet", "--amend", "--no-edit")
    assert seen(report)[:2] == (["b.png"], ["a.png"])


def test_a_merge_judges_what_the_other_side_brings(repository: Repository, report: Path) -> None:
    diverge(repository, ours={"ours.png": "1"}, theirs={"theirs.png": "2"})
    repository.git("merge", "--quiet", "--no-edit", "theirs")
    assert seen(report) == (["theirs.png"], ["ours.png"], {"ours.png": "1", "theirs.png": "2"})


def test_a_merge_with_conflicts_judges_also_what_merged_cleanly(repository: Repository, report: Path) -> None:
    diverge(repository, ours={"x.txt": "ours"}, theirs={"x.txt": "theirs", "clean.png": "2"})
    repository.git("merge", "theirs", code=1)
    repository.stage({"x.txt": "both"})
    repository.git("commit", "--quiet", "--no-edit")
    assert seen(report)[:2] == (["clean.png"], [])


# What the program that runs the hook tells.


def test_revisions_are_told_by_pre_commit(repository: Repository) -> None:
    repository.commit({"a.png": "1"})
    repository.commit({"b.png": "2"})
    environment = {"PRE_COMMIT": "1", "PRE_COMMIT_FROM_REF": "HEAD~1", "PRE_COMMIT_TO_REF": "HEAD"}
    assert listed(judged(repository, environment, "a.png")) == (["b.png"], ["a.png"])
    assert needed(repository, environment)


def test_the_first_push_of_a_history_judges_all_of_the_branch_that_is_pushed(repository: Repository) -> None:
    repository.commit({"a.png": "1"})
    repository.git("checkout", "--quiet", "-b", "feature")
    repository.commit({"b.png": "2"})
    repository.git("checkout", "--quiet", "main")
    repository.stage({"only-staged.png": "3"})
    environment = {"PRE_COMMIT": "1", "PRE_COMMIT_LOCAL_BRANCH": "refs/heads/feature"}
    selection = judged(repository, environment)
    assert listed(selection) == (["a.png", "b.png"], [])
    assert selection.scope == "all"
    assert needed(repository, environment)
    with pytest.raises(GuardError, match="cannot judge the push: this clone has no commit 'refs/heads/gone'"):
        judged(repository, {"PRE_COMMIT_LOCAL_BRANCH": "refs/heads/gone"})


def test_what_is_pushed_is_told_by_git(repository: Repository) -> None:
    git = Git(repository.root)
    for name in ("a.png", "b.png"):
        repository.commit({name: name})
    first, second = repository.git("rev-parse", "HEAD~1", "HEAD").split()
    nothing = "0" * 40
    blob = repository.git("rev-parse", "HEAD:a.png").strip()

    def told(*lines: str, remote: str = "origin") -> list[dict[str, str]]:
        calls = calls_of_push(git, "".join(f"{line}\n" for line in lines), remote)
        return [{**call.environment} for call in calls]

    of_both = {"PRE_COMMIT_FROM_REF": first, "PRE_COMMIT_TO_REF": second}
    assert told(f"refs/heads/main {second} refs/heads/main {first}") == [of_both]
    assert told(f"HEAD@{{1 day ago}} {second} refs/heads/main {first}") == [of_both]
    new = f"refs/heads/main {second} refs/heads/new {nothing}"
    assert told(new) == [{"PRE_COMMIT_LOCAL_BRANCH": second}]  # the remote is not known to have anything
    unknown = f"refs/heads/main {second} refs/heads/main {'1' * 40}"
    repository.git("update-ref", "refs/remotes/origin/other", first)
    assert told(new, unknown) == [of_both, of_both]
    assert told(new, remote="https://example.com/x.git") == [{"PRE_COMMIT_LOCAL_BRANCH": second}]
    assert told(new, remote="") == [of_both]
    assert told(f"refs/heads/old {first} refs/heads/old {nothing}") == []  # which the remote has
    assert told(f"(delete) {nothing} refs/heads/main {first}", f"refs/tags/t {blob} refs/tags/t {nothing}") == []


def test_nothing_staged_is_never_all(repository: Repository) -> None:
    repository.commit({"a.png": "1", "b.png": "2"})
    for environment in ({}, {"PRE_COMMIT": "1"}, {"PRE_COMMIT": "1", "GIT_INDEX_FILE": ".git/index"}):
        selection = judged(repository, environment)
        assert (listed(selection), selection.unlisted) == (([], []), 2)
        assert not needed(repository, environment)


def named(repository: Repository, monkeypatch: pytest.MonkeyPatch, *files: str) -> Listed:
    monkeypatch.chdir(repository.root)
    return listed(judged(repository, {"PRE_COMMIT": "1"}, *files))


def test_files_named_by_hand_are_judged_as_they_are_and_nothing_else(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit({"a.png": "1", "b.png": "2", "notes.txt": "x"})
    repository.stage({"staged.png": "3"})
    repository.write({"untracked.png": "4", "edited/a.png": "5", "b.png": "edited"})
    (repository.root / "edited" / "a.png").unlink()
    assert needed(repository, {}, "a.png")
    assert named(repository, monkeypatch, "a.png", "notes.txt") == (["a.png"], ["b.png", "staged.png"])
    assert named(repository, monkeypatch, "untracked.png")[0] == ["untracked.png"]
    git = Git(repository.root)
    with for_hook(git, has_image_suffix, HookCall.read(git, {}, ["b.png"])) as (state, selection):
        assert [state.read(image) for image in selection.queries] == [b"edited"]
    assert repository.git("status", "--porcelain").splitlines() == [" M b.png", "A  staged.png", "?? untracked.png"]


def test_a_file_named_by_hand_that_git_ignores_is_an_error(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit({".gitignore": "/data\n"})
    repository.write({"data/a.png": "1"})
    with pytest.raises(GuardError, match=r"^data/a\.png: git does not track it; name the \.dvc file of an image that"):
        named(repository, monkeypatch, "data/a.png")


def test_while_git_commits_all_that_is_committed_is_judged_whatever_is_named(
    repository: Repository, report: Path
) -> None:
    repository.commit({"a.png": "1"})
    hook = repository.root / ".git" / "hooks" / "pre-commit"
    hook.rename(hook.with_name("inner"))
    repository.write({".git/hooks/pre-commit": '#!/bin/sh\nexec "$(git rev-parse --git-dir)/hooks/inner" a.png\n'})
    hook.chmod(0o755)
    repository.commit({"b.png": "2", "c.png": "3"})
    assert seen(report)[:2] == (["b.png", "c.png"], ["a.png"])


def test_a_hook_that_runs_for_an_image_outside_the_dataset_judges_nothing(repository: Repository) -> None:
    repository.commit({"data/a.png": "1"})
    repository.stage({"docs/b.png": "2"})
    selection = judged(repository, {"PRE_COMMIT": "1"}, is_image=image_filter(["data/**"]))
    assert (listed(selection), selection.unlisted) == (([], []), 1)


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        *((path, True) for path in ("a.png", "a.JPG", "data.dvc", "sub/dvc.lock", "dvc.yaml", ".gitattributes")),
        *((path, True) for path in (".imgsim-guard.yaml", "sub/.imgsim-guard/accepted.yaml", "pyproject.toml")),
        *((path, False) for path in ("notes.txt", "png", "a.png.txt", "src/model.py")),
    ],
)
def test_a_commit_that_brings_no_image_and_no_rule_needs_no_hook(
    repository: Repository, path: str, *, wanted: bool
) -> None:
    repository.commit({"a.txt": "1"})
    repository.stage({path: "x"})
    assert needed(repository) is wanted


def test_without_new_images_the_gallery_is_only_counted(repository: Repository) -> None:
    repository.commit({"a.png": "1", "b.png": "2", "notes.txt": "no image"})
    repository.git("mv", "a.png", "c.png")
    assert judged(repository, {}) == Selection("staged", (), (), unlisted=2)
    repository.stage({"d.png": "1"})
    assert listed(judged(repository, {})) == (["d.png"], ["b.png", "c.png"])


def test_what_dvc_may_track_is_listed_even_if_nothing_is_new(repository: Repository) -> None:
    repository.commit({"a.png": "1", "b.png": "2", "more.dvc": "outs: []\n"})
    repository.git("rm", "--quiet", "--cached", "a.png")
    selection = judged(repository, {})
    assert (listed(selection), selection.unlisted) == (([], ["b.png"]), 0)


def test_a_commit_without_images_loads_nothing_that_reads_images_lfs_or_dvc(repository: Repository) -> None:
    repository.stage({"a.txt": "a"})
    heavy = ["numpy", "yaml", "pydantic", "imgsim_guard.sources.dvc", "imgsim_guard.sources.lfs"]
    run = "from imgsim_guard.cli import main; main(['hook', '--quiet'])"
    code = f"import sys; {run}; print(*{{*{heavy}}} & {{*sys.modules}})"
    assert repository.run(sys.executable, "-P", "-c", code) == "\n"


def test_a_hook_tells_of_patterns_that_match_nothing(repository: Repository, cache: Path) -> None:  # noqa: ARG001
    repository.commit({".imgsim-guard.yaml": "images: [photos/**]\n"})
    repository.stage({"data/a.png": "a"})
    assert "photos/**" in repository.guard("hook")
