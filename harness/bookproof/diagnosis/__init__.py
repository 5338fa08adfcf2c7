"""Names the bug: what kind of mistake a client that failed a case most probably makes, and why that is thought.

`classes` are the kinds; `clues` reads them off the evidence; `replay` looks for a known bug that, given the same bytes,
shows what the client showed; `name` weighs both.
"""
