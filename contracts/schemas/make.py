"""Makes the JSON Schemas in this folder from the models: `python -m contracts.schemas.make`.

One file for each thing that is published, in JSON Schema 2020-12, complete in itself. `$id` ends in the
schema's own version (semver): raise the minor when a field or a word was added, here and nowhere else.

What the hub sends is open: a newer minor may add fields, and a reader ignores what it doesn't know. What a
partner sends is closed: an unknown field is a mistake. Rules that hold between fields stand in no schema but
in the field's description and in the models; the hub answers them with a problem that names the field.
"""

import ast
import inspect
import json
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BaseModel, Field, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from contracts import cpr, envelope, fields, times
from contracts.base import Contract
from contracts.inbound_v1 import (
    InboundType,
    MoveAnswer,
    Problem,
    PurgeAnswer,
    ReferralAnswer,
    ReportRetraction,
)
from contracts.message_v1 import Blank, Control, Erased, Head, Heartbeat, Part, Receipt, Revoked
from contracts.social_report_v1 import SocialReport

FOLDER: Final = Path(__file__).parent
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
ID: Final = "https://tvaers.example/schemas/"
Json = dict[str, Any]


# --- what is published ------------------------------------------------------------------------------


class InboundReport(Contract):
    """A social report, as it travels by topic or to `/v1/inbound`."""

    type: Literal[InboundType.SOCIAL_REPORT]
    body: SocialReport


class InboundReferralAnswer(Contract):
    """How a referral goes."""

    type: Literal[InboundType.REFERRAL_ANSWER]
    body: ReferralAnswer


class InboundMoveAnswer(Contract):
    """Whether a municipality takes a case over."""

    type: Literal[InboundType.MOVE_ANSWER]
    body: MoveAnswer


class InboundPurgeAnswer(Contract):
    """What became of what was revoked or erased."""

    type: Literal[InboundType.PURGE_ANSWER]
    body: PurgeAnswer


class InboundReportRetraction(Contract):
    """A reporter takes a report back."""

    type: Literal[InboundType.REPORT_RETRACTION]
    body: ReportRetraction


class InboundProblem(Contract):
    """A message of the hub's that could not be used."""

    type: Literal[InboundType.PROBLEM]
    body: Problem


Inbound = (
    InboundReport
    | InboundReferralAnswer
    | InboundMoveAnswer
    | InboundPurgeAnswer
    | InboundReportRetraction
    | InboundProblem
)


@dataclass(frozen=True, slots=True)
class Published:
    """One schema: what it is made from, its version, and who sends it."""

    made_from: Any
    version: str
    sender: Literal["hub", "partner"]
    title: str = ""


PUBLISHED: Final[Mapping[str, Published]] = MappingProxyType(
    {
        "social_report_v1": Published(SocialReport, "1.1.0", "partner"),
        "inbound_v1": Published(
            Annotated[Inbound, Field(discriminator="type")],
            "1.1.0",
            "partner",
            "The plaintext of what a partner seals to the hub",
        ),
        "referral_answer_v1": Published(ReferralAnswer, "1.0.0", "partner"),
        "move_answer_v1": Published(MoveAnswer, "1.0.0", "partner"),
        "purge_answer_v1": Published(PurgeAnswer, "1.0.0", "partner"),
        "report_retraction_v1": Published(ReportRetraction, "1.0.0", "partner"),
        "problem_v1": Published(Problem, "1.0.0", "partner"),
        "head_v1": Published(Head, "1.3.0", "hub"),
        "part_v1": Published(Part, "1.1.0", "hub"),
        "control_v1": Published(
            Annotated[Control, Field(discriminator="control")],
            "1.1.0",
            "hub",
            "The plaintext of what the hub seals to a recipient's own key",
        ),
        "receipt_v1": Published(Receipt, "1.1.0", "hub"),
        "revoked_v1": Published(Revoked, "1.0.0", "hub"),
        "erased_v1": Published(Erased, "1.0.0", "hub"),
        "blank_v1": Published(Blank, "1.0.0", "hub"),
        "heartbeat_v1": Published(Heartbeat, "1.0.0", "hub"),
    }
)
ENVELOPES: Final = MappingProxyType({"envelope_to_v1": "1.0.0", "envelope_from_v1": "1.0.0"})
HEADERS: Final = MappingProxyType({"headers_to_v1": "1.0.0", "headers_from_v1": "1.0.0"})
"""To a partner from the hub, and from a partner to the hub: as JSON over HTTP, and as Kafka headers."""


def everything() -> dict[str, Json]:
    """Every schema by the name of its file."""
    found = {name: _schema(name, published) for name, published in PUBLISHED.items()}
    for name, version in {**ENVELOPES, **HEADERS}.items():
        outbound, as_json = "_to_" in name, name in ENVELOPES
        found[name] = {"$schema": DIALECT, "$id": f"{ID}{name}/{version}", **_clear(outbound, as_json)}
    return found


def text(schema: Json) -> str:
    """As it is committed."""
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


# --- from models ------------------------------------------------------------------------------------

_WRITTEN: Final[Mapping[Callable[..., Any], str]] = MappingProxyType(
    {
        times._moment: f"^{times._MOMENT.pattern}$",
        times._day: f"^{times._DAY.pattern}$",
        fields._uuid: "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
        cpr.normalised: f"^{cpr._FORM.pattern}$",
    }
)
"""What our own readers ask of a text before the library's, which is more lenient."""

_RULES: Final[Mapping[str, list[Json]]] = MappingProxyType(
    {
        "ReferralAnswer": [
            {"properties": {"status": {"not": {"enum": ["requested", "cancelled"]}}}},
            {
                "if": {"properties": {"status": {"const": "rejected"}}},
                "then": {"required": ["reason"], "properties": {"reason": {"type": "string"}}},
                "else": {"properties": {"reason": {"type": "null"}}},
            },
        ],
        "MoveAnswer": [
            {"properties": {"status": {"not": {"enum": ["requested", "cancelled"]}}}},
            {
                "if": {"properties": {"status": {"const": "declined"}}},
                "then": {"required": ["reason"], "properties": {"reason": {"type": "string"}}},
                "else": {"properties": {"reason": {"type": "null"}}},
            },
        ],
        "PurgeAnswer": [
            {
                "if": {"properties": {"outcome": {"const": "retained"}}},
                "then": {"required": ["basis"], "properties": {"basis": {"type": "string"}}},
                "else": {"properties": {"basis": {"type": "null"}}},
            }
        ],
    }
)
"""Rules between fields that a schema can say. Bad examples hold them to the models."""


class _Schemas(GenerateJsonSchema):
    """The library's schemas, with our own forms of times, ids and CPR numbers, and lists without repeats."""

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        found = super().function_before_schema(schema)
        pattern = _WRITTEN.get(schema["function"]["function"])
        # `\d` is more than ten digits in some dialects of regular expressions.
        return found if pattern is None else {**found, "pattern": pattern.replace(r"\d", "[0-9]")}

    def function_after_schema(self, schema: core_schema.AfterValidatorFunctionSchema) -> JsonSchemaValue:
        found = super().function_after_schema(schema)
        if schema["function"]["function"] is fields._distinct:
            return {**found, "uniqueItems": True}
        return found


def _schema(name: str, published: Published) -> Json:
    made: Json = TypeAdapter(published.made_from).json_schema(schema_generator=_Schemas)
    reached = _reached(published.made_from)
    # Where two have the same name, the library puts the module in front of it.
    known = {kind.__name__: kind for kind in reached} | {
        f"{kind.__module__}.{kind.__qualname__}".replace(".", "__"): kind for kind in reached
    }
    for name_in_it, place in {str(made.get("title")): made, **made.get("$defs", {})}.items():
        place.pop("discriminator", None)
        _described(place, known.get(name_in_it))
        if (rules := _RULES.get(str(place.get("title")))) is not None:
            place["allOf"] = rules
        if published.sender == "hub":
            place.pop("additionalProperties", None)
        if (const := place.get("properties", {}).get("control")) and "default" in const:
            const.pop("default")
            place["required"] = ["control", *place.get("required", ())]
    if published.title:
        made["title"] = published.title
    return {"$schema": DIALECT, "$id": f"{ID}{name}/{published.version}", **made}


def _described(place: Json, kind: type | None) -> None:
    """The words that stand beneath a field or a member in our own source."""
    if kind is None:
        return
    words = dict(_docstrings(kind))
    if issubclass(kind, Enum):
        told = [f"`{kind[name].value}`: {said}" for name, said in words.items()]
        place["description"] = "\n".join(filter(None, [place.get("description", ""), *told]))
        if not place["description"]:
            del place["description"]
        return
    for name, said in words.items():
        if name in place.get("properties", {}):
            place["properties"][name]["description"] = said


def _docstrings(kind: type) -> Iterator[tuple[str, str]]:
    for owner in reversed([one for one in kind.__mro__ if one.__module__.startswith("contracts.")]):
        found = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
        assert isinstance(found, ast.ClassDef)
        for line, after in zip(found.body, found.body[1:], strict=False):
            match line, after:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]),
                    ast.Expr(value=ast.Constant(value=str(said))),
                ):
                    yield name, " ".join(said.split())


def _reached(annotation: Any) -> set[type]:
    """Every model and closed list that a type is made of."""
    found: set[type] = set()
    waiting = [annotation]
    while waiting:
        one = waiting.pop()
        waiting += get_args(one)
        if isinstance(one, type) and issubclass(one, BaseModel | Enum) and one not in found:
            found.add(one)
            if issubclass(one, BaseModel):
                waiting += [field.annotation for field in one.model_fields.values()]
    return found


# --- the envelope -----------------------------------------------------------------------------------


def _clear(outbound: bool, as_json: bool) -> Json:
    """What stands in the clear. `contracts.envelope` reads it; its tests hold the two together."""
    slug = "[a-z0-9-]{2,40}"
    number = {
        "type": "string",
        "pattern": "^[1-9][0-9]{0,18}$",
        "description": f"Decimal, 1 to {envelope.NUMBER_MAX}.",
    }
    properties: Json = {
        "content-type": {"const": envelope.CONTENT_TYPE},
        "ce_specversion": {"const": envelope.SPEC_VERSION},
        "ce_id": {
            "type": "string",
            "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
            "description": "The message id: a UUID in lower case. Bound into every seal and the signature.",
        },
        "ce_source": {
            "type": "string",
            "pattern": f"^urn:tvaers:{slug}$" if outbound else f"^urn:tvaers:{slug}:{slug}$",
            "description": "urn:tvaers:<municipality>" + ("." if outbound else ":<partner>."),
        },
        "ce_type": {"const": envelope.TYPE, "description": "Always this: kinds look alike."},
        **({"ce_epoch": number, "ce_sequence": number} if outbound else {}),
        "ce_signature": {
            "type": "string",
            "pattern": "^[A-Za-z0-9_-]{85}[AQgw]$",
            "description": "Ed25519, 64 bytes in base64url without padding, in its one canonical form.",
        },
    }
    if as_json:
        properties["value"] = {
            "type": "string",
            "contentEncoding": "base64",
            "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
            "description": "The sealed bytes, in base64 with padding (RFC 4648 section 4).",
        }
    form = "as a JSON object" if as_json else "as the headers of a Kafka record, each once, in ASCII"
    return {
        "title": f"Envelope of a message {'from the hub' if outbound else 'to the hub'}, {form}",
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }


def main() -> None:
    """Write every file, and remove what is published no longer."""
    made = everything()
    for name, schema in made.items():
        (FOLDER / f"{name}.json").write_text(text(schema), encoding="utf-8")
    for path in FOLDER.glob("*.json"):
        if path.stem not in made:
            path.unlink()


if __name__ == "__main__":
    main()
