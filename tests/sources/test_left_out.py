"""What is not looked at is said: other formats, names that tell nothing, patterns that match nothing."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from conftest import encoded, random_picture

from imgsim_guard.model import GuardError, Unreadable
from imgsim_guard.sources import tracked
from imgsim_guard.sources.folders import in_folders
from imgsim_guard.sources.git import Git
from imgsim_guard.sources.selection import has_image_suffix, image_filter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Outcome, Repository

PICTURE = encoded(random_picture(1))


@pytest.mark.parametrize("suffix", ["pnm", "hif", "jif", "jxl", "apng", "j2k", "jpx", "dcm", "PBM", "Jpe", "JFIF"])
def test_usual_suffixes_of_images_are_looked_at(suffix: str) -> None:
    assert has_image_suffix(f"a/b.{suffix}")


@pytest.mark.parametrize("suffix", ["dng", "cr2", "nef", "ARW", "psd", "svg", "exr", "hdr", "tga", "ico", "npy", "pam"])
def test_images_in_other_formats_are_named(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "a.png").write_bytes(PICTURE)
    (tmp_path / f"b.{suffix}").write_bytes(PICTURE)
    (tmp_path / "notes.txt").write_text("nothing")
    (note,) = in_folders([str(tmp_path)], None).notes
    assert note == f"images in formats that are not read, so they were not checked: 1 ({tmp_path}/b.{suffix})"
    (tmp_path / "a.png").unlink()
    with pytest.raises(GuardError, match="there are images here, but none of them is checked: images in formats"):
        in_folders([str(tmp_path)], None)


def test_an_image_without_a_suffix_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PICTURE)
    (tmp_path / "b").write_bytes(PICTURE)
    (tmp_path / "README").write_text("nothing")
    (note,) = in_folders([str(tmp_path)], None).notes
    assert note == f"{tmp_path}/b: an image without a suffix, which is not checked; name the file to check it"
    assert [image.path for image in in_folders([str(tmp_path / "b")], None).queries] == [str(tmp_path / "b")]


def test_a_commit_says_what_it_does_not_look_at(repository: Repository) -> None:
    for path, data in {"data/a.png": PICTURE, "data/b.dng": PICTURE, "data/c": PICTURE, "data/LICENSE": b"x"}.items():
        (repository.root / path).parent.mkdir(exist_ok=True)
        (repository.root / path).write_bytes(data)
    repository.git("add", "-A")
    with closing(Git(repository.root)) as git:
        notes = tracked.staged(git, image_filter(["data/**", "Data/**", "!thumbs/**"])).notes
        assert notes == (
            "images in formats that are not read, so they were not checked: 1 (data/b.dng)",
            "data/c is an image without a suffix, which is not checked; give it a suffix",
            "images: no image matches the pattern Data/**; patterns are those of a .gitignore file",
        )
        assert tracked.everything(git, image_filter(None)).notes == (notes[0],)


@pytest.mark.parametrize("pattern", ["./data/**", "[2024] train/**", "Data/**", "data\\**"])
def test_patterns_that_leave_out_every_image_are_an_error_where_all_is_checked(
    repository: Repository, pattern: str
) -> None:
    (repository.root / "data").mkdir()
    (repository.root / "data" / "a.png").write_bytes(PICTURE)
    repository.git("add", "-A")
    with (
        closing(Git(repository.root)) as git,
        pytest.raises(GuardError, match="but none of them is checked"),
    ):
        tracked.everything(git, image_filter([pattern]))


def test_formats_that_a_pattern_names_are_unreadable_not_overlooked(repository: Repository) -> None:
    (repository.root / "data").mkdir()
    for name in ("a.png", "b.psd", "c.dng"):
        (repository.root / "data" / name).write_bytes(PICTURE if name == "a.png" else b"8BPS")
    repository.git("add", "-A")
    with closing(Git(repository.root)) as git:
        found = tracked.staged(git, image_filter(["data/**", "*.PSD", "!x/*.dng"]))
    assert [image.path for image in found.queries] == ["data/a.png", "data/b.psd"]
    assert found.notes[0] == "images in formats that are not read, so they were not checked: 1 (data/c.dng)"


@pytest.mark.usefixtures("cache")
def test_a_commit_of_nothing_but_a_named_format_is_checked(
    repository: Repository, guard: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository.root)
    (repository.root / ".imgsim-guard.yaml").write_text("images: ['*.psd']\n")
    repository.git("add", "-A")
    repository.git("commit", "--quiet", "-m", "rules")
    (repository.root / "b.psd").write_bytes(b"8BPS")
    repository.git("add", "-A")
    outcome = guard("hook")
    assert outcome.code == 1
    assert "b.psd   unreadable: not an image in a supported format" in outcome.out


def test_a_scan_looks_at_what_an_annex_keeps_here_and_says_what_is_not(tmp_path: Path) -> None:
    kept = tmp_path / ".git/annex/objects/Wf/2x/SHA256E-s5--00.png/SHA256E-s5--00.png"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(PICTURE)
    (tmp_path / "a.png").symlink_to(kept.relative_to(tmp_path))
    (tmp_path / "b.png").symlink_to(".git/annex/objects/Wf/2x/SHA256E-s5--11.png/SHA256E-s5--11.png")
    (tmp_path / "c.png").symlink_to("elsewhere")
    found = in_folders([str(tmp_path)], None)
    assert [image.path for image in found.queries] == [f"{tmp_path}/a.png"]
    assert found.unreadable == (
        (
            f"{tmp_path}/b.png",
            Unreadable("git-annex keeps it, and it is not here; git annex get brings it", absent=True),
        ),
        (f"{tmp_path}/c.png", Unreadable("no such file or directory")),
    )


def test_links_into_an_annex_are_named(repository: Repository) -> None:
    (repository.root / "other.png").symlink_to("elsewhere")
    for name in ("a.jpg", "b.jpg"):
        (repository.root / name).symlink_to(f".git/annex/objects/Wf/2x/SHA256E-s5--00.jpg/SHA256E-s5--{name}")
    repository.git("add", "-A")
    annexed = (
        "images that git-annex keeps, so they were not checked: 2 (a.jpg, b.jpg); "
        "imgsim-guard scan checks the files that git annex get brought"
    )
    said = (annexed, "1 link not followed, so the images there were not checked: other.png")
    with closing(Git(repository.root)) as git:
        assert tracked.staged(git, image_filter(None)).notes == said
        repository.git("commit", "--quiet", "-m", "links")
        assert tracked.everything(git, image_filter(None), revision="HEAD").notes == said
