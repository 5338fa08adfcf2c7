"""The report in a real browser, and its colours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import pytest
from html_world import failing, heard, page

from bookproof.report.page.pack import detail
from bookproof.results import CaseFinished
from browser import Page, browser, contrast, found

PROGRAM = found()
needs_browser = pytest.mark.skipif(
    PROGRAM is None, reason="no Chromium or Chrome on the path, and BOOKPROOF_BROWSER names none"
)
FAILS, ALSO_FAILS, PASSES = "kraken-v2/book/gap/single", "kraken-v2/book/gap/twice", "kraken-v2/book/gap/with-third"


@pytest.fixture(scope="module")
def opened() -> Iterator[Page]:
    assert PROGRAM is not None
    with browser(PROGRAM, width=1280, height=1000) as shown:
        yield shown


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report of three cases: two of a client that ignores checksums, one of a right client."""
    folder = tmp_path_factory.mktemp("report")
    wrong, right = failing(mutant="ignores-checksum"), failing()
    runs = [
        CaseFinished(result=wrong.result, detail=detail(wrong)),
        CaseFinished(
            result=msgspec.structs.replace(wrong.result, id=ALSO_FAILS, scenario="book/gap/twice"), detail=detail(wrong)
        ),
        CaseFinished(
            result=msgspec.structs.replace(right.result, id=PASSES, scenario="book/gap/with-third"),
            detail=detail(right),
        ),
    ]
    page(folder, heard(*runs))
    return Path(folder, "report.html").as_uri()


def show(opened: Page, address: str) -> None:
    opened.open("about:blank")
    opened.until("location.href === 'about:blank'")
    opened.errors.clear()
    opened.open(address)
    opened.until("document.readyState === 'complete' && document.querySelectorAll('#matrix td a').length === 3")


def told(opened: Page) -> str:
    text: str = opened.until("document.querySelector('#case:not([hidden])')?.innerText")
    return text


@needs_browser
def test_a_failing_case_shows_what_is_wrong(opened: Page, address: str) -> None:
    show(opened, f"{address}#{FAILS}")
    text = told(opened)
    assert "One update is lost in mid-stream" in text
    assert "without update 72" in text
    assert "The client says live and shows" in text
    assert "checksum-verify" in text
    assert opened.value("document.querySelectorAll('#case svg').length") >= 1
    # the book is opened where it is first wrong, and the level that differs is marked with what explains it
    assert re.search(r"≠ ?[0-9.]+", text)
    assert re.search(r"written by update \d+; update \d+ changed it", text)
    assert opened.errors == []


@needs_browser
def test_search_and_keys_lead_through_the_cases(opened: Page, address: str) -> None:
    show(opened, address)
    assert opened.value("document.querySelector('#case').hidden")
    opened.press("/")
    opened.type("third")
    shown = "[...document.querySelectorAll('#matrix td a')].filter(a => a.offsetParent && !a.closest('.dim')).length"
    assert opened.until(f"{shown} === 1")
    opened.open(f"{address}#{FAILS}")
    told(opened)
    opened.press("j")
    assert opened.until("location.hash === '#kraken-v2/book/gap/twice'")
    opened.press("k")
    assert opened.until(f"location.hash === '#{FAILS}'")
    opened.press("Escape")
    assert opened.until("document.querySelector('#case').hidden && !document.querySelector('#overview').hidden")
    assert opened.errors == []


@needs_browser
@pytest.mark.parametrize("place", ["", f"#{FAILS}"])
def test_everything_has_a_name_for_who_cannot_see_it(opened: Page, address: str, place: str) -> None:
    """Names as the browser computes them for assistive technology."""
    show(opened, address + place)
    if place:
        told(opened)
    tree: Any = opened.call("Accessibility.getFullAXTree")
    roles = ("button", "textbox", "combobox", "slider", "checkbox", "searchbox", "link", "img", "image")
    unnamed = [
        node["role"]["value"]
        for node in tree["nodes"]
        if node.get("role", {}).get("value") in roles
        and not node.get("ignored")
        and not node.get("name", {}).get("value", "").strip()
    ]
    assert unnamed == []


def test_the_colours_can_be_read() -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1, of every text on every ground that it stands on, in both themes."""
    style = resources.files("bookproof.report").joinpath("templates/page.css").read_text(encoding="utf-8")
    colours = re.findall(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", style)
    assert len(colours) > 10
    for theme in (0, 1):
        at = {name: both[theme] for name, *both in colours}
        inks = ("ink", "soft", "link", "good", "bad", "odd", "vague")
        pairs = [(ink, ground) for ink in inks for ground in ("paper", "panel")]
        pairs += [("ink", "bad-back"), ("bad", "bad-back"), ("ink", "odd-back"), ("ink", "good-back")]
        for ink, ground in pairs:
            ratio = contrast(at[ink], at[ground])
            assert ratio >= 4.5, f"theme {theme}: {ink} on {ground} is {ratio:.2f}"
