"""Which paths are images of the dataset, and which folders may have some."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsim_guard.sources.selection import image_filter


@pytest.mark.parametrize(
    ("patterns", "reached", "not_reached"),
    [
        (None, ["models", "a.parquet"], []),
        (["data/pool/**"], ["data", "data/pool", "data/pool/deep"], ["models", "data/other", "a.parquet"]),
        (["/data/*.png"], ["data"], ["data/deep", "models"]),
        (["data/**/x/*.png"], ["data/deep/er", "data"], ["models"]),
        (["*.png"], ["models"], []),
        (["photos"], ["models"], []),
        (["/photos/"], ["photos", "photos/x"], ["models/photos"]),
        (["**", "!models/"], ["data"], ["models", "models/deep"]),
        (["**", "!models/*.txt"], ["models"], []),
        (["**", "!models/**", "models/keep/**"], ["models", "models/keep"], ["models/other"]),
        (["data/**", "# models/**"], ["data"], ["models"]),
        (["da[tT]a/**", "\\!x/**"], ["data", "daTa", "!x"], ["daxa"]),
    ],
)
def test_a_folder_may_have_images_where_a_pattern_can_match_below(
    patterns: list[str] | None, reached: list[str], not_reached: list[str]
) -> None:
    is_image = image_filter(patterns)
    assert [folder for folder in (*reached, *not_reached) if is_image.reaches(folder)] == reached


@given(st.lists(st.from_regex(r"([ab./\n]|\.png|\.JPG|\.ppm|\.psd|\.txt|png){1,4}", fullmatch=True), max_size=6))
@pytest.mark.parametrize("patterns", [None, ["*.png", "!a*"], ["*.psd", "*.jpg"]])
def test_many_paths_are_counted_as_each_of_them_is_judged(patterns: list[str] | None, paths: list[str]) -> None:
    is_image = image_filter(patterns)
    assert is_image.count(paths) == sum(map(is_image, paths))
