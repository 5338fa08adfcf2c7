"""A few answers make a file that is valid and that the ideal client passes, or a reason why that cannot be had."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookproof.authoring.rehearsal import rehearse
from bookproof.authoring.wizard import EXPECTED, NOTHING, OFFERED, PLACES, Answers, compose, document, slug
from bookproof.results import Verdict
from bookproof_exchange.data import folder
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.errors import UsageError
from bookproof_exchange.faults import specs
from bookproof_exchange.faults.registry import faults
from bookproof_exchange.scenario import model
from bookproof_exchange.scenario.applicable import applicable
from bookproof_exchange.scenario.detect import check
from bookproof_exchange.scenario.load import catalogue, loads

ALL = list(DIALECTS)
EXAMPLES = [loaded.scenario for loaded in catalogue(folder("scenarios"))]


def kinds_of(scenario: model.Scenario) -> set[str]:
    return {specs.kind_of(step.fault) for step in scenario.script if isinstance(step, model.Inject | model.Oddity)}


@pytest.mark.parametrize("kind", [NOTHING, *OFFERED, "late-tail", "corrupt-level", "fragmented"])
def test_what_is_offered_works_with_nothing_but_a_title(kind: str) -> None:
    draft = compose(Answers(title="It happens", id="own/x", fault=kind), ALL, EXAMPLES)
    assert loads(document(draft)) == draft.scenario
    assert check(draft.scenario, ALL) == []
    assert kind in kinds_of(draft.scenario) | {NOTHING}
    able = [dialect for dialect in ALL if applicable(draft.scenario, dialect) is None]
    assert able
    assert sorted([dialect.name for dialect in able] + list(draft.left_out)) == sorted(DIALECTS.names())
    for dialect in able:
        assert rehearse(draft.scenario, dialect).run.result.verdict is Verdict.PASS


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from([NOTHING, *(info.kind for info in faults())]),
    st.sampled_from([None, *PLACES]),
    st.sampled_from([None, *EXPECTED]),
    st.sampled_from([None, "improve", "delete", "drain"]),
    st.lists(st.sampled_from(DIALECTS.names()), max_size=2, unique=True),
    st.text(min_size=1),
)
def test_any_answers_make_a_valid_file_or_a_reason(
    kind: str, place: object, expected: object, shape: object, names: list[str], title: str
) -> None:
    answers = Answers(
        title=" ".join(title.split()) or "x",
        id="own/x",
        fault=kind,
        place=place,  # type: ignore[arg-type]
        expected=expected,  # type: ignore[arg-type]
        shape=shape,  # type: ignore[arg-type]
        dialects=tuple(names),
    )
    try:
        draft = compose(answers, ALL, EXAMPLES)
    except UsageError:
        return
    assert loads(document(draft)) == draft.scenario
    assert [problem for problem in check(draft.scenario, ALL) if problem.weight == "error"] == []
    assert set(draft.scenario.dialects or names) <= set(names or DIALECTS.names())


def test_every_key_and_step_has_a_comment() -> None:
    draft = compose(Answers(title="A best price is lost", id="own/x", fault="drop", shape="improve"), ALL, EXAMPLES)
    body = [line for line in document(draft).splitlines() if line and not line.startswith("#")]
    bare = [line for line in body if "  # " not in line]
    assert [line for line in bare if not line.startswith("  The client")] == ["script:"]


def test_where_it_would_be_unfair_it_is_not_asked() -> None:
    """Without a checksum nobody can notice a wrong size: the file says for which dialects it is, and why not for others."""
    draft = compose(Answers(title="x", id="own/x", fault="corrupt-level", expected="notice"), ALL, EXAMPLES)
    assert set(draft.left_out) == {"binance-spot", "mexc-v3"}
    assert "# not on mexc-v3: it has no checksum" in document(draft)


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (Answers(title="x", id="own/x", fault="dorp"), "there is no fault 'dorp' (did you mean 'drop'?)"),
        (Answers(title="x", id="Own X"), "the id 'Own X' has other characters"),
        (Answers(title="x", id="own/x", fault="drop", place="start"), "'drop' strikes the stream of a client"),
        (
            Answers(title="x", id="own/x", fault="close", shape="improve"),
            "'close' strikes no update: it takes no shape",
        ),
        (
            Answers(title="x", id="own/x", fault="stale-rest", dialects=("kraken-v2",)),
            "this can be asked on no dialect (kraken-v2: its snapshots do not come by REST)",
        ),
    ],
)
def test_what_cannot_be_had_is_said(answers: Answers, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        compose(answers, ALL, EXAMPLES)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("The best price is lost", "best-price-lost"),
        ("Ö!", "new"),
        ("It is", "it-is"),
        ("429 twice, in a row", "429-twice-row"),
    ],
)
def test_a_title_makes_a_name(title: str, name: str) -> None:
    assert slug(title) == name
