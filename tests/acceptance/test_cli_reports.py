"""The options that write reports, on real files with the real model."""

from __future__ import annotations

import json
import os
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import pytest
from conftest import encoded, pixels_of

from imgsim_guard.cli import main
from imgsim_guard.cli.parser import REPORTS, parse_arguments
from imgsim_guard.cli.reports import WRITTEN
from imgsim_guard.cli.terminal import say, write_report
from imgsim_guard.system.cache_folder import CACHE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Repository


def small(name: str) -> bytes:
    return encoded(np.asarray(cv2.resize(pixels_of(name), (160, 120), interpolation=cv2.INTER_AREA), np.uint8))


CAT, COFFEE = small("chelsea.png"), small("coffee.png")


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def warm_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def staged(repository: Repository, warm_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository with one image committed, and a copy and another image staged."""
    monkeypatch.setenv(CACHE_VARIABLE, str(warm_cache))
    monkeypatch.chdir(repository.root)
    repository.commit({"cat.png": CAT})
    repository.stage({"copy.png": CAT, "coffee.png": COFFEE})
    return repository


@pytest.fixture
def guard(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    def run(*arguments: str) -> Outcome:
        return Outcome(main(arguments), *capsys.readouterr())

    return run


ALL = (
    "--json",
    "r/a/r.json",
    "--sarif",
    "r/b/r.sarif",
    "--junit",
    "r/c/r.xml",
    "--metrics",
    "r/m.json",
    "--plots",
    "r/p",
)


def test_the_grammar_offers_what_can_be_written() -> None:
    assert list(REPORTS) == list(WRITTEN)


@pytest.mark.parametrize("command", [("hook",), ("check",), ("scan", ".")])
def test_every_command_that_judges_takes_every_report(command: tuple[str, ...]) -> None:
    arguments = parse_arguments([*command, *ALL, "--github"])
    assert (arguments.sarif, arguments.plots, arguments.github) == ("r/b/r.sarif", "r/p", True)


def test_all_reports_at_once_into_folders_that_are_made(staged: Repository, guard: Callable[..., Outcome]) -> None:
    code, out, err = guard("check", *ALL)
    assert (code, out.splitlines()[0], err) == (1, "copy.png   exact duplicate of   cat.png   same bytes", "")
    written = {str(path.relative_to(staged.root)): path for path in (staged.root / "r").rglob("*") if path.is_file()}
    assert sorted(written) == ["r/a/r.json", "r/b/r.sarif", "r/c/r.xml", "r/m.json", "r/p/distances.csv"]
    assert out.splitlines()[-5:] == [f"wrote {name}" for name in sorted(written)]
    assert json.loads(written["r/a/r.json"].read_bytes())["verdict"] == "failed"
    [run] = json.loads(written["r/b/r.sarif"].read_bytes())["runs"]
    assert [found["level"] for found in run["results"]] == ["error"]
    assert ET.fromstring(written["r/c/r.xml"].read_bytes()).get("failures") == "1"
    assert json.loads(written["r/m.json"].read_bytes())["exact_duplicates"] == 1
    first, copies, *_ = written["r/p/distances.csv"].read_text().splitlines()
    assert (first, copies) == ("distance,count", "00 to 01,1")
    before = {name: path.read_bytes() for name, path in written.items()}
    guard("check", *ALL)
    assert {name: path.read_bytes() for name, path in written.items()} == before


@pytest.mark.usefixtures("staged")
@pytest.mark.parametrize("option", ["sarif", "junit", "metrics"])
def test_one_report_has_standard_output_to_itself(option: str, guard: Callable[..., Outcome]) -> None:
    code, out, err = guard("check", f"--{option}", "-", "--github")
    assert code == 1
    (ET.fromstring if option == "junit" else json.loads)(out)
    assert "copy.png   exact duplicate of" in err
    assert "::error file=copy.png," in err


@pytest.mark.usefixtures("staged")
def test_two_reports_cannot_share_standard_output(guard: Callable[..., Outcome]) -> None:
    assert guard("check", "--json", "-", "--junit", "-") == Outcome(
        2,
        "",
        "imgsim-guard: only one report can go to standard output, --json or --junit; give a file name for the other\n",
    )


def test_what_cannot_be_written_ends_with_2_after_all_else_is_said_and_written(
    staged: Repository, guard: Callable[..., Outcome]
) -> None:
    arguments = ("--sarif", "cat.png/r.sarif", "--plots", "cat.png", "--metrics", "m.json")
    code, out, err = guard("check", *arguments)
    assert (code, out.splitlines()[0]) == (2, "copy.png   exact duplicate of   cat.png   same bytes")
    assert err == (
        "imgsim-guard: cannot write the report cat.png/r.sarif: Not a directory\n"
        "cannot write the report cat.png/distances.csv: Not a directory\n"
    )
    assert json.loads((staged.root / "m.json").read_bytes())["exact_duplicates"] == 1


def test_github_runs_no_command_that_a_file_name_spells(staged: Repository, guard: Callable[..., Outcome]) -> None:
    staged.write({"::stop-commands::x.png": CAT})
    staged.git("add", "--all")
    code, out, _ = guard("hook", "--github")
    assert code == 1
    fence, name, *_, summary = out.splitlines()
    word = fence.removeprefix("::stop-commands::")
    assert name.startswith("::stop-commands::x.png   exact duplicate of")
    _, annotations = out.split(f"::{word}::\n")
    assert annotations == (
        "::error file=%3A%3Astop-commands%3A%3Ax.png,title=exact duplicate::exact duplicate of cat.png: same bytes\n"
        "::error file=copy.png,title=exact duplicate::exact duplicate of cat.png: same bytes\n"
        f"{summary}\n"
    )
    assert summary.startswith("::notice title=imgsim-guard::failed: 2 with errors and 0 with warnings among 3 images")


def kept_and_removed(text: str) -> tuple[list[str], list[str]]:
    """The paths in the groups of a text report: those to keep, and their copies."""
    words = [line.split() for line in text.splitlines()]
    kept, copies = ([line[1] for line in words if line[:1] == [role]] for role in ("keep", "copy"))
    return kept, copies


def test_a_clean_up_keeps_what_the_repository_has_had_longest(
    staged: Repository, guard: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    staged.git("commit", "--quiet", "--message", "a copy")
    staged.write({"a-copy.png": CAT})
    staged.git("add", "a-copy.png")
    staged.git("commit", "--quiet", "--message", "a copy that comes first by name")
    (staged.root / "copy.png").unlink()
    assert kept_and_removed(guard("scan", ".").out) == (["cat.png"], ["a-copy.png"])

    os.utime(staged.root / "a-copy.png", (0, 0))
    assert kept_and_removed(guard("scan", ".").out) == (["cat.png"], ["a-copy.png"])
    monkeypatch.setenv("GIT_DIR", str(staged.root / "nowhere"))  # so that the files' own times decide
    assert kept_and_removed(guard("scan", ".").out) == (["a-copy.png"], ["cat.png"])


def test_a_check_of_everything_shows_groups_and_names_what_came_later(
    staged: Repository, guard: Callable[..., Outcome]
) -> None:
    staged.git("commit", "--quiet", "--message", "a copy")
    mirrored = cv2.resize(pixels_of("chelsea.png")[:, ::-1], (160, 120), interpolation=cv2.INTER_AREA)
    staged.commit({"a/cat.png": encoded(np.asarray(mirrored, np.uint8))})
    code, out, _ = guard("check", "--all", "--sarif", "r.sarif", "--html", "page.html")
    assert code == 1
    lines = out.splitlines()
    assert [line.split("   ")[0] for line in lines[:3]] == ["keep  cat.png", "  copy  copy.png", "  copy  a/cat.png"]
    assert "mirrored; 160 " in lines[2]
    assert "2 copies in 1 group" in lines[4]
    assert lines[5] == "  see what would be moved:  imgsim-guard clean ."
    assert "git rm --cached -- a/cat.png copy.png" in lines[6]
    [run] = json.loads((staged.root / "r.sarif").read_text())["runs"]
    named = [found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for found in run["results"]]
    assert named == ["a/cat.png", "copy.png"]
    assert '<section id="groups"' in (staged.root / "page.html").read_text()


def test_of_new_images_that_are_copies_of_each_other_the_worse_one_is_refused(
    staged: Repository, guard: Callable[..., Outcome]
) -> None:
    staged.git("reset", "--quiet", "--", "copy.png")
    small = cv2.resize(pixels_of("coffee.png"), (120, 90), interpolation=cv2.INTER_AREA)
    staged.stage({"a-coffee.jpg": encoded(np.asarray(small, np.uint8), ".jpg")})
    code, out, _ = guard("check")
    assert (code, out.splitlines()[0].split("   ")[0]) == (1, "a-coffee.jpg")
    assert "  drop it:           git reset -- a-coffee.jpg\n" in out


def test_a_page_where_nothing_is_new(staged: Repository, guard: Callable[..., Outcome]) -> None:
    staged.git("reset", "--quiet", "--hard")
    assert guard("hook").code == 0
    guard("embed")
    for options in (["--html", "page.html"], ["--plots", "plots"], ["--html", "page.html", "--plots", "plots"]):
        assert guard("check", *options)[::2] == (0, "")


def test_a_report_on_standard_output_is_as_it_would_be_in_a_file(
    staged: Repository,  # noqa: ARG001  the working directory
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A text for people names the program by its path where a hook's environment is not on the PATH."""
    monkeypatch.setenv("PRE_COMMIT", "1")
    monkeypatch.setenv("PATH", "")
    text = "imgsim-guard accept x\n"
    write_report(text, "-")
    say(text)
    assert capsys.readouterr().out == f"{text}{Path(sys.executable).with_name('imgsim-guard')} accept x\n"
