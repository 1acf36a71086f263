"""`imgsim-guard init` in real repositories, its files read by those they are written for: pre-commit, DVC and git."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from conftest import ROOT, Dataset, Outcome, Repository
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from imgsim_guard import __version__, scaffold
from imgsim_guard.model import Image
from imgsim_guard.policy import policy_of
from imgsim_guard.settings import FILE_NAME, Settings, load_settings, parse_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PROGRAMS = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
PUBLISHED, RELEASE = "https://github.com/imgsim-guard/imgsim-guard", f"v{__version__}"
ENTRY = {"repo": PUBLISHED, "rev": RELEASE, "hooks": [{"id": "imgsim-guard"}]}
ENTRY_BY_HAND = f"""\
  .pre-commit-config.yaml   add this under repos:
    - repo: https://github.com/imgsim-guard/imgsim-guard
      rev: v{__version__}
      hooks:
      - id: imgsim-guard
"""
CHECK, EMBED = "imgsim-guard-check", "imgsim-guard-embed"


@pytest.fixture
def here(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository without a commit, as the working directory."""
    monkeypatch.chdir(repository.root)
    return repository


@pytest.fixture
def in_dvc(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """A repository whose images DVC tracks, as the working directory."""
    monkeypatch.chdir(dataset.root)
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
    words = {word: name for name, words in scaffold.SPLITS.items() for word in words}
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
    complaint = "cannot write .imgsim-guard/accepted.yaml: it is a link that leads out of the repository"
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
        (not_utf_8, "cannot read {}: not a text file in UTF-8"),
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
    complaint = f"cannot write .imgsim-guard/accepted.yaml: not permitted in the folder {folder}"
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
    guard("init", "--dvc")
    pipeline = yaml.safe_load((in_dvc.root / "dvc.yaml").read_text())
    pipeline["stages"][CHECK] = {"cmd": "true", "deps": pipeline["stages"][CHECK]["deps"]}
    in_dvc.write({"dvc.yaml": json.dumps(pipeline)})  # which PyYAML would write with 1e3 as a number to DVC
    in_dvc.dvc("repro")
    found = yaml.safe_load((in_dvc.root / "dvc.lock").read_text())["stages"][CHECK]["deps"]
    assert {one["path"] for one in found} == {*folders, "${f}", ".imgsim-guard/accepted.yaml"}


def test_the_templates_are_those_that_people_copy() -> None:
    for published, template in (("dvc.yaml", "dvc-check.yaml"), ("dvc-embed.yaml", "dvc-embed.yaml")):
        copied = (ROOT / "hooks" / published).read_bytes()
        assert copied == (ROOT / "imgsim_guard" / "templates" / template).read_bytes()
