"""The event-sourced application on either store, and how one is opened."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.domain import Aggregate, DomainEventProtocol
from eventsourcing.persistence import (
    ApplicationRecorder,
    InfrastructureFactory,
    InterfaceError,
    Mapper,
    Notification,
    OperationalError,
    Recording,
    StoredEvent,
)
from eventsourcing.popo import POPOFactory
from eventsourcing.utils import Environment, EnvType, strtobool

from hub.adapters.store.mapper import Erased, HubMapper
from hub.adapters.store.migrating import migrate_postgres, migrate_sqlite, postgres_holds_tables
from hub.adapters.store.postgres import PostgresRecorder
from hub.adapters.store.postgres_database import PostgresDatabase
from hub.adapters.store.reading import StreamRow
from hub.adapters.store.refused import UnsafeStore
from hub.adapters.store.sqlite import SqliteRecorder
from hub.adapters.store.sqlite_database import SqliteDatabase
from hub.adapters.store.standing import Standing, StandingAggregates, copied
from hub.adapters.store.tables import ClearTables
from hub.adapters.store.views import TableView
from hub.aggregates.base import project
from hub.errors import Corrupt, Invalid, Missing, Unavailable
from hub.keys.fence import Fence
from hub.keys.keyring import Kek, LocalKek, StoredKeyRing
from hub.ports import Ahead, Alongside, Barrings, Likely

Recorder = SqliteRecorder | PostgresRecorder
D = TypeVar("D", SqliteDatabase, PostgresDatabase)
_ALONE = Likely(logins=())


class Saved(list[Recording[UUID]]):
    """What a save recorded, as the library returns it, with the position to wait for."""

    def __init__(self, recordings: Sequence[Recording[UUID]], position: int) -> None:
        super().__init__(recordings)
        self.position = position


class StoreApplication(Application[UUID]):
    """Loads and commits aggregates; `store` holds the clear tables, `keys` the key ring. Follows the log."""

    name = "hub"

    def __init__(
        self,
        recorder: Recorder,
        store: ClearTables,
        keys: StoredKeyRing,
        env: Mapping[str, str] | None = None,
    ) -> None:
        if strtobool((env or {}).get("POSTGRES_ENABLE_DB_FUNCTIONS") or "no"):
            raise UnsafeStore(
                "POSTGRES_ENABLE_DB_FUNCTIONS makes followers miss events: unset it",
                field="POSTGRES_ENABLE_DB_FUNCTIONS",
            )
        self.store = store
        self.keys = keys
        self._recorder = recorder
        self._standing = StandingAggregates()
        self._listener: Callable[[Iterable[str]], None] | None = None
        super().__init__(dict(env or {}))

    def construct_env(self, name: str, env: EnvType | None = None) -> Environment:
        """What was given, and nothing from the process's environment."""
        return Environment(name, dict(env or {}))

    def construct_factory(self, env: Environment) -> InfrastructureFactory:
        """A factory that makes nothing: mapper, recorder and event store are ours."""
        return cast(InfrastructureFactory, POPOFactory(env))

    def construct_mapper(self) -> Mapper[UUID]:
        """The mapper that seals."""
        self._opener = HubMapper(self.keys, self.store.store_id)
        return self._opener

    def construct_recorder(self) -> ApplicationRecorder:
        """The recorder of the database that was opened."""
        return self._recorder

    def on_commit(self, listener: Callable[[Iterable[str]], None]) -> None:
        """Call `listener` with the stored names of the facts of each commit."""
        self._listener = listener

    def load(self, aggregate_id: UUID) -> Any:
        """An aggregate from its events.

        Raises `AggregateNotFoundError` where there is none or all of it is erased, and `TamperedRow`,
        `UnknownKey` or `Corrupt` for this stream alone.
        """
        aggregate = self._fold(None, aggregate_id, self._recorder.stream(aggregate_id))
        if aggregate is None:
            raise AggregateNotFoundError(f"aggregate {aggregate_id} not found, or erased")
        return aggregate

    def latest(self, ids: Iterable[UUID]) -> Mapping[UUID, Any]:
        """Aggregates as they stand now, each a copy of one's own; None for what is not there, or erased.

        A stream that is corrupt answers with its `Corrupt` in its place and stops no other.
        As `load`, but of what was read before only the events since then are read and opened.
        """
        wanted = dict.fromkeys(ids)
        return self._latest(wanted, _ALONE).aggregates if wanted else {}

    def ahead(self, aggregate_id: UUID, likely: Callable[[Any], Likely]) -> Ahead:
        """The latest of one aggregate and, read in the same statement, of what it is likely to need.

        `likely` says by how it stood before (None where it was not read before): other aggregates, and what
        comes as from `Store.grant_keys` and `Store.barred`.
        """
        (before,) = self._standing.of([aggregate_id], self.keys.erasures())
        beside = likely(before.aggregate if before else None)
        return self._latest(dict.fromkeys((aggregate_id, *beside.streams)), beside)

    def _latest(self, ids: Iterable[UUID], beside: Likely) -> Ahead:
        erasures, wanted = self.keys.erasures(), list(ids)
        kept = self._standing.of(wanted, erasures)
        since = [(i, one.last[0] if one else 0) for i, one in zip(wanted, kept, strict=True)]
        rows, grant_keys, entries = self._recorder.streams(since, beside.grants, beside.logins)
        each = zip(wanted, kept, rows, strict=True)
        aggregates = {i: self._own(i, one, read, erasures) for i, one, read in each}
        return Ahead(aggregates, grant_keys, Barrings(frozenset(beside.logins), entries))

    def _own(
        self, aggregate_id: UUID, kept: Standing | None, rows: list[StreamRow], erasures: int
    ) -> Aggregate | Corrupt | None:
        try:
            aggregate = self._stands(aggregate_id, kept, rows, erasures)
        except Corrupt as error:
            return error
        return None if aggregate is None else copied(aggregate)

    def _stands(
        self, aggregate_id: UUID, kept: Standing | None, rows: list[StreamRow], erasures: int
    ) -> Aggregate | None:
        aggregate = None
        if kept is not None and rows[:1] == [kept.last]:
            if len(rows) == 1:
                return kept.aggregate
            aggregate, rows = copied(kept.aggregate), rows[1:]
        elif kept is not None:
            rows = self._recorder.stream(aggregate_id)
        aggregate = self._fold(aggregate, aggregate_id, rows)
        if aggregate is None:
            self._standing.forget(aggregate_id)
        else:
            self._standing.keep(aggregate_id, Standing(aggregate, rows[-1], erasures))
        return aggregate

    def _fold(
        self, aggregate: Aggregate | None, aggregate_id: UUID, rows: list[StreamRow]
    ) -> Aggregate | None:
        events: list[Any] = self._opener.open_stream(aggregate_id, rows)
        if events and hasattr(events[0], "mutate"):
            return project(aggregate, events)
        return aggregate

    def event(self, stream: UUID, version: int) -> Any:
        """One event, opened; `Erased` where its key is destroyed. Raises `Missing`, `Corrupt`."""
        stored = self.recorder.select_events(stream, gt=version - 1, lte=version)
        if not stored:
            raise Missing("there is no such event, or none for you")
        return self.mapper.to_domain_event(stored[0])

    def recorded(self, streams: Collection[UUID]) -> set[UUID]:
        """Those of these streams that hold something, also what cannot be read."""
        return self._recorder.recorded(streams)

    def notifications(self, after: int, limit: int) -> Sequence[Notification]:
        """The events after a position, in the order in which they were committed; numbers have gaps."""
        return self.recorder.select_notifications(after, limit, inclusive_of_start=False)

    def open(self, stored: Notification) -> Any:
        """The event behind a notification; `Erased` where its key is destroyed. Raises `Corrupt`."""
        return self.mapper.to_domain_event(stored)

    def view(self, name: str) -> TableView:
        """The view of that name."""
        return TableView(self.store.database, name)

    def commit(self, *objs: Aggregate | DomainEventProtocol[UUID], alongside: Alongside | None = None) -> int:
        """Write pending events and everything alongside in one transaction; the last position.

        Raises what the guards raise (`NoGrant`, `Forbidden`, `Missing`, `KeyDestroyed`, `UnknownKey`,
        `SameKeyOtherBody`), `DoneBefore`, the library's `IntegrityError` for a version that is taken, and
        `Unavailable` where the database did not answer: ask again under the same idempotency key. An
        aggregate that was committed is the store's from then on: whoever needs it again asks for it.
        """
        stored: list[StoredEvent] = []
        changed: list[tuple[Aggregate, StoredEvent]] = []
        for obj in objs:
            if not isinstance(obj, Aggregate):
                stored.append(self.mapper.to_stored_event(obj))
                continue
            events = [self.mapper.to_stored_event(event) for event in obj.collect_events()]
            stored += events
            if events:
                changed.append((obj, events[-1]))
        position = self._put(stored, alongside)
        if self._listener is not None:
            self._listener(event.topic for event in stored)
        for aggregate, last in changed:
            self._standing.advance(aggregate, (last.originator_version, last.topic, last.state))
        return position

    def save(self, *objs: Any, alongside: Alongside | None = None, **kwargs: Any) -> Saved:
        """As the library's `save`; `commit` is the same without the recordings."""
        recordings = super().save(*objs, alongside=alongside, **kwargs)
        self._let_in(alongside)
        numbers = [recording.notification.id for recording in recordings]
        return Saved(recordings, max(numbers) if numbers else self.last())

    def _put(self, stored: Sequence[StoredEvent], alongside: Alongside | None) -> int:
        try:
            numbers = self.recorder.insert_events(stored, alongside=alongside)
        except (OperationalError, InterfaceError) as error:
            raise Unavailable("the database did not answer: try again, under the same key") from error
        self._let_in(alongside)
        return max(numbers) if numbers else self.last()

    def _let_in(self, alongside: Alongside | None) -> None:
        if alongside is None:
            return
        if alongside.new_keys:
            self.keys.committed(key.key_id for key in alongside.new_keys)
        if alongside.ends_grants:
            self.keys.end(alongside.ends_grants)

    def last(self) -> int:
        """The last position of the log."""
        return self.recorder.max_notification_id() or 0

    def close(self) -> None:
        """Let go of connections."""
        super().close()
        self.store.database.close()


def open_store(
    url: str,
    kek_path: Path,
    fence_path: Path,
    *,
    migrate: bool = False,
    env: Mapping[str, str] | None = None,
) -> StoreApplication:
    """Open `sqlite:///path` or `postgresql://…`; `migrate` makes what is missing first, as the owner.

    Only a store that is new gets a fence of its own: one that was lost is put back from its copy. Raises
    `NotMigrated`, `UnsafeStore` or `Corrupt` with the way out.
    """
    kek = LocalKek.read(kek_path)
    if urlsplit(url).scheme in {"postgresql", "postgres"}:
        if migrate:
            migrate_postgres(url, kek, partial(Fence.create, fence_path))
        return _over(PostgresDatabase(url), PostgresRecorder, kek, fence_path, env)
    path = sqlite_path(url)
    if migrate:
        migrate_sqlite(path, kek, partial(Fence.create, fence_path))
    return _over(SqliteDatabase(path), SqliteRecorder, kek, fence_path, env)


def holds_tables(url: str) -> bool:
    """Whether there are tables already, whoever's, where `open_store` would make some; makes nothing."""
    if urlsplit(url).scheme in {"postgresql", "postgres"}:
        return postgres_holds_tables(url)
    path = sqlite_path(url)
    return path.exists() and path.stat().st_size > 0


def _over(
    database: D, recorder: Callable[[D], Recorder], kek: Kek, fence_path: Path, env: Mapping[str, str] | None
) -> StoreApplication:
    try:
        tables = ClearTables(database)
        keys = StoredKeyRing(tables, kek, Fence(fence_path))
        return StoreApplication(recorder(database), tables, keys, env)
    except BaseException:
        database.close()
        raise


def sqlite_path(url: str) -> Path:
    """The file that `sqlite:///path` names. Raises `Invalid`, `UnsafeStore`."""
    parts = urlsplit(url)
    if parts.scheme != "sqlite" or parts.netloc or len(parts.path) <= 1:
        raise Invalid("the database's address is sqlite:///path or postgresql://…", field="database_url")
    synchronous = parse_qs(parts.query).get("synchronous", ["FULL"])[-1]
    if synchronous.upper() not in {"FULL", "EXTRA"}:
        raise UnsafeStore("SQLite's `synchronous` must be FULL: leave it out", field="synchronous")
    return Path(unquote(parts.path[1:]))


__all__ = ["Erased", "Saved", "StoreApplication", "open_store", "sqlite_path"]
