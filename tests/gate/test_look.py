"""Which pairs are looked at, and that the verdict does not depend on what was looked at before."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from conftest import Files, ThumbnailEmbedder, encoded, image_of, open_store, pixels_of

from imgsim_guard.gate import facts as facts_module
from imgsim_guard.gate import look as looking
from imgsim_guard.gate.accepted import accepted_pair
from imgsim_guard.gate.check import check
from imgsim_guard.gate.grouping import grouped
from imgsim_guard.gate.groups import Wishes
from imgsim_guard.gate.look import ENOUGH, Looks
from imgsim_guard.gate.pipeline import Pipeline
from imgsim_guard.gate.policy import Policy
from imgsim_guard.model import Bounds, Candidate, Evidence, Image, Limits, Result, Selection
from imgsim_guard.report.text import text_report
from imgsim_guard.store.verdicts import Verdicts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from imgsim_guard.sources.source import Source

BOUNDS = Bounds(threshold=9.0, reach=12.0)
POLICY = Policy(BOUNDS, Limits())
FRAMES, OTHERS = 9, ("coffee.png", "rocket.jpg")


def frame(number: int) -> bytes:
    """Of a film: the camera moves a little from one to the next."""
    whole = pixels_of("chelsea.png")
    x, y = 4 * number, 2 * number
    return encoded(np.ascontiguousarray(whole[y : y + 240, x : x + 320]), ".jpg")


FILM = {f"{number:02}.jpg": frame(number) for number in range(FRAMES)}
UNLIKE = {name: encoded(np.asarray(cv2.resize(pixels_of(name), (320, 240)), np.uint8)) for name in OTHERS}


class Run:
    """Checks over one store, each with files that count what is read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = Files({})

    def __call__(
        self,
        new: dict[str, bytes],
        held: dict[str, bytes] | None = None,
        *,
        looks: Looks = Looks(),
        policy: Policy = POLICY,
    ) -> Result:
        held = held or {}
        self.files = Files({**new, **held})
        images = ([image_of(path, data) for path, data in sorted(some.items())] for some in (new, held))
        queries, gallery = (tuple(some) for some in images)
        pipeline = Pipeline(self.files, open_store(self.root), ThumbnailEmbedder, lambda _total, _doing: lambda: None)
        return check(Selection("folders", queries, gallery), pipeline, policy=policy, looks=looks)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "cache")


def test_a_film_is_named_by_the_nearest_frames_and_the_rest_is_counted(run: Run) -> None:
    result = run(FILM)
    named = {path: [match.gallery.path for match in result.matches if match.query.path == path] for path in FILM}
    assert {path: len(some) for path, some in named.items()} == {
        f"{number:02}.jpg": min(number, ENOUGH) for number in range(FRAMES)
    }
    assert named["08.jpg"] == ["07.jpg", "06.jpg", "05.jpg"]
    assert result.not_looked_at == tuple((f"{number:02}.jpg", number - ENOUGH) for number in range(4, FRAMES))
    whole = run(FILM, looks=Looks(all_pairs=True))
    assert len(whole.matches) == FRAMES * (FRAMES - 1) // 2
    assert whole.not_looked_at == ()
    assert {match.query for match in result.matches} == {match.query for match in whole.matches}


def test_what_is_not_looked_at_is_said(run: Run) -> None:
    lines = text_report(run(FILM)).splitlines()
    assert lines[-2].strip() == "and 5 more within reach, not looked at"
    assert lines[-1].endswith("15 more within reach, not looked at (--all-pairs looks at all).")


def test_what_was_looked_at_once_is_neither_read_again_nor_judged_otherwise(run: Run) -> None:
    for looks in (Looks(), Looks(all_pairs=True)):
        first = run({**FILM, **UNLIKE}, looks=looks)
        second = run({**FILM, **UNLIKE}, looks=looks)
        assert run.files.reads == []
        assert second == first
        fresh = run({**FILM, **UNLIKE}, looks=looks._replace(fresh=True))
        assert run.files.reads
        assert fresh == first


def test_the_verdicts_are_those_of_each_image_alone_and_of_one_at_a_time(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = {path: FILM[path] for path in list(FILM)[:6]}
    new = {f"new-{path}": FILM[path] for path in list(FILM)[6:]} | UNLIKE
    together = run(new, held)
    monkeypatch.setattr(looking, "QUERIES_AT_ONCE", 1)
    assert run(new, held, looks=Looks(fresh=True)) == together
    for path, data in new.items():
        alone = run({path: data}, held, looks=Looks(fresh=True))
        in_gallery = [match for match in together.matches if match.query.path == path and match.gallery.path in held]
        assert list(alone.matches) == in_gallery


def test_accepted_copies_do_not_hide_one_that_nobody_accepted(run: Run) -> None:
    held = {path: FILM[path] for path in list(FILM)[:5]}
    new = {"new.jpg": FILM["05.jpg"]}
    named = run(new, held).matches
    assert [match.gallery.path for match in named] == ["04.jpg", "03.jpg", "02.jpg"]
    policy = replace(POLICY, accepted=tuple(accepted_pair(match, "a film") for match in named))
    result = run(new, held, policy=policy)
    assert [match.gallery.path for match in result.matches if match.blocking] == ["01.jpg", "00.jpg"]
    assert result.failed


def test_a_verdict_by_preview_is_not_kept(run: Run) -> None:
    first, second = list(FILM)[:2]
    run({first: FILM[first], second: FILM[second]})  # embeds both

    class Elsewhere(Files):
        def at_hand(self, image: Image) -> bool:
            return image.path != first

    own, seen = Elsewhere(FILM), Files(FILM)
    queries = tuple(image_of(path, FILM[path]) for path in (first, second))
    pipeline = Pipeline(own, open_store(run.root), ThumbnailEmbedder, lambda _total, _doing: lambda: None, seen)
    for _ in range(2):
        seen.reads.clear()
        check(Selection("folders", queries, ()), pipeline, policy=POLICY, looks=Looks(fresh=True))
        assert sorted(seen.reads) == [first, second]
    folder = next(path for path in run.root.iterdir() if path.name.startswith("verdicts-"))
    assert len(list(folder.iterdir())) == 1


# The order of looks, over pairs that are made up


class Oracle:
    """Verifies by a table, and remembers in which order it was asked."""

    def __init__(self, confirmed: set[tuple[str, str]]) -> None:
        self.pixels: dict[Image, bytes] = {}
        self.confirmed = confirmed
        self.asked: list[tuple[str, str]] = []

    def verify(self, candidates: Sequence[Candidate], done: Callable[[], object]) -> Iterator[Evidence]:
        for pair in candidates:
            names = pair.query.path, pair.gallery.path
            self.asked.append(names)
            done()
            outcome = "confirmed" if names in self.confirmed else "refuted"
            yield Evidence("confirmed" if outcome == "confirmed" else "refuted", 0, 0.0, 0.0, None, "")


@pytest.mark.parametrize("seed", range(20))
def test_a_query_is_looked_at_until_enough_are_confirmed_in_the_order_of_distance(
    seed: int, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(seed)
    run({})  # makes the store
    names = [f"{number:02}" for number in range(12)]
    images = {name: image_of(name, name.encode()) for name in names}
    pairs = [
        Candidate(images[query], images[other], float(draw.randrange(4)), near=True, splits=(draw.choice("ab"), "a"))
        for query in names[:4]
        for other in names[4:]
    ]
    confirmed = {(pair.query.path, pair.gallery.path) for pair in pairs if draw.random() < 0.5}
    oracle = Oracle(confirmed)
    monkeypatch.setattr(looking, "_verifier", lambda _pipeline: oracle)
    monkeypatch.setattr(looking, "_keys", lambda pairs, _pipeline: [bytes(16)] * len(pairs))
    monkeypatch.setattr(Verdicts, "add", lambda _self, _found: None)
    pipeline = Pipeline(Files({}), open_store(run.root), ThumbnailEmbedder, lambda _total, _doing: lambda: None)
    seen = looking.look(pairs, pipeline, Looks())
    expected = set()
    for query in names[:4]:
        for split in "ab":
            own = [pair for pair in pairs if pair.query.path == query and pair.splits[0] == split]
            found = 0
            for pair in sorted(own, key=lambda pair: (pair.distance, pair.gallery.content)):
                if found == ENOUGH:
                    break
                expected.add((query, pair.gallery.path))
                found += (query, pair.gallery.path) in confirmed
    assert sorted(oracle.asked) == sorted(expected)
    for pair, evidence in zip(pairs, seen.evidence, strict=True):
        names_of = pair.query.path, pair.gallery.path
        assert (evidence is looking.NOT_LOOKED_AT) == (names_of not in expected)


def test_the_groups_of_a_film_read_each_picture_once_for_its_facts(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    make = facts_module._looked_at  # noqa: SLF001

    def noting(image: Image, source: Source) -> object:
        looked.append(image.path)
        return make(image, source)

    monkeypatch.setattr(facts_module, "_looked_at", noting)
    result = run(FILM)
    assert result.not_looked_at
    pipeline = Pipeline(run.files, open_store(run.root), ThumbnailEmbedder, lambda _total, _doing: lambda: None)
    wishes = Wishes("best", (), lambda _path: True, POLICY.ignores)
    assert grouped(result, pipeline, POLICY, wishes=wishes).groups
    assert looked
    assert len(looked) == len(set(looked))
