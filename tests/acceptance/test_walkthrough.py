"""The walk-through for a team with DVC, done as written in docs/dvc.md."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT, Dataset, Repository, photograph
from test_hooks import edited

if TYPE_CHECKING:
    from collections.abc import Iterator

GUIDE = (ROOT / "docs" / "dvc.md").read_text()
BLOCKS = re.findall(r"^<!-- walk-through(?:: .+?)? -->\n```console\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def commands(text: str) -> Iterator[tuple[str, bool]]:
    """Each command, and whether it is to be refused."""
    for line in text.splitlines():
        command, _, comment = line.removeprefix("$ ").partition("  #")
        assert line.startswith("$ ")
        yield command.strip(), comment.strip() == "is refused"


@pytest.fixture
def on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a user has installed: imgsim-guard, DVC and pre-commit."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")


def published_here(root: Path, hook_repository: Repository) -> None:
    """Let the hook be installed from this checkout instead of the address that it is published at."""
    file = root / ".pre-commit-config.yaml"
    revision = hook_repository.git("rev-parse", "HEAD").strip()
    text = re.sub(r"repo: \S+imgsim-guard", f"repo: {hook_repository.root}", file.read_text())
    file.write_text(re.sub(r"rev: \S+", f"rev: {revision}", text))


@pytest.mark.usefixtures("on_the_path", "hook_environment", "cache")
def test_the_walk_through_is_true(tmp_path: Path, hook_repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    before, refusing, cloning, previews, previews_there, stage, care = [list(commands(text)) for text in BLOCKS]
    team = Dataset(tmp_path / "team")
    team.root.mkdir()
    (tmp_path / "remote").mkdir()
    team.git("init", "--quiet", "--initial-branch=main", ".")
    team.git("init", "--quiet", "--bare", "--initial-branch=main", str(tmp_path / "origin.git"))
    team.git("remote", "add", "origin", str(tmp_path / "origin.git"))
    team.dvc("init", "--quiet")
    team.dvc("remote", "add", "--quiet", "--default", "shared", str(tmp_path / "remote"))
    names = ["chelsea.png", "coffee.png", "rocket.jpg"]
    team.add({f"data/images/{name}": photograph(name) for name in names}, "data/images")
    team.git("commit", "--quiet", "-m", "Pictures")
    team.git("push", "--quiet", "--set-upstream", "origin", "main")

    run_all(team, before[:1])
    published_here(team.root, hook_repository)
    run_all(team, before[1:])

    team.write({"data/images/copy.jpg": edited("chelsea.png"), "data/images/moon.png": photograph("moon.png")})
    refused = run_all(team, refusing)
    assert "data/images/copy.jpg   near-duplicate of    data/images/chelsea.png   distance" in refused

    clone = team.clone(tmp_path / "clone")
    monkeypatch.setenv("IMGSIM_GUARD_CACHE_DIR", str(tmp_path / "another machine"))
    run_all(clone, cloning[:2])
    clone.run("pre-commit", "install")
    clone.write({"data/images/another.jpg": photograph("coins.png")})
    output = run_all(clone, cloning[2:])
    assert "no near-duplicates among 1 new image, checked against 4" in output
    assert [path.name for path in (clone.root / "data" / "images").iterdir()] == ["another.jpg"]

    with (team.root / ".imgsim-guard.yaml").open("a") as configuration:
        configuration.write("previews: true\n")
    run_all(team, previews)
    clone.git("fetch", "--quiet")
    clone.git("reset", "--quiet", "--hard", "origin/main")
    output = run_all(clone, previews_there)
    assert "no near-duplicates among 4 images, checked against 3" in output
    assert "decided by the distance only" not in output
    clone.write({"data/images/copy.jpg": edited("chelsea.png")})
    clone.dvc("add", "data/images/copy.jpg")
    clone.git("add", "data/images.dvc")
    refused = clone.run("imgsim-guard", "check", code=1)
    assert "data/images/copy.jpg   near-duplicate of    data/images/chelsea.png" in refused

    shutil.rmtree(team.root / "dvc_plots", ignore_errors=True)
    output = run_all(team, stage)
    assert "near_duplicates" in output
    assert "Ran experiment" in output
    assert "no damage found." in run_all(team, care)


def run_all(repository: Repository, some: list[tuple[str, bool]]) -> str:
    return "".join(repository.run("sh", "-c", command, code=int(refused)) for command, refused in some)
