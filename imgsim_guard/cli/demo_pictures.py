"""Drawn pictures for the demo, as unlike one another as photographs of different things."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTH, HEIGHT = 480, 360

LIT = 0.6
"""The share of windows behind which somebody is awake."""


def hills() -> NDArray[np.uint8]:
    """Green ridges under a blue sky with a sun, [360, 480, 3], BGR; so are the others."""
    picture, random = _gradient((235, 190, 120), (250, 235, 215)), np.random.default_rng(1)
    cv2.circle(picture, (360, 70), 34, (90, 220, 255), -1, cv2.LINE_AA)
    x = np.arange(WIDTH)
    for ridge in range(4):
        y = 150 + 45 * ridge + 22 * np.sin(x / (38 + 11 * ridge) + ridge) + 8 * np.sin(x / 13)
        outline = np.array([(0, HEIGHT), *zip(x, y, strict=True), (WIDTH, HEIGHT)]).astype(np.int32)
        cv2.fillPoly(picture, [outline], (60 + 10 * ridge, 150 - 25 * ridge, 80 - 10 * ridge), cv2.LINE_AA)
        for column in random.integers(0, WIDTH, 15):
            foot = (int(column), int(y[column]))
            cv2.line(picture, foot, (foot[0], foot[1] - 18), (40, 60, 30), 3, cv2.LINE_AA)
    return _grained(picture)


def city() -> NDArray[np.uint8]:
    """Towers with lit windows at night."""
    picture, random = _gradient((60, 20, 10), (90, 45, 60)), np.random.default_rng(2)
    for left in range(0, WIDTH, 60):
        top = int(random.integers(60, 220))
        cv2.rectangle(picture, (left + 4, top), (left + 54, HEIGHT), (35, 28, 28), -1)
        for row in range(top + 8, HEIGHT - 8, 16):
            for column in range(left + 10, left + 48, 12):
                if random.random() < LIT:
                    cv2.rectangle(picture, (column, row), (column + 6, row + 8), (110, 215, 250), -1)
    return _grained(picture)


def fruit() -> NDArray[np.uint8]:
    """Round fruit on a checked cloth."""
    picture, random = np.full((HEIGHT, WIDTH, 3), 245, np.uint8), np.random.default_rng(3)
    for row in range(0, HEIGHT, 40):
        for column in range((row // 40 % 2) * 40, WIDTH, 80):
            cv2.rectangle(picture, (column, row), (column + 40, row + 40), (90, 90, 220), -1)
    for _ in range(9):
        centre = (int(random.integers(60, 420)), int(random.integers(60, 300)))
        radius = int(random.integers(24, 52))
        colour = (int(random.integers(0, 60)), int(random.integers(90, 200)), 230)
        cv2.circle(picture, centre, radius, colour, -1, cv2.LINE_AA)
        shine = (centre[0] - radius // 3, centre[1] - radius // 3)
        cv2.circle(picture, shine, radius // 5, (255, 255, 255), -1, cv2.LINE_AA)
    return _grained(picture)


def page() -> NDArray[np.uint8]:
    """A page of writing with a chart."""
    picture, random = np.full((HEIGHT, WIDTH, 3), 250, np.uint8), np.random.default_rng(4)
    for line in range(8):
        words = " ".join("n" * int(random.integers(2, 9)) for _ in range(7))
        cv2.putText(picture, words, (30, 40 + 20 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (30, 30, 30), 1, cv2.LINE_AA)
    for bar, height in enumerate(random.integers(20, 120, 9).tolist()):
        cv2.rectangle(picture, (40 + 45 * bar, 340 - height), (70 + 45 * bar, 340), (180, 120, 30), -1)
    return _grained(picture)


def edited_copy(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture cropped to 92 % of each side and brightened by a tenth."""
    height, width = picture.shape[:2]
    cropped = picture[height * 4 // 100 : height * 96 // 100, width * 4 // 100 : width * 96 // 100]
    return np.asarray(np.clip(cropped * 1.1, 0, 255), np.uint8)


def _gradient(top: tuple[int, int, int], bottom: tuple[int, int, int]) -> NDArray[np.uint8]:
    down = np.linspace(0, 1, HEIGHT)[:, None, None]
    rows = np.array(top) * (1 - down) + np.array(bottom) * down
    return np.ascontiguousarray(np.broadcast_to(rows, (HEIGHT, WIDTH, 3)), np.uint8)


def _grained(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    grain = np.random.default_rng(0).normal(0, 5, picture.shape)
    return np.clip(picture + grain, 0, 255).astype(np.uint8)
