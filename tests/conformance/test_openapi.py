"""Schemathesis asks what the OpenAPI document allows, and some it does not: never a 5xx, and
JSON where JSON is promised, by its schema. SCHEMATHESIS_EXAMPLES=50 for a longer run."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
import schemathesis
from asking import of_layers
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import response_schema_conformance

pytestmark = pytest.mark.xdist_group("conformance")
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "2"))
LAYERS = ("buildings", "iot_things")  # they share their routes


def operations(api: Any) -> Any:
    """The operations of the document, of layers only two; nothing is written."""
    paths = {
        path: {method: o for method, o in found.items() if method in ("get", "post")}
        for path, found in api["paths"].items()
        if of_layers(path, *LAYERS)
    }
    return schemathesis.openapi.from_dict(api | {"paths": paths})


def test_whatever_is_allowed(api: Any, address: str) -> None:
    schema = operations(json.loads(json.dumps(api)))
    schema.config.update(base_url=address)
    asked = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            strategy = operation.as_strategy(generation_mode=mode)

            @seed(41)
            @settings(
                max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @given(case=strategy)
            def ask(case: Any) -> None:
                nonlocal asked
                answer = case.call(base_url=address)
                asked += 1
                assert answer.status_code < 500, (case.as_curl_command(), answer.text[:500])
                if answer.status_code == 200:
                    case.validate_response(answer, checks=[response_schema_conformance])

            try:
                ask()
            except Exception as error:
                if "Unsatisfiable" in type(error).__name__ or "Unable" in str(error):
                    continue  # it can think of nothing wrong
                raise
    assert asked > 50
