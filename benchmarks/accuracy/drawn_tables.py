"""Draws tables: sheets, small tables with a header, nutrition labels, tickets, seat plans, logs of a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drawing_tools import BLACK, GREY, LIGHT, likely
from templates import SURNAMES, WHITE, Picture, font, listed, sheet, words

if TYPE_CHECKING:
    import random

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"


def small_table(chosen: random.Random, _number: int) -> Picture:
    """Prices by month in digits that are 7 pixels high."""
    picture, draw = sheet(600, 300)
    columns = listed("Month Open High Low Close Volume Mean Change")
    draw.rectangle((10, 10, 586, 32), fill=(221, 230, 240))
    for row, label in enumerate(("", *listed(MONTHS))):
        for column, title in enumerate(columns):
            x, y = 10 + column * 72, 10 + row * 22
            draw.rectangle((x, y, x + 72, y + 22), outline=(204, 204, 204))
            value = f"{chosen.uniform(10, 99):.2f}" if row else title
            draw.text((x + 66, y + 11), label if row and not column else value, font=font(9), fill=BLACK, anchor="rm")
    return picture


def large_sheet(chosen: random.Random, _number: int) -> Picture:
    """A sheet of 1300 by 920 pixels, with numbers of two digits in 40 rows and 17 columns."""
    picture, draw = sheet(1300, 920)
    for row in range(41):
        for column in range(18):
            x, y = 4 + column * 72, 8 + row * 22
            head = not row or not column
            draw.rectangle((x, y, x + 72, y + 22), fill=(238, 238, 238) if head else WHITE, outline=(221, 221, 221))
            value = str(row + column) if head else str(chosen.randint(10, 99))
            draw.text((x + 66, y + 11), value, font=font(11), fill=GREY if head else BLACK, anchor="rm")
    return picture


def dark_sheet(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(900, 560, (30, 30, 30))
    face = font(11, "SansMono")
    for row in range(27):
        for column in range(11):
            x, y = 6 + column * 80, 8 + row * 20
            draw.rectangle((x, y, x + 80, y + 20), outline=(51, 51, 51))
            value = str(row + 1) if not column else str(chosen.randint(0, 9999))
            draw.text((x + 74, y + 10), value, font=face, fill=(154, 154, 154), anchor="rm")
    return picture


def nutrition_label(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(300, 440)
    draw.rectangle((2, 2, 297, 437), outline=BLACK, width=3)
    draw.text((14, 10), "Nutrition", font=font(34, "Sans-Bold"), fill=BLACK)
    for row, label in enumerate(listed("Energy Fat Saturated Sodium Carbohydrate Fibre Sugars Protein Calcium Iron")):
        y = 64 + row * 36
        draw.line((12, y, 288, y), fill=BLACK)
        draw.text((14, y + 10), label, font=font(15), fill=BLACK)
        draw.text((286, y + 10), f"{chosen.randint(0, 99)} g", font=font(15, "Sans-Bold"), fill=BLACK, anchor="ra")
    return picture


def boarding_pass(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(640, 240, (236, 236, 236))
    draw.rounded_rectangle((16, 14, 624, 226), 12, fill=WHITE)
    draw.rectangle((16, 14, 32, 226), fill=(198, 40, 40))
    draw.text((50, 28), "BOARDING PASS", font=font(20, "Sans-Bold"), fill=BLACK)
    values = (
        chosen.choice(SURNAMES).upper(),
        f"NX {chosen.randint(100, 999)}",
        f"{chosen.choice('ABCD')}{chosen.randint(1, 40)}",
        f"{chosen.randint(1, 38)}{chosen.choice('ABCDEF')}",
        chosen.choice(["OSL", "FRA", "CDG", "LHR"]),
        chosen.choice(["JFK", "NRT", "GRU", "SIN"]),
        f"{chosen.randint(0, 23):02}:{chosen.randint(0, 59):02}",
        f"{chosen.randint(1, 28)} MAY",
    )
    for place, (label, value) in enumerate(zip(listed("NAME FLIGHT GATE SEAT FROM TO TIME DATE"), values, strict=True)):
        x, y = 50 + place % 4 * 145, 78 + place // 4 * 72
        draw.text((x, y), label, font=font(11), fill=GREY)
        draw.text((x, y + 18), value, font=font(20, "Sans-Bold"), fill=BLACK)
    return picture


def seat_plan(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(340, 560)
    for row in range(12):
        draw.text((170, 32 + row * 44), str(row + 1), font=font(13), fill=GREY, anchor="mm")
        for seat in range(6):
            x, y = 18 + seat * 46 + seat // 3 * 40, 14 + row * 44
            colour = (211, 47, 47) if likely(chosen, 0.4) else (76, 175, 80)
            draw.rounded_rectangle((x, y, x + 36, y + 36), 6, fill=colour)
    return picture


def terminal(chosen: random.Random, _number: int) -> Picture:
    """What a shell printed: names, sizes and times of files."""
    picture, draw = sheet(760, 480, (48, 10, 36))
    face = font(13, "SansMono")
    for row in range(25):
        y = 8 + row * 18.5
        time = f"{chosen.randint(0, 23):02}:{chosen.randint(0, 59):02}"
        text = f"-rw-r--r-- 1 user user {chosen.randint(100, 99999):>6} Jan {chosen.randint(1, 28):>2} {time}"
        draw.text((10, y), text, font=face, fill=LIGHT)
        draw.text((420, y), f"{words(chosen, 1)}.txt", font=face, fill=(120, 160, 255))
    return picture
