from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from conftest import Outcome, encoded, photograph

from imgsim_guard import __version__
from imgsim_guard.augnet import fingerprint
from imgsim_guard.cli.commands import scan
from imgsim_guard.config.settings import FILE_NAME
from imgsim_guard.images.decode import decode
from imgsim_guard.model import Unreadable
from imgsim_guard.system.cache_folder import CACHE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

COMMANDS = (
    "hook",
    "check",
    "scan",
    "clean",
    "compare",
    "similar",
    "sort",
    "embed",
    "init",
    "config",
    "calibrate",
    "accept",
    "sync",
    "store",
    "doctor",
    "demo",
)


def small(name: str) -> NDArray[np.uint8]:
    pixels = decode(photograph(name))
    assert not isinstance(pixels, Unreadable)
    return np.asarray(cv2.resize(pixels, (160, 120), interpolation=cv2.INTER_AREA), np.uint8)


CAT = encoded(small("chelsea.png"))
CAT_AS_BMP = encoded(small("chelsea.png"), ".bmp")
CAT_AS_JPEG = encoded(small("chelsea.png"), ".jpg", cv2.IMWRITE_JPEG_QUALITY, 90)
COFFEE = encoded(small("coffee.png"))


@pytest.fixture(scope="module")
def warm_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that the tests here share, so that each picture is embedded once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def folder(tmp_path: Path, warm_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.setenv(CACHE_VARIABLE, str(warm_cache))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


def in_a_process(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "imgsim_guard", *arguments]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, **options)


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def in_groups(text: str) -> list[str]:
    """Of each image of a group, what becomes of it and its path."""
    return [f"{role} {path}" for role, path in re.findall(r"^ *(keep|copy|stays)  (.*?)   ", text, re.MULTILINE)]


# Exit codes


def test_a_clean_scan_ends_with_0(folder: Path, guard: Callable[..., Outcome]) -> None:
    write(folder, {"cat.png": CAT, "coffee.png": COFFEE})
    assert guard("scan", ".") == Outcome(0, "no near-duplicates among 2 images, checked against 1 in 0.0 s.\n", "")


def test_a_scan_that_finds_something_ends_with_1(folder: Path, guard: Callable[..., Outcome]) -> None:
    write(folder, {"cat.bmp": CAT_AS_BMP, "cat.png": CAT, "copy.png": CAT})
    code, out, err = guard("scan", ".")
    assert (code, err) == (1, "")
    assert in_groups(out) == ["keep cat.bmp", "copy cat.png", "copy copy.png"]
    assert "2 exact duplicates among 3 images, checked against 2 in 0.0 s.\n2 copies in 1 group, " in out
    assert out.endswith("\n  see what would be moved:  imgsim-guard clean .\n")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "imgsim-guard: error: the following arguments are required: COMMAND"),
        (("scan",), "imgsim-guard scan: error: the following arguments are required: PATH"),
        (("compare", "a.png"), "imgsim-guard compare: error: the following arguments are required: B"),
        (("scan", ".", "--nonsense"), "imgsim-guard: error: unrecognized arguments: --nonsense"),
        (("scan", ".", "--verb"), "imgsim-guard: error: unrecognized arguments: --verb"),
        (("demo", "--json", "x"), "imgsim-guard: error: unrecognized arguments: --json x"),
        (
            ("check", "--all", "--staged"),
            "imgsim-guard check: error: argument --staged: not allowed with argument --all",
        ),
    ],
)
def test_wrong_arguments_end_with_2(arguments: tuple[str, ...], complaint: str, guard: Callable[..., Outcome]) -> None:
    code, out, err = guard(*arguments)
    assert (code, out, err.splitlines()[-1]) == (2, "", complaint)


def test_an_unknown_command_ends_with_2_and_names_those_that_there_are(guard: Callable[..., Outcome]) -> None:
    code, out, err = guard("nonsense")
    assert (code, out) == (2, "")
    assert all(command in err.splitlines()[-1] for command in COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("scan", "nowhere"), "nowhere: no such file or folder"),
        (("scan", "n" * 4900), "n" * 4900 + ": no such file or folder"),
        (("scan", ".", "--against", "nowhere"), "nowhere: no such file or folder"),
        (("embed", "nowhere"), "nowhere: no such file or folder"),
        (("compare", "nowhere.png", "."), "nowhere.png: no such file or directory"),
        (("compare", ".", "."), ".: not a regular file"),
        (("scan", "\x1b[31m\u202e"), r"\x1b[31m\u202e: no such file or folder"),
        (("scan", ".", "--config", "no.yaml"), "cannot read the configuration no.yaml: No such file or directory"),
        (
            ("check", "--to-ref", "HEAD"),
            "--to-ref needs --from-ref, the revision to compare with, such as origin/main",
        ),
    ],
)
def test_what_cannot_run_ends_with_2_and_says_why(
    folder: Path,  # noqa: ARG001  the working directory
    arguments: tuple[str, ...],
    complaint: str,
    guard: Callable[..., Outcome],
) -> None:
    assert guard(*arguments) == Outcome(2, "", f"imgsim-guard: {complaint}\n")


@pytest.mark.parametrize("command", ["hook", "check", "embed"])
def test_outside_a_repository_the_commands_for_one_end_with_2(
    folder: Path, command: str, guard: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
    code, out, err = guard(command)
    assert (code, out) == (2, "")
    assert err.startswith("imgsim-guard: ")
    assert "Traceback" not in err


def test_a_mistaken_configuration_ends_with_2_and_every_mistake(folder: Path, guard: Callable[..., Outcome]) -> None:
    write(folder, {FILE_NAME: b"treshold: 5\nengine: torch\n"})
    path = folder / FILE_NAME
    assert guard("scan", ".") == Outcome(
        2,
        "",
        "imgsim-guard: the configuration has mistakes:\n"
        f"{path}:1:1: unknown key 'treshold'; did you mean 'threshold'?\n"
        f"{path}:2:9: engine: should be 'onnx' or 'imgsim', not 'torch'\n",
    )


def test_a_bug_ends_with_3_and_its_traceback(guard: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> int:
        raise RuntimeError("boom")

    monkeypatch.setattr(scan, "scan", broken)
    code, out, err = guard("scan", ".")
    assert (code, out) == (3, "")
    assert err.startswith("Traceback (most recent call last):\n")
    assert err.endswith(
        f"RuntimeError: boom\nimgsim-guard {__version__}: this is a bug; please report it with the lines above: "
        "https://github.com/imgsim-guard/imgsim-guard/issues\n"
    )


def test_an_interruption_ends_with_130(guard: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(scan, "scan", interrupted)
    said = "imgsim-guard: interrupted; what was finished is kept; run the same command again to continue\n"
    assert guard("scan", ".") == Outcome(130, "", said)


@pytest.mark.parametrize("arguments", [("scan", "."), ("compare", "cat.png", "cat.png")])
def test_a_reader_who_has_left_is_no_finding(folder: Path, arguments: tuple[str, ...]) -> None:
    write(folder, {"cat.png": CAT, "copy.png": CAT})
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = in_a_process(*arguments, stdout=writing)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (2, "")


@pytest.mark.parametrize("closed", [">&-", "2>&-"])
def test_a_stream_that_was_closed_before_is_no_bug(folder: Path, closed: str) -> None:
    write(folder, {"cat.png": CAT})
    command = ["bash", "-c", f'exec "$@" {closed}', "_", sys.executable, "-P", "-m", "imgsim_guard", "scan", "."]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


# Help


def test_the_version_is_told(guard: Callable[..., Outcome]) -> None:
    assert guard("--version") == Outcome(0, f"imgsim-guard {__version__}\n", "")


EXIT_CODES = """
exit codes:
  0    nothing above the limits
  1    near-duplicates, exact duplicates, unreadable or unchecked images above the limits;
       for doctor and store verify: a problem was found
  2    could not run: arguments, configuration, repository, model
  3    a bug in imgsim-guard
  130  interrupted
"""


def test_help_lists_the_commands_and_the_exit_codes(guard: Callable[..., Outcome]) -> None:
    code, out, err = guard("--help")
    assert (code, err) == (0, "")
    assert re.findall(r"^    (\w+) ", out, re.MULTILINE) == list(COMMANDS)
    assert out.endswith(EXIT_CODES)


CLEANING = (
    *("against", "apply", "to", "hardlink", "reflink", "undo", "plan", "keep", "keep-in", "resolve-leakage", "views"),
    *("sidecars", "rewrite-coco", "quick"),
)
REPORTS = ["--csv", "--html", "--json", "--json-format", "--sarif", "--junit", "--metrics", "--plots", "--github"]


@pytest.mark.parametrize(
    ("command", "own"),
    [
        ("hook", [*REPORTS, "FILE", "--push", "--no-page"]),
        (
            "check",
            [*REPORTS, "PATH", "--staged", "--all", "--worktree", "--from-ref", "--to-ref", "--all-pairs", "--fresh"],
        ),
        ("scan", [*REPORTS, "PATH", "--against", "--ray", "--shards", "--all-pairs", "--fresh", "--quick"]),
        ("clean", ["PATH", *(f"--{name}" for name in CLEANING)]),
        ("compare", ["--json", "--image", "A", "B"]),
        ("embed", ["PATH", "--worktree", "--publish", "--ray", "--shards"]),
        ("init", ["--dvc", "--stages", "--dry-run", "--adopt", "--yes"]),
        ("config", ["PATH"]),
        ("accept", ["NEW", "OLD", "--reason", "--all", "--worktree", "--prune"]),
        ("sync", []),
        ("doctor", []),
        ("demo", []),
    ],
)
def test_every_command_has_help_with_its_options_and_the_exit_codes(
    command: str, own: list[str], guard: Callable[..., Outcome]
) -> None:
    code, out, err = guard(command, "--help")
    listed = re.findall(r"^  (?:-h, )?(--[\w-]+|[A-Z]+)\b", out, re.MULTILINE)
    assert (code, err) == (0, "")
    assert sorted(listed) == sorted(["--help", "--config", "--quiet", "--verbose", *own])
    assert out.endswith(EXIT_CODES)


# What is loaded


def loaded(*arguments: str) -> tuple[int, list[str]]:
    """The exit code of a command, and which of the heavy modules it has loaded."""
    program = """\
import sys
from imgsim_guard.cli import main
try:
    code = main(sys.argv[1:])
except SystemExit as stop:
    code = stop.code
heavy = {"numpy", "cv2", "onnxruntime", "pydantic", "tqdm"}
print(code, *sorted(heavy & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-P", "-c", program, *arguments], capture_output=True, text=True, check=True)
    code, *modules = done.stderr.splitlines()[-1].split()
    return int(code), modules


@pytest.mark.parametrize("arguments", [("--help",), ("scan", "--help"), ("--version",)])
def test_help_loads_nothing_heavy(arguments: tuple[str, ...]) -> None:
    assert loaded(*arguments) == (0, [])


def test_a_mistaken_configuration_loads_neither_numpy_nor_opencv_nor_onnxruntime(folder: Path) -> None:
    write(folder, {FILE_NAME: b"treshold: 5", "cat.png": CAT})
    assert loaded("scan", ".") == (2, ["pydantic"])


def test_a_scan_whose_embeddings_are_all_stored_loads_neither_opencv_nor_onnxruntime(
    folder: Path, cache: Path, guard: Callable[..., Outcome]
) -> None:
    write(folder, {"pictures/cat.png": CAT, "pictures/coffee.png": COFFEE})
    assert guard("embed", "pictures") == Outcome(0, "new images: 2; embeddings in the store: 2; took 0.0 s.\n", "")
    stored = sorted(cache.rglob("*"))

    assert loaded("scan", "pictures") == (0, ["numpy"])
    assert sorted(cache.rglob("*")) == stored
    assert guard("embed", "pictures") == Outcome(0, "new images: 0; embeddings in the store: 2; took 0.0 s.\n", "")


def test_embedding_leaves_nothing_in_the_users_home_but_the_cache(folder: Path, tmp_path: Path) -> None:
    """ONNX Runtime would keep a device id there for its telemetry, unless it believes itself in CI or in a test."""
    write(folder, {"cat.png": CAT})
    home = tmp_path / "home"
    home.mkdir()
    kept = ("PATH", "LANG", "LC_ALL", "TMPDIR", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
    environment = {name: os.environ[name] for name in kept if name in os.environ}

    done = in_a_process("embed", ".", stdout=subprocess.PIPE, env={**environment, "HOME": str(home)})

    assert (done.returncode, done.stderr) == (0, "")
    assert {path.parent.name for path in home.rglob("*") if path.is_file()} == {fingerprint("onnx")}


# Reports and what is said


def test_the_json_of_a_scan_has_paths_as_given(
    folder: Path, guard: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")  # of a terminal, which is not written to here
    write(folder, {"data/cat.png": CAT, "data/deep/er/cat.jpg": CAT_AS_JPEG, "coffee.png": COFFEE})
    code, out, err = guard("scan", "data", str(folder / "coffee.png"), "--json", "-")
    document = json.loads(out)
    distance = document["matches"][0].pop("distance")
    assert document["matches"][0].pop("verification")["outcome"] == "confirmed"
    assert code == 1
    assert 0 < distance < 10
    assert round(distance, 4) == distance
    [group] = document.pop("groups")
    assert [(image["image"], image["role"]) for image in group["images"]] == [
        ("data/cat.png", "keep"),
        ("data/deep/er/cat.jpg", "copy"),
    ]
    assert document.pop("retrieve") == "all"
    assert document == {
        "format": 2,
        "verdict": "failed",
        "threshold": 10.0,
        "reach": 26.0,
        "limit": 0,
        "exact_limit": 0,
        "queries": 3,
        "gallery": 2,
        "uncompared": 0,
        "matches": [
            {
                "kind": "near-duplicate",
                "blocking": True,
                "query": "data/deep/er/cat.jpg",
                "gallery": "data/cat.png",
                "splits": None,
                "labels": None,
                "accepted": None,
            }
        ],
        "unreadable": [],
        "unchecked": [],
        "not_looked_at": [],
        "notes": [],
    }
    said = err.splitlines()
    assert said[0].startswith("keep  data/cat.png   least compressed; ")
    assert said[1].startswith("  copy  data/deep/er/cat.jpg   the same picture, saved again; ")
    assert said[2] == "1 near-duplicate among 3 images, checked against 2 in 0.0 s."
    assert said[4] == f"  see what would be moved:  imgsim-guard clean data {folder / 'coffee.png'}"


def test_quiet_says_nothing_when_there_is_nothing_to_do(folder: Path, guard: Callable[..., Outcome]) -> None:
    write(folder, {"cat.png": CAT, "coffee.png": COFFEE})
    assert guard("scan", ".", "--quiet") == Outcome(0, "", "")
    assert guard("embed", ".", "--quiet") == Outcome(0, "", "")


def test_quiet_still_tells_what_was_found(folder: Path, guard: Callable[..., Outcome]) -> None:
    write(folder, {"cat.png": CAT, "copy.png": CAT})
    code, out, err = guard("scan", ".", "--quiet")
    assert (code, err, in_groups(out)) == (1, "", ["keep cat.png", "copy copy.png"])
    assert "1 exact duplicate among 2 images, checked against 1 in 0.0 s.\n" in out


def test_a_scan_as_a_page_lets_choose_what_stays_unless_folders_are_compared(
    folder: Path, guard: Callable[..., Outcome]
) -> None:
    write(folder, {"new/cat.jpg": CAT_AS_JPEG, "old/cat.png": CAT, "old/coffee.png": COFFEE})
    code, out, err = guard("scan", ".", "--html", "report.html")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert (code, err) == (1, "")
    assert "1 near-duplicate among 3 images" in out
    assert page.index("Keep old/cat.png") < page.index("Keep new/cat.jpg")
    assert 'id="save"' in page
    assert page.count("<image ") == 2
    assert 'class="histogram"' in page
    assert guard("scan", "new", "--against", "old", "--html", "-", "--quiet").out.count('id="save"') == 0


def test_quiet_still_writes_the_report(folder: Path, guard: Callable[..., Outcome]) -> None:
    write(folder, {"cat.png": CAT})
    code, out, err = guard("scan", ".", "--quiet", "--json", "-")
    assert (code, json.loads(out)["verdict"], err) == (0, "passed", "")


def test_verbose_tells_model_and_store(folder: Path, cache: Path, guard: Callable[..., Outcome]) -> None:
    write(folder, {"cat.png": CAT})
    assert guard("scan", ".", "--verbose").out == (
        "no near-duplicates among 1 image, checked against 0 in 0.0 s.\n"
        f"model {fingerprint('onnx')}, 1 embeddings in {cache / fingerprint('onnx')}\n"
    )


def test_a_report_file_is_replaced_whole(folder: Path, guard: Callable[..., Outcome]) -> None:
    write(folder, {"cat.png": CAT, "report.json": b"the report of yesterday"})
    os.link(folder / "report.json", folder / "yesterday.json")
    umask = os.umask(0o022)
    try:
        assert guard("scan", ".", "--json", "report.json").code == 0
    finally:
        os.umask(umask)
    assert json.loads((folder / "report.json").read_bytes())["verdict"] == "passed"
    assert stat.S_IMODE((folder / "report.json").stat().st_mode) == 0o644
    assert (folder / "yesterday.json").read_bytes() == b"the report of yesterday"
    assert sorted(path.name for path in folder.iterdir()) == ["cat.png", "report.json", "yesterday.json"]


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ("cat.png/report.json", "Not a directory"),
        (".", "Is a directory"),
        ("r" * 300, "File name too long"),
    ],
)
def test_a_report_that_cannot_be_written_ends_with_2(
    folder: Path, target: str, complaint: str, guard: Callable[..., Outcome]
) -> None:
    write(folder, {"cat.png": CAT})
    assert guard("scan", ".", "--quiet", "--json", target) == Outcome(
        2, "", f"imgsim-guard: cannot write the report {target}: {complaint}\n"
    )
    assert [path.name for path in folder.iterdir()] == ["cat.png"]


def test_devices_and_pipes_are_written_to_not_replaced(folder: Path, guard: Callable[..., Outcome]) -> None:
    write(folder, {"cat.png": CAT})
    assert guard("scan", ".", "--quiet", "--json", os.devnull) == Outcome(0, "", "")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)

    pipe = folder / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        assert guard("scan", ".", "--quiet", "--json", "pipe") == Outcome(0, "", "")
        assert json.loads(reader.communicate()[0])["verdict"] == "passed"
    assert stat.S_ISFIFO(pipe.stat().st_mode)


# scan


def test_against_compares_the_first_with_the_second_only(folder: Path, guard: Callable[..., Outcome]) -> None:
    write(folder, {"new/a.png": CAT, "new/b.png": CAT, "old/cat.bmp": CAT_AS_BMP, "old/copy.bmp": CAT_AS_BMP})
    code, out, err = guard("scan", "new", "--against", "old")
    assert (code, err) == (1, "")
    assert in_groups(out) == ["keep old/cat.bmp", "copy new/a.png", "copy new/b.png"]
    assert "2 exact duplicates among 2 images, checked against 2 in 0.0 s.\n" in out
    assert out.endswith("imgsim-guard clean new --against old\n")


def test_an_image_is_not_compared_with_itself_when_both_sides_hold_it(
    folder: Path, guard: Callable[..., Outcome]
) -> None:
    write(folder, {"all/new/cat.png": CAT, "all/coffee.png": COFFEE})
    assert guard("scan", "all/new", "--against", str(folder / "all")) == Outcome(
        0, "no near-duplicates among 1 image, checked against 1 in 0.0 s.\n", ""
    )


def test_a_file_is_taken_whatever_its_name_when_it_is_named(folder: Path, guard: Callable[..., Outcome]) -> None:
    write(folder, {"cat": CAT, "data/cat.txt": CAT, "data/cat.PNG": CAT})
    code, out, err = guard("scan", "cat", "data")
    assert (code, err, in_groups(out)) == (1, "", ["keep cat", "copy data/cat.PNG"])
    assert "1 exact duplicate among 2 images, checked against 1 in 0.0 s.\n" in out


def test_a_path_given_twice_is_one_image(folder: Path, guard: Callable[..., Outcome]) -> None:
    write(folder, {"data/cat.png": CAT})
    assert guard("scan", "data", "./data/", "data/cat.png") == Outcome(
        0, "no near-duplicates among 1 image, checked against 0 in 0.0 s.\n", ""
    )


def test_what_cannot_be_read_is_told_one_by_one(folder: Path, guard: Callable[..., Outcome]) -> None:
    write(folder, {"empty.png": b"", "text.jpg": b"words", "folder.jpg/coffee.png": COFFEE})
    write(folder, {"cut.png": CAT[: len(CAT) // 2]})
    os.mkfifo(folder / "pipe.jpg")
    (folder / "dangling.jpg").symlink_to("nowhere")
    (folder / "loop.jpg").symlink_to("loop.jpg")
    unreadable = (
        "cut.png   unreadable: damaged, cut short or of an unusual kind: the PNG decoder gave up\n"
        "dangling.jpg   unreadable: no such file or directory\n"
        "empty.png   unreadable: an empty file\n"
        "loop.jpg   unreadable: too many levels of symbolic links\n"
        "pipe.jpg   unreadable: not a regular file\n"
        "text.jpg   unreadable: not an image in a supported format, or its header is damaged\n"
    )
    summary = "6 unreadable among 7 images, checked against 0 in 0.0 s"
    assert guard("scan", ".") == Outcome(1, f"{unreadable}{summary}.\n", "")
    assert guard("embed", ".", "--quiet") == Outcome(0, unreadable, "")

    write(folder, {FILE_NAME: b"unreadable: warn"})
    assert guard("scan", ".") == Outcome(0, f"{unreadable}{summary} (allowed by the configuration).\n", "")


def test_linked_folders_are_not_entered(folder: Path, guard: Callable[..., Outcome]) -> None:
    write(folder, {"elsewhere/copy.png": CAT, "data/cat.png": CAT})
    (folder / "data" / "linked.png").symlink_to(folder / "elsewhere")
    (folder / "data" / "back").symlink_to(folder)
    assert guard("scan", "data") == Outcome(
        0,
        "note: data/back, data/linked.png: a linked folder, which is not searched; name it to search it\n"
        "no near-duplicates among 1 image, checked against 0 in 0.0 s.\n",
        "",
    )


def test_a_linked_folder_that_is_named_is_entered(folder: Path, guard: Callable[..., Outcome]) -> None:
    write(folder, {"elsewhere/cat.png": CAT})
    (folder / "data").symlink_to("elsewhere")
    assert guard("scan", "data") == Outcome(0, "no near-duplicates among 1 image, checked against 0 in 0.0 s.\n", "")


def test_a_folder_without_images_is_clean(folder: Path, guard: Callable[..., Outcome]) -> None:
    write(folder, {"notes.txt": b"words"})
    assert guard("scan", ".") == Outcome(0, "no near-duplicates among 0 images, checked against 0 in 0.0 s.\n", "")


def test_names_that_are_no_text_are_scanned_and_shown(folder: Path, guard: Callable[..., Outcome]) -> None:
    for name in (b"a\xff.png", b"\x1b[31m.png"):
        (folder / os.fsdecode(name)).write_bytes(CAT)
    code, out, err = guard("scan", ".")
    assert (code, err) == (1, "")
    assert sorted(image.split(" ", 1)[1] for image in in_groups(out)) == ["\\x1b[31m.png", "a\\udcff.png"]


# compare


def test_compare_tells_the_distances_of_the_first_to_the_others(folder: Path, guard: Callable[..., Outcome]) -> None:
    write(folder, {"cat.png": CAT, "cat.bmp": CAT_AS_BMP, "coffee.png": COFFEE})
    code, out, err = guard("compare", "cat.png", "cat.bmp", "coffee.png", "cat.png", "--json", "-")
    document = json.loads(out)
    far = document["pairs"][1]["distance"]
    refuted, skipped = document["pairs"][1]["verification"], {"outcome": "skipped"}
    assert far > 10
    assert refuted["outcome"] == "refuted"
    assert document == {
        "format": 1,
        "pairs": [
            {"a": "cat.png", "b": "cat.bmp", "distance": 0.0, "kind": "exact-duplicate", "verification": skipped},
            {"a": "cat.png", "b": "coffee.png", "distance": far, "kind": None, "verification": refuted},
            {"a": "cat.png", "b": "cat.png", "distance": 0.0, "kind": "exact-duplicate", "verification": skipped},
        ],
    }
    assert (code, err) == (0, "")

    assert guard("compare", "cat.png", "cat.bmp", "coffee.png", "--json", "distances.json") == Outcome(
        0,
        "cat.png   exact duplicate of   cat.bmp      same pixels\n"
        f"cat.png   different from       coffee.png   distance {far:.2f} (threshold 10)\n"
        f"          refuted: {refuted['reason']}\n"
        "wrote distances.json\n",
        "",
    )
    assert json.loads((folder / "distances.json").read_bytes())["pairs"] == document["pairs"][:2]


def test_compare_needs_images_that_can_be_read(folder: Path, guard: Callable[..., Outcome]) -> None:
    write(folder, {"cat.png": CAT, "words.png": b"words"})
    assert guard("compare", "cat.png", "words.png") == Outcome(
        2, "", "imgsim-guard: words.png: not an image in a supported format, or its header is damaged\n"
    )


# Configuration


def test_the_configuration_is_found_upwards(
    folder: Path, guard: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, {FILE_NAME: b"threshold: 0", "a/b/cat.png": CAT, "a/b/cat.jpg": CAT_AS_JPEG})
    monkeypatch.chdir(folder / "a" / "b")
    code, out, _ = guard("scan", ".", "--json", "-")
    assert (code, json.loads(out)["threshold"]) == (1, 0.0)


def test_the_nearest_configuration_holds_and_a_named_one_before_it(
    folder: Path, guard: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, {FILE_NAME: b"threshold: 1", f"a/{FILE_NAME}": b"threshold: 2", "named.yaml": b"threshold: 3"})
    monkeypatch.chdir(folder / "a")
    assert json.loads(guard("scan", ".", "--json", "-").out)["threshold"] == 2
    assert json.loads(guard("scan", ".", "--json", "-", "--config", "../named.yaml").out)["threshold"] == 3


def test_a_configuration_that_is_a_dangling_link_is_not_passed_over(
    folder: Path, guard: Callable[..., Outcome]
) -> None:
    (folder / FILE_NAME).symlink_to("nowhere.yaml")
    assert guard("scan", ".") == Outcome(
        2, "", f"imgsim-guard: cannot read the configuration {folder / FILE_NAME}: No such file or directory\n"
    )


def test_what_the_configuration_allows_ends_with_0(folder: Path, guard: Callable[..., Outcome]) -> None:
    write(folder, {FILE_NAME: b"max_exact_duplicates: 1", "cat.png": CAT, "copy.png": CAT})
    code, out, err = guard("scan", ".")
    assert (code, err) == (0, "")
    assert "1 exact duplicate among 2 images, checked against 1 in 0.0 s (allowed by the configuration).\n" in out


# demo


def test_the_demo_lets_a_real_commit_be_refused_and_leaves_nothing_behind(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = in_a_process("demo", stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": str(temporary)})

    assert (done.returncode, done.stderr) == (0, "")
    assert [line for line in done.stdout.splitlines() if line.startswith("  $ ")] == [
        "  $ git init --quiet --template= .",
        "  $ git add data",
        "  $ git commit --quiet -m 'Three pictures'",
        "  $ git add data",
        "  $ git commit --quiet -m 'More pictures'",
        "  $ git reset --quiet -- data/new-photo.jpg",
        "  $ git commit --quiet -m 'More pictures'",
        "  $ git log --oneline --stat",
    ]
    refused = done.stdout.split("\n  $ git commit --quiet -m 'More pictures'\n")[1]
    assert re.sub(r"\d+\.\d+", "N", refused) == (
        "  data/new-photo.jpg   near-duplicate of    data/hills.png   distance N (threshold 10)\n"
        "                       cropped to 84%, brighter; 120 matching points, 100% of the content matches\n"
        "  1 near-duplicate among 2 new images, checked against 4 in N s.\n"
        "    drop it:           git reset -- data/new-photo.jpg\n"
        '    keep it:           imgsim-guard accept data/new-photo.jpg --reason "..."\n'
        "    change the rules:  threshold, max_near_duplicates, unreadable and images in .imgsim-guard.yaml, "
        "then git add .imgsim-guard.yaml\n"
        "\nThe commit was refused. Without the copy, it passes:\n"
        "\n  $ git reset --quiet -- data/new-photo.jpg\n"
    )
    assert list(temporary.iterdir()) == []
