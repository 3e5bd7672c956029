"""The OpenAPI document, with what no annotation of a route says: roles, headers, path ids and problems."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from contracts.terms import LookPurpose
from hub.adapters.http.access import OPEN, TABLE
from hub.adapters.http.context import KEY_MAX, KEY_MIN, body_of, purpose
from hub.adapters.http.problems import PROBLEM, TYPE

_ID: Final = {"type": "string", "format": "uuid"}
_PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "case_id": {"name": "case_id", "in": "path", "required": True, "schema": _ID},
    "key": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": True,
        "description": "The same when sent again: the command then happens once and answers the same.",
        "schema": {"type": "string", "minLength": KEY_MIN, "maxLength": KEY_MAX},
    },
    "purpose": {
        "name": "Hub-Purpose",
        "in": "header",
        "required": True,
        "description": "Why you look. The look is recorded before it is answered.",
        "schema": {"type": "string", "enum": [word.value for word in LookPurpose]},
    },
    "version": {
        "name": "If-Match",
        "in": "header",
        "required": False,
        "description": "The ETag that the case was read with: the command is refused if it changed since.",
        "schema": {"type": "string", "pattern": '^"?[0-9]{1,18}"?$'},
    },
}
_PROBLEMS: Final = {
    "401": "Not logged in: the token is missing, expired or not ours.",
    "403": "Your role may not do this, or your login is stopped.",
    "404": "There is none, or none for you: the two look alike.",
    "409": "Right in itself, but not now: look again.",
    "412": "The case changed since it was read: read it again.",
    "413": "The body is too large, or its length is not said.",
    "422": "The request is not what the contract says; `errors` points at each field.",
    "default": "Any other problem.",
}
_PROBLEM_SCHEMA: Final = {
    "title": "Problem",
    "description": "RFC 9457. It names field and rule, and repeats nothing that was sent.",
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri", "pattern": f"^{TYPE}[a-z-]+$"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "part": {"type": "string", "enum": ["database", "keys"]},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}


class Documented(FastAPI):
    """The application with its whole contract in the document."""

    documented: Sequence[BaseRoute] = ()
    """The routes, those of routers included."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI 3.1 document."""
        if self.openapi_schema is None:
            document = super().openapi()
            for route in self.documented:
                if isinstance(route, APIRoute) and route.include_in_schema:
                    for method in route.methods or ():
                        _complete(document["paths"][route.path][method.lower()], method, route)
            components = document["components"]
            schemas = components["schemas"]
            components["schemas"] = {n: s for n, s in schemas.items() if "ValidationError" not in n}
            components["schemas"]["Problem"] = _PROBLEM_SCHEMA
            components["securitySchemes"] = {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            }
        assert self.openapi_schema is not None
        return self.openapi_schema


def _complete(operation: dict[str, Any], method: str, route: APIRoute) -> None:
    needs = set(_calls(route.dependant))
    of_case, command = "{case_id}" in route.path, body_of in needs
    wanted = {"case_id": of_case, "key": command, "purpose": purpose in needs, "version": command and of_case}
    own = [_PARAMETERS[name] for name, is_wanted in wanted.items() if is_wanted]
    if parameters := [*own, *operation.get("parameters", ())]:
        operation["parameters"] = parameters
    problems = {"default"}
    if (method, route.path) not in OPEN:
        operation["security"] = [{"bearer": []}]
        operation["x-access"] = {
            role.value: relation.value for role, relation in TABLE[method, route.path].items()
        }
        problems |= {"401", "403"}
    problems |= {"404"} if "{" in route.path else set()
    problems |= {"409"} if method == "POST" else set()
    problems |= {"412"} if wanted["version"] else set()
    problems |= {"413"} if method == "POST" else set()
    problems |= {"422"} if operation.get("parameters") or "requestBody" in operation else set()
    for status in sorted(problems):
        operation["responses"][status] = {
            "description": _PROBLEMS[status],
            "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }


def _calls(dependant: Dependant) -> Iterator[Any]:
    for one in dependant.dependencies:
        yield one.call
        yield from _calls(one)
