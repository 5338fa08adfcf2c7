"""The checker: decides from evidence whether what the client showed was ever wrong.

Pure; knows no dialect and no driver. Entry: `judge.judge`; live, for scripts: `match.Matcher`.
"""
