from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from conftest import (
    THUMBNAILS,
    Dataset,
    Outcome,
    Repository,
    ThumbnailEmbedder,
    encoded,
    near,
    pixels_of,
    random_picture,
)
from kill_cleaning import files_in

from imgsim_guard.gate import pipeline

if TYPE_CHECKING:
    from collections.abc import Callable

    Guard = Callable[..., Outcome]


@pytest.fixture
def here(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: ARG001  embeddings go there
    """A folder `photos` with pictures 0 and 1, a copy of each, sidecars, links and a broken file."""
    monkeypatch.setattr(pipeline, "load", lambda *_, **__: ThumbnailEmbedder())
    monkeypatch.chdir(tmp_path)
    Path(".imgsim-guard.yaml").write_text(THUMBNAILS)
    write(
        {
            "photos/0.png": near(0),
            "photos/copies/0.png": near(0, by=2),
            "photos/copies/0.txt": b"of the copy",
            "photos/1.png": near(1),
            "photos/1.txt": b"of the image",
            "photos/copies/same.png": near(1),
            "photos/other.png": near(2),
            "photos/torn.png": b"",
        }
    )
    Path("photos/link.png").symlink_to("1.png")
    Path("photos/copies/link.png").symlink_to("same.png")
    os.link("photos/other.png", "photos/hard.png")
    for age, name in enumerate(("0.png", "1.png", "copies/0.png", "copies/same.png")):
        os.utime(f"photos/{name}", (10**9 + age, 10**9 + age))
    return tmp_path


def write(files: dict[str, bytes]) -> None:
    for name, data in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(data)


def test_a_dry_run_shows_the_groups_and_moves_nothing(here: Path, guard: Guard) -> None:
    before = files_in(here / "photos")
    done = guard("clean", "photos")
    assert done.code == 0
    assert "keep  photos/0.png   oldest; " in done.out
    assert "  copy  photos/copies/same.png   same bytes; " in done.out
    assert "2 copies in 2 groups, " in done.out
    assert "with 1 sidecar and 1 link, would move to photos-removed. Nothing was moved." in done.out
    assert done.out.endswith("  move them:  imgsim-guard clean photos --apply\n")
    assert "photos/copies/link.png, photos/link.png, photos/other.png: another name of an image" in done.out
    assert files_in(here / "photos") == before
    assert not Path("photos-removed").exists()


def test_copies_move_with_what_belongs_to_them_and_come_back(here: Path, guard: Guard) -> None:
    before = files_in(here / "photos")
    done = guard("clean", "photos", "--apply")
    assert done.code == 0, done.err
    left = {"0.png", "1.png", "1.txt", "other.png", "hard.png", "torn.png", "link.png"}
    assert {*files_in(here / "photos")} == left
    assert {*files_in(here / "photos-removed")} - {"manifest-1.json", "manifest-1.csv"} == {*before} - left
    assert "Nothing to move among 4 images." in guard("clean", "photos", "--apply").out
    assert guard("clean", "--undo").out == "put back 4 files.\n"
    assert files_in(here / "photos") == before
    assert not Path("photos-removed").exists()
    assert "nothing was cleaned here" in guard("clean", "--undo").err


def test_nothing_of_the_dataset_that_is_cleaned_against_moves(here: Path, guard: Guard) -> None:
    write({"inbox/new.png": near(0, by=0), "inbox/again.png": near(5), "inbox/twice.png": near(5)})
    before = files_in(here / "photos")
    assert guard("clean", "inbox", "--against", "photos", "--apply", "--to", "away").code == 0
    assert files_in(here / "photos") == before
    assert [path.name for path in Path("inbox").iterdir()] == ["again.png"]
    assert guard("clean", "--undo", "away").code == 0
    assert len([*Path("inbox").iterdir()]) == 3


@pytest.mark.usefixtures("here")
def test_two_runs_into_one_folder_overwrite_nothing(guard: Guard) -> None:
    guard("clean", "photos", "--apply")
    write({"photos/copies/0.png": near(0, by=3)})
    assert "was not moved" not in guard("clean", "photos", "--apply").out
    assert Path("photos-removed/copies/0.png").read_bytes() == near(0, by=2)
    assert Path("photos-removed/copies/0 (2).png").read_bytes() == near(0, by=3)
    assert guard("clean", "--undo").code == 0
    assert Path("photos/copies/0.png").read_bytes() == near(0, by=3)
    done = guard("clean", "--undo", "photos-removed/manifest-1.json")
    assert (done.code, "photos/copies/0.png is there again, so this one stays" in done.out) == (1, True)


@pytest.mark.usefixtures("here")
def test_leakage_and_label_conflicts_stay_unless_that_is_asked_for(guard: Guard) -> None:
    write(
        {f"set/{name}.png": near(seed) for name, seed in {"train/cat/a": 7, "train/dog/b": 8, "test/dog/c": 9}.items()}
    )
    write({"set/test/cat/a.png": near(7), "set/train/dog/of a.png": near(7), "set/test/cat/twice.png": near(7)})
    done = guard("clean", "set")
    assert "taken for labels, as folders in several splits are called so: cat, dog" in done.out
    assert "LEAKAGE  set/train/cat/a.png" in done.out or "LEAKAGE  set/test/cat/a.png" in done.out
    assert "LABEL CONFLICT  set/train/dog/of a.png" in done.out
    assert "1 copy in 1 group" in done.out
    done = guard("clean", "set", "--resolve-leakage", "keep=test", "--apply")
    assert sorted(str(path) for path in Path("set").rglob("*.png")) == [
        "set/test/cat/a.png",
        "set/test/dog/c.png",
        "set/train/dog/b.png",
        "set/train/dog/of a.png",
    ]
    assert "say which split keeps an image" in guard("clean", "set", "--resolve-leakage", "test").err
    assert (
        "--resolve-leakage keep=tset: no image is in tset; the splits are test, train\n"
        in guard("clean", "set", "--resolve-leakage", "keep=tset").err
    )
    assert "keep=test: no image is in test; there are no splits" in (
        guard("clean", "photos", "--resolve-leakage", "keep=test").err
    )
    assert "--keep-in set/nowhere: no such file or folder" in guard("clean", "set", "--keep-in", "set/nowhere").err


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        (["--keep", "largest"], "large.png"),
        (["--keep", "oldest"], "old.png"),
        (["--keep-in", "set/safe"], "safe/c.png"),
    ],
)
def test_the_keep_rule_can_be_chosen(here: Path, guard: Guard, options: list[str], kept: str) -> None:
    large = (random_picture(3, 96, 128) // 2 + 64).astype("uint8")
    write({"set/large.png": encoded(large), "set/old.png": near(3), "set/safe/c.png": near(3, by=2)})
    os.utime("set/old.png", (10**8, 10**8))
    assert guard("clean", "set", *options, "--apply").code == 0
    assert [*files_in(here / "set")] == [kept]


@pytest.mark.usefixtures("here")
def test_what_would_stay_in_the_dataset_is_refused(guard: Guard) -> None:
    assert "is within photos" in guard("clean", "photos", "--to", "photos/removed").err
    assert guard("clean").code == 2
    assert "there is no manifest in photos" in guard("clean", "--undo", "photos").err


def test_copies_with_the_same_bytes_become_links_and_are_files_of_their_own_again(here: Path, guard: Guard) -> None:
    Path("photos/copies/same.png").chmod(0o600)
    before, written = files_in(here / "photos"), Path("photos/copies/same.png").stat().st_mtime_ns
    done = guard("clean", "photos", "--hardlink")
    assert "1 copy with other bytes would stay as they are." in done.out
    assert "1 copy with the same bytes, 1.84 kB, would become hardlinks to the image that is kept." in done.out
    assert done.out.endswith("  link them:  imgsim-guard clean photos --hardlink --apply\n")
    done = guard("clean", "photos", "--hardlink", "--apply")
    assert done.out.startswith("linked 1 copy, ")
    assert Path("photos/1.png").samefile("photos/copies/same.png")
    assert files_in(here / "photos") == before
    assert "Nothing to link: no copy has the same bytes" in guard("clean", "photos", "--hardlink", "--apply").out
    assert guard("clean", "--undo").out == "put back 1 file.\n"
    assert not Path("photos/1.png").samefile("photos/copies/same.png")
    assert files_in(here / "photos") == before
    assert Path("photos/copies/same.png").stat().st_mtime_ns == written
    assert Path("photos/copies/same.png").stat().st_mode & 0o777 == 0o600
    assert not Path("photos-removed").exists()


def test_what_changed_under_two_names_is_not_put_back(here: Path, guard: Guard) -> None:
    guard("clean", "photos", "--hardlink", "--apply")
    Path("photos/1.png").write_bytes(near(4))
    done = guard("clean", "--undo")
    assert (done.code, "it shares its bytes with 1.png, and these changed" in done.out) == (1, True)
    assert Path("photos/copies/same.png").read_bytes() == near(4)
    assert (here / "photos-removed" / "manifest-1.json").is_file()


@pytest.mark.usefixtures("here")
def test_a_copy_that_has_a_further_name_is_not_linked(guard: Guard) -> None:
    os.link("photos/copies/same.png", "elsewhere.png")
    done = guard("clean", "photos", "--hardlink", "--apply")
    assert (done.code, "it has a further name (a hard link) under which its bytes would stay" in done.out) == (1, True)
    assert "linked 0 copies" in done.out


def test_reflinks_are_made_where_the_file_system_has_them(here: Path, guard: Guard) -> None:
    before = files_in(here / "photos")
    done = guard("clean", "photos", "--reflink", "--apply")
    made = "linked 1 copy, " in done.out
    assert made or "was not linked: this file system makes no reflinks (Btrfs and XFS do); use --hardlink" in done.out
    assert files_in(here / "photos") == before
    assert guard("clean", "--undo").code == 0
    assert files_in(here / "photos") == before


def coco(*names: str) -> str:
    images = [{"id": number, "file_name": name, "width": 32} for number, name in enumerate(names)]
    boxes = [{"id": 10 + at, "image_id": at // 2, "category_id": 1} for at in range(2 * len(names))]
    return json.dumps({"info": {"year": 2020}, "images": images, "annotations": boxes, "categories": [{"id": 1}]})


def test_annotations_that_name_what_moves_are_listed_and_written_anew(here: Path, guard: Guard) -> None:
    write(
        {
            "annotations/all.json": coco("0.png", "1.png", "copies/0.png", "copies/same.png").encode(),
            "photos/copies/some.json": coco("0.png", "same.png", "gone.png").encode(),
            "photos/only 0.json": coco("0.png").encode(),  # there is one of this name in `photos`, too
            "photos/strange.json": b'{"file_name": "copies/0.png"}',
            "photos/list.json": b'["file_name"]',
            "photos/boxes.json": b'{"images": [{"id": 1, "file_name": "copies/0.png"}], "annotations": [1]}',
            "photos/other.json": coco("copies/0.png").encode(),  # which belongs to other.png
        }
    )
    before = files_in(here)
    done = guard("clean", "photos")
    said = "names 2 images that would move (--rewrite-coco writes it anew without them).\n"
    assert f"annotations/all.json {said}" in done.out
    assert f"photos/copies/some.json {said}" in done.out
    assert "only 0.json" not in done.out
    for name in ("other", "strange", "list", "boxes"):
        assert f"{name}.json" not in done.out
    assert done.out.endswith("  move them:  imgsim-guard clean photos --apply\n")
    done = guard("clean", "photos", "--rewrite-coco", "--apply")
    assert "annotations/all.json names 2 images that moved; annotations/all-cleaned.json is without them.\n" in done.out
    assert json.loads(Path("annotations/all-cleaned.json").read_text()) == json.loads(coco("0.png", "1.png"))
    [left] = json.loads(Path("photos/copies/some-cleaned.json").read_text())["images"]
    assert left["file_name"] == "gone.png"
    after = files_in(here)
    assert {path: after[path] for path in after if path.startswith("annotations/all.")} == {
        "annotations/all.json": before["annotations/all.json"]
    }
    assert guard("clean", "--undo").code == 0
    assert {path: digest for path, digest in files_in(here).items() if not path.startswith("cache")} == before


@pytest.mark.usefixtures("here")
def test_annotations_somebody_went_on_with_stay(guard: Guard) -> None:
    write({"annotations/all.json": coco("1.png", "copies/same.png").encode()})
    guard("clean", "photos", "--rewrite-coco", "--apply")
    Path("annotations/all-cleaned.json").write_text("{}")
    assert guard("clean", "--undo").code == 0
    assert Path("annotations/all-cleaned.json").read_text() == "{}"


@pytest.mark.usefixtures("here")
def test_sidecars_stay_if_that_is_asked_for(guard: Guard) -> None:
    assert guard("clean", "photos", "--sidecars", "none", "--apply").code == 0
    assert Path("photos/copies/0.txt").exists()


def test_a_choice_made_on_the_page_is_moved(here: Path, guard: Guard) -> None:
    def described(name: str) -> dict[str, str]:
        return {"path": name, "content": f"sha256:{hashlib.sha256(Path(name).read_bytes()).hexdigest()}"}

    chosen = {"keep": [described("photos/copies/0.png")], "move": [described("photos/0.png")]}
    Path("plan.json").write_text(json.dumps({"format": 1, "groups": [chosen]}))
    done = guard("clean", "photos", "--plan", "plan.json")
    assert "copy  photos/0.png   your choice; " in done.out
    assert done.out.endswith("  move them:  imgsim-guard clean photos --plan plan.json --apply\n")
    assert (
        "photos/0.png is not in the folders that are to be cleaned"
        in guard("clean", "photos/copies", "--plan", "plan.json").err
    )
    for option in (["--keep-in", "photos"], ["--keep", "first"], ["--views"], ["--resolve-leakage", "keep=test"]):
        refused = guard("clean", "photos", "--plan", "plan.json", *option)
        assert (refused.code, f"{option[0]} says nothing where --plan" in refused.err) == (2, True)
    assert guard("clean", "photos", "--plan", "plan.json", "--apply").code == 0
    assert {*files_in(here / "photos-removed")} == {"0.png", "manifest-1.json", "manifest-1.csv"}
    assert guard("clean", "--undo").code == 0


def test_a_choice_made_on_the_page_of_a_repository_is_moved(here: Path, guard: Guard) -> None:
    """There images are known by git's digests."""
    repository = Repository(here)
    for name in ("init", "add .", "commit --quiet -m all"):
        repository.git(*name.split())

    def described(name: str) -> dict[str, str]:
        return {"path": name, "content": f"git:{repository.git('rev-parse', f'HEAD:{name}').strip()}"}

    chosen = {"keep": [described("photos/copies/0.png")], "move": [described("photos/0.png")]}
    plan = json.dumps({"format": 1, "groups": [chosen]})
    Path("plan.json").write_text(plan)
    before = files_in(here / "photos")
    assert guard("clean", "photos", "--plan", "plan.json", "--apply", "--to", "../away").code == 0
    assert files_in(here / "photos").keys() == before.keys() - {"0.png"}
    assert guard("clean", "--undo").code == 0
    Path("photos/0.png").write_bytes(near(3))
    assert "photos/0.png: it changed since the page was written" in guard("clean", "photos", "--plan", "plan.json").err


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ("[]", "no plan that the page of a scan saved"),
        ('{"format": 2}', "format 2 is not known to this version"),
        ('{"format": 1, "groups": [{"keep": [], "move": []}]}', "one of each group stays"),
        ('{"format": 1, "groups": [{"keep": [{"path": 1, "content": ""}], "move": []}]}', "no plan that the page"),
        (
            json.dumps(
                {"format": 1, "groups": [{key: [{"path": "photos/0.png", "content": ""}] for key in ["keep", "move"]}]}
            ),
            "photos/0.png is to stay and to move",
        ),
    ],
)
@pytest.mark.usefixtures("here")
def test_what_is_no_plan_is_refused(guard: Guard, plan: str, said: str) -> None:
    Path("plan.json").write_text(plan)
    assert said in guard("clean", "photos", "--plan", "plan.json").err


def test_in_git_what_moves_leaves_the_index_and_comes_back(here: Path, guard: Guard) -> None:
    repository = Repository(here / "project")
    (here / "photos").rename(here / "moved")
    (here / "project").mkdir()
    (here / "moved").rename(here / "project" / "photos")
    repository.write({".imgsim-guard.yaml": THUMBNAILS})
    repository.git("init", "--quiet")
    repository.git("add", ".")
    repository.git("commit", "--quiet", "-m", "all")
    os.chdir(repository.root)
    assert guard("clean", "photos", "--apply").code == 0
    assert (here / "project-removed").is_dir()
    assert [line[:2] for line in repository.git("status", "--short").splitlines()] == ["D "] * 4
    assert guard("clean", "--undo").code == 0
    assert repository.git("status", "--short") == ""


def test_in_dvc_what_follows_is_said(
    dataset: Dataset, guard: Guard, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "load", lambda *_, **__: ThumbnailEmbedder())
    monkeypatch.chdir(dataset.root)
    dataset.write({".imgsim-guard.yaml": THUMBNAILS})
    dataset.add({f"data/images/{name}.png": near(0) for name in "xy"}, "data/images")
    done = guard("clean", "data/images", "--apply")
    assert "  tell DVC:   dvc add data/images\n" in done.out, done
    dataset.dvc("add", "--quiet", "data/images")
    assert cache.exists()
    assert "  tell DVC:   dvc add data/images\n" in guard("clean", "--undo").out


def test_ten_copies_of_one_picture_are_one_group(here: Path, guard: Guard) -> None:
    """A check looks at three copies of each; all ten have to find the one that stays."""
    Path(".imgsim-guard.yaml").write_text("")
    cat = pixels_of("chelsea.png")
    for number in range(10):
        smaller = cv2.resize(cat, None, fx=1 - number / 25, fy=1 - number / 25, interpolation=cv2.INTER_AREA)
        brighter = cv2.convertScaleAbs(smaller, alpha=1.0, beta=2 * number)
        write({f"cats/{number}.jpg": encoded(np.asarray(brighter, np.uint8), ".jpg")})
    scanned = guard("scan", "cats").out
    assert "not looked at" in scanned
    assert "9 copies in 1 group" in scanned
    assert guard("clean", "cats", "--apply").code == 0
    assert files_in(here / "cats").keys() == {"0.jpg"}
