from __future__ import annotations

import csv
import json
import math
import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from conftest import photograph
from hypothesis import given
from hypothesis import strategies as st
from results import ALLOWED, ALLOWED_BY_LIMITS, COPY, EVERYTHING, IGNORED, LEAK, NOTHING, RESULTS, SECOND_COPY

from imgsim_guard.model import Bounds, Result
from imgsim_guard.report.as_metrics import distances_csv, metrics_json
from imgsim_guard.system.cache_folder import CACHE_VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from conftest import Dataset

PIPELINE = """\
metrics:
- metrics.json
plots:
- plots/distances.csv:
    template: bar_horizontal
    x: count
    y: distance
    title: Nearest-neighbour distance
"""


def test_metrics_of_everything() -> None:
    assert metrics_json(EVERYTHING) == (
        "{\n"
        ' "images": 12,\n'
        ' "near_duplicates": 1,\n'
        ' "exact_duplicates": 2,\n'
        ' "look_alikes": 1,\n'
        ' "accepted": 1,\n'
        ' "leakage": 1,\n'
        ' "label_conflicts": 0,\n'
        ' "unreadable": 1,\n'
        ' "unchecked": 1,\n'
        ' "uncompared": 0\n'
        "}\n"
    )


def test_an_image_counts_once_however_many_copies_it_has() -> None:
    metrics = json.loads(metrics_json(replace(NOTHING, matches=(COPY, SECOND_COPY, IGNORED))))
    assert (metrics["exact_duplicates"], metrics["near_duplicates"]) == (1, 0)


def test_an_accepted_match_is_no_leakage() -> None:
    metrics = json.loads(metrics_json(replace(NOTHING, matches=(replace(LEAK, accepted="a film"), ALLOWED))))
    assert (metrics["accepted"], metrics["leakage"], metrics["near_duplicates"]) == (2, 0, 0)


def test_label_conflicts_and_images_that_were_not_compared_are_counted() -> None:
    conflict = replace(COPY, labels=("cat", "dog"))
    counted = replace(NOTHING, matches=(conflict, replace(SECOND_COPY, labels=("cat", "cat"))), uncompared=7)
    metrics = json.loads(metrics_json(counted))
    assert (metrics["label_conflicts"], metrics["uncompared"]) == (1, 7)
    accepted = replace(counted, matches=(replace(conflict, accepted="a film"),))
    assert json.loads(metrics_json(accepted))["label_conflicts"] == 0


def test_the_limits_and_the_gallery_do_not_change_the_metrics() -> None:
    assert metrics_json(ALLOWED_BY_LIMITS) == metrics_json(
        replace(ALLOWED_BY_LIMITS, limits=NOTHING.limits, gallery=0, notes=("a note",))
    )


def test_distances_are_counted_in_bins_that_hold_their_upper_end() -> None:
    nearest = tuple((f"{index}.png", distance) for index, distance in enumerate([0.0, 1.0, 1.0001, 10.0, 12.5]))
    counted = replace(NOTHING, bounds=Bounds(threshold=10, reach=2), nearest=nearest)
    assert distances_csv(counted) == (
        "distance,count\n"
        "00 to 01,2\n"
        "01 to 02,1\n"
        "02 to 03,0\n"
        "03 to 04,0\n"
        "04 to 05,0\n"
        "05 to 06,0\n"
        "06 to 07,0\n"
        "07 to 08,0\n"
        "08 to 09,0\n"
        "09 to 10,1\n"
        "10 to 11,0\n"
        "11 to 12,0\n"
        "12 to 13,1\n"
    )


def test_without_any_distance_the_bins_are_empty() -> None:
    assert distances_csv(replace(NOTHING, bounds=Bounds(0, 1.5))) == "distance,count\n0 to 1,0\n1 to 2,0\n"


@given(result=RESULTS, threshold=st.floats(0, 56), reach=st.floats(0, 56))
def test_every_distance_is_counted_once_and_labels_sort_as_text(result: Result, threshold: float, reach: float) -> None:
    text = distances_csv(replace(result, bounds=Bounds(threshold, reach)))
    rows = list(csv.DictReader(text.splitlines()))
    assert sum(int(row["count"]) for row in rows) == len(result.nearest)
    labels = [row["distance"] for row in rows]
    assert labels == sorted(labels)
    assert len(labels) >= max(math.ceil(threshold), math.ceil(reach))
    assert text == distances_csv(replace(result, bounds=Bounds(threshold, reach)))


STAGE = """\
stages:
  imgsim-guard-check:
    cmd: imgsim-guard check --all --metrics reports/metrics.json --plots reports
    deps:
    - data/images
    params:
    - .imgsim-guard.yaml:
    metrics:
    - reports/metrics.json:
        cache: false
    plots:
    - reports/distances.csv:
        cache: false
        template: bar_horizontal
        x: count
        y: distance
"""


def record(dataset: Dataset, result: Result) -> None:
    dataset.write({"metrics.json": metrics_json(result), "plots/distances.csv": distances_csv(result)})


def test_dvc_shows_the_metrics_and_what_changed(dataset: Dataset) -> None:
    dataset.write({"dvc.yaml": PIPELINE})
    record(dataset, NOTHING)
    dataset.git("add", "--all")
    dataset.save()
    record(dataset, EVERYTHING)
    shown = json.loads(dataset.dvc("metrics", "show", "--json"))
    assert shown[""]["data"]["metrics.json"]["data"] == json.loads(metrics_json(EVERYTHING))
    changed = json.loads(dataset.dvc("metrics", "diff", "--json"))["metrics.json"]
    assert changed["images"] == {"old": 3, "new": 12, "diff": 9}
    assert changed["leakage"] == {"old": 0, "new": 1, "diff": 1}


def test_dvc_plots_the_distances_in_order(dataset: Dataset) -> None:
    dataset.write({"dvc.yaml": PIPELINE})
    record(dataset, EVERYTHING)
    dataset.dvc("plots", "show", "--out", "shown")
    page = (dataset.root / "shown" / "index.html").read_text()
    assert re.findall(r'"distance": "(\d\d to \d\d)", "count": "(\d+)"', page)[:6] == [
        ("00 to 01", "1"),
        ("01 to 02", "0"),
        ("02 to 03", "0"),
        ("03 to 04", "0"),
        ("04 to 05", "1"),
        ("05 to 06", "0"),
    ]
    assert "Nearest-neighbour distance" in page


def test_a_stage_writes_metrics_and_plot_and_settles(
    dataset: Dataset, tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    dataset.write({"dvc.yaml": STAGE, ".imgsim-guard.yaml": "unreadable: warn\nmax_exact_duplicates: 1\n"})
    copies = {f"data/images/{name}.png": photograph("clock_motion.png") for name in ("one", "two")}
    dataset.add(copies, "data/images")
    dataset.dvc("repro", "--quiet")
    metrics = json.loads((dataset.root / "reports" / "metrics.json").read_bytes())
    assert {name: count for name, count in metrics.items() if count} == {
        "images": 6,
        "exact_duplicates": 1,
        "unreadable": 4,
    }
    assert (dataset.root / "reports" / "distances.csv").read_text().startswith("distance,count\n00 to 01,2\n")
    assert "Data and pipelines are up to date." in dataset.dvc("repro")
    before = (dataset.root / "dvc.lock").read_bytes()
    dataset.dvc("repro", "--quiet", "--force")
    assert (dataset.root / "dvc.lock").read_bytes() == before
