"""One number in a configuration changes, and no other character does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsim_guard.config.editor import BOM, with_setting
from imgsim_guard.config.reader import parse_settings
from imgsim_guard.model import GuardError


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("threshold: 10\n", "threshold: 8.3\n"),
        ("threshold: 10", "threshold: 8.3"),
        (
            "# ours\nthreshold:   10.0   # no more\nreach: 26\n",
            "# ours\nthreshold:   8.3   # no more\nreach: 26\n",
        ),
        ("reach: 26\r\nthreshold: 10\r\n# end\r\n", "reach: 26\r\nthreshold: 8.3\r\n# end\r\n"),
        (f"{BOM}threshold: 10\n", f"{BOM}threshold: 8.3\n"),
        ("'threshold': 10\n", "'threshold': 8.3\n"),
        ("threshold:\n  10\n", "threshold:\n  8.3\n"),
        ("{threshold: 10, reach: 26}\n", "{threshold: 8.3, reach: 26}\n"),
        ("---\nthreshold: 10\n...\n", "---\nthreshold: 8.3\n...\n"),
        ("# é, ü, 猫\nthreshold: 10\n", "# é, ü, 猫\nthreshold: 8.3\n"),
        (
            "splits: {a: x/, b: y/}\nrules:\n- {between: [a, b], threshold: 10}\nthreshold: 10\n",
            "splits: {a: x/, b: y/}\nrules:\n- {between: [a, b], threshold: 10}\nthreshold: 8.3\n",
        ),
    ],
)
def test_where_there_is_a_number_it_is_replaced(before: str, after: str) -> None:
    assert with_setting(before, "threshold", 8.3) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "threshold: 8.3\n"),
        ("# threshold: 10\n", "# threshold: 10\nthreshold: 8.3\n"),
        ("reach: 26", "reach: 26\nthreshold: 8.3\n"),
        ("reach: 26\r\n", "reach: 26\r\nthreshold: 8.3\r\n"),
        ("images:\n- a/\n- b/\n", "images:\n- a/\n- b/\nthreshold: 8.3\n"),
        ("  reach: 26\n  verify: never\n", "  reach: 26\n  verify: never\n  threshold: 8.3\n"),
        ("{}\n", "{threshold: 8.3}\n"),
        ("{reach: 26}\n", "{threshold: 8.3, reach: 26}\n"),
        (
            "splits: {a: x/, b: y/}\nrules:\n- between: [a, b]\n  threshold: 12\n",
            "splits: {a: x/, b: y/}\nrules:\n- between: [a, b]\n  threshold: 12\nthreshold: 8.3\n",
        ),
    ],
)
def test_where_there_is_none_a_line_is_added(before: str, after: str) -> None:
    assert with_setting(before, "threshold", 8.3) == after


def test_what_cannot_be_added_to_is_left_to_its_owner() -> None:
    with pytest.raises(GuardError, match=r"add this line by hand: threshold: 8\.3"):
        with_setting("reach: 26\n...\n", "threshold", 8.3)


comments = st.text(st.characters(exclude_categories=("C", "Z")), max_size=8).map(lambda text: f"# {text}")
settings = st.permutations(["reach: 20", "verify: never", "images: [a/, b/]", "splits: {train: x/, 'test': y/}"])


@given(settings, st.lists(comments, max_size=4), st.sampled_from(["\n", "\r\n"]), st.integers(0, 560), st.data())
def test_the_new_text_says_the_same_but_for_the_number(
    lines: list[str], notes: list[str], newline: str, tenths: int, data: st.DataObject
) -> None:
    lines = [*lines, *notes, *data.draw(st.sampled_from([[], ["threshold: 1e1  # why"]]))]
    text = newline.join(data.draw(st.permutations(lines))) + newline
    changed = with_setting(text, "threshold", tenths / 10)
    before = parse_settings(text, name="x")
    assert parse_settings(changed, name="x") == replace(before, threshold=tenths / 10)
    assert {*changed.split(newline)} - {*text.split(newline)} <= {
        f"threshold: {tenths / 10:g}",
        f"threshold: {tenths / 10:g}  # why",
    }
