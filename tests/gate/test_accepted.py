"""Accepted pairs: the file that people read and git merges, and which matches its lines allow."""

from __future__ import annotations

import os
import re
import string
from typing import TYPE_CHECKING

import pytest
from conftest import Repository, image_of
from hypothesis import given
from hypothesis import strategies as st

from imgsim_guard.gate import accepted
from imgsim_guard.gate.accepted import (
    FILE,
    MAX_FILE_SIZE,
    AcceptedPair,
    accepted_pair,
    load_accepted,
    marked,
    parse_accepted,
    still_there,
    write_accepted,
)
from imgsim_guard.model import GuardError, Image, Match

if TYPE_CHECKING:
    from pathlib import Path

HEADER = write_accepted([])
SAME = "git:" + "1" * 40
OTHER = "git:" + "2" * 40
IN_DVC = "md5:" + "3" * 32
IN_LFS = "sha256:" + "4" * 64


def near(query: Image, gallery: Image) -> Match:
    return Match("near-duplicate", query, gallery, 3.0)


def exact(query: Image, gallery: Image, *splits: str) -> Match:
    first, second = splits or ("", "")
    return Match("exact-duplicate", query, gallery, 0.0, splits=(first, second))


def as_given(content: str) -> str:
    return content


def split(path: str) -> str:
    return path.partition("/")[0]


# The file


def test_the_file_is_one_line_a_pair_sorted_each_once() -> None:
    pairs = [
        accepted_pair(near(Image("z.png", SAME), Image("y.png", IN_DVC)), "both needed"),
        accepted_pair(exact(Image("b/copy.png", SAME), Image("a.png", SAME)), 'the "second" one'),
        accepted_pair(near(Image("b.png", OTHER), Image("a.png", SAME)), "bracketed"),
        accepted_pair(near(Image("a.png", SAME), Image("b.png", OTHER)), "bracketed"),
    ]
    assert write_accepted(pairs) == HEADER + (
        f'- {{images: [{SAME}, {SAME}], path: "b/copy.png", of: "a.png", reason: "the \\"second\\" one"}}'
        "  # b/copy.png and a.png\n"
        f'- {{images: [{SAME}, {OTHER}], reason: "bracketed"}}  # a.png and b.png\n'
        f'- {{images: [{SAME}, {IN_DVC}], path: "z.png", of: "y.png", reason: "both needed"}}  # z.png and y.png\n'
    )
    assert write_accepted(reversed(pairs)) == write_accepted(pairs)


hostile = st.text(st.characters(), max_size=20) | st.sampled_from(
    [
        "\ud800",
        "🦆",
        "a\nb\r\u2028\x85\x0b\x1c\0\x1b[31m",
        '"}  # ',
        "\\",
        'a\\"b',
        "}  # x",
        "{]: -",
        "::error::",
        "é",
        " ",
        "\ufeff",
    ]
)
digests = st.text(string.digits + "abcdef", min_size=40, max_size=40)
written_pairs = st.builds(
    lambda first, second, path, of, reason, shown: AcceptedPair(
        (min(first, second), max(first, second)),
        path if first == second else "",
        reason,
        shown,
        of if first == second else "",
    ),
    digests.map("git:".__add__),
    digests.map("git:".__add__) | st.just(SAME),
    hostile.filter(bool),
    hostile,
    hostile.filter(str.strip),
    hostile,
) | st.builds(
    lambda path, of, reason: AcceptedPair((SAME, SAME), path, reason, f"{path} and {of}", of),
    hostile.filter(bool),
    hostile,
    hostile.filter(str.strip),
)


@given(st.lists(written_pairs, max_size=4))
def test_what_is_written_is_read_back_and_written_the_same(pairs: list[AcceptedPair]) -> None:
    text = write_accepted(pairs)
    assert text.encode("utf-8").decode("utf-8") == text
    assert text.count("\n") == 1 + len({(pair.contents, pair.path, pair.of) for pair in pairs})
    read = parse_accepted(text, name="f")
    assert {pair._replace(shown="") for pair in read} <= {pair._replace(shown="") for pair in pairs}
    assert write_accepted(read) == text


def test_a_thousand_lines_take_no_yaml_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [AcceptedPair((SAME, SAME), f"{number}.png", "baseline", "x", "a.png") for number in range(1000)]
    monkeypatch.setattr(accepted, "parse_yaml", None)
    assert len(parse_accepted(write_accepted(pairs), name="f")) == 1000


@pytest.mark.parametrize(
    ("line", "reason", "shown"),
    [
        (f"- {{images: [{OTHER}, {SAME}], reason: no}}", "no", ""),
        (f"-   {{reason: 'it''s # fine',images: ['{OTHER}', {SAME}]}} # by me", "it's # fine", "by me"),
        (f'  - {{images: [{SAME}, {OTHER}], reason: "a }} # b"}} #c', "a } # b", "c"),
        (f'- {{images: [{SAME}, {OTHER}], reason: "line\u2028end"}}  # a}}  # b', "line\u2028end", "a}  # b"),
    ],
)
def test_lines_written_by_hand_are_read_and_their_comments_kept(line: str, reason: str, shown: str) -> None:
    pair = AcceptedPair((SAME, OTHER), "", reason, shown)
    assert parse_accepted(f"# a comment\r\n\r\n{line}\r\n   # another\n", name="f") == [pair]
    assert parse_accepted(write_accepted([pair]), name="f") == [pair]


PAIR = f"images: [{SAME}, {OTHER}]"
MISTAKES = {
    "<<<<<<< ours": "a merge conflict is not resolved here",
    "=======": 'expected one line per pair: - {images: [CONTENT, CONTENT], reason: "TEXT"}',
    "- {": "not valid YAML: while parsing a flow node: expected the node content, but found '<stream end>'",
    "- {images: [a, b], reason: x}": "images: expected git:, md5: or sha256: and a digest, not 'a'",
    f"- {{images: [{SAME}, 5], reason: x}}": "images: expected git:, md5: or sha256: and a digest, not '5'",
    f"- {{images: [{SAME}], reason: x}}": "images: expected two content ids",
    f"- {{images: {SAME}, reason: x}}": "images: expected two content ids",
    f"- {{{PAIR}}}": "expected the keys images and reason, and for a copy of the same bytes path and of",
    f"- {{{PAIR}, reason: x, colour: red}}": (
        "expected the keys images and reason, and for a copy of the same bytes path and of"
    ),
    f'- {{{PAIR}, reason: " "}}': "reason: expected a text that says why the pair was accepted",
    f"- {{{PAIR}, reason: 5}}": "reason: expected a text that says why the pair was accepted",
    f"- {{{PAIR}, reason: a, reason: b}}": "the key 'reason' is given twice",
    f'- {{{PAIR}, path: "a.png", reason: "x"}}': "path and of: expected ",
    f'- {{images: [{SAME}, {SAME}], reason: "x"}}': "path and of: expected ",
    f'- {{images: [{SAME}, {SAME}], path: 5, reason: "x"}}': "path and of: expected ",
    f'- {{{PAIR}, reason: "\\q"}}': "not valid YAML: while scanning a double-quoted scalar: ",
    f"- &a {{{PAIR}, reason: x}}": "anchors and aliases are not supported; write the value out",
    "images: 5": 'expected one line per pair: - {images: [CONTENT, CONTENT], reason: "TEXT"}',
}


def test_every_mistake_is_said_with_its_line() -> None:
    lines = ["# fine", f"- {{{PAIR}, reason: fine}}", *MISTAKES]
    with pytest.raises(GuardError) as caught:
        parse_accepted("\n".join(lines), name="f")
    heading, *said = str(caught.value).splitlines()
    assert heading == "the accepted pairs have mistakes; fix or delete these lines:"
    for number, (line, message) in enumerate(zip(said, MISTAKES.values(), strict=True), start=3):
        assert line.startswith(f"f:{number}: {message}")


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "accepted.yaml"
    assert load_accepted(file) == []
    file.mkdir()
    with pytest.raises(GuardError, match=rf"^cannot read the accepted pairs {file}: Is a directory$"):
        load_accepted(file)
    file.rmdir()
    file.write_bytes(b"# \xff")
    with pytest.raises(
        GuardError, match=rf"^{file}: not a text file in UTF-8 \(invalid start byte at byte 2\); save it as UTF-8$"
    ):
        load_accepted(file)
    file.write_bytes(b"\xef\xbb\xbf" + HEADER.encode())
    assert load_accepted(file) == []
    os.truncate(file, MAX_FILE_SIZE + 1)
    message = f"{file}: larger than {MAX_FILE_SIZE:,} bytes, the most for the accepted pairs"
    with pytest.raises(GuardError, match=re.escape(message)):
        load_accepted(file)


# What is allowed


def test_a_pair_is_allowed_whichever_came_first_and_no_other_with_it() -> None:
    a, b, c = Image("a.png", SAME), Image("b.png", OTHER), Image("c.png", IN_DVC)
    pairs = [accepted_pair(near(a, b), "they differ")]
    matches = [near(a, b), near(b, a), near(Image("moved/a.png", SAME), b), near(a, c), near(c, b), exact(c, a)]
    assert [match.accepted for match in marked(matches, pairs, as_given)] == ["they differ"] * 3 + [None] * 3
    assert marked(matches, [], as_given) == matches


def test_the_next_copy_is_not_allowed_with_the_first() -> None:
    original, copy, other = (Image(path, SAME) for path in ("a.png", "b.png", "c.png"))
    pairs = [accepted_pair(exact(copy, original), "known")]
    matches = [exact(copy, original), exact(other, original), exact(other, copy)]
    assert [match.accepted for match in marked(matches, pairs, as_given)] == ["known", None, None]


def test_a_copy_of_one_split_is_not_allowed_with_that_of_another() -> None:
    raw, train, test = (Image(f"{name}/x.png", SAME) for name in ("raw", "train", "test"))
    pairs = [accepted_pair(exact(test, raw), "from raw")]
    matches = [exact(test, raw, "test", "raw"), exact(test, train, "test", "train"), exact(raw, test, "raw", "test")]
    assert [match.accepted for match in marked(matches, pairs, as_given, split)] == ["from raw", None, "from raw"]
    moved = [pairs[0]._replace(of="raw/elsewhere.png")]
    assert [match.accepted for match in marked(matches, moved, as_given, split)] == ["from raw", None, "from raw"]


def test_the_same_bytes_in_another_tracker_are_the_same_pair() -> None:
    known = {SAME: IN_LFS, IN_DVC: IN_LFS}
    pairs = [accepted_pair(near(Image("a.png", SAME), Image("b.png", OTHER)), "fine")]
    (match,) = marked([near(Image("b.png", OTHER), Image("z.png", IN_DVC))], pairs, lambda one: known.get(one, one))
    assert match.accepted == "fine"


def test_a_copy_in_another_tracker_can_be_allowed_and_the_next_is_not() -> None:
    in_git, in_dvc, next_one = Image("a.png", SAME), Image("b.png", IN_DVC), Image("c.png", IN_DVC)
    text = write_accepted([accepted_pair(exact(in_dvc, in_git), "moving over")])
    matches = [exact(in_dvc, in_git), exact(next_one, in_git)]
    found = marked(matches, parse_accepted(text, name="f"), {SAME: IN_LFS, IN_DVC: IN_LFS}.__getitem__)
    assert [match.accepted for match in found] == ["moving over", None]


def test_pruning_drops_the_pairs_of_which_one_is_gone() -> None:
    a, b, copy = Image("a.png", SAME), Image("b.png", OTHER), Image("copy.png", SAME)
    pairs = [accepted_pair(near(a, b), "1"), accepted_pair(exact(copy, a), "2")]
    in_dvc = {IN_DVC: SAME}

    def left(*images: Image) -> list[str]:
        return [pair.reason for pair in still_there(pairs, images, lambda one: in_dvc.get(one, one))]

    assert left(a, b, copy) == ["1", "2"]
    assert left(Image("moved/a.png", IN_DVC), b) == ["1"]
    assert left(b, copy) == ["1"]
    assert left(a, copy) == ["2"]
    assert left(a, b, Image("elsewhere.png", SAME)) == ["1"]
    assert left(a) == left(b) == left() == []


# Git merges it


@pytest.mark.parametrize("before", [True, False], ids=["a file before", "no file before"])
def test_two_branches_that_accept_different_pairs_merge_without_a_conflict(
    repository: Repository, *, before: bool
) -> None:
    def accept(number: int) -> None:
        file = repository.root / FILE
        pair = accepted_pair(near(image_of("a.png", b"a"), image_of(f"{number}.png", b"%d" % number)), f"fine {number}")
        text = write_accepted([*load_accepted(file), pair])
        repository.commit({FILE: text})

    repository.commit({".gitattributes": f"{FILE} merge=union\n"})
    for number in range(4 if before else 0):
        accept(number)
    repository.git("checkout", "--quiet", "-b", "theirs")
    for number in (10, 11, 12):
        accept(number)
    repository.git("checkout", "--quiet", "main")
    for number in (20, 11, 21):
        accept(number)
    repository.git("merge", "--quiet", "--no-edit", "theirs")
    merged = load_accepted(repository.root / FILE)
    expected = {*range(4 if before else 0), 10, 11, 12, 20, 21}
    assert {pair.reason for pair in merged} == {f"fine {number}" for number in expected}
    assert len(parse_accepted(write_accepted(merged), name="f")) == len(expected)
