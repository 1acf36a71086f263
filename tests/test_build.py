"""The distributions, built as pip builds them: in isolation, with the real weights."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from imgsim_guard.augnet import MODEL_SHA256
from imgsim_guard.augnet.checkpoint import CHECKPOINT_SHA256

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Repository

MODEL = "imgsim_guard/augnet/augnet.onnx"
LICENCE = "imgsim_guard/augnet/LICENSE-AugNet"


def build(source: Path, target: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(target), str(source)]
    variables = {**os.environ, **environment}
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


@pytest.fixture
def source(hook_repository: Repository, tmp_path: Path) -> Path:
    """A fresh checkout, without the model."""
    hook_repository.git("clone", "--quiet", str(hook_repository.root), str(tmp_path / "source"))
    return tmp_path / "source"


@pytest.mark.usefixtures("users_folders")
def test_a_wheel_carries_the_recorded_model_and_the_weights_licence(source: Path, tmp_path: Path) -> None:
    result = build(source, tmp_path / "wheels")
    assert result.returncode == 0, result.stderr
    [wheel] = (tmp_path / "wheels").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        assert hashlib.sha256(archive.read(MODEL)).hexdigest() == MODEL_SHA256
        licence = archive.read(LICENCE).decode()
        names = archive.namelist()
    assert "imgsim_guard/report/schemas/report-1.schema.json" in names
    assert CHECKPOINT_SHA256 in licence
    assert "MIT License" in licence
    assert any(re.fullmatch(rf"imgsim_guard-.*\.dist-info/licenses/{LICENCE}", name) for name in names)
    assert "imgsim_guard/report/templates/report.html" in names
    assert not [name for name in names if name.startswith(("tests", "benchmarks", "hatch_build"))]


@pytest.mark.usefixtures("users_folders")
def test_the_source_distribution_has_everything_but_the_weights(source: Path, tmp_path: Path) -> None:
    (source / MODEL).write_bytes(b"left by an earlier build")
    command = [sys.executable, "-m", "build", "--sdist", "--outdir", str(tmp_path), str(source)]
    subprocess.run(command, capture_output=True, check=True)
    [sdist] = tmp_path.glob("imgsim_guard-*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert MODEL not in names
    assert {
        "hatch_build.py",
        "README.md",
        "CHANGELOG.md",
        ".pre-commit-hooks.yaml",
        "hooks/pre-commit",
        "hooks/github-actions.yml",
        "hooks/gitlab-ci.yml",
        LICENCE,
    } <= names
    assert "tests/golden/reference.safetensors" in names


@pytest.mark.usefixtures("users_folders")
def test_weights_that_are_not_augnets_stop_the_build(source: Path, tmp_path: Path) -> None:
    (tmp_path / "model.pth").write_bytes(b"something else")
    result = build(source, tmp_path / "wheels", IMGSIM_GUARD_WEIGHTS=str(tmp_path / "model.pth"))
    assert result.returncode != 0
    assert "these are not AugNet's weights" in result.stdout + result.stderr


@pytest.mark.usefixtures("users_folders")
def test_weights_that_are_not_there_stop_the_build(source: Path, tmp_path: Path) -> None:
    result = build(source, tmp_path / "wheels", IMGSIM_GUARD_WEIGHTS=str(tmp_path / "nowhere.whl"))
    assert result.returncode != 0
    assert "IMGSIM_GUARD_WEIGHTS names" in result.stdout + result.stderr


@pytest.mark.usefixtures("users_folders")
def test_a_second_build_reuses_the_download(source: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert build(source, tmp_path / "first", IMGSIM_GUARD_CACHE_DIR=str(cache)).returncode == 0
    [release] = (cache / "build").iterdir()
    changed = release.stat().st_mtime_ns
    (source / MODEL).unlink(missing_ok=True)
    assert build(source, tmp_path / "second", IMGSIM_GUARD_CACHE_DIR=str(cache)).returncode == 0
    assert [path.stat().st_mtime_ns for path in (cache / "build").iterdir()] == [changed]
    with zipfile.ZipFile(next((tmp_path / "second").iterdir())) as archive:
        assert hashlib.sha256(archive.read(MODEL)).hexdigest() == MODEL_SHA256
