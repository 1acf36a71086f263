from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgsim_guard.config.strict_yaml import Document, Mark, Value, YamlError, parse_yaml


def problem(text: str) -> str:
    with pytest.raises(YamlError) as caught:
        parse_yaml(text)
    return f"{caught.value.mark.line}:{caught.value.mark.column}: {caught.value}"


def test_every_key_and_every_value_has_its_place() -> None:
    assert parse_yaml("# a comment\nimages:\n  - a\n  - 'b c'\nthreshold:   5\n") == Document(
        value={"images": ["a", "b c"], "threshold": 5},
        marks={
            (): Mark(2, 1),
            ("images",): Mark(3, 3),
            ("images", 0): Mark(3, 5),
            ("images", 1): Mark(4, 5),
            ("threshold",): Mark(5, 14),
        },
        key_marks={("images",): Mark(2, 1), ("threshold",): Mark(5, 1)},
    )


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "---\n...\n"])
def test_a_file_with_nothing_in_it_is_nothing(text: str) -> None:
    assert parse_yaml(text).value is None


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("10", 10),
        ("-3", -3),
        ("+3", 3),
        ("010", 10),
        ("2.5", 2.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        ("-1.5e+2", -150.0),
        ("999999999999999999", 999999999999999999),
        ("1000000000000000000", 1e18),
        ("9" * 5000, math.inf),
        ("1e999", math.inf),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("nan", "nan"),
        (".inf", ".inf"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("'5'", "5"),
        ('"true"', "true"),
        ("'~'", "~"),
        ("|\n  5", "5"),
    ],
)
def test_scalars_mean_what_people_expect(scalar: str, value: Value) -> None:
    found = parse_yaml(f"key: {scalar}").value
    assert found == {"key": value}
    assert isinstance(found, dict)
    assert type(found["key"]) is type(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\na: 2", "2:1: the key 'a' is given twice"),
        ("a: {b: 1, b: 1}", "1:11: the key 'b' is given twice"),
        ("a: 1\n'a': 2", "2:1: the key 'a' is given twice"),
        ("? [a]\n: b", "1:3: a key must be a word"),
        ("a: &anchor 1", "1:4: anchors and aliases are not supported; write the value out"),
        ("a: *alias", "1:4: anchors and aliases are not supported; write the value out"),
        ("a: &x [1]\nb: *x", "1:4: anchors and aliases are not supported; write the value out"),
        (
            "threshold: 5\n<<<<<<< HEAD\nengine: onnx\n=======\nengine: imgsim\n>>>>>>> theirs\n",
            "2:1: a merge conflict is not resolved here",
        ),
        ("threshold: 5\r\n>>>>>>> theirs\r\n", "2:1: a merge conflict is not resolved here"),
        (
            "a:\n\t- b",
            r"2:1: not valid YAML: while scanning for the next token: found character '\t' that cannot start any token",
        ),
        (
            "a: @b",
            "1:4: not valid YAML: while scanning for the next token: found character '@' that cannot start any token",
        ),
        ("a: [b", "1:6: not valid YAML: while parsing a flow sequence: expected ',' or ']', but got '<stream end>'"),
        ("a: 'b", "1:6: not valid YAML: while scanning a quoted scalar: found unexpected end of stream"),
        ("a: b: c", "1:5: not valid YAML: mapping values are not allowed here"),
        (
            "a: 1\n---\nb: 2",
            "3:1: not valid YAML: a second document begins here",
        ),
        ("a: 1\nb: \x1b[31m", "2:4: not valid YAML: the character U+001B is not allowed"),
        ("a: 1\r\nb\0: 2", "2:2: not valid YAML: the character U+0000 is not allowed"),
        ('a: "\\UFFFFFFFF"', "1:1: not valid YAML: Python int too large to convert to C int"),
        ("- " * 5000, "1:41: nested too deeply"),
        ("a: " + "[" * 5000, "1:23: nested too deeply"),
        ("a:\n  " + "{a: " * 5000, "2:79: nested too deeply"),
    ],
)
def test_what_is_not_the_yaml_that_is_read_is_refused_with_its_place(text: str, expected: str) -> None:
    assert problem(text) == expected


def test_aliases_cannot_expand_to_gigabytes() -> None:
    billion_laughs = "\n".join(
        ["a0: &a0 lol"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    )
    assert problem(billion_laughs) == "1:5: anchors and aliases are not supported; write the value out"


YAML_LIKE = st.lists(
    st.sampled_from(
        [
            *(
                "a",
                "b",
                ": ",
                ":",
                "- ",
                "? ",
                "\n",
                "\r\n",
                "  ",
                "\t",
                "'",
                '"',
                "[",
                "]",
                "{",
                "}",
                ", ",
                "#",
                "&x ",
                "*x",
            ),
            *(
                "!!int ",
                "!",
                "|",
                ">",
                "---\n",
                "...\n",
                "%YAML 1.1\n",
                "%TAG ! x\n",
                "<<",
                "1e3",
                "~",
                "\\",
                "\\u12",
                "\\x",
            ),
            *("@", "`", "\u2028", "\ufeff", "\x85", "\x00", "<<<<<<< "),
        ]
    ),
    max_size=30,
).map("".join)


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(text=st.text(max_size=60) | YAML_LIKE)
def test_any_text_gives_a_document_or_a_mistake_on_a_line_that_exists(text: str) -> None:
    lines = len(text.splitlines()) + 1
    try:
        document = parse_yaml(text)
        marks = [*document.marks.values(), *document.key_marks.values()]
    except YamlError as error:
        marks = [error.mark]
    assert all(1 <= mark.line <= lines and 1 <= mark.column <= len(text) + 1 for mark in marks)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(numbers=st.lists(st.integers(-(10**17), 10**17) | st.floats(allow_nan=False, allow_infinity=False)))
def test_every_number_that_python_writes_is_read_as_that_number(numbers: list[float]) -> None:
    assert parse_yaml("".join(f"- {number!r}\n" for number in numbers)).value == (numbers or None)
