"""What other programs import."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import PIL.Image
import pytest
from conftest import ROOT
from other_libraries import stand_ins

import imgsim_guard
from imgsim_guard import Result, Settings, Store
from imgsim_guard.cli.demo_pictures import city, edited_copy, hills

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


@pytest.fixture
def photos(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: ARG001  embeddings go there
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, picture in (("hills.png", hills()), ("city.png", city()), ("crop.jpg", edited_copy(hills()))):
        cv2.imwrite(str(folder / name), picture)
    return folder


def test_the_page_lists_what_is_public_and_nothing_else() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`(\w+)", row.split("|")[1])]
    assert sorted(named) == sorted(imgsim_guard.__all__)
    assert [name for name in imgsim_guard.__all__ if not getattr(imgsim_guard, name).__doc__] == []


def test_its_examples_run(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos.parent / "classes" / "hills").mkdir(parents=True)
    for path in photos.iterdir():
        shutil.copy(path, photos.parent / "classes" / "hills")
    with stand_ins():
        for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
            exec(compile(ast.parse(block), "docs/api.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"\d\.\d\d to its copy, [23]\d\.\d\d to another picture", printed[0])
    assert printed[1].startswith("near-duplicate ")
    assert printed[2].startswith(f"near-duplicate {photos.name}/")
    assert printed[-4:-2] == ["2 without copies"] * 2
    assert ast.literal_eval(printed[-2]) == {"keep": 1, "copy": 1, None: 1}
    assert printed[-1] == "True 6 embeddings at hand"  # a picture in memory has other bytes than its file
    assert (photos.parent / "report.html").read_text(encoding="utf-8").count("data:image/webp") >= 2


def test_an_import_loads_nothing(tmp_path: Path) -> None:
    script = "import sys, imgsim_guard; print({'numpy', 'cv2', 'onnxruntime', 'pydantic', 'yaml'} & {*sys.modules})"
    assert subprocess.check_output([sys.executable, "-c", script], cwd=tmp_path, text=True) == "set()\n"


def test_a_name_that_is_not_offered() -> None:
    with pytest.raises(AttributeError, match="no attribute 'unknown'"):
        _ = imgsim_guard.unknown
    assert {"embed", "__version__"} <= {*dir(imgsim_guard)}


def test_a_scan_takes_a_path_as_text_and_as_a_path(photos: Path) -> None:
    by_text, by_path, by_list = (imgsim_guard.scan(given) for given in ("photos", photos, ["photos"]))
    assert [match.query.path for match in by_text.matches] == ["photos/hills.png"]
    assert [group.kept.image.path for group in by_text.groups] == ["photos/hills.png"]
    assert [match.query.path for match in by_path.matches] == [f"{photos}/hills.png"]
    assert by_list == by_text
    assert imgsim_guard.embed("photos/hills.png").shape == (1, 768)
    assert imgsim_guard.compare("photos/hills.png", "photos/crop.jpg")[0].kind == "near-duplicate"


def test_a_scan_takes_pictures_in_memory(photos: Path) -> None:
    crop = cv2.cvtColor(edited_copy(hills()), cv2.COLOR_BGR2RGB)
    result = imgsim_guard.scan([photos / "hills.png", crop, PIL.Image.open(photos / "city.png")])
    [match] = result.matches
    assert {match.query.path, match.gallery.path} == {"image 1", f"{photos}/hills.png"}
    assert result.queries == 3
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    assert imgsim_guard.scan(grey, against=photos).matches[0].query.path == "image 0"
    with pytest.raises(imgsim_guard.GuardError, match="this is float64"):
        imgsim_guard.scan(np.zeros((4, 4)))


def test_a_result_shows_its_groups(photos: Path) -> None:
    result = imgsim_guard.scan(photos)
    frame = result.to_pandas()
    assert list(frame["role"]) == ["keep", "copy"]
    assert list(frame["image"]) == [f"{photos}/hills.png", f"{photos}/crop.jpg"]
    assert "<td>copy</td>" in result._repr_html_()
    assert "1 copy in 1 group among 3 images" in result._repr_html_()


def test_embeddings_come_in_the_order_of_the_files(photos: Path) -> None:
    paths = [photos / "city.png", photos / "hills.png", photos / "city.png"]
    embeddings = imgsim_guard.embed(paths)
    assert embeddings.shape == (3, 768)
    assert embeddings.dtype == np.float16
    assert imgsim_guard.distance(embeddings[0], embeddings[2]) == 0
    assert imgsim_guard.distance(embeddings[0], embeddings[1]) > 20
    assert imgsim_guard.embed([]).shape == (0, 768)


def test_every_file_that_is_no_image_is_named(photos: Path) -> None:
    (photos / "a.jpg").write_text("no image")
    (photos / "b.jpg").write_text("nor this")
    with pytest.raises(imgsim_guard.GuardError, match=r"a\.jpg: .*\n.*b\.jpg: "):
        imgsim_guard.embed([photos / "a.jpg", photos / "hills.png", photos / "b.jpg"])
    with pytest.raises(imgsim_guard.GuardError, match=r"c\.jpg: no such file"):
        imgsim_guard.compare(photos / "c.jpg", [photos / "hills.png"])
    assert [path for path, _ in imgsim_guard.scan([photos]).unreadable] == [
        str(photos / "a.jpg"),
        str(photos / "b.jpg"),
    ]


def test_a_scan_against_others_in_a_store_of_its_own(photos: Path, tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    (photos / "crop.jpg").rename(copies / "crop.jpg")
    store = Store(tmp_path / "own", fingerprint="augnet-own", decoder=lambda: "test")
    seen: list[tuple[int, str]] = []

    def progress(total: int, doing: str) -> Any:
        seen.append((total, doing))
        return lambda: None

    result = imgsim_guard.scan([copies], against=[photos], store=store, progress=progress)
    assert isinstance(result, Result)
    assert [(match.query.path, match.gallery.path) for match in result.matches] == [
        (str(copies / "crop.jpg"), str(photos / "hills.png"))
    ]
    assert len(store) == 3
    assert seen[0] == (3, "embedding")
    assert json.loads(imgsim_guard.json_report(result))["verdict"] == "failed"


def test_settings_decide(photos: Path) -> None:
    assert imgsim_guard.scan([photos]).failed
    assert not imgsim_guard.scan([photos], settings=Settings(threshold=0, verify="never")).failed
