"""The HTTP API over a small municipality, called in the test's own process.

    api = Api(world)
    inge = api.login("inge", UNIT, Role.CASEWORKER)
    inge.get("/v1/inbox")

A login stands still with the world's clock, which must be near the real one: tokens are judged by that.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx2
from fastapi import FastAPI
from fastapi.testclient import TestClient

from hub.adapters.http.access import Role
from hub.adapters.http.tokens import EmbeddedIssuer
from hub.operating.serving import app_of
from tests.world import Clock, World

PROBLEM = "application/problem+json"
TYPE = "https://tvaers.example/problems/"


def clock_now() -> Clock:
    """A clock that stands at the time of the test."""
    return Clock(datetime.now(UTC))


@dataclass(frozen=True)
class Caller:
    """One login. Every POST gets a new idempotency key, unless `headers` says otherwise."""

    client: TestClient
    token: str

    def get(self, path: str, purpose: str | None = None, **request: Any) -> httpx2.Response:
        return self.call("GET", path, purpose, **request)

    def post(
        self, path: str, body: Any = None, purpose: str | None = None, **request: Any
    ) -> httpx2.Response:
        sent = {"json": body} if body is not None else {}
        headers = {"Idempotency-Key": str(uuid4()), **request.pop("headers", {})}
        return self.call("POST", path, purpose, headers=headers, **sent, **request)

    def call(self, method: str, path: str, purpose: str | None = None, **request: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.token}", **request.pop("headers", {})}
        if purpose is not None:
            headers["Hub-Purpose"] = purpose
        return self.client.request(method, path, headers=headers, follow_redirects=False, **request)


class Api:
    """The API, and logins to it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.issuer = EmbeddedIssuer("urn:test:issuer", "tvaers-hub", world.clock, production=False)
        self.app: FastAPI = app_of(world.parts, self.issuer)
        self.client = TestClient(self.app, raise_server_exceptions=False)
        self._logins: dict[tuple[str, str, tuple[Role, ...]], Caller] = {}

    def login(self, person: str, organisation: str, *roles: Role) -> Caller:
        """A login of that person; the same one the second time."""
        who = (person, organisation, roles)
        if who not in self._logins:
            self.issuer.add(person, "password", person.capitalize(), organisation, roles)
            self._logins[who] = Caller(self.client, self.issuer.token(person, "password"))
        return self._logins[who]


def slug_of(answer: httpx2.Response) -> str:
    """The problem's slug, after a look at what every problem must be."""
    assert answer.headers["content-type"] == PROBLEM, answer.text
    body: Mapping[str, Any] = answer.json()
    assert body["status"] == answer.status_code
    assert body["type"].startswith(TYPE)
    assert set(body) <= {"type", "title", "status", "errors", "part"}, body
    return str(body["type"]).removeprefix(TYPE)


def pointers(answer: httpx2.Response) -> list[str]:
    """Where the problem says that it is wrong."""
    return [error["pointer"] for error in answer.json().get("errors", ())]


def as_json(value: object) -> bytes:
    """A body byte for byte, for requests that are to be sent twice."""
    return json.dumps(value).encode()
