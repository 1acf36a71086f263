"""What the README says is true."""

from __future__ import annotations

import json
import re
import shlex
from xml.etree import ElementTree as ET

import pytest
import yaml
from conftest import ROOT

from imgsim_guard import __version__
from imgsim_guard.cli.parser import REPORTS, parse_arguments
from imgsim_guard.config.reader import parse_settings
from imgsim_guard.config.settings import Settings
from imgsim_guard.model import Bounds, Evidence, Image, Limits, Match, Result, Transform
from imgsim_guard.report.as_json import json_report
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


def test_the_configuration_with_the_defaults_is_the_default() -> None:
    _, splits, defaults, chosen = (text for text in blocks("yaml"))
    assert parse_settings(defaults, name="README.md") == Settings()
    assert list(yaml.safe_load(defaults)) == [name for name in vars(Settings()) if name != "images"]
    assert parse_settings(splits, name="README.md").rules[0].splits == ("train", "test")
    assert parse_settings(chosen, name="README.md") == Settings(images=["data/**", "!data/icons/**"])


def test_the_pre_commit_configuration_names_this_hook_and_version() -> None:
    [repository] = yaml.safe_load(blocks("yaml")[0])["repos"]
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert repository["rev"] == f"v{__version__}"
    assert repository["hooks"] == [{"id": hook["id"]}]


def test_the_refused_commit_looks_as_shown() -> None:
    assert text_report(RESULT, seconds=0.7) in README


def test_the_picture_of_it_says_the_same() -> None:
    picture = ET.parse(ROOT / "docs" / "pictures" / "refused.svg")
    drawn = picture.iterfind(".//{*}g[@class='refused-matrix']/{*}text")
    lines: dict[str, str] = {}
    for text in drawn:
        lines[text.attrib["y"]] = lines.get(text.attrib["y"], "") + (text.text or "").replace("\xa0", " ")
    said = re.sub(r" in \d+\.\d s\.", "", "\n".join(line.rstrip("\n") for line in lines.values()))
    [shown] = [text for text in blocks("") if text.startswith('$ git commit -m "More pictures"\nimgsim-guard')]
    assert said.split() == re.sub(r" in \d+\.\d s\.", "", shown).split()


def test_the_json_report_is_as_shown() -> None:
    [shown] = blocks("json")
    assert json.loads(json_report(RESULT)) == json.loads(shown)


def test_there_are_commands_to_test() -> None:
    assert len(commands()) == 8  # check, two scans, compare, four times accept


@pytest.mark.parametrize("command", commands())
def test_every_command_shown_parses(command: str) -> None:
    parse_arguments(shlex.split(command)[1:])


def test_the_table_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["--help"])
    listed = re.findall(r"^    (\w+) ", capsys.readouterr().out, re.MULTILINE)
    assert sorted(listed) == sorted(set(re.findall(r"^\| `imgsim-guard (\w+)", README, re.MULTILINE)))


def test_the_table_lists_every_report() -> None:
    listed = re.findall(r"`?(--[\w]+)", "".join(re.findall(r"^\| (`--.*?) \|", README, re.MULTILINE)))
    assert sorted(listed) == sorted(["--html", "--plots", "--github", *(f"--{name}" for name in REPORTS)])


def test_links_within_the_repository_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
