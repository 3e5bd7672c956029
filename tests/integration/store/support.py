"""What the store's tests begin from: a place for a store, and events of every class with made-up contents."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID, uuid4

from contracts.terms import SafetyLevel
from hub.adapters.store.application import StoreApplication, open_store
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.events import SafetyLevelChanged
from hub.aggregates.look import LookRecorded
from hub.aggregates.sealing import AboutPerson, CouldKill, could_kill_key
from hub.keys.keyring import create_kek_file
from hub.ports import Alongside, NewGrant, OutMessage, PartnerRow

NOW = datetime(2026, 3, 2, 12, 30, 0, 123456, tzinfo=UTC)
BY = Actor("sub-17", "Birgit Prøve", "caseworker", "voldsteam")
NGO = "havnen"


@dataclass(frozen=True)
class Place:
    """Where a store lies: its database, and the two files that are kept apart from it."""

    url: str
    folder: Path

    @property
    def fence(self) -> Path:
        return self.folder / "fence"

    @property
    def kek(self) -> Path:
        return self.folder / "kek.json"

    def open(self, *, migrate: bool = False, **options: Any) -> StoreApplication:
        if migrate and not self.kek.exists():
            create_kek_file(self.kek)
        return open_store(self.url, self.kek, self.fence, migrate=migrate, **options)


def execute(app: StoreApplication, sql: str, *params: Any) -> list[tuple[Any, ...]]:
    """Do something behind the store's back, as whoever holds the database could."""
    database = app.store.database
    given = [database.uuid(p) if isinstance(p, UUID) else p for p in params]
    with database.transaction() as run:
        return run(sql, given)


def state_of(app: StoreApplication, stream: UUID, version: int) -> bytes:
    ((state,),) = app.store.database.read(
        "SELECT state FROM stored_events WHERE originator_id = ? AND originator_version = ?",
        [app.store.database.stream(stream), version],
    )
    return bytes(state)


def put_state(app: StoreApplication, stream: UUID, version: int, state: bytes) -> None:
    where = [app.store.database.stream(stream), version]
    with app.store.database.transaction() as run:
        run(
            "UPDATE stored_events SET state = ? WHERE originator_id = ? AND originator_version = ?",
            [state, *where],
        )


def mint(app: StoreApplication, *key_ids: UUID) -> None:
    """New keys, stored."""
    with app.keys.minting() as minted:
        for key_id in key_ids:
            app.keys.mint(key_id)
        app.commit(alongside=Alongside(now=NOW, new_keys=minted.wrapped))


def new_case(app: StoreApplication, persons: Sequence[UUID] = ()) -> UUID:
    """A case's keys, and none of its events."""
    case_id = uuid4()
    mint(app, case_id, could_kill_key(case_id), *persons)
    return case_id


def changed(stream: UUID, version: int = 1, reason: str = "Hun er flyttet.") -> SafetyLevelChanged:
    """An event of a case."""
    event_class: Any = SafetyLevelChanged  # what the library makes of it is not seen by mypy
    event: SafetyLevelChanged = event_class(
        originator_id=stream,
        originator_version=version,
        timestamp=NOW,
        by=BY,
        level=SafetyLevel.HIGH,
        previous=None,
        reason=reason,
    )
    return event


def looked(case_id: UUID, purpose: str = "visitation") -> LookRecorded:
    """A stream of one event."""
    return LookRecorded.record(id=uuid4(), case_id=case_id, what="case", purpose=purpose, by=BY, at=NOW)


def new_grant(app: StoreApplication, ends_at: datetime | None = NOW + timedelta(days=9)) -> NewGrant:
    grant_id = uuid4()
    _, wrapped = app.keys.fresh(grant_id)
    return NewGrant(grant_id, NGO, ends_at, wrapped)


def stored_grant(app: StoreApplication, ends_at: datetime | None = NOW + timedelta(days=9)) -> UUID:
    grant = new_grant(app, ends_at)
    app.commit(alongside=Alongside(now=NOW, new_grants=(grant,)))
    return grant.grant_id


def message(grant_id: UUID | None = None, recipient: str = NGO) -> OutMessage:
    wraps = {} if grant_id is None else {grant_id: b"wraps"}
    return OutMessage(uuid4(), recipient, b"sealed bytes", wraps)


def partner(slug: str = NGO, *, active: bool = True) -> PartnerRow:
    return PartnerRow(slug, "ngo", active, b"s" * 32, b"v" * 32)


def with_partner(app: StoreApplication, slug: str = NGO) -> None:
    app.commit(alongside=Alongside(now=NOW, partner=partner(slug)))


# --- an event of any class ------------------------------------------------------------------------------


def event_of(event_class: type[Any], stream: UUID, case_id: UUID, person: UUID, **fixed: Any) -> Any:
    """An event with something in every attribute."""
    hints = get_type_hints(event_class)
    given = {
        "originator_id": stream,
        "originator_version": 1,
        "originator_topic": "case",
        "timestamp": NOW,
        "case_id": case_id,
        "sealed_under": case_id,
        **fixed,
    }
    names = [f.name for f in dataclasses.fields(event_class)]
    return event_class(**{n: given[n] if n in given else sample(hints[n], person) for n in names})


def sample(hint: Any, person: UUID) -> Any:
    """A value of a type; `person` stands wherever one is sealed apart."""
    made: dict[Any, Any] = {
        str: "Blåbærgrød på Ærø, \u2028 “citat”",
        int: 7,
        bool: True,
        UUID: uuid4(),
        datetime: NOW,
        AboutPerson: AboutPerson(person, {"role": "witness", "contents": {"other_persons": {"n": "Åse"}}}),
        CouldKill: CouldKill({"address": "Opdigtet Allé 7", "$part": 1}, person),
        Any: {"$part": 1, "deep": [1, None, "x", {"a": 1.5}]},
    }
    if hint in made:
        return made[hint]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return next(iter(hint))
    if dataclasses.is_dataclass(hint):
        hints = get_type_hints(hint)
        return hint(**{f.name: sample(hints[f.name], person) for f in dataclasses.fields(hint)})  # type: ignore[operator]
    return _sample_of_many(hint, person)


def _sample_of_many(hint: Any, person: UUID) -> Any:
    args = get_args(hint)
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return sample(next(a for a in args if a is not NoneType), person)
    if origin is tuple:
        return (sample(args[0], person), sample(args[0], person))
    if origin is dict:
        return {sample(args[0], person): sample(args[1], person)}
    raise TypeError(f"no sample of {hint}: write one")


def numbered(app: StoreApplication, limit: int = 10_000) -> Iterator[tuple[int, UUID, int]]:
    """The log as (number, stream, version)."""
    for n in app.notifications(0, limit):
        yield n.id, n.originator_id, n.originator_version  # type: ignore[misc]
