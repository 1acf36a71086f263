from __future__ import annotations

import os
import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse
from urllib.request import url2pathname

import pytest
from conftest import Files, Repository, encoded, photograph, pixels_of
from results import EVERYTHING

from imgsim_guard.cli.refusal import MOST_PAGES, page_of_refusal
from imgsim_guard.model import Unreadable

if TYPE_CHECKING:
    from imgsim_guard.sources.source import Source

CROPPED = encoded(pixels_of("chelsea.png")[:, 20:-20], ".jpg")


@pytest.fixture
def guarded(repository: Repository, cache: Path) -> Repository:  # noqa: ARG001  pages go there
    """A repository with the hook and a picture of a cat."""
    hook = repository.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -m imgsim_guard hook $HOOK_OPTIONS\n")
    hook.chmod(0o755)
    repository.commit({"cat.png": photograph("chelsea.png")})
    return repository


def refused(here: Repository, path: str, **environment: str) -> str:
    """What git says of a commit with a copy of the cat."""
    here.stage({path: CROPPED})
    return here.git("commit", "-m", "a copy", code=1, **environment)


def test_a_refused_commit_says_first_where_its_pictures_are(guarded: Repository, cache: Path) -> None:
    said = refused(guarded, "<img src=x onerror=alert(1)>.jpg")
    first, second, *_ = said.splitlines()
    address = re.fullmatch(r"see it:  (file:///\S+/refused/[0-9a-f]{32}\.html)", first)
    assert address, said
    assert "near-duplicate of    cat.png" in second
    path = Path(url2pathname(urlparse(address[1]).path))
    assert path.is_relative_to(cache)
    page = path.read_text("utf-8")
    assert page.count('<image id="i') >= 2
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;.jpg" in page
    assert refused(guarded, "<img src=x onerror=alert(1)>.jpg").splitlines()[0] == first
    assert len(list(path.parent.iterdir())) == 1


def test_no_page_for_what_passes_or_when_none_is_wanted(guarded: Repository, cache: Path) -> None:
    assert "see it" not in refused(guarded, "copy.jpg", HOOK_OPTIONS="--no-page")
    guarded.git("rm", "--quiet", "--cached", "copy.jpg")
    guarded.stage({"coffee.png": photograph("coffee.png")})
    assert "imgsim" not in guarded.git("commit", "--quiet", "-m", "more", HOOK_OPTIONS="--quiet")
    assert not (cache / "refused").exists()


def test_where_no_page_can_be_written_the_commit_is_refused_all_the_same(guarded: Repository, cache: Path) -> None:
    (cache / "refused").write_text("in the way")
    said = refused(guarded, "copy.jpg")
    assert said.startswith("copy.jpg   near-duplicate of")
    assert (cache / "refused").read_text() == "in the way"


def test_the_last_pages_are_kept(cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source: Source = Nowhere({})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMGSIM_GUARD_CACHE_DIR", "cache")  # as somebody may set it: from here
    for queries in range(MOST_PAGES + 5):
        address = page_of_refusal(replace(EVERYTHING, queries=queries), source)
        path = Path(url2pathname(urlparse(address).path))
        os.utime(path, (10**9 + queries, 10**9 + queries))
    kept = list((cache / "refused").iterdir())
    assert len(kept) == MOST_PAGES
    assert path in kept
    assert min(page.stat().st_mtime for page in kept) == 10**9 + 5


def test_without_pairs_there_is_nothing_to_see(cache: Path) -> None:
    assert page_of_refusal(replace(EVERYTHING, matches=()), Nowhere({})) == ""
    assert not cache.exists()


class Nowhere(Files):
    """A source that has no image at hand."""

    def read(self, _image: object) -> Unreadable:
        return Unreadable("gone")
