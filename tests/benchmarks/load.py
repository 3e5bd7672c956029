"""`load_50`, `load_500`: a case of so many events, loaded from nothing, beside a SELECT of the same rows.

**Ours**: `StoreApplication.load`, the first touch of a case: its rows are read, each tag is checked, and of
each event that is decoded which the fold takes from it; the rest waits until somebody looks into it, which is
not measured here. Data keys and ciphers are warm, as in a process that runs. **The limit**: a prepared binary
SELECT of the same rows, fetched into Python on one connection.

`again_50`, `again_500`: what a command does from the second touch on (`latest`): only what came since is read
and opened, and a copy handed out. Against the same SELECT; here nothing came since.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from uuid import UUID

import psycopg

from hub.bootstrap import Parts
from tests.benchmarks.harness import Figure, Work, rate, side_by_side
from tests.benchmarks.municipality import consented_case, grow, opened, settings_on
from tests.support.postgres import fresh_database

ROUNDS, SECONDS = 7, 0.4
SIZES = (50, 500)
ROWS = """SELECT originator_version, topic, state FROM stored_events
    WHERE originator_id = %b ORDER BY originator_version"""


def measure(server: str) -> Iterator[Figure]:
    """All four figures."""
    with (
        fresh_database(server) as url,
        settings_on(url) as settings,
        opened(settings) as parts,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        for size in SIZES:
            case = consented_case(parts)
            grow(parts, case, size)
            connection.execute("ANALYZE stored_events")
            bare = per_second(_select(connection, case, size))
            for name, ours in (("load", _load(parts, case, size)), ("again", _again(parts, case, size))):
                yield side_by_side(f"{name}_{size}", "loads/s", per_second(ours), bare, ROUNDS)


def per_second(work: Work) -> Callable[[], float]:
    """Measures that work."""
    return partial(rate, [work], SECONDS)


def _load(parts: Parts, case: UUID, size: int) -> Work:
    def load() -> None:
        assert parts.app.load(case).version == size

    return load


def _again(parts: Parts, case: UUID, size: int) -> Work:
    def again() -> None:
        assert parts.app.latest([case])[case].version == size

    return again


def _select(connection: psycopg.Connection[Any], case: UUID, size: int) -> Work:
    cursor = connection.cursor(binary=True)

    def select() -> None:
        assert len(cursor.execute(ROWS, [case], prepare=True).fetchall()) == size

    return select
