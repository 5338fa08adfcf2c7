"""The laws of the message faults: what goes out is what was sent, but for exactly what each fault says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookproof_exchange.dialects.api import Edit, Feed, Kind, Message
from bookproof_exchange.errors import HarnessError
from bookproof_exchange.faults import specs
from bookproof_exchange.faults.forms import Fragments
from bookproof_exchange.faults.messages import Delivery, Editor, MessageLine
from bookproof_exchange.market.events import Shape

FEED = Feed("BTC/USD", "book", 10)
OTHER = Feed("ETH/USD", "book", 10)


def update(version: int, feed: Feed = FEED) -> Message:
    return Message(kind=Kind.UPDATE, payload=b"u%d" % version, feed=feed, first=version - 1, last=version)


def bang(message: Message, edit: Edit) -> Message | None:
    """An edit that any message can carry."""
    return msgspec.structs.replace(message, payload=message.payload + b"!" + edit.kind.encode())


def odd_only(message: Message, edit: Edit) -> Message | None:
    return bang(message, edit) if message.last % 2 else None


def line(*faults: specs.MessageFault, edit: Editor = bang) -> MessageLine:
    made = MessageLine(FEED, edit)
    for number, fault in enumerate(faults, 1):
        made.arm(number, fault)
    return made


def run(made: MessageLine, messages: Sequence[Message]) -> list[Delivery]:
    out: list[Delivery] = []
    for message in messages:
        out += made.push(message)
    return [*out, *made.flush()]


def names(deliveries: Sequence[Delivery]) -> str:
    return " ".join(delivery.message.payload.decode() for delivery in deliveries)


UPDATES = [update(version) for version in range(1, 10)]

FAULTS = st.one_of(
    st.builds(specs.Drop, count=st.integers(1, 4)),
    st.builds(specs.Duplicate, later=st.integers(0, 4)),
    st.just(specs.Swap()),
    st.builds(specs.Delay, by=st.integers(1, 5)),
    st.builds(specs.Edited, edit=st.just("cut"), count=st.integers(1, 3)),
    st.builds(specs.Fragmented, count=st.integers(1, 3), pieces=st.integers(2, 9)),
)


@st.composite
def streams(draw: st.DrawFn) -> list[Message]:
    """Messages of all kinds, of the feed and of another, versions rising."""
    kinds = draw(st.lists(st.sampled_from("uuuuuohs"), max_size=30))
    messages = []
    for version, kind in enumerate(kinds, 1):
        match kind:
            case "u":
                messages.append(update(version))
            case "o":
                messages.append(update(version, OTHER))
            case "h":
                messages.append(Message(kind=Kind.HEARTBEAT, payload=b"h%d" % version))
            case "s":
                messages.append(Message(kind=Kind.SNAPSHOT, payload=b"s%d" % version, feed=FEED, last=version))
    return messages


def is_touchable(message: Message) -> bool:
    return message.kind is Kind.UPDATE and message.feed == FEED


@given(streams())
def test_without_faults_the_line_is_the_identity(messages: list[Message]) -> None:
    made = line()
    for message in messages:
        (delivery,) = made.push(message)
        assert delivery.message is message
        assert delivery.faults == ()
    assert made.flush() == ()
    assert made.idle
    assert made.strikes == ()


@given(st.lists(FAULTS, max_size=5), streams())
def test_everything_but_updates_of_the_feed_passes_unchanged_and_at_once(
    faults: list[specs.MessageFault], messages: list[Message]
) -> None:
    made = line(*faults)
    for message in messages:
        out = made.push(message)
        if not is_touchable(message):
            assert out == (Delivery(message),)


@given(st.lists(FAULTS, max_size=5), streams())
def test_any_composition_conserves_messages(faults: list[specs.MessageFault], messages: list[Message]) -> None:
    """Drops remove exactly what they say they struck, duplicates add one copy each, edits replace one for one, the rest
    is the same messages in some order."""
    made = line(*faults)
    out = run(made, messages)
    expected = Counter(message.payload for message in messages)
    for strike in made.strikes:
        match faults[strike.fault - 1]:
            case specs.Drop():
                expected[strike.message.payload] -= 1
            case specs.Duplicate():
                expected[strike.message.payload] += 1
            case specs.Edited():
                expected[strike.message.payload] -= 1
                expected[strike.message.payload + b"!cut"] += 1
            case _:
                pass
    assert Counter(delivery.message.payload for delivery in out) == +expected
    assert not made.held


@given(st.lists(FAULTS, max_size=5), streams())
def test_untouched_updates_keep_their_order(faults: list[specs.MessageFault], messages: list[Message]) -> None:
    out = run(line(*faults), messages)
    places = {message.payload: place for place, message in enumerate(messages)}
    # (Only among the feed's own: the end may release an update that others of other feeds have passed.)
    untouched = [places[d.message.payload] for d in out if not d.faults and is_touchable(d.message)]
    assert untouched == sorted(untouched)


@given(st.lists(FAULTS, max_size=5), streams())
def test_each_update_is_struck_at_most_once(faults: list[specs.MessageFault], messages: list[Message]) -> None:
    made = line(*faults)
    run(made, messages)
    struck = Counter(strike.message.payload for strike in made.strikes)
    assert all(count == 1 for count in struck.values())


@given(st.lists(FAULTS, max_size=5), streams())
def test_the_line_is_deterministic(faults: list[specs.MessageFault], messages: list[Message]) -> None:
    one, other = line(*faults), line(*faults)
    assert run(one, messages) == run(other, messages)
    assert one.strikes == other.strikes
    assert one.unfired == other.unfired


@given(FAULTS, st.integers(0, 12))
def test_a_fault_strikes_wholly_or_is_visible_as_unfired(fault: specs.MessageFault, length: int) -> None:
    made = line(fault)
    run(made, UPDATES[:length] + [update(version) for version in range(10, length + 1)])
    match fault:
        case specs.Drop(count=wanted) | specs.Edited(count=wanted) | specs.Fragmented(count=wanted):
            assert len(made.strikes) == min(wanted, length)
            fired = length >= wanted
        case specs.Duplicate():
            fired = length >= 1
        case _:
            fired = length >= 2
    assert made.unfired == (() if fired else (1,))
    assert made.idle == fired


@given(st.integers(1, 4), st.integers(2, 9), streams())
def test_fragments_are_the_same_messages_in_another_form(count: int, pieces: int, messages: list[Message]) -> None:
    made = line(specs.Fragmented(count=count, pieces=pieces, between="pong"))
    out = run(made, messages)
    assert [delivery.message for delivery in out] == messages
    odd = [delivery for delivery in out if delivery.form is not None]
    assert odd == [delivery for delivery in out if is_touchable(delivery.message)][:count]
    assert all(delivery.form == Fragments(pieces, "pong") and delivery.faults == (1,) for delivery in odd)


@given(st.integers(1, 5))
def test_drop_removes_exactly_the_next_count(count: int) -> None:
    made = line(specs.Drop(count=count))
    assert names(run(made, UPDATES)) == names([Delivery(message) for message in UPDATES[count:]])
    assert [(strike.first, strike.last) for strike in made.strikes] == [(n, n + 1) for n in range(count)]


@given(st.integers(0, 5))
def test_duplicate_adds_one_copy_where_it_says(later: int) -> None:
    out = run(line(specs.Duplicate(later=later)), UPDATES)
    assert len(out) == len(UPDATES) + 1
    assert out[0].message is UPDATES[0]
    assert out[1 + later].message is UPDATES[0]
    assert out[1 + later].faults == (1,)


def test_swap_exchanges_two_neighbours_and_nothing_else() -> None:
    out = run(line(specs.Swap()), UPDATES)
    assert names(out) == "u2 u1 u3 u4 u5 u6 u7 u8 u9"
    assert [delivery.faults for delivery in out[:3]] == [(1,), (1,), ()]


@given(st.integers(1, 7))
def test_delay_moves_one_update_and_nothing_else(by: int) -> None:
    out = [delivery.message for delivery in run(line(specs.Delay(by=by)), UPDATES)]
    assert out == [*UPDATES[1 : 1 + by], UPDATES[0], *UPDATES[1 + by :]]


def test_edit_waits_for_updates_that_can_carry_it() -> None:
    made = line(specs.Edited(edit="cut", count=2), edit=odd_only)
    assert names(made.push(update(2))) == "u2"
    assert made.unfired == (1,)
    assert not made.idle
    assert names(run(made, UPDATES)) == "u1!cut u2 u3!cut u4 u5 u6 u7 u8 u9"
    assert [strike.last for strike in made.strikes] == [1, 3]
    assert made.idle


def test_an_edit_that_covers_no_versions_goes_beside_the_update() -> None:
    def beside(message: Message, edit: Edit) -> Message:
        return Message(kind=Kind.OTHER_DATA, payload=b"new", first=message.first, last=message.first)

    out = run(line(specs.Edited(edit="unknown-type"), edit=beside), UPDATES[:2])
    assert names(out) == "new u1 u2"
    assert [delivery.faults for delivery in out] == [(1,), (), ()]


def test_faults_strike_in_the_order_in_which_they_were_armed() -> None:
    faults = (specs.Drop(), specs.Duplicate(), specs.Swap(), specs.Delay(by=2))
    made = line(*faults)
    assert names(run(made, UPDATES)) == "u2 u2 u4 u3 u6 u7 u5 u8 u9"
    assert [strike.fault for strike in made.strikes] == [1, 2, 3, 4]


def test_a_copy_is_no_prey_for_the_next_fault() -> None:
    assert names(run(line(specs.Duplicate(), specs.Drop()), UPDATES[:4])) == "u1 u1 u3 u4"


def test_flush_releases_an_update_that_nothing_overtook_unharmed_and_the_fault_waits_on() -> None:
    made = line(specs.Swap())
    assert made.push(update(1)) == ()
    assert made.held == (1,)
    assert made.flush() == (Delivery(update(1)),)
    assert made.strikes == ()
    assert made.unfired == (1,)
    assert not made.held
    assert names(run(made, UPDATES[:3])) == "u2 u1 u3"
    assert made.unfired == ()


def test_flush_releases_what_several_faults_hold() -> None:
    made = line(specs.Delay(by=5), specs.Delay(by=5), specs.Duplicate(later=5))
    for version in range(1, 5):
        made.push(update(version))
    assert made.held == (1, 2, 3)
    assert Counter(names(made.flush()).split()) == Counter(["u1", "u2", "u3"])
    assert made.idle
    assert made.flush() == ()


def test_the_line_says_which_shape_it_wants_next() -> None:
    best, deep = Shape(kind="improve"), Shape(kind="change", rank=7)
    made = line(specs.Drop(shape=best, count=2), specs.Duplicate(shape=deep))
    assert made.wanted == best
    made.push(update(1))
    assert made.wanted is None
    made.push(update(2))
    assert made.wanted == deep
    made.push(update(3))
    assert made.wanted is None


def test_the_update_that_a_swap_waits_for_is_nobody_elses() -> None:
    made = line(specs.Swap(), specs.Drop())
    made.push(update(1))
    assert made.wanted is None
    made.push(update(2))
    assert made.wanted == Shape(kind="change", rank=2)


def test_a_number_is_armed_once() -> None:
    made = line(specs.Drop())
    with pytest.raises(HarnessError, match="fault 1 is armed twice"):
        made.arm(1, specs.Swap())
