from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from imgsim_guard.gate.relation import relation, the_other_way
from imgsim_guard.model import Evidence, Image, Match, Transform
from imgsim_guard.verification.transform import transform

ONE, OTHER = Image("one.png", "git:1"), Image("other.png", "git:2")


def picture(width: int, height: int) -> Any:
    """What of a picture tells how it lies on another."""
    return SimpleNamespace(small=np.zeros((height, width), np.uint8), width=width, height=height)


def confirmed(found: Transform, reason: str = "mirrored") -> Match:
    evidence = Evidence("confirmed", 20, 1.0, found.covered, found, reason, relation="copy")
    return Match("near-duplicate", ONE, OTHER, 4.0, evidence, splits=("train", "test"), labels=("cat", "dog"))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("degrees", [0, 12, -90, 150])
@pytest.mark.parametrize("scale", [0.5, 1, 3])
def test_a_match_the_other_way_is_what_would_be_found_of_the_pair_the_other_way(
    mirrored: bool,  # noqa: FBT001
    degrees: float,
    scale: float,
) -> None:
    angle, sign = np.radians(degrees), -1 if mirrored else 1
    turned = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag([sign, 1])
    matrix = np.column_stack([turned, [60, 20]])
    inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
    query, gallery = picture(80, 60), picture(100, 90)
    there, back = transform(query, gallery, matrix), transform(gallery, query, inverse)
    turned_round = the_other_way(confirmed(there))
    assert turned_round.evidence is not None
    found = turned_round.evidence.transform
    assert found is not None
    assert (found.mirrored, found.rotation) == (back.mirrored, back.rotation)
    assert (found.scale, found.squeeze) == pytest.approx((back.scale, back.squeeze), rel=2e-3)
    assert (found.covered, found.shown) == pytest.approx((back.covered, back.shown), abs=0.05)
    assert found.matrix == pytest.approx(back.matrix, abs=1e-9)
    assert (turned_round.query, turned_round.splits, turned_round.labels) == (OTHER, ("test", "train"), ("dog", "cat"))


def test_the_words_are_those_for_the_other_image() -> None:
    half = Transform(
        mirrored=True, rotation=0.0, scale=0.5, squeeze=1.0, covered=1.0, shown=1.0, matrix=(-2, 0, 99, 0, 2, 0)
    )
    match = confirmed(half, "mirrored, scaled to 50%, darker")
    assert relation(match, ONE) == "mirrored, scaled to 50%, darker"
    assert relation(match, OTHER) == "the same picture, mirrored, scaled to 200%, brighter"
    assert relation(the_other_way(match), OTHER) == relation(match, OTHER)


def test_what_was_not_confirmed_says_the_same_both_ways() -> None:
    refuted = Evidence("refuted", 3, 0.2, 0.0, None, "they line up, but only 20% of what they show agrees")
    match = Match("near-duplicate", ONE, OTHER, 4.0, refuted)
    assert the_other_way(match) == Match("near-duplicate", OTHER, ONE, 4.0, refuted)
    assert the_other_way(Match("exact-duplicate", ONE, OTHER, 0.0)) == Match("exact-duplicate", OTHER, ONE, 0.0)
