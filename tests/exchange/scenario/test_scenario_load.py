"""Loading scenario files: the short forms, and errors that name the place and the remedy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bookproof_exchange.data import folder
from bookproof_exchange.errors import UsageError
from bookproof_exchange.faults import specs
from bookproof_exchange.market.events import Shape
from bookproof_exchange.scenario import model
from bookproof_exchange.scenario.load import catalogue, load, loads, loads_with_places
from bookproof_exchange.scenario.problems import Problem, ScenarioError

HEAD = "id: x\ntitle: t\npurpose: p\nrules: [r]\n"


def step(text: str) -> model.Step:
    (made,) = loads(f"{HEAD}script:\n  - {text}\n").script
    return made


def problems(text: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        loads(text, "f.yaml")
    return [str(problem) for problem in caught.value.problems]


def step_problems(text: str) -> list[str]:
    return problems(f"{HEAD}script:\n  - {text}\n")


# --- the short forms ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sync", model.Sync()),
        ("sync:", model.Sync()),
        ("sync: {}", model.Sync()),
        ("sync: 7", model.Sync(lead=7)),
        ("sync: {lead: 7}", model.Sync(lead=7)),
        ("send: 10", model.Send(count=10)),
        ("send: {count: 10, mode: each}", model.Send(count=10, mode="each")),
        ("send: {shape: improve}", model.Send(shape=Shape(kind="improve"))),
        (
            "send: {shape: {kind: delete, side: bid, rank: 0}}",
            model.Send(shape=Shape(kind="delete", side="bid", rank=0)),
        ),
        ("fault: drop", model.Inject(fault=specs.Drop())),
        ("fault: {kind: drop, count: 2}", model.Inject(fault=specs.Drop(count=2))),
        ("fault: {count: 2, kind: drop}", model.Inject(fault=specs.Drop(count=2))),
        ("fault: wrong-checksum", model.Inject(fault=specs.Edited(edit="wrong-checksum"))),
        ("fault: {kind: cut, count: 2}", model.Inject(fault=specs.Edited(edit="cut", count=2))),
        ("fault: {kind: edit, edit: cut, count: 2}", model.Inject(fault=specs.Edited(edit="cut", count=2))),
        ("oddity: reversed-rows", model.Oddity(fault=specs.Edited(edit="reversed-rows"))),
        ("fault: {kind: close, how: rst, away: 20}", model.Inject(fault=specs.Close(how="rst", away=20))),
        ("fault: {kind: failing-rest, retry_after: null}", model.Inject(fault=specs.FailingRest())),
        ("read", model.Read()),
        ("read: 2", model.Read(symbol=2)),
        ("hold", model.Hold()),
        ("probe", model.Probe()),
        ("converge: 40", model.Converge(during=40)),
        ("settle", model.Settle()),
        ("lift", model.Lift()),
        ("quiet: 8", model.Quiet(seconds=8.0)),
        ("quiet: 0.5", model.Quiet(seconds=0.5)),
        ("await: reconnect", model.Await(what="reconnect")),
        (
            "await: {what: subscribe, limit: 30, level: SHOULD}",
            model.Await(what="subscribe", limit=30.0, level="SHOULD"),
        ),
    ],
)
def test_every_step_and_its_short_form(text: str, expected: model.Step) -> None:
    assert step(text) == expected


def test_a_block_mapping_is_the_same_as_a_flow_mapping() -> None:
    made = loads(f"{HEAD}script:\n  - fault:\n      kind: drop\n      shape:\n        kind: improve\n").script
    assert made == (model.Inject(fault=specs.Drop(shape=Shape(kind="improve"))),)


def test_the_rest_of_a_scenario() -> None:
    text = (
        f"{HEAD}needs: [sequence|checksum]\ndialects: [kraken-v2]\nmarket: {{profile: thin, levels: 4, symbols: 2}}\n"
        "subscribe: {channels: [book, trades], depth: most}\nseed: 9\nslow: true\nscript: [sync]\n"
        "expect: {resync: none, honest: true, most_resyncs: null}\ntags: [smoke]\n"
    )
    assert loads(text) == model.Scenario(
        id="x",
        title="t",
        purpose="p",
        rules=("r",),
        needs=("sequence|checksum",),
        dialects=("kraken-v2",),
        market=model.Market(profile="thin", levels=4, symbols=2),
        subscribe=model.Subscribe(channels=("book", "trades"), depth="most"),
        seed=9,
        slow=True,
        script=(model.Sync(),),
        expect=model.Expect(resync="none", honest=True, most_resyncs=None),
        tags=("smoke",),
    )


def test_dialects_null_means_all() -> None:
    assert loads(f"{HEAD}dialects: null\nscript: [sync]").dialects is None


def test_a_depth_may_be_a_number() -> None:
    assert loads(f"{HEAD}subscribe: {{depth: 25}}\nscript: [sync]").subscribe.depth == 25


# --- what is wrong, where, and what to do about it ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("sned: 5", "f.yaml:6:5: script[1]: unknown step 'sned' (did you mean 'send'?)"),
        ("sned", "f.yaml:6:5: script[1]: unknown step 'sned' (did you mean 'send'?)"),
        ("drop", "f.yaml:6:5: script[1]: unknown step 'drop' (a fault stands in a step: `- fault: drop`)"),
        ("fault: dorp", "f.yaml:6:12: script[1].fault: unknown fault 'dorp' (did you mean 'drop'?)"),
        (
            "fault: {kind: wrong-cheksum}",
            "f.yaml:6:19: script[1].fault: unknown fault 'wrong-cheksum' (did you mean 'wrong-checksum'?)",
        ),
        (
            "fault: {kind: drop, cuont: 2}",
            "f.yaml:6:25: script[1].fault.cuont: unknown key 'cuont' of the fault 'drop' (did you mean 'count'?)",
        ),
        (
            "fault: {kind: cut, edit: cut}",
            "f.yaml:6:24: script[1].fault.edit: unknown key 'edit' of the fault 'cut' "
            "(known: count, shape, symbol, value)",
        ),
        (
            "fault: {count: 2}",
            "f.yaml:6:12: script[1].fault: a fault needs 'kind', which is missing "
            "(write `- fault: drop` or `- fault: {kind: drop, count: 2}`)",
        ),
        (
            "fault",
            "f.yaml:6:5: script[1]: the step 'fault' needs the kind of a fault "
            "(write `- fault: drop` or `- fault: {kind: drop, count: 2}`)",
        ),
        ("fault: [drop]", "f.yaml:6:12: script[1].fault: expected the kind of a fault, found a list"),
        ("fault: {kind: edit}", "f.yaml:6:12: script[1].fault: the fault 'edit' needs 'edit', which is missing"),
        (
            "fault: {kind: close, code: 1_000}",
            "f.yaml:6:32: script[1].fault.code: expected a whole number, found '1_000' "
            "(write the digits alone, without quotes, commas or underscores)",
        ),
        (
            "fault: {kind: close, code: 99}",
            "f.yaml:6:32: script[1].fault.code: expected a number from 1000 to 4999, found 99",
        ),
        (
            "fault: {kind: resnapshot, empty: yes}",
            "f.yaml:6:38: script[1].fault.empty: expected true or false, found 'yes' "
            "(YAML 1.2 knows only true and false)",
        ),
        ("send: true", "f.yaml:6:11: script[1].count: expected a whole number, found the truth value true"),
        ("send: 1.5", "f.yaml:6:11: script[1].count: expected a whole number, found the number 1.5"),
        ("send: 0", "f.yaml:6:11: script[1].count: expected a number from 1 to 1000000, found 0"),
        ("send: -3", "f.yaml:6:11: script[1].count: expected a number from 1 to 1000000, found -3"),
        ("quiet: .inf", "f.yaml:6:12: script[1].seconds: expected a number, found '.inf'"),
        ("quiet: 1e999", "f.yaml:6:12: script[1].seconds: expected a number from 0 to 3600, found inf"),
        (
            "send: {mode: brust}",
            "f.yaml:6:18: script[1].mode: expected one of burst, bytes, each, found 'brust' (did you mean 'burst'?)",
        ),
        (
            "send: {shape: imporve}",
            "f.yaml:6:19: script[1].shape: expected one of any, change, delete, drain, far, improve, insert, refill, "
            "sweep, found 'imporve' (did you mean 'improve'?)",
        ),
        ("probe: 3", "f.yaml:6:12: script[1]: expected nothing after 'probe', found the number 3"),
        ("probe: {a: 3}", "f.yaml:6:13: script[1].a: unknown key 'a' of the step 'probe' (it has no parameters)"),
        (
            "send: [1]",
            "f.yaml:6:11: script[1]: expected a mapping with count, shape, symbol, mode after 'send', found a list",
        ),
        (
            "{send: 1, read: 2}",
            "f.yaml:6:5: script[1]: expected a step with one name, found send, read "
            "(each step begins with its own `- `)",
        ),
        ("5", "f.yaml:6:5: script[1]: expected a step such as `- send: 10` or `- probe`, found the number 5"),
        ("await", "f.yaml:6:5: script[1]: the step 'await' needs 'what', which is missing"),
    ],
)
def test_problems_of_a_step(text: str, complaint: str) -> None:
    (problem,) = step_problems(text)
    assert problem == complaint or problem.startswith(f"{complaint} (")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "f.yaml:1:1: the file is empty (a scenario starts with `id:`, `title:` and `purpose:`)"),
        ("# only a comment\n", "f.yaml:1:1: the file is empty (a scenario starts with `id:`, `title:` and `purpose:`)"),
        ("id:\n\ttitle: x\n", "f.yaml:2:1: a tab is used for indentation (YAML is indented with spaces only)"),
        ("[1, 2", "f.yaml:1:1: the bracket that opens here is not closed"),
        (
            "purpose: a: b\n",
            "f.yaml:1:11: a second `:` stands where a value is expected (put a text that holds `: ` in quotes)",
        ),
        ("- sync\n", "f.yaml:1:1: expected a scenario: a mapping with id, title, …, found a list"),
        ("just text", "f.yaml:1:1: expected a scenario: a mapping with id, title, …, found 'just text'"),
    ],
)
def test_files_that_are_no_scenario(text: str, complaint: str) -> None:
    (problem,) = problems(text)
    assert problem == complaint or problem.startswith(f"{complaint} (")


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        (
            "title: again\n",
            "f.yaml:6:1: the key 'title' is given twice (it was given in line 2 already: keep one of them)",
        ),
        ("tags: [&a x]\n", "f.yaml:6:8: anchors (&a) are not part of the scenario format (write the value out)"),
        (
            "tags: [!!str x]\n",
            "f.yaml:6:8: tags (tag:yaml.org,2002:str) are not part of the scenario format (remove the tag)",
        ),
        ("---\n", "f.yaml:6:1: a second document starts here (one file holds one scenario: remove the `---`)"),
        ("slow: no\n", "f.yaml:6:7: slow: expected true or false, found 'no' (YAML 1.2 knows only true and false)"),
        ("slow: 1\n", "f.yaml:6:7: slow: expected true or false, found the number 1"),
        ("needs: sequence\n", "f.yaml:6:8: needs: expected a list, found 'sequence' (write `needs: [sequence]`)"),
        ("needs: [5]\n", "f.yaml:6:9: needs[1]: expected a text, found the number 5 (put it in quotes)"),
        ("market: {profile: bussy}\n", None),
        (
            "expect: none\n",
            "f.yaml:6:9: expect: expected a mapping with resync, honest, most_resyncs, live, found 'none'",
        ),
        ("subscribe: {depth: lest}\n", None),
        ("tag: x\n", "f.yaml:6:1: tag: unknown key 'tag' of a scenario (did you mean 'tags'?)"),
        ("? [a]\n: b\n", "f.yaml:6:3: a key must be a name"),
    ],
)
def test_problems_of_the_rest(extra: str, complaint: str | None) -> None:
    found = problems(f"{HEAD}script: [sync]\n{extra}")
    if complaint is not None:
        (problem,) = found
        assert problem == complaint or problem.startswith(f"{complaint} (")
    else:
        assert len(found) == 1
        assert "did you mean" in found[0]


def test_missing_keys_are_named() -> None:
    found = problems("id: x\n")
    for problem, name in zip(found, ("title", "purpose", "rules", "script"), strict=True):
        assert problem.startswith(f"f.yaml:1:1: a scenario needs {name!r}, which is missing (")


def test_all_problems_of_a_file_come_at_once_in_its_order() -> None:
    text = "id: 5\ntitle: t\ntitle: u\npurpose: p\nrules: [r]\nscript:\n  - sned\n  - fault: dorp\n  - send: 0\n"
    with pytest.raises(ScenarioError) as caught:
        loads(text, "f.yaml")
    assert [problem.where and problem.where[1] for problem in caught.value.problems] == [1, 3, 7, 8, 9]
    assert str(caught.value) == (
        "f.yaml:1:5: id: expected a text, found the number 5 (put it in quotes) [and 4 more problems in this file]"
    )
    assert "\n" not in str(caught.value)


def test_an_alias_is_refused_and_cannot_blow_up() -> None:
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n"
    assert any("aliases" in problem for problem in problems(bomb))


@settings(deadline=5000)
@given(st.text(max_size=200))
@example("\x00")
@example("[" * 300_000)
@example("{a: " * 3000)
@example("- " * 3000)
@example("? ? ?")
@example("%YAML 9.9\n---\na")
@example("&a")
@example("!<")
@example('"\\')
@example("a: \x85b")
@example("\ufeffid: x")
def test_no_text_ends_in_anything_but_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        loads(text)
    assert "\n" not in str(caught.value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["drop", "sync", "x", "yes", ""]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["kind", "send", "fault", "script", "id", "shape", "count"]), inner, max_size=4
            )
        ),
        max_leaves=12,
    )
)
def test_no_tree_ends_in_anything_but_a_usage_error(tree: object) -> None:
    import json

    with pytest.raises(UsageError):
        loads(
            f"{HEAD}script: [{{send: {json.dumps(tree)}}}, {{oddity: {json.dumps(tree)}}}]\n".replace(
                "p\n", "p\nx: 1\n"
            )
        )


# --- files ----------------------------------------------------------------------------------------------------------


def file_problems(path: Path) -> list[Problem]:
    with pytest.raises(ScenarioError) as caught:
        load(path)
    return list(caught.value.problems)


def test_a_missing_file_is_named_and_a_similar_one_offered(tmp_path: Path) -> None:
    (tmp_path / "single.scenario.yaml").write_text("")
    (problem,) = file_problems(tmp_path / "singel.scenario.yaml")
    assert problem.message == "there is no such file"
    assert problem.hint == "did you mean 'single.scenario.yaml'?"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert file_problems(tmp_path)[0].message == "this is a folder, not a scenario file"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"id: \xff\n", "is not UTF-8 text (byte 0xff)"),
        ("id: x\n".encode("utf-16"), "is UTF-16 text"),
        (b"#" * (1 << 20) + b"##", "is larger than 1 MiB: not a scenario"),
    ],
)
def test_files_that_are_no_text(tmp_path: Path, raw: bytes, message: str) -> None:
    path = tmp_path / "a.scenario.yaml"
    path.write_bytes(raw)
    assert file_problems(path)[0].message == message


def test_an_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *args: object) -> None:
        raise PermissionError(13, os.strerror(13))

    path = tmp_path / "a.scenario.yaml"
    path.write_text("id: x")
    monkeypatch.setattr(Path, "open", refuse)
    assert file_problems(path)[0].message == "cannot be read: Permission denied"


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "a.scenario.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + f"{HEAD}script: [sync]\n".replace("\n", "\r\n").encode())
    assert load(path).id == "x"


def test_places_are_remembered_and_the_nearest_is_found() -> None:
    loaded = loads_with_places(f"{HEAD}script:\n  - sync\n  - fault: {{kind: drop, count: 2}}\n", "f.yaml")
    assert str(loaded.where("script[2].fault.count")) == "f.yaml:7:32: script[2].fault.count"
    assert str(loaded.where("script[2].fault.shape.rank")) == "f.yaml:7:12: script[2].fault"
    assert str(loaded.where("script[2]")) == "f.yaml:7:5: script[2]"
    assert str(loaded.where("nothing")) == "f.yaml"


# --- folders --------------------------------------------------------------------------------------------------------


def put(root: Path, name: str, id: str) -> None:
    path = root / f"{name}.scenario.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{HEAD}script: [sync]\n".replace("id: x", f"id: {id}"))


def test_a_catalogue_is_sorted_and_holds_only_scenario_files(tmp_path: Path) -> None:
    put(tmp_path, "b/z", "z")
    put(tmp_path, "a/y", "y")
    put(tmp_path, "c", "c")
    (tmp_path / "a" / "notes.yaml").write_text("not: a scenario")
    assert [loaded.scenario.id for loaded in catalogue(tmp_path)] == ["y", "z", "c"]


def test_two_files_with_one_id_are_refused(tmp_path: Path) -> None:
    put(tmp_path, "a", "x")
    put(tmp_path, "b", "x")
    with pytest.raises(ScenarioError, match=r"b.scenario.yaml:1:5: id: the id 'x' is taken by .*a.scenario.yaml"):
        catalogue(tmp_path)


def test_a_catalogue_reports_the_problems_of_all_files(tmp_path: Path) -> None:
    put(tmp_path, "good", "x")
    (tmp_path / "one.scenario.yaml").write_text("")
    (tmp_path / "two.scenario.yaml").write_text("id: x\n")
    with pytest.raises(ScenarioError) as caught:
        catalogue(tmp_path)
    files = [Path(problem.where[0]).name for problem in caught.value.problems if problem.where]
    assert files == ["one.scenario.yaml"] + ["two.scenario.yaml"] * 4


def test_a_catalogue_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="there is no such folder"):
        catalogue(tmp_path / "none")


# --- the project's own catalogue ------------------------------------------------------------------------------------


def test_the_files_of_the_catalogue_lie_where_their_ids_say() -> None:
    root = folder("scenarios")
    for loaded in catalogue(root):
        name = loaded.scenario.id.removeprefix("book/")
        assert Path(loaded.path) == root / f"{name}.scenario.yaml"
