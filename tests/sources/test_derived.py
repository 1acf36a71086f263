"""What stages of a pipeline make of the dataset's images."""

from __future__ import annotations

from imgsim_guard.model import Made
from imgsim_guard.sources.derived import outputs_of
from imgsim_guard.sources.manifests import Stage

IMAGES = ["data/pool/a.png", "data/pool-2/b.png", "x.png"]


def derived(*stages: Stage) -> list[str]:
    return [made.stage for made in outputs_of(stages, IMAGES) if made.derived]


def test_a_stage_that_depends_on_images_derives_what_it_makes() -> None:
    names = {
        "pool": "data/pool",
        "above": "data",
        "one": "x.png",
        "root": ".",
        "part": "data/pool/a.png",
        "similar": "data/poo",
        "beside": "data/pool/a",
        "code": "src/download.py",
    }
    stages = [Stage(name, (path,), (f"out/{name}",)) for name, path in names.items()]
    assert derived(*stages) == ["above", "one", "part", "pool", "root"]
    assert outputs_of([stages[0]], IMAGES) == (Made("out/pool", "pool", derived=True),)
    assert outputs_of([stages[-1]], IMAGES) == (Made("out/code", "code", derived=False),)


def test_what_is_made_of_what_is_derived_is_derived_in_whichever_order() -> None:
    last = Stage("last", ("features/all.npy",), ("plots",))
    assert derived(last, Stage("middle", ("data/pool",), ("features",))) == ["middle", "last"]
    assert derived(last) == []


def test_stages_that_depend_on_one_another_end() -> None:
    assert derived(Stage("a", ("b",), ("a",)), Stage("b", ("a",), ("b",))) == []
