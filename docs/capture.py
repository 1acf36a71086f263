"""The two pictures of the README: a refused commit, as the terminal shows it, and its report in a browser.

    python docs/capture.py

It makes a real repository with real pre-commit. Needs imgsim-guard, pre-commit and rich in the environment that it
runs in, git and chromium. Writes pictures/refused.svg and pictures/report.webp.
"""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

from imgsim_guard.cli import demo_pictures

if TYPE_CHECKING:
    from numpy.typing import NDArray

PICTURES = Path(__file__).parent / "pictures"
COLUMNS = 134
WINDOW = (1100, 1420)
SHARPNESS = 1
"""Pixels of the picture for each pixel of the page: it is shown on screens of both kinds."""
COMMAND = ("git", "commit", "-m", "More pictures")

CONFIGURATION = """\
repos:
  - repo: local
    hooks:
      - {id: imgsim-guard, name: imgsim-guard (near-duplicate images), entry: imgsim-guard hook, language: system,
         always_run: true, pass_filenames: false, verbose: true}
"""

SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="A refused commit">
<style>
{styles}
text {{
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px;
}}
</style>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g></g></svg>
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        repository = _prepared(Path(folder))
        printed = _in_terminal(COMMAND, repository)
        (PICTURES / "refused.svg").write_text(_drawn(printed), encoding="utf-8")
        report = repository / "report.html"
        _run(repository, "imgsim-guard", "check", "--quiet", "--html", str(report), code=1)
        cv2.imwrite(str(PICTURES / "report.webp"), _in_browser(report), [cv2.IMWRITE_WEBP_QUALITY, 80])


def _prepared(folder: Path) -> Path:
    """A repository with three pictures, and two more staged of which one is a copy."""
    repository = folder / "dataset"
    programs = folder / "bin"  # as pipx does: outside the environment that the program is installed in
    programs.mkdir()
    (programs / "imgsim-guard").symlink_to(Path(sys.executable).with_name("imgsim-guard"))
    _run(folder, "git", "init", "--quiet", str(repository))
    (repository / ".pre-commit-config.yaml").write_text(CONFIGURATION, encoding="utf-8")
    for picture in (demo_pictures.hills, demo_pictures.city, demo_pictures.fruit):
        _write(repository / f"data/{picture.__name__}.png", picture())
    _run(repository, "git", "add", ".")
    _run(repository, "git", "commit", "--quiet", "-m", "Three pictures")
    _run(repository, "pre-commit", "install")
    _write(repository / "data/page.png", demo_pictures.page())
    _write(repository / "data/new-photo.jpg", demo_pictures.edited_copy(demo_pictures.hills()))
    _run(repository, "git", "add", ".")
    _run(repository, "imgsim-guard", "embed")
    return repository


def _write(path: Path, picture: NDArray[np.uint8]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, picture)[1].tobytes())


def _run(folder: Path, *command: str, code: int = 0) -> None:
    result = subprocess.run(command, cwd=folder, check=False, stdout=subprocess.DEVNULL, env=_environment(folder))
    if result.returncode != code:
        raise RuntimeError(f"{' '.join(command)} ended with {result.returncode}")


def _environment(folder: Path) -> dict[str, str]:
    names = {f"GIT_{role}_{what}": "demo@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    nobodys = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    cache = str(folder / ".cache")
    path = os.pathsep.join([str(folder.parent / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    own = {"IMGSIM_GUARD_CACHE_DIR": cache, "PATH": path, "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    return {**os.environ, **names, **nobodys, **own}


def _in_terminal(command: tuple[str, ...], folder: Path) -> str:
    """What the command prints where it sees a terminal, colours included."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, cwd=folder, stdout=theirs, stderr=theirs, env=_environment(folder)) as process:
        os.close(theirs)
        printed = b""
        while data := _read(ours):
            printed += data
    os.close(ours)
    if process.returncode != 1:
        raise RuntimeError(f"the commit was not refused: {printed.decode()}")
    # The address of the page is another one on each machine.
    return re.sub(r"see it:  .*\n", "", printed.decode().replace("\r\n", "\n"))


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # how Linux says that the other side is closed
        return b""


def _in_browser(page: Path) -> NDArray[np.uint8]:
    """What the browser shows of the page, in light colours."""
    target = page.with_suffix(".png")
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--blink-settings=preferredColorScheme=1",
    ]
    size = [f"--window-size={WINDOW[0]},{WINDOW[1]}", f"--force-device-scale-factor={SHARPNESS}"]
    command = ["chromium", *options, *size, f"--screenshot={target}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True, cwd=page.parent)
    return np.asarray(cv2.imread(str(target)), np.uint8)


def _drawn(printed: str) -> str:
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.assemble(("$ ", "bold green"), ('git commit -m "More pictures"', "bold")))
    console.print(Text.from_ansi(printed.rstrip("\n")), soft_wrap=True)
    svg = console.export_svg(title="dataset", theme=DIMMED_MONOKAI, code_format=SVG, unique_id="refused")
    return re.sub(r' clip-path="url\(#refused-line-\d+\)"', "", svg)  # which cuts off what is below the base line


if __name__ == "__main__":
    main()
