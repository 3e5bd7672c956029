"""A small pool: a connection is taken and given back in a few microseconds, where the usual pool takes fifty.

It opens a connection when there is none idle, never more than its limit, and throws away what is broken.
"""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from queue import Empty, SimpleQueue
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
        self._room: SimpleQueue[None] = SimpleQueue()
        for _ in range(limit):
            self._room.put(None)
        self._idle: deque[PgConnection] = deque()
        self._closed = False

    def lend(self) -> "_Lent":
        """A connection outside any transaction. Raises `Unavailable` where none comes free in time."""
        return _Lent(self)

    def forget_idle(self) -> None:
        """Close what lies idle: the server went away, and took them with it."""
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def close(self) -> None:
        """Close what lies idle now, and what is lent when it comes back."""
        self._closed = True
        self.forget_idle()

    def take(self) -> PgConnection:
        """One that lies idle, or a new one; for `_Lent`."""
        try:
            self._room.get(timeout=self._wait_s)
        except Empty:
            raise Unavailable("too many requests wait for the database: try again") from None
        try:
            return self._idle.pop()
        except IndexError:
            try:
                return connect(self._conninfo)
            except BaseException:
                self._room.put(None)
                raise

    def give_back(self, connection: PgConnection) -> None:
        """It lies idle from now on, if it is whole."""
        try:
            whole = connection.pgconn.transaction_status == TransactionStatus.IDLE
            if whole and not self._closed:
                self._idle.append(connection)
            else:
                connection.close()
        finally:
            self._room.put(None)


class _Lent:
    """A loan, from `with` to its end."""

    __slots__ = ("_connection", "_connections")

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def __enter__(self) -> PgConnection:
        self._connection = self._connections.take()
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connections.give_back(self._connection)
