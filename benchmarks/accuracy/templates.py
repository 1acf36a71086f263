"""Draws different pictures of one layout: receipts, forms, slides, chats, lists, tables, number plates, glyphs, icons.

Every picture is drawn from the name of its kind and its number, so that the same pictures come out wherever the same
version of Pillow and the DejaVu fonts are.
"""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Face = Literal["Sans", "Sans-Bold", "SansMono", "SansMono-Bold", "Serif", "Serif-Italic"]
Picture = Image.Image

DRAWN = 24
"""Pictures of each kind; of glyphs, one of each character."""


def listed(text: str) -> list[str]:
    return text.split()


NAMES = listed(
    "Anna Ben Carla David Emma Farid Grace Hiro Ines Jonas Kira Leo Mara Nils Olga Pavel Rosa Sven Tara Umar"
)
SURNAMES = listed("Meyer Smith Garcia Rossi Novak Jensen Silva Kim Wong Patel Haddad Dubois Kovacs Berg Costa Lund")
GOODS = listed(
    "MILK BREAD EGGS BUTTER RICE APPLE JUICE SOAP TEA COFFEE SUGAR CHEESE FISH CHICKEN TOMATO ONION PEN "
    "PAPER TAPE NAILS PAINT BRUSH LAMP CABLE"
)
WORDS = listed(
    "the model data image of result with growth in market for next year plan team build review cost time "
    "value user first open new quality more test risk change work over under small large city water river "
    "forest night light paper"
)
CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789&@#%?!"
LETTERS = "ABCDEFGHKLMNPRSTUVWXYZ"
WHITE = (255, 255, 255)
BLUE, TEAL, GREEN = (60, 60, 200), (20, 90, 110), (7, 94, 84)


class Kind(NamedTuple):
    """A kind of picture, what draws one, and how many there are. `small`: too small for print."""

    draw: Callable[[random.Random, int], Picture]
    number: int = DRAWN
    small: bool = False


def draw_all(folder: Path) -> Iterator[tuple[str, int]]:
    """Draw every kind into a folder of its own; yields the kind and how many pictures it has, when it is done."""
    for name, kind in KINDS.items():
        (folder / name).mkdir(parents=True)
        for number in range(kind.number):
            kind.draw(random.Random(f"{name}{number}"), number).save(folder / name / f"{number:03}.png")
        yield name, kind.number


def font(size: int, face: Face = "Sans") -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(f"DejaVu{face}.ttf", size)


def words(chosen: random.Random, number: int) -> str:
    return " ".join(chosen.choices(WORDS, k=number))


def sheet(width: int, height: int, colour: tuple[int, int, int] = WHITE) -> tuple[Picture, ImageDraw.ImageDraw]:
    picture = Image.new("RGB", (width, height), colour)
    return picture, ImageDraw.Draw(picture)


def scanned(picture: Picture, chosen: random.Random) -> Picture:
    """With a slight turn, noise, and paper that is not quite white."""
    turned = picture.rotate(chosen.uniform(-0.7, 0.7), Image.Resampling.BICUBIC, fillcolor="white")
    values = np.asarray(turned.filter(ImageFilter.GaussianBlur(0.6)), np.float32) * chosen.uniform(0.9, 1.0)
    noise = np.random.default_rng(chosen.getrandbits(32)).standard_normal(values.shape)
    return Image.fromarray(np.clip(values + noise * 3, 0, 255).astype(np.uint8))


def receipt(chosen: random.Random, _number: int) -> Picture:
    return _receipt(chosen, chosen.randint(3, 16))


def _receipt(chosen: random.Random, lines: int) -> Picture:
    picture, draw = sheet(460, 470 + 26 * lines + chosen.randint(0, 30))
    mono, y = font(17, "SansMono"), 20 + chosen.randint(0, 12)
    draw.text((110, y), "GREEN MART SDN", font=font(26, "SansMono-Bold"), fill="black")
    for line in ("(Co. No. 293847-K)", "12 Jalan Besar, 50000 K.L.", "GST ID 000384756", "TAX INVOICE"):
        y += 30
        draw.text((120, y), line, font=mono, fill="black")
    day = f"{chosen.randint(10000, 99999)}  {chosen.randint(1, 28):02}/{chosen.randint(1, 12):02}/2018"
    draw.text(
        (20, y + 40), f"Bill {day} {chosen.randint(8, 22):02}:{chosen.randint(0, 59):02}", font=mono, fill="black"
    )
    draw.text((20, y + 66), f"Cashier: {chosen.choice(NAMES)}", font=mono, fill="black")
    y += 100
    draw.line((20, y, 440, y), fill="black", width=2)
    total = 0.0
    for _ in range(lines):
        y += 26
        count, price = chosen.randint(1, 5), chosen.randint(50, 4000) / 100
        total += count * price
        what = f"{count} x {chosen.choice(GOODS)} {chosen.choice(GOODS):<10}"
        _priced(draw, y, what, count * price)
    y += 36
    draw.line((20, y, 440, y), fill="black", width=2)
    sums = {"TOTAL": total, "ROUNDING": 0.02, "CASH": total + 5, "CHANGE": 5.0, "GST 6%": total * 0.06}
    for what, price in sums.items():
        y += 26
        _priced(draw, y, what, price)
    draw.text((60, y + 50), "THANK YOU. PLEASE COME AGAIN", font=mono, fill="black")
    return scanned(picture, chosen)


def _priced(draw: ImageDraw.ImageDraw, y: int, what: str, price: float) -> None:
    mono = font(17, "SansMono")
    draw.text((20, y), what, font=mono, fill="black")
    draw.text((360, y), f"{price:8.2f}", font=mono, fill="black")


def shaded(chosen: random.Random, _number: int) -> Picture:
    """A receipt of six or seven lines under a lamp: the paper runs from white to grey."""
    values = np.asarray(_receipt(chosen, chosen.randint(6, 7)), np.float32)
    height, width = values.shape[:2]
    x, y = chosen.uniform(0, width), chosen.uniform(0, height)
    rows, columns = np.mgrid[:height, :width]
    light = 1 - 0.55 * np.hypot((columns - x) / width, (rows - y) / height)
    return Image.fromarray(np.clip(values * light[..., None] * (1, 0.98, 0.92), 0, 255).astype(np.uint8))


def form(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(800, 1100)
    draw.rectangle((0, 0, 800, 80), fill=(40, 70, 130))
    draw.text((30, 22), "APPLICATION FOR REGISTRATION", font=font(32, "Sans-Bold"), fill="white")
    for row, (label, answer) in enumerate(_answers(chosen)):
        y = 120 + row * 105
        draw.text((40, y), f"{row + 1}. {label}", font=font(18), fill=(60, 60, 60))
        draw.rectangle((40, y + 28, 760, y + 80), outline="black", width=2)
        place = (52 + chosen.randint(0, 40), y + 38)
        draw.text(place, answer, font=font(24, "Serif-Italic"), fill=(20, 20, 120))
    return picture if chosen.getrandbits(1) else scanned(picture, chosen)


def _answers(chosen: random.Random) -> Iterator[tuple[str, str]]:
    name, surname = chosen.choice(NAMES), chosen.choice(SURNAMES)
    yield "Family name", surname
    yield "Given name", name
    yield "Date of birth", f"{chosen.randint(1, 28)}.{chosen.randint(1, 12)}.{chosen.randint(1940, 2005)}"
    yield "Street", f"{chosen.choice(SURNAMES)} {words(chosen, 2)} {chosen.randint(1, 200)}"
    yield "Town", f"{chosen.choice(SURNAMES)} {words(chosen, 1)}"
    yield "Telephone", f"0{chosen.randint(10, 999)} {chosen.randint(10**5, 10**7)}"
    yield "E-mail", f"{name.lower()}@{chosen.choice(WORDS)}.example"
    yield "Remarks", words(chosen, chosen.randint(0, 6))
    yield "Signature", surname


def slide(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(1280, 720, (245, 245, 250))
    draw.rectangle((0, 0, 1280, 100), fill=TEAL)
    draw.rectangle((0, 680, 1280, 720), fill=TEAL)
    draw.ellipse((1160, 15, 1230, 85), fill=(250, 180, 40))
    draw.text((1180, 30), "Q", font=font(34, "Sans-Bold"), fill="white")
    foot = "Quarterly report  -  Department of Examples  -  confidential"
    draw.text((20, 688), foot, font=font(18), fill="white")
    title = words(chosen, chosen.randint(2, 4)).capitalize()
    draw.text((40, 25), title, font=font(44, "Sans-Bold"), fill="white")
    for row in range(chosen.randint(3, 6)):
        y = 150 + row * 85
        draw.ellipse((60, y + 10, 76, y + 26), fill=TEAL)
        draw.text((100, y), words(chosen, chosen.randint(3, 7)), font=font(28), fill=(30, 30, 30))
    for bar in range(5 * chosen.getrandbits(1)):
        x, height = 850 + bar * 70, chosen.randint(40, 300)
        draw.rectangle((x, 600 - height, x + 50, 600), fill=(20, 90 + 20 * bar, 110))
    return picture


def chat(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(540, 1110, (236, 229, 221))
    draw.rectangle((0, 0, 540, 90), fill=GREEN)
    draw.text((20, 5), f"{chosen.randint(1, 12)}:{chosen.randint(10, 59)}", font=font(18), fill="white")
    draw.ellipse((20, 35, 68, 83), fill=_colour(chosen, 0, 255))
    who = f"{chosen.choice(NAMES)} {chosen.choice(SURNAMES)}"
    draw.text((85, 42), who, font=font(24, "Sans-Bold"), fill="white")
    y = 110
    while y < 980:  # noqa: PLR2004  above the line to write in
        lines, mine = chosen.randint(1, 3), bool(chosen.getrandbits(1))
        x = 150 if mine else 20
        bubble = (220, 248, 198) if mine else WHITE
        draw.rounded_rectangle((x, y, x + 370, y + 30 * lines + 20), 12, fill=bubble)
        for line in range(lines):
            draw.text((x + 14, y + 8 + 30 * line), words(chosen, 5)[:30], font=font(20), fill="black")
        y += 30 * lines + 32
    draw.rectangle((0, 1040, 540, 1110), fill="white")
    draw.text((30, 1060), "Message", font=font(22), fill=(130, 130, 130))
    draw.ellipse((470, 1048, 526, 1104), fill=GREEN)
    return picture


def orders(chosen: random.Random, _number: int) -> Picture:
    """A shop's list of orders on a telephone."""
    picture, draw = sheet(540, 960)
    draw.rectangle((0, 0, 540, 80), fill=BLUE)
    draw.text((20, 22), "My orders", font=font(30, "Sans-Bold"), fill="white")
    for y in range(100, 940, 105):
        draw.rectangle((20, y, 110, y + 90), fill=_colour(chosen, 60, 255))
        draw.text((40, y + 20), chosen.choice(GOODS)[0], font=font(44, "Sans-Bold"), fill="white")
        goods = f"{chosen.choice(GOODS).title()} {chosen.choice(GOODS).lower()}"
        draw.text((130, y + 5), goods, font=font(22, "Sans-Bold"), fill="black")
        order = f"Order {chosen.randint(1000, 9999)}-{chosen.randint(100, 999)}"
        draw.text((130, y + 36), order, font=font(18), fill=(110, 110, 110))
        state = chosen.choice(["delivered", "on its way", "cancelled", "being packed"])
        draw.text((130, y + 62), state, font=font(18), fill=(0, 120, 0))
        price = f"{chosen.randint(1, 99)}.{chosen.randint(0, 99):02}"
        draw.text((440, y + 30), price, font=font(22), fill="black")
        draw.line((20, y + 98, 520, y + 98), fill=(220, 220, 220))
    return picture


def table(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(900, 700)
    for x in range(20, 900, 143):
        draw.line((x, 20, x, 680), fill="black")
    for row in range(23):
        y = 20 + row * 30
        draw.line((20, y, 878, y), fill="black")
        if row < 22:  # noqa: PLR2004  the last line closes the table
            for column, text in enumerate(_cells(chosen) if row else HEAD):
                draw.text((28 + column * 143, y + 5), text, font=font(17), fill="black")
    return picture


HEAD = ("id", "date", "name", "amount", "rate", "status")


def _cells(chosen: random.Random) -> tuple[str, ...]:
    return (
        f"{chosen.randint(100, 999)}",
        f"2024-{chosen.randint(1, 12):02}-{chosen.randint(1, 28):02}",
        chosen.choice(SURNAMES),
        f"{chosen.randint(1, 99999)}",
        f"{chosen.random():.3f}",
        chosen.choice(["ok", "late", "open"]),
    )


def plate(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(400, 110, (245, 245, 240))
    draw.rectangle((3, 3, 396, 106), outline="black", width=4)
    draw.rectangle((6, 6, 45, 103), fill=(20, 50, 160))
    letters = "".join(chosen.choices(LETTERS, k=4))
    text = f"{letters[:2]} {letters[2:]} {chosen.randint(100, 999)}"
    draw.text((60, 20), text, font=font(58, "SansMono-Bold"), fill="black")
    return scanned(picture, chosen)


def glyph(chosen: random.Random, number: int, size: int) -> Picture:
    picture, draw = sheet(size, size)
    faces: list[Face] = ["Sans", "Serif", "SansMono", "Sans-Bold"]
    face = font(int(size * 0.8), chosen.choice(faces))
    draw.text((size / 2, size / 2), CHARACTERS[number], font=face, fill="black", anchor="mm")
    return picture


def icon(chosen: random.Random, _number: int, size: int) -> Picture:
    side = size * 4
    picture, draw = sheet(side, side)
    square = (side * 0.04, side * 0.04, side * 0.96, side * 0.96)
    draw.rounded_rectangle(square, side * 0.2, fill=_colour(chosen, 30, 220))
    for _ in range(chosen.randint(1, 3)):
        x, y = (chosen.uniform(0.15, 0.5) * side for _ in range(2))
        width, height = (chosen.uniform(0.2, 0.4) * side for _ in range(2))
        shape = chosen.choice([draw.rectangle, draw.ellipse])
        shape((x, y, x + width, y + height), fill=chosen.choice([WHITE, (0, 0, 0), (255, 255, 0), (220, 60, 60)]))
    line = (side * chosen.random(), side * 0.2, side * chosen.random(), side * 0.8)
    draw.line(line, fill="white", width=side // 12)
    small = cv2.resize(np.asarray(picture), (size, size), interpolation=cv2.INTER_AREA)
    return Image.fromarray(np.asarray(small, np.uint8))


def _colour(chosen: random.Random, low: int, high: int) -> tuple[int, int, int]:
    return chosen.randint(low, high), chosen.randint(low, high), chosen.randint(low, high)


KINDS = {
    **{draw.__name__: Kind(draw) for draw in (receipt, shaded, form, slide, chat, orders, table, plate)},
    **{f"glyph{size}": Kind(partial(glyph, size=size), len(CHARACTERS), small=True) for size in (16, 32, 64)},
    **{f"icon{size}": Kind(partial(icon, size=size), small=True) for size in (24, 64)},
}
