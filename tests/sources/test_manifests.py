"""DVC's files as bytes: no DVC, no repository."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsim_guard.sources.manifests import (
    File,
    Out,
    Pointed,
    Stage,
    read_lock,
    read_manifest,
    read_pointer,
    write_manifest,
)
from imgsim_guard.sources.plain_yaml import ManifestError

if TYPE_CHECKING:
    from collections.abc import Mapping

ONE, TWO = "1" * 32, "2" * 32

SECONDS_FOR_A_MEGABYTE = 3
"""Ten times what it takes, and a tenth of what it took with PyYAML's own loader."""


def test_a_pointer_to_a_folder() -> None:
    text = f"outs:\n- md5: {ONE}.dir\n  size: 627\n  nfiles: 7\n  hash: md5\n  path: images\n"
    assert read_pointer("data/images.dvc", text.encode()) == [Out("data/images", ONE, is_directory=True, size=7)]


@pytest.mark.parametrize(
    "extra", ["", "  hash: md5\n", "  desc: 'a: picture'\n", "  isexec: true\n", "meta: {a: [1]}\n"]
)
def test_a_pointer_to_a_file(extra: str) -> None:
    text = f"outs:\n- md5: {ONE}\n  size: 4\n{extra}"
    text = (
        text + "  path: x.png\n"
        if extra.startswith(" ") or not extra
        else text.replace(extra, "  path: x.png\n" + extra)
    )
    assert read_pointer("data/x.png.dvc", text.encode()) == [Out("data/x.png", ONE)]
    assert read_pointer("x.png.dvc", text.replace("\n", "\r\n").encode()) == [Out("x.png", ONE)]


@pytest.mark.parametrize("checksum", ["1" * 32, "0" * 32, "1e" + "0" * 30, "123456789012345678901234567890e1"])
def test_a_checksum_that_looks_like_a_number_stays_as_it_is(checksum: str) -> None:
    for md5 in (checksum, f"'{checksum}'"):
        text = f"wdir: ..\nouts:\n- {{md5: {md5}, path: x.png}}\n"
        assert read_pointer("data/sub/x.png.dvc", text.encode()) == [Out("data/x.png", checksum)]


def test_the_files_of_a_folder_in_the_pointer() -> None:
    files = [{"relpath": "a.png", "md5": ONE, "cloud": {"remote": {"etag": "x"}}}, {"relpath": "b/c.png", "md5": TWO}]
    document = {"outs": [{"path": "images", "files": files, "nfiles": 2}]}
    assert read_pointer("images.dvc", json.dumps(document).encode()) == [
        Out("images", "", is_directory=True, files=(File("a.png", ONE), File("b/c.png", TWO)), size=2)
    ]


@pytest.mark.parametrize("told", ["9" * 5000, "-1", "1.5", "two", [], "٣"])
def test_a_number_of_files_that_is_none_is_refused(told: object) -> None:
    document = {"outs": [{"path": "images", "files": [{"relpath": "a.png", "md5": ONE}], "nfiles": told}]}
    with pytest.raises(ManifestError, match="the number of files of images is no number"):
        read_pointer("images.dvc", json.dumps(document).encode())


LOCK = {
    "stages": {
        "plain": {"cmd": "x", "deps": [{"path": "in", "md5": TWO}], "outs": [{"path": "out", "md5": f"{ONE}.dir"}]},
        "each@a": {"outs": [{"path": "a.png", "md5": ONE}, {"path": "a.txt", "md5": TWO}]},
        "none": {"cmd": "y"},
    }
}
PIPELINE = """
stages:
  plain: {wdir: ../work, cmd: x, outs: [out]}
  each:
    foreach: [a, b]
    do: {wdir: "w/${item}", cmd: x, outs: ["${item}.png", "${ item }.txt": {cache: false}]}
"""


def locked(path: str, lock: bytes, files: Mapping[str, bytes] | None = None) -> list[Out]:
    """The outputs in a lock file, beside these other files."""
    pointed, _ = read_lock(path, lock, (files or {}).get)
    return [one.out for one in pointed]


def test_the_outputs_of_stages_are_those_that_dvc_keeps_where_the_stage_works() -> None:
    lock = json.dumps({"schema": "2.0", **LOCK}).encode()
    pointed, stages = read_lock("sub/dvc.lock", lock, {"sub/dvc.yaml": PIPELINE.encode()}.get)
    assert pointed == [
        Pointed(Out("work/out", ONE, is_directory=True), "sub/dvc.lock", "sub/dvc.yaml:plain"),
        Pointed(Out("sub/w/a/a.png", ONE), "sub/dvc.lock", "sub/dvc.yaml:each@a"),
    ]
    assert stages == [
        Stage("sub/dvc.yaml:plain", ("work/in",), ("work/out",)),
        Stage("sub/dvc.yaml:each@a", (), ("sub/w/a/a.png", "sub/w/a/a.txt")),
        Stage("sub/dvc.yaml:none", (), ()),
    ]
    without = [Out("sub/out", ONE, is_directory=True), Out("sub/a.png", ONE), Out("sub/a.txt", TWO)]
    for pipeline in (b"", b"stages: []", b"stages: {other: {cmd: x}}"):
        assert locked("sub/dvc.lock", lock, {"sub/dvc.yaml": pipeline}) == without
    assert locked("sub/dvc.lock", lock) == without


def test_a_lock_file_before_schema_2_holds_nothing_but_stages() -> None:
    assert locked("dvc.lock", json.dumps(LOCK["stages"]).encode())[0] == Out("out", ONE, is_directory=True)


@pytest.mark.parametrize(
    ("pipeline", "why"),
    [
        ("stages: {plain: {wdir: '${where}'}}", r"\$\{where\} has no value"),
        (
            "stages: {plain: {wdir: '${a.b}'}, x: &x {}}\nvars: [{a: [*y]}]",
            r"dvc\.yaml: there is no anchor 'y' before this alias \(line 2\)",
        ),
        ("stages: {plain: {wdir: '${a}'}}\nvars: [{a: [b]}]", r"\$\{a\} is no single value"),
        ("stages: {plain: {wdir: '${ a b }'}}", r"\$\{ a b \} is no name of a value"),
        ("stages: {plain: {wdir: '${a}'}}\nvars: [more.py]", "more.py of its vars is not read: write .*"),
        ("stages: {plain: {wdir: '${a}'}}\nvars: [more.ini]", "more.ini of its vars is not there, or no .*"),
        ("stages: {plain: {wdir: '${a}'}}\nvars: [gone.yaml]", "gone.yaml of its vars is not there, or no .*"),
        ("stages: {plain: {wdir: '${a}'}}\nvars: [bad.toml]", "bad.toml: it is not valid TOML"),
        ("stages: {plain: {wdir: [1]}}", "a path in it is no text"),
        ("stages: {plain: 3}", "plain is not a mapping"),
        ("stages: {plain: {foreach: [a], do: {}}}", "plain has no item "),
        ("[", r"dvc\.yaml: not valid YAML \(line 2\)"),
    ],
)
def test_outputs_of_which_it_cannot_be_told_where_they_are_are_a_problem(pipeline: str, why: str) -> None:
    lock = json.dumps({"schema": "2.0", "stages": {"plain": LOCK["stages"]["plain"]}}).encode()
    files = {"bad.toml": b"[", "more.py": b"a = 1", "more.ini": b""}
    [out] = locked("dvc.lock", lock, {"dvc.yaml": pipeline.encode(), **files})
    assert (out.path, out.md5) == ("dvc.lock", "")
    assert re.fullmatch(f"where plain works cannot be told: {why}", out.problem)


def test_values_that_no_path_needs_are_not_read() -> None:
    lock = json.dumps({"schema": "2.0", "stages": {"plain": LOCK["stages"]["plain"]}}).encode()
    kept = locked("dvc.lock", lock, {"dvc.yaml": b"stages: {plain: {cmd: x}}"})
    for stage in (b"vars: [more.py]", b"vars: [more.py], metrics: [{m.json: {cache: false}}]"):
        assert locked("dvc.lock", lock, {"dvc.yaml": b"stages: {plain: {cmd: '${a}', %b}}" % stage}) == kept


TEMPLATES = """
vars:
- sets: &sets {a: {dir: data/a}, b: {dir: data/b}}
- more.toml:deep, flag
- params.json
stages:
  get:
    foreach: ${sets}
    do: {wdir: "${item.dir}", cmd: x, outs: [img, "${key}.txt": {cache: false}]}
  one: {wdir: "${base}/${deep.list[1]}", vars: [own.yml], outs: ["${own}.png": {cache: False}, two.png]}
  list: {foreach: [{n: 1}, {n: "${base}"}], do: {wdir: "${item.n}", outs: [o]}}
  grid: {matrix: {size: [s, l], kind: [{k: v}, "${key_of}"]}, wdir: '${item.size}/\\${x}', outs: [o]}
  merged: {<<: {wdir: "${flag}"}, outs: [o]}
"""


def test_fields_of_stages_are_computed_as_dvc_does() -> None:
    names = ["get@a", "get@b", "one", "list@1", "grid@l-kind0", "grid@s-w", "merged"]
    paths = [["img", "a.txt"], ["img"], ["o.png", "two.png"], *[["o"]] * 4]
    stages = {
        name: {"outs": [{"path": path, "md5": ONE} for path in some]} for name, some in zip(names, paths, strict=True)
    }
    files = {
        "m/dvc.yaml": TEMPLATES.encode(),
        "m/params.yaml": b"base: data",
        "m/params.json": b'{"key_of": "w"}',
        "m/more.toml": b"flag = true\nunused = 1\n[deep]\nlist = ['x', 3]",
        "m/data/3/own.yml": b"own: o",
    }
    outs = locked("m/dvc.lock", json.dumps({"schema": "2.0", "stages": stages}).encode(), files)
    assert [out.path for out in outs] == [
        *("m/data/a/img", "m/data/b/img", "m/data/3/two.png", "m/data/o", "m/l/${x}/o", "m/s/${x}/o", "m/true/o")
    ]


def test_a_template_of_very_many_stages_ends() -> None:
    axes = {f"a{number}": list(map(str, range(10))) for number in range(12)}
    pipeline = json.dumps({"stages": {"grid": {"matrix": axes, "wdir": "x"}}}).encode()
    lock = json.dumps({"schema": "2.0", "stages": {"grid@last": {"outs": [{"path": "o", "md5": ONE}]}}}).encode()
    [out] = locked("dvc.lock", lock, {"dvc.yaml": pipeline})
    assert out.problem == "where grid@last works cannot be told: grid has no item last"


@pytest.mark.parametrize("path", ["../x.png", "/x.png", "a/../../x.png", "s3://bucket/x.png", "."])
def test_an_output_outside_the_repository_is_known_by_its_problem(path: str) -> None:
    [out] = read_pointer("x.dvc", f"outs: [{{md5: {ONE}, path: '{path}'}}]".encode())
    assert (out.md5, out.problem) == ("", "its path is outside the repository")


def test_the_store_and_what_git_keeps_are_left_out() -> None:
    text = f"outs: [{{md5: {ONE}.dir, path: store}}, {{md5: {ONE}, path: x.png, cache: false}}]"
    assert read_pointer(".imgsim-guard/store.dvc", text.encode()) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[", r"not valid YAML \(line 2\)"),
        ("a: b: c", r"not valid YAML \(line 1\)"),
        ("%YAML 1.99999999999999999999999\n---\na: 1", "not valid YAML.*"),
        ("words", "the file is not a mapping"),
        ("", "the file is not a mapping"),
        ("<<<<<<< HEAD\nouts: []\n", r"a merge conflict is not resolved here \(line 1\)"),
        ("outs: {}", "its outputs are not a list"),
        ("outs: [x]", "an output is not a mapping"),
        ("outs: [{md5: x}]", "the path of an output is missing"),
        ("outs: [{md5: x, path: a}]", "the checksum of a is not an MD5"),
        ("outs: [{md5: [x], path: a}]", "md5 is missing"),
        ("outs: [{files: x, path: a}]", "its files are not a list"),
        ("outs: [{files: [x], path: a}]", "one of its files is not a mapping"),
        ("outs: [{files: [{relpath: ../a}], path: a}]", "it lists a file at '../a'"),
        ("outs: [{files: [{relpath: a}], path: a}]", "it lists no checksum for a"),
        ("wdir: []\nouts: []", "wdir is missing"),
        ("outs: []\nouts: []", r"the key 'outs' is given twice \(line 2\)"),
        ("{[a]: b}", r"a key must be a word \(line 1\)"),
        ("outs: &a [*a]", r"anchors and aliases are not supported; write the value out \(line 1\)"),
        ("[" * 100_000, r"nested too deeply \(line 1\)|not valid YAML.*"),
        ("- " * 100_000, r"nested too deeply \(line 1\)|not valid YAML.*"),
    ],
)
def test_what_is_no_pointer_says_in_which_way(text: str, why: str) -> None:
    with pytest.raises(ManifestError, match=f"^{why}$"):
        read_pointer("x.dvc", text.encode())


def test_a_pointer_must_be_text() -> None:
    with pytest.raises(ManifestError, match=r"^it is not text in UTF-8$"):
        read_pointer("x.dvc", b"\xff")


def test_yaml_that_would_explode_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)), "outs: *a59"]
    with pytest.raises(ManifestError, match="anchors"):
        read_pointer("x.dvc", "\n".join(lines).encode())


def test_a_lock_file_of_a_megabyte_is_read_in_seconds() -> None:
    stage = (
        "  s{0}:\n    cmd: python x.py {0}\n    outs:\n    - path: out/{0}.png\n      hash: md5\n      md5: {0:032x}\n"
    )
    text = "schema: '2.0'\nstages:\n" + "".join(stage.format(number) for number in range(8_000))
    assert len(text) > 1_000_000 * 0.85
    started = time.process_time()
    assert len(locked("dvc.lock", text.encode())) == 8_000
    assert time.process_time() - started < SECONDS_FOR_A_MEGABYTE


# Lists of files.


def test_a_list_of_files_is_written_as_dvc_does() -> None:
    assert write_manifest([File("b.png", TWO), File("a/é.png", ONE)]) == (
        b'[{"md5": "%s", "relpath": "a/\\u00e9.png"}, {"md5": "%s", "relpath": "b.png"}]' % (ONE.encode(), TWO.encode())
    )


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1)
paths = st.lists(names.filter(lambda name: name not in {".", ".."}), min_size=1, max_size=3).map("/".join)
digests = st.binary(min_size=16, max_size=16).map(bytes.hex)


@given(st.lists(st.builds(File, paths.filter(lambda path: not set(path) & {"\\", ":"}), digests)))
def test_a_list_of_files_survives_writing_and_reading(files: list[File]) -> None:
    assert read_manifest(write_manifest(files)) == tuple(sorted(files))


LISTED = write_manifest([File("a.png", ONE), File("b/c.png", TWO)])


@pytest.mark.parametrize(
    "data", [LISTED + b"\n", b" " + LISTED, LISTED.replace(b", {", b",{"), LISTED.replace(b"a.png", b"\\u0061.png")]
)
def test_a_list_of_files_may_be_written_otherwise(data: bytes) -> None:
    assert read_manifest(data) == read_manifest(LISTED) == (File("a.png", ONE), File("b/c.png", TWO))


@pytest.mark.parametrize(
    "data",
    [
        LISTED[1:],
        LISTED + b"]",
        LISTED[:-1],
        LISTED[:-1] + b", ]",
        LISTED.replace(b", {", b"xx{"),
        LISTED.replace(b"[", b"x"),
        LISTED.replace(b"a.png", b"../a"),
        LISTED.replace(b"a.png", b"/a.png"),
        LISTED.replace(b"a.png", b"C:/a"),
        LISTED.replace(b"a.png", b""),
        LISTED.replace(ONE.encode(), b"A" * 32),
    ],
)
def test_what_is_nearly_a_list_of_files_is_refused(data: bytes) -> None:
    with pytest.raises(ManifestError):
        read_manifest(data)


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\xff", b"[" * 100_000, b'[{"relpath": 1, "md5": "x"}]', b"NaN"])
def test_what_is_no_list_of_files_is_refused(data: bytes) -> None:
    with pytest.raises(ManifestError):
        read_manifest(data)


KEYS = ["outs", "path", "md5", "files", "relpath", "wdir", "stages", "schema", "cache", "nfiles", "do"]
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.sampled_from([ONE, f"{ONE}.dir", "../a", "x.png", "false"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inner),
)


@given(json_values, json_values)
def test_any_document_gives_outputs_within_the_repository_or_a_reason(document: object, pipeline: object) -> None:
    for name in ("a/x.dvc", "dvc.lock"):
        try:
            data, beside = json.dumps(document).encode(), json.dumps(pipeline).encode()
            outs = locked(name, data, {"dvc.yaml": beside}) if name == "dvc.lock" else read_pointer(name, data)
        except ManifestError as error:
            assert str(error)  # noqa: PT017  it may also succeed
        else:
            assert all(out.problem or not out.path.startswith(("/", "..")) for out in outs)


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_give_outputs_or_a_reason(data: bytes) -> None:
    for read in (read_manifest, lambda text: read_lock("dvc.lock", text, lambda _path: text)):
        try:
            read(data)
        except ManifestError as error:
            assert str(error)  # noqa: PT017  it may also succeed
