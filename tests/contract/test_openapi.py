"""The published contract of the HTTP API: valid OpenAPI 3.1, what the application gives, and whole."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

import contracts
from hub.adapters.http.access import OPEN, TABLE
from hub.adapters.http.problems import PROBLEM
from hub.operating.serving import openapi
from tests.support.social_reports import SOURCES

PATH = Path(contracts.__file__).parent / "openapi.json"
PUBLISHED: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
PAGES = {("GET", "/"), ("POST", "/cases"), ("GET", "/cases"), ("GET", "/cases/{case_id}")}
NEITHER_API = {
    ("GET", "/login"),
    ("POST", "/login"),
    ("GET", "/login/issuer"),
    ("GET", "/login/done"),
    ("POST", "/logout"),
    ("GET", "/static/{name}"),
}
LOOKS = {
    *("timeline", "hand-overs", "own-cases", "disclosures", "possible-breaches", "emergency-reviews"),
    *("could-kill", "free-text", "candidates", "block-list", "other-roles", "{thread}"),
}
"""The last word of every route that opens something for a person."""
UNDER_AN_ID_OF_THEIR_OWN = {"/v1/inbound", "/v1/social-reports", "/v1/messages/head-keys"}
"""Commands whose body or message id makes them happen once, and the batch of head keys."""


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in PUBLISHED["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


ALL = [pytest.param(m, p, o, id=f"{m} {p}") for m, p, o in operations()]


def test_it_is_valid_openapi_3_1() -> None:
    assert PUBLISHED["openapi"].startswith("3.1.")
    assert [str(error) for error in OpenAPIV31SpecValidator(PUBLISHED).iter_errors()] == []


def test_it_is_what_the_application_gives() -> None:
    """Otherwise: python -m hub openapi > contracts/openapi.json, and say in the commit what changed."""
    assert openapi() == PUBLISHED


def test_the_command_prints_the_file_byte_for_byte() -> None:
    printed = subprocess.run([sys.executable, "-m", "hub", "openapi"], capture_output=True, check=True)
    assert printed.stdout == PATH.read_bytes()
    assert printed.stderr == b""


def test_every_route_of_the_table_is_in_it_and_no_page() -> None:
    assert {(m, p) for m, p, _ in operations()} == (TABLE.keys() - PAGES) | (
        OPEN - NEITHER_API - {("POST", "/token")}
    )


@pytest.mark.parametrize(("method", "path", "operation"), ALL)
def test_every_route_says_what_it_does_who_may_and_what_can_go_wrong(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    assert operation["summary"]
    assert re.fullmatch(r"[A-Z].*[.?]", operation["description"], re.DOTALL)
    assert operation["tags"]
    problems = {s: r for s, r in operation["responses"].items() if s == "default" or s >= "400"}
    assert all(
        r["description"] and r["content"] == {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        for r in problems.values()
    )
    expected = {"default"}
    if (method, path) in OPEN:
        assert "security" not in operation
    else:
        assert operation["security"] == [{"bearer": []}]
        assert operation["x-access"] == {str(r): str(rel) for r, rel in TABLE[method, path].items()}
        expected |= {"401"} if "{case_id}" in path else {"401", "403"}
    expected |= {"404"} if "{" in path else set()
    expected |= {"409", "413"} if method == "POST" else set()
    assert expected <= problems.keys()
    good = [s for s in operation["responses"] if s.startswith("2")]
    assert len(good) == 1


@pytest.mark.parametrize(("method", "path", "operation"), ALL)
def test_every_header_that_is_needed_is_said(method: str, path: str, operation: dict[str, Any]) -> None:
    found = {p["name"]: p for p in operation.get("parameters", ())}
    named = set(re.findall(r"{(\w+)}", path))
    assert {name for name, p in found.items() if p["in"] == "path"} == named
    is_look = path.rsplit("/", 1)[-1] in LOOKS
    opens = path.endswith("/open")
    assert ("Hub-Purpose" in found) == is_look
    is_command = method == "POST" and not (is_look or opens or path in UNDER_AN_ID_OF_THEIR_OWN)
    assert ("Idempotency-Key" in found) == is_command
    assert ("If-Match" in found) == (is_command and "{case_id}" in path)
    if is_look or is_command or found:
        assert "422" in operation["responses"]


def test_nothing_streams_and_nothing_is_hidden_in_another_type() -> None:
    kinds = {
        kind
        for _, _, operation in operations()
        for answer in operation["responses"].values()
        for kind in answer.get("content", ())
    }
    assert kinds == {"application/json", PROBLEM}
    bodies = {k for _, _, o in operations() for k in o.get("requestBody", {}).get("content", ())}
    assert bodies == {"application/json"}


def test_no_example_and_no_default_holds_anybody() -> None:
    text = PATH.read_text(encoding="utf-8")
    assert not re.findall(r"\b\d{6}-?\d{4}\b", text), "something like a CPR number"
    assert "Maja" not in text


@pytest.mark.parametrize("name", SOURCES)
def test_every_published_report_fits_the_published_schema(name: str) -> None:
    schema = {"$ref": "#/components/schemas/SocialReport", "components": PUBLISHED["components"]}
    Draft202012Validator.check_schema(schema)
    errors = [e.message for e in Draft202012Validator(schema).iter_errors(json.loads(SOURCES[name]))]
    assert errors == []
