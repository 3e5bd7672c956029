"""Read models in tables: one table a view and version, every organisation's rows in it (`ports.View`).

An owner's rows have a generation. A rebuild fills the next one while the living one goes on answering; the
switch is one small update. What is purged is deleted, columns included.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from uuid import UUID

import orjson

from hub.adapters.store.database import Database, Execute
from hub.ports import Row

VERSIONS = {"timeline": 1, "intake": 1, "referrals": 1, "receipts": 1, "disclosures": 1}
"""Every view and the version of its rows. A new version is a new table, filled by a rebuild."""

_PURGED_AT_ONCE = 500

Position = tuple[int, int]


def table_of(view: str) -> str:
    """The table of a view, by its version."""
    return f"view_{view}_v{VERSIONS[view]}"


class TableView:
    """One view. The living one, or the copy that `begin_rebuild` gives."""

    def __init__(self, database: Database, name: str, *, copy: bool = False) -> None:
        self._database = database
        self._name = name
        self._living = not copy
        self._table = table_of(name)
        self._select = _SELECT.replace("{table}", self._table)

    def position(self, owner: str) -> Position:
        """(epoch, sequence) up to which the owner's topic is taken in; (0, 0) at first."""
        rows = self._database.read(_POSITION, [self._table, owner, self._living])
        return (rows[0][0], rows[0][1]) if rows else (0, 0)

    def apply(
        self, owner: str, position: Position, put: Sequence[Row], purge_messages: Sequence[UUID]
    ) -> None:
        """Write rows, delete rows, move the position: all or nothing.

        A row twice is one row. A batch from before the position is a repeat: its rows, some of which may have
        been purged since, are not written again; its purges are done.
        """
        with self._database.transaction() as execute:
            generation, reached = self._locked(execute, owner)
            if position >= reached:
                self._put(execute, owner, generation, position[0], put)
                execute(_MOVE, [*position, self._table, owner, generation])
            self._purge(execute, owner, generation, purge_messages)
        if purge_messages:
            self._database.scrub()

    def rows(self, owner: str, thread: UUID | None = None) -> Iterator[Row]:
        """The owner's rows, of one thread or all, in sequence order."""
        sql, params = self._select, [self._table, self._living, owner]
        if thread is not None:
            sql += " AND r.thread = ?"
            params.append(self._database.uuid(thread))
        uuid = self._database.from_uuid
        for message_id, in_thread, sequence, clear, sealed in self._database.read(
            f"{sql} ORDER BY r.epoch, r.sequence, r.message_id", params
        ):
            yield Row(uuid(message_id), uuid(in_thread), sequence, orjson.loads(clear), sealed)

    def begin_rebuild(self, owner: str) -> "TableView":
        """A copy to fill from the start; one that was begun before goes on from its `position`."""
        with self._database.transaction() as execute:
            self._forget_old(execute, owner)
            if not execute(_POSITION, [self._table, owner, False]):
                execute(_BEGIN, [self._table, owner, False, self._table, owner])
        return TableView(self._database, self._name, copy=True)

    def switch(self, owner: str) -> None:
        """Called on the copy: from now on the copy answers, and its position counts; atomic."""
        if self._living:
            raise ValueError("switch is called on the copy that `begin_rebuild` gave")
        with self._database.transaction() as execute:
            execute(
                "DELETE FROM view_positions WHERE view = ? AND owner = ? AND living", [self._table, owner]
            )
            execute(
                "UPDATE view_positions SET living = ? WHERE view = ? AND owner = ?",
                [True, self._table, owner],
            )
        self._living = True
        with self._database.transaction() as execute:
            self._forget_old(execute, owner)
        self._database.scrub()

    def _locked(self, execute: Execute, owner: str) -> tuple[int, Position]:
        """The generation and its position, held until the transaction ends; made where there is none yet."""
        at = [self._table, owner, self._living]
        for _ in range(2):
            for generation, epoch, sequence in execute(_LOCK, at):
                return generation, (epoch, sequence)
            execute(_BEGIN, [*at, self._table, owner])
        raise AssertionError("a generation that was just begun is there")

    def _put(self, execute: Execute, owner: str, generation: int, epoch: int, rows: Sequence[Row]) -> None:
        uuid = self._database.uuid
        execute.many(
            _PUT.replace("{table}", self._table),
            [
                (
                    *(owner, generation, uuid(row.message_id), uuid(row.thread), epoch, row.sequence),
                    *(orjson.dumps(dict(row.clear)).decode(), row.sealed),
                )
                for row in rows
            ],
        )

    def _purge(self, execute: Execute, owner: str, generation: int, messages: Sequence[UUID]) -> None:
        sql = _PURGE.replace("{table}", self._table)
        remaining = iter([self._database.uuid(message) for message in messages])
        while some := list(islice(remaining, _PURGED_AT_ONCE)):
            execute(sql, [owner, generation, some])

    def _forget_old(self, execute: Execute, owner: str) -> None:
        """Delete rows of generations that nothing points at any more."""
        execute(_FORGET.replace("{table}", self._table), [owner, self._table])


_POSITION = "SELECT epoch, sequence FROM view_positions WHERE view = ? AND owner = ? AND living = ?"
_LOCK = """UPDATE view_positions SET epoch = epoch WHERE view = ? AND owner = ? AND living = ?
    RETURNING generation, epoch, sequence"""
_BEGIN = """INSERT INTO view_positions (view, owner, living, generation, epoch, sequence)
    SELECT ?, ?, ?, coalesce(max(generation), 0) + 1, 0, 0 FROM view_positions WHERE view = ? AND owner = ?
    ON CONFLICT DO NOTHING"""
_MOVE = "UPDATE view_positions SET epoch = ?, sequence = ? WHERE view = ? AND owner = ? AND generation = ?"
_SELECT = """SELECT r.message_id, r.thread, r.sequence, r.clear, r.sealed
    FROM {table} r JOIN view_positions p
    ON p.view = ? AND p.owner = r.owner AND p.generation = r.generation AND p.living = ?
    WHERE r.owner = ?"""
_PUT = """INSERT INTO {table} (owner, generation, message_id, thread, epoch, sequence, clear, sealed)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (owner, generation, message_id) DO UPDATE SET thread = excluded.thread,
    epoch = excluded.epoch, sequence = excluded.sequence, clear = excluded.clear, sealed = excluded.sealed"""
_PURGE = "DELETE FROM {table} WHERE owner = ? AND generation = ? AND message_id = ANY(?)"
_FORGET = """DELETE FROM {table} WHERE owner = ? AND generation NOT IN (
    SELECT generation FROM view_positions p WHERE p.view = ? AND p.owner = {table}.owner)"""
