"""Draws charts and instruments: bars, curves, pies, heat maps, gauges, displays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from drawing_tools import BLACK, GREY, INKS, LIGHT, axes
from templates import GOODS, WHITE, Picture, font, sheet

if TYPE_CHECKING:
    import random


def bars(chosen: random.Random, _number: int) -> Picture:
    picture, draw = axes("share of votes")
    for bar in range(6):
        x = 75 + bar * 60
        draw.rectangle((x, 280 - chosen.uniform(20, 220), x + 42, 280), fill=INKS[0])
    return picture


def stacked(chosen: random.Random, _number: int) -> Picture:
    picture, draw = axes("turnover by quarter")
    for bar in range(8):
        x, y = 70 + bar * 45, 280.0
        for layer in range(3):
            top = y - chosen.uniform(10, 75)
            draw.rectangle((x, top, x + 34, y), fill=INKS[layer])
            y = top
    return picture


def curves(chosen: random.Random, _number: int) -> Picture:
    picture, draw = axes("loss")
    for line in range(2):
        rate, start = chosen.uniform(0.5, 3), chosen.uniform(120, 220)
        places = [
            (60 + step * 6, 280 - start * math.exp(-rate * step / 30) - chosen.uniform(0, 8)) for step in range(62)
        ]
        draw.line(places, fill=INKS[line], width=2)
    return picture


def scatter(chosen: random.Random, _number: int) -> Picture:
    picture, draw = axes("weight and height")
    for _ in range(70):
        x, y = 245 + chosen.gauss(0, 70), 160 + chosen.gauss(0, 50)
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=INKS[0])
    return picture


def pie(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(360, 320)
    draw.text((180, 20), "market share", font=font(16), fill=BLACK, anchor="mm")
    weights, start = [chosen.uniform(0.3, 2) for _ in range(5)], -90.0
    for part, weight in enumerate(weights):
        end = start + 360 * weight / sum(weights)
        draw.pieslice((60, 50, 300, 290), start, end, fill=INKS[part], outline=WHITE, width=2)
        start = end
    return picture


def heatmap(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(400, 360)
    draw.text((200, 18), "correlation", font=font(16), fill=BLACK, anchor="mm")
    for row in range(8):
        draw.text((40, 60 + row * 36), GOODS[row], font=font(9), fill=BLACK, anchor="mm")
        for column in range(8):
            value = int(255 * (1.0 if row == column else chosen.random()))
            x, y = 80 + column * 36, 42 + row * 36
            draw.rectangle((x, y, x + 35, y + 35), fill=(value, 80, 255 - value))
    return picture


def gantt(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(520, 320)
    for week in range(13):
        x = 120 + week * 30
        draw.line((x, 30, x, 300), fill=LIGHT)
        draw.text((x, 18), str(week + 1), font=font(11), fill=BLACK, anchor="mm")
    for row, label in enumerate(("Plan", "Design", "Build", "Test", "Review", "Ship", "Teach", "Close")):
        y, start = 40 + row * 33, chosen.randint(0, 8)
        draw.text((20, y + 4), label, font=font(14), fill=BLACK)
        draw.rectangle((120 + start * 30, y, 120 + (start + chosen.randint(1, 4)) * 30, y + 20), fill=INKS[row % 8])
    return picture


def clock(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(260, 260)
    draw.ellipse((10, 10, 250, 250), outline=BLACK, width=4)
    for hour in range(1, 13):
        x, y = 130 + 98 * math.sin(hour * math.pi / 6), 130 - 98 * math.cos(hour * math.pi / 6)
        draw.text((x, y), str(hour), font=font(20), fill=BLACK, anchor="mm")
    minutes = chosen.randrange(720)
    for length, width, turn in ((55, 7, minutes / 720), (85, 4, minutes / 60)):
        end = (130 + length * math.sin(turn * 2 * math.pi), 130 - length * math.cos(turn * 2 * math.pi))
        draw.line([(130, 130), end], fill=BLACK, width=width)
    return picture


def gauge(_chosen: random.Random, number: int) -> Picture:
    """A speedometer: one needle at other angles."""
    picture, draw = sheet(300, 240)
    draw.arc((30, 30, 270, 270), 180, 360, fill=GREY, width=6)
    for tick in range(11):
        angle = math.pi * (1 + tick / 10)
        x, y = math.cos(angle), math.sin(angle)
        draw.line((150 + 105 * x, 150 + 105 * y, 150 + 118 * x, 150 + 118 * y), fill=BLACK, width=2)
        draw.text((150 + 90 * x, 150 + 90 * y), str(tick * 10), font=font(11), fill=BLACK, anchor="mm")
    angle = math.pi * (1.04 + number * 0.1)
    draw.line((150, 150, 150 + 80 * math.cos(angle), 150 + 80 * math.sin(angle)), fill=INKS[3], width=4)
    draw.ellipse((140, 140, 160, 160), fill=GREY)
    draw.text((150, 200), "km/h", font=font(18), fill=BLACK, anchor="mm")
    return picture


SEGMENTS = {
    "a": (8, 0, 62, 10),
    "b": (60, 8, 70, 46),
    "c": (60, 54, 70, 92),
    "d": (8, 90, 62, 100),
    "e": (0, 54, 10, 92),
    "f": (0, 8, 10, 46),
    "g": (8, 45, 62, 55),
}
LIT = ("abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abcdfg")


def display(chosen: random.Random, _number: int) -> Picture:
    """Four digits of seven segments, the unlit ones dimly seen."""
    picture, draw = sheet(420, 140, (15, 15, 15))
    for place in range(4):
        lit = LIT[chosen.randrange(10)]
        for name, (x0, y0, x1, y1) in SEGMENTS.items():
            left = 25 + place * 98
            colour = (255, 30, 30) if name in lit else (45, 20, 20)
            draw.rectangle((left + x0, 20 + y0, left + x1, 20 + y1), fill=colour)
    return picture
