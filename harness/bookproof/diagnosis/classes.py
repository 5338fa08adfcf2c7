"""The kinds of mistakes that clients of exchanges make: thirteen that real ones were found to make, and two of our own."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class BugClass(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of mistake. ``letter`` is its name in documents and reports, and never changes meaning."""

    letter: str
    name: str
    """In a few words, fit for "this looks like ..."."""
    meaning: str


CLASSES: Mapping[str, BugClass] = {
    found.letter: found
    for found in (
        BugClass(
            letter="A",
            name="a snapshot that does not replace the book",
            meaning="A snapshot must throw away all that was known before it, a change must not. Mixed up, old levels "
            "live on as ghosts, or a change empties the book.",
        ),
        BugClass(
            letter="B",
            name="a lost message that is not noticed",
            meaning="Sequence numbers or checksums say that something is missing; the client does not look at them, or "
            "does nothing about it, and goes on with a wrong book.",
        ),
        BugClass(
            letter="C",
            name="snapshot and stream that are joined wrongly",
            meaning="Which updates follow a snapshot: those that came before it have to be kept, the old ones left out, "
            "a snapshot that is too old not to be used.",
        ),
        BugClass(
            letter="D",
            name="a recovery that does not work",
            meaning="The client knows that its book is broken, but does not get a new one: it asks wrongly, only once, "
            "not at all, or without end.",
        ),
        BugClass(
            letter="E",
            name="a false alarm",
            meaning="Something legal is taken for a fault, and a good book is thrown away for it.",
        ),
        BugClass(
            letter="F",
            name="changes of a level that are understood wrongly",
            meaning="What size 0 means, that a size is the new one and not a difference, that an absent level may be "
            "deleted.",
        ),
        BugClass(
            letter="G",
            name="a window that is kept wrongly",
            meaning="A feed of ten levels says nothing when it pushes a level out: the client has to drop it by itself, "
            "and not one too many.",
        ),
        BugClass(
            letter="H",
            name="a message that is taken apart wrongly",
            meaning="Several rows, two sides, an empty side, an order of rows that counts: a part is left out, taken "
            "twice or in the wrong order, or ends the client.",
        ),
        BugClass(
            letter="I",
            name="numbers that lose something",
            meaning="Digits, trailing zeros, texts taken for keys, binary floating point.",
        ),
        BugClass(
            letter="J",
            name="a connection that is not looked after",
            meaning="Connecting, subscribing, noticing silence or a refusal, surviving a bad message, connecting and "
            "subscribing again.",
        ),
        BugClass(
            letter="K",
            name="symbols that are mixed up",
            meaning="Several symbols on one connection: what belongs to one reaches another, or is held against it.",
        ),
        BugClass(
            letter="L",
            name="two things at once that get in each other's way",
            meaning="A reader sees half a change; two requests compete and the wrong answer wins.",
        ),
        BugClass(
            letter="M",
            name="more asked of the exchange, or kept, than there is room for",
            meaning="Requests without end or without regard to the venue's limits, backlogs and stores that only grow.",
        ),
        BugClass(
            letter="T",
            name="trades that are not what was sent",
            meaning="Lost, doubled, invented, on the wrong side. (Not of the thirteen: those are about books.)",
        ),
        BugClass(
            letter="X",
            name="a client that shows what it does not have",
            meaning="Claims to be live without ground, or shows something else than its book. (Not of the thirteen: "
            "these mutants are there to show that a harness cannot be lied to.)",
        ),
    )
}
