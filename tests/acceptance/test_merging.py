"""Two branches that each add images and publish: git merges them with DVC's driver, and the gate looks at the merge."""

from __future__ import annotations

import json
import shutil
import sys

import pytest
from conftest import Dataset, Person, near

from imgsim_guard.system.cache_folder import CACHE_VARIABLE

STORE = ".imgsim-guard/store"
DRIVER = f"{sys.executable} -P -m dvc git-hook merge-driver --ancestor %O --our %A --their %B"
HOOK = f"#!/bin/sh\nexec {sys.executable} -P -m imgsim_guard hook\n"


def contribute(person: Person, name: str, picture: bytes) -> None:
    """Have DVC track one more image, commit, publish its embedding, and commit that."""
    person.dataset.add({f"data/images/{name}.png": picture}, "data/images")
    person.dataset.save()
    person.guard("embed", "--quiet")
    person.guard("sync", "--quiet")
    person.dataset.save()


@pytest.fixture
def diverged(bert: Person) -> Person:
    """Two branches, of which each adds an image that is near the other's, and publishes; `main` is checked out."""
    team = bert.dataset
    team.commit({".gitattributes": "*.dvc merge=dvc\n"})
    team.git("config", "merge.dvc.driver", DRIVER)
    team.git("checkout", "--quiet", "-b", "theirs")
    contribute(bert, "theirs", near(10, 3))
    team.git("checkout", "--quiet", "main")
    team.dvc("checkout", "--quiet")
    contribute(bert, "ours", near(10))
    assert bert.embedder.embedded == 2
    return bert


def listed(dataset: Dataset, pointer: str, revision: str) -> set[str]:
    """The files that DVC tracks by a pointer."""
    md5 = dataset.git("show", f"{revision}:{pointer}").partition("md5: ")[2].split()[0]
    manifest = dataset.root / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]
    return {entry["relpath"] for entry in json.loads(manifest.read_text())}


def test_what_only_the_merge_brings_together_is_refused_and_the_merged_store_holds_both(diverged: Person) -> None:
    team = diverged.dataset
    pair = "data/images/theirs.png   near-duplicate of    data/images/ours.png   distance 0."
    assert pair in diverged.guard("check", "--from-ref", "main", "--to-ref", "theirs", code=1)
    assert "no near-duplicates among 1 new image" in diverged.guard("check", "--from-ref", "main~2", "--to-ref", "main")

    hook = team.root / ".git" / "hooks" / "pre-merge-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(HOOK)
    hook.chmod(0o755)
    environment = {CACHE_VARIABLE: str(diverged.cache)}
    assert pair in team.git("merge", "--quiet", "--no-edit", "theirs", code=1, **environment)
    team.git("merge", "--abort")

    team.git("merge", "--quiet", "--no-edit", "--no-verify", "theirs")
    assert team.git("status", "--porcelain") == ""
    for pointer in ("data/images.dvc", f"{STORE}.dvc"):
        ours, theirs, merged = (listed(team, pointer, revision) for revision in ("HEAD^1", "HEAD^2", "HEAD"))
        assert merged == ours | theirs
        assert len(merged) == len(ours) + len(merged - ours) == len(theirs) + len(merged - theirs)
        assert len(merged - ours) == len(merged - theirs) == (1 if pointer.startswith("data") else 2)

    team.dvc("checkout", "--quiet")
    shutil.rmtree(diverged.cache)
    assert diverged.guard("store", "info").splitlines()[1].startswith("tracked store: 7 embeddings in 3 files")
    assert "  copy  data/images/theirs.png   distance 0." in diverged.guard("check", "--all", code=1)
    assert diverged.embedder.embedded == 2
    assert diverged.guard("sync") == "published embeddings: 0; already published: 7.\n"
    assert team.git("status", "--porcelain") == ""
