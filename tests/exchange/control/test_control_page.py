"""The live page in a real browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from control_kit import Stand, stand

from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.scenario.detect import check
from bookproof_exchange.scenario.load import loads
from browser import Page, browser, contrast, found

PROGRAM = found()
needs_browser = pytest.mark.skipif(
    PROGRAM is None, reason="no Chromium or Chrome on the path, and BOOKPROOF_BROWSER names none"
)


@pytest.fixture(scope="module")
def opened() -> Iterator[Page]:
    assert PROGRAM is not None
    with browser(PROGRAM) as page:
        yield page


def show(page: Page, made: Stand) -> None:
    page.open("about:blank")
    page.until("location.href === 'about:blank'")
    page.errors.clear()  # of the page before, whose exchange has ended
    page.open(f"http://127.0.0.1:{made.port}/")
    page.until("document.body?.dataset.ready === 'yes' && document.querySelectorAll('#ladder tbody tr').length > 4")


@needs_browser
def test_click_a_fault_and_see_it_strike(opened: Page) -> None:
    with stand() as made, made.client():
        show(opened, made)
        opened.until("document.querySelector('#links').innerText.includes('book BTC/USD')")
        assert opened.value("document.querySelector('#ws').textContent") == made.endpoints["ws"]
        opened.click("button[data-fault=drop]")
        opened.until("document.querySelector('#armed').innerText.includes('waits for the next updates of BTC/USD')")
        assert made.api.get("/v1/faults")["faults"][0]["fault"] == "drop"
        opened.click("#sendform button")
        opened.until("document.querySelector('#armed').innerText.includes('struck')")
        opened.until("document.querySelector('#wire .fault')?.innerText.includes('fault 1 drop struck BTC/USD: lost')")
        snapshot = made.api.get("/v1/wire", kind="sent", payload=100_000)["entries"]
        size = next(each for each in snapshot if each["message"] == "snapshot")["payload"]["text"]
        shown = '"qty": ' + re.findall(r'"qty":([0-9.]+0)[,}]', size)[0]  # with its zeros at the end
        opened.value("[...document.querySelectorAll('#wire li.out details')].forEach(each => each.open = true)")
        opened.until(f"document.querySelector('#wire').innerText.includes({json.dumps(shown)})")
        assert "u0001" not in opened.value("document.querySelector('#wire').innerText")
        before = opened.value("document.querySelector('#version').textContent")
        book = made.api.get("/v1/book", depth=1)
        opened.until(f"document.querySelector('#ladder').innerText.includes({json.dumps(book['bids'][0][0])})")
        opened.value("document.querySelector('#what').value = 'struck,step,opened,closed'; what.onchange()")
        opened.until("document.querySelector('#wire').innerText.includes('fault drop')")
        assert opened.value("document.querySelectorAll('#wire .out, #wire .in').length") == 0
        opened.press("s")
        opened.until(f"document.querySelector('#version').textContent !== {json.dumps(before)}")
        assert opened.errors == []


@needs_browser
def test_a_form_from_the_specification_and_what_was_done_as_a_scenario(opened: Page) -> None:
    with stand("mexc-v3") as made, made.client():
        show(opened, made)
        opened.press("/")
        opened.type("refuse")
        opened.until("[...document.querySelectorAll('#faultlist li:not([hidden])')].length === 2")
        opened.value("document.querySelector('#find').value = ''; document.querySelector('#find').oninput()")
        opened.click("[aria-controls=form-close]")
        opened.value("document.querySelector('#f-close-how').value = 'rst'")
        opened.value("document.querySelector('#f-close-refuse').value = 'until-lift'")
        opened.value("document.querySelector('#f-close-away').value = ''")
        opened.click("#form-close button")
        opened.until("document.querySelector('#badges').innerText.includes('lift it')")
        (fault,) = made.api.get("/v1/faults")["faults"]
        assert fault["fault"] == {"kind": "close", "how": "rst", "refuse": "until-lift"}
        opened.value("document.activeElement.blur()")
        opened.press("l")
        opened.until("!document.querySelector('#badges').innerText.includes('lift it')")
        opened.click("#saveform button")
        opened.until("!document.querySelector('#saved').hidden")
        saved = loads(opened.value("document.querySelector('#saved').textContent"))
        assert saved.dialects == ("mexc-v3",)
        assert [problem for problem in check(saved, list(DIALECTS)) if problem.weight == "error"] == []
        assert opened.errors == []


@needs_browser
def test_a_scenario_is_played_and_a_refusal_is_told(opened: Page) -> None:
    with stand() as made, made.client():
        show(opened, made)
        opened.value("document.querySelector('#scenario').value = 'book/gap/singel'")
        opened.click("#startform button")
        opened.until("document.querySelector('#notice .bad')?.innerText.includes(\"did you mean 'book/gap/single'?\")")
        opened.errors.clear()  # the browser notes the 422 by itself
        opened.value("document.querySelector('#scenario').value = 'book/gap/single'")
        opened.click("#startform button")
        opened.until("document.querySelector('#script').innerText.includes('book/gap/single')")
        made.api.get("/v1/scenario", wait=20)
        opened.until("document.querySelector('#script').innerText.includes('book/gap/single: over')")
        assert opened.errors == []


@needs_browser
def test_everything_has_a_name_and_can_be_reached_by_keyboard(opened: Page) -> None:
    """Names as the browser computes them for assistive technology."""
    with stand("binance-spot") as made, made.client():
        show(opened, made)
        opened.value("document.querySelectorAll('#faultlist form').forEach(form => form.hidden = false)")
        tree: Any = opened.call("Accessibility.getFullAXTree")
        roles = ("button", "textbox", "combobox", "spinbutton", "checkbox", "searchbox", "link", "table", "progressbar")
        unnamed = [
            node["role"]["value"]
            for node in tree["nodes"]
            if node.get("role", {}).get("value") in roles
            and not node.get("ignored")
            and not node.get("name", {}).get("value", "").strip()
        ]
        unnamed = [role for role in unnamed if role != "table"]  # it is named by the heading of its section
        assert unnamed == []
        opened.value("document.activeElement.blur()")
        opened.press("Tab")
        assert opened.value("document.activeElement.tagName") in ("BUTTON", "A")


def test_the_page_lets_nothing_in_and_is_framed_by_nobody() -> None:
    with stand() as made:
        got = made.api.ask("GET", "/")
    text = got.raw.decode()
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", text), "it needs nothing from elsewhere"
    assert not re.search(r"\sstyle=|\son[a-z]+=", text.partition("<script>")[0]), "its own policy would forbid it"
    policy = got.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert got.headers["x-frame-options"] == "DENY"
    script = text.partition("<script>")[2].partition("</script>")[0]
    assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy
    assert ".innerHTML" not in script, "what a client sends is shown as text"


def test_the_colours_can_be_read() -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1, of every text on every ground that it stands on, in both themes."""
    from importlib import resources

    text = resources.files("bookproof_exchange.control").joinpath("page.html").read_text(encoding="utf-8")
    themes = re.findall(r"color-scheme: (light|dark);(.*?)\}", text, re.DOTALL)
    assert [name for name, _ in themes] == ["light", "dark", "dark"]
    assert themes[1][1].split() == themes[2][1].split()
    pairs = [(ink, ground) for ink in ("ink", "soft", "link", "bid", "ask", "fault") for ground in ("sheet", "ground")]
    pairs += [("fault", "fault-ground"), ("good", "good-ground"), ("wait", "wait-ground"), ("hand", "hand-ground")]
    pairs += [("press-ink", "press"), ("ink", "field"), ("ink", "flash"), ("bid", "flash"), ("ask", "flash")]
    pairs += [("soft", "fault-ground"), ("soft", "hand-ground"), ("ink", "bid-bar"), ("ink", "ask-bar")]
    for name, content in themes[:2]:
        colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", content))
        for ink, ground in pairs:
            ratio = contrast(colours[ink], colours[ground])
            assert ratio >= 4.5, f"{name}: {ink} on {ground} is {ratio:.2f}"
