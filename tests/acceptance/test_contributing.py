"""What whoever contributes meets first: the commands, this repository's own hooks, issue forms, the workflow."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import cv2
import pytest
import yaml
from conftest import ROOT, Repository

if TYPE_CHECKING:
    from pathlib import Path

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
BLOCKS = dict(re.findall(r"^<!-- (.+?) -->\n```\n(.*?)^```$", CONTRIBUTING, re.MULTILINE | re.DOTALL))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())


def valid(schema: str, file: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", str(file)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


# The commands


def test_one_command_sets_up_all_groups_of_dependencies() -> None:
    [command] = BLOCKS["set up"].splitlines()
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    assert re.findall(r"--group (\w+)", command) == list(groups)


def test_what_the_commands_name_is_there() -> None:
    for command in BLOCKS["while you work"].splitlines():
        for word in shlex.split(command):
            if re.fullmatch(r"(docs|tests)/\S+", word):
                assert (ROOT / word).exists()
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_the_linters_are_those_that_decide() -> None:
    decisive = re.findall(r"^\.venv/bin/(ruff .*|mypy|lint-imports)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert decisive
    assert all(f".venv/bin/{command}" in BLOCKS["while you work"] for command in decisive)


def test_the_tests_run_from_the_source_distribution_as_from_a_checkout() -> None:
    readme = (ROOT / "README.md").read_text()
    assert BLOCKS["from the sdist"].partition("imgsim_guard-*/ && ")[2] in readme


# The hooks


def test_every_hook_of_others_is_pinned() -> None:
    others = [repository for repository in HOOKS["repos"] if repository["repo"] != "local"]
    assert others
    assert all(re.fullmatch(r"v\d+\.\d+\.\d+", repository["rev"]) for repository in others)


@pytest.fixture
def checkout(hook_repository: Repository, tmp_path: Path, tools: Path) -> Repository:
    """A clone of this repository, in whose `.venv` imgsim-guard is installed; with its local hooks alone."""
    hook_repository.git("clone", "--quiet", str(hook_repository.root), str(tmp_path / "clone"))
    made = Repository(tmp_path / "clone")
    (made.root / ".venv").mkdir()
    (made.root / ".venv" / "bin").symlink_to(tools)
    [local] = [repository for repository in HOOKS["repos"] if repository["repo"] == "local"]
    made.write({".git/local.yaml": yaml.safe_dump({"repos": [local]})})
    return made


@pytest.mark.usefixtures("cache")
def test_pictures_of_the_documentation_are_guarded(
    checkout: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "pre-commit"))
    run = [sys.executable, "-m", "pre_commit", "run", "--config", ".git/local.yaml"]
    picture = cv2.imread(str(checkout.root / "docs" / "pictures" / "refuted.webp"))
    assert picture is not None
    checkout.stage({"docs/pictures/again.jpg": cv2.imencode(".jpg", picture[:, 20:])[1].tobytes()})
    said = checkout.run(*run, code=1)
    assert "docs/pictures/again.jpg   near-duplicate of    docs/pictures/refuted.webp" in said
    checkout.git("rm", "--quiet", "--force", "docs/pictures/again.jpg")
    shutil.copy(ROOT / "docs" / "pictures" / "flow.svg", checkout.root / "docs" / "pictures" / "other.svg")
    checkout.git("add", "--all")
    assert "Passed" in checkout.run(*run)


# GitHub


def keys(form: Path) -> dict[str, dict[str, Any]]:
    """What a form asks for, by its id."""
    return {part["id"]: part for part in yaml.safe_load(form.read_text())["body"] if "id" in part}


def test_there_is_a_form_for_each_complaint() -> None:
    assert [form.stem for form in FORMS] == ["bug", "false-block", "missed-duplicate"]
    valid("github-issue-config", ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml")


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_a_form_is_valid_and_asks_for_what_is_set_up(form: Path) -> None:
    valid("github-issue-forms", form)
    asked = keys(form)["doctor"]
    assert "imgsim-guard doctor" in asked["attributes"]["label"]
    assert asked["validations"]["required"] is True


@pytest.mark.parametrize("form", FORMS[1:], ids=lambda form: form.stem)
def test_who_complains_of_a_verdict_shows_the_pair(form: Path) -> None:
    assert {"report", "pictures"} <= keys(form).keys()


def test_the_workflow_runs_what_decides_and_may_only_read() -> None:
    valid("github-workflows", ROOT / ".github" / "workflows" / "ci.yml")
    assert WORKFLOW["permissions"] == {}
    for job in WORKFLOW["jobs"].values():
        assert job["permissions"] == {"contents": "read"}
        checkout = job["steps"][0]
        assert re.fullmatch(r"actions/checkout@v\d+", checkout["uses"])
        assert checkout["with"] == {"persist-credentials": False}
    assert WORKFLOW["jobs"]["everything"]["steps"][1] == {"run": ".ci/run"}


def test_the_workflow_tries_each_system_with_each_python() -> None:
    job = WORKFLOW["jobs"]["systems"]
    systems = {name.partition("-")[0] for name in job["strategy"]["matrix"]["system"]}
    assert systems == {"ubuntu", "macos", "windows"}
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13", "3.14"]
    named = re.findall(r"tests/\S+", " ".join(step.get("run", "") for step in job["steps"]))
    assert named
    assert all((ROOT / name).exists() for name in named)


# Who made what


def test_the_citation_is_valid_and_names_the_paper() -> None:
    valid("citation-file-format", ROOT / "CITATION.cff")
    paper = yaml.safe_load((ROOT / "CITATION.cff").read_text())["preferred-citation"]
    assert paper["title"] in (ROOT / "README.md").read_text()
    assert paper["url"] == "https://arxiv.org/abs/2106.06250"
    assert paper["authors"][0] == {"given-names": "Mingxiang", "family-names": "Chen"}


def test_the_licence_of_every_dependency_is_listed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [need for needs in (project["dependencies"], *project["optional-dependencies"].values()) for need in needs]
    listed = (ROOT / "THIRD-PARTY-LICENSES.md").read_text()
    names = [re.split(r"[^\w.-]", need)[0] for need in needed]
    assert len(names) >= 10
    assert not [name for name in names if not re.search(rf"\b{re.escape(name)}\b", listed)]
