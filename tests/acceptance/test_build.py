"""The distributions, built as pip builds them: in isolation, with the real weights."""

from __future__ import annotations

import hashlib
import importlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import tracemalloc
import zipfile
from importlib.metadata import metadata
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml
from conftest import ROOT, USERS_FOLDERS

from imgsim_guard import __version__
from imgsim_guard.augnet import MODEL_SHA256
from imgsim_guard.augnet.checkpoint import CHECKPOINT_SHA256
from imgsim_guard.model import GuardError
from imgsim_guard.system.cache_folder import CACHE_VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Repository

MODEL = "imgsim_guard/augnet/augnet.onnx"
LICENCE = "imgsim_guard/augnet/LICENSE-AugNet"
PYTHON = (sys.executable, "-m")


class Distributions(NamedTuple):
    sdist: Path
    wheel: Path


def of_the_user(**variables: str) -> dict[str, str]:
    """The user's environment, whose folders hold pip's configuration. Coverage is not measured: most of it is pip."""
    hidden = {*USERS_FOLDERS, "PYTEST_ADDOPTS", "PYTHONPATH", "COVERAGE_PROCESS_CONFIG"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    return environment | {name: value for name, value in USERS_FOLDERS.items() if value is not None} | variables


def run(*command: str, folder: Path | None = None, environment: dict[str, str] | None = None) -> str:
    """Run a command as the user, insist that it ends well, and return what it printed."""
    environment = environment or of_the_user()
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


class Builder(NamedTuple):
    """Builds wheels with what `pyproject.toml` requires for it, which was installed once."""

    requirements: Path
    cache: Path

    def __call__(self, source: Path, target: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [
            *PYTHON,
            "pip",
            "wheel",
            "--no-deps",
            "--no-build-isolation",
            "--wheel-dir",
            str(target),
            str(source),
        ]
        environment = of_the_user(PYTHONPATH=str(self.requirements), **{CACHE_VARIABLE: str(self.cache)}, **variables)
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    """Its cache is empty at first."""
    folder = tmp_path_factory.mktemp("requirements")
    requires = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    run(*PYTHON, "pip", "install", "--quiet", "--target", str(folder), *requires)
    return Builder(folder, tmp_path_factory.mktemp("cache"))


@pytest.fixture
def source(hook_repository: Repository, tmp_path: Path) -> Path:
    """A fresh checkout, without the model."""
    hook_repository.git("clone", "--quiet", str(hook_repository.root), str(tmp_path / "source"))
    return tmp_path / "source"


@pytest.fixture(scope="module")
def distributions(
    hook_repository: Repository, build: Builder, tmp_path_factory: pytest.TempPathFactory
) -> Distributions:
    """Both, built as for a release: the wheel from the source distribution. An earlier build has left something."""
    source, target = tmp_path_factory.mktemp("release") / "source", tmp_path_factory.mktemp("dist")
    hook_repository.git("clone", "--quiet", str(hook_repository.root), str(source))
    (source / MODEL).write_bytes(b"left by an earlier build")
    run(
        *PYTHON,
        "build",
        "--outdir",
        str(target),
        str(source),
        environment=of_the_user(**{CACHE_VARIABLE: str(build.cache)}),
    )
    [sdist], [wheel] = target.glob("imgsim_guard-*.tar.gz"), target.glob("imgsim_guard-*.whl")
    return Distributions(sdist, wheel)


def test_a_wheel_carries_the_recorded_model_and_the_weights_licence(distributions: Distributions) -> None:
    with zipfile.ZipFile(distributions.wheel) as archive:
        assert hashlib.sha256(archive.read(MODEL)).hexdigest() == MODEL_SHA256
        licence = archive.read(LICENCE).decode()
        names = archive.namelist()
    assert "imgsim_guard/report/schemas/report-1.schema.json" in names
    assert "imgsim_guard/report/schemas/report-2.schema.json" in names
    assert CHECKPOINT_SHA256 in licence
    assert "MIT License" in licence
    assert any(re.fullmatch(rf"imgsim_guard-.*\.dist-info/licenses/{LICENCE}", name) for name in names)
    assert "imgsim_guard/report/templates/report.html" in names
    assert {name.partition("/")[0] for name in names} == {"imgsim_guard", f"imgsim_guard-{__version__}.dist-info"}


def test_the_source_distribution_has_everything_but_the_weights(distributions: Distributions) -> None:
    with tarfile.open(distributions.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert MODEL not in names
    assert {
        "hatch_build.py",
        "README.md",
        "CHANGELOG.md",
        "CITATION.cff",
        "THIRD-PARTY-LICENSES.md",
        ".pre-commit-hooks.yaml",
        "docs/index.md",
        "docs/pictures/flow.svg",
        "hooks/pre-commit",
        "hooks/github-actions.yml",
        "hooks/gitlab-ci.yml",
        "tests/golden/reference.safetensors",
        LICENCE,
    } <= names


def test_the_index_would_take_and_show_them(distributions: Distributions) -> None:
    said = run(*PYTHON, "twine", "check", "--strict", *map(str, distributions))
    assert said.count("PASSED") == len(distributions)


def test_the_version_stands_in_one_place(distributions: Distributions) -> None:
    assert distributions.wheel.name.startswith(f"imgsim_guard-{__version__}-")
    assert distributions.sdist.name == f"imgsim_guard-{__version__}.tar.gz"
    assert "version" not in yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert metadata("imgsim-guard")["Version"] == __version__


def test_smoke_tests_pass_from_the_source_distribution(distributions: Distributions, tmp_path: Path) -> None:
    """All of them do by the command in CONTRIBUTING.md; here those that are over in a moment, without properties."""
    with tarfile.open(distributions.sdist) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Python before 3.11.4 has none
        archive.extractall(tmp_path)
    [unpacked] = tmp_path.iterdir()
    names = (
        "config/test_settings",
        "gate/test_policy",
        "acceptance/test_readme",
        "report/test_json_schema",
        "acceptance/test_contributing",
    )
    files = [f"tests/{name}.py" for name in names]
    options = ["-q", "-p", "no:cacheprovider", "-k", "not guarded and not any and not finds"]
    said = run(*PYTHON, "pytest", *options, *files, folder=unpacked)
    assert re.search(r"^\d{2,} passed", said, re.MULTILINE), said


@pytest.mark.parametrize("installer", ["uv", "pipx"])
def test_what_is_installed_refuses_a_copy(installer: str, distributions: Distributions, tmp_path: Path) -> None:
    """As `pip install` does in .ci/run, each in an environment of its own."""
    binaries = str(tmp_path / "bin")
    if installer == "uv":
        user = of_the_user(UV_TOOL_DIR=str(tmp_path / "tools"), UV_TOOL_BIN_DIR=binaries)
        run(*PYTHON, "uv", "tool", "install", "--python", sys.executable, str(distributions.wheel), environment=user)
    else:
        user = of_the_user(PIPX_HOME=str(tmp_path), PIPX_BIN_DIR=binaries, PIPX_MAN_DIR=str(tmp_path / "man"))
        run(*PYTHON, "pipx", "install", str(distributions.wheel), environment=user)
    said = run(f"{binaries}/imgsim-guard", "demo")
    assert "data/new-photo.jpg   near-duplicate of    data/hills.png" in said


def test_weights_that_are_not_augnets_stop_the_build(source: Path, build: Builder, tmp_path: Path) -> None:
    (tmp_path / "model.pth").write_bytes(b"something else")
    result = build(source, tmp_path / "wheels", IMGSIM_GUARD_WEIGHTS=str(tmp_path / "model.pth"))
    assert result.returncode != 0
    assert "these are not AugNet's weights" in result.stdout + result.stderr


def test_weights_that_are_not_there_stop_the_build(source: Path, build: Builder, tmp_path: Path) -> None:
    result = build(source, tmp_path / "wheels", IMGSIM_GUARD_WEIGHTS=str(tmp_path / "nowhere.whl"))
    assert result.returncode != 0
    assert "IMGSIM_GUARD_WEIGHTS names" in result.stdout + result.stderr


@pytest.mark.usefixtures("distributions")
def test_a_second_build_reuses_the_download(source: Path, build: Builder, tmp_path: Path) -> None:
    [release] = (build.cache / "build").iterdir()
    changed = release.stat().st_mtime_ns
    assert not (source / MODEL).exists()
    second = build(source, tmp_path / "second", PIP_NO_INDEX="1")
    assert second.returncode == 0, second.stdout + second.stderr
    assert [path.stat().st_mtime_ns for path in (build.cache / "build").iterdir()] == [changed]
    with zipfile.ZipFile(next((tmp_path / "second").iterdir())) as archive:
        assert hashlib.sha256(archive.read(MODEL)).hexdigest() == MODEL_SHA256


# What the index, the cache and IMGSIM_GUARD_WEIGHTS hand over.


@pytest.fixture
def hatch_build(monkeypatch: pytest.MonkeyPatch, cache: Path) -> Any:  # noqa: ARG001  an empty one
    """The build hook as a module; hatchling itself is only in the isolated build."""
    base = type("BuildHookInterface", (), {"__class_getitem__": classmethod(lambda cls, _: cls)})
    interface = ModuleType("hatchling.builders.hooks.plugin.interface")
    monkeypatch.setattr(interface, "BuildHookInterface", base, raising=False)
    names = ("hatchling", "hatchling.builders", "hatchling.builders.hooks", "hatchling.builders.hooks.plugin")
    for name in names:
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, interface.__name__, interface)
    monkeypatch.delenv("IMGSIM_GUARD_WEIGHTS", raising=False)
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.delitem(sys.modules, "hatch_build", raising=False)
    return importlib.import_module("hatch_build")


def wheel(folder: Path, model: bytes) -> Path:
    """A wheel of imgsim 0.1.2 with another model in it."""
    folder.mkdir(exist_ok=True)
    about = {
        "METADATA": "Metadata-Version: 2.1\nName: imgsim\nVersion: 0.1.2\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(folder / "imgsim-0.1.2-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("imgsim/model.pth", model)
        for name, text in about.items():
            archive.writestr(f"imgsim-0.1.2.dist-info/{name}", text)
    return folder / "imgsim-0.1.2-py3-none-any.whl"


def test_a_release_with_another_digest_is_not_kept(
    hatch_build: Any, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = wheel(tmp_path / "index", b"something else").parent
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index), "PIP_CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(
        SystemExit, match=r"the package index has another imgsim==0\.1\.2: these are not AugNet's weights"
    ):
        hatch_build._release()  # noqa: SLF001  pip calls it
    assert not list(cache.rglob("*.whl"))


def test_a_release_that_was_damaged_in_the_cache_is_downloaded_again(
    hatch_build: Any, cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cached = cache / "build" / "imgsim-0.1.2-py3-none-any.whl"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"damaged")
    good, asked = wheel(tmp_path / "good", b"the weights"), []

    def download(folder: str) -> None:
        asked.append(folder)
        shutil.copy(good, folder)

    monkeypatch.setattr(hatch_build, "_download", download)
    monkeypatch.setattr("imgsim_guard.augnet.checkpoint.CHECKPOINT_SHA256", hashlib.sha256(b"the weights").hexdigest())
    assert hatch_build._release() == b"the weights"  # noqa: SLF001
    assert hatch_build._release() == b"the weights"  # noqa: SLF001
    assert len(asked) == 1
    assert cached.read_bytes() == good.read_bytes()


def test_a_wheel_that_unpacks_without_end_is_refused(
    hatch_build: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = wheel(tmp_path, bytes(2**26))
    monkeypatch.setattr("imgsim_guard.augnet.checkpoint.LARGEST_RELEASE", 2**16)
    tracemalloc.start()
    with pytest.raises(SystemExit, match="these are not AugNet's weights"):
        hatch_build._checked(bomb, "it")  # noqa: SLF001
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**21


def test_a_user_without_a_home_keeps_no_release(hatch_build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise GuardError("no home")

    monkeypatch.setattr("imgsim_guard.system.cache_folder.cache_folder", homeless)
    assert hatch_build._cached() is None  # noqa: SLF001
