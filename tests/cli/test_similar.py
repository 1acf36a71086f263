from __future__ import annotations

import csv
import json
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import Outcome, ThumbnailEmbedder, near
from kill_cleaning import files_in

from imgsim_guard.gate import pipeline

if TYPE_CHECKING:
    from collections.abc import Callable

    Guard = Callable[..., Outcome]


@pytest.fixture
def here(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: ARG001  embeddings go there
    """Pictures 1 and 2, three and two shades of each, picture 3, and a broken file."""
    monkeypatch.setattr(pipeline, "load", lambda *_, **__: ThumbnailEmbedder())
    monkeypatch.chdir(tmp_path)
    write(
        {
            "photos/one.png": near(1),
            "photos/sub/one.png": near(1, by=5),
            "photos/one-lighter.png": near(1, by=9),
            "photos/two.png": near(2),
            "photos/two-lighter.png": near(2, by=4),
            "photos/three.png": near(3),
            "photos/torn.png": b"",
        }
    )
    return tmp_path


def write(files: dict[str, bytes]) -> None:
    for name, data in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(data)


def test_the_nearest_come_first_without_the_image_itself(here: Path, guard: Guard) -> None:
    done = guard("similar", "photos/one.png", "--in", "photos", "-k", "3")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0] == "photos/torn.png   unreadable: an empty file"
    assert [line.split()[-1] for line in lines[1:4]] == [
        "photos/one.png",
        "photos/sub/one.png",
        "photos/one-lighter.png",
    ]
    assert lines[4].split()[-1] in {"photos/two.png", "photos/two-lighter.png", "photos/three.png"}
    assert lines[5] == "looked through 6 images by AugNet's distance: 0 is the same, about 32 unrelated."
    link = here / "link.png"
    link.symlink_to("photos/one.png")
    assert "photos/one.png" not in guard("similar", "link.png", "--in", "photos").out


def test_the_distances_as_json(here: Path, guard: Guard) -> None:  # noqa: ARG001
    done = guard("similar", "photos/two.png", "--in", "photos", "-k", "1", "--json", "-")
    assert json.loads(done.out) == {
        "format": 1,
        "pairs": [{"a": "photos/two.png", "b": "photos/two-lighter.png", "distance": pytest.approx(0.66, abs=0.01)}],
        "unreadable": [{"image": "photos/torn.png", "reason": "an empty file"}],
    }


def test_the_page_has_the_pictures_and_escapes_names(here: Path, guard: Guard) -> None:
    write({"photos/<b>.png": near(1, by=2)})
    done = guard("similar", "photos/one.png", "--in", "photos", "--html", "page.html", "--json", "near.json")
    assert done.code == 0
    assert done.out.endswith("\nwrote near.json\nwrote page.html\n")
    assert "wrote" not in guard("similar", "photos/one.png", "--in", "photos", "--html", "page.html", "--json", "-").out
    page = (here / "page.html").read_text("utf-8")
    assert page.count('<image id="i') == 7
    assert "<b>" not in page
    assert "&lt;b&gt;.png" in page
    assert "<script" not in page


def test_an_image_that_cannot_be_read_is_named(here: Path, guard: Guard) -> None:  # noqa: ARG001
    done = guard("similar", "photos/torn.png", "--in", "photos")
    assert (done.code, done.err) == (2, "imgsim-guard: photos/torn.png: an empty file\n")


def test_groups_go_into_folders_the_largest_first(here: Path, guard: Guard) -> None:
    before = files_in(here / "photos")
    done = guard("sort", "photos", "--into", "sorted", "--distance", "4", "--csv", "groups.csv")
    assert done.out.endswith("\nwrote groups.csv\n")
    assert done.code == 0
    assert "6 images: 2 groups within a distance of 4, 1 in none; see sorted.\n" in done.out
    assert {path: os.path.realpath(path) for path in Path("sorted").glob("*/*")} == {
        Path("sorted", name): str(here / "photos" / target)
        for name, target in {
            "1/one.png": "sub/one.png",
            "1/one (2).png": "one.png",
            "1/one-lighter.png": "one-lighter.png",
            "2/two.png": "two.png",
            "2/two-lighter.png": "two-lighter.png",
            "single/three.png": "three.png",
        }.items()
    }
    with Path("groups.csv").open(newline="") as file:
        rows = [*csv.DictReader(file)]
    assert [(row["group"], row["distance"]) for row in rows if row["image"] == "photos/sub/one.png"] == [("1", "0.0")]
    assert files_in(here / "photos") == before
    (here / "sorted").rename(here / "elsewhere")
    assert (here / "elsewhere/single/three.png").read_bytes() == near(3)


def test_the_same_whatever_the_order(here: Path, guard: Guard) -> None:  # noqa: ARG001
    for seed in range(20):
        write({f"more/{seed}-{by}.png": near(seed % 4, by=by) for by in range(seed, seed + 9, 2)})
    paths = ["photos", *sorted(str(path) for path in Path("more").iterdir())]
    first = guard("sort", *paths, "--distance", "5", "--csv", "-").out
    random.Random(1).shuffle(paths)
    assert guard("sort", *paths, "--distance", "5", "--csv", "-").out == first
    assert len(first.splitlines()) > 100


def test_copies_are_files_of_their_own(here: Path, guard: Guard) -> None:
    assert guard("sort", "photos", "--into", "sorted", "--copy").code == 0
    copied = list((here / "sorted").rglob("*.png"))
    assert not any(path.is_symlink() for path in copied)
    assert sorted(path.read_bytes() for path in copied) == sorted(
        path.read_bytes() for path in (here / "photos").rglob("*.png") if path.name != "torn.png"
    )


def test_nothing_is_overwritten_and_nothing_put_where_images_are_looked_for(here: Path, guard: Guard) -> None:
    write({"full/mine.txt": b"mine"})
    done = guard("sort", "photos", "--into", "full")
    assert (done.code, done.err) == (
        2,
        "imgsim-guard: full is not empty; name another folder, or one that is not there yet\n",
    )
    done = guard("sort", "photos", "--into", "photos/sorted")
    assert done.code == 2
    assert "photos/sorted is within photos, so what is put there would be in the dataset; see --into" in done.err
    write({"file": b"mine"})
    assert "cannot write into file: not a directory" in guard("sort", "photos", "--into", "file").err
    assert sorted(files_in(here / "full")) == ["mine.txt"]


def test_where_there_are_no_links_copies_are_proposed(
    here: Path,  # noqa: ARG001
    guard: Guard,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refused)
    done = guard("sort", "photos/one.png", "photos/sub", "--into", "sorted", "--distance", "4")
    assert done.code == 2
    assert "cannot put photos/one.png into sorted/1: operation not permitted" in done.err
    assert "operation not permitted; where there are no links, use --copy" in done.err


def test_a_folder_without_images_has_no_groups(here: Path, guard: Guard) -> None:
    (here / "nothing").mkdir()
    assert guard("sort", "nothing").out == "0 images: 0 groups within a distance of 20, 0 in none.\n"
    assert guard("similar", "photos/one.png", "--in", "nothing").code == 0
