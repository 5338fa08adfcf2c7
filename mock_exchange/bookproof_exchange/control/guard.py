"""Who may speak to the control API: programs of this machine, and its own page. Not other web pages.

Any page that a browser shows can send requests to loopback. Its scripts cannot read the answers (nothing is said about
CORS), but they could do things, so a request has to show that it does not come from one:

* ``Host`` names loopback: after DNS rebinding it names the attacker's host.
* ``Origin``, where there is one, is the API's own: browsers add it to everything but plain GETs.
* ``Sec-Fetch-Site``, where there is one, says the same of GETs; only the page itself may be linked to.
* Whatever has a body is ``application/json``, which no form can send without asking first (and is refused then).
"""

from __future__ import annotations

from bookproof_exchange.control.problems import Refusal
from bookproof_exchange.dialects.api import HttpRequest

_NAMES = ("127.0.0.1", "localhost", "[::1]")


def hosts(port: int) -> tuple[str, ...]:
    """What ``Host`` may be."""
    bare = _NAMES if port == 80 else ()
    return (*(f"{name}:{port}" for name in _NAMES), *bare)


def check(request: HttpRequest, port: int) -> None:
    """Refusal (403, 415, 421) where the request may come from a foreign page."""
    allowed = hosts(port)
    host = request.headers.get("host", "")
    if host.lower() not in allowed:
        raise Refusal(
            421,
            f"the header Host: expected {allowed[0]} or {allowed[1]}, found {host!r}",
            hint=f"ask http://127.0.0.1:{port}",
        )
    origin = request.headers.get("origin")
    if origin is not None and origin.lower() not in [f"http://{name}" for name in allowed]:
        raise Refusal(
            403,
            f"the header Origin: expected http://{host} or none, found {origin!r}",
            hint="web pages of other origins may not use this API; a program sends no Origin",
        )
    site = request.headers.get("sec-fetch-site", "none")
    navigates = request.path == "/" and request.headers.get("sec-fetch-mode") == "navigate"
    if site not in ("none", "same-origin") and not navigates:
        raise Refusal(
            403,
            f"the header Sec-Fetch-Site: expected same-origin, none or no such header, found {site!r}",
            hint="web pages of other origins may not use this API",
        )
    if request.method in ("POST", "PUT", "PATCH") or request.body:
        media = request.headers.get("content-type", "")
        if media.partition(";")[0].strip().lower() != "application/json":
            raise Refusal(
                415,
                f"the header Content-Type: expected application/json, found {media!r}",
                hint="send JSON, for instance `curl --json '{}' URL`",
            )
