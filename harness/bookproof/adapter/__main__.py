"""``python -m bookproof.adapter package.module:Class``: serve the harness with that adapter class."""

from __future__ import annotations

import importlib
import os
import sys

from bookproof.adapter.base import serve
from bookproof.adapter.link import EXIT_USAGE, Link, complain, leave


def main() -> None:
    """Takes the pipes first: what the client's modules print while they are imported must not reach the harness."""
    if len(sys.argv) != 2 or ":" not in sys.argv[1]:
        complain("usage: python -m bookproof.adapter package.module:Class")
        leave(EXIT_USAGE)
    link = Link()
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.insert(0, os.getcwd())
    module_name, _, class_name = sys.argv[1].partition(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        complain(f"cannot import {module_name!r}: {type(error).__name__}: {error}")
        if not (isinstance(error, ModuleNotFoundError) and error.name == module_name):
            raise
        leave(EXIT_USAGE)
    adapter: object = module
    for name in class_name.split("."):
        adapter = getattr(adapter, name, None)
    if not isinstance(adapter, type):
        complain(f"the module {module_name!r} ({module.__file__}) has no class {class_name!r}")
        leave(EXIT_USAGE)
    serve(adapter, link)


main()
