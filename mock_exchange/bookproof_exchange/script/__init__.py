"""The script: plays a scenario against a market and a dialect. `exchange` is the state, `player` the sequence of steps."""
