"""Rules and traits hold together."""

from __future__ import annotations

import re

from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.mexc_v3 import DIALECT


def test_every_rule_has_a_source_and_a_date() -> None:
    assert len(DIALECT.rules) >= 20
    for key, rule in DIALECT.rules.items():
        assert rule.key == key
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", key)
        assert re.fullmatch(r"\d{4}-\d{2}(-\d{2})?", rule.seen)
        assert "https://" in rule.source or not rule.certain, f"{key}: a rule without a source is not certain"
        assert rule.text.endswith((".", ".)"))


def test_there_is_no_rule_about_a_checksum() -> None:
    assert not DIALECT.traits.checksum
    assert not any("checksum" in key for key in DIALECT.rules)
    assert not any("checksum" in edit for edit in DIALECT.traits.edits)


def test_the_registry_finds_it() -> None:
    assert DIALECTS.get("mexc-v3") is DIALECT
    assert DIALECT.name == "mexc-v3"
    assert DIALECT.traits.snapshot_from == DIALECT.ideal.snapshot_from == "rest"
    assert len({instrument.symbol for instrument in DIALECT.instruments}) >= 3
