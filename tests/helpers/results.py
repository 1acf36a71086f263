"""Results for the tests of reports: one that holds everything, and strategies for whatever strangers may choose."""

from __future__ import annotations

import os

from hypothesis import strategies as st

from imgsim_guard.model import (
    Bounds,
    Evidence,
    Group,
    Image,
    Limits,
    Match,
    Member,
    Result,
    Rule,
    Share,
    Transform,
    Unreadable,
)

UNMOVED = Transform(
    mirrored=True, rotation=0.0, scale=1.0, squeeze=1.0, covered=0.82, shown=1.0, matrix=(1, 0, 0, 0, 1, 0)
)
CONFIRMED = Evidence("confirmed", 1214, 0.987, 0.82, UNMOVED, "mirrored, cropped to 82%", relation="copy")
REFUTED = Evidence("refuted", 12, 0.41, 0.9, None, "they line up, but only 41% of what they show agrees")
SKIPPED = Evidence("skipped", 0, 0.0, 0.0, None, "the pixels are not at hand")


def image(path: str, digit: str = "0") -> Image:
    return Image(path, "git:" + digit * 40)


CAT, OTHER_CAT, DOG = image("train/cat.png", "1"), image("test/cat 2.png", "2"), image("dog.jpg", "d")
LEAK = Match("near-duplicate", CAT, OTHER_CAT, 4.3125, CONFIRMED, splits=("train", "test"))
COPY = Match("exact-duplicate", DOG, image("old/dog.jpg", "d"), 0.0)
SECOND_COPY = Match("exact-duplicate", DOG, image("old/dog-2.jpg", "d"), 0.0)
SAME_PIXELS = Match("exact-duplicate", CAT, DOG, 0.0, splits=("train", ""))
WARNING = Match("near-duplicate", CAT, image("e.png", "e"), 9.5, SKIPPED, Rule(on_match="warn"))
IGNORED = Match("near-duplicate", CAT, image("f.png", "f"), 9.75, rule=Rule(on_match="ignore"))
ALLOWED = Match("near-duplicate", DOG, image("a.png", "a"), 3.0, accepted="two frames of one film")
ALIKE = Match("look-alike", DOG, image("b.png", "b"), 8.0, REFUTED)

GROUP = Group(
    (
        Member(CAT, "keep", "most pixels", split="train", label="cat", width=640, height=480, size=64000),
        Member(DOG, "copy", "same pixels", CAT, SAME_PIXELS, width=640, height=480, size=60000),
        Member(OTHER_CAT, "leakage", "in test, the other in train", CAT, LEAK, "test", "cat", 320, 240, 9000),
    )
)

EVERYTHING = Result(
    scope="all",
    bounds=Bounds(),
    limits=Limits(unchecked_fails=False),
    queries=12,
    gallery=8412,
    matches=(LEAK, SAME_PIXELS, WARNING, IGNORED, COPY, SECOND_COPY, ALLOWED, ALIKE),
    unreadable=(("broken.png", Unreadable("an empty file")), ("far.png", Unreadable("not pulled", absent=True))),
    notes=("a note",),
    nearest=(("dog.jpg", 0.0), ("train/cat.png", 4.3125)),
    groups=(GROUP,),
    not_looked_at=(("dog.jpg", 4),),
)
NOTHING = Result("staged", Bounds(), Limits(), 3, 8412, ())
ALLOWED_BY_LIMITS = Result("all", Bounds(), Limits(2, 2), 12, 11, (LEAK, COPY))

NAMES = (
    st.binary(min_size=1, max_size=20).filter(lambda octets: b"\0" not in octets).map(os.fsdecode)
    | st.text(st.characters(), min_size=1)
    | st.sampled_from(
        [
            "::error::owned.png",
            "::stop-commands::x",
            "a%0A::error::b.png",
            "##[error]x.png",
            "]]><x/>.png",
            "{0}[x](1).png",
            "a:b,c=d%25.png",
            "\ud800.png",
            "\ufffe.png",
            "/etc/passwd.png",
            "\r\n\x1b[31m\u202e.png",
        ]
    )
)
"""Names of files, and other texts that someone chose: any bytes, any code points, and what would be obeyed."""

_IMAGES = st.builds(Image, NAMES, st.sampled_from("0123").map(lambda digit: "git:" + digit * 40))
_RULES = st.builds(
    Rule,
    between=st.none() | st.just(("train", "test")),
    on_match=st.sampled_from(["fail", "warn", "ignore"]),
    limit=st.none() | st.integers(0, 3) | st.just(Share(50)),
)
_EVIDENCE = (
    st.none()
    | st.sampled_from([CONFIRMED, REFUTED, SKIPPED])
    | NAMES.map(lambda text: Evidence("undecided", 0, 0.0, 0.0, None, text))
)
_MATCHES = st.builds(
    Match,
    kind=st.sampled_from(["exact-duplicate", "near-duplicate", "look-alike"]),
    query=_IMAGES,
    gallery=_IMAGES,
    distance=st.floats(0, 30).map(lambda distance: round(distance, 4)),
    evidence=_EVIDENCE,
    rule=_RULES,
    splits=st.sampled_from([("", ""), ("train", "test"), ("train", "train")]) | st.tuples(NAMES, NAMES),
    accepted=st.none() | NAMES,
)
RESULTS = st.builds(
    Result,
    scope=st.sampled_from(["staged", "revisions", "all", "folders"]),
    bounds=st.just(Bounds()),
    limits=st.builds(Limits, st.integers(0, 2), st.integers(0, 2), st.booleans(), st.booleans()),
    queries=st.integers(0, 20),
    gallery=st.integers(0, 1000),
    matches=st.lists(_MATCHES, max_size=6).map(tuple),
    unreadable=st.lists(st.tuples(NAMES, st.builds(Unreadable, NAMES, st.booleans())), max_size=3).map(tuple),
    notes=st.lists(NAMES, max_size=2).map(tuple),
    nearest=st.lists(st.tuples(NAMES, st.floats(0, 55)), max_size=5).map(tuple),
)
