"""`calibrate`: every image's nearest neighbour, what thresholds would have blocked, and the one for a wanted rate."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conftest import Files, ThumbnailEmbedder, encoded, open_store, photograph, pixels_of, random_picture
from hypothesis import given, settings
from hypothesis import strategies as st

from imgsim_guard.augnet import fingerprint
from imgsim_guard.cli import main
from imgsim_guard.config.settings import FILE_NAME
from imgsim_guard.gate.calibration.calibrate import calibrate
from imgsim_guard.gate.calibration.findings import SORTS, Calibration, Neighbour
from imgsim_guard.gate.embed import embed_missing
from imgsim_guard.gate.pipeline import Pipeline
from imgsim_guard.gate.policy import Policy
from imgsim_guard.model import Bounds, Rule, Selection, Share, Unreadable
from imgsim_guard.report.calibration_json import calibration_json
from imgsim_guard.report.calibration_plot import calibration_svg
from imgsim_guard.report.calibration_text import calibration_text
from imgsim_guard.store.shard import DIGEST_SIZES, Row, file_digests
from imgsim_guard.store.store import Store
from imgsim_guard.system.cache_folder import CACHE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from conftest import Repository

    from imgsim_guard.gate.calibration.findings import Sort
    from imgsim_guard.model import Image

    MakePipeline = Callable[[Files], Pipeline]

ONE = Share(1.0)
POLICY = Policy(Bounds(threshold=10.0, reach=26.0))


def selection_of(files: Files) -> Selection:
    return Selection("all", tuple(files.images()), ())


def run(files: Files, pipeline: Pipeline, **options: Any) -> Calibration:
    """Calibrate on all of the files, embedded before."""
    embed_missing(files.images(), pipeline)
    return calibrate(selection_of(files), pipeline, **{"policy": POLICY, "rate": ONE, "verify": False, **options})


def made(
    *neighbours: tuple[float, Sort], rate: float = 1.0, today: float = 10.0, verifying: bool = True
) -> Calibration:
    """One image for each, with its distance and what it is."""
    named = [Neighbour(f"{i:04}", "", f"{i + 1:04}", distance, sort) for i, (distance, sort) in enumerate(neighbours)]
    return Calibration(tuple(named), Share(rate), today, 26.0, verifying)


def many(count: int, distance: float, sort: Sort) -> list[tuple[float, Sort]]:
    return [(distance, sort)] * count


# Nearest neighbours


@settings(max_examples=30)
@given(st.lists(st.integers(0, 12), min_size=2, max_size=9), st.integers(0, 3))
def test_each_image_has_the_nearest_other_picture_by_brute_force(
    tmp_path_factory: pytest.TempPathFactory, levels: list[int], held: int
) -> None:
    pictures = {f"{i}.png": (random_picture(level % 3) // 2 + level).astype(np.uint8) for i, level in enumerate(levels)}
    files = Files({path: encoded(pixels) for path, pixels in pictures.items()})
    store, embedder = open_store(tmp_path_factory.mktemp("store")), ThumbnailEmbedder()
    pipeline = Pipeline(files, store, lambda _at_once: embedder, lambda _total, _doing: lambda: None)
    images = files.images()
    embed_missing(images, pipeline)
    selection = Selection("all", tuple(images[held:]), tuple(images[:held]))
    found = calibrate(selection, pipeline, policy=POLICY, rate=ONE, verify=False)

    first = {files.contents[path]: path for path in sorted(pictures, reverse=True)}
    distinct = sorted(first.values())
    vectors = {path: embedder.embed([pictures[path]])[0].astype(np.float64) for path in distinct}
    assert found.exact == len(pictures) - len(distinct)
    if len(distinct) == 1:
        assert found.neighbours == ()
        return
    assert [neighbour.image for neighbour in found.neighbours] == distinct
    for neighbour in found.neighbours:
        others = [(path, vectors[neighbour.image] - vectors[path]) for path in distinct if path != neighbour.image]
        lengths = {path: round(float(np.linalg.norm(difference)), 4) for path, difference in others}
        assert neighbour.distance == pytest.approx(min(lengths.values()), abs=1e-4)
        assert lengths[neighbour.nearest] == pytest.approx(neighbour.distance, abs=1e-4)


def test_the_same_bytes_or_pixels_are_counted_and_left_out(make_pipeline: MakePipeline) -> None:
    one, two = random_picture(1), random_picture(2)
    files = Files({"a.png": encoded(one), "b.bmp": encoded(one, ".bmp"), "c.png": encoded(one), "d.png": encoded(two)})
    found = run(files, make_pipeline(files))
    assert found.exact == 2
    assert [(neighbour.image, neighbour.nearest) for neighbour in found.neighbours] == [
        ("a.png", "d.png"),
        ("d.png", "a.png"),
    ]
    assert "left out: 2 with the same bytes or pixels as another" in calibration_text(found)


def test_what_has_no_embedding_is_counted_and_nothing_is_embedded(
    make_pipeline: MakePipeline, thumbnails: ThumbnailEmbedder
) -> None:
    files = Files({f"{i}.png": encoded(random_picture(i)) for i in range(6)} | {"x.png": b"no image"})
    pipeline = make_pipeline(files)
    images = files.images()
    embed_missing([*images[:3], images[-1]], pipeline)
    files.reads.clear()
    selection = replace(selection_of(files), unreadable=(("gone.png", Unreadable("not pulled", absent=True)),))
    found = calibrate(selection, pipeline, policy=POLICY, rate=ONE, verify=False)
    assert (len(found.neighbours), found.missing, found.unreadable) == (3, 3, 2)
    assert (thumbnails.embedded, files.reads) == (3, [])
    assert calibration_text(found).splitlines()[:3] == [
        "3 images, each compared with all the others.",
        "  left out: 3 without an embedding (imgsim-guard embed makes them)",
        "  left out: 2 unreadable or not on this machine",
    ]


@pytest.mark.parametrize("embedded", [0, 1])
def test_fewer_than_two_images_are_nothing_to_calibrate_on(make_pipeline: MakePipeline, embedded: int) -> None:
    files = Files({f"{i}.png": encoded(random_picture(i)) for i in range(2)})
    pipeline = make_pipeline(files)
    embed_missing(files.images()[:embedded], pipeline)
    found = calibrate(selection_of(files), pipeline, policy=POLICY, rate=ONE)
    assert (found.neighbours, found.too_small, found.missing) == ((), True, 2 - embedded)
    assert calibration_text(found).splitlines()[-1].startswith("calibrating needs at least two images")
    assert json.loads(calibration_json(found))["all"] == {
        "images": 0,
        "quantiles": {},
        "thresholds": json.loads(calibration_json(found))["all"]["thresholds"],
    }
    assert "of 0 images" in calibration_svg(found)


def test_splits_are_told_apart_and_neighbours_may_be_in_another(make_pipeline: MakePipeline) -> None:
    pictures = {"train": [random_picture(i) // 2 for i in range(2)]}
    pictures["test"] = [pixels + 9 for pixels in pictures["train"]]
    files = Files({f"{name}/{i}.png": encoded(pictures[name][i]) for name in pictures for i in range(2)})
    policy = Policy(
        Bounds(threshold=10.0),
        splits={"train": lambda path: path.startswith("train/"), "test": lambda path: path.startswith("test/")},
        rules=(Rule(("train", "test"), threshold=12.0), Rule(("train", "train"), threshold=10.0)),
    )
    found = run(files, make_pipeline(files), policy=policy)
    assert found.splits == ("test", "train")
    assert {(one.image, one.split, one.nearest) for one in found.neighbours} == {
        ("test/0.png", "test", "train/0.png"),
        ("test/1.png", "test", "train/1.png"),
        ("train/0.png", "train", "test/0.png"),
        ("train/1.png", "train", "test/1.png"),
    }
    assert found.notes == ("the general threshold is calibrated; rules have their own for train - test (12)",)
    assert found.blocked_at(10.0, "train").within == 2
    document = json.loads(calibration_json(found))
    assert {split: part["images"] for split, part in document["splits"].items()} == {"test": 2, "train": 2}
    assert re.search(r"^  train +2 +\d", calibration_text(found), re.MULTILINE)


# Verification


def copies_and_others() -> Files:
    """A photograph and its copy, two that show nothing, and others."""
    blank = [encoded(np.full((60, 80, 3), level, np.uint8)) for level in (100, 101)]
    coffee = encoded(pixels_of("coffee.png"), ".jpg")
    names = ("chelsea.png", "astronaut.png")
    return Files(
        {"coffee.png": photograph("coffee.png"), "coffee.jpg": coffee, "blank1.png": blank[0], "blank2.png": blank[1]}
        | {name: photograph(name) for name in names}
    )


def sorts_of(found: Calibration) -> dict[str, Sort]:
    return {neighbour.image: neighbour.sort for neighbour in found.neighbours}


def test_verification_tells_copies_from_what_looks_alike(make_pipeline: MakePipeline) -> None:
    files = copies_and_others()
    found = run(files, make_pipeline(files), verify=True)
    assert sorts_of(found) == {
        "coffee.png": "copy",
        "coffee.jpg": "copy",
        "blank1.png": "look-alike",
        "blank2.png": "look-alike",
        "chelsea.png": "look-alike",
        "astronaut.png": "look-alike",
    }
    assert (found.pairs, found.looked_at, found.not_at_hand) == (4, 4, 0)


def test_without_verification_no_pixel_is_read(make_pipeline: MakePipeline) -> None:
    files = copies_and_others()
    pipeline = make_pipeline(files)
    run(files, pipeline, verify=False)
    files.reads.clear()
    found = calibrate(selection_of(files), pipeline, policy=POLICY, rate=ONE, verify=False)
    assert {*sorts_of(found).values()} == {"unverified"}
    assert files.reads == []
    assert "no pixels were compared" in calibration_text(found)


def test_only_so_many_of_the_nearest_pairs_are_looked_at(make_pipeline: MakePipeline) -> None:
    files = copies_and_others()
    found = run(files, make_pipeline(files), verify=True, most_pairs=2)
    assert (found.pairs, found.looked_at) == (4, 2)
    assert sorts_of(found) | {"chelsea.png": "unverified", "astronaut.png": "unverified"} == sorts_of(found)
    assert "more distant pairs that were not compared (--pairs compares more): 2" in calibration_text(found)


def test_pairs_that_were_too_many_are_no_reason_to_lower_the_threshold(make_pipeline: MakePipeline) -> None:
    files = copies_and_others()
    pipeline = make_pipeline(files)
    found = run(files, pipeline, verify=True, most_pairs=0)
    assert (found.near_left, found.suggested, found.unsure) == (3, None, True)
    said = (
        "too few pairs were compared to judge the current threshold of 10: 3 within it were not; --pairs 3 compares all"
    )
    assert said in calibration_text(found)
    assert "suggested" not in calibration_text(found)
    assert 'class="suggested"' not in calibration_svg(found)
    assert json.loads(calibration_json(found))["too_few_pairs"]
    enough = run(files, pipeline, verify=True, most_pairs=3)
    assert (enough.near_left, enough.unsure, enough.suggested) == (0, False, 10.0)


def test_images_that_are_elsewhere_are_not_fetched(make_pipeline: MakePipeline) -> None:
    class Elsewhere(Files):
        def at_hand(self, image: Image) -> bool:
            return image.path != "coffee.jpg"

    everything = copies_and_others()
    pipeline = make_pipeline(everything)
    run(everything, pipeline)
    files = Elsewhere(everything.contents)
    found = calibrate(selection_of(files), pipeline._replace(source=files), policy=POLICY, rate=ONE)
    assert "coffee.jpg" not in files.reads
    assert (sorts_of(found)["coffee.png"], found.not_at_hand) == ("unverified", 1)
    assert "not on this machine (dvc pull, git lfs pull): 1\n" in calibration_text(found)


def test_pixels_that_turn_out_unreadable_leave_a_pair_unverified(make_pipeline: MakePipeline) -> None:
    files = copies_and_others()
    pipeline = make_pipeline(files)
    run(files, pipeline)
    selection = selection_of(files)
    files.contents = {**files.contents, "coffee.jpg": Unreadable("it changed while it was being read")}
    found = calibrate(selection, pipeline, policy=POLICY, rate=ONE)
    assert sorts_of(found)["coffee.png"] == "unverified"


# Thresholds


def test_what_a_threshold_blocks_is_counted_by_sort() -> None:
    found = made((1, "copy"), (2, "look-alike"), (3, "undecided"), (4, "unverified"), (5, "copy"), (6, "look-alike"))
    row = found.blocked_at(4.0)
    assert (row.copies, row.look_alikes, row.undecided, row.unverified, row.images) == (1, 1, 1, 1, 6)
    assert (row.within, row.blocked(verifying=False), row.blocked(verifying=True)) == (4, 4, 4)
    assert (row.false(verifying=False), row.false(verifying=True)) == (3, 2)


def test_verification_finds_copies_up_to_the_reach() -> None:
    found = made((1, "copy"), (12, "copy"), (27, "copy"))
    assert found.blocked_at(4.0).blocked(verifying=True) == 2
    assert found.blocked_at(4.0).blocked(verifying=False) == 1
    assert replace(found, reach=5.0).blocked_at(13.0).blocked(verifying=True) == 2


drawn_neighbours = st.lists(
    st.tuples(st.integers(0, 300_000).map(lambda number: number / 10_000), st.sampled_from(SORTS)), max_size=40
)


@given(drawn_neighbours, st.sampled_from([0.5, 1, 5, 10, 33, 100]), st.booleans())
def test_the_limit_is_the_largest_threshold_that_keeps_to_the_rate(
    neighbours: list[tuple[float, Sort]],
    rate: float,
    verifying: bool,  # noqa: FBT001  drawn
) -> None:
    found = made(*neighbours, rate=rate, verifying=verifying)
    keeps = [
        step / 10
        for step in range(201)
        if found.blocked_at(step / 10).false(verifying=verifying) <= rate / 100 * len(neighbours) + 1e-9
    ]
    limit = found.limit(verifying=verifying)
    assert limit == max(keeps, default=None)
    if not verifying or limit is None or limit <= 10.0:
        assert found.suggested == limit
    else:
        rises = limit < 20.0 and any(10.0 < distance <= limit for distance, sort in neighbours if sort == "undecided")
        assert found.suggested == (limit if rises else 10.0)


@given(drawn_neighbours, st.booleans())
def test_a_looser_rate_or_verification_never_lowers_the_limit(
    neighbours: list[tuple[float, Sort]],
    verifying: bool,  # noqa: FBT001  drawn
) -> None:
    limits = [made(*neighbours, rate=rate).limit(verifying=verifying) for rate in (0.1, 2, 10, 50)]
    numbers = [-1.0 if limit is None else limit for limit in limits]
    assert numbers == sorted(numbers)
    found = made(*neighbours)
    with_pixels, without = found.limit(verifying=True), found.limit(verifying=False)
    assert without is None or (with_pixels is not None and with_pixels >= without)


@given(drawn_neighbours)
def test_a_higher_threshold_blocks_no_fewer(neighbours: list[tuple[float, Sort]]) -> None:
    found = made(*neighbours)
    for verifying in (False, True):
        counts = [found.blocked_at(threshold).blocked(verifying=verifying) for threshold in found.thresholds]
        assert counts == sorted(counts)


def test_verification_that_decides_everything_leaves_the_threshold_as_it_is() -> None:
    assert made(*many(300, 3.0, "look-alike")).suggested == 10.0
    assert made(*many(300, 3.0, "look-alike"), verifying=False).suggested == 2.9
    assert made(*many(300, 25.0, "unverified"), verifying=False).suggested == 20.0
    assert made(*many(300, 25.0, "undecided"), today=26.0).suggested == 24.9


def test_what_is_at_distance_0_and_no_copy_leaves_no_threshold() -> None:
    found = made(*many(300, 0.0, "undecided"))
    assert found.suggested is None
    assert "no threshold works" in calibration_text(found)
    assert "without pixels, only the distance decides: there, no threshold" in calibration_text(found)
    assert json.loads(calibration_json(found))["threshold"]["suggested"] is None
    assert 'class="suggested"' not in calibration_svg(found)


def test_three_over_the_rate_are_enough() -> None:
    found = made(*many(299, 30.0, "unverified"))
    said = "299 images are too few to show a rate of 1%: that takes 300 (3 / rate); they can show --rate 1.1%."
    assert found.too_small
    assert said in calibration_text(found).splitlines()
    assert not replace(found, rate=Share(1.1)).too_small
    enough = made(*many(300, 30.0, "unverified"))
    assert not enough.too_small
    assert "too few" not in calibration_text(enough)


# Reports


def a_calibration() -> Calibration:
    """Copies near, look-alikes at 9, undecided ones from 7, strangers far away."""
    near: list[tuple[float, Sort]] = [(1 + i / 10, "copy") for i in range(20)]
    alike: list[tuple[float, Sort]] = [(9 + i / 100, "look-alike") for i in range(40)]
    open_ones: list[tuple[float, Sort]] = [(7 + i / 4, "undecided") for i in range(10)]
    far: list[tuple[float, Sort]] = [(16 + i / 50, "unverified") for i in range(330)]
    return replace(made(*near, *alike, *open_ones, *far), pairs=400, looked_at=70, exact=2)


def test_the_report_says_what_it_means_and_what_to_do() -> None:
    assert calibration_text(a_calibration()) == REPORT


REPORT = """\
400 images, each compared with all the others.
  left out: 2 with the same bytes or pixels as another

distance to the nearest other image (at 5%: one image in twenty is as near, or nearer)
        images   least     1%     5%     25%    half     75%    most
  all      400    1.00   1.30   2.90   16.58   18.58   20.58   22.58

pairs of nearest neighbours compared by pixels: 70; copies: 20, look-alikes: 40, undecided: 10
  more distant pairs that were not compared (--pairs compares more): 330

what each threshold would have blocked, if each image had been new
  threshold   bare   verified   copies   look-alikes   undecided   unverified   false             up to
          2     11         20       11             0           0            0       0    0.00%    0.75%
          4     20         20       20             0           0            0       0    0.00%    0.75%
          6     20         20       20             0           0            0       0    0.00%    0.75%
        7.9     24         24       20             0           4            0       4    1.00%    2.27%   suggested
          8     25         25       20             0           5            0       5    1.25%    2.61%
         10     70         30       20            40          10            0      10    2.50%    4.20%     current
         12     70         30       20            40          10            0      10    2.50%    4.20%
         14     70         30       20            40          10            0      10    2.50%    4.20%
         16     71         31       20            40          10            1      11    2.75%    4.51%
         18    171        131       20            40          10          101     111   27.75%   31.67%
         20    271        231       20            40          10          201     211   52.75%   56.96%
  bare: by distance only; verified: without look-alikes, and with copies up to the reach
  false: blocked with verification, and not a known copy; up to: upper limit with 95 % confidence

for at most 1% false blocks: lower the threshold from 10 to 7.9.
  at 10, falsely blocked so far: 10 of 400 (2.50%; with 95 % confidence at most 4.20%)
  at 7.9, falsely blocked so far: 4 of 400 (1.00%; with 95 % confidence at most 2.27%)
  set it:  imgsim-guard calibrate --rate 1% --write
without pixels, only the distance decides: there, 7.9 is the highest that keeps that rate.
"""


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (replace(a_calibration(), rate=Share(10.0)), "10% false blocks: keep the threshold of 10."),
        (
            made(*many(300, 30.0, "unverified"), *((12.0 + i, "undecided") for i in range(4))),
            "1% false blocks: the threshold can be raised from 10 to 14.9.",
        ),
        (
            made(*many(300, 12.0, "copy"), *many(9, 14.0, "look-alike"), verifying=False),
            "1% false blocks: the threshold can be raised from 10 to 13.9.",
        ),
        (replace(a_calibration(), today=7.9), "1% false blocks: keep the threshold of 7.9."),
        (replace(a_calibration(), verifying=False), "1% false blocks: lower the threshold from 10 to 7.9."),
    ],
)
def test_the_conclusion_follows_from_todays_threshold(found: Calibration, said: str) -> None:
    assert f"for at most {said}" in calibration_text(found).splitlines()


def test_room_for_a_higher_threshold_is_told() -> None:
    said = "  up to 16.5 would keep that rate too, but would find no further copies."
    assert said in calibration_text(replace(a_calibration(), rate=Share(10.0))).splitlines()


def test_the_same_calibration_is_written_as_the_same_bytes() -> None:
    for report in (calibration_text, calibration_json, calibration_svg):
        assert report(a_calibration()) == report(a_calibration())


def test_the_json_report_tells_what_the_text_does() -> None:
    found = a_calibration()
    document = json.loads(calibration_json(found))
    assert (document["format"], document["images"], document["rate"], document["images_needed"]) == (1, 400, 0.01, 300)
    assert document["threshold"] == {
        "today": 10.0,
        "suggested": 7.9,
        "limit_with_verification": 7.9,
        "limit_without": 7.9,
    }
    row = next(row for row in document["all"]["thresholds"] if row["threshold"] == 10.0)
    assert row == {
        "threshold": 10.0,
        "copies": 20,
        "look_alikes": 40,
        "undecided": 10,
        "unverified": 0,
        "with_verification": {"blocked": 30, "false": 10, "false_rate_at_most": 0.042037},
        "without": {"blocked": 70, "false": 50, "false_rate_at_most": 0.155537},
    }
    assert document["all"]["quantiles"]["0"] == 1.0
    assert document["nearest"][0] == {
        "image": "0000",
        "split": None,
        "nearest": "0001",
        "distance": 1.0,
        "sort": "copy",
    }


def bars(svg: str) -> dict[str, int]:
    """How many images the bars of each sort stand for, by what they say of themselves."""
    counts = dict.fromkeys(map(str, SORTS), 0)
    for bar in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}rect"):
        if (told := bar.find("{http://www.w3.org/2000/svg}title")) is not None:
            counts[bar.attrib["class"]] += int((told.text or "").split(": ")[1].split(" ")[0].replace(",", ""))
    return counts


@given(drawn_neighbours)
def test_the_plot_is_xml_and_shows_every_image_once(neighbours: list[tuple[float, Sort]]) -> None:
    found = made(*neighbours)
    svg = calibration_svg(found)
    assert bars(svg) == {sort: sum(own == sort for _, own in neighbours) for sort in SORTS}
    assert not re.search(r"href|<script|url\(", svg)
    assert "prefers-color-scheme: dark" in svg


@pytest.mark.parametrize(("today", "rows"), [(10.0, (92, 74)), (6.0, (74, 92)), (25.0, (74, 92))])
def test_the_names_of_the_thresholds_do_not_meet(today: float, rows: tuple[int, int]) -> None:
    svg = calibration_svg(replace(a_calibration(), today=today, verifying=False))
    names = dict(re.findall(r'y="(\d+)" text-anchor="\w+">(current|suggested)', svg))
    assert {name: int(y) for y, name in names.items()} == dict(zip(("current", "suggested"), rows, strict=True))


def test_names_of_strangers_are_shown_harmlessly() -> None:
    found = a_calibration()
    odd = [replace(one, image="\x1b[31m", split="<b>\x07") for one in found.neighbours]
    found = replace(found, neighbours=tuple(odd), notes=("\x1b[2J",))
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", calibration_text(found) + calibration_json(found))
    ET.fromstring(calibration_svg(found))


# The command


@pytest.fixture
def embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, Mapping[str, int]], None]:
    """Puts files into a folder, which becomes the working directory, and embeddings of them into the cache. Every two
    that follow one another are as far apart as given, in numbers that differ by 1; others are about 20 apart.
    """
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))

    def put(folder: Path, differing: Mapping[str, int]) -> None:
        rows = []
        for number, (name, flipped) in enumerate(differing.items()):
            path, data = folder / name, f"{number}".encode()
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_bytes(data)
            embedding = np.random.default_rng(number // 2).choice([-0.5, 0.5], 768).astype(np.float16)
            embedding[: flipped * (number % 2)] *= -1
            digests = file_digests(data)
            pixels, hashes = digests["sha256"][: DIGEST_SIZES["pixels"]], bytes(DIGEST_SIZES["hashes"])
            rows.append(Row(**digests, pixels=pixels, hashes=hashes, embedding=embedding))
        Store(tmp_path / "cache", fingerprint=fingerprint("onnx"), decoder=lambda: "test").add(rows)
        monkeypatch.chdir(folder)

    return put


def twins(near: int, far: int) -> dict[str, int]:
    """So many pairs at distance 8, and so many at 15."""
    return {f"{pair:04}{name}.png": 64 if pair < near else 225 for pair in range(near + far) for name in "ab"}


def guard(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    """What a command printed to both streams."""
    try:
        ended = main(["calibrate", *arguments])
    except SystemExit as stop:
        ended = int(stop.code or 0)
    printed = capsys.readouterr()
    assert ended == code, printed
    return printed.out, printed.err


CONFIGURATION = b"# ours\r\nthreshold: 10 # why\r\n\r\nreach: 26\r\n"


def test_write_changes_one_number_of_the_configuration(
    tmp_path: Path, embedded: Callable[[Path, Mapping[str, int]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    embedded(tmp_path / "here", twins(near=3, far=150))
    file = tmp_path / "here" / FILE_NAME
    file.write_bytes(CONFIGURATION)
    out, err = guard(capsys, ".", "--no-verify", "--write")
    assert "lower the threshold from 10 to 7.9" in out
    assert err == f"{FILE_NAME}: threshold 10 -> 7.9\n"
    assert file.read_bytes() == CONFIGURATION.replace(b"10", b"7.9")
    out, err = guard(capsys, ".", "--no-verify", "--write", "--quiet")
    assert (out, err) == ("", f"{FILE_NAME}: the threshold stays 7.9.\n")
    assert file.read_bytes() == CONFIGURATION.replace(b"10", b"7.9")


def test_write_makes_the_configuration_when_there_is_none(
    tmp_path: Path, embedded: Callable[[Path, Mapping[str, int]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    embedded(tmp_path / "here", twins(near=3, far=150))
    before = {path.name for path in tmp_path.joinpath("here").iterdir()}
    guard(capsys, ".", "--no-verify", "--write")
    assert {path.name for path in tmp_path.joinpath("here").iterdir()} == before | {FILE_NAME}
    assert tmp_path.joinpath("here", FILE_NAME).read_bytes() == b"threshold: 7.9\n"


def test_write_changes_the_configuration_that_was_named_where_a_link_leads(
    tmp_path: Path, embedded: Callable[[Path, Mapping[str, int]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    embedded(tmp_path / "here", twins(near=3, far=150))
    real, link = tmp_path / "real.yaml", tmp_path / "here" / "link.yaml"
    real.write_text("reach: 20")
    link.symlink_to(real)
    guard(capsys, ".", "--no-verify", "--write", "--config", "link.yaml")
    assert (real.read_text(), link.is_symlink()) == ("reach: 20\nthreshold: 7.9\n", True)


def test_too_small_a_dataset_is_refused_unless_the_rate_is_loosened(
    tmp_path: Path, embedded: Callable[[Path, Mapping[str, int]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    embedded(tmp_path / "here", twins(near=3, far=97))
    file = tmp_path / "here" / FILE_NAME
    file.write_bytes(CONFIGURATION)
    _, err = guard(capsys, ".", "--no-verify", "--write", code=2)
    assert err == (
        "imgsim-guard: the configuration was not changed: 200 images are too few to show a rate of 1%: "
        "that takes 300 (3 / rate); they can show --rate 1.5%\n"
    )
    assert file.read_bytes() == CONFIGURATION
    guard(capsys, ".", "--no-verify", "--write", "--rate", "1.5%")
    assert file.read_bytes() == CONFIGURATION.replace(b"10", b"7.9")


def test_write_says_when_no_threshold_will_do(
    tmp_path: Path, embedded: Callable[[Path, Mapping[str, int]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    embedded(tmp_path / "here", dict.fromkeys(twins(near=3, far=150), 0))
    _, err = guard(capsys, ".", "--no-verify", "--write", code=2)
    assert err == "imgsim-guard: the configuration was not changed: no threshold keeps false blocks to 1%\n"
    assert not tmp_path.joinpath("here", FILE_NAME).exists()


def test_write_says_when_too_few_pairs_were_looked_at(
    tmp_path: Path, embedded: Callable[[Path, Mapping[str, int]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    embedded(tmp_path / "here", twins(near=3, far=150))
    _, err = guard(capsys, ".", "--pairs", "1", "--write", code=2)
    assert err.startswith("imgsim-guard: the configuration was not changed: too few pairs were compared")
    assert err.endswith(": 2 within it were not; --pairs 3 compares all of them\n")
    guard(capsys, ".", "--pairs", "3", "--write")
    assert tmp_path.joinpath("here", FILE_NAME).read_bytes() == b"threshold: 7.9\n"


def test_without_paths_it_is_the_repositorys_dataset(
    repository: Repository, embedded: Callable[[Path, Mapping[str, int]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    embedded(repository.root, {f"data/{name}": flipped for name, flipped in twins(near=2, far=4).items()})
    repository.git("add", "data")
    repository.write({FILE_NAME: 'images: ["data/**", "!data/0005*"]\n', "data/untracked.png": "x"})
    out, _ = guard(capsys, "--json", "report.json", "--plot", "plot.svg", "--rate", "40%")
    assert out.startswith("10 images, each compared with all the others.\n")
    assert out.endswith("wrote report.json\nwrote plot.svg\n")
    document = json.loads(repository.root.joinpath("report.json").read_text())
    assert (document["images"], document["threshold"]["limit_with_verification"]) == (10, 14.9)
    assert bars(repository.root.joinpath("plot.svg").read_text())["unverified"] == 10


def test_the_same_store_gives_the_same_bytes(
    tmp_path: Path, embedded: Callable[[Path, Mapping[str, int]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    embedded(tmp_path / "here", twins(near=3, far=20))
    first, told = guard(capsys, ".", "--json", "-", "--plot", "../one.svg")
    assert json.loads(first)["images"] == 46
    assert told.startswith("46 images, each compared with all the others.\n")
    assert guard(capsys, ".", "--json", "-", "--plot", "../two.svg") == (first, told)
    assert tmp_path.joinpath("one.svg").read_bytes() == tmp_path.joinpath("two.svg").read_bytes()


@pytest.mark.parametrize("rate", ["1", "0%", "101%", "-1%", "a%", "0.0000001%"])
def test_a_rate_is_a_share(rate: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, err = guard(capsys, f"--rate={rate}", code=2)
    assert err.splitlines()[-1].endswith(f"argument --rate: {rate!r} is not a share such as 1% or 0.5%")


def test_neither_the_model_nor_opencv_is_loaded_for_the_store_alone(
    tmp_path: Path, embedded: Callable[[Path, Mapping[str, int]], None]
) -> None:
    embedded(tmp_path / "here", twins(near=3, far=20))
    script = (
        "import sys; from imgsim_guard.cli import main; assert main(['calibrate', '.', '--no-verify']) == 0; "
        "assert not {'cv2', 'onnxruntime'} & {*sys.modules}"
    )
    result = subprocess.run([sys.executable, "-P", "-c", script], check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
