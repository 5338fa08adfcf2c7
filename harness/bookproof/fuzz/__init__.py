"""Searches for schedules of market and faults in which a client fails: Hypothesis makes them, as scenarios, and shrinks
what it finds."""
