"""`http_1`, `http_8`, `http_32`, `key_release`: over HTTP, from 1, 8 and 32 connections.

Servers are processes of their own, as many workers as `hub serve` has, one for each core; tokens come from an
OIDC issuer in this process.

**http**, ours: the command of `append_1` as a POST: login, the case and who may act on it, the command, its
answer. The limit: the very same app with the same login, checks and answer, in as many workers, in front of a
hub that neither reads nor writes: its one case is in memory, and a command is answered at once.

**key_release**: the head keys of 100 messages, asked grants and put on record (gate 3), in milliseconds; the
limit is a request that is logged in and does nothing else. The ratio is how many times as long ours takes.
"""

import http.client
import itertools
import json
import multiprocessing
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from typing import Any
from uuid import UUID, uuid4

from fastapi import FastAPI, Request

from hub.adapters.http.context import Services, bearer
from hub.aggregates.base import Actor
from hub.application import Answer
from hub.application.committing import Known
from hub.bootstrap import build
from hub.gates.barring import Barred
from hub.operating.process import settle
from hub.operating.serving import Server, app_of, bound
from hub.settings import Settings
from tests.benchmarks.harness import Figure, Work, compared, rate, side_by_side
from tests.benchmarks.municipality import (
    NGO,
    TOVHOLDER,
    WORKERS,
    consented_case,
    level_asked,
    opened,
    settings_on,
)
from tests.benchmarks.telling import Teller
from tests.support.issuer import Issuer
from tests.support.postgres import fresh_database

ROUNDS, SECONDS = 5, 1.0
CONNECTIONS = (1, 8, 32)
KEYS = 100
PATIENCE_S = 120.0
BARE = "/bare"
SYSTEM = Actor("havnen-system", "Havnens system", "partner_system", NGO)


def measure(server: str) -> Iterator[Figure]:
    """All four figures."""
    with ExitStack() as stack:
        issuer = stack.enter_context(Issuer.serving("tvaers-hub"))
        url = stack.enter_context(fresh_database(server))
        settings = stack.enter_context(settings_on(url, issuer=issuer.url, workers=WORKERS))
        parts = stack.enter_context(opened(settings))
        cases = [consented_case(parts) for _ in range(max(CONNECTIONS))]
        Teller(parts).tell(KEYS)
        messages = [str(m.message_id) for m in parts.outgoing.messages_of(NGO, 1, 0, 500)[-KEYS:]]
        ours, bare = (stack.enter_context(served(settings, cases[0], real=real)) for real in (True, False))
        issuer.add(TOVHOLDER)
        issuer.add(SYSTEM)
        turns = {port: {case: itertools.count() for case in cases} for port in (ours, bare)}
        for many in CONNECTIONS:
            works = [
                [
                    stack.enter_context(closing(Caller(port, issuer.token(TOVHOLDER.person)))).change_level(
                        case, turns[port][case]
                    )
                    for case in cases[:many]
                ]
                for port in (ours, bare)
            ]
            measured, limit = (partial(rate, side, SECONDS) for side in works)
            yield side_by_side(f"http_{many}", "commands/s", measured, limit, ROUNDS)
        caller = stack.enter_context(closing(Caller(ours, issuer.token(SYSTEM.person))))
        yield _key_release(caller, messages)


class Caller:
    """One connection that is kept, with one login."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def post(self, path: str, asked: Mapping[str, Any]) -> bytes:
        """What was answered; anything but a success is an error."""
        headers = {**self._headers, "Idempotency-Key": str(uuid4())}
        self._connection.request("POST", path, json.dumps(asked).encode(), headers)
        answer = self._connection.getresponse()
        told = answer.read()
        assert answer.status in {200, 201}, f"{answer.status} {told.decode()}"
        return told

    def change_level(self, case: UUID, turns: Iterator[int]) -> Work:
        """The command, with another level each time."""
        return lambda: self.post(f"/v1/cases/{case}/safety-level", level_asked(next(turns)))

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def _key_release(caller: Caller, messages: Sequence[str]) -> Figure:
    def release() -> None:
        found = json.loads(caller.post("/v1/messages/head-keys", {"messages": messages}))["keys"]
        assert len(found) == KEYS

    bare: Callable[[], object] = partial(caller.post, BARE, {})
    pairs = [(_milliseconds(release), _milliseconds(bare)) for _ in range(ROUNDS)]
    return compared("key_release", "ms", pairs)


def _milliseconds(work: Callable[[], object], times: int = 40) -> float:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append(1000 * (time.perf_counter() - began))
    return median(took)


@contextmanager
def served(settings: Settings, case: UUID, *, real: bool) -> Iterator[int]:
    """A server in as many processes as the settings say; its port."""
    context = multiprocessing.get_context("spawn")
    on = bound("127.0.0.1", 0)
    begin = context.Barrier(settings.serve_workers + 1, timeout=PATIENCE_S)
    processes = [
        context.Process(target=_serve, args=(settings, case, real, on, begin), daemon=True)
        for _ in range(settings.serve_workers)
    ]
    for process in processes:
        process.start()
    begin.wait()
    try:
        yield on.getsockname()[1]
    finally:
        for process in processes:
            process.terminate()
            process.join()
        on.close()


def _serve(settings: Settings, case: UUID, real: bool, on: socket.socket, begin: Any) -> None:
    parts = build(settings)
    app = app_of(parts, None)
    app.add_api_route(BARE, _logged_in, methods=["POST"])
    if not real:
        known = parts.committer.case_for(case, (TOVHOLDER.login,), change=True)
        app.state.services = _without_store(app, known)
    settle()
    on.listen()
    begin.wait()
    Server(app, on=on).serve()


def _logged_in(request: Request) -> Mapping[str, str]:
    return {"person": bearer(request).person}


def _without_store(app: FastAPI, known: Known) -> Services:
    services: Services = app.state.services
    nothing: Any = _Nothing(known)
    return replace(services, hub=nothing, queries=nothing, barring=nothing)


@dataclass(frozen=True, slots=True)
class _Nothing:
    """A hub without a store: it knows one case by heart, bars nobody, and does nothing."""

    only: Known

    def case_for(self, *_: Any, **__: Any) -> Known:
        return self.only

    def of(self, *_: Any) -> Barred:
        return Barred(frozenset(), frozenset())

    def change_safety_level(self, *_: Any, **__: Any) -> Answer:
        return Answer(1, {"case": str(self.only.case.id)})
