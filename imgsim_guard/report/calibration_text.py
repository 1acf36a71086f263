"""The report of `calibrate` for people: the distances in the dataset, what they mean, and what to do."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from imgsim_guard.gate.calibration.rates import quantile
from imgsim_guard.report.escaping import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgsim_guard.gate.calibration.findings import Blocked, Calibration, Neighbour

QUANTILES = {"least": 0.0, "1%": 0.01, "5%": 0.05, "25%": 0.25, "half": 0.5, "75%": 0.75, "most": 1.0}

SUM = "all"

HEAD = ["threshold", "bare", "verified", "copies", "look-alikes", "undecided", "unverified", "false", "", "up to", ""]
"""Of the table; a share has no name of its own."""


def calibration_text(found: Calibration) -> str:
    """The whole report, ending in a newline."""
    lines = [*(f"note: {shown(note)}" for note in found.notes), *_left_out(found)]
    if not found.neighbours:
        lines.append("calibrating needs at least two images with an embedding.")
    else:
        by_split = [_by_split] if found.splits else []
        for section in (_distances, _looked, _table, *by_split, _conclusion):
            lines += ["", *section(found)]
    return "\n".join(lines) + "\n"


def too_few(found: Calibration) -> str:
    """Why the dataset cannot show the wanted rate, and which it could."""
    count, needed = len(found.neighbours), found.images_needed
    said = f"{count:,} images are too few to show a rate of {found.rate}: that takes {needed:,} (3 / rate)"
    least = -(-3000 // count) / 10 if count else 100.1  # percent, rounded up to a tenth
    return said + (f"; they can show --rate {least:g}%" if least <= 100 else "")  # noqa: PLR2004  percent


def unsure(found: Calibration) -> str:
    """Why the pairs that were looked at do not suffice, and how many do."""
    return (
        f"too few pairs were compared to judge the current threshold of {found.today:g}: {found.near_left:,} within it "
        f"were not; --pairs {found.looked_at + found.near_left} compares all of them"
    )


def _left_out(found: Calibration) -> Iterator[str]:
    yield f"{_count(len(found.neighbours), 'image')}, each compared with all the others."
    if found.exact:
        yield f"  left out: {found.exact:,} with the same bytes or pixels as another"
    if found.missing:
        yield f"  left out: {found.missing:,} without an embedding (imgsim-guard embed makes them)"
    if found.unreadable:
        yield f"  left out: {found.unreadable:,} unreadable or not on this machine"


def _distances(found: Calibration) -> Iterator[str]:
    yield "distance to the nearest other image (at 5%: one image in twenty is as near, or nearer)"
    rows = [["", "images", *QUANTILES], _quantiles(SUM, found.neighbours)]
    rows += [_quantiles(shown(split), found.of(split)) for split in found.splits]
    yield from _aligned(rows)


def _quantiles(name: str, neighbours: Sequence[Neighbour]) -> list[str]:
    ordered = sorted(neighbour.distance for neighbour in neighbours)
    return [name, f"{len(ordered):,}", *(f"{quantile(ordered, share):.2f}" for share in QUANTILES.values())]


def _looked(found: Calibration) -> Iterator[str]:
    if found.looked_at:
        sorts = {frozenset((one.image, one.nearest)): one.sort for one in found.neighbours if one.sort != "unverified"}
        counts = Counter(sorts.values())
        yield (
            f"pairs of nearest neighbours compared by pixels: {len(sorts):,}; copies: {counts['copy']:,}, "
            f"look-alikes: {counts['look-alike']:,}, undecided: {counts['undecided']:,}"
        )
    else:
        yield "no pixels were compared, so every image within a threshold counts as falsely blocked."
    if left := found.pairs - found.not_at_hand - found.looked_at:
        yield f"  more distant pairs that were not compared (--pairs compares more): {left:,}"
    if found.not_at_hand:
        yield f"  not compared, because pixels are not on this machine (dvc pull, git lfs pull): {found.not_at_hand:,}"


def _table(found: Calibration) -> Iterator[str]:
    yield "what each threshold would have blocked, if each image had been new"
    yield from _aligned([HEAD, *(_row(found, found.blocked_at(threshold)) for threshold in found.thresholds)])
    yield "  bare: by distance only; verified: without look-alikes, and with copies up to the reach"
    yield f"  false: blocked {_basis(found)}, and not a known copy; up to: upper limit with 95 % confidence"


def _row(found: Calibration, row: Blocked) -> list[str]:
    counts = [row.within, row.blocked(verifying=True), row.copies, row.look_alikes, row.undecided, row.unverified]
    false = row.false(verifying=found.verifying)
    names = {found.today: "current", found.suggested: "suggested"}
    if found.today == found.suggested:
        names = {found.today: "current, suggested"}
    return [
        f"{row.threshold:g}",
        *(f"{count:,}" for count in counts),
        f"{false:,}",
        _percent(false / row.images),
        _percent(row.at_most(verifying=found.verifying)),
        names.get(row.threshold, ""),
    ]


def _basis(found: Calibration) -> str:
    return "with verification" if found.verifying else "by distance only (verify: never)"


def _by_split(found: Calibration) -> Iterator[str]:
    named = sorted({found.today, found.today if found.suggested is None else found.suggested})
    rows = [["split", *HEAD]]
    for split in found.splits:
        own = [found.blocked_at(threshold, split) for threshold in named]
        rows += [[shown(split), *_row(found, row)] for row in own]
    yield from _aligned(rows)


def _conclusion(found: Calibration) -> Iterator[str]:
    if found.too_small:
        yield f"{too_few(found)}."
        yield "  the following is a guess."
    yield from [f"{unsure(found)}."] if found.unsure else _meaning(found)
    if found.verifying:
        yield from _without_pixels(found)


def _meaning(found: Calibration) -> Iterator[str]:
    suggested, wanted = found.suggested, f"for at most {found.rate} false blocks"
    if suggested is None:
        yield f"{wanted}: no threshold works; too many images are at distance 0 from an image that is not a known copy."
        yield "  imgsim-guard scan --verbose lists them; a higher --rate allows more."
        return
    if suggested == found.today:
        yield f"{wanted}: keep the threshold of {found.today:g}."
        yield from _room(found)
    elif suggested < found.today:
        yield f"{wanted}: lower the threshold from {found.today:g} to {suggested:g}."
    else:
        yield f"{wanted}: the threshold can be raised from {found.today:g} to {suggested:g}."
        yield f"  it would have blocked {_more(found, suggested)}."
    yield from (f"  {_so_far(found, threshold)}" for threshold in dict.fromkeys((found.today, suggested)))
    if suggested != found.today and not found.too_small:
        yield f"  set it:  imgsim-guard calibrate --rate {found.rate} --write"


def _room(found: Calibration) -> Iterator[str]:
    limit = found.limit(verifying=found.verifying)
    if limit is not None and limit > found.today:
        yield f"  up to {limit:g} would keep that rate too, but would find no further copies."


def _so_far(found: Calibration, threshold: float) -> str:
    row = found.blocked_at(threshold)
    false = row.false(verifying=found.verifying)
    return (
        f"at {threshold:g}, falsely blocked so far: {false:,} of {row.images:,} ({_percent(false / row.images)}; "
        f"with 95 % confidence at most {_percent(row.at_most(verifying=found.verifying))})"
    )


def _more(found: Calibration, threshold: float) -> str:
    counts = [found.blocked_at(one).blocked(verifying=found.verifying) for one in (found.today, threshold)]
    why = ", whose pairs pixels cannot decide" if found.verifying else ""
    return f"{_count(counts[1] - counts[0], 'image')} more{why}"


def _without_pixels(found: Calibration) -> Iterator[str]:
    limit = found.limit(verifying=False)
    highest = "no threshold keeps that rate" if limit is None else f"{limit:g} is the highest that keeps that rate"
    yield f"without pixels, only the distance decides: there, {highest}."


def _percent(rate: float) -> str:
    return f"{rate:.2%}"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A column for each place: the first and last to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.ljust(width) if column == 0 and not cell[:1].isdigit() else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield f"  {'   '.join(cells)}".rstrip()
