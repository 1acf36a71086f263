from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import kill_cleaning
import pytest

from imgsim_guard.gate.cleaning import moving
from imgsim_guard.gate.cleaning.manifest import Manifest, Move, read_manifest, write_manifest
from imgsim_guard.gate.cleaning.sidecars import sidecars_of
from imgsim_guard.model import GuardError


def test_a_clean_up_that_is_killed_anywhere_loses_nothing_and_can_be_undone() -> None:
    command = [sys.executable, "-W", "error", kill_cleaning.__file__, "--kills", "12"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "12 kills of each, nothing lost" in done.stdout, done.stderr


def moves(folder: Path, *, digest: str = "") -> Manifest:
    (folder / "photos").mkdir(exist_ok=True)
    (folder / "photos" / "a.png").write_bytes(b"bytes")
    digest = digest or moving.digest_of(folder / "photos" / "a.png")
    return Manifest(str(folder / "photos"), (Move("a.png", "a.png", "image", digest, 5, "b.png", "same bytes"),))


def test_nothing_is_overwritten_on_the_way_there_or_back(tmp_path: Path) -> None:
    manifest, removed = moves(tmp_path), tmp_path / "removed"
    removed.mkdir()
    (removed / "a.png").write_bytes(b"somebody's")
    [problem] = moving.move_away(manifest, removed, lambda: None)
    assert problem.why.endswith("is there already")
    assert (removed / "a.png").read_bytes() == b"somebody's"
    (removed / "a.png").unlink()
    assert not [*moving.move_away(manifest, removed, lambda: None)]
    (tmp_path / "photos" / "a.png").write_bytes(b"a new one")
    [problem] = moving.move_back(manifest, removed, lambda: None)
    assert "is there again, so this one stays" in problem.why
    assert ((tmp_path / "photos" / "a.png").read_bytes(), (removed / "a.png").read_bytes()) == (b"a new one", b"bytes")


def test_a_file_that_changed_stays(tmp_path: Path) -> None:
    manifest = moves(tmp_path, digest="0" * 64)
    assert [problem.why for problem in moving.move_away(manifest, tmp_path / "removed", lambda: None)] == [
        "it changed since it was looked at"
    ]


def test_nothing_moves_through_a_link_out_of_the_folder(tmp_path: Path) -> None:
    manifest, removed = moves(tmp_path), tmp_path / "removed"
    manifest = manifest._replace(moves=(manifest.moves[0]._replace(target="below/a.png"),))
    removed.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (removed / "below").symlink_to(tmp_path / "elsewhere")
    [problem] = moving.move_away(manifest, removed, lambda: None)
    assert "leads out of" in problem.why
    assert not [*(tmp_path / "elsewhere").iterdir()]


def test_another_file_system_is_copied_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_arguments: object, **_options: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    manifest, removed = moves(tmp_path), tmp_path / "removed"
    os.utime(tmp_path / "photos" / "a.png", (10**9, 10**9))
    monkeypatch.setattr(os, "link", no_links)
    assert not [*moving.move_away(manifest, removed, lambda: None)]
    assert (removed / "a.png").read_bytes() == b"bytes"
    assert (removed / "a.png").stat().st_mtime == 10**9
    (tmp_path / "photos" / "a.png").write_bytes(b"bytes")  # as a process has it that was killed while it copied
    (removed / "a.png").write_bytes(b"byt")
    assert not [*moving.move_back(manifest, removed, lambda: None)]
    assert (tmp_path / "photos" / "a.png").read_bytes() == b"bytes"
    assert not (removed / "a.png").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"root": "photos"}, "names a file outside of its folders"),
        ({"moves": [{"source": "../../etc/passwd"}]}, "names a file outside of its folders"),
        ({"moves": [{"target": "/etc/passwd"}]}, "names a file outside of its folders"),
        ({"moves": [{"kind": "device"}]}, "no manifest of imgsim-guard clean"),
        ({"format": 2}, "format 2 is not known to this version"),
        ({"continues": "../x.json"}, "which is no manifest"),
        ({"made": [["/etc/passwd", ""]]}, "names a file outside of its folders"),
        ({"moves": [{"way": "hardlink", "kept": "../../b.png"}]}, "names a file outside of its folders"),
        ({"moves": [{"way": "symlink"}]}, "no manifest of imgsim-guard clean"),
        ({"moves": [{"mode": "7"}]}, "no manifest of imgsim-guard clean"),
    ],
)
def test_a_manifest_that_leads_elsewhere_is_not_followed(tmp_path: Path, change: dict[str, object], said: str) -> None:
    path = tmp_path / "manifest-1.json"
    write_manifest(path, moves(tmp_path))
    document = json.loads(path.read_bytes())
    changed = change.pop("moves", [{}])
    document |= change
    document["moves"][0] |= changed[0]  # type: ignore[index]
    path.write_text(json.dumps(document))
    with pytest.raises(GuardError, match=said):
        read_manifest(path)


def test_what_is_no_manifest_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "manifest-1.json").write_text("[1]")
    with pytest.raises(GuardError, match="no manifest of imgsim-guard clean"):
        read_manifest(tmp_path / "manifest-1.json")


def test_sidecars_go_with_the_last_image_that_they_belong_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (
        *("images/train/a.jpg", "images/train/a.png", "images/train/a.txt", "images/train/a.jpg.json"),
        *("labels/train/a.txt", "images/train/b.xml", "images/train/a.csv", "b.jpg", "b.caption"),
    ):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    assert [*sidecars_of(["images/train/a.jpg"])] == [("images/train/a.jpg.json", "images/train/a.jpg")]
    assert [found for found, _ in sidecars_of(["images/train/a.jpg", "images/train/a.png"])] == [
        "images/train/a.jpg.json",
        "images/train/a.txt",
        "labels/train/a.txt",
    ]
    assert [*sidecars_of(["b.jpg"])] == [("b.caption", "b.jpg")]
