"""What each anomaly means: the codes that stand behind a failed check, and that known failures name."""

from __future__ import annotations

from collections.abc import Mapping

#: A test compares the codes with those that the checker gives.
ANOMALIES: Mapping[str, str] = {
    # S1, S3, S7: a book that was never published
    "missed-update": "It is a right book without one update, or without those that one fault concerned.",
    "ghost": "Levels that the truth does not have: often from before the last snapshot, or deleted since.",
    "torn": "Part of one message, or bids and asks of two moments.",
    "stale-level": "Levels hold sizes from an earlier moment.",
    "reordered": "A message was applied after the one that follows it.",
    "late-applied": "A message that came late was applied over newer ones.",
    "duplicate-applied": "A message that came twice was applied the second time, too, over newer ones.",
    "wrong-side": "Bids and asks are exchanged, or a level stands on the other side.",
    "wrong-size": "A size that the market never gave the level, or a row that is no level.",
    "precision": "Almost the number that was sent, or one that is not on the instrument's grid.",
    "unsorted": "Prices that are out of order, or one price twice.",
    "not-truncated": "Cut to the subscribed depth it is right: levels outside the window were kept.",
    "foreign-symbol": "The book, or a level, of another symbol.",
    "crossed": "The best bid is not below the best ask, and never was so.",
    "previous-case": "A book was shown before any was sent: it is left over from an earlier case.",
    "future": "It was shown before it was sent: Bookproof itself is wrong.",
    # S2, S4, S5, S6
    "went-back": "An older version after a newer one.",
    "beyond-break": "Live, with updates after the one that broke the book.",
    "rejected-applied": "Live, with the message applied that had to be rejected.",
    "resumed": "After a reconnection the old book goes on; right here by its numbers, but nothing promises that.",
    "false-live": "Still claimed live although it had provably read what broke the book.",
    "shows-broken-book": "The same of a client that makes no claims: for information.",
    "wrong-version": "The version that it states is not the one that it shows.",
    # E1, E3
    "not-live": "It was not live in time.",
    "behind": "A right book, but an old one: it stands still.",
    "not-sent": "It shows what it was sent, but did not get itself sent the rest: not subscribed again, or not reading.",
    "nothing-shown": "No book was shown, or the client was never looked at.",
    # E2, E5, E6
    "unstable": "After it was live again it recovered once more.",
    "resync-storm": "More recoveries than the faults call for.",
    "start-up-storm": "It asked for the same over and over before it was first in sync.",
    "duplicate-subscription": "It subscribed to what the connection had already.",
    "ignores-retry-after": "It asked again before the time that the venue told it to wait.",
    "too-many-messages": "More messages than the venue takes.",
    "too-many-connections": "More connection attempts than the venue takes.",
    "too-many-weight": "REST requests that weigh more than the venue takes.",
    "false-alarm": "Nothing was wrong, yet it recovered.",
    "no-recovery": "Its book broke, and it asked for nothing.",
    # T1
    "trade-lost": "A trade was sent and not shown.",
    "trade-duplicate": "A trade was shown twice.",
    "trade-order": "Trades were shown out of order.",
    "trade-side": "A trade with the wrong side.",
    "trade-invented": "A trade that was never sent.",
    # the script's own waits
    "no-reconnect": "It did not reconnect in time.",
    "no-subscribe": "It did not subscribe in time.",
    "no-unsubscribe": "It did not unsubscribe in time.",
    "no-snapshot-request": "It did not ask for a snapshot in time.",
    "no-report": "It did not report the error in time.",
    # V0: proved nothing
    "nothing-live": "No book was ever live, so nothing was judged.",
    "no-trades": "No trade was sent: the client did not subscribe to trades.",
    "fault-idle": "A fault of the scenario never struck.",
    "fault-unseen": "A fault struck where no client had subscribed.",
    "fault-impossible": "The fault cannot strike what this client subscribed to (unsupported, not inconclusive).",
    "not-observed": "Nobody looked at the client between the break and its recovery, or nothing broke.",
    "not-comparable": "The fault makes every deeper state uncertain, so no book could be compared.",
}
