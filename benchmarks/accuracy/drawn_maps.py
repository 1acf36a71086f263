"""Draws maps, plans, flags and signs."""

from __future__ import annotations

import math
import random

from drawing_tools import BLACK, FLAGS, GREY, INKS
from templates import SURNAMES, WHITE, Picture, font, sheet


def flag(chosen: random.Random, number: int) -> Picture:
    picture, draw = sheet(300, 200)
    for stripe, colour in enumerate(chosen.sample(FLAGS, 3)):
        box = (0, stripe * 67, 299, stripe * 67 + 66) if number % 2 else (stripe * 100, 0, stripe * 100 + 99, 199)
        draw.rectangle(box, fill=colour)
    return picture


def cross_flag(chosen: random.Random, _number: int) -> Picture:
    ground, cross, inner = chosen.sample(FLAGS, 3)
    picture, draw = sheet(320, 200, ground)
    for half, colour in ((26, cross), (12, inner)):
        draw.rectangle((110 - half, 0, 110 + half, 199), fill=colour)
        draw.rectangle((0, 100 - half, 319, 100 + half), fill=colour)
    return picture


def choropleth(chosen: random.Random, _number: int) -> Picture:
    """One map, its regions coloured by other numbers."""
    picture, draw = sheet(420, 340)
    shape = random.Random("one map")
    places = [(x, y) for x in range(8) for y in range(7)]
    corners = {(x, y): (x * 60 + shape.randint(5, 45), y * 56 + shape.randint(5, 45)) for x, y in places}
    for x in range(6):
        for y in range(5):
            around = [corners[x, y], corners[x + 1, y], corners[x + 1, y + 1], corners[x, y + 1]]
            shade = chosen.choice([40, 90, 140, 190, 235])
            draw.polygon(around, fill=(shade, shade, 255), outline=GREY)
    draw.text((210, 330), "people per square kilometre", font=font(11), fill=BLACK, anchor="mm")
    return picture


def street_map(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(420, 420, (242, 239, 233))
    for _ in range(4):
        x, y = chosen.randint(0, 360), chosen.randint(0, 360)
        draw.rectangle((x, y, x + chosen.randint(40, 120), y + chosen.randint(40, 120)), fill=(200, 230, 190))
    river = [(0, chosen.randint(0, 420))]
    while river[-1][0] < picture.width:
        river.append((river[-1][0] + 60, river[-1][1] + chosen.randint(-60, 60)))
    draw.line(river, fill=(170, 211, 223), width=16, joint="curve")
    widest = 10
    for _ in range(14):
        ends = [(chosen.randint(0, 420), 0), (chosen.randint(0, 420), 420)]
        if chosen.getrandbits(1):
            ends = [(y, x) for x, y in ends]
        width = chosen.choice([4, 6, widest])
        draw.line(ends, fill=GREY, width=width + 2)
        draw.line(ends, fill=(252, 214, 164) if width == widest else WHITE, width=width)
    for _ in range(8):
        place = (chosen.randint(10, 340), chosen.randint(10, 400))
        draw.text(place, chosen.choice(SURNAMES), font=font(11), fill=BLACK)
    return picture


def floor_plan(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(480, 380)
    draw.rectangle((30, 30, 450, 350), outline=BLACK, width=6)
    rooms = [(30, 30, 450, 350)]
    for _ in range(5):
        rooms.sort(key=lambda room: (room[0] - room[2]) * (room[3] - room[1]))
        x0, y0, x1, y1 = rooms.pop(0)
        part = chosen.uniform(0.35, 0.65)
        if x1 - x0 > y1 - y0:
            x = int(x0 + part * (x1 - x0))
            draw.line((x, y0, x, y1), fill=BLACK, width=4)
            draw.rectangle((x - 3, y0 + 20, x + 3, y0 + 50), fill=WHITE)
            rooms += [(x0, y0, x, y1), (x, y0, x1, y1)]
        else:
            y = int(y0 + part * (y1 - y0))
            draw.line((x0, y, x1, y), fill=BLACK, width=4)
            draw.rectangle((x0 + 20, y - 3, x0 + 50, y + 3), fill=WHITE)
            rooms += [(x0, y0, x1, y), (x0, y, x1, y1)]
    for x0, y0, x1, y1 in rooms:
        draw.text(((x0 + x1) / 2, (y0 + y1) / 2), f"{chosen.randint(6, 30)} m2", font=font(13), fill=BLACK, anchor="mm")
    return picture


def subway(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(420, 420)
    for line in range(4):
        x, y = chosen.randint(20, 120), chosen.randint(40, 380)
        places = [(x, y)]
        for _ in range(6):
            x, y = x + 50, min(400, max(20, y + chosen.choice([-50, 0, 0, 50])))
            places.append((x, y))
        draw.line(places, fill=INKS[line], width=8, joint="curve")
        for a, b in places:
            draw.ellipse((a - 6, b - 6, a + 6, b + 6), fill=WHITE, outline=BLACK, width=2)
    return picture


def road_sign(_chosen: random.Random, number: int) -> Picture:
    """Speed limits."""
    picture, draw = sheet(200, 200, (130, 170, 210))
    draw.ellipse((15, 15, 185, 185), fill=(200, 20, 30))
    draw.ellipse((38, 38, 162, 162), fill=WHITE)
    draw.text((100, 100), str(10 + 10 * number), font=font(60, "Sans-Bold"), fill=BLACK, anchor="mm")
    return picture


def weather_map(chosen: random.Random, _number: int) -> Picture:
    """One country, with other temperatures, suns and clouds."""
    picture, draw = sheet(440, 420, (170, 210, 240))
    shape = random.Random("one country")
    turns = [step / 20 * 2 * math.pi for step in range(20)]
    coast = [
        (220 + shape.uniform(110, 190) * math.cos(turn), 210 + shape.uniform(120, 190) * math.sin(turn))
        for turn in turns
    ]
    draw.polygon(coast, fill=(190, 220, 160), outline=GREY)
    for _ in range(9):
        x, y = shape.randint(90, 350), shape.randint(80, 340)
        draw.text((x, y + 20), f"{chosen.randint(-5, 30)}°", font=font(16, "Sans-Bold"), fill=INKS[3], anchor="mm")
        sun, cloud = chosen.choice([(True, False), (False, True), (True, True)])
        if sun:
            draw.ellipse((x - 11, y - 11, x + 11, y + 11), fill=(255, 200, 0))
        if cloud:
            draw.ellipse((x - 14, y - 4, x + 14, y + 10), fill=(240, 240, 240), outline=GREY)
    return picture
