"""Recordings of a real exchange as the market of a scenario: what was recorded is sent again, to the byte.

    recording   the file format and what is in one: frames, HTTP exchanges, connections, with their times
    precision   the instruments of a recording, from what is seen in it
    rebuild     frames to truth: unbroken stretches of each symbol, and where and why each one ends
    answers     the REST snapshots of a stretch, joined with its updates
    stage       a stretch as the truth, the market view and the dialect of an exchange
    cursor      moves through a recording in the order recorded
    store       recordings that were read, by their path

All pure but `store`, which reads each file once.
"""
