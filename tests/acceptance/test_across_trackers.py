"""One gallery: the same bytes are the same image in git, in git LFS and in DVC."""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import sys
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import yaml
from conftest import Dataset, Repository, encoded, open_store, random_picture

from imgsim_guard.gate.check import check
from imgsim_guard.gate.pipeline import Pipeline
from imgsim_guard.gate.policy import Policy
from imgsim_guard.model import Bounds, Limits, Result
from imgsim_guard.report.text import text_report
from imgsim_guard.sources import tracked
from imgsim_guard.sources.git import Git
from imgsim_guard.sources.selection import has_image_suffix
from imgsim_guard.sources.trackers import Trackers
from imgsim_guard.store.shard import file_digests

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import ThumbnailEmbedder


def picture(seed: int, suffix: str = ".png", *parameters: int) -> bytes:
    return encoded(random_picture(seed, 120, 160), suffix, *parameters)


SECONDS = re.compile(r"\d+\.\d s")

CAT = picture(1)
NEAR_CAT = encoded(np.bitwise_xor(random_picture(1, 120, 160), np.uint8(1)))


@pytest.fixture
def judge(tmp_path: Path, thumbnails: ThumbnailEmbedder) -> Judge:
    return Judge(tmp_path / "store", thumbnails)


class Judge:
    """Checks what is staged, with the thumbnail embedder and one store for all its checks."""

    def __init__(self, store: Path, thumbnails: ThumbnailEmbedder) -> None:
        self.store = store
        self.thumbnails = thumbnails

    def __call__(self, repository: Repository) -> Result:
        with closing(Git(repository.root)) as git:
            selection = tracked.staged(git, has_image_suffix)
            source = Trackers(git, selection.revision)
            pipeline = Pipeline(
                source, open_store(self.store), lambda _at_once: self.thumbnails, lambda *_: lambda: None
            )
            return check(selection, pipeline, policy=Policy(Bounds(2.0, verify=False), Limits()))


def pairs(result: Result) -> list[tuple[str, str, str]]:
    return [(match.query.path, match.kind, match.gallery.path) for match in result.matches]


@pytest.fixture(params=["known to the store", "unknown to the store"])
def known(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "known to the store")


def commit_cat(repository: Repository, judge: Judge, *, known: bool) -> None:
    """Put a cat into git, and its embedding into the store if it is to be known."""
    repository.stage({"cat.png": CAT})
    if known:
        judge(repository)
    repository.git("commit", "--quiet", "-m", "cat")


def test_an_image_that_moves_from_git_to_dvc_is_not_new(dataset: Dataset, judge: Judge, *, known: bool) -> None:
    commit_cat(dataset, judge, known=known)
    dataset.git("rm", "--quiet", "--cached", "cat.png")
    dataset.add({}, "cat.png")
    result = judge(dataset)
    assert (result.queries, result.matches, result.unreadable) == (0, (), ())
    assert judge.thumbnails.embedded == 1


def test_an_image_that_moves_from_dvc_to_git_is_not_new(dataset: Dataset, judge: Judge, *, known: bool) -> None:
    dataset.add({"cats/cat.png": CAT}, "cats")
    if known:
        judge(dataset)
    dataset.save()
    dataset.dvc("remove", "--quiet", "cats.dvc")
    dataset.git("add", "--all")
    dataset.git("add", "--force", "cats")
    result = judge(dataset)
    assert (result.queries, result.matches, result.unreadable) == (0, (), ())
    assert judge.thumbnails.embedded == 1


def test_an_image_that_moves_into_lfs_is_not_new(dataset: Dataset, judge: Judge, *, known: bool) -> None:
    commit_cat(dataset, judge, known=known)
    dataset.git("lfs", "install", "--local")
    dataset.git("lfs", "track", "*.png")
    dataset.git("add", "--renormalize", ".")
    assert "oid sha256:" in dataset.git("show", ":cat.png")
    result = judge(dataset)
    assert (result.queries, result.matches, result.unreadable) == (0, (), ())


def test_a_copy_across_trackers_is_an_exact_duplicate(dataset: Dataset, judge: Judge, *, known: bool) -> None:
    commit_cat(dataset, judge, known=known)
    dataset.add({"cats/copy.png": CAT}, "cats")
    result = judge(dataset)
    assert pairs(result) == [("cats/copy.png", "exact-duplicate", "cat.png")]
    assert "cats/copy.png   exact duplicate of   cat.png   same pixels\n" in text_report(result)
    assert result.failed


def test_of_an_image_that_moves_and_is_copied_one_is_new(dataset: Dataset, judge: Judge, *, known: bool) -> None:
    commit_cat(dataset, judge, known=known)
    dataset.git("rm", "--quiet", "cat.png")
    dataset.add({"cats/a.png": CAT, "cats/b.png": CAT}, "cats")
    assert pairs(judge(dataset)) == [("cats/b.png", "exact-duplicate", "cats/a.png")]


def test_a_near_copy_is_found_across_trackers(dataset: Dataset, judge: Judge, *, known: bool) -> None:
    commit_cat(dataset, judge, known=known)
    dataset.add({"cats/near.png": NEAR_CAT, "cats/other.png": picture(2)}, "cats")
    result = judge(dataset)
    assert pairs(result) == [("cats/near.png", "near-duplicate", "cat.png")]
    assert (result.gallery, result.uncompared) == (2, 4)
    assert text_report(result).splitlines()[-4:] == [
        "1 near-duplicate among 2 new images, checked against 2.",
        "  drop it:           rm -- cats/near.png && dvc add cats && git add -- cats.dvc",
        '  keep it:           imgsim-guard accept cats/near.png --reason "..."',
        (
            "  change the rules:  threshold, max_near_duplicates, unreadable and images in .imgsim-guard.yaml, "
            "then git add .imgsim-guard.yaml"
        ),
    ]


def test_a_stored_embedding_is_found_by_the_digest_in_a_pointer(dataset: Dataset, judge: Judge) -> None:
    commit_cat(dataset, judge, known=True)
    dataset.git("lfs", "install", "--local")
    dataset.git("lfs", "track", "*.webp")
    dataset.stage({".gitattributes": (dataset.root / ".gitattributes").read_text(), "copy.webp": CAT})
    shutil.rmtree(dataset.root / ".git" / "lfs" / "objects")
    (dataset.root / "copy.webp").unlink()
    assert pairs(judge(dataset)) == [("copy.webp", "exact-duplicate", "cat.png")]


@pytest.mark.usefixtures("cache")
def test_images_of_the_dataset_that_were_not_pulled_stop_nobody(dataset: Dataset) -> None:
    """However many they are; those whose embedding is stored are compared with."""
    dataset.add({"cats/cat.png": CAT, "cats/dog.png": picture(2)}, "cats")
    dataset.dvc("remove", "--quiet", "data/images.dvc")
    dataset.git("add", "--all")
    dataset.guard("embed")
    dataset.add({"cats/elk.png": picture(3)}, "cats")
    dataset.save()
    shutil.rmtree(dataset.root / "cats")
    for file in (dataset.root / ".dvc" / "cache").rglob("*"):
        if file.is_file() and file.suffix != ".dir":
            file.unlink()
    dataset.stage({"near.png": NEAR_CAT, ".imgsim-guard.yaml": "max_missing_embeddings: 1"})
    report = dataset.guard("hook", code=1)
    assert (
        "note: nothing was compared with images of the dataset that are not on this machine: 1 (cats/elk.png); "
        "run dvc pull or git lfs pull\n"
        "note: pairs decided by the distance only, because their pixels are not on this machine: 2; "
        "run dvc pull or git lfs pull\n"
        "near.png   near-duplicate of    cats/cat.png   distance "
    ) in report


def test_images_of_the_dataset_that_cannot_be_listed_are_counted_as_not_compared(
    dataset: Dataset, judge: Judge
) -> None:
    dataset.add({"cats/cat.png": CAT, "cats/dog.png": picture(2), "cats/elk.png": picture(3)}, "cats")
    dataset.stage({"damaged.dvc": "outs: 1\n"})
    dataset.save()
    for file in (dataset.root / ".dvc" / "cache").rglob("*.dir"):
        file.unlink()
    shutil.rmtree(dataset.root / "cats")
    before = judge(dataset)
    dataset.stage({"near.png": NEAR_CAT})
    result = judge(dataset)
    assert (before.uncompared, result.gallery, result.uncompared) == (0, 0, 3 + 5 + 1)
    assert [replace(result, limits=Limits(uncompared=limit)).failed for limit in (0, result.uncompared)] == [
        True,
        False,
    ]


@pytest.mark.usefixtures("cache")
def test_what_was_not_checked_fails_unless_the_configuration_allows_it(dataset: Dataset) -> None:
    pointer = f"outs:\n- md5: {'1' * 32}.dir\n  size: 1\n  hash: md5\n  path: x\n"
    dataset.git("rm", "--quiet", "data/images.dvc")
    dataset.stage({"x.dvc": pointer, "y.png.dvc": pointer.replace(".dir", "").replace("path: x", "path: y.png")})
    why = "x.dvc: its list of files is not in DVC's cache; run dvc pull x.dvc, or dvc commit after dvc add --no-commit"
    lines = [
        f"x   not checked: {why}",
        "y.png   not checked: not on this machine; run dvc pull y.png",
    ]
    assert SECONDS.sub("N s", dataset.guard("hook", code=1)).splitlines() == [
        *lines,
        "2 not checked among 2 new images, checked against 0 in N s.",
        "  skip this once:    SKIP=imgsim-guard git commit    (with a plain git hook: git commit --no-verify)",
        (
            "  change the rules:  threshold, max_near_duplicates, unreadable, unchecked and images in "
            ".imgsim-guard.yaml, then git add .imgsim-guard.yaml"
        ),
    ]
    dataset.guard("check", "--json", "report.json", code=1)
    document = json.loads((dataset.root / "report.json").read_text())
    assert document["unreadable"] == []
    assert document["unchecked"] == [
        {"image": "x", "reason": why},
        {"image": "y.png", "reason": lines[1].partition(": ")[2]},
    ]
    dataset.stage({".imgsim-guard.yaml": "unchecked: warn"})
    assert SECONDS.sub("N s", dataset.guard("hook")).splitlines() == [
        *lines,
        "2 not checked among 2 new images, checked against 0 in N s (allowed by the configuration).",
    ]
    assert dataset.guard("check", "x").splitlines()[0] == lines[0]


OPENED = """
import os, sys
opened = []
sys.addaudithook(lambda event, arguments: event == "open" and opened.append(arguments[0]))
from imgsim_guard.cli import main
main(["hook"])
within = (os.path.relpath(path) for path in opened if isinstance(path, str))
print(*sorted({path for path in within if "/" in path and not path.startswith("..")}), sep="\\n")
"""


def listed_in(dataset: Dataset) -> str:
    """Where DVC has the list of the files in `photos`."""
    [out] = yaml.safe_load((dataset.root / "photos.dvc").read_text())["outs"]
    return f".dvc/cache/files/md5/{out['md5'][:2]}/{out['md5'][2:]}"


def test_no_old_image_is_opened(dataset: Dataset, cache: Path) -> None:  # noqa: ARG001  where embeddings are
    old = {f"photos/{number}.png": encoded(random_picture(number)) for number in range(5)}
    dataset.add(old | {"single.png": CAT}, "photos", "single.png")
    dataset.dvc("remove", "--quiet", "data/images.dvc")
    dataset.git("add", "--all")
    dataset.save()
    dataset.guard("embed")
    before = listed_in(dataset)
    new = picture(99)
    dataset.stage({".imgsim-guard.yaml": "verify: never"})  # verification looks at candidates, which are old images
    dataset.add({"photos/new.png": new}, "photos")
    output = dataset.run(sys.executable, "-P", "-c", OPENED)
    opened = {line for line in output.splitlines() if line.startswith((".dvc/cache", "photos", "single"))}
    digest = file_digests(new)["md5"].hex()
    assert opened == {before, listed_in(dataset), f".dvc/cache/files/md5/{digest[:2]}/{digest[2:]}"}


def test_a_lock_that_another_dvc_process_holds_does_not_matter(dataset: Dataset, judge: Judge) -> None:
    dataset.add({"cats/cat.png": CAT, "cats/near.png": NEAR_CAT}, "cats")
    with (dataset.root / ".dvc" / "tmp" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "Unable to acquire lock" in dataset.dvc("add", "cats", code=1)
        assert pairs(judge(dataset)) == [("cats/near.png", "near-duplicate", "cats/cat.png")]


@pytest.mark.usefixtures("cache")
def test_a_commit_in_a_clone_of_which_nothing_was_pulled_is_judged_with_the_remotes_help(
    dataset: Dataset, tmp_path: Path
) -> None:
    dataset.dvc("remote", "add", "--quiet", "--default", "storage", str(tmp_path / "remote"))
    dataset.dvc("remove", "--quiet", "data/images.dvc")
    dataset.add({"cats/cat.png": CAT, "cats/near.png": NEAR_CAT}, "cats")
    dataset.save()
    dataset.dvc("push", "--quiet")
    clone = dataset.clone(tmp_path / "clone")
    clone.git("reset", "--quiet", "--soft", "HEAD~1")
    hook = clone.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nexec {sys.executable} -P -m imgsim_guard hook\n")
    hook.chmod(0o755)
    for arguments in (["--all"], ["--", "cats.dvc", ".dvc/config"]):
        output = clone.git("commit", "--quiet", "-m", "cats", *arguments, code=1)
        assert "cats/near.png   near-duplicate of    cats/cat.png   distance " in output
    assert not (clone.root / ".dvc" / "cache").exists()
    assert not (clone.root / "cats").exists()
