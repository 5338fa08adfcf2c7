"""The description of the control API: current, well-formed, and of everything that there is."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
from control_kit import DOCUMENT, is_valid, stand

from bookproof_exchange.control.openapi import text
from bookproof_exchange.control.routes import ROUTES
from bookproof_exchange.data import folder
from bookproof_exchange.faults.registry import faults
from bookproof_exchange.scenario.load import loads
from bookproof_exchange.scenario.problems import ScenarioError


def test_the_file_is_current() -> None:
    assert (folder("schemas") / "control.openapi.json").read_text(encoding="utf-8") == text(), (
        "python -m bookproof_exchange.control.openapi > schemas/control.openapi.json"
    )


def test_it_is_served() -> None:
    with stand() as made:
        got = made.api.ask("GET", "/openapi.json")
        assert json.loads(got.raw) == DOCUMENT
        assert made.api.ask("HEAD", "/v1/state").raw == b""


def test_every_schema_is_one_and_every_reference_leads_somewhere() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(DOCUMENT)))
    assert named <= set(schemas)
    assert "$defs" not in json.dumps(DOCUMENT)
    for name, schema in schemas.items():
        assert schema.get("description"), name


def test_operations_are_named_once_and_explained() -> None:
    names = [operation["operationId"] for path in DOCUMENT["paths"].values() for operation in path.values()]
    assert sorted(names) == sorted(route.name for route in ROUTES)
    assert len(set(names)) == len(names)
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"]
            assert "4XX" in operation["responses"]
            given = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"}
            assert given == set(re.findall(r"\{(\w+)\}", path))
            assert ("requestBody" in operation) == (method in ("post", "put"))


@pytest.mark.parametrize("info", [info for info in faults() if info.kind != "custom"], ids=lambda info: info.kind)
def test_the_schema_takes_what_the_loader_takes(info: Any) -> None:
    schema = {"$ref": "#/components/schemas/FaultAsked"}
    for body in (info.kind, {"kind": info.kind}, {"kind": info.kind, "nonsense": 1}, {"kind": info.kind, "times": 0}):
        script = json.dumps([{"fault": body}])
        try:
            loads(f"id: a\ntitle: a\npurpose: a\nrules: []\nscript: {script}\n")
            taken = True
        except ScenarioError:
            taken = False
        assert is_valid(schema, body) is taken, body
    assert not is_valid(schema, info.kind + "x")
