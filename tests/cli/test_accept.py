"""`imgsim-guard accept` with real repositories and the real model."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from conftest import Dataset, Outcome, Repository, encoded, pixels_of

from imgsim_guard.gate.accepted import load_accepted
from imgsim_guard.system.cache_folder import CACHE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

NAME_IT = 'name the new image, such as imgsim-guard accept data/new.jpg --reason "...", or use --all or --prune'
ACCEPTED = ".imgsim-guard/accepted.yaml"
ATTRIBUTES = ".imgsim-guard/.gitattributes"
STAGED = "accepted pairs: {}.\n.imgsim-guard/accepted.yaml is staged; commit it with the images.\n"


def small(name: str) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(pixels_of(name), (160, 120), interpolation=cv2.INTER_AREA), np.uint8)


def jpeg(name: str, quality: int = 80) -> bytes:
    return encoded(small(name), ".jpg", cv2.IMWRITE_JPEG_QUALITY, quality)


CAT, COFFEE, ROCKET = (encoded(small(name)) for name in ("chelsea.png", "coffee.png", "rocket.jpg"))
NEAR_CAT, NEARER_CAT, NEAR_COFFEE = jpeg("chelsea.png"), jpeg("chelsea.png", 90), jpeg("coffee.png")


@pytest.fixture(scope="module")
def warm_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that the tests here share, so that each picture is embedded once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def here(repository: Repository, warm_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository with two images, as the working directory."""
    monkeypatch.setenv(CACHE_VARIABLE, str(warm_cache))
    monkeypatch.chdir(repository.root)
    repository.commit({"cat.png": CAT, "coffee.png": COFFEE})
    return repository


def staged(repository: Repository) -> list[str]:
    return repository.git("diff", "--cached", "--name-only", "-z").split("\0")[:-1]


def reasons(repository: Repository) -> list[tuple[str, str]]:
    """Of each accepted pair, the paths as they are shown and the reason."""
    return [(pair.shown, pair.reason) for pair in load_accepted(repository.root / ACCEPTED)]


def near_duplicates(said: str) -> set[tuple[str, str]]:
    return set(re.findall(r"^(\S+) +near-duplicate of +(\S+)", said, re.MULTILINE))


# One pair


def test_a_new_image_that_is_accepted_goes_through_with_its_reason(
    here: Repository, guard: Callable[..., Outcome]
) -> None:
    here.stage({"new.jpg": NEAR_CAT})
    assert guard("hook").code == 1
    assert guard("accept", "new.jpg", "--reason", "another scan") == Outcome(
        0, "accepted: new.jpg and cat.png\n" + STAGED.format(1), ""
    )
    assert staged(here) == [ATTRIBUTES, ACCEPTED, "new.jpg"]
    assert guard("hook") == Outcome(
        0,
        "no near-duplicates among 1 new image, checked against 2 in 0.0 s. 1 accepted (--verbose lists them).\n",
        "",
    )
    seen = r"new\.jpg   near-duplicate of    cat\.png   distance \d\.\d\d \(threshold 10\), accepted: another scan\n"
    assert re.match(seen, guard("hook", "--verbose").out)
    here.git("commit", "--quiet", "-m", "both")
    assert guard("check", "--all").code == 0


def test_accepting_one_pair_hides_no_other(here: Repository, guard: Callable[..., Outcome]) -> None:
    here.stage({"near.jpg": NEAR_CAT, "nearer.jpg": NEARER_CAT})
    before = near_duplicates(guard("hook").out)
    assert len(before) == 3
    assert guard("accept", "nearer.jpg", "cat.png", "--reason", "the print").code == 0
    code, out, _ = guard("hook")
    assert (code, near_duplicates(out)) == (1, before - {("nearer.jpg", "cat.png")})
    assert guard("accept", "near.jpg", "--reason", "the print").code == 0
    assert guard("hook").code == 0


def test_a_pair_that_does_not_match_is_refused_with_what_does(here: Repository, guard: Callable[..., Outcome]) -> None:
    here.stage({"new.jpg": NEAR_CAT, "rocket.png": ROCKET})
    for arguments, complaint in [
        (("new.jpg", "coffee.png"), "new.jpg and coffee.png: no match to accept; new.jpg matches cat.png"),
        (("rocket.png",), "rocket.png: no match to accept"),
        (("rocket.png", "cat.png"), "rocket.png and cat.png: no match to accept"),
        (("nowhere.png",), "nowhere.png: not a tracked image; run git add or dvc add first"),
        (("new.jpg", "../cat.png"), f"../cat.png: outside the repository at {here.root}; name a path inside it"),
        (("/cat.png",), f"/cat.png: outside the repository at {here.root}; name a path inside it"),
    ]:
        assert guard("accept", *arguments, "--reason", "x") == Outcome(2, "", f"imgsim-guard: {complaint}\n")
    assert staged(here) == ["new.jpg", "rocket.png"]


def test_what_is_accepted_already_is_said(here: Repository, guard: Callable[..., Outcome]) -> None:
    here.stage({"new.jpg": NEAR_CAT})
    guard("accept", "new.jpg", "--reason", "first")
    for arguments in [("new.jpg",), ("new.jpg", "cat.png")]:
        complaint = f"imgsim-guard: {' and '.join(arguments)}: already accepted\n"
        assert guard("accept", *arguments, "--reason", "second") == Outcome(2, "", complaint)
    assert reasons(here) == [("new.jpg and cat.png", "first")]


def test_an_image_that_cannot_be_read_has_no_pair_to_accept(here: Repository, guard: Callable[..., Outcome]) -> None:
    here.stage({"new.png": b"words"})
    complaint = "imgsim-guard: new.png: not an image in a supported format, or its header is damaged\n"
    assert guard("accept", "new.png", "--reason", "x") == Outcome(2, "", complaint)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("new.jpg",), '--reason "..." is required: it tells others later why the pair was accepted'),
        (
            ("--all", "--reason", " \n"),
            '--reason "..." is required: it tells others later why the pair was accepted',
        ),
        ((), NAME_IT),
        (("a", "--all", "--reason", "x"), NAME_IT),
        (("--all", "--prune"), NAME_IT),
    ],
)
def test_what_makes_no_sense_is_refused(
    arguments: tuple[str, ...], complaint: str, guard: Callable[..., Outcome]
) -> None:
    assert guard("accept", *arguments) == Outcome(2, "", f"imgsim-guard: {complaint}\n")


# Copies of the same bytes: which of two is the new one depends on who asks.


@pytest.mark.parametrize("named", [("a-copy.png",), ("cat.png",), ("cat.png", "a-copy.png")])
def test_a_copy_is_accepted_by_either_name_and_the_next_one_is_not(
    here: Repository, named: tuple[str, ...], guard: Callable[..., Outcome]
) -> None:
    here.commit({"a-copy.png": CAT})
    assert guard("check", "--all").code == 1
    assert guard("accept", *named, "--reason", "a copy").code == 0
    here.git("commit", "--quiet", "-m", "accepted")
    assert guard("check", "--all").code == 0
    assert guard("check", "--from-ref", "HEAD~2").code == 0
    here.stage({"b-copy.png": CAT})
    assert re.search(r"b-copy\.png   exact duplicate of   (a-copy|cat)\.png   same bytes\n1 exact d", guard("hook").out)
    assert "1 exact duplicate among 4 images" in guard("check", "--all").out


def test_a_new_copy_that_was_accepted_is_accepted_wherever_it_sorts(
    here: Repository, guard: Callable[..., Outcome]
) -> None:
    here.stage({"a-copy.png": CAT})
    assert guard("accept", "a-copy.png", "--reason", "a copy").code == 0
    assert guard("hook").code == 0
    here.git("commit", "--quiet", "-m", "a copy")
    assert guard("check", "--all").code == 0


# Where images come from


def test_images_that_dvc_tracks_are_accepted_by_their_paths(
    dataset: Dataset, warm_cache: Path, guard: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(warm_cache))
    monkeypatch.chdir(dataset.root)
    dataset.add({"cats/cat.png": CAT}, "cats")
    dataset.save()
    dataset.add({"cats/new.jpg": NEAR_CAT, "cats/copy.png": CAT}, "cats")
    assert "imgsim-guard accept cats/copy.png --reason" in guard("hook").out
    assert guard("accept", "cats/copy.png", "--reason", "x").code == 0
    assert near_duplicates(guard("hook").out) == {("cats/new.jpg", "cats/cat.png")}
    assert guard("accept", "cats/new.jpg", "cats/cat.png", "--reason", "y").code == 0
    assert guard("hook").code == 0
    pairs = load_accepted(dataset.root / ACCEPTED)
    assert {content.partition(":")[0] for pair in pairs for content in pair.contents} == {"md5"}


@pytest.mark.parametrize("name", ["a b.jpg", "-x.jpg", "new\nline.jpg", "caf\u00e9 'n' \"more\".jpg", "#x.jpg"])
def test_the_command_that_the_hook_shows_accepts_whatever_the_name(
    here: Repository, name: str, guard: Callable[..., Outcome]
) -> None:
    here.write({name: NEAR_CAT})
    here.git("add", "--", name)
    shown = re.search(r"keep it: +imgsim-guard (accept .*) --reason", guard("hook").out)
    assert shown
    words = here.run("bash", "-c", f"printf '%s\\0' {shown[1]}").split("\0")[:-1]
    assert guard(*words, "--reason", "as shown").code == 0
    assert guard("hook").code == 0
    assert staged(here) == sorted([ATTRIBUTES, ACCEPTED, name])
    assert guard("accept", "--prune").out.startswith("removed pairs whose images are gone: 0; kept: 1.\n")


def test_paths_are_those_of_the_working_directory(
    here: Repository, guard: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    here.stage({"data/new.jpg": NEAR_CAT})
    monkeypatch.chdir(here.root / "data")
    assert guard("accept", "new.jpg", "../cat.png", "--reason", "x").code == 0
    assert staged(here) == [ATTRIBUTES, ACCEPTED, "data/new.jpg"]
    assert reasons(here) == [("data/new.jpg and cat.png", "x")]


def test_a_name_that_is_no_text_can_be_accepted(here: Repository, guard: Callable[..., Outcome]) -> None:
    name = os.fsdecode(b"\xff.png")
    here.stage({name: CAT})
    assert guard("accept", name, "--reason", "x").code == 0
    assert guard("hook").code == 0


# A baseline


def test_today_is_the_baseline_and_only_what_is_new_fails(here: Repository, guard: Callable[..., Outcome]) -> None:
    """A folder that nobody kept clean: the gate comes, the old duplicates stay, and new ones are refused."""
    here.commit({"old/copy.png": CAT, "old/near.jpg": NEAR_CAT, "old/again.png": CAT, "old/coffee.jpg": NEAR_COFFEE})
    here.commit({"broken.png": b"words"})
    here.stage({".imgsim-guard.yaml": "unreadable: warn\n"})
    guard("init")
    code, out, _ = guard("accept", "--all", "--reason", "there before the gate")
    assert (code, out.count("accepted: ")) == (0, 4)
    assert out.startswith("broken.png   unreadable: not an image in a supported format")
    here.git("add", "--all")
    here.git("commit", "--quiet", "-m", "the gate")
    assert guard("check", "--all").code == 0
    assert guard("check", "--from-ref", "HEAD~2").code == 0

    again = guard("accept", "--all", "--reason", "nothing more")
    assert again.out.endswith(STAGED.format(0))
    assert staged(here) == []

    here.stage({"new/copy.png": CAT, "new/near.jpg": NEARER_CAT, "new/rocket.png": ROCKET})
    code, out, _ = guard("hook")
    assert (code, {line.split()[0] for line in out.splitlines() if "duplicate of" in line}) == (
        1,
        {"new/copy.png", "new/near.jpg"},
    )
    assert "1 exact duplicate and 1 near-duplicate among 3 new images" in out
    here.git("reset", "--quiet", "--", "new/copy.png", "new/near.jpg")
    here.git("commit", "--quiet", "-m", "what is new")
    assert guard("check", "--all").code == 0


def test_the_baseline_holds_what_would_fail_and_no_more(here: Repository, guard: Callable[..., Outcome]) -> None:
    here.write({".imgsim-guard.yaml": 'splits: {old: "old/**"}\nrules: [{within: old, on_match: warn}]\n'})
    here.commit({"old/a.png": ROCKET, "old/b.png": ROCKET, "near.jpg": NEAR_CAT})
    guard("accept", "--all", "--reason", "x")
    assert reasons(here) == [("near.jpg and cat.png", "x")]


def test_pairs_whose_images_are_gone_are_pruned(here: Repository, guard: Callable[..., Outcome]) -> None:
    here.commit({"near.jpg": NEAR_CAT, "copy.png": CAT, "coffee.jpg": NEAR_COFFEE})
    guard("accept", "--all", "--reason", "x")
    kept = "removed pairs whose images are gone: 0; kept: 3.\n"
    assert guard("accept", "--prune").out.startswith(kept)
    here.git("mv", "coffee.jpg", "renamed.jpg")
    here.git("rm", "--quiet", "--force", "copy.png")
    assert guard("accept", "--prune").out.startswith("removed pairs whose images are gone: 1; kept: 2.\n")
    here.git("rm", "--quiet", "near.jpg")
    guard("accept", "--prune")
    assert reasons(here) == [("coffee.png and coffee.jpg", "x")]
    here.git("commit", "--quiet", "-m", "pruned")
    assert guard("check", "--all").code == 0


def test_nothing_is_pruned_while_it_is_not_known_what_is_there(
    dataset: Dataset, tmp_path: Path, guard: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = dataset.clone(tmp_path / "clone")
    line = f'- {{images: [md5:{"0" * 32}, md5:{"1" * 32}], reason: "x"}}\n'
    clone.stage({ACCEPTED: line})
    monkeypatch.chdir(clone.root)
    code, _, err = guard("accept", "--prune")
    assert (code, "the list of images is incomplete: " in err) == (2, True)
    assert (clone.root / ACCEPTED).read_text() == line


# The file


def test_a_file_that_git_does_not_know_counts_and_a_change_that_is_not_staged_is_noted(
    here: Repository, guard: Callable[..., Outcome]
) -> None:
    here.stage({"new.jpg": NEAR_CAT, "copy.png": CAT})
    guard("accept", "--all", "--reason", "by a colleague")
    here.git("rm", "--quiet", "--cached", ACCEPTED)
    assert guard("hook").code == 0
    here.git("add", ACCEPTED)
    text = (here.root / ACCEPTED).read_text()
    here.write({ACCEPTED: "".join(line for line in text.splitlines(keepends=True) if "new.jpg" not in line)})
    code, out, _ = guard("hook")
    assert (code, "has changes that are not part of this commit" in out) == (0, True)
    here.git("add", ACCEPTED)
    assert "new.jpg   near-duplicate of " in guard("hook").out


@pytest.mark.parametrize("command", [("hook",), ("check", "--all"), ("config",), ("accept", "--prune")])
def test_a_damaged_file_lets_nothing_through(
    here: Repository, command: tuple[str, ...], guard: Callable[..., Outcome]
) -> None:
    here.stage({"new.jpg": NEAR_CAT})
    guard("accept", "new.jpg", "--reason", "x")
    path = here.root / ACCEPTED
    text = path.read_text() + "<<<<<<< HEAD\n- words\n"
    path.write_text(text)
    here.git("add", ACCEPTED)
    code, out, err = guard(*command)
    heading, conflict, words = err.splitlines()
    assert (code, out, heading) == (
        2,
        "",
        "imgsim-guard: the accepted pairs have mistakes; fix or delete these lines:",
    )
    assert conflict == f"{path}:3: a merge conflict is not resolved here"
    assert words.startswith(f"{path}:4: ")
    assert path.read_text() == text


def test_a_file_that_cannot_be_written_or_staged_is_said(here: Repository, guard: Callable[..., Outcome]) -> None:
    here.stage({"new.jpg": NEAR_CAT})
    here.write({".imgsim-guard": "a file"})
    code, _, err = guard("accept", "new.jpg", "--reason", "x")
    assert code == 2
    assert ".imgsim-guard/" in err
    assert ": Not a directory" in err
    (here.root / ".imgsim-guard").unlink()
    here.write({".gitignore": ".imgsim-guard\n"})
    code, _, err = guard("accept", "new.jpg", "--reason", "x")
    assert code == 2
    assert err.startswith("imgsim-guard: git add: The following paths are ignored by one of your .gitignore files:\n")
