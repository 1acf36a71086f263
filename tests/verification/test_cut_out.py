"""A photograph that was cut out of another is a copy of it, and one in the same shape is not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from conftest import photograph
from encoders import saved
from PIL import Image, ImageDraw

from imgsim_guard.images.decode import read_picture
from imgsim_guard.model import Unreadable
from imgsim_guard.verification.cut_out import largest_box
from imgsim_guard.verification.looks import Seen, seen, verify_looks

SIZE = 480, 320


def shown(data: bytes) -> Seen:
    picture = read_picture(data)
    assert not isinstance(picture, Unreadable), picture
    return seen(picture)


def whole(name: str) -> Image.Image:
    return Image.open(io.BytesIO(photograph(name))).convert("RGB").resize(SIZE)


def cut_out(picture: Image.Image) -> Image.Image:
    shape = Image.new("L", picture.size)
    ImageDraw.Draw(shape).polygon([(60, 180), (140, 30), (260, 60), (330, 40), (420, 200), (300, 300), (150, 260)], 255)
    clear = picture.copy()
    clear.putalpha(shape)
    return clear.crop(shape.getbbox())


@pytest.mark.parametrize("name", ["coffee.png", "chelsea.png", "astronaut.png"])
def test_a_cut_out_is_a_copy_of_the_whole_photograph(name: str) -> None:
    cut = shown(saved(cut_out(whole(name)), "PNG"))
    everything = shown(saved(whole(name), "JPEG", quality=80))
    one, other = verify_looks(cut, everything), verify_looks(everything, cut)
    assert (one.outcome, one.relation) == (other.outcome, other.relation) == ("confirmed", "copy")
    assert one.transform is not None
    assert one.covered < 0.8


def test_the_evidence_says_that_it_was_cut_out() -> None:
    shape = Image.new("L", SIZE)
    ImageDraw.Draw(shape).ellipse((180, 100, 330, 250), 255)
    clear = whole("moon.png")
    clear.putalpha(shape)
    cut, everything = shown(saved(clear, "PNG")), shown(saved(whole("moon.png"), "JPEG", quality=80))
    assert verify_looks(cut, everything).reason == "cut out of the gallery image"
    assert verify_looks(everything, cut).reason == "the gallery image is cut out of it"


def test_another_photograph_of_the_same_thing_in_other_surroundings_is_none() -> None:
    """One thing on two grounds: what shows of the ground has to agree as well."""
    thing = whole("moon.png").resize((180, 120))
    here, there = whole("chelsea.png"), whole("astronaut.png")
    for ground in (here, there):
        ground.paste(thing, (150, 100))
    cut, everything = shown(saved(cut_out(here), "PNG")), shown(saved(there, "JPEG", quality=80))
    assert verify_looks(cut, everything).outcome != "confirmed"


def test_the_largest_box_is_found_where_there_is_one() -> None:
    alpha = np.zeros((100, 160), np.uint8)
    alpha[20:80, 40:140] = 255
    alpha[:, 60:64] = 255
    box = largest_box(alpha)
    assert box is not None
    rows, columns = box
    assert abs(rows.start - 20) < 4
    assert abs(columns.stop - 140) < 4
    lines = np.zeros((100, 160), np.uint8)
    lines[::10] = 255
    assert largest_box(lines) is None
    assert largest_box(np.zeros((100, 160), np.uint8)) is None


@pytest.mark.parametrize("colours", [8, 16, 64])
@pytest.mark.parametrize("name", ["coffee.png", "chelsea.png", "astronaut.png"])
def test_a_dithered_gif_of_a_cut_out_is_a_copy_of_the_flattened_photograph(name: str, colours: int) -> None:
    clear = cut_out(whole(name))
    flat = Image.new("RGB", clear.size, "white")
    flat.paste(clear, mask=clear.getchannel("A"))
    few = clear.convert("RGB").quantize(colours)
    indices = np.asarray(clear.convert("RGB").quantize(palette=few)).copy()
    indices[np.asarray(clear.getchannel("A")) == 0] = 255
    dithered = Image.fromarray(indices, "P")
    dithered.putpalette(few.getpalette() or [])
    gif, jpeg = shown(saved(dithered, "GIF", transparency=255)), shown(saved(flat, "JPEG", quality=85))
    assert gif.alpha is not None
    assert verify_looks(gif, jpeg).outcome == verify_looks(jpeg, gif).outcome == "confirmed"
