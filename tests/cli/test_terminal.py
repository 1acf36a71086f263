"""Progress where there is no terminal."""

from __future__ import annotations

import time

import pytest

from imgsim_guard.cli.terminal import progress_display


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in its first place."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_without_a_terminal_a_line_is_printed_twice_a_minute(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with progress_display(quiet=False) as progress:
        done = progress(100, "hashing")
        for _ in range(75):
            clock[0] += 1
            done()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "hashing: 30 of 100, 1.0 a second, 70 seconds left",
        "hashing: 60 of 100, 1.0 a second, 40 seconds left",
    ]


def test_what_takes_no_half_minute_needs_no_line(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with progress_display(quiet=False) as progress:
        done = progress(29, "reading")
        for _ in range(29):
            clock[0] += 1
            done()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("quiet", "under_pre_commit"), [(True, False), (False, True)])
def test_nothing_is_printed_where_nobody_looks(
    clock: list[float],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    quiet: bool,
    under_pre_commit: bool,
) -> None:
    if under_pre_commit:
        monkeypatch.setenv("PRE_COMMIT", "1")
    with progress_display(quiet=quiet) as progress:
        done = progress(100, "embedding")
        clock[0] += 90
        done()
    assert capsys.readouterr() == ("", "")
