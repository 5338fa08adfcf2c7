"""What ``bookproof init`` writes: for each language an adapter that speaks the driver protocol and has no client yet.

Each folder below is one language's, file for file as it lands in the user's folder.
"""
