"""A served exchange by hand: HTTP and JSON on loopback, so that any language's own tests can drive it, and a live page.

`served` is the exchange that runs until it is told to end (a market that moves by itself, scripts on demand); `api` is the
HTTP host in front of it; `openapi` describes it. See docs/control.md.
"""
