"""Draws screens and pages: dashboards, settings, calendars, code, flowcharts, circuits, molecules, notes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from drawing_tools import BLACK, GREY, INKS, LIGHT, likely
from templates import NAMES, SURNAMES, WHITE, Picture, font, listed, sheet, words

if TYPE_CHECKING:
    import random

    from PIL import ImageDraw


def music(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(600, 420)
    for system in range(4):
        top = 40 + system * 95
        for line in range(5):
            draw.line((30, top + line * 10, 570, top + line * 10), fill=BLACK)
        for bar in range(5):
            draw.line((30 + bar * 135, top, 30 + bar * 135, top + 40), fill=BLACK)
        for note in range(16):
            x, y = 45 + note * 33, top + 5 * chosen.randint(-1, 9)
            draw.ellipse((x, y - 4, x + 11, y + 4), fill=BLACK if likely(chosen, 0.7) else WHITE, outline=BLACK)
            draw.line((x + 11, y, x + 11, y - 30), fill=BLACK, width=2)
    return picture


def dashboard(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(800, 500, (243, 244, 246))
    draw.rectangle((0, 0, 150, 500), fill=(31, 41, 55))
    for row, label in enumerate(("Overview", "Orders", "Customers", "Reports", "Settings")):
        draw.text((20, 40 + row * 40), label, font=font(15), fill=WHITE)
    for card, label in enumerate(("Revenue", "Visitors", "Orders")):
        x = 170 + card * 210
        draw.rounded_rectangle((x, 20, x + 190, 110), 8, fill=WHITE, outline=LIGHT)
        draw.text((x + 15, 32), label, font=font(14), fill=GREY)
        draw.text((x + 15, 60), f"{chosen.randint(1000, 99999):,}", font=font(28, "Sans-Bold"), fill=BLACK)
    draw.rounded_rectangle((170, 130, 780, 310), 8, fill=WHITE, outline=LIGHT)
    draw.line([(190 + step * 30, 300 - chosen.randint(10, 150)) for step in range(20)], fill=INKS[0], width=3)
    draw.rounded_rectangle((170, 330, 780, 480), 8, fill=WHITE, outline=LIGHT)
    for row in range(4):
        y = 345 + row * 33
        draw.text((190, y), f"{chosen.choice(NAMES)} {chosen.choice(SURNAMES)}", font=font(15), fill=BLACK)
        draw.text((560, y), f"{chosen.randint(1, 999)}.{chosen.randint(10, 99)}", font=font(15), fill=BLACK)
    return picture


def settings(chosen: random.Random, _number: int) -> Picture:
    """A telephone's settings: the same list, other switches and values."""
    picture, draw = sheet(360, 640, (245, 245, 250))
    draw.text((20, 20), "Settings", font=font(28, "Sans-Bold"), fill=BLACK)
    switches, labels = 6, listed("Wi-Fi Bluetooth Location Sound Display Battery Storage Privacy Language Updates")
    for row, label in enumerate(labels):
        y = 75 + row * 55
        draw.rounded_rectangle((10, y, 350, y + 48), 8, fill=WHITE)
        draw.text((25, y + 13), label, font=font(17), fill=BLACK)
        if row < switches:
            on = chosen.getrandbits(1)
            draw.rounded_rectangle((290, y + 11, 338, y + 37), 13, fill=(52, 199, 89) if on else LIGHT)
            x = 314 if on else 292
            draw.ellipse((x, y + 13, x + 22, y + 35), fill=WHITE)
        else:
            draw.text((338, y + 24), f"{chosen.randint(1, 99)} %", font=font(15), fill=GREY, anchor="rm")
    return picture


def calendar(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(560, 440)
    draw.text((280, 28), f"{chosen.choice(NAMES)}'s month", font=font(24, "Sans-Bold"), fill=BLACK, anchor="mm")
    for cell in range(35):
        x, y = cell % 7 * 78 + 7, 60 + cell // 7 * 74
        draw.rectangle((x, y, x + 78, y + 74), outline=GREY)
        draw.text((x + 6, y + 4), str(cell + 1), font=font(12), fill=GREY)
        if likely(chosen, 0.4):
            draw.rounded_rectangle((x + 4, y + 26, x + 74, y + 48), 4, fill=chosen.choice(INKS))
            draw.text((x + 9, y + 30), words(chosen, 1), font=font(12), fill=WHITE)
    return picture


def flowchart(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(480, 460)
    last = 3
    for row in range(4):
        for column in range(2):
            x, y = 50 + column * 220, 25 + row * 110
            if row < last:
                draw.line((x + 75, y + 55, x + 75, y + 110), fill=BLACK, width=2)
            if chosen.getrandbits(1) and not column:
                draw.line((x + 150, y + 27, x + 220, y + 27), fill=BLACK, width=2)
            draw.rounded_rectangle((x, y, x + 150, y + 55), 8, fill=(225, 235, 250), outline=BLACK, width=2)
            draw.text((x + 75, y + 27), words(chosen, 2), font=font(15), fill=BLACK, anchor="mm")
    return picture


def circuit(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(480, 360)
    right, bottom = 370, 290
    for row in range(4):
        for column in range(5):
            x, y = 50 + column * 80, 50 + row * 80
            for x1, y1 in ((x + 80, y), (x, y + 80)):
                if likely(chosen, 0.6) and x1 <= right and y1 <= bottom:
                    draw.line((x, y, x1, y1), fill=BLACK, width=2)
                    _part(draw, (x + x1) // 2, (y + y1) // 2, chosen)
    return picture


def _part(draw: ImageDraw.ImageDraw, x: int, y: int, chosen: random.Random) -> None:
    resistor, lamp, diode = range(3)
    what = chosen.randrange(4)
    if what == resistor:
        draw.rectangle((x - 15, y - 7, x + 15, y + 7), fill=WHITE, outline=BLACK, width=2)
        draw.text((x, y - 16), f"R{chosen.randint(1, 99)}", font=font(11), fill=BLACK, anchor="mm")
    elif what == lamp:
        draw.ellipse((x - 12, y - 12, x + 12, y + 12), fill=WHITE, outline=BLACK, width=2)
    elif what == diode:
        draw.polygon([(x - 10, y - 10), (x - 10, y + 10), (x + 10, y)], fill=BLACK)


def molecule(chosen: random.Random, _number: int) -> Picture:
    """Rings of six in a honeycomb, with some atoms beside them."""
    picture, draw = sheet(300, 300)
    column, row = 0, 0
    for _ in range(chosen.randint(2, 4)):
        x, y = 110 + column * 45 + row % 2 * 22, 110 + row * 39
        ring = [(x + 26 * math.sin(math.pi / 3 * k), y + 26 * math.cos(math.pi / 3 * k)) for k in range(6)]
        draw.polygon(ring, outline=BLACK, width=2)
        if chosen.getrandbits(1):
            draw.ellipse((x - 15, y - 15, x + 15, y + 15), outline=BLACK, width=2)
        end = chosen.choice(ring)
        away = (end[0] * 2.0 - x, end[1] * 2.0 - y)
        draw.line([end, away], fill=BLACK, width=2)
        atom = chosen.choice(["OH", "N", "Cl", "O", "F"])
        draw.text(away, atom, font=font(15), fill=chosen.choice(INKS), anchor="mm")
        column, row = column + chosen.randint(0, 1), row + chosen.choice([0, 1])
        column += row == 0
    return picture


def code(chosen: random.Random, number: int) -> Picture:
    """A page of an editor, in a light or a dark theme."""
    dark = number % 2
    ground, plain = ((30, 30, 30), (212, 212, 212)) if dark else (WHITE, BLACK)
    picture, draw = sheet(640, 420, ground)
    face = font(12, "SansMono")
    for row in range(22):
        y, indented = 6 + row * 18, 50 + chosen.choice([0, 28, 28, 56])
        draw.text((34, y), str(row + 1), font=face, fill=GREY, anchor="ra")
        draw.text((indented, y), chosen.choice(["def", "if", "for", "return"]), font=face, fill=(86, 120, 214))
        draw.text((indented + 56, y), f"{words(chosen, 1)}({words(chosen, 1)},", font=face, fill=plain)
        draw.text((indented + 190, y), f"'{words(chosen, 1)}')", font=face, fill=(180, 90, 60))
    return picture


def cards_on_a_board(chosen: random.Random, _number: int) -> Picture:
    """Tasks in four columns."""
    picture, draw = sheet(660, 420, (235, 238, 243))
    for column, title in enumerate(("To do", "Doing", "Review", "Done")):
        left = 12 + column * 162
        draw.rounded_rectangle((left, 12, left + 152, 408), 8, fill=(222, 226, 233))
        draw.text((left + 12, 24), title, font=font(14, "Sans-Bold"), fill=BLACK)
        for row in range(chosen.randint(1, 5)):
            y = 52 + row * 70
            draw.rounded_rectangle((left + 8, y, left + 144, y + 60), 6, fill=WHITE, outline=LIGHT)
            draw.text((left + 16, y + 8), words(chosen, 2), font=font(12), fill=BLACK)
            draw.rectangle((left + 16, y + 38, left + 56, y + 46), fill=chosen.choice(INKS))
    return picture
