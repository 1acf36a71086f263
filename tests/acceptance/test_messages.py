"""Every text that a user can meet is in golden/messages.txt, as it is on the terminal."""

from __future__ import annotations

import ast
import io
import os
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from conftest import ROOT, ThumbnailEmbedder, encoded, near, pixels_of

from imgsim_guard.augnet import WITHOUT_EMBEDDINGS, fingerprint
from imgsim_guard.cli import main
from imgsim_guard.gate import pipeline
from imgsim_guard.model import GuardError
from imgsim_guard.system.cache_folder import CACHE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GOLDEN = Path(__file__).parents[1] / "golden" / "messages.txt"
SECTION, ELSEWHERE, RARE = "\n== ", "\n== Met in ", "\n== Only written down"
"""What begins a section with a transcript, one with the texts that another test asserts, and one with those that take
photographs, a broken disk or an older version to be met.
"""

DOCUMENTATION = {"help", "description", "default"}
"""Arguments whose text is shown by --help, or is in the schema of the configuration."""

NOT_MESSAGES = (
    *("cli/parser.py", "cli/options.py"),
    *("report/as_", "report/calibration_plot.py", "report/view.py"),
    "augnet/checkpoint.py",
)
"""What --help says; reports for programs and browsers, which have tests of their own; what building says."""

NOT_SAID = {"ValueError", "TypeError", "RuntimeError", "AttributeError", "compile"}
"""What only a program hears of, and patterns."""

SENTENCE = re.compile(r"[\w,;:'()\0-]+ [\w,;:'()\0-]+ [\w,;:'()\0-]+")
"""Three words; a zero stands for what is put in."""


CAT = cv2.resize(pixels_of("chelsea.png"), (240, 160), interpolation=cv2.INTER_AREA).astype(np.uint8)


def test_whatever_is_said_reads_as_it_is_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To change a text, change it in the source, read here how it sounds, and copy the new file over the old."""
    before = GOLDEN.read_text("utf-8")
    now = "".join(replayed(before, tmp_path, monkeypatch))
    (tmp_path / GOLDEN.name).write_text(now, "utf-8")
    assert "Traceback" not in now
    assert now == before, f"if it is as it should be: cp {tmp_path / GOLDEN.name} {GOLDEN}"


def replayed(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The text with what its commands print now, each section in a home of its own."""
    preface, *sections = text.split(SECTION)
    yield preface
    for number, section in enumerate(sections):
        yield SECTION
        if f"{SECTION}{section}".startswith((ELSEWHERE, RARE)):
            yield section
            continue
        commands = [line for line in section.splitlines() if line.startswith(("$ ", ">>> "))]
        home = folder / str(number)
        fill(home)
        with monkeypatch.context() as patch:
            patch.chdir(home / "pictures")
            patch.setenv(CACHE_VARIABLE, str(home / "cache"))
            patch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
            patch.setattr(pipeline, "load", lambda *_, **__: ThumbnailEmbedder())
            said = "".join(f"{command}\n{run(command, home)}" for command in commands)
        yield f"{section.splitlines()[0]}\n{said}"


def fill(home: Path) -> None:
    """An empty folder `pictures`, and beside it what the transcripts copy into it."""
    (home / "pictures").mkdir(parents=True)
    for name, data in {
        "hills.png": near(1),
        "hills-brighter.png": near(1, by=3),
        "city.png": near(2),
        "empty.png": b"",
        "cut-short.png": near(3)[:-100],
        "cat.png": encoded(CAT[20:, 20:]),
        "cat-part.png": encoded(CAT[20:120, 20:150]),
    }.items():
        (home / name).write_bytes(data)


def run(command: str, home: Path) -> str:
    """What a line prints, and its exit code unless it is 0; imgsim-guard runs in this process."""
    if command.startswith(">>> "):
        return masked(run_python(command.removeprefix(">>> ")), home)
    command = command.removeprefix("$ ")
    words = shlex.split(command)
    environment = dict(word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word))
    arguments = words[len(environment) :]
    if arguments[0] == "imgsim-guard":
        code, out = run_here(arguments[1:], environment)
    else:
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
        code, out = done.returncode, done.stdout + done.stderr
    return masked(out, home) + (f"[{code}]\n" if code else "")


def masked(out: str, home: Path) -> str:
    """Without what differs from run to run."""
    out = re.sub(r"usage: .*?(?=^imgsim-guard)", "usage: ...\n", out, flags=re.DOTALL | re.MULTILINE)
    out = re.sub(r"\d+\.\d s\b", "0.0 s", out.replace(str(home), "~")).replace(fingerprint("onnx"), "MODEL")
    out = out.replace(WITHOUT_EMBEDDINGS, "HASHES")
    return re.sub(r"\b[0-9a-f]{32,64}\b", "DIGEST", out)


def run_python(line: str) -> str:
    """What a line of Python prints; an error as the command line would show it."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        try:
            exec(compile(line, "messages.txt", "single"), {})
        except GuardError as error:
            printed.write(f"imgsim-guard: {error}\n")
    return printed.getvalue()


def run_here(arguments: list[str], environment: Mapping[str, str]) -> tuple[int, str]:
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed), redirect_stderr(printed):
        for name, value in environment.items():
            patch.setenv(name, value)
        try:
            code = main(arguments)
        except SystemExit as stop:
            code = int(stop.code or 0)
    return code, printed.getvalue()


def test_whatever_can_be_said_is_written_down() -> None:
    written = GOLDEN.read_text("utf-8")
    missing = [f"{place}: {text!r}" for place, text in sentences() if not occurs(text, written)]
    assert not missing, "not in golden/messages.txt:\n" + "\n".join(missing).replace(r"\x00", "{}")


def test_what_is_met_in_another_test_is_asserted_there() -> None:
    for section in GOLDEN.read_text("utf-8").split(ELSEWHERE)[1:]:
        name, *texts = section.partition(SECTION)[0].splitlines()
        test = " ".join((ROOT / name).read_text("utf-8").replace("\\", "").split())
        test = re.sub(r"[\"'] r?f?[\"']", "", test)  # a text that goes on in the next line
        lacking = [text for text in texts if text and not occurs(text.replace("...", "\0"), test)]
        assert not lacking, f"not in {name}"


def test_the_headings_of_the_troubleshooting_are_messages() -> None:
    written = GOLDEN.read_text("utf-8")
    page = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
    headings = re.findall(r"^### .*`(.+)`$", page, re.MULTILINE)
    assert headings
    assert [heading for heading in headings if not occurs(heading.replace("…", "\0"), written)] == []


def occurs(text: str, written: str) -> bool:
    """Whether each line of a text, in which a zero stands for anything, is a part of one that is written."""
    return all(any(_within(line, other) for other in written.splitlines()) for line in text.splitlines())


def _within(line: str, other: str) -> bool:
    at = 0
    for part in line.split("\0"):
        found = other.find(part.strip(), at)
        if found < 0:
            return False
        at = found + len(part.strip())
    return True


def sentences() -> Iterator[tuple[str, str]]:
    """The texts in the source that read like something to say, each with its place."""
    package = ROOT / "imgsim_guard"
    for file in sorted(package.rglob("*.py")):
        if not file.relative_to(package).as_posix().startswith(NOT_MESSAGES):
            for line, text in texts(ast.parse(file.read_bytes())):
                if SENTENCE.search(text) and not text.startswith("#"):
                    yield f"{file.relative_to(ROOT)}:{line}", text


def texts(node: ast.AST) -> Iterator[tuple[int, str]]:
    """What is between quotes, zeros for what is put in, without docstrings and documentation."""
    if isinstance(node, ast.JoinedStr):
        yield node.lineno, "".join(_word(part) for part in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.lineno, node.value
    for child in ast.iter_child_nodes(node):
        if isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant):
            continue  # a part of that
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        if isinstance(child, ast.keyword) and child.arg in DOCUMENTATION:
            continue
        if isinstance(child, ast.Call) and _called(child) in NOT_SAID:
            continue
        yield from texts(child)


def _called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _word(part: ast.expr) -> str:
    return str(part.value) if isinstance(part, ast.Constant) else "\0"
