"""Draws small figures and masks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from drawing_tools import BLACK, INKS, likely
from templates import WHITE, Picture, sheet

if TYPE_CHECKING:
    import random


SKINS = ((255, 220, 93), (247, 222, 206), (224, 187, 149), (191, 143, 104), (124, 83, 62))


def sprite(chosen: random.Random, _number: int) -> Picture:
    """Pixel art of 12 by 12, symmetrical, in three colours."""
    picture, draw = sheet(48, 48)
    palette = chosen.sample(INKS, 3)
    for row in range(1, 11):
        for column in range(1, 6):
            if likely(chosen, 0.6):
                colour = chosen.choice(palette)
                for x in (column, 11 - column):
                    draw.rectangle((x * 4, row * 4, x * 4 + 3, row * 4 + 3), fill=colour)
    return picture


def smiley(_chosen: random.Random, number: int) -> Picture:
    """One face in five colours of skin, glad or sad."""
    picture, draw = sheet(72, 72)
    draw.ellipse((4, 4, 68, 68), fill=SKINS[number % 5], outline=(90, 60, 30), width=2)
    for x in (24, 48):
        draw.ellipse((x - 4, 22, x + 4, 34), fill=(60, 40, 20))
    glad = number // 5
    top, start = (26, 20) if glad else (44, 200)
    draw.arc((20, top, 52, top + 32), start, start + 140, fill=(60, 40, 20), width=3)
    return picture


def mask(chosen: random.Random, _number: int) -> Picture:
    """One or two blobs on black, as masks of defects are."""
    picture, draw = sheet(256, 256, BLACK)
    for _ in range(chosen.randint(1, 2)):
        x, y = chosen.randint(40, 216), chosen.randint(40, 216)
        blob = [
            (x + r * math.cos(turn * 0.5236), y + r * math.sin(turn * 0.5236))
            for turn, r in enumerate(chosen.randint(10, 35) for _ in range(12))
        ]
        draw.polygon(blob, fill=WHITE)
    return picture


def labels_mask(chosen: random.Random, _number: int) -> Picture:
    """A segmentation in a palette."""
    picture, draw = sheet(320, 240, BLACK)
    for _ in range(5):
        x, y = chosen.uniform(20, 300), chosen.uniform(20, 220)
        a, b = chosen.uniform(15, 70), chosen.uniform(15, 70)
        draw.ellipse((x - a, y - b, x + a, y + b), fill=chosen.choice(INKS))
    return picture
