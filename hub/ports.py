"""What the hub asks of the world outside. Adapters implement; `bootstrap` chooses.

The promise of each port stands beside it; one contract suite holds every implementation to it.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol
from uuid import UUID

from eventsourcing.domain import Aggregate

from hub.aggregates.base import Lone
from hub.errors import Corrupt

# --- keys -----------------------------------------------------------------------------------------


class WrappedKey(NamedTuple):
    """A data key as it rests: wrapped under the key-encryption key of `epoch` (docs/format.md section 2)."""

    key_id: UUID
    epoch: int
    wrapped: bytes


class KeyRing(Protocol):
    """Data keys in the clear, while they are needed. Three states: active, destroyed, never existed."""

    def key(self, key_id: UUID) -> bytes:
        """The key. Raises `KeyDestroyed` or `UnknownKey`; reads the fence before any unwrap."""

    def key_unless_erased(self, key_id: UUID) -> bytes | None:
        """The key, or None where it was destroyed. Raises `UnknownKey`."""

    def mint(self, key_id: UUID) -> bytes:
        """A new key, known to this thread's `minting` block alone until its transaction commits."""

    def minting(self) -> AbstractContextManager["Minted"]:
        """Collect the keys minted inside; they enter the cache when the block ends without an error."""

    def fresh(self, key_id: UUID) -> tuple[bytes, WrappedKey]:
        """A new key that lives in a table of its own (a grant's): in the clear and wrapped."""

    def unwrap(self, key: WrappedKey) -> bytes:
        """The key in the clear; never cached here, for a grant can end at any moment."""

    def destroy(self, key_id: UUID) -> None:
        """Fence first, then the database: from then on `KeyDestroyed`, in restored backups too."""

    def is_destroyed(self, key_id: UUID) -> bool:
        """Whether it stands behind the fence, also one that has never sealed anything."""

    def finish(self, key_id: UUID) -> None:
        """Destroy in the database too what is destroyed behind the fence, and failed between the two."""

    def erasures(self) -> int:
        """How many keys are destroyed by now: what was read when there were fewer must be read again."""

    def mac(self, purpose: Literal["index", "idempotency"], data: bytes) -> bytes:
        """HMAC-SHA256 under the store's key for that purpose (docs/format.md sections 1 and 8)."""


class Minted(Protocol):
    """The keys minted in one block, wrapped, to be written beside the events that they seal."""

    @property
    def wrapped(self) -> tuple[WrappedKey, ...]:
        """Ready for `Alongside.new_keys`."""


# --- what is written in one transaction with events -------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewGrant:
    """A grant's clear row with its wrapped key (docs/format.md section 4)."""

    grant_id: UUID
    recipient: str
    ends_at: datetime | None
    key: WrappedKey


@dataclass(frozen=True, slots=True)
class OutMessage:
    """One sealed message to one recipient; it gets its number under the append lock.

    `wraps` maps each grant it rests on to the part keys wrapped under it; empty for a control message, which
    is sealed to the recipient's own key and needs no grant.
    """

    message_id: UUID
    recipient: str
    sealed: bytes
    wraps: Mapping[UUID, bytes]


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The key that makes a command happen once; `body_mac` tells another body under the same key apart."""

    key: bytes
    body_mac: bytes
    ids: Mapping[str, str]
    """What the answer repeats when the same command comes again."""


@dataclass(frozen=True, slots=True)
class Alongside:
    """Everything that one transaction writes beside the events. Guards are read after the lock is held.

    Order inside: lock; idempotency; end grants; guards (`needs_…`); keys; grants; events; messages with
    numbers; index; timers.
    """

    now: datetime
    idempotency: Idempotency | None = None
    ends_grants: tuple[UUID, ...] = ()
    needs_grants: tuple[UUID, ...] = ()
    """Each must be living at `now`, else `NoGrant`."""
    needs_any_grant: tuple[tuple[UUID, ...], ...] = ()
    """Of each group at least one must be living at `now`, else `NoGrant`."""
    needs_keys: tuple[UUID, ...] = ()
    needs_partners: tuple[str, ...] = ()
    """Each must be active, else `Forbidden`."""
    needs_unblocked: tuple[tuple[UUID, ...], str] | None = None
    """(cases and organisations, login): no entry of the block list may stand against it, else `Missing`."""
    new_keys: tuple[WrappedKey, ...] = ()
    new_grants: tuple[NewGrant, ...] = ()
    messages: tuple[OutMessage, ...] = ()
    wraps: tuple[tuple[UUID, UUID, bytes], ...] = ()
    """(message, grant, wraps) of a message told before: it rests on one more grant, or, in the place of what
    stood there, on fewer parts. Empty wraps: on that grant no more."""
    blind_index: tuple[tuple[bytes, UUID], ...] = ()
    blind_gone: tuple[tuple[bytes, UUID], ...] = ()
    """(blind, case): values that find the case no more, for they were never the person's."""
    timers: tuple[tuple[datetime, UUID], ...] = ()
    """(due, case): when the case must be looked at again, in the clear because the case id tells nothing."""
    partner: "PartnerRow | None" = None
    """The clear row of a partner that this command adds or changes."""
    blocks: tuple[tuple[UUID, str], ...] = ()
    """(case or organisation, login): entries of the block list that begin to stand."""
    unblocks: tuple[tuple[UUID, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PartnerRow:
    """What the relay and the guards must know of a partner without opening its stream."""

    slug: str
    kind: str
    active: bool
    sealing_key: bytes
    """X25519 public key, raw, 32 bytes."""
    signing_key: bytes
    """Ed25519 public key, raw, 32 bytes."""


@dataclass(frozen=True, slots=True)
class Done:
    """The same command was done before: its position and what its answer repeats."""

    position: int
    ids: Mapping[str, str]


class DoneBefore(Exception):
    """Raised by a save whose idempotency key is on record with the same body; nothing was written now.

    No error: the answer is repeated.
    """

    def __init__(self, done: Done) -> None:
        super().__init__("this command was done before; its answer is in `done`")
        self.done = done


# --- events ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Barrings:
    """The entries of the block list, (case or organisation, login): all there are against some logins."""

    logins: frozenset[str]
    entries: frozenset[tuple[UUID, str]]


@dataclass(frozen=True, slots=True)
class Likely:
    """What is likely to be needed with an aggregate: others, keys of grants, and whom the block list bars."""

    logins: Sequence[str]
    streams: Iterable[UUID] = ()
    grants: Sequence[UUID] = ()


@dataclass(frozen=True, slots=True)
class Ahead:
    """What was read at once, on PostgreSQL in one statement: as from `Events.latest`, and as from `Store`."""

    aggregates: Mapping[UUID, Any]
    grant_keys: Mapping[UUID, WrappedKey]
    barrings: Barrings


class Events(Protocol):
    """The event-sourced application behind the hub (`hub.adapters.store`)."""

    def latest(self, ids: Iterable[UUID]) -> Mapping[UUID, Aggregate | Corrupt | None]:
        """Aggregates as they stand now, each a copy of one's own; None for what is not there, or erased."""

    def ahead(self, aggregate_id: UUID, likely: "Callable[[Any], Likely]") -> "Ahead":
        """One aggregate and, read with it, what `likely` says by how it stood before.

        It is told None where the aggregate was not read before.
        """

    def event(self, stream: UUID, version: int) -> Any:
        """One event, opened. Raises `Missing`, `Corrupt`."""

    def recorded(self, streams: Collection[UUID]) -> set[UUID]:
        """Those of these streams that hold something, also what cannot be read."""

    def commit(self, *aggregates: Aggregate | Lone, alongside: Alongside) -> int:
        """Write pending events and everything alongside in one transaction; the last position."""


# --- what is read beside events ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A row of `messages`. `number` orders all recipients' messages as they were committed."""

    number: int
    recipient: str
    epoch: int
    sequence: int
    message_id: UUID
    sealed: bytes
    control: bool
    living: bool
    """Whether any grant it rests on lives at the time asked for (always true for a control message)."""


class LivingWrap(NamedTuple):
    """The wraps of one message under one grant that lives, with that grant's wrapped key."""

    message_id: UUID
    grant_id: UUID
    wraps: bytes
    key: WrappedKey


@dataclass(frozen=True, slots=True)
class Waits:
    """So many wait, the first of them for so long; None where that can't be told."""

    what: str
    count: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Behind:
    """What somebody has not taken in yet: how many messages, and where in the log the first was written."""

    messages: int
    since: int | None


class Store(Protocol):
    """Clear tables beside the events. Events themselves go through the `eventsourcing` application."""

    @property
    def store_id(self) -> bytes:
        """16 bytes, written once into the database."""

    def done(self, key: bytes, body_mac: bytes) -> Done | None:
        """What was answered under this idempotency key; raises `SameKeyOtherBody`."""

    def answered(self, key: bytes) -> Done | None:
        """What was answered under this idempotency key, whatever the request was."""

    def grant_keys(self, grant_ids: Sequence[UUID]) -> dict[UUID, WrappedKey]:
        """The wrapped keys of those of the grants that have not ended."""

    def messages_of(
        self, recipient: str, epoch: int, after: int, limit: int, now: datetime
    ) -> list[StoredMessage]:
        """A recipient's messages with (epoch, sequence) above, in that order."""

    def outbox(self, after: int, limit: int, now: datetime) -> list[StoredMessage]:
        """Messages of all recipients with number above `after`, in order."""

    def message(self, message_id: UUID, now: datetime) -> StoredMessage | None:
        """One message."""

    def behind(self, recipient: str, epoch: int, sequence: int) -> "Behind":
        """A recipient's messages above (epoch, sequence)."""

    def unsent(self, after: int) -> "Behind":
        """Messages of all recipients with number above `after`."""

    def number_at(self, recipient: str, position: int) -> tuple[int, int]:
        """(epoch, sequence) of the last message to `recipient` written at or before the log position."""

    def living_wraps(self, message_ids: Sequence[UUID], recipient: str, now: datetime) -> list[LivingWrap]:
        """The wraps that open these messages of this recipient at `now`; suspended partners have none."""

    def wraps_of(self, message_ids: Sequence[UUID]) -> list[tuple[UUID, UUID, bytes]]:
        """(message, grant, wraps) as they lie, whoever may or may not open them now."""

    def cases_of(self, blind: bytes) -> list[UUID]:
        """Cases under a blind value."""

    def barred(self, streams: Sequence[UUID], logins: Sequence[str]) -> set[tuple[UUID, str]]:
        """The entries of the block list for any of these cases and organisations against any of these."""

    def blocked_from(self, login: str) -> list[UUID]:
        """The cases that a login is blocked from, and the organisation in which it is stopped."""

    def block_list(self) -> list[tuple[UUID, str]]:
        """Every entry: (case or organisation, login)."""

    def due(self, now: datetime, limit: int) -> list[tuple[datetime, UUID]]:
        """Timers that are due, oldest first."""

    def timer_done(self, due: datetime, case_id: UUID) -> None:
        """Forget one timer, after what it asked for is stored."""

    def timer_again(self, due: datetime, case_id: UUID) -> None:
        """Set a timer: what was due turned out to be due later."""

    def partner(self, slug: str) -> PartnerRow | None:
        """A partner's clear row."""

    def partners(self) -> list[PartnerRow]:
        """All partners, by slug."""

    def position(self, name: str) -> int:
        """How far the named follower or relay mark has come; 0 at first."""

    def set_position(self, name: str, position: int) -> None:
        """Move a mark forward, durably."""

    def single(self, name: str) -> AbstractContextManager[bool]:
        """Whether this process is now the only one that runs `name` (one relay at a time)."""


# --- broker -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a topic. There is no record key (contracts/BYTES.md section 7)."""

    topic: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()
    offset: int = -1


@dataclass(frozen=True, slots=True)
class Features:
    """What an implementation of the broker declares that it can do; the contract suite asks for no more."""

    access_control: bool
    many_consumers_per_group: bool
    survives_node_loss: bool = False


class Consumer(Protocol):
    """One reader of one topic in one group. At least once: what is not committed comes again."""

    def poll(self, limit: int, timeout_s: float) -> list[Record]:
        """The next records in order, at most `limit`; empty after `timeout_s` without any."""

    def commit(self, offset: int) -> None:
        """All records up to and with `offset` are done; durable when it returns."""

    def rewind(self) -> None:
        """Go back to the first record that the topic still holds."""

    def close(self) -> None:
        """Leave the group."""


class Broker(Protocol):
    """Topics with one partition each, in order, durable. Everything else is the hub's own doing."""

    features: Features

    def create_topics(self, topics: Sequence[str], retention_days: int) -> None:
        """Create those that do not exist."""

    def topics(self) -> set[str]:
        """The topics there are."""

    def publish(self, records: Sequence[Record]) -> None:
        """Append all, in order; returns when every one is acknowledged, raises `Unavailable` otherwise.

        After an error any prefix may have been appended: the caller sends again from its own position.
        """

    def consumer(self, topic: str, group: str) -> Consumer:
        """A reader from the group's committed offset, else from the first record."""

    def held(self, topic: str) -> int:
        """How many records the topic holds now. Raises `NoTopic`."""

    def before(self, readers: Mapping[str, str | None]) -> dict[str, int | None]:
        """By topic, how many records its group has before it, all asked at once; no group is joined.

        With no group: all that it holds. None where the group never committed, or there is no such topic.
        """

    def close(self) -> None:
        """Let go of connections."""


# --- views ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a read model. `clear` is what a list sorts or counts by, from closed lists; `sealed` the body.

    `thread` and `message_id` are opaque. Nothing here says who (design: *Read models*).
    """

    message_id: UUID
    thread: UUID
    sequence: int
    clear: Mapping[str, str | None]
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Change:
    """What a batch does to one view: rows to write, and messages whose rows go.

    `since` is up to where the view stood when it was worked out: what came before that is not in it.
    """

    put: Sequence[Row]
    purge: Sequence[UUID]
    since: tuple[int, int] = (0, 0)


class Views(Protocol):
    """Several views of one organisation: the rows and positions of all are written in one transaction."""

    def positions(self, owner: str) -> Mapping[str, tuple[int, int]]:
        """Up to where each has come."""

    def apply(self, owner: str, position: tuple[int, int], changes: Mapping[str, Change]) -> None:
        """As `View.apply`, each view by its name: all or nothing.

        Raises `Conflict` where a view stands before its change's `since`: a rebuild has put its copy in.
        """


class View(Protocol):
    """One organisation's rows of one view; rows and position are written in one transaction."""

    def position(self, owner: str) -> tuple[int, int]:
        """(epoch, sequence) up to which the owner's topic is taken in; (0, 0) at first."""

    def apply(
        self,
        owner: str,
        position: tuple[int, int],
        put: Sequence[Row],
        purge_messages: Sequence[UUID],
        since: tuple[int, int] = (0, 0),
    ) -> None:
        """Write rows, delete rows, move the position: all or nothing. A row twice is one row.

        Raises `Conflict` where the view stands before `since` (`Change`): read where it is, and begin again.
        """

    def rows(self, owner: str, thread: UUID | None = None) -> Iterator[Row]:
        """The owner's rows, of one thread or all, in sequence order."""

    def begin_rebuild(self, owner: str) -> "View":
        """An empty copy to fill from the start, while this one goes on answering."""

    def switch(self, owner: str) -> None:
        """Called on the copy: from now on the copy answers; atomic."""
