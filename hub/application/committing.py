"""One command, one transaction: load, decide, seal, write (design: *Gate 1, at append*)."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache, partial
from typing import Any
from uuid import UUID, uuid5

from eventsourcing.domain import Aggregate
from eventsourcing.persistence import IntegrityError

from contracts.message_v1 import Control
from contracts.terms import OrganisationKind, PersonRole
from hub.aggregates.base import Actor, Lone
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.events import CaseEvent
from hub.aggregates.citizen_case.values import GrantTerms
from hub.aggregates.disclosure_ledger import DisclosureLedger, RevocationReason, Source
from hub.aggregates.partner import Partner
from hub.aggregates.sealing import could_kill_key
from hub.application.room import Room
from hub.errors import Corrupt, Missing, NoGrant
from hub.gates.barring import Barring
from hub.gates.disclosing import Concerned, Discloser, Prepared
from hub.gates.gate import GIVES_GRANTS, SETS_RIGHT, Agreement, Decision, decide
from hub.gates.opening import taken_over_id
from hub.logs import logger
from hub.ports import (
    Alongside,
    Barrings,
    Done,
    Events,
    Idempotency,
    KeyRing,
    Likely,
    NewGrant,
    PartnerRow,
    Store,
)

log = logger("committing")

_PARTNERS_REMEMBERED = 1024
_NOBODY = Concerned({}, {})

NOWHERE: Mapping[str, str] = {"case": str(UUID(int=0)), "number": "-"}
"""Of a report whose case is erased and that a restored database does not know: no case, and no number."""


@dataclass(frozen=True, slots=True)
class Command:
    """Who asks, under which idempotency key, for which version; `body` is what the key is bound to."""

    by: Actor
    key: str = ""
    """Empty for what the hub itself sets off."""
    body: bytes = field(default=b"", repr=False)
    expected: int | None = None
    shared: bool = False
    """The key is the organisation's, not one login's: the same report by another way is the same report."""
    known: "Known | None" = field(default=None, repr=False)
    """The case as it was read to let the caller in: not read again unless it has changed since."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a command does, before the gate: changed aggregates and what goes with them."""

    cases: tuple[CitizenCase, ...] = ()
    others: tuple[Aggregate | Lone, ...] = ()
    related: tuple[CitizenCase, ...] = ()
    ids: Mapping[str, str] = field(default_factory=dict)
    mints: tuple[UUID, ...] = ()
    grants: tuple[tuple[GrantTerms, datetime], ...] = ()
    standing: tuple[UUID, ...] = ()
    ends: tuple[UUID, ...] = ()
    reason: RevocationReason | None = None
    controls: tuple[tuple[str, Control], ...] = ()
    blind: tuple[tuple[bytes, UUID], ...] = ()
    blind_gone: tuple[tuple[bytes, UUID], ...] = ()
    timers: tuple[tuple[datetime, UUID], ...] = ()
    partner: PartnerRow | None = None
    needs_partners: tuple[str, ...] = ()
    may_not_wait: bool = False
    """Written into the reserve of a disk that is nearly full: a withdrawal, its answer, danger to life, an
    escalation."""
    blocks: tuple[tuple[UUID, str], ...] = ()
    unblocks: tuple[tuple[UUID, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """A case for a command, with what the command will need of others."""

    case: CitizenCase
    concerned: Concerned
    barrings: Barrings
    version: int

    def is_fresh(self, case_id: UUID) -> bool:
        """Whether it is that case, and no command has changed it here since it was read."""
        return self.case.id == case_id and self.case.version == self.version


class Committer:
    """Carries a `Change` through the gate and into the store."""

    def __init__(
        self,
        *,
        events: Events,
        store: Store,
        keys: KeyRing,
        discloser: Discloser,
        clock: Callable[[], datetime],
        room: Room,
    ) -> None:
        self._events = events
        self._store = store
        self._keys = keys
        self._discloser = discloser
        self.barring = Barring(
            store=store, case=self.case, stream=self.partner_id, coordinated=self.blind_coordinator
        )
        self._room = room
        self.now = clock

    def commit(self, command: Command, change: Change, now: datetime, known: Known | None = None) -> Done:
        """Decide, seal and write. Raises what the guards raise; nothing is half done.

        A grant that ended since the case was read is no refusal: raises `IntegrityError`, so that the caller
        reads again and decides anew.
        """
        try:
            return self._commit(command, change, now, known.concerned if known else _NOBODY)
        except NoGrant as error:
            raise IntegrityError("a grant ended since the case was read") from error

    def _commit(self, command: Command, change: Change, now: datetime, known: Concerned) -> Done:
        if not change.may_not_wait:
            self._room.refuse_below_reserve()
        ids = dict(change.ids)
        with self._keys.minting() as minted:
            for key_id in change.mints:
                self._keys.mint(key_id)
            fresh, new_grants = self._new_grants(change)
            prepared = self._prepare(change, fresh, command.by, now, known)
            controls = [self._discloser.control(to, message) for to, message in change.controls]
            if not self._pending(change) and not controls:
                return self.done(command) or Done(0, ids)
            position = self._events.commit(
                *change.cases,
                *prepared.ledgers.values(),
                *change.others,
                alongside=Alongside(
                    now=now,
                    idempotency=self._idempotency(command, ids),
                    ends_grants=change.ends,
                    needs_any_grant=self._needs(prepared, fresh),
                    needs_keys=tuple(case.id for case in change.cases if case.id not in change.mints),
                    needs_partners=change.needs_partners,
                    needs_unblocked=self.barring.guard(command.by, change.cases),
                    new_keys=minted.wrapped,
                    new_grants=new_grants,
                    messages=(*prepared.messages, *controls),
                    wraps=tuple(prepared.wraps),
                    blind_index=change.blind,
                    blind_gone=change.blind_gone,
                    timers=change.timers,
                    partner=change.partner,
                    blocks=change.blocks,
                    unblocks=change.unblocks,
                ),
            )
        return Done(position, ids)

    def report_taken(self, reporter: str, report_id: UUID) -> Mapping[str, str] | None:
        """What was answered to a reporter when its report was taken in; `NOWHERE` where that went with it."""
        name = f"{reporter}::report:{report_id}"
        done = self._store.answered(self._keys.mac("idempotency", name.encode()))
        if done is None and self.is_gone(reporter, report_id):
            return NOWHERE
        return done.ids if done else None

    def read_id(self, case_id: UUID, report_id: UUID) -> UUID:
        """The stream of the fact that a report was read (docs/format.md section 1)."""
        return UUID(bytes=self._keys.mac("index", b"read" + case_id.bytes + report_id.bytes)[:16])

    def was_read(self, case_id: UUID, report_id: UUID) -> bool:
        """Whether a named person has read the report."""
        return self._is_on_record(self.read_id(case_id, report_id))

    def retraction_seen_id(self, case_id: UUID, report_id: UUID) -> UUID:
        """The stream of the fact that somebody saw a report taken back (docs/format.md section 1)."""
        return UUID(bytes=self._keys.mac("index", b"retraction seen" + case_id.bytes + report_id.bytes)[:16])

    def was_retraction_seen(self, case_id: UUID, report_id: UUID) -> bool:
        """Whether a named person has seen that the report was taken back."""
        return self._is_on_record(self.retraction_seen_id(case_id, report_id))

    def recorded(self, facts: Collection[UUID]) -> set[UUID]:
        """Those of these facts, each the only one of its stream, that are on record."""
        return self._events.recorded(facts)

    def _is_on_record(self, stream: UUID) -> bool:
        return bool(self.recorded([stream]))

    def taken_over(self, case_id: UUID, recipient: str) -> bool:
        """Whether a recipient's system took over everything that it was told of the case and still holds."""
        ledger = self.ledger_of(case_id, recipient)
        held = [m for m in ledger.parts if (m, 0) not in ledger.closed] if ledger else []
        return bool(held) and all(self._was_taken_over(message) for message in held)

    def _was_taken_over(self, message_id: UUID) -> bool:
        """A fact that cannot be read is none: nothing is erased because of it."""
        try:
            self._events.event(taken_over_id(self._keys, message_id), 1)
        except (Missing, Corrupt):
            return False
        return True

    def erased_id(self, reporter: str, report_id: UUID) -> UUID:
        """The stream of the fact that a report's case was erased on request (docs/format.md section 1)."""
        return UUID(bytes=self._keys.mac("index", b"erased" + report_id.bytes + reporter.encode())[:16])

    def was_erased_on_request(self, reporter: str, report_id: UUID) -> bool:
        """Whether a citizen who was reported so asked to be forgotten, and is."""
        fact_id = self.erased_id(reporter, report_id)
        return self._keys.is_destroyed(fact_id) or self._is_on_record(fact_id)

    def is_gone(self, reporter: str, report_id: UUID) -> bool:
        """Whether the case of a report is erased: the fence knows also where a restored database does not."""
        return self._keys.is_destroyed(self._gone_id(reporter, report_id))

    def _gone_id(self, reporter: str, report_id: UUID) -> UUID:
        """What stands behind the fence of a report whose case is erased (docs/format.md section 2)."""
        return UUID(bytes=self._keys.mac("index", b"gone" + report_id.bytes + reporter.encode())[:16])

    def was_sent(self, message_id: UUID, recipient: str) -> bool:
        """Whether a control message of that id was written for the recipient."""
        message = self._store.message(message_id, self.now())
        return message is not None and message.control and message.recipient == recipient

    def destroy(self, case: CitizenCase) -> None:
        """Destroy the keys of a case, its own last: what a crash leaves can still be found and finished.

        What keeps a restored database from taking its reports in anew goes behind the fence before. The case
        is read first: another process may be at the same, and be ahead.
        """
        reports = [(case.report(report_id).reporter, report_id) for report_id in case.reports]
        keys = (*sorted(case.persons, key=str), could_kill_key(case.id), case.id)
        for report in reports:
            self._keys.destroy(self._gone_id(*report))
            if self.was_erased_on_request(*report):
                self._keys.destroy(self.erased_id(*report))
        for key_id in keys:
            self._keys.destroy(key_id)

    def finish_destroying(self, case_id: UUID) -> None:
        """Nothing leads to a case that cannot be read any more, also where its end failed half way."""
        self._keys.finish(case_id)

    def done(self, command: Command) -> Done | None:
        """What was answered to this very command before; raises `SameKeyOtherBody`."""
        record = self._idempotency(command, {})
        return self._store.done(record.key, record.body_mac) if record else None

    def case(self, case_id: UUID) -> CitizenCase:
        """A case. Raises `Missing`, in the same words whatever the cause."""
        return _case(self._events.latest([case_id])[case_id])

    def case_for(self, case_id: UUID, logins: Sequence[str] = (), *, change: bool) -> Known:
        """A case for somebody, read at once with who is barred of these and of who answers for it.

        To `change` it, with all that a command needs. Raises `Missing`.
        """
        found = self._events.ahead(case_id, partial(self._likely, logins, change))
        case, concerned = _case(found.aggregates[case_id]), Concerned(found.aggregates, found.grant_keys)
        return Known(case, concerned, found.barrings, case.version)

    def ledger(self, thread: UUID) -> DisclosureLedger | None:
        """The ledger behind a thread."""
        ledger = self._events.latest([thread])[thread]
        if isinstance(ledger, Corrupt):
            raise ledger
        return ledger if isinstance(ledger, DisclosureLedger) else None

    def ledger_of(self, case_id: UUID, recipient: str) -> DisclosureLedger | None:
        """The ledger of what a recipient was told of a case."""
        return self.ledger(self._discloser.thread(case_id, recipient))

    def same_citizen(self, case: CitizenCase) -> list[UUID]:
        """Cases in which the citizen's CPR number stands as the exposed person's."""
        return self.cases_with(PersonRole.EXPOSED, case.cpr_numbers)

    def cases_with(self, role: PersonRole, numbers: Iterable[str]) -> list[UUID]:
        """Cases in whose reports one of these CPR numbers stood in that role, as the blind index says."""
        found = {one for cpr in numbers for one in self._store.cases_of(self.blind(role, cpr))}
        return sorted(found, key=str)

    def partner(self, slug: str) -> Partner:
        """A partner. Raises `Missing`."""
        partner_id = self.partner_id(slug)
        return _partner(self._events.latest([partner_id])[partner_id])

    def partner_names(self) -> dict[str, str]:
        """What each partner is called, by slug; one that can't be read is not among them."""
        streams = {row.slug: self.partner_id(row.slug) for row in self._store.partners()}
        found = self._events.latest(streams.values())
        partners = {slug: found[stream] for slug, stream in streams.items()}
        return {slug: partner.name for slug, partner in partners.items() if isinstance(partner, Partner)}

    def partner_name(self, slug: str) -> str:
        """What a partner is called; its slug where it can't be read, or is none."""
        partner_id = self.partner_id(slug)
        found = self._events.latest([partner_id])[partner_id]
        return found.name if isinstance(found, Partner) else slug

    def agreement(self, slug: str) -> Agreement | None:
        """A partner's agreement; None where it can't be read."""
        partner_id = self.partner_id(slug)
        return _agreement(slug, self._events.latest([partner_id])[partner_id])

    def active_partners(self, kind: OrganisationKind) -> list[str]:
        """The partners of a kind whose agreement is in force."""
        return [row.slug for row in self._store.partners() if row.kind == kind and row.active]

    def former_keys(self, slug: str) -> tuple[bytes, ...]:
        """The signing keys that a partner had and that still count."""
        return self.partner(slug).former_keys(self.now())

    def is_partner(self, slug: str) -> bool:
        """Whether a partner of that name was ever registered."""
        return self._store.partner(slug) is not None

    def partner_rows(self) -> Sequence[PartnerRow]:
        """Every partner's clear row."""
        return self._store.partners()

    def partner_id(self, slug: str) -> UUID:
        """The stream of a partner (docs/format.md section 1)."""
        return _partner_id(self._store.store_id, slug)

    def blind(self, role: str, cpr: str) -> bytes:
        """The blind value of a CPR number in a role (docs/format.md section 8)."""
        return self._keys.mac("index", f"{role}:cpr:{cpr}".encode())

    def blinds(self, case_id: UUID, numbers: Iterable[tuple[str, str]]) -> tuple[tuple[bytes, UUID], ...]:
        """Entries of the blind index for (role, CPR number) of a case."""
        return tuple((self.blind(role, cpr), case_id) for role, cpr in numbers)

    def blind_coordinator(self, login: str) -> bytes:
        """The value under which the cases stand that a login was ever to answer for, or to stand in for."""
        return self._keys.mac("index", f"coordinator:{login}".encode())

    def cases_given_to(self, login: str) -> list[UUID]:
        """Every case that a login was ever to answer for, or to stand in for, as the blind index says."""
        return self._store.cases_of(self.blind_coordinator(login))

    def _pending(self, change: Change) -> bool:
        return any(a.pending_events for a in (*change.cases, *change.others))

    def _new_grants(self, change: Change) -> tuple[dict[UUID, bytes], tuple[NewGrant, ...]]:
        fresh: dict[UUID, bytes] = {}
        rows: list[NewGrant] = []
        standing = [(grant, change.cases[0].unit, None) for grant in change.standing]
        given = [(terms.grant_id, terms.recipient, ends_at) for terms, ends_at in change.grants]
        for grant_id, recipient, ends_at in (*standing, *given):
            key, wrapped = self._keys.fresh(grant_id)
            fresh[grant_id] = key
            rows.append(NewGrant(grant_id, recipient, ends_at, wrapped))
        return fresh, tuple(rows)

    def _prepare(
        self, change: Change, fresh: Mapping[UUID, bytes], by: Actor, now: datetime, known: Concerned
    ) -> Prepared:
        concerned = self._concerned(change.cases, known)
        prepared = Prepared(concerned)
        for case in change.cases:
            decision = self._decide(case, change, concerned, now)
            prepared.add(
                self._discloser.prepare(
                    case, decision, concerned, reason=change.reason, fresh_keys=fresh, by=by, now=now
                )
            )
        return prepared

    def _concerned(self, cases: Sequence[CitizenCase], known: Concerned) -> Concerned:
        """The ledgers and partners of everybody who ever held a grant; what is known already is taken."""
        streams = {one for case in cases for one in self._streams_of(case)}
        missing = streams - known.aggregates.keys()
        read = self._events.latest(missing) if missing else {}
        return Concerned({**known.aggregates, **read}, known.grant_keys)

    def _likely(self, logins: Sequence[str], change: bool, case: Any) -> Likely:
        if not isinstance(case, CitizenCase):
            return Likely(logins)
        if logins and case.coordinator is not None:
            logins = (*logins, case.coordinator.login)
        if not change:
            return Likely(logins)
        living = [grant.grant_id for grant in case.grants.values() if not grant.ended]
        return Likely(logins, self._streams_of(case), living)

    def _streams_of(self, case: CitizenCase) -> Iterator[UUID]:
        for slug in {grant.recipient for grant in case.grants.values()}:
            yield self._discloser.thread(case.id, slug)
            if slug != case.unit:
                yield self.partner_id(slug)

    def _decide(self, case: CitizenCase, change: Change, concerned: Concerned, now: datetime) -> Decision:
        recipients = {g.recipient for g in case.living_grants(now)} - {case.unit}
        partners = {slug: concerned.aggregates.get(self.partner_id(slug)) for slug in recipients}
        agreements = {slug: _agreement(slug, partner) for slug, partner in partners.items()}
        events = [e for e in case.pending_events if isinstance(e, CaseEvent)]
        return decide(
            case,
            events,
            related=change.related,
            agreements=agreements,
            told={slug: self._told(case, slug, concerned) for slug in recipients}
            if any(isinstance(e, GIVES_GRANTS) for e in events)
            else {},
            ever=self._ever(case, concerned) if any(isinstance(e, SETS_RIGHT) for e in events) else {},
            now=now,
        )

    def _told(self, case: CitizenCase, slug: str, concerned: Concerned) -> frozenset[Source]:
        ledger = concerned.ledger(self._discloser.thread(case.id, slug))
        return ledger.standing() if ledger else frozenset()

    def _ever(self, case: CitizenCase, concerned: Concerned) -> dict[str, frozenset[Source]]:
        """What everybody was ever told, also those who hold no grant any more."""
        recipients = {grant.recipient for grant in case.grants.values()} - {case.unit}
        ledgers = {slug: concerned.ledger(self._discloser.thread(case.id, slug)) for slug in recipients}
        return {slug: ledger.ever() for slug, ledger in ledgers.items() if ledger is not None}

    def _needs(self, prepared: Prepared, fresh: Mapping[UUID, bytes]) -> tuple[tuple[UUID, ...], ...]:
        """A grant given in this very transaction needs no guard; every other message needs one alive."""
        return tuple(group for group in prepared.needs_any_grant if not set(group) & set(fresh))

    def _idempotency(self, command: Command, ids: Mapping[str, str]) -> Idempotency | None:
        if not command.key:
            return None
        who = "" if command.shared else command.by.person
        name = f"{command.by.organisation}:{who}:{command.key}"
        return Idempotency(
            self._keys.mac("idempotency", name.encode()), self._keys.mac("idempotency", command.body), ids
        )


@lru_cache(maxsize=_PARTNERS_REMEMBERED)
def _partner_id(store_id: bytes, slug: str) -> UUID:
    return uuid5(UUID(bytes=store_id), f"partner:{slug}")


def _case(found: Aggregate | Corrupt | None) -> CitizenCase:
    if isinstance(found, Corrupt):
        raise found
    if not isinstance(found, CitizenCase):
        raise Missing("there is no such case, or none for you", field="case")
    return found


def _partner(found: Aggregate | Corrupt | None) -> Partner:
    if isinstance(found, Corrupt):
        raise found
    if not isinstance(found, Partner):
        raise Missing("no partner is registered under that name: register it first", field="recipient")
    return found


def _agreement(slug: str, found: Aggregate | Corrupt | None) -> Agreement | None:
    """None where the partner can't be read: unknown means no, and nobody else waits for it."""
    if isinstance(found, Corrupt):
        log.error("a partner is corrupt: it is told nothing", partner=slug)
        return None
    partner = _partner(found)
    return Agreement(slug, partner.kind, frozenset(partner.categories), partner.active)
