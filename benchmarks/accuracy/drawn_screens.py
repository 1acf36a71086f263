"""Draws screens of telephones and instruments: pale settings, lists under a clock, hands, candlesticks, heartbeats."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from drawing_tools import BLACK, LIGHT, axes
from templates import WHITE, Picture, font, listed, sheet

if TYPE_CHECKING:
    import random

    from drawing_tools import Colour

PALE = (170, 170, 170)
ENTRIES = "Contacts Calls Messages Camera Gallery Music Maps Clock Files"


def pale_settings(chosen: random.Random, _number: int) -> Picture:
    """A list in which only small pale numbers differ."""
    picture, draw = sheet(360, 640)
    draw.rectangle((0, 0, 360, 52), fill=(63, 81, 181))
    draw.text((16, 14), "Settings", font=font(20), fill=WHITE)
    for row, label in enumerate(
        listed("General Alarms Brightness Wallpaper Sounds Keyboard Privacy Storage Battery About")
    ):
        y = 66 + row * 56
        draw.text((16, y), label, font=font(18), fill=BLACK)
        draw.text((342, y + 12), str(chosen.randint(1, 99)), font=font(11), fill=PALE, anchor="rm")
        draw.line((0, y + 38, 360, y + 38), fill=(238, 238, 238))
    return picture


def list_under_a_clock(chosen: random.Random, _number: int) -> Picture:
    """A telephone's list: the time, the battery and a number of messages differ."""
    picture, draw = sheet(360, 680)
    draw.rectangle((0, 0, 360, 20), fill=(34, 34, 34))
    draw.text((12, 3), f"{chosen.randint(0, 23):02}:{chosen.randint(0, 59):02}", font=font(12), fill=WHITE)
    draw.text((348, 3), f"{chosen.randint(1, 99)} %", font=font(12), fill=WHITE, anchor="ra")
    for row, label in enumerate(listed(ENTRIES)):
        y = 32 + row * 64
        draw.text((14, y), label, font=font(15, "Sans-Bold"), fill=BLACK)
        draw.text((14, y + 24), "Tap to open the list of all entries", font=font(14), fill=(136, 136, 136))
        draw.line((0, y + 54, 360, y + 54), fill=LIGHT)
    draw.text((14, 620), f"You have {chosen.randint(1, 99)} new messages", font=font(15), fill=BLACK)
    return picture


HANDS: tuple[Colour, ...] = ((255, 205, 70), (247, 220, 185), (222, 185, 150), (185, 142, 104), (165, 107, 68))


def hand(_chosen: random.Random, number: int) -> Picture:
    """A fist in five colours of skin, with its thumb up or down."""
    picture, draw = sheet(136, 136)
    skin = HANDS[number % 5]
    shadow = tuple(round(value * 0.78) for value in skin)
    draw.ellipse((16, 40, 108, 120), fill=skin)
    draw.rounded_rectangle((56, 8, 80, 80), 12, fill=skin)
    for finger in range(4):
        y = 56 + finger * 19
        draw.ellipse((76, y - 9, 120, y + 9), fill=shadow)
        draw.ellipse((80, y - 10, 120, y + 6), fill=skin)
    return picture if number < len(HANDS) else picture.rotate(180)


def candlesticks(chosen: random.Random, _number: int) -> Picture:
    picture, draw = axes("price by day")
    price = 160.0
    for day in range(50):
        change = chosen.gauss(0, 8)
        x, end = 65 + day * 7.2, min(265.0, max(55.0, price + change))
        low, high = min(price, end), max(price, end)
        draw.line((x + 2, low - chosen.uniform(0, 8), x + 2, high + chosen.uniform(0, 8)), fill=BLACK)
        draw.rectangle((x, low, x + 4, high + 1), fill=(34, 160, 34) if end < price else (204, 34, 34))
        price = end
    return picture


def heartbeat(chosen: random.Random, _number: int) -> Picture:
    """An electrocardiogram on its grid."""
    picture, draw = sheet(780, 260)
    for step in range(0, 780, 20):
        draw.line((step, 0, step, 260), fill=(244, 190, 190))
        draw.line((0, step, 780, step), fill=(244, 190, 190))
    rate, height, x = chosen.uniform(70, 130), chosen.uniform(70, 120), chosen.uniform(0, 60)
    beats = []
    while x < picture.width:
        beats.append((x, height * chosen.uniform(0.9, 1.1)))
        x += rate * chosen.uniform(0.95, 1.05)
    line = []
    for place in range(780):
        wave = sum(
            tall * (math.exp(-(((place - beat) / 3) ** 2)) + 0.2 * math.exp(-(((place - beat - 32) / 9) ** 2)))
            for beat, tall in beats
        )
        line.append((place, 180 - wave))
    draw.line(line, fill=BLACK, width=2)
    return picture
