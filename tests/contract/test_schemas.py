"""The published schemas say what the models say; every example is kept for ever and passes both."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter, ValidationError

from contracts.client.sealed import _unreadable
from contracts.envelope import BadEnvelope, from_headers, from_json
from contracts.schemas import make
from hub.adapters.http.problems import TYPE, pointers

EXAMPLES = Path(make.__file__).parents[1] / "examples"
KEPT = EXAMPLES / "KEPT.sha256"
SCHEMAS = make.everything()
GOOD = sorted(p.relative_to(EXAMPLES).as_posix() for p in EXAMPLES.glob("*_v1/*.json"))
BAD = sorted(p.relative_to(EXAMPLES).as_posix() for p in EXAMPLES.glob("bad/*/*.json"))
CONTROLS = ("receipt_v1", "revoked_v1", "erased_v1", "blank_v1", "heartbeat_v1")


def read(name: str) -> Any:
    """Read one example."""
    return json.loads((EXAMPLES / name).read_text(encoding="utf-8"))


def refused(schema: str, body: Any) -> list[str]:
    """Say what a schema refuses."""
    validator = Draft202012Validator(SCHEMAS[schema], format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [error.json_path for error in validator.iter_errors(body)]


def model(schema: str) -> Callable[[Any], object]:
    """Give what reads this in our own code: a model, or the envelope."""
    if schema in make.PUBLISHED:
        read_json = TypeAdapter(make.PUBLISHED[schema].made_from).validate_json
        return lambda body: read_json(json.dumps(body))
    if schema in make.ENVELOPES:
        return from_json
    return lambda body: from_headers([(name, text.encode()) for name, text in body.items()], b"")


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_a_schema_is_what_the_models_make(name: str) -> None:
    """Committed as made; `python -m contracts.schemas.make` makes them anew."""
    assert (make.FOLDER / f"{name}.json").read_text(encoding="utf-8") == make.text(SCHEMAS[name])


def test_no_schema_is_there_that_nothing_makes() -> None:
    """What is no longer published is gone from the folder."""
    assert {path.stem for path in make.FOLDER.glob("*.json")} == set(SCHEMAS)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_a_schema_is_json_schema_2020_12_with_a_version(name: str) -> None:
    """Checked here, for other tools look at the payloads of this dialect not at all."""
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["$schema"] == make.DIALECT
    start, version = SCHEMAS[name]["$id"].rsplit("/", 1)
    assert start == make.ID + name
    assert [int(part) >= 0 for part in version.split(".")] == [True] * 3
    assert version.split(".")[0] == name[-1]


def test_the_check_of_schemas_catches_a_broken_one() -> None:
    """An oracle that can't fail is none."""
    broken = json.loads(make.text(SCHEMAS["head_v1"]))
    broken["properties"]["kind"] = {"type": "strin"}
    with pytest.raises(Exception, match="strin"):
        Draft202012Validator.check_schema(broken)


@pytest.mark.parametrize("name", GOOD)
def test_an_example_passes_its_schema_and_its_model(name: str) -> None:
    """Both ways of reading it, and of a control message also the schema of all of them."""
    schema = name.split("/", maxsplit=1)[0]
    assert refused(schema, read(name)) == []
    model(schema)(read(name))
    if schema in CONTROLS:
        assert refused("control_v1", read(name)) == []


@pytest.mark.parametrize("name", BAD)
def test_a_bad_example_is_refused_with_the_problem_it_names(name: str) -> None:
    """By the schema where one field is wrong, by the model alone where a rule between fields is."""
    found, schema = read(name), name.split("/")[1]
    assert bool(refused(schema, found["body"])) == (found["refused_by"] == "schema")
    with pytest.raises(ValidationError) as told:
        model(schema)(found["body"])
    if "reason" in found:
        assert _unreadable(told.value).reason == found["reason"]
    else:
        assert found["problem"]["type"] == TYPE + "invalid"
        assert [one["pointer"] for one in pointers(told.value)] == [found["problem"]["pointer"]]


def test_there_is_an_example_of_everything() -> None:
    """Of every schema, and of every field and word of it; social reports, kept longest, hold every field."""
    assert {name.split("/")[0] for name in GOOD} == set(SCHEMAS)
    assert {name.split("/")[1] for name in BAD} >= {"social_report_v1", "head_v1", "part_v1", "control_v1"}
    for schema in SCHEMAS:
        shown = json.dumps([read(name) for name in GOOD if name.split("/")[0] in (schema, *_parts(schema))])
        told = [f'"{word}"' for word in _said(SCHEMAS[schema], words=schema != "social_report_v1")]
        missing = [word for word in told if word not in shown and word not in _NO_ANSWER]
        assert missing == [], schema


def _parts(schema: str) -> tuple[str, ...]:
    """Of a union, the schemas whose examples are its own."""
    inbound = (
        "social_report_v1",
        "referral_answer_v1",
        "move_answer_v1",
        "purge_answer_v1",
        "report_retraction_v1",
        "problem_v1",
    )
    return {"control_v1": CONTROLS, "inbound_v1": inbound}.get(schema, ())


def _said(schema: Any, *, words: bool) -> set[str]:
    """Every field, and every word of a closed list."""
    found: set[str] = set()
    match schema:
        case dict():
            found |= set(schema.get("properties", {}))
            if words and str(schema.get("title")) not in _OF_REPORTS:
                found |= {one for one in schema.get("enum", ()) if isinstance(one, str)}
            for inner in schema.values():
                found |= _said(inner, words=words)
        case list():
            for inner in schema:
                found |= _said(inner, words=words)
    return found


_NO_ANSWER = ('"requested"', '"cancelled"')
"""Words of a referral's status that only the municipality says; bad examples hold them."""
_OF_REPORTS = set(SCHEMAS["social_report_v1"]["$defs"])
"""Closed lists of the social report, of which no report holds every word."""


def test_examples_are_kept_for_ever() -> None:
    """A later minor reads them all: each stands in the list with its digest, and none is taken out."""
    lines = [line.split("  ") for line in KEPT.read_text(encoding="utf-8").splitlines()]
    listed = {name: digest for digest, name in lines}
    there = {name: sha256((EXAMPLES / name).read_bytes()).hexdigest() for name in GOOD}
    assert {name: listed.get(name) for name in there} == there, "a new example? add it; an old one? keep it"
    assert set(listed) == set(there)


VECTORS = json.loads((EXAMPLES.parent / "vectors" / "refusals.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("number", range(len(VECTORS)))
def test_the_envelopes_schema_refuses_what_the_envelope_refuses(number: int) -> None:
    """That schema is written by hand, so the vectors hold it to the code."""
    envelope = VECTORS[number]["json"]
    with pytest.raises(BadEnvelope):
        from_json(envelope)
    assert refused("envelope_to_v1", envelope)
    if VECTORS[number]["names"] != "value":
        del envelope["value"]
        assert refused("headers_to_v1", envelope)


def test_what_the_hub_sends_may_grow_and_what_a_partner_sends_may_not_hold_what_nobody_knows() -> None:
    """A reader ignores a field of a newer minor; a mistake in what is sent is told."""
    head, answer = read("head_v1/report-received.json"), read("referral_answer_v1/accepted.json")
    assert refused("head_v1", {**head, "newer": 1}) == []
    assert refused("referral_answer_v1", {**answer, "newer": 1})
