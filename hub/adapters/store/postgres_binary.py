"""Statements with arrays for parameters, in PostgreSQL's binary format and through libpq itself.

A cursor finds out anew for each call how to send forty parameters, most of them arrays, which takes as long
as the statement; here the server says it once. Everything else goes by psycopg's cursors.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import psycopg
from psycopg.pq import ConnStatus, ExecStatus, Format, abc

from hub.adapters.store.postgres_connections import PgConnection

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_I4, _I8 = struct.Struct(">i"), struct.Struct(">q")
_ARRAY = struct.Struct(">iiIii")
_ARRAY_BYTES = _ARRAY.size
_NULL = _I4.pack(-1)
_MAY_HOLD_NULL = 1
"""The server looks for itself whether an array does."""
_BINARY = Format.BINARY
TRUE, FALSE = b"\1", b"\0"
"""A boolean as it goes and comes."""

Send = Callable[[Any], bytes]


class Statement:
    """A statement of ours, `$1` and so on for its parameters; each connection prepares it once."""

    def __init__(self, name: str, sql: str) -> None:
        self._name = name.encode()
        self._sql = sql.encode()

    def __call__(self, connection: PgConnection, given: Sequence[Any]) -> abc.PGresult:
        """Execute it; psycopg's errors where the server refuses, or is not there any more."""
        sends = connection.prepared.get(self._name) or self._prepare(connection)
        sent: list[Any] = [
            None if value is None else send(value) for send, value in zip(sends, given, strict=True)
        ]
        formats = [_BINARY] * len(sent)
        return _checked(connection, connection.pgconn.exec_prepared(self._name, sent, formats, _BINARY))

    def _prepare(self, connection: PgConnection) -> list[Send]:
        _checked(connection, connection.pgconn.prepare(self._name, self._sql))
        described = _checked(connection, connection.pgconn.describe_prepared(self._name))
        sends = [_send_as(described.param_type(number)) for number in range(described.nparams)]
        connection.prepared[self._name] = sends
        return sends


_inserts: dict[str, Statement] = {}


def insert_of(sql: str, connection: PgConnection) -> Statement:
    """An `INSERT … VALUES (?, …)` of one row, turned into one that takes an array for each column."""
    found = _inserts.get(sql)
    if found is None:
        before, _, rest = sql.partition("VALUES (")
        marks, _, behind = rest.partition(")")
        numbers = range(1, marks.count("?") + 1)
        one = f"{before}VALUES ({', '.join(f'${number}' for number in numbers)}){behind}"
        _checked(connection, connection.pgconn.prepare(b"", one.encode()))
        described = _checked(connection, connection.pgconn.describe_prepared(b""))
        arrays = ", ".join(f"${number}::{_NAMES[described.param_type(number - 1)]}[]" for number in numbers)
        name = f"rows-{sha256(sql.encode()).hexdigest()[:16]}"
        many = f"{before}SELECT * FROM unnest({arrays}){behind}"  # noqa: S608 (of statements of ours)
        found = _inserts[sql] = Statement(name, many)
    return found


def rows(result: abc.PGresult) -> Iterator[tuple[bytes | None, ...]]:
    """The rows, each value as it came."""
    columns = range(result.nfields)
    for row in range(result.ntuples):
        yield tuple([result.get_value(row, column) for column in columns])


def to_int4(value: bytes) -> int:
    """From 4 bytes."""
    number: int = _I4.unpack(value)[0]
    return number


def to_int8(value: bytes) -> int:
    """From 8 bytes."""
    number: int = _I8.unpack(value)[0]
    return number


def to_int8s(value: bytes) -> list[int]:
    """From a one-dimensional array without nulls."""
    return [to_int8(value[at : at + 8]) for at in range(_ARRAY_BYTES + 4, len(value), 12)]


def _checked(connection: PgConnection, result: abc.PGresult) -> abc.PGresult:
    if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
        if connection.pgconn.status == ConnStatus.BAD:
            # Of a server that went away libpq names no state, by which the error's class would be found.
            raise psycopg.OperationalError("the server closed the connection")
        raise psycopg.errors.error_from_result(result)
    return result


def _send_as(oid: int) -> Send:
    return _SCALARS.get(oid) or _array_of(_ELEMENTS[oid])


def _array_of(oid: int) -> Send:
    send = _SCALARS[oid]

    def array(values: Sequence[Any]) -> bytes:
        out = [_ARRAY.pack(1, _MAY_HOLD_NULL, oid, len(values), 1)]
        for value in values:
            if value is None:
                out.append(_NULL)
            else:
                sent = send(value)
                out += (_I4.pack(len(sent)), sent)
        return b"".join(out)

    return array


_SCALARS: dict[int, Send] = {
    16: lambda value: TRUE if value else FALSE,  # boolean
    17: bytes,  # bytea
    20: _I8.pack,  # bigint
    23: _I4.pack,  # integer
    25: lambda value: value.encode(),  # text
    1184: lambda value: _I8.pack((value - _EPOCH) // _MICROSECOND),  # timestamptz
    2950: lambda value: value.bytes,  # uuid
}
"""How a value goes, by the OID of its type: fixed for good in PostgreSQL's `pg_type`."""
_NAMES = {
    **{16: "boolean", 17: "bytea", 20: "bigint", 23: "integer", 25: "text"},
    **{1184: "timestamptz", 2950: "uuid"},
}
_ELEMENTS = {1000: 16, 1001: 17, 1016: 20, 1007: 23, 1009: 25, 1185: 1184, 2951: 2950}
"""The type of an array's elements, by that of the array."""
