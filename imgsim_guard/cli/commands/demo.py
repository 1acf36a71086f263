"""`imgsim-guard demo`: have a real commit refused in a temporary repository."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from imgsim_guard.cli import demo_pictures
from imgsim_guard.cli.terminal import say as print_text
from imgsim_guard.model import GuardError
from imgsim_guard.system.cache_folder import CACHE_VARIABLE

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

HOOK = """\
#!/bin/sh
exec {python} -P -m imgsim_guard hook --no-page
"""


def demo(arguments: argparse.Namespace) -> int:
    """`imgsim-guard demo`."""
    run_demo(say=lambda line: None if arguments.quiet else print_text(line + "\n"))
    return 0


def run_demo(*, say: Callable[[str], None]) -> None:
    """Have a commit refused in a temporary repository, and print each step.

    Raises GuardError when git cannot be used, or when a command does not end as it should.
    """
    with tempfile.TemporaryDirectory(prefix="imgsim-guard-demo-") as folder:
        repository = _Repository(Path(folder), say)
        say(f"A new repository in {folder}, with imgsim-guard as its pre-commit hook.")
        repository.create()

        say("\nThree pictures are committed:")
        for picture in (demo_pictures.hills, demo_pictures.city, demo_pictures.fruit):
            repository.write(f"data/{picture.__name__}.png", picture())
        repository.expect(0, "git", "add", "data")
        repository.expect(0, "git", "commit", "--quiet", "-m", "Three pictures")

        say("\nSomeone adds a new picture, and an edited copy of an old one (cropped, brightened, saved as JPEG):")
        repository.write("data/page.png", demo_pictures.page())
        repository.write("data/new-photo.jpg", demo_pictures.edited_copy(demo_pictures.hills()))
        repository.expect(0, "git", "add", "data")
        repository.expect(1, "git", "commit", "--quiet", "-m", "More pictures")

        say("\nThe commit was refused. Without the copy, it passes:")
        repository.expect(0, "git", "reset", "--quiet", "--", "data/new-photo.jpg")
        repository.expect(0, "git", "commit", "--quiet", "-m", "More pictures")
        repository.expect(0, "git", "log", "--oneline", "--stat")
    say("\nThe repository of this demo is deleted now. To guard your own repository, run imgsim-guard init in it.")


class _Repository:
    """A temporary repository that ignores the user's git configuration."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._folder = folder / "pictures"
        self._say = say
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
            CACHE_VARIABLE: str(folder / "cache"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Demo",
            "GIT_AUTHOR_EMAIL": "demo@example.com",
            "GIT_COMMITTER_NAME": "Demo",
            "GIT_COMMITTER_EMAIL": "demo@example.com",
        }

    def create(self) -> None:
        self._folder.mkdir()
        self.expect(0, "git", "init", "--quiet", "--template=", ".")
        hook = self._folder / ".git" / "hooks" / "pre-commit"
        hook.parent.mkdir()
        hook.write_text(HOOK.format(python=shlex.quote(sys.executable)))
        hook.chmod(0o755)

    def write(self, path: str, picture: NDArray[np.uint8]) -> None:
        target = self._folder / path
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(cv2.imencode(target.suffix, picture)[1].tobytes())

    def expect(self, code: int, *command: str) -> None:
        """Run a command, print it and its output, and require this exit code."""
        self._say(f"\n  $ {shlex.join(command)}")
        try:
            result = subprocess.run(
                command,
                cwd=self._folder,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
        except FileNotFoundError as error:
            raise GuardError("git is not installed, or not on the PATH; the demo needs it") from error
        for line in result.stdout.splitlines():
            self._say(f"  {line}")
        if result.returncode != code:
            lines = "".join(f"\n  {line}" for line in result.stdout.splitlines())
            ended = f"{shlex.join(command)} ended with {result.returncode}, not {code}{':' if lines else ''}"
            raise GuardError(f"the demo stops, as {ended}{lines}")
