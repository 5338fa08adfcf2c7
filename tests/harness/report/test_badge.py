"""The badge: what it says, in which colour, and that it is an image that everybody can read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest
from report_world import HOSTILE, MIXED, check, events, hostile, result

from bookproof.report.badge import BadgeReporter, message, svg
from bookproof.report.collect import Collected
from bookproof.results import ResultEvent, Trouble, Verdict

SVG = "{http://www.w3.org/2000/svg}"
GREEN, AMBER, RED, GREY = "#1a7f37", "#8a5a00", "#b3261e", "#59636e"
GOOD = [result(f"book/gap/{n}") for n in range(3)]


def collected(heard: Sequence[ResultEvent]) -> Collected:
    found = Collected()
    for event in heard:
        found.handle(event)
    return found


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        (events(GOOD), ("3 of 3 pass", GREEN)),
        (events([*GOOD, result("book/x", Verdict.WARN, [check("S2", Verdict.WARN)])]), ("4 of 4 pass", GREEN)),
        (events([*GOOD, result("book/x", Verdict.FAIL, [check()])]), ("3 of 4 pass", RED)),
        (events([*GOOD, result("book/x", Verdict.FAIL, [check()], known="k")]), ("3 of 4 pass", AMBER)),
        (events([*GOOD, result("book/x", Verdict.UNSUPPORTED)]), ("3 of 4 pass", AMBER)),
        (events([*GOOD, result("book/x", Verdict.INCONCLUSIVE)]), ("3 of 4 pass", AMBER)),
        (events([result("book/x", Verdict.UNSUPPORTED)]), ("0 of 1 pass", GREY)),
        (events(GOOD, troubles=[Trouble(status=2, message="stale")]), ("3 of 3 pass", AMBER)),
        (events([*GOOD, result("book/x", Verdict.HARNESS_ERROR)]), ("error", GREY)),
        (events(GOOD, interrupted=True, not_run=["k/x"]), ("interrupted", GREY)),
        (events(troubles=[Trouble(status=3, message="no hello")], not_run=["k/x"]), ("nothing was run", RED)),
    ],
)
def test_badge_is_green_only_where_everything_passed(heard: list[ResultEvent], said: tuple[str, str]) -> None:
    assert message(collected(heard)) == said


@pytest.mark.parametrize("heard", [events(MIXED), events(), events(hostile(), client=HOSTILE)])
def test_badge_is_an_image_with_a_name_and_room_for_its_texts(tmp_path: Path, heard: list[ResultEvent]) -> None:
    reporter = BadgeReporter(tmp_path, "b.svg")
    for event in heard:
        reporter.handle(event)
    text = (tmp_path / "b.svg").read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    assert (root.tag, root.get("role")) == (f"{SVG}svg", "img")
    title = root.findtext(f"{SVG}title")
    assert title == root.get("aria-label")
    assert title is not None
    assert title.startswith("order book: ")
    width = int(root.get("width", "0"))
    texts = list(root.iter(f"{SVG}text"))
    assert texts[0].text == "order book"
    for each in texts:
        assert int(each.get("x", "0")) + int(each.get("textLength", "0")) < width
    assert not re.search(r"href|script|url\((?!#r\))", re.sub(r'<title>.*</title>|aria-label="[^"]*"', "", text))


@pytest.mark.parametrize("colour", [GREEN, AMBER, RED, GREY, "#24292f"])
def test_badge_contrast(colour: str) -> None:
    def linear(part: int) -> float:
        share = part / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[at : at + 2], 16)) for at in (1, 3, 5))
    assert 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05) > 4.5


def test_badge_names_the_client() -> None:
    assert "a client 1: 3 pass" in svg(collected(events(GOOD)))
