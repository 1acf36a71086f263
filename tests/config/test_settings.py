from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgsim_guard.config.reader import as_written, load_settings, parse_settings, settings_schema
from imgsim_guard.config.settings import FILE_NAME, Settings
from imgsim_guard.config.settings import LARGEST_FILE as MAX_FILE_SIZE
from imgsim_guard.model import GuardError

if TYPE_CHECKING:
    from pathlib import Path

DEFAULTS = Settings(
    images=None,
    threshold=10.0,
    max_near_duplicates=0,
    max_exact_duplicates=0,
    unreadable="fail",
    engine="onnx",
    max_missing_embeddings=200,
)
LIMIT = "should be a number of images, or a share of them such as 2%"
KEYS = (
    "the keys are images, threshold, reach, candidates, verify, retrieve, max_near_duplicates, "
    "max_exact_duplicates, unreadable, unchecked, uncompared, "
    "engine, preprocessing, device, max_missing_embeddings, splits, labels, on_label_conflict, "
    "keep, keep_in, rules, store, previews, "
    "accepted"
)


def mistakes(text: str) -> str:
    with pytest.raises(GuardError) as caught:
        parse_settings(text, name="f")
    return str(caught.value)


def test_without_a_word_the_defaults_hold() -> None:
    assert Settings() == DEFAULTS


@pytest.mark.parametrize("text", ["", "\n", "# nothing but a comment\n", "---\n", "{}\n"])
def test_a_file_that_says_nothing_gives_the_defaults(text: str) -> None:
    assert parse_settings(text, name="f") == DEFAULTS


def test_every_default_is_valid() -> None:
    written = {name: value for name, value in as_written(Settings()).items() if value is not None}
    assert parse_settings(json.dumps(written), name="f") == DEFAULTS


def test_every_setting_has_a_description() -> None:
    properties = settings_schema()["properties"]
    assert isinstance(properties, dict)
    assert [name for name, field in properties.items() if not field["description"]] == []


def test_a_whole_file_is_read() -> None:
    text = """\
images: ["data/**", "!data/raw/"]
threshold: 8.5
max_near_duplicates: 3
max_exact_duplicates: 2
unreadable: warn
engine: imgsim
max_missing_embeddings: 0
"""
    assert parse_settings(text, name="f") == Settings(
        images=["data/**", "!data/raw/"],
        threshold=8.5,
        max_near_duplicates=3,
        max_exact_duplicates=2,
        unreadable="warn",
        engine="imgsim",
        max_missing_embeddings=0,
    )


@pytest.mark.parametrize(
    ("text", "threshold"),
    [
        ("threshold: 1e-3", 0.001),
        ("threshold: 0", 0.0),
        ("threshold: 56", 56.0),
        ("threshold: 7\r\nunreadable: fail\r\n", 7.0),
        ("{threshold: 7}", 7.0),
    ],
)
def test_numbers_are_numbers(text: str, threshold: float) -> None:
    assert parse_settings(text, name="f") == Settings(threshold=threshold)


HEADING = "the configuration has mistakes:\n"
PREVIEWS = ".imgsim-guard/previews"
MISTAKES = {
    "tresh: 5": "f:1:1: unknown key 'tresh'; did you mean 'threshold'?",
    "max_near_duplicate: 5": "f:1:1: unknown key 'max_near_duplicate'; did you mean 'max_near_duplicates'?",
    "colour: auto": f"f:1:1: unknown key 'colour'; {KEYS}",
    "<<: {threshold: 5}": f"f:1:1: unknown key '<<'; {KEYS}",
    "10: 5": f"f:1:1: unknown key '10'; {KEYS}",
    "x" * 100 + ": 5": f"f:1:1: unknown key '{'x' * 56}...; {KEYS}",
    "threshold: no": "f:1:12: threshold: should be a valid number, not 'no'",
    "threshold: yes": "f:1:12: threshold: should be a valid number, not 'yes'",
    "threshold: '5'": "f:1:12: threshold: should be a valid number, not '5'",
    "threshold: nan": "f:1:12: threshold: should be a valid number, not 'nan'",
    "threshold: .nan": "f:1:12: threshold: should be a valid number, not '.nan'",
    "threshold: inf": "f:1:12: threshold: should be a valid number, not 'inf'",
    "threshold: -.inf": "f:1:12: threshold: should be a valid number, not '-.inf'",
    "threshold: -1": "f:1:12: threshold: should be greater than or equal to 0, not -1",
    "threshold: 57": "f:1:12: threshold: should be less than or equal to 56, not 57",
    "threshold: 1e999": "f:1:12: threshold: should be less than or equal to 56, not inf",
    "threshold:": "f:1:11: threshold: should be a valid number, not nothing",
    "threshold: true": "f:1:12: threshold: should be a valid number, not True",
    "threshold: [5]": "f:1:12: threshold: should be a valid number, not [5]",
    "threshold:\n  is: 5": "f:2:3: threshold: should be a valid number, not {'is': 5}",
    "threshold: 5,5": "f:1:12: threshold: should be a valid number, not '5,5'",
    "max_near_duplicates: 1.5": f"f:1:22: max_near_duplicates: {LIMIT}, not 1.5",
    "max_near_duplicates: -1": f"f:1:22: max_near_duplicates: {LIMIT}, not -1",
    "max_near_duplicates: true": f"f:1:22: max_near_duplicates: {LIMIT}, not True",
    "max_near_duplicates: " + "9" * 30: f"f:1:22: max_near_duplicates: {LIMIT}, not 1e+30",
    "max_near_duplicates: 101%": f"f:1:22: max_near_duplicates: {LIMIT}, not '101%'",
    "rules: [{within: train}]": "f:1:9: rules.0: there is no split 'train' (splits: none is defined)",
    "rules: [{on_match: warn}]": "f:1:9: rules.0: needs either between or within",
    "rules: [{within: a, colour: red}]": (
        "f:1:21: unknown key 'rules.0.colour'; the keys are between, within, threshold, on_match, limit"
    ),
    "splits: {a: 'a/**', b: 'b/**'}\nrules:\n- {between: [a, b]}\n- {between: [b, a], on_match: warn}": (
        "f:4:3: rules.1: never applies, because rules.0 is for the same splits"
    ),
    "splits: {a: 'a/**'}\nrules:\n- {between: [a, a]}": (
        "f:3:3: rules.0: between names one split twice; write within: a"
    ),
    "splits: {a: 'a/**'}\nrules:\n- {within: a, threshold: far}": (
        "f:3:26: rules.0.threshold: should be a valid number, not 'far'"
    ),
    "splits: {'a b': 'a/**'}": "f:1:10: splits.a b: should be a name of letters, digits, dots and dashes, not 'a b'",
    f"store: {PREVIEWS}": f"f:1:8: store: {PREVIEWS} is where previews are kept; choose another name",
    f"accepted: {PREVIEWS}": f"f:1:11: accepted: {PREVIEWS} is where previews are kept; choose another name",
    "accepted: .imgsim-guard/store": "f:1:11: accepted: .imgsim-guard/store is the store; choose another name",
    "store: ../elsewhere": (
        "f:1:8: store: should be a name below .imgsim-guard/, such as .imgsim-guard/store, not '../elsewhere'"
    ),
    "unreadable: ignore": "f:1:13: unreadable: should be 'fail' or 'warn', not 'ignore'",
    "unreadable: no": "f:1:13: unreadable: should be 'fail' or 'warn', not 'no'",
    "unreadable: Fail": "f:1:13: unreadable: should be 'fail' or 'warn', not 'Fail'",
    "engine: imgsim\npreprocessing: antialiased": (
        "f:2:16: preprocessing: the engine imgsim knows only reference; write reference, or engine: onnx"
    ),
    "device: cuda\nengine: imgsim": ("f:1:9: device: the engine imgsim runs on the CPU; write auto, or engine: onnx"),
    "engine: torch": "f:1:9: engine: should be 'onnx' or 'imgsim', not 'torch'",
    'engine: "\\e[31m"': r"f:1:9: engine: should be 'onnx' or 'imgsim', not '\x1b[31m'",
    "engine: " + "o" * 5000: f"f:1:9: engine: should be 'onnx' or 'imgsim', not '{'o' * 56}...",
    "images: data/**": "f:1:9: images: should be a valid list, not 'data/**'",
    "images: {a: b}": "f:1:9: images: should be a valid list, not {'a': 'b'}",
    "images:\n  - data/**\n  - 5": "f:3:5: images.1: should be a valid string, not 5",
    "images:\n  - ''": "f:2:5: images.0: String should have at least 1 character, not ''",
    "- threshold: 5": "f:1:1: expected keys and values, such as 'threshold: 10'",
    "\n\n  just words": "f:3:3: expected keys and values, such as 'threshold: 10'",
    "5": "f:1:1: expected keys and values, such as 'threshold: 10'",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_told_with_its_place_and_what_was_expected(text: str) -> None:
    assert mistakes(text) == HEADING + MISTAKES[text]


def test_all_mistakes_are_told_at_once_in_the_files_order() -> None:
    text = """\
unreadable: no
treshold: 5
max_near_duplicates: -1
images: [data/**, 5]
engine: torch
"""
    assert mistakes(text) == (
        "the configuration has mistakes:\n"
        "f:1:13: unreadable: should be 'fail' or 'warn', not 'no'\n"
        "f:2:1: unknown key 'treshold'; did you mean 'threshold'?\n"
        f"f:3:22: max_near_duplicates: {LIMIT}, not -1\n"
        "f:4:19: images.1: should be a valid string, not 5\n"
        "f:5:9: engine: should be 'onnx' or 'imgsim', not 'torch'"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("threshold: 5\nthreshold: 6", "f:2:1: the key 'threshold' is given twice"),
        ("threshold: &t 5", "f:1:12: anchors and aliases are not supported; write the value out"),
        ("threshold: 5\n<<<<<<< HEAD\n", "f:2:1: a merge conflict is not resolved here"),
        ("threshold: " + "[" * 5000, "f:1:31: nested too deeply"),
        (
            "threshold: [5",
            "f:1:14: not valid YAML: while parsing a flow sequence: expected ',' or ']', but got '<stream end>'",
        ),
    ],
)
def test_what_is_not_yaml_is_told_with_its_place(text: str, expected: str) -> None:
    assert mistakes(text) == expected


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(b"\xef\xbb\xbfthreshold: 5\r\n")
    assert load_settings(path) == Settings(threshold=5.0)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            b"threshold: 5 # caf\xe9\n",
            "{path}: not a text file in UTF-8 (invalid continuation byte at byte 18); save it as UTF-8",
        ),
        (
            "threshold: 5".encode("utf-16"),
            "{path}: not a text file in UTF-8 (invalid start byte at byte 0); save it as UTF-8",
        ),
        (b"#" * (MAX_FILE_SIZE + 1), "{path}: larger than 100,000 bytes, the most for the configuration"),
        (b"treshold: 5", HEADING + "{path}:1:1: unknown key 'treshold'; did you mean 'threshold'?"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_by_its_path(data: bytes, expected: str, tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(data)
    with pytest.raises(GuardError) as caught:
        load_settings(path)
    assert str(caught.value) == expected.format(path=path)


def test_a_file_as_large_as_is_read_is_read(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes((b"#" * 99 + b"\n") * (MAX_FILE_SIZE // 100))
    assert load_settings(path) == DEFAULTS


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(GuardError) as caught:
        load_settings(tmp_path / "none.yaml")
    assert str(caught.value) == f"cannot read the configuration {tmp_path / 'none.yaml'}: No such file or directory"


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(GuardError) as caught:
        load_settings(tmp_path)
    assert str(caught.value) == f"cannot read the configuration {tmp_path}: Is a directory"


SCALARS = st.sampled_from(
    ["5", "-1", "no", "'5'", "1e-3", "[a, 5]", "fail", "onnx", "", "~", "{a: b}", "|\n  x", "9" * 40]
)
LINES = st.builds("{}: {}\n".format, st.sampled_from([*vars(Settings()), "treshold", "? a", "-"]), SCALARS)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(text=st.text(max_size=80) | st.lists(LINES, max_size=6).map("".join))
def test_any_text_gives_settings_or_mistakes_on_lines_that_exist(text: str) -> None:
    try:
        parse_settings(text, name="f")
    except GuardError as error:
        heading, *rest = str(error).split("\n")
        for line in rest if heading + "\n" == HEADING else [heading]:
            told = re.match(r"f:(\d+):(\d+): .", line)
            assert told, line
            assert 1 <= int(told[1]) <= len(text.splitlines()) + 1
