"""Results for reporters, as a run would have them, and hostile ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from hypothesis import strategies as st

from bookproof.results import (
    CaseFinished,
    CaseResult,
    CaseStarted,
    Check,
    LevelDiff,
    ResultEvent,
    RunFinished,
    RunStarted,
    Trouble,
    Verdict,
    worst,
)
from bookproof.suite import exit_status

HOSTILE = "<script>alert('&')</script>\x1b[31m\r\n::error::x\x00\u202e%0A|`]]>\ud800"


def check(
    id: str = "S1",
    verdict: Verdict = Verdict.FAIL,
    *,
    anomaly: str | None = "ghost",
    message: str = "A ghost.",
    rule: str | None = None,
    diff: tuple[LevelDiff, ...] = (),
) -> Check:
    if verdict is Verdict.PASS:
        anomaly, message = None, ""
    return Check(
        id=id, verdict=verdict, title="a property", anomaly=anomaly, message=message, rule=rule, diff=diff, position=7
    )


def result(
    scenario: str = "book/gap/single",
    verdict: Verdict = Verdict.PASS,
    checks: Sequence[Check] = (),
    *,
    dialect: str = "kraken-v2",
    message: str = "",
    known: str | None = None,
    **more: object,
) -> CaseResult:
    made = CaseResult(
        id=f"{dialect}/{scenario}",
        dialect=dialect,
        scenario=scenario,
        title="One update is lost",
        seed=1,
        verdict=verdict,
        checks=tuple(checks),
        message=message,
        known=known,
        seconds=0.25,
        client="a client 1",
    )
    return msgspec.structs.replace(made, **more)


def events(
    results: Sequence[CaseResult] = (),
    *,
    troubles: Iterable[Trouble] = (),
    interrupted: bool = False,
    client: str = "./client --fast",
    not_run: Sequence[str] = (),
    skipped_slow: Sequence[str] = (),
) -> list[ResultEvent]:
    listed = list(troubles)
    found: list[ResultEvent] = [
        RunStarted(
            client=client,
            dialects=tuple(dict.fromkeys(each.dialect for each in results)) or ("kraken-v2",),
            cases=(*(each.id for each in results), *not_run),
            skipped_slow=tuple(skipped_slow),
            version="9.9",
        )
    ]
    for each in results:
        found += [CaseStarted(id=each.id), CaseFinished(result=each)]
    found += listed
    status = exit_status(results, listed, interrupted=interrupted)
    found.append(RunFinished(seconds=1.5, exit_status=status, interrupted=interrupted))
    return found


MIXED = [
    result("book/gap/single", Verdict.FAIL, [check("S1"), check("E1@7", Verdict.PASS)], reproduced=True, attempts=2),
    result("book/gap/twice", Verdict.PASS, [check("S1", Verdict.PASS)]),
    result(
        "book/delete/best",
        Verdict.CRASHED,
        [check("V0", Verdict.INCONCLUSIVE)],
        message="the client ended: signal SIGSEGV",
    ),
    result("book/delete/absent", Verdict.UNSUPPORTED, message="the adapter does not declare the channel 'book'"),
    result("trades/plain", Verdict.WARN, [check("S2", Verdict.WARN, anomaly="went-back")]),
    result("book/stall/feed", Verdict.FAIL, [check("E1@3", anomaly="not-live")], known="they know"),
    result("book/gap/single", Verdict.INCONCLUSIVE, [check("V0", Verdict.INCONCLUSIVE)], dialect="binance-spot"),
]
"""One of nearly everything."""


def hostile() -> list[CaseResult]:
    diff = (LevelDiff(side="bid", price=HOSTILE, shown=HOSTILE, truth=None, note=HOSTILE),)
    bad = check(message=HOSTILE, anomaly=HOSTILE, diff=diff)
    return [
        result("book/gap/single", Verdict.FAIL, [bad], message=HOSTILE, client=HOSTILE, stderr=(HOSTILE,) * 3),
        result("book/gap/twice", Verdict.UNSUPPORTED, message=HOSTILE),
        result("book/gap/sweep", Verdict.FAIL, [bad], known=HOSTILE, reproduce=HOSTILE, title=HOSTILE),
        result("book/delete/best", Verdict.CRASHED, message=HOSTILE, diagnosis=HOSTILE),
    ]


_CHECKS = st.builds(
    check,
    st.sampled_from(["S1", "S2", "S4", "E1@3", "E1@9", "E3@9", "V0"]),
    st.sampled_from([each for each in Verdict if each.rank <= Verdict.FAIL.rank and each is not Verdict.UNSUPPORTED]),
    anomaly=st.sampled_from(["ghost", "torn", "not-live"]),
)


@st.composite
def results(draw: st.DrawFn) -> CaseResult:
    """A case as the checker makes it: the worst of its checks, or what became of the process."""
    checks = draw(st.lists(_CHECKS, min_size=1, max_size=4))
    verdict = worst([each.verdict for each in checks])
    over = draw(st.sampled_from([None, Verdict.HUNG, Verdict.CRASHED, Verdict.ADAPTER_ERROR, Verdict.HARNESS_ERROR]))
    scenario = draw(st.sampled_from(["book/gap/single", "book/gap/twice", "trades/plain"]))
    return result(scenario, over or verdict, checks, message="the client ended" if over else "")


RESULTS = results()
