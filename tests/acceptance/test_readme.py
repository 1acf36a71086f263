"""What the README says is true."""

from __future__ import annotations

import re
import shlex
from xml.etree import ElementTree as ET

import pytest
import yaml
from conftest import ROOT

from imgsim_guard import __version__
from imgsim_guard.cli.parser import parse_arguments
from imgsim_guard.model import Bounds, Evidence, Image, Limits, Match, Result, Transform
from imgsim_guard.report.text import text_report

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)

UNMOVED = Transform(
    mirrored=False, rotation=0.0, scale=1.0, squeeze=1.0, covered=0.841, shown=1.0, matrix=(1, 0, 0, 0, 1, 0)
)
RESULT = Result(
    scope="staged",
    bounds=Bounds(),
    limits=Limits(),
    queries=2,
    gallery=4,
    matches=(
        Match(
            "near-duplicate",
            Image("data/new-photo.jpg", "git:1"),
            Image("data/hills.png", "git:2"),
            4.9401,
            Evidence("confirmed", 120, 1.0, 0.841, UNMOVED, "cropped to 84%, brighter"),
        ),
    ),
)


def blocks(language: str) -> list[str]:
    return [text for found, text in BLOCKS if found == language]


def commands() -> list[str]:
    """The commands in blocks of their own, without the two that set things up."""
    lines = [line for text in blocks("") for line in text.splitlines()]
    return [line for line in lines if re.match(r"imgsim-guard \w", line)]


def test_the_pre_commit_configuration_names_this_hook_and_version() -> None:
    [repository] = yaml.safe_load(blocks("yaml")[0])["repos"]
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert repository["rev"] == f"v{__version__}"
    assert repository["hooks"] == [{"id": hook["id"]}]


def test_the_refused_commit_looks_as_shown() -> None:
    assert text_report(RESULT, seconds=0.7) in README


def without_times(text: str) -> str:
    return re.sub(r" in \d+\.\d s\.|(?<=duration: )[\d.]+s", "", text)


def test_the_picture_of_it_says_the_same() -> None:
    picture = ET.parse(ROOT / "docs" / "pictures" / "refused.svg")
    drawn = picture.iterfind(".//{*}g[@class='refused-matrix']/{*}text")
    lines: dict[str, str] = {}
    for text in drawn:
        lines[text.attrib["y"]] = lines.get(text.attrib["y"], "") + (text.text or "").replace("\xa0", " ")
    said = without_times("\n".join(line.rstrip("\n") for line in lines.values()))
    [shown] = [text for text in blocks("") if text.startswith('$ git commit -m "More pictures"\nimgsim-guard')]
    assert said.split() == without_times(shown).split()


def test_there_are_commands_to_test() -> None:
    assert len(commands()) == 6  # check, two scans, compare, twice accept


@pytest.mark.parametrize("command", commands())
def test_every_command_shown_parses(command: str) -> None:
    parse_arguments(shlex.split(command)[1:])


def test_it_fits_on_a_few_screens() -> None:
    assert len(README.encode()) <= 9 * 1024


def test_it_shows_both_pictures() -> None:
    assert re.findall(r"!\[.+?\]\((.+?)\)", README) == ["docs/pictures/refused.svg", "docs/pictures/report.webp"]


def test_no_link_leads_to_a_package_index() -> None:
    pages = [README, *(page.read_text() for page in (ROOT / "docs").glob("*.md"))]
    assert not [link for text in pages for link in re.findall(r"https://(?:\w+\.)?pypi\.org\S*", text)]


def test_links_within_the_repository_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
