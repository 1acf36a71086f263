"""From a folder as people have them to a clean dataset, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conftest import Outcome, ThumbnailEmbedder
from kill_cleaning import files_in
from messy_folder import messy_folder

from imgsim_guard.gate import pipeline

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    Guard = Callable[..., Outcome]


NEAR = "threshold: 2\nreach: 4\n"
"""For thumbnails: further pairs are looked at if their hashes or local features are near."""


def test_cleaning_leaves_exactly_what_is_no_copy_and_undoing_brings_the_same_bytes_back(
    guard: Guard,
    cache: Path,  # noqa: ARG001  embeddings go there
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline, "load", lambda *_, **__: ThumbnailEmbedder())
    monkeypatch.chdir(tmp_path)
    photos = tmp_path / "photos"
    made = messy_folder(photos)
    before = files_in(photos)
    assert len(before) == 249
    (tmp_path / ".imgsim-guard.yaml").write_text(NEAR)
    done = guard("clean", "photos", "--apply")
    assert done.code == 0, done.err
    left = files_in(photos)
    assert {*left} == made.stay
    assert left.items() <= before.items()
    assert {*files_in(tmp_path / "photos-removed")} == made.move | {"manifest-1.json", "manifest-1.csv"}
    assert guard("clean", "--undo").out == f"put back {len(made.move)} files.\n"
    assert files_in(photos) == before
