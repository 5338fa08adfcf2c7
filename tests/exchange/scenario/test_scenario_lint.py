"""The linter: what it objects to, what it lets pass, and that the project's own scenarios are clean."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from scenario_dialects import ALL, BLIND, NUMBERS, SUMS

from bookproof_exchange.data import folder
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.scenario.applicable import applicable
from bookproof_exchange.scenario.lint import lint
from bookproof_exchange.scenario.load import catalogue, loads

GOOD = "id: book/gap/single\ntitle: t\npurpose: p\nrules: [r]\n"
SEEN = "needs: [sequence|checksum]"


def found(script: str, rest: str = "", *, head: str = GOOD, dialects: tuple[Any, ...] = ALL) -> list[str]:
    steps = "".join(f"  - {step.strip()}\n" for step in script.split("; ") if step.strip())
    return [str(problem) for problem in lint(loads(f"{head}{rest}\nscript:\n{steps}"), dialects)]


@pytest.mark.parametrize(
    ("script", "rest"),
    [
        ("sync; send: 5; settle", "expect: {resync: none}"),
        ("sync; send: 5; read; fault: drop; send: 3; probe; converge; settle", f"{SEEN}\nexpect: {{honest: true}}"),
        ("fault: stale-rest; sync; settle", ""),
        ("oddity: late-ack; sync; settle", ""),
        ("sync; fault: stale-rest; fault: drop; send: 3; probe; converge; settle", SEEN),
        ("sync; fault: {kind: close, how: rst}; converge; send: 5; settle", "expect: {resync: some}"),
        ("sync; fault: {kind: close, how: rst}; quiet: 3; probe; converge", "expect: {honest: true}"),
        ("sync; fault: {kind: close, how: rst}; await: reconnect; read; settle", ""),
        ("sync; oddity: {kind: resnapshot, away: 3}; send: 3; settle", "expect: {resync: none}"),
        ("sync; fault: {kind: stall, scope: socket}; await: reconnect; lift; converge; settle", ""),
        ("sync; fault: {kind: stall, scope: data}; lift; send: 3; settle", "expect: {resync: none}"),
        ("sync; fault: {kind: close, refuse: until-lift}; quiet: 3; lift; converge; settle", "expect: {resync: some}"),
        ("sync; send: {shape: drain}; read; send: {shape: refill}; settle", ""),
        ("sync; hold; fault: drop; send: 3; probe; converge", SEEN),
        ("sync; fault: duplicate; send: 3; settle", "expect: {resync: none}"),
        # A level below what the checksum covers, but the feed has a sequence.
        ("sync; fault: {kind: drop, shape: {kind: change, rank: 30}}; send: 3; converge", "needs: [sequence]"),
        # The next message tells of it.
        ("sync; fault: corrupt-level-consistent; send: 2; fault: close; converge; settle", ""),
        ("sync; read: 2; settle", "market: {symbols: 2}"),
    ],
)
def test_good_scenarios_pass(script: str, rest: str) -> None:
    assert found(script, rest) == []


@pytest.mark.parametrize(
    ("script", "rest", "complaint"),
    [
        ("send: 5; settle", "", "script: the script has no `sync`: nothing proves that the client was ever right"),
        ("send: 5; sync; settle", "", "script[1]: only faults and oddities can come before `sync`"),
        ("fault: close; sync", "", "script[1]: 'close' strikes at once: put it after `sync`"),
        ("sync; probe; settle", "", "script[2]: `probe` without a fault before it: there is nothing to notice"),
        ("sync; lift; settle", "", "script[2]: `lift` without a stall before it: nothing stands"),
        ("sync; hold; settle", "", "script: `hold` without a later `probe`: what is held back is never let go"),
        (
            "sync; fault: {kind: close, refuse: until-lift}; converge; settle",
            "",
            "script: the stall or outage is never lifted (put `lift` before the last steps)",
        ),
        (
            "sync; fault: stall; settle",
            "",
            "script: the stall or outage is never lifted (put `lift` before the last steps)",
        ),
        (
            "sync; send: {shape: refill}; settle",
            "",
            "script[2]: `refill` without a `drain` before it: no side is empty",
        ),
        ("sync; send: 5", "", "script[2]: nothing observes the client after this step"),
        ("sync; read: 2; settle", "", "script[2]: symbol 2 of a market with 1 (set market.symbols to 2)"),
        (
            "sync; fault: {kind: drop, symbol: 2}; send: {symbol: 2, count: 3}; settle",
            SEEN,
            "script[2]: symbol 2 of a market with 1 (set market.symbols to 2)",
        ),
        (
            "sync; fault: close; send: 3; converge",
            "",
            "script[3]: nobody is connected after the close: these updates reach no client "
            "(put `converge` or `await: reconnect` between)",
        ),
        (
            "sync; fault: close; read; converge",
            "",
            "script[3]: nothing proves here what the client has read; the connection is gone: `converge` or `quiet` "
            "first",
        ),
        (
            "sync; fault: {kind: stall, scope: socket}; read; lift; settle",
            "",
            "script[3]: nothing proves here what the client has read; the exchange is silent: lift the stall first",
        ),
        ("sync; quiet: 30; settle", "", "script[2]: a quiet of 30 s without `slow: true`"),
        ("sync; await: {what: reconnect, limit: 90}", "", "script[2]: waiting up to 90 s without `slow: true`"),
        (
            "sync; oddity: drop; send: 3; settle",
            SEEN,
            "script[2]: 'drop' is no legal oddity: the venue may not do this (write `- fault: drop`)",
        ),
        (
            "sync; oddity: wrong-checksum; send: 3; settle",
            "",
            "script[2]: 'wrong-checksum' is no legal oddity: the venue may not do this "
            "(write `- fault: wrong-checksum`)",
        ),
        (
            "sync; fault: reversed-rows; send: 3; settle",
            "",
            "script[2]: 'reversed-rows' is legal: no fault that a client may object to "
            "(write `- oddity: reversed-rows`)",
        ),
        (
            "sync; fault: {kind: drop, count: 8}; send: 3; converge",
            SEEN,
            "script[2]: 3 updates follow 'drop', which takes 8 (send at least 8 before the next step that observes)",
        ),
        (
            "sync; fault: swap; send: 1; converge",
            SEEN,
            "script[2]: 1 update follows 'swap', which takes 2 (send at least 2 before the next step that observes)",
        ),
        (
            "sync; fault: drop; send: {count: 3, symbol: 2}; converge",
            f"{SEEN}\nmarket: {{symbols: 2}}",
            "script[2]: 0 updates follow 'drop', which takes 1 (send at least 1 before the next step that observes)",
        ),
        (
            "sync; fault: drop; send: 1; probe; converge",
            SEEN,
            "script[2]: no update follows the lost one before the probe: nobody could know of it (send 2 or more)",
        ),
        (
            "sync; send: 3; fault: stale-rest; settle",
            "",
            "script[3]: no further snapshot request follows that 'stale-rest' could strike "
            "(put it before `sync`, or add a fault that makes the client recover)",
        ),
        (
            "sync; fault: late-ack; settle",
            "",
            "script[2]: no further subscription follows that 'late-ack' could strike "
            "(put it before `sync`, or add a fault that makes the client recover)",
        ),
        (
            "sync; fault: drop; send: 3; converge",
            "needs: [sequence|checksum]\nexpect: {honest: true}",
            "expect.honest: `honest` without a `probe`: nothing observes it "
            "(put `probe` after the fault and the updates that tell of it)",
        ),
        (
            "sync; send: 3; settle",
            "expect: {resync: some}",
            "expect.resync: a recovery is demanded, but nothing goes wrong",
        ),
        (
            "sync; fault: drop; send: 3; converge",
            f"{SEEN}\nexpect: {{resync: none}}",
            "expect.resync: no recovery is allowed, but 'drop' makes one necessary",
        ),
        (
            "sync; fault: drop; send: 3; probe; converge",
            "",
            "script[2]: on blind nobody could notice this: its updates carry neither sequence nor checksum "
            "(add what it takes to `needs`)",
        ),
        (
            "sync; fault: {kind: drop, shape: {kind: change, rank: 30}}; send: 3; converge",
            SEEN,
            "script[2]: on sums nobody could notice this: it has no sequence, and the checksum covers the best 10 "
            "levels only (add what it takes to `needs`)",
        ),
        (
            "sync; fault: corrupt-level; send: 3; converge",
            "",
            "script[2]: on numbers nobody could notice this: the number is well-formed and it has no checksum "
            "(add what it takes to `needs`)",
        ),
        (
            "sync; fault: {kind: stall, scope: feed, lost: true}; lift; send: 3; converge",
            "dialects: [blind]",
            "script[2]: on blind nobody could notice this: its updates carry neither sequence nor checksum "
            "(add what it takes to `needs`)",
        ),
        ("sync; settle", "needs: [sequense]", "needs[1]: unknown need 'sequense' (did you mean 'sequence'?)"),
        ("sync; settle", "dialects: [summs]", "dialects[1]: unknown dialect 'summs' (did you mean 'sums'?)"),
        (
            "sync; oddity: resnapshot; settle",
            "dialects: [sums, numbers]",
            "dialects[2]: numbers cannot express this: its snapshots do not come in band",
        ),
        (
            "sync; settle",
            "needs: [windowed, sequence]",
            "no dialect can express this (sums: its updates carry no sequence; "
            "numbers: it keeps no window of levels; blind: it keeps no window of levels)",
        ),
    ],
)
def test_bad_scenarios_are_named(script: str, rest: str, complaint: str) -> None:
    problems = found(script, rest)
    assert any(problem == complaint or problem.startswith(f"{complaint} (") for problem in problems), problems


def test_a_complaint_names_one_thing_only() -> None:
    assert len(found("sync; fault: drop; send: 3; probe; converge")) == 1
    assert len(found("sync; probe; settle")) == 1


@pytest.mark.parametrize("id", ["Book/gap", "book gap", "book//gap", "/book", "book/", "book_gap", "", "búho", "-a"])
def test_bad_ids(id: str) -> None:
    head = GOOD.replace("book/gap/single", f'"{id}"')
    assert any("has other characters" in problem for problem in found("sync; settle", head=head))


def test_the_head() -> None:
    head = 'id: x\ntitle: " "\npurpose: ""\nrules: []\n'
    problems = found("sync; settle", head=head)
    assert "title: the title is empty (what happens, in a few words)" in problems
    assert "purpose: the purpose is empty (what a client must do then, and what goes wrong in real ones)" in problems
    assert "rules: no rule is tested (name at least one: `bookproof list rules` shows them)" in problems


def test_rules() -> None:
    problems = found("sync; settle", head=GOOD.replace("[r]", "[r, r, rr]"))
    assert problems == [
        "rules[2]: the rule 'r' is named twice (keep one)",
        "rules[3]: no dialect has a rule 'rr' (did you mean 'r'?)",
    ]


def test_without_dialects_only_the_script_is_judged() -> None:
    assert found("sync; fault: drop; send: 3; probe; converge", dialects=()) == []


def test_a_demand_is_fair_where_needs_exclude_the_blind() -> None:
    script = "sync; fault: drop; send: 3; probe; converge"
    assert found(script, dialects=(SUMS, NUMBERS)) == []
    assert found(script, dialects=(SUMS, NUMBERS, BLIND)) != []
    assert found(script, SEEN, dialects=(SUMS, NUMBERS, BLIND)) == []


# --- the project's own catalogue ------------------------------------------------------------------------------------


def test_the_catalogue_is_clean() -> None:
    problems = [
        f"{loaded.where(problem.field)}: {problem.message}"
        for loaded in catalogue(folder("scenarios"))
        for problem in lint(loaded.scenario, DIALECTS)
    ]
    assert problems == []


def test_the_catalogue_serves_every_dialect_and_most_rules() -> None:
    scenarios = [loaded.scenario for loaded in catalogue(folder("scenarios"))]
    cases = Counter(each.name for each in DIALECTS for scenario in scenarios if applicable(scenario, each) is None)
    assert min(cases.values()) >= 44
    tested = {key for scenario in scenarios for key in scenario.rules}
    for each in DIALECTS:
        assert len(tested & set(each.rules)) >= len(each.rules) - 6
