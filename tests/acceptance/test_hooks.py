"""The hooks as people install them: the real pre-commit framework, the plain hook, real commits, the real model."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from conftest import ROOT, Dataset, Repository, encoded, photograph

from imgsim_guard.images.decode import decode
from imgsim_guard.model import Unreadable
from imgsim_guard.sources.selection import SUFFIXES, has_image_suffix, is_dvc_file

LARGEST_ENVIRONMENT = 420_000_000

SECONDS = re.compile(r"\d+\.\d s")


def edited(name: str) -> bytes:
    """A photograph cropped to 90 % of its width, made smaller and saved as JPEG."""
    pixels = decode(photograph(name))
    assert not isinstance(pixels, Unreadable)
    width = pixels.shape[1]
    cropped = pixels[:, width // 20 : -width // 20]
    smaller = np.asarray(cv2.resize(cropped, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA), np.uint8)
    return encoded(smaller, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 80)


class Guarded(Repository):
    """A dataset's repository with the hook installed by the pre-commit framework."""

    def pre_commit(self, *arguments: str, code: int = 0, **environment: str) -> str:
        return self.run(sys.executable, "-m", "pre_commit", *arguments, code=code, **environment)


@pytest.fixture
def installed(repository: Repository, hook_environment: str) -> Guarded:
    """A repository with the hooks installed."""
    made = Guarded(repository.root)
    made.stage({".pre-commit-config.yaml": hook_environment})
    types = [f"--hook-type={name}" for name in ("pre-commit", "pre-merge-commit", "pre-push")]
    made.pre_commit("install", *types)
    return made


@pytest.fixture
def guarded(installed: Guarded, cache: Path) -> Guarded:  # noqa: ARG001  the hook's, from here on
    return installed


def test_a_commit_with_a_near_duplicate_is_refused_and_says_what_to_do(guarded: Guarded) -> None:
    guarded.commit({"data/cat.png": photograph("chelsea.png"), "data/rocket.jpg": photograph("rocket.jpg")})
    guarded.stage({"data/new.jpg": edited("chelsea.png"), "data/coffee.png": photograph("coffee.png")})
    before = guarded.git("rev-parse", "HEAD")
    output = guarded.git("commit", "--quiet", "-m", "duplicates", code=1)
    distance = re.search(r"distance (\d\.\d\d)", output)
    assert distance
    [accept] = re.findall(r"  keep it:           (.*imgsim-guard accept data/new\.jpg) --reason \"\.\.\.\"\n", output)
    output = re.sub(r"see it:  file:///\S+\.html\n", "see it:  ADDRESS\n", output)
    output = re.sub(r"- duration: \d+\.\d+s\n", "- duration: LONG\n", output)
    assert SECONDS.sub("N s", output) == (
        "imgsim-guard (near-duplicate images).....................................Failed\n"
        "- hook id: imgsim-guard\n"
        "- duration: LONG\n"
        "- exit code: 1\n"
        "\n"
        "see it:  ADDRESS\n"
        f"data/new.jpg   near-duplicate of    data/cat.png   distance {distance[1]} (threshold 10)\n"
        "               cropped to 90%, scaled to 80%; 145 matching points, 100% of the content matches\n"
        "1 near-duplicate among 2 new images, checked against 3 in N s.\n"
        "  drop it:           git reset -- data/new.jpg\n"
        f'  keep it:           {accept} --reason "..."\n'
        "  change the rules:  threshold, max_near_duplicates, unreadable and images in .imgsim-guard.yaml, "
        "then git add .imgsim-guard.yaml\n"
        "\n"
    )
    assert guarded.git("rev-parse", "HEAD") == before

    guarded.git("reset", "--", "data/new.jpg")
    guarded.git("commit", "--quiet", "-m", "without")
    assert guarded.git("show", "--format=", "--name-only", "HEAD") == "data/coffee.png\n"

    # The other way out, as the hook says it: with a program that is only in the hook's own environment.
    guarded.git("add", "data/new.jpg")
    guarded.git("commit", "--quiet", "-m", "with", code=1)
    guarded.run("sh", "-c", f'{accept} --reason "another crop"')
    guarded.git("commit", "--quiet", "-m", "with")
    committed = guarded.git("show", "--format=", "--name-only", "HEAD").split()
    assert committed == [".imgsim-guard/.gitattributes", ".imgsim-guard/accepted.yaml", "data/new.jpg"]


def test_a_commit_without_images_passes_without_a_word(guarded: Guarded) -> None:
    guarded.stage({"notes.txt": "x"})
    output = guarded.git("commit", "--quiet", "-m", "notes")
    assert re.fullmatch(
        r"imgsim-guard \(near-duplicate images\)\.+Passed\n- hook id: imgsim-guard\n- duration: [\d.]+s\n", output
    )


def test_a_merge_commit_after_a_conflict_elsewhere_is_refused(guarded: Guarded) -> None:
    guarded.commit({"notes.txt": "base"})
    guarded.git("checkout", "--quiet", "-b", "theirs")
    guarded.commit({"notes.txt": "theirs", "theirs.jpg": edited("chelsea.png")})
    guarded.git("checkout", "--quiet", "main")
    guarded.commit({"notes.txt": "ours", "ours.png": photograph("chelsea.png")})
    guarded.git("merge", "--quiet", "theirs", code=1)
    guarded.stage({"notes.txt": "both"})
    assert "theirs.jpg   near-duplicate of    ours.png" in guarded.git("commit", "-m", "merged", code=1)


def test_images_that_pre_commit_excludes_for_all_hooks_are_judged(guarded: Guarded) -> None:
    configuration = guarded.root / ".pre-commit-config.yaml"
    guarded.commit({configuration.name: f"exclude: ^data/\n{configuration.read_text()}"})
    guarded.commit({"data/cat.png": photograph("chelsea.png")})
    guarded.stage({"data/copy.jpg": edited("chelsea.png")})
    assert "data/copy.jpg   near-duplicate of    data/cat.png" in guarded.git("commit", "-m", "copy", code=1)


def test_a_push_of_a_branch_that_is_not_checked_out_is_judged(guarded: Guarded, tmp_path: Path) -> None:
    guarded.git("init", "--quiet", "--bare", str(tmp_path / "remote"))
    guarded.git("remote", "add", "origin", str(tmp_path / "remote"))
    guarded.commit({"cat.png": photograph("chelsea.png")})
    guarded.git("push", "--quiet", "origin", "main")
    guarded.git("checkout", "--quiet", "-b", "feature")
    guarded.stage({"copy.jpg": edited("chelsea.png")})
    guarded.git("commit", "--quiet", "--no-verify", "-m", "past the hook")
    guarded.git("checkout", "--quiet", "main")
    assert "copy.jpg   near-duplicate of    cat.png" in guarded.git("push", "--quiet", "origin", "feature", code=1)


def test_a_file_named_like_an_option_is_a_file(guarded: Guarded) -> None:
    guarded.commit({"cat.png": photograph("chelsea.png")})
    guarded.stage({"--config=rules.jpg": edited("chelsea.png")})
    assert "--config=rules.jpg   near-duplicate of    cat.png" in guarded.git("commit", "-m", "copy", code=1)


def test_named_files_alone_are_judged(guarded: Guarded) -> None:
    guarded.stage(
        {"cat.png": photograph("chelsea.png"), "copy.jpg": edited("chelsea.png"), "moon.png": photograph("moon.png")}
    )
    guarded.git("commit", "--quiet", "--no-verify", "-m", "past the hook")
    assert "among 1 image, checked against 2" in guarded.pre_commit("run", "--files", "moon.png")
    assert "copy.jpg   near-duplicate of    cat.png" in guarded.pre_commit("run", "--files", "copy.jpg", code=1)


def test_the_hook_leaves_nothing_in_the_repository(guarded: Guarded, cache: Path) -> None:
    guarded.commit({"cat.png": photograph("chelsea.png")})
    assert guarded.git("status", "--porcelain", "--ignored") == ""
    assert {path.suffix for path in cache.rglob("*") if path.is_file()} == {".safetensors", ".features"}


def test_a_merge_that_brings_a_near_duplicate_is_refused(guarded: Guarded) -> None:
    guarded.commit({"base.txt": "base"})
    guarded.git("checkout", "--quiet", "-b", "theirs")
    guarded.commit({"theirs.jpg": edited("chelsea.png")})
    guarded.git("checkout", "--quiet", "main")
    guarded.commit({"ours.png": photograph("chelsea.png")})
    assert "theirs.jpg   near-duplicate of    ours.png" in guarded.git("merge", "--no-edit", "theirs", code=1)


def test_a_push_judges_what_the_branch_adds(guarded: Guarded, tmp_path: Path) -> None:
    guarded.git("init", "--quiet", "--bare", str(tmp_path / "remote"))
    guarded.git("remote", "add", "origin", str(tmp_path / "remote"))
    guarded.commit({"cat.png": photograph("chelsea.png")})
    guarded.git("push", "--quiet", "origin", "main")
    guarded.stage({"copy.jpg": edited("chelsea.png")})
    guarded.git("commit", "--quiet", "--no-verify", "-m", "past the hook")
    output = guarded.git("push", "--quiet", "origin", "main", code=1)
    assert "copy.jpg   near-duplicate of    cat.png" in output
    assert "drop it:           git rm --cached -- copy.jpg" in output


def test_run_on_all_files_means_all_files(guarded: Guarded) -> None:
    guarded.stage({"cat.png": photograph("chelsea.png"), "copy.jpg": edited("chelsea.png")})
    guarded.git("commit", "--quiet", "--no-verify", "-m", "past the hook")
    output = guarded.pre_commit("run", "--all-files", code=1)
    assert "copy.jpg   near-duplicate of    cat.png" in output
    assert "1 near-duplicate among 2 images" in output


def test_images_that_dvc_tracks_are_judged_by_a_hook_that_has_no_dvc(guarded: Guarded) -> None:
    dataset = Dataset(guarded.root)
    dataset.dvc("init", "--quiet")
    dataset.add({"data/cat.png": photograph("chelsea.png"), "data/rocket.jpg": photograph("rocket.jpg")}, "data")
    dataset.git("commit", "--quiet", "-m", "images")
    dataset.add({"data/new.jpg": edited("chelsea.png")}, "data")
    output = dataset.git("commit", "--quiet", "-m", "more", code=1)
    assert "data/new.jpg   near-duplicate of    data/cat.png   distance " in output
    assert "1 near-duplicate among 1 new image, checked against 2 in " in output

    for manifest in dataset.root.rglob(".dvc/cache/**/*.dir"):
        manifest.unlink()
    (dataset.root / "data" / "new.jpg").unlink()
    output = dataset.git("commit", "--quiet", "-m", "more", code=1)
    assert "data   not checked: data.dvc: its list of files is not in DVC's cache; run dvc pull data.dvc" in output


def test_many_images_without_embeddings_stop_the_hook_until_they_are_embedded(guarded: Guarded) -> None:
    guarded.stage({".imgsim-guard.yaml": "max_missing_embeddings: 4"})
    names = ["chelsea.png", "rocket.jpg", "coffee.png", "coins.png", "moon.png"]
    guarded.stage({name: photograph(name) for name in names})
    output = guarded.git("commit", "-m", "many", code=1)
    asked = re.search(
        r"- exit code: 2\n\n"
        r"imgsim-guard: 5 images have no embedding yet\. Embedding them once takes about \d+ seconds\.\n"
        r"  embed them:  (.*imgsim-guard embed)    \(shows progress; can be interrupted and resumed\)\n"
        r"Then try again\.\n",
        output,
    )
    assert asked
    assert "new images: 1; embeddings in the store: 5" in guarded.run("sh", "-c", asked[1])
    guarded.git("commit", "--quiet", "-m", "many")


def test_a_mistake_in_the_configuration_fails_the_commit(guarded: Guarded) -> None:
    guarded.stage({".imgsim-guard.yaml": "treshold: 8\n", "cat.png": photograph("chelsea.png")})
    output = guarded.git("commit", "-m", "mistake", code=1)
    assert "- exit code: 2" in output
    assert ".imgsim-guard.yaml:1:1: unknown key 'treshold'; did you mean 'threshold'?" in output


@pytest.mark.usefixtures("guarded")
def test_the_hooks_environment_is_small_and_holds_no_torch(pre_commit_home: Path) -> None:
    found = pre_commit_home.glob("repo*/py_env-*/lib/*/*/imgsim_guard-*.dist-info")
    environment = next(found).parents[3]
    files = [path for path in environment.rglob("*") if path.is_file() and not path.is_symlink()]
    assert sum(path.stat().st_size for path in files) < LARGEST_ENVIRONMENT
    installed = {path.name.partition("-")[0].lower() for path in environment.rglob("*.dist-info")}
    assert installed & {"torch", "torchvision", "imgsim", "pre_commit", "dvc"} == set()
    assert list(environment.rglob("licenses/imgsim_guard/augnet/LICENSE-AugNet"))


# The plain hook.


@pytest.fixture
def plain(repository: Repository, cache: Path) -> Repository:  # noqa: ARG001  the hook's
    hook = repository.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    shutil.copy(ROOT / "hooks" / "pre-commit", hook)
    return repository


def with_the_command_on_the_path() -> dict[str, str]:
    return {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def path_without_the_command(folder: Path) -> str:
    """A PATH with the system's tools and nothing of Python's."""
    folder.mkdir()
    for tool in ("git", "grep", "sh"):
        (folder / tool).symlink_to(shutil.which(tool) or tool)
    return str(folder)


def test_the_plain_hook_refuses_a_near_duplicate(plain: Repository) -> None:
    plain.stage({"cat.png": photograph("chelsea.png"), "copy.jpg": edited("chelsea.png")})
    output = plain.git("commit", "-m", "duplicates", code=1, **with_the_command_on_the_path())
    assert "copy.jpg   near-duplicate of    cat.png" in output


def test_the_plain_hook_refuses_a_push(plain: Repository, tmp_path: Path) -> None:
    plain.git("init", "--quiet", "--bare", str(tmp_path / "remote.git"))
    hook = plain.root / ".git" / "hooks" / "pre-commit"
    hook.rename(hook.with_name("pre-push"))
    plain.commit({"cat.png": photograph("chelsea.png")})
    plain.git("push", "--quiet", "--no-verify", str(tmp_path / "remote.git"), "main")
    plain.commit({"copy.jpg": edited("chelsea.png")})
    push = ("push", str(tmp_path / "remote.git"), "main:other", "main")
    assert "copy.jpg   near-duplicate of    cat.png" in plain.git(*push, code=1, **with_the_command_on_the_path())
    assert "cannot be checked" in plain.git(*push, code=1, PATH=path_without_the_command(tmp_path / "bin"))
    assert "git named nothing" in plain.guard("hook", "--push")
    assert "no images are staged" in plain.guard("hook")


def test_the_plain_hook_does_nothing_for_a_commit_without_images(plain: Repository, tmp_path: Path) -> None:
    plain.stage({"notes.txt": "x", "png": "x", "jpg.txt": "x"})
    plain.git("commit", "--quiet", "-m", "notes", PATH=path_without_the_command(tmp_path / "bin"))


@pytest.mark.parametrize("name", ["a.png", "a.JPG", "café.png", "new\nline.tiff", "data/images.dvc", "sub/dvc.lock"])
def test_the_plain_hook_fails_closed_when_the_command_is_missing(plain: Repository, tmp_path: Path, name: str) -> None:
    plain.stage({name: "x"})
    output = plain.git("commit", "-m", "image", code=1, PATH=path_without_the_command(tmp_path / "bin"))
    assert output == (
        "imgsim-guard is not on the PATH, so the new images cannot be checked. Install it:\n"
        "  pip install imgsim-guard\n"
    )


FAILING_TOOLS: dict[str, dict[str, str | None]] = {
    "grep is not there": {"grep": None},
    "grep fails": {"grep": "echo grep: memory exhausted >&2; exit 2"},
    "grep is killed": {"grep": "kill -9 $$"},
    "git diff fails": {"git": 'case $1 in diff) exit 128;; esac; exec REAL "$@"'},
}


@pytest.mark.parametrize("fault", FAILING_TOOLS)
def test_the_plain_hook_fails_closed_when_a_tool_fails(plain: Repository, tmp_path: Path, fault: str) -> None:
    plain.stage({"notes.txt": "x"})
    folder = Path(path_without_the_command(tmp_path / "bin"))
    for tool, script in FAILING_TOOLS[fault].items():
        (folder / tool).unlink()
        if script is not None:
            (folder / tool).write_text("#!/bin/sh\n" + script.replace("REAL", shutil.which(tool) or tool))
            (folder / tool).chmod(0o755)
    said = plain.run("sh", ".git/hooks/pre-commit", code=2, PATH=str(folder))
    assert ("grep failed, so whether there are new images is not known" in said) == ("grep" in fault)


def test_the_plain_hook_finds_a_name_that_is_no_text(plain: Repository, tmp_path: Path) -> None:
    plain.git("config", "core.quotePath", "false")
    plain.stage({"caf\udce9.png": "x"})
    said = plain.git("commit", "-m", "image", code=1, PATH=path_without_the_command(tmp_path / "bin"), LC_ALL="C.UTF-8")
    assert "cannot be checked" in said


# The manifest.


def manifest() -> dict[str, object]:
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert isinstance(hook, dict)
    return hook


@pytest.mark.parametrize(
    "path",
    [
        *("a.jpg", "a.jpeg", "a.jpe", "a.jfif", "a.png", "a.webp", "a.bmp", "a.dib", "a.tif", "a.tiff", "a.gif"),
        *("a.avif", "a.heic", "a.heif", "a.jp2", "a.ppm", "a.pgm"),
        *("UP.JPG", "dir/a.Png", "data/images.dvc", "a.png.dvc", "dvc.lock", "sub/dvc.lock"),
        *("a.txt", "png", "a.png.txt", "dvc.yaml", "notdvc.lock", "a.svg", ".imgsim-guard.yaml", "a.jpgx"),
    ],
)
def test_the_manifest_starts_the_hook_for_what_the_program_looks_at(path: str) -> None:
    starts = bool(re.search(str(manifest()["files"]), path))
    assert starts == (has_image_suffix(path) or is_dvc_file(path))


def test_the_manifest_and_the_plain_hook_list_the_programs_suffixes() -> None:
    listed = SUFFIXES.pattern.removeprefix(r"\.(").removesuffix(")$")
    assert listed in str(manifest()["files"])
    assert listed in (ROOT / "hooks" / "pre-commit").read_text()


def test_the_plain_hook_is_executable() -> None:
    assert os.access(ROOT / "hooks" / "pre-commit", os.X_OK)
    subprocess.run(["sh", "-n", str(ROOT / "hooks" / "pre-commit")], check=True)
