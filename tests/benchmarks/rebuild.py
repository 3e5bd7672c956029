"""`rebuild_100k`: a view of the NGO filled anew from 100,000 messages, beside a COPY of the rows it holds.

**Ours**: `rebuild` as `hub rebuild` runs it, while the old copy would go on answering: messages are read,
grants asked, the batch put on record, heads opened, rows and position written; signatures are not checked.
**The limit**: COPY of those very rows, binary, into an empty table with the same indexes, in one transaction.
Seconds; the ratio is how many times as long ours takes. Once each: it is a minute's work.
"""

import time
from collections.abc import Iterator

import psycopg

from hub.adapters.store.views import table_of
from hub.operating.rebuilding import rebuild
from hub.projections import referrals
from tests.benchmarks.harness import Figure
from tests.benchmarks.municipality import NGO, opened, settings_on
from tests.benchmarks.telling import Teller
from tests.support.postgres import fresh_database

MESSAGES = 100_000


def measure(server: str) -> Iterator[Figure]:
    """The figure."""
    with fresh_database(server) as url, settings_on(url) as settings, opened(settings) as parts:
        Teller(parts).tell(MESSAGES)
        began = time.perf_counter()
        for _ in rebuild(parts, referrals.NAME, NGO):
            pass
        took = time.perf_counter() - began
        limit = _copied(url, table_of(referrals.NAME))
    yield Figure("rebuild_100k", took, "s", limit, took / limit)


def _copied(url: str, table: str) -> float:
    """Seconds that a COPY of the table's rows takes into one of the same shape; they come from memory."""
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        with cursor.copy(f"COPY {table} TO STDOUT (FORMAT binary)".encode()) as out:
            blocks = [bytes(block) for block in out]
        cursor.execute(f"CREATE TABLE bare (LIKE {table} INCLUDING ALL)".encode())
        connection.commit()
        began = time.perf_counter()
        with cursor.copy(b"COPY bare FROM STDIN (FORMAT binary)") as into:
            for block in blocks:
                into.write(block)
        assert cursor.rowcount >= MESSAGES, "a row for each message"
        connection.commit()
        return time.perf_counter() - began
