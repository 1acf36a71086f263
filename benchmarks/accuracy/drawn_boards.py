"""Draws boards, cards, codes and puzzles, which repeat a few elements in a grid."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from drawing_tools import BLACK, GREY, Colour, likely
from templates import WHITE, Picture, font, sheet

if TYPE_CHECKING:
    import random


PIECES = "♔♕♖♗♘♙♚♛♜♝♞♟"


def chess(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(360, 360)
    for square in range(64):
        x, y = square % 8 * 45, square // 8 * 45
        dark = (square % 8 + square // 8) % 2
        draw.rectangle((x, y, x + 44, y + 44), fill=(181, 136, 99) if dark else (240, 217, 181))
        if likely(chosen, 0.35):
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
    x, right = 30, 325
    while x < right:
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


PIPS = {
    1: [(1, 1)],
    2: [(0, 0), (2, 2)],
    3: [(0, 0), (1, 1), (2, 2)],
    4: [(0, 0), (0, 2), (2, 0), (2, 2)],
    5: [(0, 0), (0, 2), (2, 0), (2, 2), (1, 1)],
    6: [(0, 0), (0, 1), (0, 2), (2, 0), (2, 1), (2, 2)],
}


def domino(_chosen: random.Random, number: int) -> Picture:
    picture, draw = sheet(280, 160, (30, 90, 50))
    draw.rounded_rectangle((20, 20, 260, 140), 12, fill=(250, 250, 240), outline=BLACK, width=2)
    draw.line((140, 30, 140, 130), fill=BLACK, width=2)
    halves = ((1, 2), (1, 3), (2, 4), (2, 5), (3, 5), (3, 6), (4, 6), (5, 6), (1, 6), (2, 6))[number]
    for left, half in zip((20, 140), halves, strict=True):
        for column, row in PIPS[half]:
            x, y = left + 30 + column * 30, 50 + row * 30
            draw.ellipse((x - 10, y - 10, x + 10, y + 10), fill=BLACK)
    return picture


def crossword(chosen: random.Random, _number: int) -> Picture:
    picture, draw = sheet(420, 420)
    number = 1
    for cell in range(169):
        x, y = 15 + cell % 13 * 30, 15 + cell // 13 * 30
        black = likely(chosen, 0.2)
        draw.rectangle((x, y, x + 30, y + 30), outline=BLACK, fill=BLACK if black else WHITE)
        if not black and likely(chosen, 0.25):
            draw.text((x + 3, y + 2), str(number), font=font(8), fill=BLACK)
            number += 1
    return picture


def hexagons(chosen: random.Random, _number: int) -> Picture:
    """The map of a game, tile by tile."""
    picture, draw = sheet(440, 400)
    ground: tuple[Colour, ...] = ((120, 180, 80), (60, 120, 200), (220, 200, 120), (150, 150, 150), (40, 110, 50))
    for tile in range(121):
        x, y = 30 + tile % 11 * 38 + tile // 11 % 2 * 19, 25 + tile // 11 * 33
        corners = [(x + 21 * math.sin(turn * math.pi / 3), y + 21 * math.cos(turn * math.pi / 3)) for turn in range(6)]
        draw.polygon(corners, fill=chosen.choice(ground), outline=BLACK)
    return picture


def knitting(chosen: random.Random, _number: int) -> Picture:
    """A symmetrical pattern of stitches."""
    picture, draw = sheet(400, 400)
    for row in range(24):
        half = [likely(chosen, 0.4) for _ in range(12)]
        for column, red in enumerate(half + half[::-1]):
            x, y = 8 + column * 16, 8 + row * 16
            draw.rectangle(
                (x, y, x + 16, y + 16), outline=(150, 150, 150), fill=(170, 20, 40) if red else (250, 245, 235)
            )
    return picture
