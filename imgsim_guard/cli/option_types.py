"""From the text of an option to its value. Each raises ArgumentTypeError for a text that is none."""

from __future__ import annotations

import argparse
import re

from imgsim_guard.model import Share, share_of


def address(text: str) -> str:
    """An address of a Ray cluster; empty for a new one on this machine."""
    if not re.fullmatch(r"|auto|(ray://)?[^/\s]+:\d{1,5}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an address such as 10.0.0.5:6379; write paths before --ray")
    return text


def rate(text: str) -> Share:
    """A share above 0."""
    share = share_of(text)
    if share is None or share.percent == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share such as 1% or 0.5%")
    return share


def number(text: str) -> int:
    """A whole number of at most nine digits."""
    if not re.fullmatch(r"\d{1,9}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number such as 2000")
    return int(text)


def count(text: str) -> int:
    """A whole number from 1 to 9999."""
    if not re.fullmatch(r"[1-9]\d{0,3}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 9999")
    return int(text)


def distance(text: str) -> float:
    """A distance of AugNet's."""
    if not re.fullmatch(r"\d{1,3}(\.\d{1,4})?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a distance such as 20 or 12.5")
    return float(text)
