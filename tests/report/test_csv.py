from __future__ import annotations

import csv
import io
from dataclasses import replace

from results import EVERYTHING, GROUP

from imgsim_guard.model import Image, Row
from imgsim_guard.report.as_csv import csv_report


def test_each_image_of_a_group_is_a_row() -> None:
    head, *rows = csv.reader(io.StringIO(csv_report(EVERYTHING)))
    assert tuple(head) == Row._fields
    assert [row[:6] for row in rows] == [
        ["1", "keep", "train/cat.png", "", "most pixels", ""],
        ["1", "copy", "dog.jpg", "train/cat.png", "same pixels", "0.0"],
        ["1", "leakage", "test/cat 2.png", "train/cat.png", "in test, the other in train", "4.3125"],
    ]


def test_no_name_is_run_as_a_formula() -> None:
    named = replace(GROUP.kept, image=Image("=cmd|'/c calc'!A0.png", "git:1"))
    report = csv_report(replace(EVERYTHING, groups=(replace(GROUP, members=(named, *GROUP.members[1:])),)))
    assert "./=cmd" in report
    broken = replace(GROUP.kept, image=Image("\udcff.png", "git:1"))
    assert "\\udcff.png" in csv_report(replace(EVERYTHING, groups=(replace(GROUP, members=(broken,)),)))
