"""The live page: one file that holds all it needs, served with rules that let nothing else in."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from importlib import resources

from bookproof_exchange.dialects.api import HttpAnswer

_INLINE = re.compile(rb"<(?P<tag>script|style)>(?P<content>.*?)</(?P=tag)>", re.DOTALL)


@functools.cache
def answer() -> HttpAnswer:
    """The page. It may run its own script and style, speak to where it came from, and be framed by nobody."""
    content = resources.files(__package__ or "").joinpath("page.html").read_bytes()
    hashes = {"script": "", "style": ""}
    for found in _INLINE.finditer(content):
        digest = base64.b64encode(hashlib.sha256(found["content"]).digest()).decode()
        hashes[found["tag"].decode()] += f" 'sha256-{digest}'"
    policy = (
        f"default-src 'none'; script-src{hashes['script']}; style-src{hashes['style']}; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = (
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", policy),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
    )
    return HttpAnswer(status=200, body=content, headers=headers)
