"""HEIC, with the extra and without."""

from __future__ import annotations

import io
import sys
from typing import Any

import numpy as np
import pytest
from conftest import photograph
from encoders import every_way, saved
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from imgsim_guard.images import heic
from imgsim_guard.images.decode import decode
from imgsim_guard.images.headers import Header, read_header
from imgsim_guard.images.heic import heic_decoder
from imgsim_guard.model import Unreadable

PHOTO = Image.open(io.BytesIO(photograph("chelsea.png"))).convert("RGB")
PHOTO.info.clear()
FILES = {name: data for name, data in every_way(PHOTO, PHOTO.rotate(180)).items() if name.startswith("HEIC")}


def heic_pixels(name: str) -> np.ndarray[Any, Any]:
    pixels = decode(FILES[name])
    assert not isinstance(pixels, Unreadable)
    return pixels


@pytest.mark.parametrize("name", FILES)
def test_heic_gives_contiguous_bgr_of_eight_bits_turned_upright(name: str) -> None:
    pixels = heic_pixels(name)

    assert (pixels.dtype, pixels.shape, pixels.flags.c_contiguous) == (np.uint8, (300, 451, 3), True)
    assert np.abs(pixels[:, :, ::-1].astype(int) - np.asarray(PHOTO)).mean() < 3


def test_gray_heic_gives_three_equal_channels() -> None:
    pixels = decode(saved(PHOTO.convert("L"), "HEIF", quality=90))

    assert not isinstance(pixels, Unreadable)
    assert pixels.shape == (300, 451, 3)
    assert (pixels == pixels[:, :, :1]).all()


def test_alpha_of_heic_is_dropped() -> None:
    pixels = decode(saved(PHOTO.convert("RGBA"), "HEIF", quality=90))

    assert not isinstance(pixels, Unreadable)
    assert pixels.shape == (300, 451, 3)


def test_the_header_of_heic_says_its_size() -> None:
    assert read_header(FILES["HEIC"]) == Header("HEIC", 452, 300)  # coded in even numbers, and then cropped
    assert read_header(FILES["HEIC orientation 6"]) == Header("HEIC", 300, 452)


def test_what_describes_a_heic_may_stand_after_megabytes_of_data() -> None:
    data = FILES["HEIC"]
    start = int.from_bytes(data[:4])
    free = (2**21).to_bytes(4) + b"free" + b"ispe\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff" + bytes(2**21 - 24)
    assert read_header(data[:start] + free + data[start:]) == Header("HEIC", 452, 300)
    longer = (1).to_bytes(4) + b"free" + (2**21).to_bytes(8) + bytes(2**21 - 16)
    assert read_header(data[:start] + longer + data[start:]) == Header("HEIC", 452, 300)


def test_without_the_extra_heic_is_unreadable_and_says_what_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)

    assert decode(FILES["HEIC"]) == Unreadable("HEIC, which pillow-heif reads: pip install 'imgsim-guard[heic]'")


def test_installing_the_extra_reopens_what_was_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    [name] = heic_decoder()
    assert name.startswith("pillow-heif-")
    monkeypatch.setattr(heic, "find_spec", lambda _name: None)
    assert heic_decoder() == []


def test_heic_without_a_picture_in_it_is_unreadable() -> None:
    """pillow-heif opens a file whose one item is of a kind that it does not know, and then has nothing to give."""
    data = FILES["HEIC"].replace(b"hvc1", b"hvb1", 1)
    assert decode(data) == Unreadable("damaged, cut short or of an unusual kind: the HEIC decoder gave up")


@given(at=st.integers(0, 2**20), length=st.integers(0, 200))
@example(at=0, length=0)
def test_heic_with_a_hole_gives_pixels_or_a_reason(at: int, length: int) -> None:
    data = FILES["HEIC"]
    start = at % len(data)
    outcome = decode(data[:start] + data[start + length :])
    if isinstance(outcome, Unreadable):
        assert outcome.reason
    else:
        assert outcome.shape[2] == 3
