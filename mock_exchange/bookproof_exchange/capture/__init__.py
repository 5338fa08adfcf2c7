"""Recordings of a real exchange as the market of a scenario: what was recorded is sent again, to the byte.

    recording        the file format and what is in one: frames, HTTP exchanges, connections, with their times
    precision        the instruments of a recording, from what is seen in it
    rebuild          frames to truth: the whole stretches of each symbol, and where and why each one ends
    inband, byrest   how a stretch goes on, by where the venue's snapshots come from
    choose           which stretches are replayed, and what the recorded client was answered
    truth, stage     a stretch as the truth, the market view and the dialect of an exchange
    stream, cursor   move through it in the order recorded
    framing          the envelope of a recorded update, as the connection wants it
    enter            where an exchange decides between a generated and a recorded market
    store            recordings that were read, by their path

All pure but `store`, which reads each file once.
"""
