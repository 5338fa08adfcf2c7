"""The HTML report as a file: well-formed, self-contained, safe with hostile text, complete."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest
from html_world import Page, failing, heard, page
from report_world import HOSTILE, MIXED, check, events, hostile, result

from bookproof.report.page import document, model
from bookproof.report.page.pack import core_of, detail
from bookproof.results import CaseFinished, CaseResult, Detail, Trouble, Verdict
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.evidence import Sent

RULE = DIALECTS.get("kraken-v2").rules["checksum-verify"]
RULED = result(
    "book/checksum/wrong",
    Verdict.FAIL,
    [check("S1", rule="kraken-v2/checksum-verify")],
    transcript="transcripts/x.jsonl",
    reproduce="bookproof replay x",
)


def test_it_needs_no_network_and_runs_only_its_own_script(tmp_path: Path) -> None:
    text, parsed = page(tmp_path, events([RULED, *MIXED]))
    running = [attributes for attributes in parsed.all("script") if "type" not in attributes]
    assert len(running) == 1
    for tag, attributes in parsed.tags:
        for name in ("src", "srcset", "data", "action", "style", "background", "poster"):
            assert name not in attributes, (tag, name)
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        assert str(attributes.get("href", "#")).startswith(("#", "transcripts/")), attributes
    assert not parsed.all("link")
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|WebSocket\(|import\(|innerHTML|eval\(", text)
    outside = set(re.findall(r"https?://[^\s\"'<)]+", text.replace(RULE.source, "")))
    assert outside <= {"http://www.w3.org/2000/svg"}, "a namespace is no address"
    policy = next(a["content"] for a in parsed.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for part in ("style", "script"):
        body = re.search(rf"<{part}>(.*?)</{part}>", text, re.DOTALL)
        assert body is not None
        assert document._hash(body[1]) in policy


def test_every_link_within_the_page_leads_to_a_case_that_is_there(tmp_path: Path) -> None:
    _, parsed = page(tmp_path, events([RULED, result("book/gap/twice"), *MIXED[2:]]))
    ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {str(attributes["href"])[1:] for attributes in parsed.all("a") if str(attributes["href"]).startswith("#")}
    cases = links - {"", "main"}
    assert cases <= set(ids)
    assert cases == set(parsed.blocks)


def test_a_case_is_told_whole(tmp_path: Path) -> None:
    text, parsed = page(tmp_path, events([RULED]))
    told, core, wire = parsed.case(RULED.id)
    assert told["label"] == "fail S1 ghost"
    assert told["checks"][told["telling"]]["message"] == "A ghost."
    assert told["transcript"] == "transcripts/x.jsonl"
    assert told["reproduce"] == "bookproof replay x"
    assert core is wire is None
    shared = json.loads(re.search(r'id="shared">(.*?)</script>', text, re.DOTALL)[1])  # type: ignore[index]
    assert shared["rules"]["kraken-v2/checksum-verify"]["text"] == RULE.text
    assert shared["rules"]["kraken-v2/checksum-verify"]["source"] == RULE.source


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    _, clean_page = page(tmp_path, events(_harmless(hostile())))
    text, parsed = page(tmp_path, events(hostile(), client=HOSTILE, troubles=[Trouble(status=5, message=HOSTILE)]))
    assert len([a for a in parsed.all("script") if "type" not in a]) == 1
    assert {tag for tag, _ in parsed.tags} <= {tag for tag, _ in clean_page.tags} | {"p"}
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", text)
    assert "<script>alert(" in "".join(parsed.text)
    told, _, _ = parsed.case("kraken-v2/book/gap/single")
    assert "<script>alert('&')</script>\\x1b[31m" in told["checks"][0]["message"]
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f\u202e\ud800]", json.dumps(told, ensure_ascii=False).replace("\\n", "")
    )


def test_a_rule_of_another_package_cannot_end_the_script(tmp_path: Path) -> None:
    assert "</script" not in document._json({"a": "</script><script>alert(1)//<!--"})
    assert json.loads(document._json({"a": "</script>&"})) == {"a": "</script>&"}


def test_the_same_case_with_hostile_payloads_is_still_one_block(tmp_path: Path) -> None:
    run = failing("kraken-v2", "ignores-checksum")
    records = [
        msgspec.structs.replace(
            record, message=msgspec.structs.replace(record.message, payload=b'{"x":"</script><b>\x1b\xff"}')
        )
        if isinstance(record, Sent) and place % 3 == 0
        else record
        for place, record in enumerate(run.evidence)
    ]
    spoiled = msgspec.structs.replace(run, evidence=records)
    _, parsed = page(tmp_path, heard(CaseFinished(result=run.result, detail=detail(spoiled))))
    _, core, wire = parsed.case(run.result.id)
    assert core["marks"]
    assert "not valid" not in str(wire)
    assert any("data" in payload for payload in wire["payloads"]), "no text: its bytes"


def test_what_cannot_be_drawn_is_said_and_ends_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(run: object) -> None:
        raise ValueError("no \x1b luck")

    monkeypatch.setattr("bookproof.report.page.pack.core_of", breaks)
    made = detail(failing())
    assert made is not None
    assert "ValueError: no \\x1b luck" in model.unpack(made.core, model.Core).failed


def test_when_the_page_is_full_the_rest_is_told_without_drawings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document, "MOST_BOOKS", 3000)
    monkeypatch.setattr(document, "MOST_PAYLOADS", 1500)
    cases = [
        CaseFinished(result=result(f"book/gap/{n}"), detail=Detail(core=bytes(1000 + n), wire=bytes(1000)))
        for n in range(5)
    ]
    blocks = document.Blocks()
    for case in cases:
        blocks.add(case.result, case.detail)
    lines = b"".join(blocks.pieces()).decode().splitlines()
    parts = [re.findall(r">(.*)</", line)[0].split(".") for line in lines]
    assert [bool(core) for _, core, _ in parts] == [True, True, False, False, False]
    assert [bool(wire) for _, _, wire in parts] == [True, False, False, False, False]
    assert all(told for told, _, _ in parts)
    assert blocks.left == 3


def test_a_case_that_passed_is_kept_in_little() -> None:
    good, bad = detail(failing()), detail(failing("kraken-v2", "ignores-checksum"))
    assert good is not None
    assert bad is not None
    assert not good.wire
    assert len(good.core) < 8_000
    assert bad.wire


def test_packing_is_the_same_each_time() -> None:
    run = failing("kraken-v2", "ignores-checksum")
    assert detail(run) == detail(run)
    assert model.unpack(model.pack(core_of(run)), model.Core) == core_of(run)


def _harmless(results: list[CaseResult]) -> list[CaseResult]:
    plain = json.loads(json.dumps(msgspec.to_builtins(results)).replace(json.dumps(HOSTILE)[1:-1], "harmless"))
    return msgspec.convert(plain, list[CaseResult])


def test_the_reader_of_these_tests_notices_a_tag_that_is_left_open() -> None:
    with pytest.raises(AssertionError):
        Page("<p><b>x</p>")
