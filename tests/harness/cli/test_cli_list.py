"""``list`` and ``scenario check``: as text, and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli_world import Cli, cli

from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.faults.registry import faults

__all__ = ["cli"]


def rows(cli: Cli, *args: str) -> list[dict[str, Any]]:
    found = cli("list", *args, "--json")
    assert (found.status, found.err) == (0, "")
    listed = json.loads(found.out)
    assert isinstance(listed, list)
    return listed


def test_cases(cli: Cli) -> None:
    listed = rows(cli, "cases", "--dialect", "kraken-v2")
    single = next(row for row in listed if row["id"] == "kraken-v2/book/gap/single")
    assert single["rules"] == ["kraken-v2/checksum-verify", "kraken-v2/recover-after-checksum"]
    assert {row["dialect"] for row in listed} == {"kraken-v2"}
    assert any(row["slow"] for row in listed)
    found = cli("list", "cases", "--dialect", "kraken-v2")
    lines = found.out.splitlines()
    assert len(lines) == len(listed)
    assert found.err == f"{len(listed)} cases\n"
    assert {line.split()[0] for line in lines} == {row["id"] for row in listed}
    assert sum(line.endswith("[slow]") for line in lines) == sum(row["slow"] for row in listed)


def test_dialects(cli: Cli) -> None:
    assert [row["id"] for row in rows(cli, "dialects")] == list(DIALECTS.names())
    text = cli("list", "dialects", "--dialect", "kraken-v2").out
    assert " ".join(text.split()) == "kraken-v2 Kraken Spot WebSocket v2 snapshots in the stream; checksum"


def test_faults_every_kind_with_its_parameters_and_dialects(cli: Cli) -> None:
    listed = {row["id"]: row for row in rows(cli, "faults")}
    assert list(listed) == [fault.kind for fault in faults()]
    assert {"drop", "duplicate", "swap", "delay", "wrong-checksum", "stale-rest", "close", "stall"} <= set(listed)
    drop = listed["drop"]
    assert drop["dialects"] == list(DIALECTS.names())
    assert {"name": "count", "required": False, "default": 1} in drop["parameters"]
    assert drop["legal"] is False
    assert listed["unknown-field"]["legal"] is True
    assert "kraken-v2" in listed["stale-rest"]["lacking"]
    for row in listed.values():
        assert row["title"]
        assert set(row["dialects"]) | set(row["lacking"]) == set(DIALECTS.names())
    text = cli("list", "faults").out
    for name in listed:
        assert f"  {name} " in text
    assert "`" not in text
    some = {row["id"] for row in rows(cli, "faults", "--dialect", "kraken-v2")}
    assert "stale-rest" not in some
    assert "wrong-checksum" in some


def test_rules_are_cited(cli: Cli) -> None:
    listed = rows(cli, "rules", "--dialect", "kraken-v2")
    assert all(row["source"] and row["level"] in ("MUST", "SHOULD", "MAY") for row in listed)
    text = cli("list", "rules", "--dialect", "kraken-v2").out
    for row in listed:
        assert f"{row['id']} ({row['level']})" in text


def test_scenario_check(cli: Cli) -> None:
    good = cli.scenario()
    bad = Path("bad.scenario.yaml")
    bad.write_text("id: own/x\ntitle: T\npurpose: P\nrules: [a]\nscript:\n  - sync\n  - fault: dorp\n")
    assert cli("scenario", "check", good) == (0, f"{good}: fine, on {', '.join(DIALECTS.names())}\n", "")
    found = cli("scenario", "check", str(bad), good)
    assert found.status == 4
    lines = found.out.splitlines()
    assert lines[0].startswith("bad.scenario.yaml:7:")
    assert "drop" in lines[0], "it suggests what was meant"
    assert lines[1:3] == ["    7 |   - fault: dorp", "      |            ^"]
    assert lines[-1].endswith("mexc-v3")
    found = cli("scenario", "check", str(bad), good, "--format", "json")
    assert found.status == 4
    first, second = json.loads(found.out)
    assert first["problems"] == [
        {
            "file": str(bad),
            "line": 7,
            "column": 12,
            "severity": "error",
            "code": "unknown-fault",
            "field": "script[2].fault",
            "message": "unknown fault 'dorp'",
            "hint": "did you mean 'drop'?",
        }
    ]
    assert (second["problems"], second["dialects"]) == ([], list(DIALECTS.names()))
    assert cli("scenario", "check", str(bad), good, "--json").out == found.out


def test_scenario_check_of_folders_and_of_what_is_not_there(cli: Cli) -> None:
    cli.scenario()
    assert cli("scenario", "check", "scenarios").status == 0
    Path("empty").mkdir()
    assert "no scenario under 'empty'" in cli("scenario", "check", "empty").err
    found = cli("scenario", "check", "nowhere.yaml", "scenarios/single.scenario.yaml")
    assert found.status == 4
    assert "nowhere.yaml: error: there is no such file" in found.out
    assert "fine" in found.out, "the other files are checked all the same"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"\x00", b"[1, 2]", b"- a\n- b", b"", b"a: &a [*a]"])
def test_scenario_check_of_what_is_no_scenario(cli: Cli, content: bytes) -> None:
    Path("x.scenario.yaml").write_bytes(content)
    found = cli("scenario", "check", "x.scenario.yaml")
    assert found.status == 4
    assert found.out.startswith("x.scenario.yaml")
