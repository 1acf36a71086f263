"""What the kinds of drawn pictures share: colours, and the frame of a chart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from templates import WHITE, Picture, font, sheet

if TYPE_CHECKING:
    import random

    from PIL import ImageDraw

Colour = tuple[int, int, int]
BLACK, GREY, LIGHT = (0, 0, 0), (120, 120, 120), (215, 215, 215)
INKS: tuple[Colour, ...] = (
    (31, 119, 180),
    (255, 127, 14),
    (44, 160, 44),
    (214, 39, 40),
    (148, 103, 189),
    (140, 86, 75),
    (227, 119, 194),
    (23, 190, 207),
)
FLAGS: tuple[Colour, ...] = (
    (206, 17, 38),
    (0, 122, 61),
    (0, 56, 168),
    (252, 209, 22),
    WHITE,
    BLACK,
    (255, 130, 0),
    (108, 171, 221),
)


def likely(chosen: random.Random, share: float) -> bool:
    """True in this share of the cases."""
    return chosen.random() < share


def axes(title: str, ticks: int = 6) -> tuple[Picture, ImageDraw.ImageDraw]:
    """A chart's frame of 450 by 324 pixels: axes with numbers and a title; the plot is at 60..430 by 40..280."""
    picture, draw = sheet(450, 324)
    draw.text((245, 20), title, font=font(15), fill=BLACK, anchor="mm")
    draw.rectangle((60, 40, 430, 280), outline=BLACK)
    for tick in range(ticks):
        y = 280 - tick * 240 / (ticks - 1)
        draw.line((55, y, 60, y), fill=BLACK)
        draw.text((50, y), str(tick * 20), font=font(11), fill=BLACK, anchor="rm")
        x = 60 + tick * 370 / (ticks - 1)
        draw.line((x, 280, x, 285), fill=BLACK)
        draw.text((x, 296), str(tick), font=font(11), fill=BLACK, anchor="mm")
    return picture, draw
