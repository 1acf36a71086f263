"""Whether hooks run imgsim-guard, by whichever program; and the filters that keep that program from running it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from conftest import ROOT, Repository, encoded, random_picture
from test_doctor import marked, section

from imgsim_guard.cli.hook_runners import deaf_to_pushes, filters, runner

if TYPE_CHECKING:
    from collections.abc import Mapping

PICTURE = {"a.png": encoded(random_picture(1))}
HUSKY = {".husky/_/pre-commit": '#!/usr/bin/env sh\n. "$(dirname "$0")/h"', ".husky/_/h": 'sh -e "$s" "$@"\n'}
LEFTHOOK = '#!/bin/sh\ncall_lefthook run "pre-commit" "$@"\n'
ENTRY = {"id": "imgsim-guard", "name": "images", "entry": "imgsim-guard hook", "language": "system"}


def configuration(hook: Mapping[str, object], **whole: object) -> str:
    return yaml.safe_dump({**whole, "repos": [{"repo": "local", "hooks": [hook]}]}, sort_keys=False)


def install(repository: Repository, program: str) -> None:
    """As users do, with the real program."""
    command = {
        "pre-commit": [sys.executable, "-m", "pre_commit"],
        "prek": [str(Path(sys.executable).with_name("prek"))],
    }[program]
    home = str(repository.root.parent / "home of hooks")
    repository.run(*command, "install", PRE_COMMIT_HOME=home, PREK_HOME=home)


@pytest.mark.parametrize("program", ["pre-commit", "prek"])
def test_hooks_of_pre_commit_and_prek(repository: Repository, program: str, cache: Path) -> None:  # noqa: ARG001
    repository.stage({**PICTURE, ".pre-commit-config.yaml": configuration({**ENTRY, "always_run": True})})
    install(repository, program)
    output = repository.guard("doctor")
    assert section(output, "hooks")[:2] == [
        ".pre-commit-config.yaml names imgsim-guard",
        "pre-commit runs imgsim-guard, by pre-commit or prek",
    ]


def test_a_hook_that_pre_commit_kept_still_runs(repository: Repository, cache: Path) -> None:  # noqa: ARG001
    repository.stage({**PICTURE, ".pre-commit-config.yaml": "repos: []\n"})
    hook = repository.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_bytes((ROOT / "hooks" / "pre-commit").read_bytes())
    hook.chmod(0o755)
    install(repository, "pre-commit")
    assert "pre-commit runs imgsim-guard" in section(repository.guard("doctor"), "hooks")


def test_hooks_in_another_folder(repository: Repository, cache: Path) -> None:  # noqa: ARG001
    repository.stage({**PICTURE, **HUSKY, ".husky/pre-commit": "imgsim-guard hook\n"})
    repository.git("config", "core.hooksPath", ".husky/_")
    hook = repository.root / ".husky" / "_" / "pre-commit"
    assert marked(repository.guard("doctor", code=1)) == [
        f"pre-commit is not executable, so git does not run it: chmod +x {hook}"
    ]
    hook.chmod(0o755)
    assert section(repository.guard("doctor"), "hooks")[1:3] == [
        "git runs the hooks in .husky/_ (core.hooksPath)",
        "pre-commit runs imgsim-guard",
    ]
    (repository.root / ".husky" / "pre-commit").write_text("npm test\n")
    assert marked(repository.guard("doctor", code=1)) == [
        "pre-commit does not run imgsim-guard: imgsim-guard init, or copy hooks/pre-commit"
    ]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {**HUSKY, ".husky/pre-commit": "npx lint-staged", "package.json": '{"*.png": "imgsim-guard hook"}'},
            "lint-staged",
        ),
        ({**HUSKY, ".husky/pre-commit": "npx lint-staged", "package.json": "{}"}, None),
        ({**HUSKY, ".husky/pre-commit": "prek run", "prek.toml": 'id = "imgsim-guard"'}, "pre-commit or prek"),
        (
            {".husky/_/pre-commit": LEFTHOOK, "lefthook.yml": "pre-commit: {jobs: [{run: imgsim-guard hook}]}"},
            "lefthook",
        ),
        ({".husky/_/pre-commit": LEFTHOOK, "lefthook.yml": "{}"}, None),
        (
            {
                ".husky/_/pre-commit": LEFTHOOK,
                "lefthook.yml": "extends: [ci/*.yml]",
                "ci/a.yml": "extends: [deep/b.yml]",
                "ci/deep/b.yml": "pre-commit: {jobs: [{run: imgsim-guard hook}]}",
            },
            "lefthook",
        ),
        (
            {
                ".husky/_/pre-commit": LEFTHOOK,
                "lefthook.yml": "pre-commit: {scripts: {images: {runner: sh}}}",
                ".lefthook/pre-commit/images": "imgsim-guard hook",
            },
            "lefthook",
        ),
        ({".husky/_/pre-commit": LEFTHOOK, "lefthook.yml": "extends: 1", "ci/a.yml": "imgsim-guard"}, None),
        ({}, None),
    ],
)
def test_what_runs_it(tmp_path: Path, files: Mapping[str, str], expected: str | None) -> None:
    Repository(tmp_path).write(files)
    assert runner(tmp_path, tmp_path / ".husky" / "_" / "pre-commit") == expected


def test_a_configuration_that_lefthook_has_of_another_repository(repository: Repository) -> None:
    remotes = [{"git_url": "https://example.org/ours.git", "ref": "v1", "configs": ["images.yml"]}, {"git_url": "x/y"}]
    repository.write(
        {
            ".git/hooks/pre-commit": LEFTHOOK,
            "lefthook.yml": yaml.safe_dump({"remotes": remotes}),
            ".git/info/lefthook-remotes/ours-v1/images.yml": "pre-commit: {jobs: [{run: imgsim-guard hook, glob: x}]}",
        }
    )
    remote = ".git/info/lefthook-remotes/ours-v1/images.yml"
    assert runner(repository.root, repository.root / ".git" / "hooks" / "pre-commit") == "lefthook"
    assert list(filters(repository.root)) == [f"{remote}: lefthook may skip imgsim-guard because of glob: x; remove it"]


def test_configurations_in_subfolders_are_read_by_prek_and_not_by_pre_commit(repository: Repository) -> None:
    below = {"vision/.pre-commit-config.yaml": configuration({**ENTRY, "always_run": True})}
    repository.stage({**below, ".pre-commit-config.yaml": "repos: []\n"})
    hook = repository.root / ".git" / "hooks" / "pre-commit"
    for program, expected in (("pre-commit", None), ("prek", "pre-commit or prek")):
        install(repository, program)
        assert runner(repository.root, hook) == expected
        hook.unlink()


@pytest.mark.parametrize(
    ("files", "advice"),
    [
        ({"vision/prek.toml": 'id = "imgsim-guard"'}, "prek install -t pre-commit"),
        (
            {"package.json": '{"*.png": "imgsim-guard hook"}'},
            "run lint-staged in pre-commit, which package.json configures",
        ),
        (
            {"lefthook.yml": "extends: [a.yml]", "a.yml": "x: {run: imgsim-guard hook}"},
            "add it to pre-commit in a.yml, then lefthook install",
        ),
    ],
)
def test_what_to_do_where_nothing_runs_it(
    repository: Repository,
    files: Mapping[str, str],
    advice: str,
    cache: Path,  # noqa: ARG001
) -> None:
    repository.stage({**PICTURE, **files})
    assert marked(repository.guard("doctor", code=1)) == [f"pre-commit does not run imgsim-guard: {advice}"]


OF_HUSKY = 'write imgsim-guard hook --push "$@"'
OF_LEFTHOOK = "write run: imgsim-guard hook --push {1}, and use_stdin: true, in lefthook.yml"


@pytest.mark.parametrize(
    ("script", "files", "expected"),
    [
        ("#!/bin/sh\nimgsim-guard hook\n", {}, OF_HUSKY),
        ("#!/bin/sh\nimgsim-guard check --from-ref origin/main\n", {}, None),
        ((ROOT / "hooks" / "pre-commit").read_text(), {}, None),
        (LEFTHOOK, {"lefthook.yml": "pre-push: {jobs: [{run: imgsim-guard hook, use_stdin: true}]}"}, OF_LEFTHOOK),
        (LEFTHOOK, {"lefthook.yml": "pre-push: {jobs: [{run: 'imgsim-guard hook --push {1}'}]}"}, OF_LEFTHOOK),
        (
            LEFTHOOK,
            {"lefthook.yml": "pre-push: {jobs: [{run: 'imgsim-guard hook --push {1}', use_stdin: true}]}"},
            None,
        ),
        ("exec prek hook-impl", {"prek.toml": 'entry = "imgsim-guard hook"'}, None),
    ],
)
def test_a_push_hook_has_to_be_told_what_is_pushed(
    tmp_path: Path, script: str, files: Mapping[str, str], expected: str | None
) -> None:
    Repository(tmp_path).write({"hooks/pre-push": script, **files})
    assert deaf_to_pushes(tmp_path, tmp_path / "hooks" / "pre-push") == expected


NO_ALWAYS_RUN = (
    ".pre-commit-config.yaml: the hook imgsim-guard has no always_run: true, so pre-commit does not check merges with "
    "conflicts, pushes of other branches and sparse checkouts"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (configuration({**ENTRY, "always_run": True}, exclude="^data/"), []),
        (configuration(ENTRY), [f"{NO_ALWAYS_RUN}; add always_run: true"]),
        (
            configuration({**ENTRY, "files": "png$"}, exclude="^data/"),
            [
                (
                    f"{NO_ALWAYS_RUN}, nor files that a filter hides (files: png$; exclude of all hooks: ^data/); "
                    "add always_run: true"
                )
            ],
        ),
        (
            configuration({**ENTRY, "always_run": True, "stages": ["push"]}),
            [
                (
                    ".pre-commit-config.yaml: the stages of the hook imgsim-guard leave out pre-commit, "
                    "so commits are not checked; add pre-commit to them"
                )
            ],
        ),
        (configuration({**ENTRY, "always_run": True, "stages": ["commit"]}, default_stages=["manual"]), []),
        ("repos: [{repo: 'https://x', rev: v1, hooks: [{id: imgsim-guard}]}]\ndefault_stages: [manual]", []),
        ("repos: [1, {hooks: 2}, {hooks: [3]}] # imgsim-guard", []),
        ("imgsim-guard: [", []),
    ],
)
def test_filters_of_pre_commit(tmp_path: Path, text: str, expected: list[str]) -> None:
    (tmp_path / ".pre-commit-config.yaml").write_text(text)
    assert list(filters(tmp_path)) == expected


def test_filters_of_lefthook(tmp_path: Path) -> None:
    jobs = [{"run": "imgsim-guard hook", "glob": "*.png"}, {"run": "imgsim-guard hook"}, {"run": "true", "glob": "*"}]
    (tmp_path / "lefthook.yml").write_text(yaml.safe_dump({"pre-commit": {"jobs": jobs}}))
    assert list(filters(tmp_path)) == ["lefthook.yml: lefthook may skip imgsim-guard because of glob: *.png; remove it"]


def test_doctor_counts_a_filter_as_a_problem(repository: Repository, cache: Path) -> None:  # noqa: ARG001
    repository.stage({**PICTURE, ".pre-commit-config.yaml": configuration(ENTRY, exclude="^data/")})
    install(repository, "pre-commit")
    assert marked(repository.guard("doctor", code=1)) == [
        f"{NO_ALWAYS_RUN}, nor files that a filter hides (exclude of all hooks: ^data/); add always_run: true"
    ]
