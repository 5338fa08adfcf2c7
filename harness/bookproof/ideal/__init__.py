"""The ideal client of every dialect, as a real client: it connects, subscribes, keeps books, recovers, and is honest.

`keeper` is its judgement (pure, one symbol); `client` its behaviour (pure, one exchange); `shell` the trio around it. The
mutants of the self-test are keepers and clients with exactly one bug.
"""
