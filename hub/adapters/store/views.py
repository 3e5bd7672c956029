"""Read models in tables: one table a view and version, every organisation's rows in it (`ports.View`).

An owner's rows have a generation. A rebuild fills the next one while the living one goes on answering; the
switch is one small update. What is purged is deleted, columns included.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from uuid import UUID

import orjson

from hub.adapters.store.database import Database, Execute
from hub.errors import Conflict
from hub.ports import Change, Row

VERSIONS = {"timeline": 1, "intake": 1, "referrals": 1, "receipts": 1, "hand_overs": 1, "disclosures": 1}
"""Every view and the version of its rows. A new version is a new table, filled by a rebuild."""

_PURGED_AT_ONCE = 500

Position = tuple[int, int]


def table_of(view: str) -> str:
    """The table of a view, by its version."""
    return f"view_{view}_v{VERSIONS[view]}"


class TableView:
    """One view: the living generation of every owner, or the one copy that `begin_rebuild` gave."""

    def __init__(self, database: Database, name: str, *, copy: int | None = None) -> None:
        self._database = database
        self._name = name
        self._copy = copy
        self._table = table_of(name)
        self._which = "living" if copy is None else "generation"
        self._value: bool | int = True if copy is None else copy

    def position(self, owner: str) -> Position:
        """(epoch, sequence) up to which the owner's topic is taken in; (0, 0) at first."""
        rows = self._database.read(self._sql(_POSITION), [self._table, owner, self._value])
        return (rows[0][0], rows[0][1]) if rows else (0, 0)

    def apply(
        self,
        owner: str,
        position: Position,
        put: Sequence[Row],
        purge_messages: Sequence[UUID],
        since: Position = (0, 0),
    ) -> None:
        """Write rows, delete rows, move the position: all or nothing.

        A row twice is one row. A batch from before the position is a repeat: its rows, some of which may have
        been purged since, are not written again; its purges are done. A view that stands before `since` is
        not the one that was looked at: to move it on would leave out what it has not taken in.
        """
        change = Change(put, purge_messages, since)
        TableViews(self._database, {self._name: self}).apply(owner, position, {self._name: change})

    def apply_within(self, execute: Execute, owner: str, position: Position, change: Change) -> None:
        """The same inside a transaction, which moves other views as well."""
        put = change.put
        at = [*position, self._table, owner, self._value, *position, *change.since]
        if moved := execute(self._sql(_MOVE_ON), at):
            ((generation,),) = moved
        else:
            generation, reached = self._locked(execute, owner)
            if reached < change.since:
                raise Conflict("a rebuild has put its copy in: read where it stands, and go on", field="view")
            if position < reached:
                put = ()
            else:
                execute(_MOVE, [*position, self._table, owner, generation])
        if put:
            self._put(execute, owner, generation, position[0], put)
        self._purge(execute, owner, generation, change.purge)

    def is_at(self, table: str, generation: int, living: bool) -> bool:
        """Whether a row of `view_positions` is this view's own."""
        return table == self._table and self._value == (living if self._copy is None else generation)

    def rows(self, owner: str, thread: UUID | None = None) -> Iterator[Row]:
        """The owner's rows, of one thread or all, in sequence order."""
        sql, params = self._sql(_SELECT), [self._table, self._value, owner]
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
            execute(_BEGIN, [self._table, owner, False, self._table, owner])
            ((copy,),) = execute(_COPY, [self._table, owner])
        return TableView(self._database, self._name, copy=copy)

    def switch(self, owner: str) -> None:
        """Called on the copy: from now on the copy answers, and its position counts; atomic.

        Raises `Conflict` where another rebuild has put its own copy in its place.
        """
        if self._copy is None:
            raise ValueError("switch is called on the copy that `begin_rebuild` gave")
        with self._database.transaction() as execute:
            generation, _ = self._locked(execute, owner)
            execute(_END_OTHERS, [self._table, owner, generation])
            execute(_LIVE, [True, self._table, owner, generation])
        with self._database.transaction() as execute:
            self._forget_old(execute, owner)
        self._database.scrub()

    def _locked(self, execute: Execute, owner: str) -> tuple[int, Position]:
        """The generation and its position, held until the transaction ends; a living one is made."""
        at = [self._table, owner, self._value]
        if self._copy is None and not execute(self._sql(_POSITION), at):
            execute(_BEGIN, [*at, self._table, owner])
        for generation, epoch, sequence in execute(self._sql(_LOCK), at):
            return generation, (epoch, sequence)
        raise Conflict("another rebuild has switched its copy in: begin again", field="view")

    def _put(self, execute: Execute, owner: str, generation: int, epoch: int, rows: Sequence[Row]) -> None:
        uuid = self._database.uuid
        once = {row.message_id: row for row in rows}
        execute.many(
            self._sql(_PUT),
            [
                (
                    *(owner, generation, uuid(row.message_id), uuid(row.thread), epoch, row.sequence),
                    *(orjson.dumps(row.clear).decode(), row.sealed),
                )
                for row in once.values()
            ],
        )

    def _purge(self, execute: Execute, owner: str, generation: int, messages: Sequence[UUID]) -> None:
        remaining = iter([self._database.uuid(message) for message in messages])
        while some := list(islice(remaining, _PURGED_AT_ONCE)):
            execute(self._sql(_PURGE), [owner, generation, some])

    def _forget_old(self, execute: Execute, owner: str) -> None:
        """Delete rows of generations that nothing points at any more."""
        execute(self._sql(_FORGET), [owner, self._table])

    def _sql(self, template: str) -> str:
        return template.replace("{table}", self._table).replace("{which}", self._which)


class TableViews:
    """Views that are moved together (`ports.Views`); each of them can be filled anew alone."""

    def __init__(self, database: Database, views: Mapping[str, TableView]) -> None:
        self._database = database
        self._views = views

    def positions(self, owner: str) -> Mapping[str, Position]:
        """(epoch, sequence) up to which each has taken the owner's topic in; (0, 0) at first."""
        found: dict[str, Position] = dict.fromkeys(self._views, (0, 0))
        asked = [[table_of(name) for name in self._views], owner]
        for table, generation, living, epoch, sequence in self._database.read(_POSITIONS, asked):
            for name, view in self._views.items():
                if view.is_at(table, generation, bool(living)):
                    found[name] = (epoch, sequence)
        return found

    def apply(self, owner: str, position: Position, changes: Mapping[str, Change]) -> None:
        """Write rows, delete rows, move the positions, in all these views: all or nothing."""
        with self._database.transaction() as execute:
            for name, change in changes.items():
                self._views[name].apply_within(execute, owner, position, change)
        if any(change.purge for change in changes.values()):
            self._database.scrub()


_POSITIONS = """SELECT view, generation, living, epoch, sequence FROM view_positions
    WHERE view = ANY(?) AND owner = ?"""
_POSITION = "SELECT epoch, sequence FROM view_positions WHERE view = ? AND owner = ? AND {which} = ?"
_COPY = "SELECT generation FROM view_positions WHERE view = ? AND owner = ? AND NOT living"
_END_OTHERS = "DELETE FROM view_positions WHERE view = ? AND owner = ? AND generation <> ?"
_LIVE = "UPDATE view_positions SET living = ? WHERE view = ? AND owner = ? AND generation = ?"
_LOCK = """UPDATE view_positions SET epoch = epoch WHERE view = ? AND owner = ? AND {which} = ?
    RETURNING generation, epoch, sequence"""
_BEGIN = """INSERT INTO view_positions (view, owner, living, generation, epoch, sequence)
    SELECT ?, ?, ?, coalesce(max(generation), 0) + 1, 0, 0 FROM view_positions WHERE view = ? AND owner = ?
    ON CONFLICT DO NOTHING"""
_MOVE = "UPDATE view_positions SET epoch = ?, sequence = ? WHERE view = ? AND owner = ? AND generation = ?"
_MOVE_ON = """UPDATE view_positions SET epoch = ?, sequence = ? WHERE view = ? AND owner = ? AND {which} = ?
    AND (epoch, sequence) <= (?, ?) AND (epoch, sequence) >= (?, ?) RETURNING generation"""
_SELECT = """SELECT r.message_id, r.thread, r.sequence, r.clear, r.sealed
    FROM {table} r JOIN view_positions p
    ON p.view = ? AND p.owner = r.owner AND p.generation = r.generation AND p.{which} = ?
    WHERE r.owner = ?"""
_PUT = """INSERT INTO {table} (owner, generation, message_id, thread, epoch, sequence, clear, sealed)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (owner, generation, message_id) DO UPDATE SET thread = excluded.thread,
    epoch = excluded.epoch, sequence = excluded.sequence, clear = excluded.clear, sealed = excluded.sealed"""
_PURGE = "DELETE FROM {table} WHERE owner = ? AND generation = ? AND message_id = ANY(?)"
_FORGET = """DELETE FROM {table} WHERE owner = ? AND generation NOT IN (
    SELECT generation FROM view_positions p WHERE p.view = ? AND p.owner = {table}.owner)"""
