"""The rules by which a state is judged are those of that state."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT, THUMBNAILS, Dataset, Person, Repository, near

from imgsim_guard.gate.rule_files import RuleFiles
from imgsim_guard.gate.workspace import Workspace
from imgsim_guard.model import GuardError
from imgsim_guard.sources.git import Git

if TYPE_CHECKING:
    from pathlib import Path

NAME = ".imgsim-guard.yaml"


def threshold(repository: Repository, **state: object) -> tuple[float, list[str]]:
    rules = RuleFiles(repository.root, Git(repository.root), **state)  # type: ignore[arg-type]
    workspace = Workspace(repository.root, rules=rules)
    return workspace.settings.threshold, workspace.notes


def test_a_commit_is_judged_by_the_rules_that_it_commits(repository: Repository) -> None:
    repository.commit({NAME: "threshold: 1"})
    repository.stage({NAME: "threshold: 2"})
    repository.write({NAME: "threshold: 3"})
    unstaged = f"{NAME} has changes that are not part of this commit, so they do not hold yet: "
    assert threshold(repository, index=True) == (2, [f"{unstaged}git add {NAME}, or name it in git commit, too"])
    assert threshold(repository, revision="HEAD") == (1, [])
    there = f"{NAME} has changes that are not staged, which were read; git commit goes by what is staged"
    assert threshold(repository) == (3, [there])


def test_rules_that_are_not_in_the_worktree_hold(repository: Repository) -> None:
    repository.commit({NAME: "threshold: 1", "data/a.txt": "x"})
    (repository.root / NAME).unlink()
    assert threshold(repository, index=True)[0] == 1
    assert threshold(repository) == (1, [f"{NAME} is not in the worktree; the one that is staged was read"])
    repository.git("checkout", "--", NAME)
    repository.git("sparse-checkout", "set", "--no-cone", "data")
    assert threshold(repository, index=True)[0] == 1


def test_rules_that_git_does_not_track_yet_are_those_of_the_worktree(repository: Repository) -> None:
    repository.commit({"a.txt": "x"})
    repository.write({NAME: "threshold: 1"})
    note = f"{NAME} was read, but git does not track it, so others check without it: git add"
    committed = [threshold(repository, **state) for state in ({"index": True}, {"revision": "HEAD"})]
    assert committed == [(1, [f"{note} {NAME}"])] * 2
    assert threshold(repository) == (1, [])  # who tries rules out knows where they are
    repository.git("add", NAME)
    assert threshold(repository, revision="HEAD") == (10, [])
    repository.git("rm", "--quiet", "--cached", NAME)
    (repository.root / ".gitignore").write_text("*.yaml\n")
    assert threshold(repository, index=True) == (1, [f"{note} --force {NAME}"])


def test_accepted_pairs_that_git_does_not_track_are_named(repository: Repository) -> None:
    repository.commit({NAME: "threshold: 1"})
    repository.write({".imgsim-guard/accepted.yaml": "# none\n"})
    workspace = Workspace(repository.root, rules=RuleFiles(repository.root, Git(repository.root), index=True))
    assert workspace.policy.accepted == ()
    assert [note.partition(",")[0] for note in workspace.notes] == [".imgsim-guard/accepted.yaml was read"]


def test_a_project_file_without_rules_may_be_untracked(repository: Repository) -> None:
    repository.commit({"a.txt": "x"})
    repository.write({"pyproject.toml": "[project]\nname = 'x'\n"})
    assert threshold(repository, index=True) == (10, [])


def test_a_configuration_that_is_named_is_that_of_the_commit(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit({"ci/rules.yaml": "threshold: 1"})
    repository.stage({"ci/rules.yaml": "threshold: 2"})
    repository.write({"ci/rules.yaml": "threshold: 3", "ci/untracked.yaml": "threshold: 4"})
    monkeypatch.chdir(repository.root / "ci")

    def read(name: str, **state: object) -> float:
        rules = RuleFiles(repository.root, Git(repository.root), named=name, **state)  # type: ignore[arg-type]
        return Workspace(repository.root, config=name, rules=rules).settings.threshold

    assert [read("rules.yaml", **state) for state in ({"revision": "HEAD"}, {"index": True}, {})] == [1, 2, 3]
    assert read("untracked.yaml", index=True) == 4


def test_accepted_pairs_that_a_partial_commit_leaves_out_do_not_hold(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Person(Dataset(repository.root), tmp_path / "cache")
    person.dataset.commit({NAME: THUMBNAILS, "old.png": near(1)})
    person.dataset.stage({"copy.png": near(1, by=2)})
    person.guard("accept", "copy.png", "--reason", "x")
    report = tmp_path / "report"
    hook = repository.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f'#!/bin/sh\necho "$GIT_INDEX_FILE" > {report}\ncp "$GIT_INDEX_FILE" {report}.index\n')
    hook.chmod(0o755)
    repository.git("commit", "--quiet", "-m", "part", "--", "copy.png")
    repository.git("reset", "--quiet", "--soft", "HEAD~1")
    monkeypatch.setenv("GIT_INDEX_FILE", f"{report}.index")
    printed = person.guard("hook", code=1)
    assert "note: .imgsim-guard/accepted.yaml has changes that are not part of this commit" in printed


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({".imgsim-guard.yml": "threshold: 4"}, 4),
        ({"pyproject.toml": "[tool.imgsim-guard]\nthreshold = 5\nsplits = {train = ['a/**']}\n"}, 5),
        ({"pyproject.toml": "[project]\nname = 'imgsim-guard-user'\n"}, 10),
        ({"pyproject.toml": "[project]\n", NAME: "threshold: 6"}, 6),
    ],
)
def test_a_configuration_has_one_of_three_names(
    repository: Repository, files: dict[str, str], expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit(files)
    for state in ({}, {"index": True}, {"revision": "HEAD"}):
        assert threshold(repository, **state) == (expected, [])
    assert Workspace(repository.root).settings.threshold == expected
    monkeypatch.chdir(repository.root)


def test_two_configurations_are_an_error(repository: Repository) -> None:
    repository.write({NAME: "threshold: 1", "pyproject.toml": "[tool.imgsim-guard]\n"})
    with pytest.raises(GuardError, match=r"there are two configurations, \.imgsim-guard\.yaml and pyproject\.toml"):
        Workspace(repository.root)


def test_mistakes_in_a_table_of_toml_are_all_told(repository: Repository) -> None:
    text = "[project]\n[tool.imgsim-guard]\ntreshold = 5\nreach = 'x'\n"
    repository.write({"pyproject.toml": text})
    with pytest.raises(GuardError) as error:
        Workspace(repository.root)
    assert "pyproject.toml:2:1: unknown key 'treshold'; did you mean 'threshold'?" in str(error.value)
    assert "pyproject.toml:2:1: reach: " in str(error.value)
    repository.write({"pyproject.toml": "[tool.imgsim-guard\n"})
    with pytest.raises(GuardError, match="not valid TOML"):
        Workspace(repository.root)
    repository.write({"other.toml": "[tool.other]\n"})
    with pytest.raises(GuardError, match=r"it has no table \[tool\.imgsim-guard\]"):
        Workspace(repository.root, config=str(repository.root / "other.toml"))


def test_configurations_in_folders_are_named_since_they_are_not_read(repository: Repository) -> None:
    nested = {
        "a/.imgsim-guard.yaml": "threshold: 1",
        "b/.imgsim-guard.yml": "",
        "c/pyproject.toml": "[tool.imgsim-guard]",
    }
    repository.commit({**nested, "d/pyproject.toml": "[project]", "pyproject.toml": "[tool.imgsim-guard]\nreach = 20"})
    advice = "is not read: the configuration of a repository is in its root; move it there, or name it with --config"
    assert threshold(repository) == (10, [f"{name} {advice}" for name in nested])


@pytest.mark.parametrize("name", ["imgsim-guard.yaml", ".imgsim_guard.yml", ".imgsim-guard.toml", ".Imgsim-Guard.json"])
def test_configurations_under_another_name_are_named(repository: Repository, name: str) -> None:
    repository.write({name: "threshold: 1", "imgsim-guard.html": "x", ".github/workflows/imgsim-guard.yml": "x"})
    advice = "is not read: a configuration is called .imgsim-guard.yaml; rename it, or name it with --config"
    assert threshold(repository) == (10, [f"{name} {advice}"])
    repository.commit({name: "threshold: 1"})
    (repository.root / name).unlink()
    assert threshold(repository, index=True) == (10, [f"{name} {advice}"])


def test_line_ends_that_git_converts_are_no_changes(repository: Repository) -> None:
    repository.commit({NAME: "threshold: 1\n"})
    repository.write({NAME: "threshold: 1\r\n"})
    assert (threshold(repository), threshold(repository, index=True)) == ((1, []), (1, []))


def test_what_the_rules_are_read_from_is_quick_to_import() -> None:
    code = "import sys, imgsim_guard.gate.workspace; print('pydantic' in sys.modules, 'numpy' in sys.modules)"
    assert Repository(ROOT).run(sys.executable, "-c", code) == "False False\n"
