"""A small pool: a connection is taken and given back in a few microseconds, where the usual pool takes fifty.

It opens a connection when there is none idle, never more than its limit, and throws away what is broken.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from threading import Semaphore
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from hub.adapters.store.refused import UnsafeStore
from hub.errors import Unavailable

CONNECT_TIMEOUT_S = 10
_DURABLE = ("fsync", "full_page_writes", "synchronous_commit")
_SETTINGS = f"SELECT {', '.join(f'current_setting({name!r})' for name in _DURABLE)}"


class PgConnection(psycopg.Connection[Any]):
    """A connection that is lent to one at a time."""

    @cached_property
    def prepared(self) -> dict[bytes, list[Callable[[Any], bytes]]]:
        """The statements of ours that it has prepared, and how their parameters go (`postgres_binary`)."""
        return {}

    @cached_property
    def binary(self) -> psycopg.Cursor[Any]:
        """The cursor of its statements, made once: what one gave is fetched before the next."""
        return self.cursor(binary=True)


def connect(conninfo: str) -> PgConnection:
    """A connection whose commits last, and whose guards see what was committed before their lock.

    Raises `UnsafeStore` with the setting to change, or psycopg's errors.
    """
    connection = PgConnection.connect(conninfo, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S)
    try:
        values = connection.execute(_SETTINGS).fetchone()
        for name, value in zip(_DURABLE, values or (), strict=True):
            if value == "off":
                raise UnsafeStore(f"PostgreSQL's `{name}` is off: turn it on, for this role too", field=name)
        connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED")
    except BaseException:
        connection.close()
        raise
    return connection


class Connections:
    """At most `limit` connections; the one used last is lent first."""

    def __init__(self, conninfo: str, *, limit: int, wait_s: float) -> None:
        self._conninfo = conninfo
        self._wait_s = wait_s
        self._room = Semaphore(limit)
        self._idle: deque[PgConnection] = deque()
        self._closed = False

    @contextmanager
    def lend(self) -> Iterator[PgConnection]:
        """A connection outside any transaction. Raises `Unavailable` where none comes free in time."""
        if not self._room.acquire(timeout=self._wait_s):
            raise Unavailable("too many requests wait for the database: try again")
        try:
            connection = self._take()
            try:
                yield connection
            finally:
                self._give_back(connection)
        finally:
            self._room.release()

    def forget_idle(self) -> None:
        """Close what lies idle: the server went away, and took them with it."""
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def close(self) -> None:
        """Close what lies idle now, and what is lent when it comes back."""
        self._closed = True
        self.forget_idle()

    def _take(self) -> PgConnection:
        try:
            return self._idle.pop()
        except IndexError:
            return connect(self._conninfo)

    def _give_back(self, connection: PgConnection) -> None:
        whole = connection.pgconn.transaction_status == TransactionStatus.IDLE
        if whole and not self._closed:
            self._idle.append(connection)
        else:
            connection.close()
