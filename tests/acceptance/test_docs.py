"""What the pages in docs/ say is true: their configurations load, their commands parse, their walk-throughs run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import generate
import jsonschema
import numpy as np
import pairs
import pytest
import yaml
from conftest import REPORT_SCHEMA, ROOT, Repository, photograph
from test_hooks import edited
from test_walkthrough import published_here

from imgsim_guard import __version__
from imgsim_guard.cli.hook_runners import deaf_to_pushes, filters, runner
from imgsim_guard.cli.parser import REPORTS, parse_arguments
from imgsim_guard.config.reader import parse_settings
from imgsim_guard.model import (
    Bounds,
    Evidence,
    Group,
    Image,
    Limits,
    Match,
    Member,
    Result,
    Share,
    Transform,
    Unreadable,
)
from imgsim_guard.report.as_json import json_report

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DOCS = ROOT / "docs"
LARGEST_IMAGE = 150_000
SOURCE = "https://github.com/imgsim-guard/imgsim-guard/blob/main/"


class Block(NamedTuple):
    """A block of code in a page; `marker` is the comment before it, `title` the file that it is a part of."""

    page: str
    marker: str
    language: str
    title: str
    text: str


def found() -> Iterator[Block]:
    fence = re.compile(r"^(?:<!-- (.+?) -->\n)?```(\w*)(?: title=\"(.+?)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    for page in sorted(DOCS.glob("*.md")):
        for groups in fence.findall(page.read_text()):
            yield Block(page.stem, *groups)


BLOCKS = list(found())
TEXTS = {page.stem: page.read_text() for page in sorted(DOCS.glob("*.md"))}


def in_language(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language]


def commands(block: Block) -> Iterator[tuple[str, int]]:
    """Each command of a block, and the exit code that is said of it."""
    for line in block.text.splitlines():
        if line.startswith("$ "):
            command, _, comment = line.removeprefix("$ ").partition("  #")
            yield command.strip(), int(comment.strip().startswith(("is refused", "finds")))


# What the pages show


def test_every_block_is_of_a_language_that_is_tested() -> None:
    assert {block.language for block in BLOCKS} <= {"console", "json", "python", "text", "yaml"}
    assert all(line.startswith("$ ") for block in in_language("console") for line in block.text.splitlines())


def shown_commands() -> list[str]:
    """Those in blocks and those within sentences."""
    in_blocks = [command for block in in_language("console") for command, _ in commands(block)]
    in_sentences = [text for page in TEXTS.values() for text in re.findall(r"`(imgsim-guard [a-z]+ [^`\n]+)`", page)]
    return sorted({text for text in (*in_blocks, *in_sentences) if text.startswith("imgsim-guard ")})


@pytest.mark.parametrize("command", shown_commands())
def test_every_command_parses(command: str) -> None:
    parse_arguments(shlex.split(command)[1:])


def checked_by(schema: str, block: Block, folder: Path) -> None:
    file = folder / "checked.yml"
    file.write_text(block.text)
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", str(file)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def checked_by_pre_commit(block: Block, folder: Path) -> None:
    file = folder / ".pre-commit-config.yaml"
    file.write_text(block.text)
    command = [sys.executable, "-m", "pre_commit", "validate-config", str(file)]
    subprocess.run(command, env={**os.environ, "PRE_COMMIT_HOME": str(folder)}, check=True)
    [ours] = [repository for repository in yaml.safe_load(block.text)["repos"] if "imgsim-guard" in repository["repo"]]
    assert ours["rev"] == f"v{__version__}"
    assert [hook["id"] for hook in ours["hooks"]] == ["imgsim-guard"]


def checked_as_lefthooks(block: Block, folder: Path) -> None:
    """Its commands are ours, nothing filters them, and the one of a push learns what is pushed."""
    (folder / "lefthook.yml").write_text(block.text)
    (folder / "pre-push").write_text("call_lefthook run pre-push")
    for hook in yaml.safe_load(block.text).values():
        assert "push" in parse_arguments(shlex.split(hook["jobs"][0]["run"])[1:])
    assert runner(folder, folder / "pre-push") == "lefthook"
    assert (list(filters(folder)), deaf_to_pushes(folder, folder / "pre-push")) == ([], None)


@pytest.mark.parametrize("block", in_language("yaml"), ids=lambda block: f"{block.page}: {block.title}")
def test_yaml_is_what_reads_that_file_expects(block: Block, tmp_path: Path) -> None:
    if block.title == ".imgsim-guard.yaml":
        parse_settings(block.text, name=block.page)
    elif block.title == ".pre-commit-config.yaml":
        checked_by_pre_commit(block, tmp_path)
    elif block.title == "lefthook.yml":
        checked_as_lefthooks(block, tmp_path)
    else:
        workflow = block.title.startswith(".github/workflows/")
        assert workflow or block.title == ".gitlab-ci.yml"
        checked_by("github-workflows" if workflow else "gitlab-ci", block, tmp_path)


def test_commands_in_ci_parse() -> None:
    titles = (".gitlab-ci.yml", ".github/workflows/")
    of_ci = [block for block in in_language("yaml") if block.title.startswith(titles)]
    of_ci = [block for block in of_ci if "- uses: imgsim-guard/imgsim-guard@" not in block.text]  # runs the command
    lines = [line for block in of_ci for line in re.findall(r"(?:run:|-) (imgsim-guard .+)", block.text)]
    assert len(lines) == len(of_ci)
    for line in lines:
        parse_arguments(shlex.split(line)[1:])


def test_the_json_report_is_as_shown() -> None:
    [block] = in_language("json")
    shown = json.loads(block.text)
    jsonschema.Draft202012Validator(REPORT_SCHEMA).validate(shown)
    assert set(shown) == set(REPORT_SCHEMA["properties"])
    crop = Transform(
        mirrored=False, rotation=0.0, scale=1.0, squeeze=1.0, covered=0.75, shown=1.0, matrix=(1, 0, 0, 0, 1, 0)
    )
    copy = Match(
        "near-duplicate",
        Image("data/test/kitten.jpg", "git:1"),
        Image("data/train/cat.png", "git:2"),
        6.1602,
        Evidence("confirmed", 128, 1.0, 0.75, crop, "cropped to 75%"),
        splits=("test", "train"),
    )
    result = Result(
        scope="staged",
        bounds=Bounds(),
        limits=Limits(exact_duplicates=Share(2.0)),
        queries=2,
        gallery=4,
        matches=(copy,),
        unreadable=(("data/torn.png", Unreadable("not an image, or damaged")),),
        groups=(
            Group(
                (
                    Member(copy.gallery, "keep", "in the dataset already", None, None, "train", "", 640, 480, 310200),
                    Member(
                        *(copy.query, "leakage", "in test, the other in train", copy.gallery, copy),
                        *("test", "", 480, 480, 40100),
                    ),
                )
            ),
        ),
    )
    assert json.loads(json_report(result)) == shown


def test_the_page_on_reports_has_them_all() -> None:
    listed = re.findall(r"(--\w+)", "".join(re.findall(r"^\| (`--.*?) \|", TEXTS["reports"], re.MULTILINE)))
    assert sorted(listed) == sorted(["--html", "--plots", "--github", *(f"--{name}" for name in REPORTS)])


@pytest.mark.parametrize("page", generate.PAGES, ids=lambda page: page.stem)
def test_what_comes_from_the_code_is_current(page: Path) -> None:
    """But for licences, which are those of the versions that were there: all packages must be listed."""
    text, anew = page.read_text(), generate.generated(page.read_text())
    if "generated: licences" in text:
        text, anew = (re.sub(r"(?m)^(\| [\w-]+ \|).*", r"\1", version) for version in (text, anew))
    assert text == anew, "run python docs/generate.py"


def test_every_setting_and_every_command_has_its_place() -> None:
    assert sorted(re.findall(r"^### `(\w+)`$", TEXTS["commands"], re.MULTILINE)) == sorted(generate._commands())  # noqa: SLF001


def test_commands_that_are_only_named_are_there() -> None:
    named = {name for page in TEXTS.values() for name in re.findall(r"`imgsim-guard ([a-z]+)`", page)}
    assert named
    assert named <= set(generate._commands())  # noqa: SLF001


def test_files_that_the_pages_name_are_there() -> None:
    texts = {**TEXTS, "CONTRIBUTING": (ROOT / "CONTRIBUTING.md").read_text()}
    named = {(page, name) for page, text in texts.items() for name in re.findall(r"`([\w.]+/[\w/]+\.py)", text)}
    named |= {("architecture", name) for name in re.findall(r"`([\w/]+/)`", TEXTS["architecture"])}
    named |= {(page, name) for page, text in texts.items() for name in re.findall(r"(?:python|pytest) (\S+\.py)", text)}
    assert len(named) > 40
    in_package = {"architecture": [ROOT / "imgsim_guard", ROOT / "tests"]}
    missing = [
        (page, name)
        for page, name in sorted(named)
        if not any((folder / name).exists() for folder in [ROOT, *in_package.get(page, [])])
    ]
    assert missing == []


def test_the_architecture_names_every_package() -> None:
    there = {path.name for path in (ROOT / "imgsim_guard").iterdir() if (path / "__init__.py").exists()}
    named = re.findall(r"^\| `(\w+)/` \|", TEXTS["architecture"], re.MULTILINE)
    assert set(named) == there


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_links_into_the_repository_lead_somewhere() -> None:
    """Those from page to page are checked when the site is built."""
    texts = {**TEXTS, "CONTRIBUTING": (ROOT / "CONTRIBUTING.md").read_text()}
    links = [link for text in texts.values() for link in re.findall(rf"{SOURCE}([^)#\s]+)#?([^)\s]*)", text)]
    assert links
    for path, anchor in links:
        assert (ROOT / path).exists(), path
        headings = re.findall(r"^#+ (.*)$", (ROOT / path).read_text(), re.MULTILINE) if anchor else []
        assert not anchor or anchor in map(slug, headings), f"{path}#{anchor}"


def test_nothing_is_fetched_from_elsewhere_to_show_the_site() -> None:
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    assert site["theme"]["font"] is False
    assert not {"extra_css", "extra_javascript", "extra"} & set(site)
    assert all("http" not in target for text in TEXTS.values() for target in re.findall(r"!\[.*?\]\((.*?)\)", text))


# The pictures of pairs


def without_numbers(text: str) -> str:
    """Another processor may round another way."""
    return re.sub(r"\d+(\.\d+)?", "N", text)


@pytest.mark.parametrize("name", pairs.PAIRS)
def test_a_pair_is_judged_and_drawn_as_shown(name: str, tmp_path: Path, cache: Path) -> None:
    said, drawn = pairs.compare(name, tmp_path)
    assert cache.exists()
    [shown] = [block.text for block in BLOCKS if block.marker == f"pair: {name}"]
    assert without_numbers(said) == without_numbers(shown)
    committed = cv2.imread(str(DOCS / "pictures" / f"{name}.webp"))
    assert committed is not None
    assert drawn.shape == committed.shape
    assert float(np.abs(drawn.astype(np.float32) - committed).mean()) < 10  # noise that WebP does not keep


def test_pictures_are_small() -> None:
    sizes = {file.name: file.stat().st_size for file in (DOCS / "pictures").iterdir()}
    assert len(sizes) > len(pairs.PAIRS)
    assert max(sizes.values()) <= LARGEST_IMAGE


# The walk-throughs


@pytest.fixture
def tools_of_a_user(tools: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:  # noqa: ARG001  a new user's
    """imgsim-guard, DVC and pre-commit on the PATH."""
    monkeypatch.setenv("PATH", f"{tools}:{Path(sys.executable).parent}", prepend=":")


def walk(page: str, marker: str = "walk-through") -> Iterator[list[tuple[str, int]]]:
    for block in BLOCKS:
        if (block.page, block.marker) == (page, marker):
            yield list(commands(block))


def run_all(repository: Repository, some: list[tuple[str, int]]) -> str:
    return "".join(repository.run("sh", "-c", command, code=code) for command, code in some)


def images(folder: str) -> Mapping[str, bytes]:
    return {f"{folder}/{name}": photograph(name) for name in ("chelsea.png", "coffee.png", "rocket.jpg")}


@pytest.mark.usefixtures("tools_of_a_user")
def test_first_steps(tmp_path: Path) -> None:
    here = Repository(tmp_path)
    here.write({"photos/cat.png": photograph("chelsea.png"), "photos/kitten.jpg": edited("chelsea.png")})
    here.write({"photos/coffee.png": photograph("coffee.png"), "inbox/moon.png": photograph("moon.png")})
    looking, against, comparing = walk("first-steps")
    said = run_all(here, looking)
    [shown] = [block.text for block in in_language("text") if block.page == "first-steps"]
    assert without_numbers(shown) in without_numbers(said)
    assert (tmp_path / "report.html").exists()
    assert "no near-duplicates among 1 image, checked against 3" in run_all(here, against)
    run_all(here, comparing)
    assert cv2.imread(str(tmp_path / "pair.png")) is not None


@pytest.mark.usefixtures("hook_environment", "tools_of_a_user")
def test_the_guide_for_git(repository: Repository, hook_repository: Repository) -> None:
    old = {"data/old-copy.jpg": edited("coffee.png")}
    repository.commit({**images("data"), **old})
    setting_up, baseline, refused, accepted = walk("git")
    run_all(repository, setting_up[:1])
    published_here(repository.root, hook_repository)
    run_all(repository, setting_up[1:])
    assert "data/old-copy.jpg" in run_all(repository, baseline)
    repository.write({"data/new.jpg": edited("chelsea.png")})
    assert "data/new.jpg   near-duplicate of    data/chelsea.png" in run_all(repository, refused)
    run_all(repository, accepted)
    assert repository.git("status", "--short") == ""


@pytest.mark.usefixtures("tools_of_a_user")
def test_the_guide_for_lfs(repository: Repository) -> None:
    (repository.root.parent / "imgsim-guard").symlink_to(ROOT)
    repository.write(images("data"))
    setting_up, refused = walk("lfs")
    run_all(repository, setting_up)
    assert repository.git("show", "HEAD:data/coffee.png").startswith("version https://git-lfs.github.com/spec/v1")
    repository.write({"data/new.jpg": edited("chelsea.png")})
    assert "data/new.jpg   near-duplicate of    data/chelsea.png" in run_all(repository, refused)
