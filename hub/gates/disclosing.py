"""From a decision of the gate to what is written: ledger entries, sealed messages, revocations."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID

from eventsourcing.domain import Aggregate

from contracts.client.sealed import build_message, seal_control
from contracts.message_v1 import Control, Erased, Head, Part, PartNamed, Revoked
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.disclosure_ledger import (
    BasisUsed,
    DisclosureLedger,
    PartGrants,
    PartRenewed,
    RevocationReason,
    Source,
)
from hub.errors import Corrupt, KeyDestroyed, Missing, NoGrant, TamperedRow
from hub.gates.gate import RULE_VERSION, Decision, PartToTell, Refusal, Renewal, Telling
from hub.keys.wraps import PartKey, unwrap, without, wrap
from hub.logs import logger
from hub.ports import KeyRing, OutMessage, Store, WrappedKey

_REMEMBERED = 8192
"""How many threads are remembered: a name is the same for ever, and making it costs."""

log = logger("disclosing")
PARTS_IN_ONE = 100
BYTES_IN_ONE = 200_000
"""Well within what a head and a message can hold (contracts/BYTES.md section 4), counted as ASCII JSON."""


@dataclass(frozen=True, slots=True)
class Concerned:
    """What is known of those whom a command concerns, read before it is decided."""

    aggregates: Mapping[UUID, Aggregate | Corrupt | None]
    """Ledgers by thread, partners by stream; None: there is none yet; `Corrupt`: it can't be read."""
    grant_keys: Mapping[UUID, WrappedKey]
    """Of grants that have not ended, where they were read already."""

    def readable(self, thread: UUID) -> bool:
        """Whether the ledger can be read, or there is none yet."""
        return not isinstance(self.aggregates.get(thread), Corrupt)

    def ledger(self, thread: UUID) -> DisclosureLedger | None:
        """The ledger as it stood before the command."""
        ledger = self.aggregates.get(thread)
        return ledger if isinstance(ledger, DisclosureLedger) else None


@dataclass(slots=True)
class Prepared:
    """What a command writes beside its case: ledgers with pending events, messages, and their guards."""

    concerned: Concerned
    ledgers: dict[UUID, DisclosureLedger] = field(default_factory=dict)
    messages: list[OutMessage] = field(default_factory=list)
    wraps: list[tuple[UUID, UUID, bytes]] = field(default_factory=list)
    """(message, grant, wraps) of messages that were told before."""
    needs_any_grant: list[tuple[UUID, ...]] = field(default_factory=list)
    """For each message the grants it rests on: one must be alive when it is written."""

    def add(self, other: "Prepared") -> None:
        """Take in what another case of the same command writes."""
        self.ledgers |= other.ledgers
        self.messages += other.messages
        self.wraps += other.wraps
        self.needs_any_grant += other.needs_any_grant


class Discloser:
    """Seals what the gate decided. Holds no state of its own between commands."""

    def __init__(
        self,
        *,
        municipality: str,
        store: Store,
        keys: KeyRing,
        new_id: Callable[[], UUID],
        silent_after: timedelta,
    ) -> None:
        self._municipality = municipality
        self._store = store
        self._keys = keys
        self._new_id = new_id
        self._silent_after = silent_after
        self._thread = lru_cache(maxsize=_REMEMBERED)(self._named)

    def thread(self, case_id: UUID, recipient: str) -> UUID:
        """The opaque name by which this recipient knows the case (docs/format.md section 1)."""
        return self._thread(case_id, recipient)

    def _named(self, case_id: UUID, recipient: str) -> UUID:
        mac = self._keys.mac("index", b"ledger" + case_id.bytes + recipient.encode())
        return UUID(bytes=mac[:16])

    def prepare(
        self,
        case: CitizenCase,
        decision: Decision,
        concerned: Concerned,
        *,
        reason: RevocationReason | None,
        fresh_keys: Mapping[UUID, bytes],
        by: Actor,
        now: datetime,
    ) -> Prepared:
        """Turn a decision into ledger events and sealed messages; `fresh_keys` are of new grants."""
        out = Prepared(concerned)
        decision = self._readable(case, decision, concerned)
        for recipient, ended in decision.ended.items():
            assert reason is not None
            self._revoke(out, case, recipient, ended, reason, by, now)
        for inquiry in decision.mistaken:
            self._undo(out, case, inquiry, by, now)
        for refusal in decision.refusals:
            self._refuse(out, case, refusal, by, now)
        grant_keys = self._grant_keys(decision, concerned.grant_keys, fresh_keys)
        for renewal in decision.renewals:
            self._renew(out, case, renewal, fresh_keys[renewal.grant], by, now)
        for telling in decision.tellings:
            for piece in _pieces(telling):
                self._tell(out, case, piece, grant_keys, by, now)
        return out

    def _readable(self, case: CitizenCase, decision: Decision, concerned: Concerned) -> Decision:
        """Leave out whose ledger is corrupt: what can't be put on record isn't told; nobody else waits."""
        recipients = {g.recipient for g in case.grants.values()}
        unreadable = {who for who in recipients if not concerned.readable(self.thread(case.id, who))}
        if not unreadable:
            return decision
        log.error("a ledger is corrupt: its recipient is told nothing, and asked to drop nothing")
        return replace(
            decision,
            tellings=tuple(t for t in decision.tellings if t.recipient not in unreadable),
            refusals=tuple(r for r in decision.refusals if r.recipient not in unreadable),
            renewals=tuple(r for r in decision.renewals if r.recipient not in unreadable),
            ended={who: ids for who, ids in decision.ended.items() if who not in unreadable},
        )

    def _grant_keys(
        self, decision: Decision, read: Mapping[UUID, WrappedKey], fresh: Mapping[UUID, bytes]
    ) -> dict[UUID, bytes]:
        needed = {g for t in decision.tellings for g in t.head_grants} - fresh.keys()
        found = {**read, **self._store.grant_keys(sorted(needed - read.keys(), key=str))}
        if needed - found.keys():
            raise NoGrant("a grant ended while this was decided: look at the case again")
        return {**{g: self._grant_key(found[g]) for g in needed}, **fresh}

    def _grant_key(self, key: WrappedKey) -> bytes:
        """A grant that ended since it was read is no refusal: the caller reads again and decides anew."""
        try:
            return self._keys.unwrap(key)
        except KeyDestroyed as error:
            raise NoGrant("a grant ended while this was decided: look at the case again") from error

    def control(self, recipient: str, message: Control) -> OutMessage:
        """A control message, sealed to the recipient's own key; it rests on no grant."""
        partner = self._store.partner(recipient)
        if partner is None:
            raise Missing(f"no partner is registered as the recipient {recipient}", field="recipient")
        message_id = self._new_id()
        sealed = seal_control(self._municipality, recipient, message_id, message, partner.sealing_key)
        return OutMessage(message_id, recipient, sealed, {})

    def _ledger(
        self, out: Prepared, case: CitizenCase, recipient: str, by: Actor, now: datetime
    ) -> DisclosureLedger:
        thread = self.thread(case.id, recipient)
        if thread not in out.ledgers:
            out.ledgers[thread] = out.concerned.ledger(thread) or DisclosureLedger.open(
                id=thread, case_id=case.id, recipient=recipient, by=by, at=now
            )
        return out.ledgers[thread]

    def _tell(
        self,
        out: Prepared,
        case: CitizenCase,
        telling: Telling,
        grant_keys: Mapping[UUID, bytes],
        by: Actor,
        now: datetime,
    ) -> None:
        ledger = self._ledger(out, case, telling.recipient, by, now)
        message_id = self._new_id()
        parts = [
            Part(
                category=p.category,
                about=p.entry.content.about,
                bans=list(p.bans),
                recorded=p.entry.recorded,
                corrects=_named(ledger, p.corrects),
                data=p.entry.content.data,
            )
            for p in telling.parts
        ]
        head = Head(
            kind=telling.kind,
            thread=ledger.id,
            urgency=telling.urgency,
            deadline=telling.deadline,
            recorded=now,
            refs=self._opaque(telling),
            parts=[],
        )
        sealed, keys = build_message(self._municipality, telling.recipient, message_id, head, parts)
        wraps = {
            grant: wrap(
                message_id, grant, grant_keys[grant], self._covered(telling, grant, keys), self._keys.key
            )
            for grant in telling.head_grants
        }
        out.messages.append(OutMessage(message_id, telling.recipient, sealed, wraps))
        out.needs_any_grant.append(telling.head_grants)
        ledger.disclose(
            message_id=message_id,
            kind=telling.kind,
            bases=tuple(BasisUsed(case.grants[g].basis_id, g) for g in telling.head_grants),
            categories=tuple(sorted({p.category for p in telling.parts})),
            persons=tuple(sorted({a for p in telling.parts if (a := p.entry.content.about)}, key=str)),
            rule_version=RULE_VERSION,
            digest=hashlib.sha256(sealed).hexdigest(),
            sources=tuple(
                Source(p.case_id, p.entry.version, p.entry.content.field, p.category) for p in telling.parts
            ),
            parts=(
                PartGrants(0, telling.head_grants),
                *(PartGrants(n, p.grants) for n, p in enumerate(telling.parts, 1)),
            ),
            by=by,
            at=now,
        )

    def _covered(self, telling: Telling, grant: UUID, keys: Sequence[bytes]) -> list[PartKey]:
        parts = [
            PartKey(n, keys[n], p.entry.content.about)
            for n, p in enumerate(telling.parts, 1)
            if grant in p.grants
        ]
        return [PartKey(0, keys[0]), *parts]

    def _opaque(self, telling: Telling) -> dict[str, UUID]:
        refs = dict(telling.refs)
        if (other := refs.pop("other_case", None)) is not None:
            refs["other_thread"] = self.thread(other, telling.recipient)
        return refs

    def _refuse(self, out: Prepared, case: CitizenCase, refusal: Refusal, by: Actor, now: datetime) -> None:
        self._ledger(out, case, refusal.recipient, by, now).refuse(
            kind=refusal.kind,
            category=refusal.category,
            reason=refusal.reason,
            source=refusal.source,
            by=by,
            at=now,
        )

    def _renew(
        self, out: Prepared, case: CitizenCase, renewal: Renewal, key: bytes, by: Actor, now: datetime
    ) -> None:
        """Wrap what was told before under the new grant as well; nothing is sealed or sent again."""
        ledger = self._ledger(out, case, renewal.recipient, by, now)
        renewable = ledger.renewable(renewal.category, renewal.held)
        held = frozenset(renewal.held)
        basis = BasisUsed(case.grants[renewal.grant].basis_id, renewal.grant)
        parts: dict[UUID, dict[int, PartKey]] = {}
        for living in self._store.living_wraps(list(renewable), renewal.recipient, now):
            if living.grant_id in held:
                wanted = frozenset((0, *renewable[living.message_id]))
                opened = unwrap(
                    living.message_id,
                    living.grant_id,
                    self._grant_key(living.key),
                    living.wraps,
                    self._keys.key_unless_erased,
                    only=wanted,
                )
                parts.setdefault(living.message_id, {}).update({k.part: k for k in opened})
                out.needs_any_grant.append((living.grant_id,))
        for message_id, keys in parts.items():
            again = wrap(message_id, renewal.grant, key, keys.values(), self._keys.key)
            out.wraps.append((message_id, renewal.grant, again))
        ledger.renew(
            parts=tuple(PartRenewed(m, n, basis) for m, keys in parts.items() for n in sorted(keys)),
            by=by,
            at=now,
        )

    def _revoke(
        self,
        out: Prepared,
        case: CitizenCase,
        recipient: str,
        ended: tuple[UUID, ...],
        reason: RevocationReason,
        by: Actor,
        now: datetime,
    ) -> None:
        """What rests on none of the recipient's living grants must be dropped."""
        ledger = out.concerned.ledger(self.thread(case.id, recipient))
        if ledger is not None:
            living = frozenset(g.grant_id for g in case.grants_of(recipient, now))
            self._ask_to_drop(out, ledger, ledger.rests_on_none(living), ended, reason, by, now)

    def _undo(self, out: Prepared, case: CitizenCase, inquiry: UUID, by: Actor, now: datetime) -> None:
        """What was told from an inquiry that was matched by mistake must be dropped, and opens no more."""
        for recipient in {g.recipient for g in case.grants.values()} - {case.unit}:
            ledger = out.concerned.ledger(self.thread(case.id, recipient))
            if ledger is None:
                continue
            messages, parts = ledger.made_from(inquiry)
            self._close(out, messages, parts)
            reason = RevocationReason.DISCLOSED_IN_ERROR
            self._ask_to_drop(out, ledger, (messages, parts), (), reason, by, now)

    def _close(self, out: Prepared, messages: Sequence[UUID], parts: Mapping[str, tuple[int, ...]]) -> None:
        """Take the parts' keys from under every grant, a suspended partner's too."""
        closed = {UUID(message): frozenset(numbers) for message, numbers in parts.items()}
        for message_id, grant_id, wraps in self._store.wraps_of([*messages, *closed]):
            out.wraps.append((message_id, grant_id, _left(wraps, closed.get(message_id))))

    def _ask_to_drop(
        self,
        out: Prepared,
        ledger: DisclosureLedger,
        named: tuple[tuple[UUID, ...], Mapping[str, tuple[int, ...]]],
        ended: tuple[UUID, ...],
        reason: RevocationReason,
        by: Actor,
        now: datetime,
    ) -> None:
        messages, parts = named
        if not messages and not parts:
            return
        answer_by = now + self._silent_after
        closes = Erased if reason is RevocationReason.ERASED else Revoked
        revocation = self.control(
            ledger.recipient,
            closes(thread=ledger.id, messages=messages, parts=dict(parts), answer_by=answer_by),
        )
        ledger.revoke(
            revocation=revocation.message_id,
            grants=ended,
            messages=messages,
            parts=parts,
            reason=reason,
            answer_by=answer_by,
            by=by,
            at=now,
        )
        out.ledgers[ledger.id] = ledger
        out.messages.append(revocation)


def _named(ledger: DisclosureLedger, corrects: Sequence[Source]) -> list[PartNamed]:
    """What a part stands in the place of, by the names under which this recipient was told it."""
    if not corrects:
        return []
    return [PartNamed(message=message, part=n) for message, n in ledger.told_as(corrects)]


def _pieces(telling: Telling) -> Iterator[Telling]:
    """The same telling in messages that each hold what one may: a long history is told in several."""
    if len(telling.parts) <= 1:
        yield telling
        return
    parts: list[PartToTell] = []
    size = 0
    for part in telling.parts:
        length = len(json.dumps(part.entry.content.data, default=str))
        if parts and (len(parts) == PARTS_IN_ONE or size + length > BYTES_IN_ONE):
            yield _piece(telling, parts)
            parts, size = [], 0
        parts.append(part)
        size += length
    yield _piece(telling, parts)


def _piece(telling: Telling, parts: Sequence[PartToTell]) -> Telling:
    if len(parts) == len(telling.parts):
        return telling
    grants = sorted({g for part in parts for g in part.grants}, key=str)
    return replace(telling, parts=tuple(parts), head_grants=tuple(grants))


def _left(wraps: bytes, gone: frozenset[int] | None) -> bytes:
    """The wraps without those parts, None being all of them. What is damaged opens nothing more."""
    try:
        return b"" if gone is None else without(wraps, gone)
    except TamperedRow as error:
        log.error("a message that is taken back was damaged", error=error.slug)
        return b""
