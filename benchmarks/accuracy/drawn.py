"""Draws different pictures of one kind, as programs do: charts, boards, flags, maps, notes, plans, sprites, signs.

Every picture is drawn from the name of its kind and its number, so that the same pictures come out wherever the same
version of Pillow and the DejaVu fonts are. Within a kind no two pictures are copies.
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

from templates import GOODS, NAMES, SURNAMES, WHITE, Picture, font, listed, sheet, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from PIL import ImageDraw

DRAWN = 10
"""Pictures of each kind."""

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


def draw_drawn(folder: Path) -> Iterator[tuple[str, list[Path]]]:
    """Draw every kind into a folder of its own; yields the kind and its pictures when it is done."""
    for name, draw in DRAWN_KINDS.items():
        (folder / name).mkdir(parents=True)
        paths = [folder / name / f"{number:02}.png" for number in range(DRAWN)]
        for number, path in enumerate(paths):
            draw(random.Random(f"{name}{number}"), number).save(path)
        yield name, paths


def _axes(title: str, ticks: int = 6) -> tuple[Picture, ImageDraw.ImageDraw]:
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


def bars(chosen: random.Random, _number: int) -> Picture:
    picture, draw = _axes("share of votes")
    for bar in range(6):
        x = 75 + bar * 60
        draw.rectangle((x, 280 - chosen.uniform(20, 220), x + 42, 280), fill=INKS[0])
    return picture


def stacked(chosen: random.Random, _number: int) -> Picture:
    picture, draw = _axes("turnover by quarter")
    for bar in range(8):
        x, y = 70 + bar * 45, 280.0
        for layer in range(3):
            top = y - chosen.uniform(10, 75)
            draw.rectangle((x, top, x + 34, y), fill=INKS[layer])
            y = top
    return picture


def curves(chosen: random.Random, _number: int) -> Picture:
    picture, draw = _axes("loss")
    for line in range(2):
        rate, start = chosen.uniform(0.5, 3), chosen.uniform(120, 220)
        places = [
            (60 + step * 6, 280 - start * math.exp(-rate * step / 30) - chosen.uniform(0, 8)) for step in range(62)
        ]
        draw.line(places, fill=INKS[line], width=2)
    return picture


def scatter(chosen: random.Random, _number: int) -> Picture:
    picture, draw = _axes("weight and height")
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


PIECES = "♔♕♖♗♘♙♚♛♜♝♞♟"


def chess(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(360, 360)
    for square in range(64):
        x, y = square % 8 * 45, square // 8 * 45
        dark = (square % 8 + square // 8) % 2
        draw.rectangle((x, y, x + 44, y + 44), fill=(181, 136, 99) if dark else (240, 217, 181))
        if chosen.random() < 0.35:  # noqa: PLR2004  as in the middle of a game
            draw.text((x + 22, y + 22), chosen.choice(PIECES), font=font(34), fill=BLACK, anchor="mm")
    return picture


def go_board(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(380, 380, (220, 179, 92))
    for line in range(19):
        place = 19 + line * 19
        draw.line((19, place, 361, place), fill=BLACK)
        draw.line((place, 19, place, 361), fill=BLACK)
    for point in chosen.sample(range(361), 60):
        x, y = 19 + point % 19 * 19, 19 + point // 19 * 19
        draw.ellipse((x - 8, y - 8, x + 8, y + 8), fill=chosen.choice([BLACK, WHITE]), outline=BLACK)
    return picture


def sudoku(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(380, 380)
    for line in range(10):
        place, width = 10 + line * 40, 1 if line % 3 else 3
        draw.line((10, place, 370, place), fill=BLACK, width=width)
        draw.line((place, 10, place, 370), fill=BLACK, width=width)
    for cell in chosen.sample(range(81), 30):
        x, y = 30 + cell % 9 * 40, 30 + cell // 9 * 40
        draw.text((x, y), str(chosen.randint(1, 9)), font=font(24), fill=BLACK, anchor="mm")
    return picture


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
    while river[-1][0] < 420:  # noqa: PLR2004  the width
        river.append((river[-1][0] + 60, river[-1][1] + chosen.randint(-60, 60)))
    draw.line(river, fill=(170, 211, 223), width=16, joint="curve")
    for _ in range(14):
        ends = [(chosen.randint(0, 420), 0), (chosen.randint(0, 420), 420)]
        if chosen.getrandbits(1):
            ends = [(y, x) for x, y in ends]
        width = chosen.choice([4, 6, 10])
        draw.line(ends, fill=GREY, width=width + 2)
        draw.line(ends, fill=WHITE if width < 10 else (252, 214, 164), width=width)  # noqa: PLR2004  main roads
    for _ in range(8):
        place = (chosen.randint(10, 340), chosen.randint(10, 400))
        draw.text(place, chosen.choice(SURNAMES), font=font(11), fill=BLACK)
    return picture


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
            draw.ellipse((x, y - 4, x + 11, y + 4), fill=BLACK if chosen.random() < 0.7 else WHITE, outline=BLACK)  # noqa: PLR2004
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
    labels = listed("Wi-Fi Bluetooth Location Sound Display Battery Storage Privacy Language Updates")
    for row, label in enumerate(labels):
        y = 75 + row * 55
        draw.rounded_rectangle((10, y, 350, y + 48), 8, fill=WHITE)
        draw.text((25, y + 13), label, font=font(17), fill=BLACK)
        if row < 6:  # noqa: PLR2004  the others have values
            on = chosen.getrandbits(1)
            draw.rounded_rectangle((290, y + 11, 338, y + 37), 13, fill=(52, 199, 89) if on else LIGHT)
            x = 314 if on else 292
            draw.ellipse((x, y + 13, x + 22, y + 35), fill=WHITE)
        else:
            draw.text((338, y + 24), f"{chosen.randint(1, 99)} %", font=font(15), fill=GREY, anchor="rm")
    return picture


def sprite(chosen: random.Random, _number: int) -> Picture:
    """Pixel art of 12 by 12, symmetrical, in three colours."""
    picture, draw = sheet(48, 48)
    palette = chosen.sample(INKS, 3)
    for row in range(1, 11):
        for column in range(1, 6):
            if chosen.random() < 0.6:  # noqa: PLR2004  more filled than not
                colour = chosen.choice(palette)
                for x in (column, 11 - column):
                    draw.rectangle((x * 4, row * 4, x * 4 + 3, row * 4 + 3), fill=colour)
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


def circuit(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(480, 360)
    for row in range(4):
        for column in range(5):
            x, y = 50 + column * 80, 50 + row * 80
            for x1, y1 in ((x + 80, y), (x, y + 80)):
                if chosen.random() < 0.6 and x1 <= 370 and y1 <= 290:  # noqa: PLR2004  the edge
                    draw.line((x, y, x1, y1), fill=BLACK, width=2)
                    _part(draw, (x + x1) // 2, (y + y1) // 2, chosen)
    return picture


def _part(draw: ImageDraw.ImageDraw, x: int, y: int, chosen: random.Random) -> None:
    what = chosen.randrange(4)
    if what == 0:
        draw.rectangle((x - 15, y - 7, x + 15, y + 7), fill=WHITE, outline=BLACK, width=2)
        draw.text((x, y - 16), f"R{chosen.randint(1, 99)}", font=font(11), fill=BLACK, anchor="mm")
    elif what == 1:
        draw.ellipse((x - 12, y - 12, x + 12, y + 12), fill=WHITE, outline=BLACK, width=2)
    elif what == 2:  # noqa: PLR2004  a diode
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


def qr_code(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(290, 290)
    for module in range(25 * 25):
        if chosen.getrandbits(1):
            x, y = 20 + module % 25 * 10, 20 + module // 25 * 10
            draw.rectangle((x, y, x + 9, y + 9), fill=BLACK)
    for x, y in ((20, 20), (200, 20), (20, 200)):
        draw.rectangle((x, y, x + 79, y + 79), fill=WHITE)
        draw.rectangle((x, y, x + 69, y + 69), fill=BLACK)
        draw.rectangle((x + 10, y + 10, x + 59, y + 59), fill=WHITE)
        draw.rectangle((x + 20, y + 20, x + 49, y + 49), fill=BLACK)
    return picture


def barcode(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(360, 180)
    x = 30
    while x < 325:  # noqa: PLR2004  the right margin
        width = chosen.choice([2, 2, 4, 6])
        draw.rectangle((x, 20, x + width - 1, 140), fill=BLACK)
        x += width + chosen.choice([2, 2, 4, 6])
    digits = " ".join(str(chosen.randint(0, 9)) for _ in range(13))
    draw.text((180, 158), digits, font=font(16), fill=BLACK, anchor="mm")
    return picture


def card(_chosen: random.Random, number: int) -> Picture:
    """Playing cards: the same suits in turns, other ranks."""
    picture, draw = sheet(200, 280)
    suit, rank = "♠♥♣♦"[number % 4], number // 2 + 2
    ink = BLACK if suit in "♠♣" else (200, 20, 30)
    draw.rounded_rectangle((2, 2, 197, 277), 12, outline=GREY, width=2)
    for x, y in ((20, 24), (180, 256)):
        draw.text((x, y), f"{rank}{suit}", font=font(16, "Sans-Bold"), fill=ink, anchor="mm")
    for pip in range(rank):
        x, y = 65 + pip % 2 * 70, 60 + pip // 2 * 40
        draw.text((x, y), suit, font=font(34), fill=ink, anchor="mm")
    return picture


def road_sign(_chosen: random.Random, number: int) -> Picture:
    """Speed limits."""
    picture, draw = sheet(200, 200, (130, 170, 210))
    draw.ellipse((15, 15, 185, 185), fill=(200, 20, 30))
    draw.ellipse((38, 38, 162, 162), fill=WHITE)
    draw.text((100, 100), str(10 + 10 * number), font=font(60, "Sans-Bold"), fill=BLACK, anchor="mm")
    return picture


SKINS = ((255, 220, 93), (247, 222, 206), (224, 187, 149), (191, 143, 104), (124, 83, 62))


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


def calendar(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(560, 440)
    draw.text((280, 28), f"{chosen.choice(NAMES)}'s month", font=font(24, "Sans-Bold"), fill=BLACK, anchor="mm")
    for cell in range(35):
        x, y = cell % 7 * 78 + 7, 60 + cell // 7 * 74
        draw.rectangle((x, y, x + 78, y + 74), outline=GREY)
        draw.text((x + 6, y + 4), str(cell + 1), font=font(12), fill=GREY)
        if chosen.random() < 0.4:  # noqa: PLR2004  some days have entries
            draw.rounded_rectangle((x + 4, y + 26, x + 74, y + 48), 4, fill=chosen.choice(INKS))
            draw.text((x + 9, y + 30), words(chosen, 1), font=font(12), fill=WHITE)
    return picture


def flowchart(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(480, 460)
    for row in range(4):
        for column in range(2):
            x, y = 50 + column * 220, 25 + row * 110
            if row < 3:  # noqa: PLR2004  the last row ends
                draw.line((x + 75, y + 55, x + 75, y + 110), fill=BLACK, width=2)
            if chosen.getrandbits(1) and not column:
                draw.line((x + 150, y + 27, x + 220, y + 27), fill=BLACK, width=2)
            draw.rounded_rectangle((x, y, x + 150, y + 55), 8, fill=(225, 235, 250), outline=BLACK, width=2)
            draw.text((x + 75, y + 27), words(chosen, 2), font=font(15), fill=BLACK, anchor="mm")
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


DRAWN_KINDS: dict[str, Callable[[random.Random, int], Picture]] = {
    "bar charts": bars,
    "stacked bars": stacked,
    "curves": curves,
    "scatter plots": scatter,
    "pies": pie,
    "heat maps": heatmap,
    "chess": chess,
    "go": go_board,
    "sudokus": sudoku,
    "flags": flag,
    "flags with a cross": cross_flag,
    "coloured maps": choropleth,
    "street maps": street_map,
    "sheet music": music,
    "dashboards": dashboard,
    "settings": settings,
    "sprites": sprite,
    "floor plans": floor_plan,
    "circuits": circuit,
    "molecules": molecule,
    "QR codes": qr_code,
    "bar codes": barcode,
    "playing cards": card,
    "road signs": road_sign,
    "smileys": smiley,
    "masks": mask,
    "label masks": labels_mask,
    "clocks": clock,
    "calendars": calendar,
    "flowcharts": flowchart,
    "Gantt charts": gantt,
    "subway maps": subway,
}
