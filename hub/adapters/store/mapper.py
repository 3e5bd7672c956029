"""Between events and the bytes that are stored of them (docs/format.md section 3)."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, ClassVar, cast
from uuid import UUID

from cryptography.exceptions import InvalidTag
from eventsourcing.domain import DomainEventProtocol, OriginatorIDError, OriginatorVersionError
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent

from hub.adapters.store.ciphers import CIPHERS_MAX, FORMAT, Ciphers, checked
from hub.adapters.store.codec import Sealed, codec_of, part_from_json, part_to_json
from hub.adapters.store.reading import StreamRow
from hub.adapters.store.unread import Opening, unread, unread_class
from hub.aggregates.base import TOPICS
from hub.aggregates.sealing import AboutPerson, CouldKill, could_kill_key
from hub.errors import Corrupt, Invalid, KeyDestroyed, TamperedRow
from hub.keys.sealing import all_of, open_with, seal
from hub.ports import KeyRing

_ONE_SECTION = bytes((FORMAT, 1))
_ONE_SECTION_ONE_KEY = bytes((FORMAT, 1, 1))
_BEGIN = struct.Struct(">3s16sI12s")
"""How a state with one section under one key begins, its nonce included."""
_SEALED_FROM = _BEGIN.size - 12
_U64 = struct.Struct(">Q")
_SECTIONS_MAX = 255
_CASES_REMEMBERED = 1024


@dataclass(frozen=True, slots=True)
class Erased:
    """In place of an event whose key is destroyed: the reader goes on, and knows no more than that it was."""

    KEPT: ClassVar[bool] = False
    originator_id: UUID
    originator_version: int
    topic: str

    def mutate(self, aggregate: Any) -> Any:
        """Move the version, and nothing else."""
        if aggregate is None:
            return None
        if self.originator_id != aggregate.id:
            raise OriginatorIDError(self.originator_id, aggregate.id)
        if self.originator_version != aggregate.version + 1:
            raise OriginatorVersionError(self.originator_version, aggregate.version + 1)
        aggregate.version = self.originator_version
        return aggregate


class _Kind:
    """What the mapper knows of one event class."""

    __slots__ = ("at_once", "codec", "first_bytes", "key_names", "topic", "topic_bytes", "unread")

    def __init__(self, topic: str, event_class: type[Any], opening: Opening) -> None:
        named = topic.encode()
        self.topic = topic
        self.topic_bytes = len(named).to_bytes(2, "big") + named
        self.first_bytes = self.topic_bytes + b"\0"
        self.codec = codec_of(event_class)
        self.at_once = self.codec.folded or self.codec.plain
        self.unread = unread_class(event_class, opening) if self.codec.folded else None
        self.key_names = [n for n in ("case_id", "sealed_under") if _has(event_class, n)]

    def key_id(self, event: Any) -> UUID:
        """Under which key the event is sealed (hub.aggregates.base)."""
        for name in self.key_names:
            found: UUID | None = getattr(event, name)
            if found is not None:
                return found
        stream: UUID = event.originator_id
        return stream


class HubMapper(Mapper[UUID]):
    """Seals each event under the keys of whom it is about; resolves topics in `TOPICS` and nowhere else."""

    def __init__(self, keys: KeyRing, store_id: bytes) -> None:
        super().__init__(JSONTranscoder())
        self._keys = keys
        self._prefix = b"tvaers-event-1" + store_id
        self._kinds: dict[str, _Kind] = {}
        self._ready = Ciphers(keys)

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        """Seal an event."""
        kind = self._kind_to_store(type(domain_event))
        encoded = kind.codec.encode(domain_event)
        case = kind.key_id(domain_event)
        sections = [([case], encoded.attributes)]
        sections += [(_part_keys(case, part), part_to_json(part)) for part in encoded.parts]
        if len(sections) > _SECTIONS_MAX:
            raise Invalid(f"an event holds at most {_SECTIONS_MAX - 1} values that are sealed apart")
        stream, version = domain_event.originator_id, domain_event.originator_version
        bound = self._bound(stream, version, kind)
        out = bytearray((FORMAT, len(sections)))
        for index, (key_ids, plaintext) in enumerate(sections):
            ids = b"".join(key_id.bytes for key_id in key_ids)
            key = all_of([self._keys.key(key_id) for key_id in key_ids])
            sealed = seal(key, plaintext, bound + bytes((index,)) + ids)
            out += bytes((len(key_ids),)) + ids + len(sealed).to_bytes(4, "big") + sealed
        return StoredEvent(stream, version, kind.topic, bytes(out))

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        """Open an event. Raises `TamperedRow`, `UnknownKey` or `Corrupt`; a destroyed key gives `Erased`."""
        stream = cast(UUID, stored_event.originator_id)
        return self._open(
            stream,
            stored_event.originator_version,
            stored_event.topic,
            stored_event.state,
            self._ciphers(),
        )

    def open_stream(self, stream: UUID, rows: Iterable[StreamRow]) -> list[Any]:
        """The events of one stream, every tag checked; each key is asked for once.

        A fact that its aggregate keeps is opened no further than the fold reads it (`unread`).
        """
        ciphers, begin = self._ciphers(), self._prefix + stream.bytes
        return [
            self._open_simply(stream, begin, row, ciphers) or self._open(stream, *row, ciphers)
            for row in rows
        ]

    def _open_simply(
        self, stream: UUID, begin: bytes, row: StreamRow, ciphers: dict[bytes, Any]
    ) -> Any | None:
        """The common case in a straight line, for half of a load is spent here: nothing of it is erased.

        None for whatever is not that, or not as it should be: `_open` then says what is wrong.
        """
        version, topic, state = row
        kind = self._kinds.get(topic)
        if kind is None or kind.at_once is None:
            return None
        try:
            counts, key_id, length, nonce = _BEGIN.unpack_from(state)
            if counts == _ONE_SECTION_ONE_KEY and length == len(state) - _SEALED_FROM:
                bound = b"".join((begin, _U64.pack(version), kind.first_bytes, key_id))
                values = kind.at_once(ciphers[key_id].decrypt(nonce, state[_BEGIN.size :], bound))
            else:
                values = kind.at_once(checked(state, begin + _U64.pack(version) + kind.topic_bytes, ciphers))
        except (AttributeError, IndexError, InvalidTag, ValueError, struct.error):
            return None
        values["originator_id"] = stream
        values["originator_version"] = version
        if kind.unread is not None:
            return unread(kind.unread, values, state)
        event = object.__new__(kind.codec.event_class)
        object.__setattr__(event, "__dict__", values)
        return event

    def _look_into(self, topic: str, event: Any, state: bytes) -> dict[str, Any]:
        """All attributes of a fact that is unread; its keys are asked for anew."""
        found: Any = self._open(event.originator_id, event.originator_version, topic, state, self._ciphers())
        if isinstance(found, Erased):
            raise KeyDestroyed("this was erased since it was read: read it again")
        values: dict[str, Any] = vars(found)
        return values

    def _open(self, stream: UUID, version: int, topic: str, state: bytes, ciphers: Ciphers) -> Any:
        kind = self._kinds.get(topic) or self._kind_in_store(topic)
        bound = self._bound(stream, version, kind)
        try:
            if state[:2] == _ONE_SECTION:
                attributes, at = self._section(state, 2, bound, 0, ciphers)
                parts: list[Sealed] = []
            else:
                attributes, parts, at = self._sections(state, bound, ciphers)
            if at != len(state):
                raise Corrupt("a stored event does not end where its sections end")
        except TamperedRow as error:
            raise TamperedRow(f"event {version} of stream {stream} was altered, moved or swapped") from error
        except IndexError as error:
            raise Corrupt(f"event {version} of stream {stream} is cut short") from error
        if attributes is None:
            return Erased(stream, version, topic)
        values = kind.codec.decode(attributes, parts)
        values["originator_id"] = stream
        values["originator_version"] = version
        event = object.__new__(kind.codec.event_class)
        object.__setattr__(event, "__dict__", values)
        return event

    def _sections(
        self, state: bytes, bound: bytes, ciphers: Ciphers
    ) -> tuple[bytes | None, list[Sealed], int]:
        if state[0] != FORMAT:
            raise Corrupt(f"stored format {state[0]} is not known here: a newer hub wrote it?")
        case = _key_ids(state, 2)
        attributes, at = self._section(state, 2, bound, 0, ciphers)
        parts: list[Sealed] = []
        for index in range(1, state[1]):
            ids = _key_ids(state, at)
            value, at = self._section(state, at, bound, index, ciphers)
            if ids[:16] != case:
                raise Corrupt("a stored part belongs to another case than its event")
            parts.append(_part(case, ids[16:], value))
        return attributes, parts, at

    def _section(
        self, state: bytes, at: int, bound: bytes, index: int, ciphers: Ciphers
    ) -> tuple[bytes | None, int]:
        """The plaintext of the section at `at` (None: erased), and where the next one begins."""
        ids_end = at + 1 + 16 * state[at]
        if ids_end > len(state):
            raise IndexError
        ids = state[at + 1 : ids_end]
        ready = ciphers[ids]
        begin = ids_end + 4
        end = begin + int.from_bytes(state[ids_end:begin], "big")
        if end > len(state):
            raise IndexError
        if ready is None:
            return None, end
        return open_with(ready, state[begin:end], bound + bytes((index,)) + ids), end

    def _ciphers(self) -> Ciphers:
        """Those that are ready, while no key was destroyed since: the fence is asked once for a stream."""
        ready = self._ready
        if len(ready) > CIPHERS_MAX or ready.erasures != self._keys.erasures():
            ready = self._ready = Ciphers(self._keys)
        return ready

    def _bound(self, stream: UUID, version: int, kind: _Kind) -> bytes:
        return self._prefix + stream.bytes + _U64.pack(version) + kind.topic_bytes

    def _kind_to_store(self, event_class: type[Any]) -> _Kind:
        topic = getattr(event_class, "TOPIC", "")
        if TOPICS.get(topic) is not event_class:
            raise TypeError(f"{event_class.__name__} has no topic of its own: mark it with `stored_as`")
        return self._kinds.get(topic) or self._kind_in_store(topic)

    def _kind_in_store(self, topic: str) -> _Kind:
        event_class = TOPICS.get(topic)
        if event_class is None:
            raise Corrupt("a stored event has a topic that is not known here: a newer hub wrote it?")
        kind = self._kinds[topic] = _Kind(topic, event_class, partial(self._look_into, topic))
        return kind


def _has(event_class: type[Any], name: str) -> bool:
    return hasattr(event_class, name) or name in event_class.__dataclass_fields__


def _part_keys(case: UUID, part: Sealed) -> list[UUID]:
    if isinstance(part, AboutPerson):
        return [case, part.person]
    person = [] if part.person is None else [part.person]
    return [case, could_kill_key(case), *person]


def _key_ids(state: bytes, at: int) -> bytes:
    ids = state[at + 1 : at + 1 + 16 * state[at]]
    if len(ids) != 16 * state[at] or not ids:
        raise IndexError
    return ids


def _part(case: bytes, others: bytes, value: bytes | None) -> Sealed:
    content = part_from_json(value)
    could_kill = others[:16] == _could_kill_id(case)
    match len(others), could_kill:
        case 16, False:
            return AboutPerson(UUID(bytes=others), content)
        case 16, True:
            return CouldKill(content)
        case 32, True:
            return CouldKill(content, UUID(bytes=others[16:]))
    raise Corrupt("a stored part names keys that no part has")


@lru_cache(maxsize=_CASES_REMEMBERED)
def _could_kill_id(case: bytes) -> bytes:
    return could_kill_key(UUID(bytes=case)).bytes
