"""`append_1`, `append_8`: commands a second through the application, beside the bare rows that they write.

**Ours**: `Hub.change_safety_level` as a route calls it, by 1 and 8 callers, each with cases of its own: the
case is loaded, decides, the gate decides who is told, two messages are sealed (the owning unit's and a
consented NGO's), and three events (the case's, two ledgers'), two messages, two rows of wraps and the
idempotency record are written in one transaction, behind the append lock and its guards, and numbered. The
load counts. Every command has an idempotency key of its own; nothing is repeated. The 8 callers are threads
in as many processes as `hub serve` has workers, one for each core.

**The limit**: the very same rows of such commands (same bytes and sizes, new ids) into the same tables and
indexes in a schema beside, in 1 and in 8 processes: one prepared binary INSERT a row, all rows of one command
in one transaction, sent as one pipeline. No load, no lock, no number, no guard, no counter, no notification.

Cases hold 7 events when it begins and live on as in life; a hundred of them take turns.
Each stays with one caller, so it is known where it is changed; what another process changed is read anew.
"""

import itertools
import math
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.types.numeric import Int8

from hub.adapters.store.migrating import script
from hub.bootstrap import Parts, build
from hub.operating.process import settle
from hub.settings import Settings
from tests.benchmarks.harness import WARM_UP, Figure, Work, rate, side_by_side
from tests.benchmarks.municipality import (
    LEVELS,
    WORKERS,
    change_level,
    consented_case,
    opened,
    settings_on,
)
from tests.support.postgres import fresh_database

ROUNDS, SECONDS = 7, 1.0
CASES, CALLERS = 96, 8
PATIENCE_S = 120.0
EVENT = """INSERT INTO bare.stored_events (originator_id, originator_version, topic, state)
    VALUES (%b, %b, %b, %b)"""
MESSAGE = """INSERT INTO bare.messages (recipient, epoch, sequence, message_id, position, sealed, control)
    VALUES (%b, %b, %b, %b, %b, %b, %b)"""
WRAPS = "INSERT INTO bare.message_wraps (message_id, grant_id, wraps) VALUES (%b, %b, %b)"
IDEMPOTENCY = "INSERT INTO bare.idempotency (key, body_mac, position, ids) VALUES (%b, %b, %b, %b)"
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Written:
    """The rows that one command wrote."""

    events: Rows
    messages: Rows
    wraps: Rows
    idempotency: Rows


def measure(server: str) -> Iterator[Figure]:
    """Both figures."""
    with (
        fresh_database(server) as url,
        settings_on(url, workers=WORKERS) as settings,
        opened(settings) as parts,
    ):
        cases = [consented_case(parts) for _ in range(CASES)]
        one = _changes(parts, cases)
        rows = _written(url, one)
        with together(_write, [(url, rows)]) as bare:
            yield side_by_side("append_1", "commands/s", partial(rate, [one], SECONDS), bare, ROUNDS)
        callers = [cases[n::CALLERS] for n in range(CALLERS)]
        shares = [(settings, callers[n :: settings.serve_workers]) for n in range(settings.serve_workers)]
        with together(_command, shares) as ours, together(_write, [(url, rows)] * CALLERS) as bare:
            yield side_by_side("append_8", "commands/s", ours, bare, ROUNDS)


def _changes(parts: Parts, cases: list[UUID]) -> Work:
    """The command, on each of the cases in turn."""
    mine = itertools.cycle(cases)
    turns = {case: itertools.count(_next_turn(parts, case)) for case in cases}

    def work() -> None:
        case = next(mine)
        change_level(parts, case, next(turns[case]))

    return work


def _next_turn(parts: Parts, case: UUID) -> int:
    level = parts.committer.case(case).safety_level
    return 0 if level is None else LEVELS.index(level) + 1


def _written(url: str, command: Work) -> Written:
    """What one command writes, from the tables themselves; and the same tables once more, empty."""
    with psycopg.connect(url, autocommit=True) as connection:
        (before,) = connection.execute("SELECT max(notification_id) FROM stored_events").fetchone() or (0,)
        command()
        written = Written(
            *(
                connection.execute(sql.encode(), [before]).fetchall()
                for sql in (
                    "SELECT topic, state FROM stored_events WHERE notification_id > %s",
                    "SELECT recipient, message_id, sealed, control FROM messages WHERE position > %s",
                    "SELECT w.message_id, w.grant_id, w.wraps FROM message_wraps w JOIN messages m"
                    " ON m.message_id = w.message_id WHERE m.position > %s",
                    "SELECT body_mac, ids FROM idempotency WHERE position > %s",
                )
            )
        )
        connection.execute("CREATE SCHEMA bare")
        connection.execute("SET search_path TO bare")
        connection.execute(script("schema_postgres.sql").encode())
    sizes = [len(part) for part in (written.events, written.messages, written.wraps, written.idempotency)]
    assert sizes == [3, 2, 2, 1], "the command is not the one that the figure describes"
    return written


@contextmanager
def together(
    measured: Callable[..., None], given: Sequence[tuple[Any, ...]]
) -> Iterator[Callable[[], float]]:
    """Processes that work when they are told to: how much a second all of them did together."""
    context = multiprocessing.get_context("spawn")
    begin = context.Barrier(len(given) + 1, timeout=PATIENCE_S)
    counted = context.SimpleQueue()
    processes = [
        context.Process(target=measured, args=(*args, begin, counted), daemon=True) for args in given
    ]
    for process in processes:
        process.start()
    begin.wait()

    def run() -> float:
        begin.wait()
        return math.fsum(counted.get() for _ in processes)

    try:
        yield run
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _command(settings: Settings, callers: list[list[UUID]], begin: Any, counted: Any) -> None:
    """One worker, put together as `hub serve` does, with the callers that came to it."""
    parts = build(settings)
    works = [_changes(parts, cases) for cases in callers]
    settle()
    rate(works, SECONDS)
    begin.wait()
    while True:
        begin.wait()
        counted.put(rate(works, SECONDS))


def _write(url: str, rows: Written, begin: Any, counted: Any) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        write = bare_write(connection, rows)
        for _ in range(WARM_UP):
            write()
        begin.wait()
        while True:
            begin.wait()
            count, began = 0, time.perf_counter()
            while time.perf_counter() < began + SECONDS:
                write()
                count += 1
            counted.put(count / (time.perf_counter() - began))


def bare_write(connection: psycopg.Connection[Any], rows: Written) -> Work:
    """One transaction with the rows of one command, under ids and numbers of its own."""
    cursor = connection.cursor(binary=True)
    streams = [uuid4() for _ in rows.events]
    epoch = Int8(int.from_bytes(os.urandom(5), "big"))
    numbers = itertools.count(1)

    def write() -> None:
        number = Int8(next(numbers))
        ids = {message_id: uuid4() for _, message_id, _, _ in rows.messages}
        with connection.pipeline(), connection.transaction():
            for stream, (topic, state) in zip(streams, rows.events, strict=True):
                cursor.execute(EVENT, (stream, number, topic, state), prepare=True)
            for recipient, message_id, sealed, control in rows.messages:
                row = (recipient, epoch, number, ids[message_id], number, sealed, control)
                cursor.execute(MESSAGE, row, prepare=True)
            for message_id, grant_id, wraps in rows.wraps:
                cursor.execute(WRAPS, (ids[message_id], grant_id, wraps), prepare=True)
            for body_mac, answered in rows.idempotency:
                cursor.execute(IDEMPOTENCY, (os.urandom(32), body_mac, number, answered), prepare=True)

    return write
