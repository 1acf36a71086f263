"""`imgsim-guard init` in real repositories, its files read by those they are written for: pre-commit, DVC and git."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from conftest import ROOT, Dataset, Outcome, Repository, encoded, pixels_of, random_picture
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from imgsim_guard import __version__
from imgsim_guard.cli import scaffold
from imgsim_guard.config.reader import load_settings, parse_settings
from imgsim_guard.config.settings import FILE_NAME, Settings
from imgsim_guard.gate.accepted import load_accepted
from imgsim_guard.gate.layout import SPLIT_WORDS
from imgsim_guard.gate.policy import policy_of
from imgsim_guard.model import Image
from imgsim_guard.sources.team_store import NO_PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PROGRAMS = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
[MANIFEST] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
SAID_BY_THE_MANIFEST_ALONE = ("description", "minimum_pre_commit_version")
ENTRY = {
    "repo": "local",
    "hooks": [
        {key: value for key, value in MANIFEST.items() if key not in SAID_BY_THE_MANIFEST_ALONE}
        | {"language": "system"}
    ],
}
ENTRY_BY_HAND = """\
  .pre-commit-config.yaml   add this under repos:
    - repo: local
      hooks:
      - id: imgsim-guard
"""
CHECK, EMBED = "imgsim-guard-check", "imgsim-guard-embed"


@pytest.fixture
def here(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository without a commit, as the working directory."""
    monkeypatch.chdir(repository.root)
    monkeypatch.setenv("PATH", PROGRAMS)
    return repository


@pytest.fixture
def in_dvc(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """A repository whose images DVC tracks, as the working directory."""
    monkeypatch.chdir(dataset.root)
    monkeypatch.setenv("PATH", PROGRAMS)
    return dataset


def tree(repository: Repository) -> dict[str, bytes | str]:
    """Every file and link, and what git was told of this clone."""
    paths = [path for path in repository.root.rglob("*") if ".git" not in path.relative_to(repository.root).parts]
    found: dict[str, bytes | str] = {}
    for path in (*paths, repository.root / ".git" / "config"):
        if path.is_symlink():
            found[str(path)] = str(path.readlink())
        elif path.is_file():
            found[str(path)] = path.read_bytes()
        else:
            found[str(path)] = "folder"
    return found


def pre_commit(repository: Repository, *arguments: str, code: int = 0) -> str:
    home = str(repository.root.parent / "pre-commit")
    return repository.run(sys.executable, "-m", "pre_commit", *arguments, code=code, PRE_COMMIT_HOME=home)


def stages(repository: Dataset) -> list[str]:
    return repository.dvc("stage", "list", "--name-only").split()


# What is written


def test_a_new_repository_gets_all_that_it_needs(here: Repository, guard: Callable[..., Outcome]) -> None:
    assert guard("init") == Outcome(
        0,
        "found no images tracked by git, git LFS or DVC yet\n"
        "  .imgsim-guard.yaml   written\n"
        "  .pre-commit-config.yaml   written\n"
        "  .imgsim-guard/accepted.yaml   written\n"
        "  .imgsim-guard/.gitattributes   written\n"
        "next:\n"
        "  add the files:   git add .imgsim-guard.yaml .pre-commit-config.yaml .imgsim-guard/accepted.yaml"
        " .imgsim-guard/.gitattributes\n"
        "  embed images:    imgsim-guard embed\n"
        "  install hooks:   pre-commit install -t pre-commit -t pre-merge-commit -t pre-push\n"
        '  set a baseline:  imgsim-guard accept --all --reason "there before the gate"\n',
        "",
    )
    assert load_settings(here.root / FILE_NAME) == Settings()
    pre_commit(here, "validate-config")
    configured = yaml.safe_load((here.root / ".pre-commit-config.yaml").read_text())
    assert configured == {
        "default_install_hook_types": ["pre-commit", "pre-merge-commit", "pre-push"],
        "repos": [ENTRY],
    }
    assert load_accepted(here.root / ".imgsim-guard" / "accepted.yaml") == []
    attribute = ".imgsim-guard/accepted.yaml: merge: union\n"
    assert here.git("check-attr", "merge", ".imgsim-guard/accepted.yaml") == attribute
    written = [FILE_NAME, ".imgsim-guard/.gitattributes", ".imgsim-guard/accepted.yaml", ".pre-commit-config.yaml"]
    assert here.git("ls-files", "--others").split() == written


def test_a_dvc_repository_also_gets_the_stage_and_what_merging_needs(
    in_dvc: Dataset, guard: Callable[..., Outcome]
) -> None:
    code, out, err = guard("init", "--dvc")
    assert (code, err) == (0, "")
    assert out.startswith("found images: 4 in DVC\n")
    assert "  share it:        commit, then imgsim-guard sync; run imgsim-guard init --dvc once in each clone\n" in out
    assert stages(in_dvc) == [CHECK]
    pipeline = yaml.safe_load((in_dvc.root / "dvc.yaml").read_text())
    assert pipeline["stages"][CHECK]["deps"] == ["data/images", ".imgsim-guard/accepted.yaml"]
    assert in_dvc.git("check-attr", "merge", "data/images.dvc") == "data/images.dvc: merge: dvc\n"
    ignored = [".imgsim-guard/store", ".imgsim-guard/previews"]
    assert in_dvc.git("check-ignore", *ignored).split() == ignored
    assert in_dvc.git("config", "merge.dvc.driver").startswith("dvc git-hook merge-driver ")


def test_the_store_may_be_an_output_of_the_pipeline(in_dvc: Dataset, guard: Callable[..., Outcome]) -> None:
    assert guard("init", "--stages", "embed").code == 0
    assert stages(in_dvc) == [EMBED, CHECK]
    assert "imgsim-guard embed --worktree --publish" in in_dvc.dvc("repro", "--dry", EMBED)


@pytest.mark.parametrize("arguments", [(), ("--dvc",), ("--stages", "embed")])
def test_a_second_time_nothing_changes(
    in_dvc: Dataset, arguments: tuple[str, ...], guard: Callable[..., Outcome]
) -> None:
    guard("init", *arguments)
    before = tree(in_dvc)
    code, out, _ = guard("init", *arguments)
    assert (code, "written" in out, "git config" in out) == (0, False, False)
    assert tree(in_dvc) == before


def test_images_that_are_not_tracked_yet_are_to_be_added(in_dvc: Dataset, guard: Callable[..., Outcome]) -> None:
    picture = encoded(random_picture(1))
    in_dvc.write({"b.png": picture, **{f"own/{number}.png": picture for number in range(6)}})
    in_dvc.dvc("add", "--quiet", "b.png")
    assert "  add images:      git add -- . own    (7 not tracked yet)\n" in guard("init").out
    in_dvc.git("add", "--all")
    assert "add images:" not in guard("init").out


@pytest.mark.parametrize("arguments", [(), ("--dvc",), ("--stages", "embed")])
def test_a_dry_run_shows_all_and_writes_nothing(
    in_dvc: Dataset, arguments: tuple[str, ...], guard: Callable[..., Outcome]
) -> None:
    before = tree(in_dvc)
    code, dry, _ = guard("init", "--dry-run", *arguments)
    assert (code, "next:" in dry) == (0, False)
    assert tree(in_dvc) == before
    guard("init", *arguments)
    for path in set(tree(in_dvc)) - set(before):
        if Path(path).is_file():
            shown = "".join(f"    | {line}\n" for line in Path(path).read_text().splitlines())
            assert f"  {Path(path).relative_to(in_dvc.root)}   would be written\n{shown}" in dry


def test_images_are_counted_by_tracker(in_dvc: Dataset, guard: Callable[..., Outcome]) -> None:
    in_dvc.git("lfs", "install", "--local")
    in_dvc.git("lfs", "track", "*.png")
    in_dvc.commit({"a.png": "behind a pointer", "b.jpg": "in git", "untracked.txt": ""})
    assert guard("init", "--dry-run").out.startswith("found images: 1 in git, 1 in git LFS, 4 in DVC\n")


def test_images_whose_list_is_elsewhere_are_not_passed_over_in_silence(
    dataset: Dataset, tmp_path: Path, guard: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = dataset.clone(tmp_path / "clone")
    monkeypatch.chdir(clone.root)
    assert guard("init", "--dvc").out.startswith(
        "found no images tracked by git, git LFS or DVC yet\n"
        "  data/images   not listed: data/images.dvc: its list of files is not in DVC's cache; "
        "run dvc pull data/images.dvc, or dvc commit after dvc add --no-commit\n"
    )
    assert yaml.safe_load((clone.root / "dvc.yaml").read_text())["stages"][CHECK]["deps"][0] == "data/images"


def test_without_a_dvc_repository_there_is_nothing_for_its_stage(
    here: Repository, guard: Callable[..., Outcome]
) -> None:
    complaint = f"imgsim-guard: {NO_PROJECT}\n"
    assert guard("init", "--dvc") == Outcome(2, "", complaint)
    assert here.git("status", "--porcelain") == ""


@pytest.mark.usefixtures("dvcs_folders", "cache")
def test_a_dvc_project_in_a_subfolder(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules stay in the root; store and pipeline are in the project, since DVC tracks nothing outside it."""
    (repository.root / "ml").mkdir()
    project = Dataset(repository.root / "ml")
    project.dvc("init", "--quiet", "--subdir")
    project.add({"data/a.png": encoded(random_picture(1))}, "data")
    repository.commit({"other/b.png": encoded(random_picture(2))})
    monkeypatch.setenv("PATH", PROGRAMS)
    complaint = f"imgsim-guard: {NO_PROJECT}\n"
    assert repository.guard("init", "--dvc", code=2) == complaint
    project.guard("init", "--dvc")
    assert "store: ml/.imgsim-guard/store   # in the DVC project\n" in (repository.root / FILE_NAME).read_text()
    project.guard("embed")
    said = project.guard("sync")
    assert "  share it:   dvc push .imgsim-guard/store.dvc\n" in said  # run in the project, where sync was run
    assert repository.git("ls-files", "ml/.imgsim-guard") == "ml/.imgsim-guard/.gitignore\nml/.imgsim-guard/store.dvc\n"
    project.dvc("repro", "--quiet")
    assert json.loads((project.root / "reports/imgsim-guard/metrics.json").read_text())["images"] == 2
    deps = yaml.safe_load((project.root / "dvc.yaml").read_text())["stages"][CHECK]["deps"]
    assert deps == ["data", "../other", "../.imgsim-guard/accepted.yaml"]
    repository.write({FILE_NAME: "threshold: 9\n"})
    assert project.guard("init", "--dvc", code=2) == (
        "imgsim-guard: .imgsim-guard/store is not in the DVC project in ml, which cannot track it; "
        "set store: ml/.imgsim-guard/store in .imgsim-guard.yaml\n"
    )


def test_hooks_of_dvc_and_of_this_are_installed_together(in_dvc: Dataset, guard: Callable[..., Outcome]) -> None:
    assert guard("init", "--dvc").code == 0
    in_dvc.dvc("install", "--use-pre-commit-tool")
    pre_commit(in_dvc, "install")
    hooks = {path.name for path in (in_dvc.root / ".git" / "hooks").iterdir() if path.suffix != ".sample"}
    assert hooks == {"pre-commit", "pre-merge-commit", "pre-push", "post-checkout"}


# Splits


def splits_of(paths: Iterable[str]) -> dict[str, str | list[str]]:
    """Those of the configuration that is written for these images, which is otherwise that of the defaults."""
    text = scaffold.configuration(None, [Image(path, "git:0") for path in paths]).text
    assert text is not None
    settings = parse_settings(text, name="f")
    assert settings == Settings(splits=settings.splits)
    policy_of(settings)
    return settings.splits


@pytest.mark.parametrize(
    ("paths", "splits"),
    [
        (["data/train/a.png", "data/test/a.png"], {"train": "data/train/**", "test": "data/test/**"}),
        (["Training/a.png", "DEV/a.png"], {"train": "Training/**", "val": "DEV/**"}),
        (
            ["cats/train/a.png", "dogs/train/a.png", "holdout/a.png"],
            {"train": ["cats/train/**", "dogs/train/**"], "test": "holdout/**"},
        ),
        (["train/test/a.png", "train/val/a.png", "val/train/a.png"], {"train": "train/**", "val": "val/**"}),
        (["train/a.png", "trained/a.png", "a/train.png", "test.png"], {}),
        ([], {}),
    ],
)
def test_folders_that_are_called_as_splits_become_splits(paths: list[str], splits: dict[str, str | list[str]]) -> None:
    assert splits_of(paths) == splits


def test_many_folders_of_a_split_are_named_by_one_pattern() -> None:
    paths = [f"patient-{number}/{split}/a.png" for number in range(9) for split in ("train", "Test")]
    assert splits_of(paths) == {"train": "**/train/**", "test": "**/Test/**"}


def test_many_folders_of_splits_within_splits_are_left_to_people() -> None:
    paths = [f"patient-{number}/{split}/a.png" for number in range(9) for split in ("train", "test")]
    assert splits_of([*paths, "patient-0/train/test/a.png"]) == {}


FOLDERS = st.sampled_from(["train", "Test", "val", "dev", "a", "b c", " x", "!y", "#z", "[1]", "*", "?", "\\", ": ,{"])
NAMES = FOLDERS | st.text(min_size=1, max_size=4).filter(lambda name: not {*name} & {"/", "\0"} and name not in "..")


@settings(max_examples=60)
@given(st.lists(st.lists(NAMES, min_size=1, max_size=4), max_size=8))
def test_whatever_folders_are_called_each_image_is_in_the_split_of_the_topmost(folders: list[list[str]]) -> None:
    paths = ["/".join([*parts, "a.png"]) for parts in folders]
    splits = splits_of(paths)
    assume(splits)
    policy = policy_of(Settings(splits=splits))
    words = {word: name for name, words in SPLIT_WORDS.items() for word in words}
    for parts, path in zip(folders, paths, strict=True):
        expected = next((words[part.lower()] for part in parts if part.lower() in words), "")
        assert policy.split(path) == expected


def test_a_folder_whose_name_is_no_text_is_in_its_split_too(here: Repository, guard: Callable[..., Outcome]) -> None:
    here.stage({os.fsdecode(b"\xff/train/a.png"): "a", "caf\u00e9, too/test/b.png": "b"})
    assert guard("init").code == 0
    assert load_settings(here.root / FILE_NAME).splits == {"train": "?/train/**", "test": "caf\u00e9, too/test/**"}
    assert "is in the split train (splits.train: ?/train/**)" in guard("config", os.fsdecode(b"\xff/train/a.png")).out


# What is there already


OTHER = "repo: https://example.com/other\n{0}rev: v1\n{0}hooks:\n{0}- id: other\n"
OURS = "- " + OTHER.format("  ")
TO_BE_ADDED_TO = {
    "an entry at the margin": f"repos:\n{OURS}",
    "an indented entry": "repos:\n    - " + OTHER.format("      "),
    "comments and empty lines": f"# ours\n\nrepos:  # of hooks\n\n  # the other\n{OURS}\n\n# the end",
    "keys before": f"fail_fast: true\nci:\n  skip: [other]\nrepos:\n{OURS}",
    "CRLF": f"repos:\n{OURS}".replace("\n", "\r\n"),
    "a byte order mark": f"\ufeffrepos:\n{OURS}",
    "no newline at the end": f"repos:\n{OURS}".rstrip("\n"),
    "another mention of the name": f"exclude: ^.imgsim-guard/\nrepos:\n{OURS}",
    "no entries yet": "fail_fast: true\nrepos:\n",
    "an anchor": "minimum_pre_commit_version: &v '3.2.0'\nrepos:\n" + OURS.replace("v1", "*v"),
}


@pytest.mark.parametrize("present", TO_BE_ADDED_TO.values(), ids=TO_BE_ADDED_TO)
def test_the_hook_is_added_to_what_pre_commit_runs_already(
    here: Repository, present: str, guard: Callable[..., Outcome]
) -> None:
    here.write({".pre-commit-config.yaml": present})
    assert "  .pre-commit-config.yaml   written\n" in guard("init").out
    text = (here.root / ".pre-commit-config.yaml").read_bytes().decode()
    assert text.startswith(present)
    assert ("\r\n" in present) == ("\r\n" in text)
    assert text.count("\n") == text.count("\r\n") or "\r" not in text
    before, after = yaml.safe_load(present), yaml.safe_load(text)
    assert after == {**before, "repos": [*(before["repos"] or []), ENTRY]}
    pre_commit(here, "validate-config")


@pytest.mark.parametrize("present", ["", "\n\n"])
def test_an_empty_configuration_of_pre_commit_is_written_whole(
    here: Repository, present: str, guard: Callable[..., Outcome]
) -> None:
    guard("init")
    whole = (here.root / ".pre-commit-config.yaml").read_bytes()
    here.write({".pre-commit-config.yaml": present})
    guard("init")
    assert (here.root / ".pre-commit-config.yaml").read_bytes() == whole


@pytest.mark.parametrize(
    "present",
    [
        f"repos:\n{OURS}ci:\n  skip: [other]\n",
        "repos: []\n",
        "repos: [{repo: local, hooks: []}]\n",
        "repos: 5\n",
        "- repos\n",
        "only words\n",
        f"repos:\n{OURS}...\n",
        f"repos:\n{OURS}---\n",
        f"repos:\n{OURS}<<<<<<< HEAD\n",
        "repos:\n\t- tab\n",
        f"repos:\n{OURS}  # told on 2026-13-45\nwhen: 2026-13-45\n",
        "[" * 500,
    ],
)
def test_what_cannot_be_added_to_safely_is_left_alone_and_the_entry_is_shown(
    here: Repository, present: str, guard: Callable[..., Outcome]
) -> None:
    here.write({".pre-commit-config.yaml": present})
    code, out, _ = guard("init")
    assert (code, ENTRY_BY_HAND in out) == (0, True)
    assert (here.root / ".pre-commit-config.yaml").read_text() == present


PLAIN_STAGE = "  other:\n    cmd: echo\n"


@pytest.mark.parametrize(
    "present",
    [
        f"stages:\n{PLAIN_STAGE}",
        f"vars:\n- a: 1\nstages:\n\n  # ours\n{PLAIN_STAGE}\n\n",
        "stages:\n    other:\n        cmd: echo imgsim-guard\n",
        "stages:\n",
        "params:\n- params.yaml\n",
        "# nothing yet\n",
        "",
    ],
)
def test_the_stage_is_added_to_the_pipeline(in_dvc: Dataset, present: str, guard: Callable[..., Outcome]) -> None:
    in_dvc.write({"dvc.yaml": present, "params.yaml": ""})
    assert "  dvc.yaml   written\n" in guard("init", "--dvc").out
    assert (in_dvc.root / "dvc.yaml").read_text().startswith(present)
    assert stages(in_dvc) == (["other", CHECK] if "other" in present else [CHECK])


@pytest.mark.parametrize(
    "present", [f"stages:\n{PLAIN_STAGE}plots:\n- a.csv\n", "stages:\n- a: b\n", "stages: {}\n", "stages: [", "[]"]
)
def test_a_pipeline_that_cannot_be_added_to_safely_is_left_alone_and_the_stage_is_shown(
    in_dvc: Dataset, present: str, guard: Callable[..., Outcome]
) -> None:
    in_dvc.write({"dvc.yaml": present})
    code, out, _ = guard("init", "--dvc")
    assert (code, f"  dvc.yaml   add this under stages:\n      {CHECK}:\n        desc: Fail" in out) == (0, True)
    assert (in_dvc.root / "dvc.yaml").read_text() == present


def test_lines_are_added_once_and_end_as_the_others_do(in_dvc: Dataset, guard: Callable[..., Outcome]) -> None:
    in_dvc.write({".gitattributes": "*.bin binary\r\n*.txt text", ".imgsim-guard/.gitignore": "/store\n"})
    guard("init", "--dvc")
    assert (in_dvc.root / ".gitattributes").read_bytes() == b"*.bin binary\r\n*.txt text\r\n*.dvc merge=dvc\r\n"
    assert (in_dvc.root / ".imgsim-guard" / ".gitignore").read_text() == "/store\n/previews\n"


def test_a_merge_driver_that_is_configured_stays(in_dvc: Dataset, guard: Callable[..., Outcome]) -> None:
    in_dvc.git("config", "merge.dvc.driver", "my-own %A")
    out = guard("init", "--dvc").out
    assert ("git config merge.dvc.name   set, for this clone" in out, "merge.dvc.driver" in out) == (True, False)
    assert in_dvc.git("config", "--get-all", "merge.dvc.driver") == "my-own %A\n"


def test_an_own_configuration_is_kept_and_followed(here: Repository, guard: Callable[..., Outcome]) -> None:
    here.write({FILE_NAME: 'images: ["data/**"]\naccepted: .imgsim-guard/fine.yaml\n'})
    here.stage({"data/a.png": "a", "icon.png": "b"})
    out = guard("init").out
    assert out.startswith("found images: 1 in git\n  .imgsim-guard.yaml   already exists\n")
    assert here.git("check-attr", "merge", ".imgsim-guard/fine.yaml") == ".imgsim-guard/fine.yaml: merge: union\n"


def test_a_link_stays_a_link(here: Repository, guard: Callable[..., Outcome]) -> None:
    here.write({"shared/hooks.yaml": f"repos:\n{OURS}"})
    (here.root / ".pre-commit-config.yaml").symlink_to("shared/hooks.yaml")
    assert guard("init").code == 0
    assert (here.root / ".pre-commit-config.yaml").readlink() == Path("shared/hooks.yaml")
    assert "imgsim-guard" in (here.root / "shared" / "hooks.yaml").read_text()


# What cannot be written


def test_nothing_is_written_through_a_link_that_leads_out(
    here: Repository, tmp_path: Path, guard: Callable[..., Outcome]
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (here.root / ".imgsim-guard").symlink_to(tmp_path / "elsewhere")
    code, _, err = guard("init")
    complaint = "cannot write .imgsim-guard/accepted.yaml: it is a link to a place outside the repository"
    assert (code, err) == (2, f"imgsim-guard: {complaint}\n")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def occupied_by_a_folder(root: Path, name: str) -> None:
    (root / name).mkdir(parents=True)


def not_utf_8(root: Path, name: str) -> None:
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_bytes(b"caf\xe9")


def dangling(root: Path, name: str) -> None:
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).symlink_to("nowhere")


@pytest.mark.parametrize("name", [".pre-commit-config.yaml", ".imgsim-guard/.gitattributes", "dvc.yaml"])
@pytest.mark.parametrize(
    ("made", "complaint"),
    [
        (occupied_by_a_folder, "cannot read {}: Is a directory"),
        (not_utf_8, "cannot read {}: not a text file in UTF-8; save it as UTF-8"),
        (dangling, "cannot read {}: No such file or directory"),
    ],
)
def test_what_cannot_be_read_is_said_and_nothing_is_written(
    here: Repository, name: str, made: Callable[[Path, str], None], complaint: str, guard: Callable[..., Outcome]
) -> None:
    made(here.root, name)
    (here.root / ".dvc").mkdir()
    before = tree(here)
    code, _, err = guard("init", "--dvc")
    assert (code, err) == (2, f"imgsim-guard: {complaint.format(name)}\n")
    assert tree(here) == before


def test_a_file_in_the_place_of_the_folder_is_said_and_nothing_is_written(
    here: Repository, guard: Callable[..., Outcome]
) -> None:
    here.write({".imgsim-guard": "a file"})
    code, _, err = guard("init")
    assert (code, err) == (
        2,
        "imgsim-guard: cannot write .imgsim-guard/accepted.yaml: .imgsim-guard is not a folder\n",
    )
    assert here.git("ls-files", "--others") == ".imgsim-guard\n"


def test_a_folder_that_may_not_be_written_is_said_and_nothing_is_written(here: Repository) -> None:
    """To root everything is permitted, unless it gives that right up."""
    rights = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    folder = here.root / ".imgsim-guard"
    folder.mkdir()
    folder.chmod(0o555)
    try:
        out = here.run(*rights, sys.executable, "-P", "-m", "imgsim_guard", "init", code=2)
    finally:
        folder.chmod(0o755)
    complaint = f"cannot write .imgsim-guard/accepted.yaml: no permission in the folder {folder}"
    assert out.splitlines()[-1] == f"imgsim-guard: {complaint}"
    assert here.git("ls-files", "--others") == ""


def test_a_mistaken_configuration_is_told_before_anything_is_written(
    here: Repository, guard: Callable[..., Outcome]
) -> None:
    here.write({FILE_NAME: "treshold: 5\n"})
    assert guard("init").code == 2
    assert here.git("ls-files", "--others") == f"{FILE_NAME}\n"


# What the stage depends on


@pytest.mark.parametrize(
    ("outs", "images", "expected"),
    [
        ([], [], []),
        (["data/images"], [], ["data/images"]),
        (["data/images"], ["raw/a.png", "raw/b.png"], ["data/images", "raw"]),
        (["data/images"], ["data/a.png"], ["data"]),
        (["data/a.png", "data/b.png"], [], ["data"]),
        ([], ["a/b/c.png", "a/d.png"], ["a"]),
        ([], ["a.png", "b/c.png"], ["", "b"]),
        (["a.png"], [], [""]),
        ([], ["b\nc/a.png"], [""]),
        ([f"data/{number}" for number in range(9)], [], ["data"]),
        ([], [f"{number}/a.png" for number in range(9)], [str(number) for number in range(9)]),
    ],
)
def test_a_stage_depends_on_all_that_holds_images(outs: list[str], images: list[str], expected: list[str]) -> None:
    assert scaffold.dependencies(outs, [Image(path, "git:0") for path in images]) == expected


@pytest.mark.parametrize("kind", ["check", "embed"])
def test_a_stage_over_images_in_the_root_runs_every_time(
    in_dvc: Dataset, kind: str, guard: Callable[..., Outcome]
) -> None:
    in_dvc.dvc("remove", "data/images.dvc")
    in_dvc.git("rm", "--quiet", "--cached", "data/images.dvc")
    in_dvc.stage({"a.png": "a"})
    guard("init", "--stages", kind)
    written = yaml.safe_load((in_dvc.root / "dvc.yaml").read_text())["stages"]
    assert all(stage["always_changed"] for stage in written.values())
    assert stages(in_dvc) == ([CHECK] if kind == "check" else [EMBED, CHECK])
    assert "Running stage" in in_dvc.dvc("repro", "--dry")


def test_folders_reach_dvc_by_their_names_whatever_those_are(in_dvc: Dataset, guard: Callable[..., Outcome]) -> None:
    folders = ["#c", "- d", "1e3", "[e]", "a: b", "caf\u00e9", "it's"]
    in_dvc.stage({f"{folder}/a.png": folder for folder in [*folders, "${f}"]})
    in_dvc.dvc("remove", "data/images.dvc")
    in_dvc.git("rm", "--quiet", "--cached", "data/images.dvc")
    shutil.rmtree(in_dvc.root / "data")
    guard("init", "--dvc")
    pipeline = yaml.safe_load((in_dvc.root / "dvc.yaml").read_text())
    pipeline["stages"][CHECK] = {"cmd": "true", "deps": pipeline["stages"][CHECK]["deps"]}
    in_dvc.write({"dvc.yaml": json.dumps(pipeline)})  # which PyYAML would write with 1e3 as a number to DVC
    in_dvc.dvc("repro")
    found = yaml.safe_load((in_dvc.root / "dvc.lock").read_text())["stages"][CHECK]["deps"]
    assert {one["path"] for one in found} == {*folders, "${f}", ".imgsim-guard/accepted.yaml"}


# What comes next


def steps(said: str) -> dict[str, str]:
    """The commands that are shown, by what they are for."""
    return dict(re.findall(r"^  ([\w ]+): +(.*)$", said.partition("next:\n")[2], re.MULTILINE))


def test_the_files_can_be_added_from_a_subfolder(
    here: Repository, guard: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    (here.root / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(here.root / "a" / "b")
    command = steps(guard("init").out)["add the files"]
    subprocess.run(["sh", "-c", command], check=True)
    assert len(here.git("diff", "--cached", "--name-only").split()) == 4


def installed(folder: Path, origin: object) -> dict[str, str]:
    """The environment in which this package counts as installed from there, as pip writes it down."""
    written = folder / f"imgsim_guard-{__version__}.dist-info"
    written.mkdir(parents=True)
    (written / "METADATA").write_text(f"Metadata-Version: 2.1\nName: imgsim-guard\nVersion: {__version__}\n")
    if origin is not None:
        (written / "direct_url.json").write_text(json.dumps(origin))
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]), "PATH": PROGRAMS}


@pytest.mark.usefixtures("pre_commit_home", "users_folders", "cache")
@pytest.mark.parametrize("by", ["repository", "command"])
def test_the_steps_that_are_shown_lead_to_a_gate(repository: Repository, hook_repository: Repository, by: str) -> None:
    """A repository with a duplicate that nobody minded so far; the entry is used as `init` writes it."""
    other, new = (encoded(random_picture(seed, 120, 160)) for seed in (1, 2))
    cat = encoded(pixels_of("chelsea.png")[::3, ::3])
    repository.commit({"train/cat.png": cat, "test/cat.png": cat, "train/other.png": other})
    revision = hook_repository.git("rev-parse", "HEAD").strip()
    git = {"url": f"file://{hook_repository.root}", "vcs_info": {"vcs": "git", "commit_id": revision}}
    todo = steps(
        repository.guard(
            "init", code=0, **installed(repository.root.parent / "site", git if by == "repository" else None)
        )
    )
    assert (f"rev: {revision}" in (repository.root / ".pre-commit-config.yaml").read_text()) == (by == "repository")
    for step in ("add the files", "embed images", "install hooks", "set a baseline"):
        repository.run("sh", "-c", todo.pop(step), PATH=PROGRAMS)
    assert todo == {}
    hooks = {path.name for path in (repository.root / ".git" / "hooks").iterdir() if path.suffix != ".sample"}
    assert hooks == {"pre-commit", "pre-merge-commit", "pre-push"}
    repository.git("commit", "--quiet", "-m", "the gate", PATH=PROGRAMS)

    repository.stage({"train/new.png": new, "train/copy.png": cat})
    refused = repository.git("commit", "--quiet", "-m", "a copy", code=1, PATH=PROGRAMS)
    assert "train/copy.png   exact duplicate of   test/cat.png    same bytes, leakage: train -> test\n" in refused
    assert "1 exact duplicate among 2 new images, checked against 4 in " in refused
    repository.git("reset", "--quiet", "--", "train/copy.png")
    repository.git("commit", "--quiet", "-m", "no copy", PATH=PROGRAMS)
    assert "1 accepted (--verbose lists them).\n" in repository.guard("check", "--all")


COMMIT = "0123456789" * 4
FROM_GIT = {"url": "https://example.com/x.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (FROM_GIT, "https://example.com/x.git"),
        ({**FROM_GIT, "url": "ssh://git@example.com/x"}, "ssh://git@example.com/x"),
        ({**FROM_GIT, "url": "https://me:secret@example.com/x"}, "local"),
        ({**FROM_GIT, "subdirectory": "python"}, "local"),
        ({**FROM_GIT, "vcs_info": {"vcs": "hg", "commit_id": COMMIT}}, "local"),
        ({**FROM_GIT, "vcs_info": {"vcs": "git"}}, "local"),
        ({"url": "file:///a.whl", "archive_info": {}}, "local"),
        ({"url": "file:///checkout", "dir_info": {"editable": True}}, "local"),
        ([], "local"),
        (None, "local"),
    ],
)
def test_the_entry_names_where_this_was_installed_from(
    repository: Repository, tmp_path: Path, origin: object, expected: str
) -> None:
    repository.guard("init", code=0, **installed(tmp_path / "site", origin))
    [entry] = yaml.safe_load((repository.root / ".pre-commit-config.yaml").read_text())["repos"]
    assert (entry["repo"], entry.get("rev", COMMIT)) == (expected, COMMIT)


def test_a_command_that_is_not_on_the_path_is_named_by_its_python(
    here: Repository, guard: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(Path(shutil.which("git") or "").parent))
    assert guard("init").code == 0
    [entry] = yaml.safe_load((here.root / ".pre-commit-config.yaml").read_text())["repos"]
    command = entry["hooks"][0]["entry"]
    assert command == f"{shlex.quote(sys.executable)} -m imgsim_guard hook"
    assert here.run(*shlex.split(command), "--verbose") == "no new images.\n"


def test_the_templates_are_those_that_people_copy() -> None:
    for published, template in (("dvc.yaml", "dvc-check.yaml"), ("dvc-embed.yaml", "dvc-embed.yaml")):
        copied = (ROOT / "hooks" / published).read_bytes()
        assert copied == (ROOT / "imgsim_guard" / "cli" / "templates" / template).read_bytes()


def test_what_stages_derive_is_no_part_of_the_dataset_and_of_the_check(
    in_dvc: Dataset, guard: Callable[..., Outcome]
) -> None:
    outs = [{"path": path, "md5": "1" * 32} for path in ("plots/a.png", "train/a.png")]
    lock = {"schema": "2.0", "stages": {"copy": {"deps": [{"path": "data/images"}], "outs": outs}}}
    in_dvc.stage({"dvc.lock": json.dumps(lock), "dvc.yaml": "stages:\n  copy:\n    cmd: x\n"})
    guard("init", "--dvc")
    assert load_settings(in_dvc.root / FILE_NAME).images == ["**", "!/plots/a.png/**"]
    pipeline = yaml.safe_load((in_dvc.root / "dvc.yaml").read_text())
    assert pipeline["stages"][CHECK]["deps"] == ["data/images", ".imgsim-guard/accepted.yaml"]
