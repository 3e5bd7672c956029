"""Gate 3, at opening: keys are given out only while a grant lives, and every look is on record.

The receipt or look is written first, under the append lock, with the grants as its guard; the keys follow its
commit. So in the order of the log no opening stands after the withdrawal that ended it. What the partner's
agreement covers no more is given no key, and that it was withheld stands beside the opening.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from eventsourcing.persistence import IntegrityError

from contracts.client.sealed import open_head, open_part
from contracts.message_v1 import Head, Part
from hub.aggregates.base import Actor, Lone
from hub.aggregates.disclosure_ledger import DisclosureLedger
from hub.aggregates.look import LookRecorded
from hub.aggregates.receipts import Delivered, Opened, Withheld
from hub.errors import Corrupt, KeyDestroyed, Missing, NoGrant, Unavailable, UnknownKey
from hub.gates.barring import Barring
from hub.gates.covered import Covering, NotCovered
from hub.keys.wraps import PartKey, unwrap
from hub.logs import logger
from hub.ports import Alongside, Events, KeyRing, LivingWrap, Row, Store

log = logger("opening")
MAX_BATCH = 500
"""How many messages one request may ask for."""


@dataclass(frozen=True, slots=True)
class OpenedRow:
    """A row of a read model, opened for one look. `parts` leaves out what no living grant carries.

    `numbers` are the parts' own, by which a correction names them.
    """

    row: Row
    head: Head
    parts: tuple[Part, ...]
    numbers: tuple[int, ...]


class Opener:
    """Releases message keys to a recipient's system, and opens bodies for a person on the hub's screens."""

    def __init__(
        self,
        *,
        municipality: str,
        events: Events,
        store: Store,
        keys: KeyRing,
        ledger: Callable[[UUID], DisclosureLedger | None],
        covering: Covering,
        barring: Barring,
        partner_id: Callable[[str], UUID],
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._municipality = municipality
        self._events = events
        self._store = store
        self._keys = keys
        self._ledger = ledger
        self._covering = covering
        self._barring = barring
        self._partner_id = partner_id
        self._clock = clock
        self._new_id = new_id

    def heads(self, by: Actor, message_ids: Sequence[UUID], *, rebuild: bool = False) -> dict[UUID, bytes]:
        """Head keys for a recipient's system; one `Delivered` a batch. What no grant carries is left out."""
        recipient, now = by.organisation, self._clock()
        wraps = self._store.living_wraps(message_ids[:MAX_BATCH], recipient, now)
        found = {m: keys[0].key for m, keys in self._part_keys(wraps, only=frozenset({0})).items()}
        if found:
            self._record(
                Delivered.record(
                    id=self._new_id(),
                    sealed_under=self._partner_id(recipient),
                    recipient=recipient,
                    messages=tuple(found),
                    rebuild=rebuild,
                    by=by,
                    at=now,
                ),
                now,
                wraps,
                found,
                recipient,
            )
        return found

    def open(
        self, by: Actor, message_id: UUID, *, purpose: str, taken_over: bool = False
    ) -> dict[int, bytes]:
        """The part keys of one message, for a named person or a system that takes the content over.

        A part that the recipient's agreement covers no more is left out, and that is on record too: then the
        message was not taken over, for something of it is not there. Raises `Missing` where there is no such
        message, or nothing of it may be opened now.
        """
        recipient, now = by.organisation, self._clock()
        message = self._store.message(message_id, now)
        wraps = self._store.living_wraps([message_id], recipient, now)
        keys = self._part_keys(wraps).get(message_id, {})
        if message is None or message.recipient != recipient or 0 not in keys:
            raise Missing("there is no such message, or none that you may open now", field="message")
        head = open_head(message.sealed, keys[0].key, self._municipality, recipient, message_id)
        ledger = self._ledger(head.thread)
        if ledger is None:
            raise Missing("there is no such message, or none that you may open now", field="message")
        refused = self._covering.not_covered(ledger, message_id, keys, {w.grant_id for w in wraps})
        given = {n: k.key for n, k in keys.items() if refused is None or n not in refused.parts}
        first = taken_over and refused is None and not self._was_taken_over(message_id)
        opened = Opened.record(
            id=taken_over_id(self._keys, message_id) if first else self._new_id(),
            case_id=ledger.case_id,
            message_id=message_id,
            recipient=recipient,
            parts=tuple(sorted(given)),
            purpose=purpose,
            taken_over=taken_over,
            by=by,
            at=now,
        )
        due = ((now, ledger.case_id),) if taken_over else ()
        beside = [] if refused is None else [self._withheld(opened, refused)]
        self._record(opened, now, wraps, [message_id], recipient, ledger.case_id, due=due, beside=beside)
        return given

    def _withheld(self, opened: Opened, refused: NotCovered) -> Withheld:
        return Withheld.record(
            id=self._new_id(),
            case_id=opened.case_id,
            message_id=opened.message_id,
            recipient=opened.recipient,
            parts=refused.parts,
            categories=refused.categories,
            reason=refused.reason,
            by=opened.by,
            at=opened.timestamp,
        )

    def _was_taken_over(self, message_id: UUID) -> bool:
        try:
            self._events.event(taken_over_id(self._keys, message_id), 1)
        except Missing:
            return False
        except Corrupt as error:
            log.error("that a message was taken over cannot be read", error=error.slug)
        return True

    def look(
        self, by: Actor, owner: str, case_id: UUID, what: str, purpose: str, rows: Sequence[Row]
    ) -> list[OpenedRow]:
        """Open rows of the owner's read model for a person; the look is recorded before it is answered."""
        now = self._clock()
        wraps = self._store.living_wraps([r.message_id for r in rows if r.sealed], owner, now)
        keys = self._part_keys(wraps)
        seen = LookRecorded.record(
            id=self._new_id(),
            case_id=case_id,
            what=what,
            purpose=purpose,
            messages=tuple(keys),
            by=by,
            at=now,
        )
        self._record(seen, now, wraps, list(keys), None, case_id)
        return [self._opened(row, owner, keys[row.message_id]) for row in rows if row.message_id in keys]

    def read(self, by: Actor, rows: Sequence[Row], purpose: str) -> list[OpenedRow]:
        """Open rows of a recipient's read model for one of its people: an `Opened` each, then the parts."""
        found = []
        for row in rows:
            try:
                keys = self.open(by, row.message_id, purpose=purpose)
            except Missing:
                continue  # No living grant carries it any more; what is left of the row goes with the purge.
            found.append(self._opened(row, by.organisation, {n: PartKey(n, k) for n, k in keys.items()}))
        return found

    def _opened(self, row: Row, owner: str, keys: Mapping[int, PartKey]) -> OpenedRow:
        head = open_head(row.sealed, keys[0].key, self._municipality, owner, row.message_id)
        numbers = tuple(n for n in range(1, len(head.parts) + 1) if n in keys)
        parts = [
            open_part(row.sealed, head, n, keys[n].key, self._municipality, owner, row.message_id)
            for n in numbers
        ]
        return OpenedRow(row, head, tuple(parts), numbers)

    def _part_keys(
        self, wraps: Sequence[LivingWrap], only: frozenset[int] | None = None
    ) -> dict[UUID, dict[int, PartKey]]:
        """The keys of every message that opens; a damaged row is an alarm, and the rest opens without it."""
        grant_keys: dict[int, bytes | None] = {}
        found: dict[UUID, dict[int, PartKey]] = {}
        for living in wraps:
            number = living.grant_id.int
            if number not in grant_keys:
                grant_keys[number] = self._grant_key(living)
            grant_key = grant_keys[number]
            if grant_key is None:
                continue
            try:
                opened = unwrap(
                    living.message_id,
                    living.grant_id,
                    grant_key,
                    living.wraps,
                    self._keys.key_unless_erased,
                    only=only,
                )
            except Corrupt as error:
                _alarm(error, living)
                continue
            found.setdefault(living.message_id, {}).update({k.part: k for k in opened})
        for message in [message for message, keys in found.items() if 0 not in keys]:
            del found[message]
        return found

    def _grant_key(self, living: LivingWrap) -> bytes | None:
        """The grant's key; None where the row is damaged, or the fence knows that the key is destroyed.

        Raises `Unavailable` where its key-encryption key is not here: then nothing opens, and a reader that
        went on would pass over everything.
        """
        try:
            return self._keys.unwrap(living.key)
        except UnknownKey as error:
            log.error("a key-encryption key is not here: start again with all of them")
            raise Unavailable("the key that this is sealed under is not here: try again later") from error
        except KeyDestroyed:
            return None
        except Corrupt as error:
            _alarm(error, living)
            return None

    def _record(
        self,
        fact: Lone,
        now: datetime,
        wraps: Iterable[LivingWrap],
        released: Iterable[UUID],
        recipient: str | None,
        case_id: UUID | None = None,
        due: tuple[tuple[datetime, UUID], ...] = (),
        beside: Sequence[Lone] = (),
    ) -> None:
        """Write the fact with its guards: every grant that a released key came from must still be alive.

        Who asks may not be blocked from the case or what is matched with it, as that stands by now.
        """
        messages = {message.int for message in released}
        grants = {w.grant_id.int: w.grant_id for w in wraps if w.message_id.int in messages}
        used = tuple(grants[number] for number in sorted(grants))
        try:
            self._events.commit(
                fact,
                *beside,
                alongside=Alongside(
                    now=now,
                    needs_grants=used,
                    needs_partners=(recipient,) if recipient else (),
                    needs_unblocked=self._barring.guard_of(fact.by, case_id) if case_id else None,
                    timers=due,
                ),
            )
        except (NoGrant, IntegrityError) as error:
            raise Missing("what you asked for can no longer be opened: ask again", field="message") from error


def _alarm(error: Corrupt, living: LivingWrap) -> None:
    log.error("a message cannot be opened", error=error.slug, message_id=living.message_id)


def taken_over_id(keys: KeyRing, message_id: UUID) -> UUID:
    """The stream of the first time that a message was taken over (docs/format.md section 1)."""
    return UUID(bytes=keys.mac("index", b"taken over" + message_id.bytes)[:16])
