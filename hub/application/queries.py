"""The questions a person may ask. Every look is recorded before it is answered (domain rule 4)."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from eventsourcing.persistence import PersistenceError

from contracts.message_v1 import ReceiptStatus
from contracts.terms import Category, MessageKind
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.emergency import review_by
from hub.aggregates.citizen_case.events import EmergencyReviewed, LegalBasisRecorded
from hub.aggregates.citizen_case.values import CaseState
from hub.aggregates.disclosure_ledger import DisclosureLedger
from hub.aggregates.look import Looked
from hub.application.committing import Command, Committer, Known
from hub.application.other_roles import other_roles
from hub.application.reports import NO_SUCH_REPORT
from hub.errors import Corrupt, HubError, KeyDestroyed, Missing
from hub.gates import breaches
from hub.gates.barring import family
from hub.gates.disclosing import Discloser
from hub.gates.opening import OpenedRow, Opener
from hub.logs import logger, slug_of
from hub.ports import Events, Row, View
from hub.projections import disclosures, hand_overs, intake, receipts, referrals, timeline
from hub.projections.disclosures import Told

log = logger("queries")
_NO_RECEIPT = "no receipt yet, or none for you: ask again in a moment"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A report or a child notification in the intake inbox: opaque until somebody opens the case.

    `case_id` is None where what says which case it is cannot be read: it waits all the same.
    """

    case_id: UUID | None
    row: Row
    read: bool | None
    """Whether a named person has read it, of a report taken back: has seen that. None where it is neither."""


@dataclass(frozen=True, slots=True)
class OwnCases:
    """What one tovholder has, by number; `damaged` counts what she was given and nobody can read now."""

    cases: Sequence[CitizenCase]
    damaged: int


class Queries:
    """Answers from the read models, through gate 3; values that could kill from the case itself."""

    def __init__(
        self,
        *,
        committer: Committer,
        discloser: Discloser,
        opener: Opener,
        views: Mapping[str, View],
        events: Events,
        read: Callable[[Command, UUID, UUID], None],
        retraction_seen: Callable[[Command, UUID, UUID], None],
        clock: Callable[[], datetime],
    ) -> None:
        self._committer = committer
        self._discloser = discloser
        self._opener = opener
        self._views = views
        self._events = events
        self._records = {
            MessageKind.REPORT_RECEIVED: read,
            MessageKind.REPORT_SUPPLEMENTED: read,
            MessageKind.REPORT_RETRACTED: retraction_seen,
        }
        self._clock = clock

    def case(self, case_id: UUID) -> CitizenCase:
        """The case, for deciding who may ask. Raises `Missing`."""
        return self._committer.case(case_id)

    def case_for(self, case_id: UUID, login: str, *, change: bool) -> Known:
        """The case with who is barred from it, for deciding whether the login may ask. Raises `Missing`."""
        return self._committer.case_for(case_id, (login,), change=change)

    def partner_name(self, slug: str) -> str:
        """What one partner is called; its slug where nobody here knows."""
        return self._committer.partner_name(slug)

    def partner_names(self) -> dict[str, str]:
        """What each partner is called, by slug."""
        return self._committer.partner_names()

    def inbox(self, by: Actor) -> list[Waiting]:
        """Reports that wait for a person, most urgent first. Says nothing of whom.

        Who is blocked from a case isn't told that it is there, nor shown reports whose case can't be read.
        """
        rows = self._views[intake.NAME].rows(by.organisation)
        return self._waiting(by, intake.waiting(rows, self._seen))

    def _seen(self, rows: Sequence[Row]) -> set[UUID]:
        """The messages of those that a person has seen. What can't be read waits: it is not known to be."""
        ledgers = self._events.latest(row.thread for row in rows)
        return self._read_by_a_person(rows, ledgers)

    def _read_by_a_person(self, rows: Iterable[Row], ledgers: Mapping[UUID, object]) -> set[UUID]:
        """The messages of those whose report a named person has read, or seen that it was taken back."""
        facts: dict[UUID, UUID] = {}
        for row in rows:
            ledger, report = ledgers[row.thread], row.clear.get("report")
            if isinstance(ledger, DisclosureLedger) and report:
                taken_back = row.clear["kind"] == MessageKind.REPORT_RETRACTED
                fact = self._committer.retraction_seen_id if taken_back else self._committer.read_id
                facts[row.message_id] = fact(ledger.case_id, UUID(report))
        recorded = self._committer.recorded(list(facts.values()))
        return {message for message, fact in facts.items() if fact in recorded}

    def notifications(self, by: Actor) -> list[Waiting]:
        """Child notifications that wait for a person's answer, the nearest deadline first."""
        return self._waiting(by, intake.notifications(self._views[intake.NAME].rows(by.organisation)))

    def unreviewed(self, by: Actor) -> list[Waiting]:
        """Emergencies that wait for their review, the nearest deadline first."""
        return self._waiting(by, intake.emergencies(self._views[intake.NAME].rows(by.organisation)))

    def _waiting(self, by: Actor, rows: Iterable[Row]) -> list[Waiting]:
        hidden = self._committer.barring.hidden_from(by.login)
        found = []
        waiting = list(rows)
        ledgers = self._events.latest(row.thread for row in waiting)
        read = self._read_by_a_person(waiting, ledgers)
        for row in waiting:
            ledger = ledgers[row.thread]
            if isinstance(ledger, Corrupt):
                log.error("what waits in the inbox cannot be opened", error=ledger.slug)
                if not hidden:
                    found.append(Waiting(None, row, read=None))
            elif isinstance(ledger, DisclosureLedger) and ledger.case_id not in hidden:
                by_a_person = row.message_id in read if row.clear.get("report") else None
                found.append(Waiting(ledger.case_id, row, by_a_person))
        return found

    def hand_overs(self, by: Actor, purpose: str) -> list[Mapping[str, Any]]:
        """What this person was asked to take over; each that is shown is on record as a look at its case.

        A case that cannot be read stands in nobody's list: whom it asks stands in it alone.
        """
        found: list[Mapping[str, Any]] = []
        asked_for = hand_overs.waiting(self._views[hand_overs.NAME].rows(by.organisation))
        for waiting in self._waiting(by, asked_for):
            case = self._readable(waiting.case_id)
            asked = case.hand_over if case is not None else None
            if case is None or asked is None or asked.to.person != by.person:
                continue
            self._opener.look(by, by.organisation, case.id, "worklist", purpose, [])
            found.append(
                {
                    "case": str(case.id),
                    "number": case.number,
                    "hand_over": str(asked.hand_over_id),
                    "asked_by": asked.by.name,
                    "reason": asked.reason,
                    "accept_by": asked.accept_by.isoformat(),
                }
            )
        return found

    def own_cases(self, by: Actor, purpose: str) -> OwnCases:
        """The cases that this person answers for or stands in for; each that is shown is on record as a look.

        One that cannot be read is counted, whoever has it now.
        """
        own = self._own_cases(by)
        for case in own.cases:
            self._opener.look(by, by.organisation, case.id, "worklist", purpose, [])
        return own

    def own_case(self, by: Actor, number: str) -> UUID:
        """Which of this person's own cases has that number, for whom it is no secret. Raises `Missing`."""
        for case in self._own_cases(by).cases:
            if case.number == number.upper():
                return case.id
        raise Missing("there is no such case, or none for you", field="case")

    def _own_cases(self, by: Actor) -> OwnCases:
        hidden, now = self._committer.barring.hidden_from(by.login), self._clock()
        own, damaged = list[CitizenCase](), 0
        given = [one for one in self._committer.cases_given_to(by.login) if one not in hidden]
        for found in self._events.latest(given).values():
            if isinstance(found, Corrupt):
                log.error("a case cannot be read", error=found.slug)
                damaged += 1
            elif isinstance(found, CitizenCase) and found.acts(by.person, now):
                own.append(found)
        return OwnCases(sorted(own, key=lambda case: case.number or ""), damaged)

    def _readable(self, case_id: UUID | None) -> CitizenCase | None:
        try:
            return self._committer.case(case_id) if case_id is not None else None
        except Missing:
            return None
        except Corrupt as error:
            log.error("a case cannot be read", error=error.slug)
            return None

    def timeline(self, by: Actor, case: CitizenCase, purpose: str) -> list[OpenedRow]:
        """Everything told to the owning unit about this case and the inquiries matched to it, in order.

        Who looks has read the reports in it, and seen which were taken back.
        """
        view, owner = self._views[timeline.NAME], by.organisation
        own = list(view.rows(owner, self._discloser.thread(case.id, owner)))
        matched = [row for thread in timeline.matched_threads(own) for row in view.rows(owner, thread)]
        rows = sorted([*own, *matched], key=lambda row: row.sequence)
        opened = self._opener.look(by, owner, case.id, "timeline", purpose, rows)
        self._reports_read(by, case, opened)
        return opened

    def _reports_read(self, by: Actor, case: CitizenCase, opened: Iterable[OpenedRow]) -> None:
        """Before it is answered; what fails here is no reason not to show a report, and it is told anew."""
        owner = by.organisation
        cases = {self._discloser.thread(one, owner): one for one in (case.id, *case.inquiries)}
        for row in opened:
            record = self._records.get(row.head.kind)
            if record is None or row.head.thread not in cases:
                continue
            try:
                record(Command(by=by), cases[row.head.thread], row.head.refs["report"])
            except (HubError, PersistenceError, sqlite3.Error, OSError) as error:
                log.error("that a report was read could not be recorded", error=slug_of(error))

    def could_kill(self, by: Actor, case: CitizenCase, purpose: str) -> list[Mapping[str, Any]]:
        """What could kill, for one named person with a purpose: fetched, never sent (domain rule 5)."""
        self._opener.look(by, by.organisation, case.id, "could_kill", purpose, [])
        return [
            {"entry": version, "about": value.person, "value": value.value}
            for version, value in case.could_kill
            if value.value is not None
        ]

    def unread_free_text(self, by: Actor, case: CitizenCase, purpose: str) -> list[Mapping[str, Any]]:
        """Free text that nobody has yet read against what could kill, for the person who now reads it."""
        self._opener.look(by, by.organisation, case.id, "free_text", purpose, [])
        return [{"entry": entry.version, **entry.content.data} for entry in case.unread_free_text()]

    def candidates(self, by: Actor, case: CitizenCase, purpose: str) -> list[UUID]:
        """Other cases in which the same CPR number stands as the exposed person's; a person decides."""
        self._opener.look(by, by.organisation, case.id, "candidates", purpose, [])
        hidden = self._committer.barring.hidden_from(by.login)
        return [found for found in self._committer.same_citizen(case) if found not in {case.id, *hidden}]

    def other_roles(self, by: Actor, case: CitizenCase, purpose: str) -> list[Mapping[str, Any]]:
        """Cases in which somebody exposed here is the perpetrator, or the other way round; not who it is.

        For the programme lead alone: to anybody else nothing links the two. So the look stands in the other
        case as a look at it and no more, or its record of looks would tell of the link.
        """
        self._opener.look(by, by.organisation, case.id, Looked.OTHER_ROLES, purpose, [])
        own, hidden = self._family(case), self._committer.barring.hidden_from(by.login)
        found = other_roles(own, self._committer, self._events)
        told = [one for one in found if one.case not in hidden and one.unit == by.organisation]
        for other in dict.fromkeys(one.case for one in told):
            self._opener.look(by, by.organisation, other, Looked.CASE, purpose, [])
        return [
            {"case": one.case, "number": one.number, "role_here": one.here, "role_there": one.there}
            for one in told
        ]

    def unanswered(self, by: Actor) -> list[CitizenCase]:
        """Cases whose coordinator is stopped or blocked: they wait for another. Says nothing of whom."""
        hidden = self._committer.barring.hidden_from(by.login)
        return [c for c in self._committer.barring.unanswered(by.organisation) if c.id not in hidden]

    def block_list(self, by: Actor, case: CitizenCase, purpose: str) -> list[Mapping[str, Any]]:
        """Who is blocked from the case or from what is matched with it, by whom and why."""
        self._opener.look(by, by.organisation, case.id, "block_list", purpose, [])
        return [
            {"case": one.id, **asdict(entry)} for one in self._family(case) for entry in one.blocked.values()
        ]

    def block_list_to_consider(self, case: CitizenCase) -> bool:
        """Whether a report said that staff are involved, and nobody has decided since whom that bars."""
        return any(one.block_list_to_consider for one in self._family(case))

    def _family(self, case: CitizenCase) -> list[CitizenCase]:
        """The case and what is matched with it, as far as it can be read."""
        found = self._events.latest(family(case, self._committer.case)).values()
        return [one for one in found if isinstance(one, CitizenCase)]

    def receipt(self, by: Actor, report_id: UUID) -> Mapping[str, str | None]:
        """The receipt of a report, for its reporter and one named leader. Raises `Missing`.

        What was taken in is answered from the facts: it was received; a named person has read it; it was
        taken up, as long as a grant lets its reporter know. What was refused stands in the read model alone.
        """
        owner = by.organisation
        taken = self._committer.report_taken(owner, report_id)
        if taken is not None:
            case_id = UUID(taken["case"])
            if not self._may_see_receipt(by, case_id, report_id):
                raise Missing(_NO_RECEIPT, field="report_id")
            status = self._how_far(owner, case_id, report_id)
            return {"number": taken["number"], "status": status}
        rows = list(self._views[receipts.NAME].rows(owner, report_id))
        if rows:
            return rows[-1].clear
        raise Missing(_NO_RECEIPT, field="report_id")

    def must_be_its_reporter(self, by: Actor, report_id: UUID, field: str) -> None:
        """To add to a report, or take it back, is for whom its receipt may be shown: it answers the same.

        Raises `Missing`, the same for *no* and *none*.
        """
        taken = self._committer.report_taken(by.organisation, report_id)
        if taken is None or not self._may_see_receipt(by, UUID(taken["case"]), report_id):
            raise Missing(f"{field}: {NO_SUCH_REPORT}", field=field)

    def _may_see_receipt(self, by: Actor, case_id: UUID, report_id: UUID) -> bool:
        """Its reporter may, and one named leader, unless it or what was added to it says that staff are
        involved. What a program sent by topic it shows to its own people.

        Where the case is erased, or can't be read, nobody knows any more who reported. What is left then,
        that the report went on or was received, is for whoever of its organisation knows the report's id.
        """
        try:
            case = self._committer.case(case_id)
        except (Missing, Corrupt):
            return True
        try:
            if by.person == case.report(report_id).by.person:
                return True
            if any(case.report(one).staff_involved for one in case.reports):
                return False
        except KeyDestroyed:
            return True
        return by.person == self._committer.partner(by.organisation).receipts_leader

    def _how_far(self, reporter: str, case_id: UUID, report_id: UUID) -> ReceiptStatus:
        try:
            case = self._committer.case(case_id)
        except Missing:
            erased = self._committer.was_erased_on_request(reporter, report_id)
            return ReceiptStatus.RECEIVED if erased else ReceiptStatus.FORWARDED
        except Corrupt:
            return ReceiptStatus.RECEIVED
        if case.reports[report_id] in case.retracted:
            return ReceiptStatus.RETRACTED
        if case.state in {CaseState.FORWARDED, CaseState.ERASED}:
            return ReceiptStatus.FORWARDED
        if self._told_taken_up(reporter, case, report_id):
            return ReceiptStatus.TAKEN_UP
        read = self._committer.was_read(case_id, report_id)
        return ReceiptStatus.READ if read else ReceiptStatus.RECEIVED

    def _told_taken_up(self, reporter: str, case: CitizenCase, report_id: UUID) -> bool:
        """Whether it was taken up, and a grant that lives now lets its reporter know."""
        now = self._clock()
        try:
            cases = (case, *((self._committer.case(case.matched_to),) if case.matched_to else ()))
        except (Missing, Corrupt):
            return False
        grants = [g for one in cases for g in one.grants_of(reporter, now)]
        return report_id in case.taken_up and any(g.category is Category.COORDINATION for g in grants)

    def referrals(self, by: Actor) -> list[Row]:
        """Where each referral to the caller's organisation stands, but for cases hidden from the caller."""
        hidden = self._hidden_threads(by)
        found = referrals.latest(self._views[referrals.NAME].rows(by.organisation))
        return [row for row in found if row.thread not in hidden]

    def moves(self, owner: str) -> list[Row]:
        """Where each case that this organisation was asked to take over stands."""
        return referrals.latest(self._views[referrals.NAME].rows(owner), "move")

    def thread(self, by: Actor, thread: UUID, purpose: str) -> list[OpenedRow]:
        """What the caller's organisation was told in one thread; each message is recorded as opened."""
        rows = list(self._views[referrals.NAME].rows(by.organisation, thread))
        if not rows or thread in self._hidden_threads(by):
            raise Missing("there is no such thread, or none for you", field="thread")
        return self._opener.read(by, rows, purpose)

    def _hidden_threads(self, by: Actor) -> set[UUID]:
        hidden = self._committer.barring.hidden_from(by.login)
        return {self._discloser.thread(case_id, by.organisation) for case_id in hidden}

    def disclosures(self, by: Actor, case: CitizenCase, purpose: str) -> list[Mapping[str, Any]]:
        """Who was told what, when and on which basis; who opened it; who purged, retained, or is silent."""
        self._opener.look(by, by.organisation, case.id, "disclosures", purpose, [])
        now = self._clock()
        return [_line(told, now) for told in self._told(case.id)]

    def to_review(self, by: Actor, case: CitizenCase, purpose: str) -> list[Mapping[str, Any]]:
        """The case's emergencies, for whoever reviews them and need see no more of the case."""
        self._opener.look(by, by.organisation, case.id, "emergencies", purpose, [])
        return self.emergencies(case)

    def emergencies(self, case: CitizenCase) -> list[Mapping[str, Any]]:
        """What was told because a life was in danger, how its review went, and when the citizen was told."""
        now, reviews = self._clock(), case.reviews
        return [_emergency(fact, reviews.get(fact.basis_id), case, now) for fact in case.emergencies]

    def possible_breaches(self, by: Actor, case: CitizenCase, purpose: str) -> Mapping[str, Any]:
        """What may have been told without a basis (GDPR art. 33), also by a case wrongly matched to this."""
        self._opener.look(by, by.organisation, case.id, "possible_breaches", purpose, [])
        now, told = self._clock(), self._told(case.id)
        found = breaches.of_case(case, told, now)
        for mistake in case.mistakes:
            of_other = self._told(mistake.other)
            found += breaches.of_inquiry(case, mistake, of_other, now)
            told = [*told, *of_other]
        return {
            "possible_breaches": [_possible(breach) for breach in found],
            "unreadable": sum(line.unreadable for line in told),
        }

    def _told(self, case_id: UUID) -> list[Told]:
        rows = self._views[disclosures.NAME].rows(disclosures.OWNER, case_id)
        return disclosures.overview(self._facts(rows))

    def _facts(self, rows: Iterable[Row]) -> list[Any]:
        found = []
        for row in rows:
            stream = UUID(row.clear["stream"])
            try:
                found.append(self._events.event(stream, int(row.clear["version"] or 0)))
            except (Corrupt, Missing) as error:
                log.error("a disclosure cannot be read", error=error.slug)
                found.append(disclosures.Unreadable(stream))
        return found


def _emergency(
    told: LegalBasisRecorded, review: EmergencyReviewed | None, case: CitizenCase, now: datetime
) -> Mapping[str, Any]:
    return {
        "basis": told.basis_id,
        "at": told.timestamp,
        "by": told.by.name,
        "answers_for": told.answers_for,
        "reason": told.reason,
        "recipients": sorted({grant.recipient for grant in told.grants}),
        "categories": sorted({grant.category for grant in told.grants}),
        "ends_at": told.ends_at,
        "living": any(case.grants[grant.grant_id].lives_at(now) for grant in told.grants),
        "review": review.finding if review else "due",
        "review_by": review_by(told),
        "reviewed": review and {"at": review.timestamp, "by": review.by.name, "reason": review.reason},
        "citizen_told_at": case.citizen_told.get(told.basis_id),
    }


def _possible(breach: breaches.PossibleBreach) -> Mapping[str, Any]:
    return {
        "recipient": breach.recipient,
        "message": breach.disclosed.message_id,
        "at": breach.disclosed.timestamp,
        "categories": breach.categories,
        "causes": breach.causes,
        "opened": [
            {"at": o.timestamp, "by": o.by.name, "purpose": o.purpose, "taken_over": o.taken_over}
            for o in breach.opened
        ],
        "revoked": breach.revoked and {"at": breach.revoked.timestamp, "reason": breach.revoked.reason},
        "answered": breach.answered,
    }


def _line(told: disclosures.Told, now: datetime) -> Mapping[str, Any]:
    return {
        "recipient": told.recipient,
        "unreadable": told.unreadable,
        "disclosed": [
            {
                "message": d.message_id,
                "at": d.timestamp,
                "kind": d.kind,
                "categories": d.categories,
                "bases": sorted({str(b.basis_id) for b in d.bases}),
                "by": d.by.name,
            }
            for d in told.disclosed
        ],
        "refused": [
            {"at": r.timestamp, "kind": r.kind, "category": r.category, "reason": r.reason}
            for r in told.refused
        ],
        "opened": [
            {"message": o.message_id, "at": o.timestamp, "by": o.by.name, "purpose": o.purpose}
            for o in told.opened
        ],
        "withheld": [
            {
                "message": w.message_id,
                "at": w.timestamp,
                "categories": w.categories,
                "reason": w.reason,
                "by": w.by.name,
            }
            for w in told.withheld
        ],
        "revoked": [
            {
                "revocation": r.revocation,
                "at": r.timestamp,
                "reason": r.reason,
                "messages": len(r.messages),
                "answer_by": r.answer_by,
                "answered": told.answered(r, now),
            }
            for r in told.revoked
        ],
    }
