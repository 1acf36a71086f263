"""The check as a stage of a real DVC pipeline, in both forms that `init` writes."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from conftest import Dataset, photograph
from test_hooks import edited

PIPELINE_FAILED = 255
METRICS = "reports/imgsim-guard/metrics.json"


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of four photographs."""
    made = Dataset(tmp_path_factory.mktemp("photographs") / "pipeline")
    made.root.mkdir()
    made.git("init", "--quiet", "--initial-branch=main", ".")
    made.dvc("init", "--quiet")
    names = ["chelsea.png", "coffee.png", "rocket.jpg", "coins.png"]
    made.add({f"data/images/{name}": photograph(name) for name in names}, "data/images")
    return made.root


@pytest.fixture
def pipeline(
    photographs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cache: Path,  # noqa: ARG001  of this test
) -> Dataset:
    """The dataset, and imgsim-guard on the PATH."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    return Dataset(shutil.copytree(photographs, tmp_path / "pipeline"))


def metrics(dataset: Dataset) -> dict[str, int]:
    found: dict[str, int] = json.loads((dataset.root / METRICS).read_text())
    return found


def embedded(output: str) -> list[str]:
    return [line.partition(";")[0] for line in output.splitlines() if line.startswith("new images")]


def test_the_check_stage(pipeline: Dataset) -> None:
    pipeline.guard("init", "--dvc")
    passed = pipeline.dvc("repro")
    assert "no near-duplicates among 4 images, checked against 3" in passed
    pipeline.git("add", "--all")
    pipeline.save()
    assert "Data and pipelines are up to date" in pipeline.dvc("repro")

    copy = pipeline.root / "data" / "images" / "copy.jpg"
    copy.write_bytes(edited("chelsea.png"))
    failed = pipeline.dvc("repro", code=PIPELINE_FAILED)
    assert "keep  data/images/chelsea.png   " in failed
    assert "  copy  data/images/copy.jpg   " in failed
    assert pipeline.git("diff", "--name-only", "HEAD", "--", "dvc.lock") == ""  # so that it is not taken for checked
    difference = json.loads(pipeline.dvc("metrics", "diff", "--json"))[METRICS]
    assert difference["near_duplicates"] == {"old": 0, "new": 1, "diff": 1}

    copy.unlink()
    assert "no near-duplicates among 4 images" in pipeline.dvc("repro")
    assert metrics(pipeline)["near_duplicates"] == 0

    pipeline.dvc("plots", "show", "--out", "plots")
    page = (pipeline.root / "plots" / "index.html").read_text()
    assert "Distance of each image to its nearest neighbour" in page


def test_experiments_change_the_threshold(pipeline: Dataset) -> None:
    pipeline.guard("init", "--dvc")
    pipeline.dvc("repro", "--quiet")
    pipeline.git("add", "--all")
    pipeline.save()
    setting = ".imgsim-guard.yaml:threshold=20", ".imgsim-guard.yaml:verify=never"
    changes = [word for one in setting for word in ("--set-param", one)]
    assert "Ran experiment" in pipeline.dvc("exp", "run", "--temp", "--set-param", ".imgsim-guard.yaml:threshold=8")
    assert pipeline.git("status", "--porcelain") == ""
    pipeline.dvc(
        "exp", "run", "--temp", "--set-param", ".imgsim-guard.yaml:threshold=50", *changes[2:], code=PIPELINE_FAILED
    )
    assert "Ran experiment" in pipeline.dvc("exp", "run", "--set-param", ".imgsim-guard.yaml:threshold=9")
    assert "threshold: 9 " in (pipeline.root / ".imgsim-guard.yaml").read_text()


def test_embedding_and_checking_as_two_stages(pipeline: Dataset) -> None:
    pipeline.guard("init", "--stages", "embed")
    assert embedded(pipeline.dvc("repro")) == ["new images: 4"]
    pipeline.git("add", "--all")
    pipeline.save()

    more = {"data/images/moon.png": photograph("moon.png"), "data/images/copy.jpg": edited("chelsea.png")}
    pipeline.write(more)
    failed = pipeline.dvc("repro", code=PIPELINE_FAILED)
    assert embedded(failed) == ["new images: 2"]
    assert "  copy  data/images/copy.jpg   " in failed
    (pipeline.root / "data" / "images" / "copy.jpg").unlink()
    assert embedded(pipeline.dvc("repro")) == ["new images: 0"]

    configuration = pipeline.root / ".imgsim-guard.yaml"
    configuration.write_text(configuration.read_text().replace("threshold: 10 ", "threshold: 9 "))
    output = pipeline.dvc("repro")
    assert "Stage 'imgsim-guard-embed' didn't change, skipping" in output
    assert "Running stage 'imgsim-guard-check'" in output

    pipeline.git("add", "--all")
    pipeline.save()
    refused = pipeline.guard("sync", code=2)
    assert "an output of a stage in dvc.lock: use dvc repro instead of imgsim-guard sync" in refused


def test_an_intermediate_output_is_judged_as_the_run_has_made_it(pipeline: Dataset) -> None:
    make = "import shutil; shutil.copytree('data/images', 'data/copies', dirs_exist_ok=True)"
    pipeline.write({"make.py": make})
    stage = ["stage", "add", "--name", "make", "--deps", "data/images", "--outs", "data/copies"]
    pipeline.dvc(*stage, f"{sys.executable} make.py")
    pipeline.write({".imgsim-guard.yaml": "images: [data/copies/**]\nthreshold: 10\n"})
    pipeline.dvc("repro", "--quiet")
    pipeline.guard("init", "--dvc")
    assert "- data/copies\n" in (pipeline.root / "dvc.yaml").read_text()
    pipeline.write({"data/images/copy.jpg": edited("coins.png")})
    failed = pipeline.dvc("repro", code=PIPELINE_FAILED)
    assert "keep  data/copies/coins.png   " in failed
    assert "  copy  data/copies/copy.jpg   " in failed
