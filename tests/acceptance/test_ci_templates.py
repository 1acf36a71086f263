"""The CI templates in hooks/: their structure, their command lines, and their shell steps, run in real repositories."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from conftest import ROOT, Dataset, Repository, encoded, pixels_of

from imgsim_guard import __version__
from imgsim_guard.augnet import fingerprint
from imgsim_guard.cli.parser import parse_arguments
from imgsim_guard.search.hashes import HASH_SIZE, HASHES
from imgsim_guard.store.shard import Row, file_digests, write_shard
from imgsim_guard.system.cache_folder import CACHE_VARIABLE

HOOKS = ROOT / "hooks"
GITHUB = yaml.safe_load((HOOKS / "github-actions.yml").read_text())
[JOB] = GITHUB["jobs"].values()
STEPS: dict[str, dict[str, Any]] = {step.get("name", step.get("uses")): step for step in JOB["steps"]}
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
ACTION_STEPS: dict[str, dict[str, Any]] = {step.get("name", step.get("uses")): step for step in ACTION["runs"]["steps"]}
GITLAB = yaml.safe_load((HOOKS / "gitlab-ci.yml").read_text())["imgsim-guard"]
SCRIPTS = {
    "github-actions.yml": [step["run"] for step in STEPS.values() if "run" in step],
    "gitlab-ci.yml": [*GITLAB["before_script"], *GITLAB["script"]],
    "action.yml": [step["run"] for step in ACTION_STEPS.values() if "run" in step],
}
IN_CHECKOUT = ".imgsim-guard-cache"
"""What GitLab saves, and restores before the scripts."""

NO_COMMIT = "0" * 40
BY_NEW_RULES = "Check by new rules, too"
TAKE_THE_STORE = "Take the store and DVC's configuration of the base branch"
RULES = "Find the base", "Take the configuration of the base branch", TAKE_THE_STORE


def small(name: str) -> bytes:
    return encoded(np.asarray(cv2.resize(pixels_of(name), (160, 120), interpolation=cv2.INTER_AREA), np.uint8))


CAT, COFFEE, ROCKET = small("chelsea.png"), small("coffee.png"), small("rocket.jpg")


def command_lines(scripts: list[str]) -> list[list[str]]:
    text = "\n".join(scripts).replace("\\\n", " ")
    return [shlex.split(line, comments=True) for line in re.findall(r"^\s*(imgsim-guard .*)$", text, re.MULTILINE)]


# What they are made of


@pytest.mark.parametrize("template", SCRIPTS)
def test_every_command_line_parses(template: str) -> None:
    found = command_lines(SCRIPTS[template])
    assert found
    for words in found:
        arguments = parse_arguments(words[1:])
        assert (arguments.config, arguments.from_ref, arguments.to_ref) != (None, None, None)


def test_the_whole_history_is_checked_out() -> None:
    assert STEPS["actions/checkout@v6"]["with"]["fetch-depth"] == 0
    assert GITLAB["variables"]["GIT_DEPTH"] == "0"


def test_the_embeddings_are_cached_where_they_are_kept() -> None:
    for step in ("actions/cache/restore@v5", "actions/cache/save@v5"):
        assert STEPS[step]["with"]["path"] == f"${{{{ env.{CACHE_VARIABLE} }}}}"
    assert JOB["env"][CACHE_VARIABLE] == "${{ github.workspace }}-imgsim-guard-cache"
    assert GITLAB["variables"][CACHE_VARIABLE] == "$CI_PROJECT_DIR-imgsim-guard-cache"
    assert GITLAB["cache"]["paths"] == [".imgsim-guard-cache/"]  # elsewhere GitLab saves nothing


def test_python_imports_nothing_from_the_checkout() -> None:
    assert JOB["env"]["PYTHONSAFEPATH"] == GITLAB["variables"]["PYTHONSAFEPATH"] == "1"
    assert not re.search(
        r"python[\d.]* (?!-P )", "\n".join([*SCRIPTS["github-actions.yml"], *SCRIPTS["gitlab-ci.yml"]])
    )


@pytest.mark.parametrize("install", [STEPS["Install"]["run"], GITLAB["before_script"][0]])
@pytest.mark.parametrize("module", ["pip", "sitecustomize"])
def test_installing_runs_no_code_of_the_pull_request(
    install: str, module: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    checkout = Repository(tmp_path / "checkout")
    evil = "open('ran', 'w').close()\n"
    checkout.write({f"{module}/__init__.py": evil, f"{module}/__main__.py": evil, "no-such-package/setup.py": evil})
    nowhere = {"PIP_NO_INDEX": "1", "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"}
    said = checkout.run("bash", "-c", install.replace("imgsim-guard", "no-such-package"), code=1, **nowhere)
    assert "No matching distribution found for no-such-package" in said
    assert not (checkout.root / "ran").exists()


def test_the_job_may_read_and_upload_and_nothing_else() -> None:
    assert GITHUB["permissions"] == {}
    assert JOB["permissions"] == {"contents": "read", "actions": "read", "security-events": "write"}
    assert STEPS["actions/checkout@v6"]["with"]["persist-credentials"] is False


def test_no_script_holds_an_expression_that_a_stranger_could_fill_in() -> None:
    assert not [script for script in [*SCRIPTS["github-actions.yml"], *SCRIPTS["action.yml"]] if "${{" in script]


def test_every_action_is_pinned() -> None:
    steps = [*STEPS.values(), *ACTION_STEPS.values()]
    assert all(re.fullmatch(r"[\w-]+/[\w/-]+@v\d+", step["uses"]) for step in steps if "uses" in step)


def test_the_action_does_what_the_workflow_does() -> None:
    shared = [*RULES, BY_NEW_RULES, "Link the page"]
    assert [ACTION_STEPS[name]["run"] for name in shared] == [STEPS[name]["run"] for name in shared]
    for step in ("actions/upload-artifact@v5", "actions/cache/save@v5"):
        assert ACTION_STEPS[step]["if"] == STEPS[step]["if"]
    assert ACTION_STEPS["actions/upload-artifact@v5"]["with"] == STEPS["actions/upload-artifact@v5"]["with"]


def test_the_action_is_complete() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-actions"]
    subprocess.run([*command, str(ROOT / "action.yml")], check=True)
    assert f"uses: imgsim-guard/imgsim-guard@v{__version__}\n" in (ROOT / "docs" / "ci.md").read_text("utf-8")
    assert ACTION["runs"]["using"] == "composite"
    assert all(step["shell"] == "bash" for step in ACTION_STEPS.values() if "run" in step)
    assert ACTION["inputs"]["package"]["default"] == f"imgsim-guard[dvc]=={__version__}"


# What they do


@pytest.fixture(scope="module")
def warm_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def environment(tools: Path, warm_cache: Path, tmp_path: Path) -> dict[str, str]:
    return {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        CACHE_VARIABLE: str(warm_cache),
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_ENV": str(tmp_path / "github.env"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }


def on_github(  # noqa: PLR0913  what a run depends on
    here: Repository,
    environment: dict[str, str],
    *,
    base: str,
    code: int,
    steps: dict[str, dict[str, Any]] = STEPS,
    last: str = "Check",
) -> str:
    """Run the steps as the runner does, but for the installation and those that are actions; what they printed. `last`:
    the step that ends with the code.
    """
    said = []
    environment = {**environment, "EVENT_BASE": base}
    for name in dict.fromkeys((*RULES, "Check", last)):
        command = ("bash", "--noprofile", "--norc", "-euo", "pipefail", "-c", steps[name]["run"])
        said.append(here.run(*command, code=code if name == last else 0, **environment))
        with open(environment["GITHUB_ENV"]) as variables:  # noqa: PTH123  as the runner reads it between the steps
            environment |= dict(line.rstrip("\n").split("=", 1) for line in variables)
    return "".join(said)


def on_gitlab(here: Repository, environment: dict[str, str], *, code: int) -> str:
    """Restore the cache and run the scripts, but for the installation, as the runner does: one shell for all lines, and
    another for those after it.
    """
    if os.path.isdir(environment[CACHE_VARIABLE]):  # noqa: PTH112
        shutil.copytree(environment[CACHE_VARIABLE], here.root / IN_CHECKOUT, dirs_exist_ok=True)
    variables = environment | {
        CACHE_VARIABLE: in_template(GITLAB["variables"][CACHE_VARIABLE], here.root),
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        "CI_COMMIT_SHA": here.git("rev-parse", "HEAD").strip(),
    }
    shell = ("bash", "-euo", "pipefail", "-c")
    said = here.run(*shell, "\n".join([*GITLAB["before_script"][1:], *GITLAB["script"]]), code=code, **variables)
    here.run(*shell, "\n".join(GITLAB["after_script"]), code=0, **variables)
    assert not Path(variables[CACHE_VARIABLE]).exists()
    return said


def in_template(value: str, checkout: Path) -> str:
    return value.replace("${{ github.workspace }}", str(checkout)).replace("$CI_PROJECT_DIR", str(checkout))


@pytest.fixture
def main(repository: Repository) -> str:
    """The commit of the branch main, from which a branch is checked out."""
    repository.commit({"cat.png": CAT, "rocket.png": ROCKET})
    repository.git("checkout", "--quiet", "-b", "feature")
    return repository.git("rev-parse", "main").strip()


def test_github_refuses_a_copy(repository: Repository, main: str, environment: dict[str, str], tmp_path: Path) -> None:
    repository.commit({"copy.png": CAT, "coffee.png": COFFEE})
    said = on_github(repository, environment, base=main, code=1)
    assert "::error file=copy.png,title=exact duplicate::exact duplicate of cat.png: same bytes\n" in said
    [run] = json.loads((repository.root / "imgsim-guard.sarif").read_bytes())["runs"]
    assert [found["ruleId"] for found in run["results"]] == ["exact-duplicate"]
    summary = (tmp_path / "summary.md").read_text()
    assert summary.startswith(
        "### imgsim-guard failed\n\n<pre>\ncopy.png   exact duplicate of   cat.png   same bytes\n"
    )
    uploaded = STEPS["actions/upload-artifact@v5"]["with"]["path"]
    assert "copy.png" in (repository.root / uploaded).read_text()


def test_the_action_refuses_a_copy_and_the_summary_leads_to_the_page(
    repository: Repository, main: str, environment: dict[str, str], tmp_path: Path
) -> None:
    repository.commit({"copy.png": CAT, "imgsim-guard.html": "a lie"})
    options = environment | {"OPTIONS": "--csv groups.csv --all-pairs"}
    said = on_github(repository, options, base=main, code=1, steps=ACTION_STEPS)
    assert "::error file=copy.png,title=exact duplicate::exact duplicate of cat.png: same bytes\n" in said
    assert "copy.png" in (repository.root / "imgsim-guard.html").read_text()
    assert (repository.root / "groups.csv").is_file()
    link = environment | {"PAGE": "https://github.com/a/b/actions/runs/1/artifacts/2"}
    repository.run("bash", "-euo", "pipefail", "-c", ACTION_STEPS["Link the page"]["run"], code=0, **link)
    summary = (tmp_path / "summary.md").read_text()
    assert summary.startswith("### imgsim-guard failed\n\n<pre>\ncopy.png   exact duplicate of   cat.png")
    assert summary.endswith(
        "\n\n[The pictures of each pair](https://github.com/a/b/actions/runs/1/artifacts/2), as a page to download\n"
    )
    on_github(repository, environment | {"OPTIONS": "--no-such-option"}, base=main, code=2, steps=ACTION_STEPS)


def test_github_lets_new_images_through(repository: Repository, main: str, environment: dict[str, str]) -> None:
    repository.commit({"coffee.png": COFFEE})
    said = on_github(repository, environment, base=main, code=0)
    assert "no near-duplicates among 1 new image, checked against 2" in said


def test_a_stranger_cannot_loosen_the_rules(repository: Repository, main: str, environment: dict[str, str]) -> None:
    repository.commit({"copy.png": CAT, ".imgsim-guard.yaml": "max_exact_duplicates: 9\n"})
    on_github(repository, environment, base=main, code=1)


@pytest.fixture
def leaking(repository: Repository) -> str:
    """The commit of the branch main, in which a copy is allowed; it leaks by the splits that a branch brings."""
    allowed = "max_exact_duplicates: 1\n"
    repository.commit({"a/cat.png": CAT, "b/cat.png": CAT, ".imgsim-guard.yaml": allowed})
    repository.git("checkout", "--quiet", "-b", "feature")
    rules = "rules: [{between: [train, test], limit: 0}]\n"
    repository.commit({".imgsim-guard.yaml": f"{allowed}splits: {{train: 'a/**', test: 'b/**'}}\n{rules}"})
    return repository.git("rev-parse", "main").strip()


@pytest.mark.parametrize("steps", [STEPS, ACTION_STEPS])
def test_github_refuses_leakage_by_new_splits(
    repository: Repository, leaking: str, environment: dict[str, str], steps: dict[str, dict[str, Any]]
) -> None:
    options = environment | {"OPTIONS": ""}
    assert "leakage: " in on_github(repository, options, base=leaking, code=1, steps=steps, last=BY_NEW_RULES)


@pytest.mark.usefixtures("leaking")
def test_gitlab_refuses_leakage_by_new_splits(
    repository: Repository, environment: dict[str, str], tmp_path: Path
) -> None:
    clone = published(repository, tmp_path / "clone")
    assert "leakage: " in on_gitlab(clone, environment, code=1)


def made_up_shard(data: bytes) -> dict[str, bytes]:
    """A shard, by its path in a store, that says of an image what is not so: nothing is near it."""
    row = Row(
        **file_digests(data), pixels=bytes(16), hashes=bytes(HASHES * HASH_SIZE), embedding=np.ones(768, np.float16)
    )
    name, shard = write_shard([row], fingerprint=fingerprint("onnx"))
    return {f"{fingerprint('onnx')}/{name}": shard}


@pytest.fixture
def poisoned(repository: Repository, main: str, tmp_path: Path) -> Repository:
    """On the branch, a copy, and a store in which a stranger made up its embedding, its pixels and its hashes."""
    data = encoded(np.asarray(cv2.resize(pixels_of("chelsea.png"), (150, 112), interpolation=cv2.INTER_AREA), np.uint8))
    store = {f".imgsim-guard/store/{path}": shard for path, shard in made_up_shard(data).items()}
    repository.commit({"copy.png": data, **store})
    cache = {CACHE_VARIABLE: str(tmp_path / "empty cache")}
    repository.guard("check", "--from-ref", main, "--to-ref", "HEAD", code=0, **cache)  # the store is believed
    return repository


def test_a_store_that_a_stranger_made_up_is_not_believed_on_github(
    poisoned: Repository, main: str, environment: dict[str, str]
) -> None:
    assert "copy.png   near-duplicate of" in on_github(poisoned, environment, base=main, code=1)


def test_a_store_that_a_stranger_made_up_is_not_believed_on_gitlab(
    poisoned: Repository, environment: dict[str, str], tmp_path: Path
) -> None:
    clone = Repository(tmp_path / "clone")
    poisoned.git("clone", "--quiet", str(poisoned.root), str(clone.root))
    assert "copy.png   near-duplicate of" in on_gitlab(clone, environment, code=1)


@pytest.fixture
def spoiled(repository: Repository, main: str, tmp_path: Path) -> Repository:  # noqa: ARG001  on its branch
    """A checkout of a branch with a copy, and with a made-up shard where a cache in the checkout would be."""
    data = encoded(np.asarray(cv2.resize(pixels_of("chelsea.png"), (150, 112), interpolation=cv2.INTER_AREA), np.uint8))
    shards = {f"{IN_CHECKOUT}/{path}": shard for path, shard in made_up_shard(data).items()}
    repository.commit({"copy.png": data, **shards})
    return published(repository, tmp_path / "clone")


def test_github_believes_no_embedding_that_a_pull_request_commits(
    spoiled: Repository, main: str, environment: dict[str, str]
) -> None:
    cache = {CACHE_VARIABLE: in_template(JOB["env"][CACHE_VARIABLE], spoiled.root)}
    assert "copy.png   near-duplicate of" in on_github(spoiled, environment | cache, base=main, code=1)


def test_gitlab_neither_believes_nor_saves_an_embedding_that_a_merge_request_commits(
    spoiled: Repository, environment: dict[str, str]
) -> None:
    committed = in_cache(spoiled)
    assert "copy.png   near-duplicate of" in on_gitlab(spoiled, environment, code=1)
    assert in_cache(spoiled)
    assert not in_cache(spoiled) & committed


def in_cache(checkout: Repository) -> set[str]:
    return {path.name for path in checkout.root.glob(f"{IN_CHECKOUT}/*/*.safetensors")}


@pytest.mark.usefixtures("main")
def test_gitlab_uses_and_saves_the_cache(repository: Repository, environment: dict[str, str], tmp_path: Path) -> None:
    repository.commit({"coffee.png": COFFEE})
    first, second = published(repository, tmp_path / "first"), published(repository, tmp_path / "second")
    on_gitlab(first, environment | {CACHE_VARIABLE: ""}, code=0)
    shutil.copytree(first.root / IN_CHECKOUT, second.root / IN_CHECKOUT)
    on_gitlab(second, environment | {CACHE_VARIABLE: ""}, code=0)
    assert in_cache(first) == in_cache(second)
    assert len(in_cache(first)) == 1


@pytest.mark.parametrize(
    "report",
    [
        {"imgsim-guard.sarif": "a lie", "imgsim-guard.html": "a lie"},
        {"imgsim-guard.sarif/file": "a folder", "imgsim-guard.html/file": "a folder"},
    ],
)
def test_a_report_that_was_committed_is_not_taken_for_one_of_this_run(
    repository: Repository, main: str, environment: dict[str, str], report: dict[str, str]
) -> None:
    repository.commit({"coffee.png": COFFEE, ".imgsim-guard/accepted.yaml": "not: a list", **report})
    on_github(repository, environment, base=main, code=2)
    assert not [*repository.root.glob("imgsim-guard.*")]


def test_a_remote_that_a_stranger_names_is_not_asked(with_store: Dataset, environment: dict[str, str]) -> None:
    base = with_store.git("rev-parse", "origin/main").strip()
    of_base = with_store.git("show", f"{base}:.dvc/config")
    evil = "[core]\n    remote = storage\n['remote \"storage\"']\n    url = ssh://evil.example/\n"
    with_store.write({".dvc/config": evil, ".dvc/config.local": evil, "sub/.dvc/config": evil})
    with_store.git("add", "--force", ".dvc/config", ".dvc/config.local", "sub/.dvc/config")
    with_store.save()
    command = ("bash", "--noprofile", "--norc", "-euo", "pipefail", "-c", STEPS[TAKE_THE_STORE]["run"])
    with_store.run(*command, code=0, **environment, BASE=base)
    assert (with_store.root / ".dvc" / "config").read_text() == of_base
    assert not (with_store.root / ".dvc" / "config.local").exists()
    assert not (with_store.root / "sub" / ".dvc" / "config").exists()
    assert STEPS[TAKE_THE_STORE]["run"].strip() in "\n".join(GITLAB["script"]).replace("$base", "$BASE")


def test_a_link_to_a_folder_with_another_configuration_is_not_followed(
    with_store: Dataset, environment: dict[str, str], tmp_path: Path
) -> None:
    base = with_store.git("rev-parse", "origin/main").strip()
    of_base = with_store.git("show", f"{base}:.dvc/config")
    evil = f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = {tmp_path / 'evil'}\n"
    with_store.git("rm", "--quiet", "--cached", "-r", ".dvc")
    (with_store.root / ".dvc").rename(tmp_path / "dvc before")
    with_store.write({"elsewhere/config": evil, "elsewhere/.gitignore": "/tmp\n/cache\n"})
    (with_store.root / ".dvc").symlink_to("elsewhere")
    with_store.git("add", "--force", ".dvc", "elsewhere/config")
    with_store.git("commit", "--quiet", "-m", "a link")
    command = ("bash", "--noprofile", "--norc", "-euo", "pipefail", "-c", STEPS[TAKE_THE_STORE]["run"])
    with_store.run(*command, code=0, **environment, BASE=base)
    assert not (with_store.root / ".dvc").is_symlink()
    assert (with_store.root / ".dvc" / "config").read_text() == of_base


def test_the_rules_of_the_base_hold(repository: Repository, environment: dict[str, str]) -> None:
    repository.commit({"cat.png": CAT, ".imgsim-guard.yaml": "max_exact_duplicates: 1\n"})
    base = repository.git("rev-parse", "HEAD").strip()
    repository.commit({"copy.png": CAT})
    assert "(allowed by the configuration)" in on_github(repository, environment, base=base, code=0)


@pytest.mark.usefixtures("main")
def test_a_branch_without_a_commit_before_is_judged_from_its_first_commit(
    repository: Repository, environment: dict[str, str]
) -> None:
    repository.commit({"copy.png": CAT})
    assert "among 1 new image," in on_github(repository, environment, base=NO_COMMIT, code=1)


def published(here: Repository, target: Path) -> Repository:
    """A clone, as the runner makes one."""
    here.git("clone", "--quiet", str(here.root), str(target))
    return Repository(target)


@pytest.mark.usefixtures("main")
def test_gitlab_refuses_a_copy_by_the_rules_of_the_target_branch(
    repository: Repository, environment: dict[str, str], tmp_path: Path
) -> None:
    repository.commit({"copy.png": CAT, ".imgsim-guard.yaml": "max_exact_duplicates: 9\n"})
    clone = published(repository, tmp_path / "clone")
    on_gitlab(clone, environment, code=1)
    suite = ET.parse(clone.root / "imgsim-guard.xml").getroot()
    assert [test.get("name") for test in suite.iter("testcase") if test.find("failure") is not None] == ["copy.png"]
    [page] = GITLAB["artifacts"]["paths"]
    assert "copy.png" in (clone.root / page).read_text()


@pytest.mark.usefixtures("main")
def test_a_tag_with_the_name_of_the_target_branch_is_not_the_base(
    repository: Repository, environment: dict[str, str], tmp_path: Path
) -> None:
    """Who may push a branch may often push tags; git takes a tag before a branch of the same name."""
    repository.commit({"copy.png": CAT})
    clone = published(repository, tmp_path / "clone")
    repository.git("tag", "main")
    assert "copy.png   exact duplicate of" in on_gitlab(clone, environment, code=1)


@pytest.mark.usefixtures("main")
def test_gitlab_lets_new_images_through(repository: Repository, environment: dict[str, str], tmp_path: Path) -> None:
    repository.commit({"coffee.png": COFFEE})
    assert "no near-duplicates" in on_gitlab(published(repository, tmp_path / "clone"), environment, code=0)


@pytest.fixture
def with_store(dataset: Dataset, tmp_path: Path) -> Dataset:
    """A dataset whose branch `feature` tracks another store than `main` does; both are on the remote."""
    dataset.dvc("remote", "add", "--quiet", "--default", "storage", str(tmp_path / "storage"))
    dataset.add({".imgsim-guard/store/shard": "the base's"}, ".imgsim-guard/store")
    dataset.save()
    dataset.git("checkout", "--quiet", "-b", "feature")
    dataset.add({".imgsim-guard/store/shard": "the stranger's"}, ".imgsim-guard/store")
    dataset.save()
    dataset.dvc("push", "--quiet", "--all-commits")
    return dataset.clone(tmp_path / "clone")


def test_github_pulls_the_store_of_the_base(with_store: Dataset, environment: dict[str, str]) -> None:
    base = with_store.git("rev-parse", "origin/main").strip()
    for name in (TAKE_THE_STORE, "Pull the stored embeddings"):
        command = ("bash", "--noprofile", "--norc", "-euo", "pipefail", "-c", STEPS[name]["run"])
        with_store.run(*command, code=0, **environment, BASE=base)
    assert (with_store.root / ".imgsim-guard" / "store" / "shard").read_text() == "the base's"


def test_gitlab_pulls_the_store_of_the_target_branch(with_store: Dataset, environment: dict[str, str]) -> None:
    assert "were not pulled" not in on_gitlab(with_store, environment, code=0)
    assert (with_store.root / ".imgsim-guard" / "store" / "shard").read_text() == "the base's"


def test_without_the_remote_the_check_goes_on(with_store: Dataset, environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "storage").rename(tmp_path / "elsewhere")
    assert "the stored embeddings were not pulled" in on_gitlab(with_store, environment, code=0)
    assert STEPS["Pull the stored embeddings"]["continue-on-error"] is True
