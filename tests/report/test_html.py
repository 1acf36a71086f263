"""The HTML report in a real browser: without chromium and chromedriver these tests fail."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import time
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from conftest import Files, encoded, image_of, pixels_of
from hypothesis import given, settings
from hypothesis import strategies as st
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from imgsim_guard.gate.groups import groups_of
from imgsim_guard.gate.keep import Facts
from imgsim_guard.images.decode import decode
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
    Transform,
    Unreadable,
)
from imgsim_guard.report.as_html import html_report
from imgsim_guard.report.pictures import Laid, Picture, Pictures, illustrate
from imgsim_guard.report.view import by_importance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from selenium.webdriver.chrome.webdriver import WebDriver
    from selenium.webdriver.remote.webelement import WebElement

OWN = "document.title='owned'"
BOMB = f'"\'><img src=x onerror="{OWN}"></bdi><script>{OWN}</script>\x1b[31m\n\u202e\udcff.png'
CHANGED = Transform(
    mirrored=False,
    rotation=0.0,
    scale=1.0,
    squeeze=1.0,
    covered=0.8,
    shown=1.0,
    matrix=(1.0, 0.0, 60.0, 0.0, 1.0, 40.0),
)
CONFIRMED = Evidence("confirmed", 1214, 0.987, 0.8, CHANGED, "cropped to 80%, partly covered by something")
REFUTED = Evidence("refuted", 0, 0.0, 0.0, None, "both have enough detail, but nothing brings them into line")


@cache
def contents() -> dict[str, bytes]:
    astronaut, coffee = pixels_of("astronaut.png"), pixels_of("coffee.png")
    crop = astronaut[40:480, 60:500].copy()
    crop[100:180, 200:300] = (0, 255, 255)
    return {
        "old/astronaut.png": encoded(astronaut),
        "new/crop.png": encoded(crop),
        "old/coffee.png": encoded(coffee),
        "new/coffee.jpg": encoded(coffee, ".jpg"),
        "new/copy.png": encoded(coffee),
        "new/dark.png": encoded(np.asarray(coffee // 2, np.uint8)),
        BOMB: encoded(np.asarray(astronaut[::-1], np.uint8)),
    }


def image(path: str) -> Image:
    return image_of(path, contents()[path])


def found() -> Result:
    """A check that found one of everything."""
    old, coffee = image("old/astronaut.png"), image("old/coffee.png")
    warned, accepted = Rule(on_match="warn"), "the same cup; see <b>41</b>"
    matches = (
        Match("look-alike", image(BOMB), coffee, 9.5, REFUTED),
        Match("near-duplicate", image("new/crop.png"), old, 13.4, CONFIRMED, splits=("train", "test")),
        Match("near-duplicate", image("new/coffee.jpg"), coffee, 0.2, None, warned, ("train", "train")),
        Match("exact-duplicate", image("new/copy.png"), coffee, 0.0, splits=("train", "train")),
        Match("near-duplicate", image("new/dark.png"), coffee, 4.0, accepted=accepted, splits=("train", "")),
        Match("near-duplicate", image(BOMB), Image("gone.png", "md5:1"), 3.0, splits=("test", "test")),
    )
    return Result(
        scope="staged",
        bounds=Bounds(),
        limits=Limits(),
        queries=7,
        gallery=8412,
        matches=matches,
        unreadable=((BOMB, Unreadable(BOMB)), ("absent.png", Unreadable("not here", absent=True))),
        notes=(BOMB,),
        nearest=(("new/crop.png", 13.4), ("new/dark.png", 4.0), (BOMB, 3.0), ("other.png", 28.25)),
    )


@cache
def page() -> str:
    return html_report(found(), illustrate(by_importance(found().matches), Files(contents())))


@cache
def many() -> str:
    """Three thousand pairs of two thousand images."""
    previews = [encoded(np.full((16, 24, 3), index * 11 % 256, np.uint8), ".webp") for index in range(20)]
    uris = ["data:image/webp;base64," + base64.b64encode(data).decode() for data in previews]
    images = [Image(f"data/{index:05}.png", f"sha256:{index:064x}") for index in range(2000)]
    pictures = {one.content: Picture(24, 16, 99, uris[index % 20], (24, 16)) for index, one in enumerate(images)}
    matches = tuple(
        Match("near-duplicate", images[index % 1000], images[1000 + index // 3], index / 100, CONFIRMED)
        for index in range(3000)
    )
    laid = {
        (one.query.content, one.gallery.content): Laid((1, 0, 0, 1, 3, 2), marks="M1 1L5 1L5 5Z") for one in matches
    }
    result = replace(found(), scope="all", matches=matches, queries=2000, gallery=1999)
    return html_report(result, Pictures(pictures, laid))


class Browser:
    """Chromium with a page."""

    def __init__(self, driver: WebDriver, folder: Path) -> None:
        self.driver = driver
        self._folder = folder

    def open(self, text: str) -> None:
        """Open a page as a user would: from a file. What was emulated before is not any more."""
        path = self._folder / "report.html"
        path.write_text(text, encoding="utf-8")
        self.tell("Emulation.setScriptExecutionDisabled", value=False)
        self.emulate()
        self.driver.get("about:blank")
        self.logged()
        self.driver.get(path.as_uri())

    def tell(self, command: str, **parameters: object) -> Any:
        return self.driver.execute_cdp_cmd(command, parameters)

    def emulate(self, media: str = "", *, width: int = 1200, scheme: str = "light", motion: str = "") -> None:
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": motion},
        ]
        self.tell("Emulation.setEmulatedMedia", media=media, features=features)
        self.tell("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)

    def logged(self) -> tuple[list[str], list[str]]:
        """Since the last call: what was written on the console, and what was fetched, data: left out."""
        console = [entry["message"] for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]  # type: ignore[no-untyped-call]
        fetched = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
        urls = [one["request"]["url"] for one in fetched]
        return console, [url for url in urls if not url.startswith("data:")]

    def run(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def press(self, *keys: str) -> None:
        ActionChains(self.driver).send_keys(*keys).perform()

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def listed(self) -> list[str]:
        """The ids of the pairs that are shown."""
        return [str(pair.get_attribute("id")) for pair in self.all(".pair:not([hidden])")]

    def focused(self) -> str:
        return str(self.run("return document.activeElement.id"))

    def until(self, condition: Callable[[], object]) -> None:
        end = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.02)


def look(element: WebElement) -> NDArray[np.float64]:
    """What is seen of an element."""
    seen = decode(element.screenshot_as_png)
    assert not isinstance(seen, Unreadable)
    return cv2.resize(seen, (320, 240), interpolation=cv2.INTER_AREA).astype(np.float64)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("browser")
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert browser, "these tests need chromium"
    assert driver, "these tests need chromedriver (Debian: chromium-driver)"
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", f"--user-data-dir={folder / 'user'}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(driver, env={**os.environ, "HOME": str(folder)})
    opened = webdriver.Chrome(options, service)
    opened.set_script_timeout(20)
    yield Browser(opened, folder)
    opened.quit()


@pytest.fixture
def browser(chromium: Browser) -> Browser:
    chromium.open(page())
    return chromium


# What is on the page


class Text(HTMLParser):
    """The text of a page, and its elements' names."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name == "style"]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_same_result_gives_the_same_bytes() -> None:
    pictures = illustrate(by_importance(found().matches), Files(contents()))
    assert html_report(found(), pictures).encode() == page().encode()


@settings(max_examples=40)
@given(name=st.text(), reason=st.text())
def test_nothing_that_a_stranger_wrote_becomes_markup(name: str, reason: str) -> None:
    match = Match("near-duplicate", Image(name, "git:1"), Image(reason, "git:2"), 1.0, splits=(name, reason))
    result = replace(
        found(), matches=(match, replace(match, accepted=reason)), unreadable=((name, Unreadable(reason)),)
    )
    plain = replace(
        result,
        matches=(replace(match, query=Image("a", "git:1"), gallery=Image("b", "git:2"), splits=("s", "t")),) * 2,
        unreadable=result.unreadable[:1],
    )
    shown, expected = (Text(html_report(one, Pictures({}, {}))) for one in (result, plain))
    assert shown.tags.count("article") == expected.tags.count("article") == 2
    assert {*shown.tags} <= {*expected.tags} | {"option", "select", "p", "span"}
    assert "".join(character for character in shown.text if character != "\n").isprintable()
    html_report(result, Pictures({}, {})).encode()


def test_verdict_summary_and_ways_out_are_on_top(browser: Browser) -> None:
    top = browser.one(".top").text
    assert top.startswith("Failed\n1 exact duplicate, 3 near-duplicates, 1 unreadable and 1 not checked among 7")
    assert "1 is leakage between splits. 1 only look alike. 1 accepted." in top
    assert "keep it\nimgsim-guard accept" in top
    assert "--verbose" not in top
    assert browser.driver.title == "imgsim-guard: failed"


def test_what_passed_says_so(chromium: Browser) -> None:
    chromium.open(html_report(replace(found(), matches=(), unreadable=(), nearest=()), Pictures({}, {})))
    text = chromium.one("body").text
    assert "Passed\nNo near-duplicates among 7 new images, checked against 8,412." in text
    assert "There are no distances to show" in text
    assert chromium.listed() == chromium.all(".filters") == []
    assert chromium.logged()[0] == []


def test_pairs_say_all_that_is_known_the_most_important_first(browser: Browser) -> None:
    texts = [pair.text.split("\n") for pair in browser.all(".pair")]
    assert [(text[0], text[1]) for text in texts] == [
        ("Near-duplicate", "blocks"),
        ("Exact duplicate", "blocks"),
        ("Near-duplicate", "blocks"),
        ("Near-duplicate", "warns"),
        ("Near-duplicate", "accepted"),
        ("Look-alike", "passes"),
    ]
    assert texts[0] == [
        "Near-duplicate",
        "blocks",
        "leakage train → test",
        "13.40 threshold 10",
        "New",
        "new/crop.png",
        "440 \N{MULTIPLICATION SIGN} 440 px · " + kilobytes("new/crop.png"),
        "Existing",
        "old/astronaut.png",
        "512 \N{MULTIPLICATION SIGN} 512 px · " + kilobytes("old/astronaut.png"),
        "cropped to 80%, partly covered by something; 1,214 matching points, 99% of the content matches",
        "Flicker",
        "Slider",
        'imgsim-guard accept new/crop.png old/astronaut.png --reason "..."',
        "Copy",
    ]
    assert texts[1][2:4] == ["within train", "same bytes"]
    assert "its pixels are not on this machine" in texts[2]
    assert "the same cup; see <b>41</b>" in " ".join(texts[4])
    assert texts[4][2] == "train → no split"
    assert "refuted: both have enough detail" in " ".join(texts[5])


def kilobytes(path: str) -> str:
    return f"{len(contents()[path]) / 1000:.3g} kB"


def test_a_stranger_has_no_say(browser: Browser) -> None:
    console, fetched = browser.logged()
    assert console == []
    assert [Path(url).name for url in fetched] == ["report.html"]
    assert browser.driver.title == "imgsim-guard: failed"
    assert browser.all("img, iframe, bdi script") == []
    assert "\\x1b[31m\\n\\u202e\\udcff.png" in browser.one("#unreadable").text


def test_no_script_but_the_pages_own_would_run(browser: Browser) -> None:
    """Even if something got through: what it would do is refused by the page's policy."""
    browser.run(
        "document.body.insertAdjacentHTML('beforeend',"
        """ '<p id=bad onclick="document.title=1" style="color: red">x<img src="https://example.invalid/x.png">');"""
        " bad.click()"
    )
    browser.until(lambda: browser.all("#bad img"))
    assert browser.driver.title == "imgsim-guard: failed"
    assert browser.one("#bad").value_of_css_property("color") != "rgba(255, 0, 0, 1)"
    refused = " ".join(browser.logged()[0])
    assert all(directive in refused for directive in ("script-src", "style-src", "img-src"))


# What it does


def test_filters(browser: Browser) -> None:
    def choose(name: str, value: str) -> list[str]:
        browser.one("[type=reset]").click()
        browser.until(lambda: len(browser.listed()) == 6)
        browser.one(f"[name={name}]").send_keys(value)
        return browser.listed()

    assert choose("text", "COFFEE") == ["p2", "p4", "p5", "p6"]
    assert choose("text", "onerror") == ["p3", "p6"]
    assert choose("kind", "Exact duplicate") == ["p2"]
    assert choose("status", "Warns") == ["p4"]
    assert choose("splits", "train → test") == ["p1"]
    assert choose("splits", "no split") == ["p6"]
    assert choose("from", "4") == ["p1", "p5", "p6"]
    assert choose("to", "4") == ["p2", "p3", "p4", "p5"]
    assert choose("to", "x") == ["p1", "p2", "p3", "p4", "p5", "p6"]
    assert choose("text", "nowhere" + Keys.ENTER) == []
    assert browser.one(".none").is_displayed()
    assert browser.one("output").text == "0 of 6 pairs"
    assert browser.logged()[0] == []


def test_what_all_pairs_share_is_no_filter(chromium: Browser) -> None:
    matches = [replace(found().matches[1], gallery=Image(f"{number}.png", f"git:{number}")) for number in range(6)]
    chromium.open(html_report(replace(found(), matches=tuple(matches)), Pictures({}, {})))
    assert chromium.one("output").text == "6 pairs"
    assert [str(field.get_attribute("name")) for field in chromium.all(".filters [name]")] == [
        "text",
        "from",
        "to",
    ]


def test_flicker_shows_one_picture_in_place_of_the_other(browser: Browser) -> None:
    def seen() -> str:
        return str(browser.run("return document.querySelector('.over').getAttribute('visibility')"))

    button = browser.one("#p1 [data-view=flicker]")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    faces = {(browser.one("#p1 .face").text, seen()) for _ in watching(1.6)}
    assert faces >= {("New", "visible"), ("Existing", "hidden")}
    browser.one("#p1 .gallery .frame").click()  # which stops it
    state = seen()
    assert [state] * 5 == [seen() for _ in watching(0.9, 5)]
    browser.one("#p1 .gallery .frame").click()
    assert seen() != state
    browser.press(Keys.ESCAPE)
    assert button.get_attribute("aria-pressed") == "false"
    assert browser.all(".over, .face") == []


def watching(seconds: float, times: int = 20) -> Iterator[None]:
    for _ in range(times):
        yield
        time.sleep(seconds / times)


def test_nothing_moves_by_itself_for_those_who_asked_for_that(browser: Browser) -> None:
    browser.emulate(motion="reduce")
    browser.one("#p1 [data-view=flicker]").click()
    assert {browser.one("#p1 .face").text for _ in watching(1.6)} == {"New"}


def test_the_slider_cuts_one_picture_over_the_other(browser: Browser) -> None:
    browser.one("#p1 [data-view=slider]").click()
    slider = browser.one("#p1 .cutter")
    slider.send_keys(Keys.HOME)
    none = look(browser.one("#p1 .gallery .frame"))
    slider.send_keys(Keys.END)
    whole = look(browser.one("#p1 .gallery .frame"))
    assert np.abs(none - whole).mean() > 4
    assert browser.one("#cut rect").get_attribute("width") == "480"
    browser.one("#p1 [data-view=flicker]").click()  # one view at a time
    assert browser.all(".cutter") == []
    browser.one("#p1 [data-view=flicker]").click()
    assert browser.all(".over") == []


def test_only_what_lies_over_each_other_can_be_shown_so(browser: Browser) -> None:
    assert [bool(pair.find_elements(By.CSS_SELECTOR, "[data-view]")) for pair in browser.all(".pair")] == [True] + [
        False
    ] * 5


def test_what_was_not_drawn_is_said_and_what_was_drawn_anew_is_laid_as_it_is() -> None:
    new, old, other = (Image(f"{name}.png", f"git:{name}") for name in ("new", "old", "other"))
    shown = Picture(640, 480, 99, "data:image/webp;base64,AA==", (64, 48))
    pictures = {new.content: shown, old.content: shown._replace(preview="data:,"), other.content: Picture(8, 6, 1234)}
    laid = {(new.content, old.content): Laid((2, 0, 0, 2, 0, 0), "data:image/webp;base64,BB==")}
    matches = tuple(Match("near-duplicate", new, gallery, 1.0, CONFIRMED) for gallery in (old, other))
    text = html_report(replace(found(), matches=matches), Pictures(pictures, laid))
    assert 'data-over="#i2" data-by=""' in text
    assert (
        '<image id="i2" width="64" height="48" preserveAspectRatio="none" href="data:image/webp;base64,BB=="/>' in text
    )
    assert "no preview: the report holds those of the first pairs only" in text
    assert "1.23\N{NO-BREAK SPACE}kB" in text


def test_disagreement_is_marked_in_both_pictures(browser: Browser) -> None:
    marks = browser.all("#p1 .mark")
    assert len(marks) == 2
    assert len(browser.all("#p1 .gallery .extent")) == 1
    for mark, selector in zip(marks, ("#p1 .query .picture", "#p1 .gallery .picture"), strict=True):
        assert browser.run(INSIDE, mark, browser.one(selector))
    browser.one("#p1").click()
    browser.press("m")
    assert not marks[0].is_displayed()


INSIDE = """
const [one, other] = [...arguments].map((element) => element.getBoundingClientRect());
return one.width > 40 && one.left > other.left && one.right < other.right
    && one.top > other.top && one.bottom < other.bottom;
"""


def test_commands_are_copied_as_they_are(browser: Browser) -> None:
    browser.tell("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    button = browser.one("#p3 .copy")
    button.click()
    browser.until(lambda: button.text == "Copied")
    copied = browser.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
    assert copied == browser.run("return document.querySelector('#p3 code').textContent")
    assert re.fullmatch(r"imgsim-guard accept \$'[^']+' gone\.png --reason \"\.\.\.\"", copied)
    browser.until(lambda: button.text == "Copy")


def test_where_the_page_may_not_copy_it_selects(browser: Browser) -> None:
    browser.run("navigator.clipboard.writeText = () => Promise.reject()")
    browser.one("#p1 .copy").click()
    browser.until(lambda: browser.one("#p1 .copy").text == "Selected")
    assert browser.run("return getSelection().toString()").startswith("imgsim-guard accept new/crop.png")


def test_a_path_that_looks_like_an_option_is_none() -> None:
    match = Match("near-duplicate", Image("-n.png", "git:1"), Image("b c.png", "git:2"), 1.0)
    text = html_report(replace(found(), matches=(match,)), Pictures({}, {}))
    assert "imgsim-guard accept --reason &#34;...&#34; -- -n.png &#39;b c.png&#39;" in text


def test_all_of_it_works_by_keyboard(browser: Browser) -> None:
    keys = " ".join(str(key.get_attribute("textContent")) for key in browser.all(".keys kbd"))
    assert keys == "j → k ← Space s m c / Esc"
    browser.press("j")
    assert browser.focused() == "p1"
    assert browser.one("#p1").value_of_css_property("outline-style") == "solid"
    browser.press("j", Keys.ARROW_RIGHT, "k")
    assert browser.focused() == "p2"
    browser.press(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert browser.focused() == "p1"
    browser.press(Keys.SPACE)
    assert len(browser.all("#p1 .face")) == 1
    browser.press("s")
    assert len(browser.all("#p1 .cutter")) == 1
    browser.press(Keys.ESCAPE, "/")
    assert browser.all(".over") == []
    browser.press("jks c")
    assert browser.one("[name=text]").get_attribute("value") == "jks c"
    browser.one("[name=text]").clear()
    browser.one("[name=text]").send_keys("coffee")
    browser.one("h1").click()
    browser.press("j", "j", "j", "j", "j", "j")
    assert browser.focused() == "p6"
    browser.press("k", Keys.SPACE, "s", "c")  # nothing to flicker, nothing to copy
    assert (browser.focused(), browser.all(".over")) == ("p5", [])
    browser.press(Keys.TAB)
    assert browser.run("return document.activeElement.matches(':focus-visible')")


# Where it is looked at


@pytest.mark.parametrize("media", ["", "print"])
def test_nothing_runs_off_a_phone(browser: Browser, media: str) -> None:
    browser.emulate(media, width=360)
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth && innerWidth === 360")
    assert browser.run(BEYOND) == []
    columns = [figure.rect["x"] for figure in browser.all("#p1 figure")]
    assert columns[0] == columns[1] or media


def test_long_names_and_a_clean_up_fit_on_a_phone(chromium: Browser) -> None:
    result, pictures = duplicates()
    long = replace(result.matches[0], gallery=Image("x" * 4000, "git:1"), splits=("y" * 200, "test"))
    result = replace(result, matches=(*result.matches, long), nearest=(("a", 10.0),), notes=("z" * 400,))
    result = replace(result, groups=groups_of(result.matches, {}))
    chromium.open(html_report(result, pictures, clean_up=True))
    chromium.emulate(width=360)
    assert chromium.run("return document.documentElement.scrollWidth <= innerWidth")
    assert chromium.run(BEYOND) == []
    assert chromium.run(BEYOND.replace(":not(svg *)", "")) == []


BEYOND = """
return [...document.querySelectorAll('body *:not(.skip):not(.previews, .previews *):not(svg *)')]
    .filter((element) => element.getBoundingClientRect().right > innerWidth).map((element) => element.outerHTML);
"""


def luminance(colour: str) -> float:
    """Of a colour as computed styles give it, by WCAG 2."""
    channels = [int(channel) / 255 for channel in re.findall(r"\d+", colour)[:3]]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


CONTRASTS = """
function behind(element) {
    const colour = getComputedStyle(element).backgroundColor;
    return colour === "rgba(0, 0, 0, 0)" ? behind(element.parentElement) : colour;
}
return [...document.querySelectorAll(arguments[0])]
    .map((element) => [getComputedStyle(element).color, behind(element)]);
"""


TEXTS = """
h1, .lead, .verdict, .sub, .path, .facts, .role, .chip, .distance, code, button, .missing, .note, nav a, .count, dd
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_background(browser: Browser, scheme: str) -> None:
    browser.emulate(scheme=scheme)
    background = luminance(browser.one("body").value_of_css_property("background-color"))
    assert (background > 0.8) if scheme == "light" else (background < 0.02)
    for text, behind in browser.run(CONTRASTS, TEXTS):
        light, dark = sorted((luminance(text), luminance(behind)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, behind)


def test_print_has_the_pictures_and_no_buttons(browser: Browser) -> None:
    browser.emulate("print", scheme="dark")
    assert luminance(browser.one("body").value_of_css_property("color")) < 0.01
    assert not [element for element in browser.all("button, .filters, .keys") if element.is_displayed()]
    assert browser.one("#p6").value_of_css_property("content-visibility") == "visible"
    printed = base64.b64decode(browser.tell("Page.printToPDF", printBackground=True)["data"])
    assert printed.startswith(b"%PDF")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 12


def test_without_scripts_all_is_there(chromium: Browser) -> None:
    chromium.open(page())
    chromium.tell("Emulation.setScriptExecutionDisabled", value=True)
    chromium.driver.refresh()
    assert chromium.one("html").get_attribute("class") == ""
    assert len(chromium.listed()) == 6
    assert chromium.one("#p1 .mark").is_displayed()
    assert chromium.one("#p1 code").is_displayed()
    assert not [element for element in chromium.all("button, .filters, .keys, .none") if element.is_displayed()]


def test_the_histogram_shows_the_threshold(browser: Browser) -> None:
    assert "2 of 4 images have their nearest neighbour within the threshold of 10." in browser.one("#distances").text
    bars = browser.all(".histogram rect")
    assert [bar.get_attribute("class") for bar in bars] == ["within", "within", "beyond", "beyond"]
    line = browser.one(".histogram .threshold").rect["x"]
    assert [bar.rect["x"] < line for bar in bars] == [True, True, False, False]
    assert browser.one(".histogram title").get_attribute("textContent") == "2 to 3: 1"


# Groups


def duplicates() -> tuple[Result, Pictures]:
    files = Files(
        {path: data for path, data in contents().items() if "coffee" in path or "copy" in path or "dark" in path}
    )
    old, jpeg, copy, dark = (
        image(f"{name}") for name in ("old/coffee.png", "new/coffee.jpg", "new/copy.png", "new/dark.png")
    )
    matches = (
        Match("exact-duplicate", old, copy, 0.0),
        Match("near-duplicate", jpeg, copy, 0.2),
        Match("near-duplicate", dark, jpeg, 4.0),
        Match("near-duplicate", image(BOMB), Image("gone.png", "md5:1"), 3.0),
    )
    result = replace(found(), scope="folders", matches=matches, unreadable=())
    return result, illustrate(matches, files)


def grouped(result: Result, pictures: Pictures) -> Result:
    """With its groups, by what the pictures say of sizes."""
    facts = {
        image: Facts(picture.width, picture.height, picture.size)
        for match in result.matches
        for image in (match.query, match.gallery)
        if not isinstance(picture := pictures.images[image.content], Unreadable)
    }
    return replace(result, groups=groups_of(result.matches, facts))


def test_groups_come_first_with_what_stays_and_why(chromium: Browser) -> None:
    result, pictures = duplicates()
    chromium.open(html_report(grouped(result, pictures), pictures))
    first, second = chromium.all(".group")
    assert [path.text for path in first.find_elements(By.CSS_SELECTOR, "li .path")] == [
        "new/coffee.jpg",
        "new/copy.png",
        "new/dark.png",
        "old/coffee.png",
    ] or first.text
    assert [fate.text for fate in second.find_elements(By.CSS_SELECTOR, ".fate")] == ["Keep", "Stays"]
    assert chromium.one("section").get_attribute("id") == "groups"
    assert chromium.all("#save") == []
    assert chromium.all(".verdict") == []
    assert chromium.logged()[0] == []


def test_an_image_of_a_group_names_what_it_matches_unless_that_is_the_first() -> None:
    result, pictures = duplicates()
    result = grouped(result, pictures)
    first, second, last = (
        Member(one.image, "copy", "mirrored")
        for one in max(result.groups, key=lambda group: len(group.members)).members[:3]
    )
    group = Group((first, replace(second, of=first.image), replace(last, of=second.image)))
    page = html_report(replace(result, groups=(group,)), pictures)
    assert f"matches {second.image.path} · mirrored" in page
    assert f"matches {first.image.path}" not in page


def test_a_scan_has_no_limits(chromium: Browser) -> None:
    result, pictures = duplicates()
    result = replace(grouped(result, pictures), limits=Limits())
    assert result.exceeded
    chromium.open(html_report(result, pictures))
    assert "limit" not in chromium.one(".terms").text
    chromium.open(html_report(replace(result, scope="all"), pictures))
    assert chromium.one(".terms").text.count("limit 0") == len(result.exceeded)


def test_the_choice_of_what_stays_is_a_plan(chromium: Browser) -> None:
    result, pictures = duplicates()
    result = grouped(result, pictures)
    chromium.open(html_report(result, pictures, clean_up=True))
    kept, *copies = result.groups[-1].members if len(result.groups[-1].members) > 2 else result.groups[0].members
    plan = chromium.run("return plan()")
    assert [image["path"] for image in plan["groups"][0]["keep"]] == [kept.image.path]
    moved = [copy.image for copy in copies if copy.role == "copy"]
    assert plan["groups"][0]["move"] == [{"path": image.path, "content": image.content} for image in moved]
    first = chromium.all(".group")[0]
    inputs = first.find_elements(By.CSS_SELECTOR, "li input")
    inputs[1].click()
    inputs[0].click()
    changed = chromium.run("return plan()")["groups"][0]
    assert changed["keep"][0]["path"] == copies[0].image.path
    assert kept.image.path in {image["path"] for image in changed["move"]}
    for one in inputs[1:]:
        if one.is_selected():
            one.click()
    assert any(one.is_selected() for one in inputs)  # one of a group has to stay
    chromium.one("#save").click()
    assert "plan.json: " in chromium.one(".save output").text
    assert chromium.logged()[0] == []


def in_groups(count: int) -> str:
    """A page of so many images: groups of three, by turns in two splits and three folders."""
    previews = [encoded(np.full((16, 24, 3), index * 11 % 256, np.uint8), ".webp") for index in range(20)]
    uris = ["data:image/webp;base64," + base64.b64encode(data).decode() for data in previews]
    images = [
        Image(f"photos/{('train', 'test')[at // 3 % 2]}/{'abc'[at // 3 % 3]}/{at:05}.png", f"sha256:{at:064x}")
        for at in range(count)
    ]
    pictures = {one.content: Picture(24, 16, 99, uris[at % 20], (24, 16)) for at, one in enumerate(images)}
    matches = tuple(
        Match("near-duplicate", images[at + step], images[at], 1.0, CONFIRMED, splits=(split, split))
        for at in range(0, count - 2, 3)
        for step in (1, 2)
        for split in [("train", "test")[at // 3 % 2]]
    )
    result = replace(found(), scope="folders", matches=matches, unreadable=(), queries=count)
    return html_report(grouped(result, Pictures(pictures, {})), Pictures(pictures, {}), clean_up=True)


def test_groups_are_filtered_and_folded(chromium: Browser) -> None:
    chromium.open(in_groups(18))
    assert chromium.one("h1").text.replace("\xa0", " ") == "12 copies in 6 groups, 1.19 kB, among 18 images."
    chromium.one("#group-filters input").send_keys("00004")
    assert [group.is_displayed() for group in chromium.all(".group")] == [False, True, False, False, False, False]
    assert chromium.one("#group-filters output").text == "1 of 6 groups"
    chromium.one("#group-filters button[type=reset]").click()
    chromium.one("select[name=folder]").send_keys("photos/train/a")
    shown = [
        group.find_element(By.CSS_SELECTOR, ".path").text for group in chromium.all(".group") if group.is_displayed()
    ]
    assert shown == ["photos/train/a/00000.png"]
    chromium.one("#group-filters button[type=reset]").click()
    chromium.one("select[name=split]").send_keys("test")
    assert chromium.one("#group-filters output").text == "3 of 6 groups"
    unfold, fold = chromium.all(".fold")
    fold.click()
    assert [group.get_attribute("open") for group in chromium.all(".group")] == [None] * 6
    unfold.click()
    assert [group.get_attribute("open") for group in chromium.all(".group")] == ["true"] * 6
    assert chromium.logged()[0] == []


def test_groups_are_shown_as_a_grid_or_as_pairs(chromium: Browser) -> None:
    chromium.open(in_groups(18))
    assert chromium.all(".beside") == []
    chromium.one("[data-as=pairs]").click()
    first, *_, last = chromium.all(".group")
    kept, *copies = first.find_elements(By.CSS_SELECTOR, "li")
    assert not kept.find_element(By.CSS_SELECTOR, ".frame").is_displayed()
    for copy in copies:
        beside, own = copy.find_elements(By.CSS_SELECTOR, ".frame")
        assert beside.rect["x"] + beside.rect["width"] < own.rect["x"]
        assert beside.rect["y"] == own.rect["y"]
        other, _ = copy.find_elements(By.CSS_SELECTOR, ".path")
        assert other.text == kept.find_element(By.CSS_SELECTOR, ".path").text
    assert last.find_elements(By.CSS_SELECTOR, ".beside") == []  # drawn once it is unfolded
    chromium.all(".fold")[0].click()
    assert len(last.find_elements(By.CSS_SELECTOR, ".beside")) == 2
    assert chromium.one(".save output").text == "12 to move"
    chromium.press("v")
    assert not any(one.is_displayed() for one in chromium.all(".beside"))
    assert kept.find_element(By.CSS_SELECTOR, ".frame").is_displayed()
    assert chromium.logged()[0] == []


def test_groups_are_gone_through_with_the_keyboard(chromium: Browser) -> None:
    chromium.open(in_groups(18))
    assert chromium.one(".save output").text == "12 to move"
    chromium.press("j", "j", "2", "1", "9")
    second = chromium.all(".group")[1]
    assert [fate.text for fate in second.find_elements(By.CSS_SELECTOR, ".fate")] == ["Move", "Keep", "Move"]
    assert chromium.one(".save output").text == "12 to move"
    chromium.press("k", Keys.ENTER)
    assert chromium.all(".group")[0].get_attribute("open") is None
    chromium.press("/", "00004")
    assert chromium.one("#group-filters output").text == "1 of 6 groups"
    second.find_elements(By.LINK_TEXT, "compare")[0].send_keys(Keys.ENTER)
    assert (
        chromium.run("return document.querySelector(':target .query .path').textContent") == "photos/test/b/00004.png"
    )
    assert chromium.logged()[0] == []


def test_a_refused_commit_shows_the_pair_first() -> None:
    result, pictures = duplicates()
    text = html_report(replace(grouped(result, pictures), scope="staged"), pictures)
    assert text.index('<section id="pairs"') < text.index('<section id="groups"')


def test_five_thousand_images_in_groups_stay_usable(chromium: Browser) -> None:
    chromium.open(in_groups(5000))
    assert chromium.run("return groups.length") == 1666
    assert chromium.run("return pairs.length") == 1000
    assert "The first 1,000 are here" in chromium.one("#pairs").text
    assert chromium.run("return document.querySelectorAll('*').length") < 120_000
    assert chromium.run(FILTERING.replace("form.text", "groupForm.text").replace("filter()", "filterGroups()")) < 1000
    assert chromium.one("#group-filters output").text == "1 of 1,666 groups"
    chromium.run("groupForm.reset()")
    assert laid_out_while_scrolling(chromium) <= 2  # the bar at the bottom, once
    assert chromium.logged()[0] == []


def laid_out_while_scrolling(chromium: Browser) -> int:
    """How many times the page was laid out anew in 20 frames."""

    def count() -> int:
        found: dict[str, int] = {
            one["name"]: one["value"] for one in chromium.tell("Performance.getMetrics")["metrics"]
        }
        return found["LayoutCount"]

    chromium.tell("Performance.enable")
    chromium.driver.execute_async_script(SCROLLING, 2)
    before = count()
    chromium.driver.execute_async_script(SCROLLING, 20)
    return count() - before


SCROLLING = """
const [frames, done] = arguments;
let frame = 0;
function next() {
  scrollBy(0, 200);
  if (++frame < frames) requestAnimationFrame(next);
  else done();
}
next();
"""


# Size


FILTERING = """
const start = performance.now();
form.text.value = "00123";
filter();
document.body.offsetHeight;
return performance.now() - start;
"""


def test_thousands_of_pairs_stay_usable(chromium: Browser) -> None:
    assert len(many()) < 10_000_000
    started = time.monotonic()
    chromium.open(many())
    assert len(chromium.run("return pairs")) == 3000
    assert time.monotonic() - started < 20
    assert chromium.run(FILTERING) < 1000  # milliseconds; on an idle machine it takes 60
    assert chromium.one("output").text == "3 of 3,000 pairs"
    chromium.press("j", "j", Keys.SPACE)
    assert len(chromium.all(".face")) == 1
    assert chromium.logged()[0] == []
