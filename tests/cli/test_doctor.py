"""`imgsim-guard doctor`, in repositories in various states of health."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT, Dataset, Repository, encoded, random_picture

if TYPE_CHECKING:
    from pathlib import Path


def marked(output: str) -> list[str]:
    return re.findall(r"^  ! (.*)$", output, re.MULTILINE)


def section(output: str, name: str) -> list[str]:
    found = re.search(rf"^{name}\n((?:  .*\n)*)", output, re.MULTILINE)
    assert found
    return [line.strip() for line in found[1].splitlines()]


@pytest.fixture
def guarded(repository: Repository, cache: Path) -> Repository:  # noqa: ARG001  of this test
    """A repository with an image and the plain hook."""
    hook = repository.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_bytes((ROOT / "hooks" / "pre-commit").read_bytes())
    hook.chmod(0o755)
    repository.stage({"a.png": encoded(random_picture(1))})
    return repository


def test_a_healthy_repository(guarded: Repository) -> None:
    output = guarded.guard("doctor")
    assert marked(output) == []
    assert section(output, "hooks")[:2] == [
        ".pre-commit-config.yaml does not name imgsim-guard",
        "pre-commit runs imgsim-guard",
    ]
    assert section(output, "images") == ["git: 1"]
    assert section(output, "model")[0].endswith(": undamaged")
    assert output.endswith("no problems found.\n")


def test_what_is_wrong_is_marked_and_ends_with_1(guarded: Repository, cache: Path) -> None:
    guarded.guard("embed")
    [shard] = cache.rglob("*.safetensors")
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.write_bytes(data)
    hook = guarded.root / ".git" / "hooks" / "pre-commit"
    hook.chmod(0o644)
    assert marked(guarded.guard("doctor", code=1)) == [
        f"{shard}: its contents do not match its name; delete it, and its images are embedded again",
        f"pre-commit is not executable, so git does not run it: chmod +x {hook}",
    ]


def test_no_hook_and_no_images(repository: Repository, cache: Path) -> None:  # noqa: ARG001  of this test
    assert marked(repository.guard("doctor", code=1)) == [
        "pre-commit does not run imgsim-guard: imgsim-guard init, or copy hooks/pre-commit",
        "no images are tracked: add some with git add or dvc add, and check images in .imgsim-guard.yaml",
    ]


def test_images_that_were_not_pulled_are_counted(dataset: Dataset, cache: Path) -> None:  # noqa: ARG001  of this test
    for path in (dataset.root / "data" / "images").iterdir():
        path.unlink()
    for path in (dataset.root / ".dvc" / "cache").rglob("*"):
        if path.is_file() and not path.name.endswith(".dir"):
            path.unlink()
    assert "DVC: 4, 4 of them not on this machine" in section(dataset.guard("doctor", code=1), "images")


def test_nobody_is_named(guarded: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(guarded.root.parent))
    output = guarded.guard("doctor")
    assert str(guarded.root.parent) not in output
    assert "(~/" in output
