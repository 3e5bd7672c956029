"""How a command is carried out: load, let the case decide, commit, try again when another was first.

Every area of commands stands on `Carrier`. Nothing is decided here that a domain expert would want to read.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from eventsourcing.persistence import IntegrityError

from contracts.message_v1 import Receipt, ReceiptStatus
from contracts.terms import Category, OrganisationKind
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.events import EntryCorrected, ReportReceived, ReportRetracted, ReportTakenUp
from hub.aggregates.citizen_case.values import GrantTerms
from hub.aggregates.disclosure_ledger import DisclosureLedger
from hub.aggregates.disclosures import RefusalReason
from hub.application.committing import NOWHERE, Change, Command, Committer
from hub.errors import Conflict, HubError, Missing, StaleVersion
from hub.gates.gate import may_receive
from hub.ports import Done, DoneBefore

ATTEMPTS = 8
"""How often a command is tried again when another changed the same case first."""
WITHDRAWAL_ATTEMPTS = 1000
"""A withdrawal never ends as a conflict; the bound only ends a programming error."""


NOT_RECEIVABLE = {
    RefusalReason.UNKNOWN_PARTNER: "can't be read as a partner; register it, or call the operator",
    RefusalReason.PARTNER_SUSPENDED: "is suspended; resume it, or choose another",
    RefusalReason.NOT_IN_AGREEMENT: "has no agreement that covers it; change that, or choose another",
}
"""Why an organisation cannot be told, and the way out."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Where in the log the command stands, and the ids that it made."""

    position: int
    ids: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Within:
    """How soon somebody must have done something, where nobody says."""

    acute_read: timedelta
    referral_answered_working_days: int


CONTINUES = (EntryCorrected, ReportReceived, ReportRetracted, ReportTakenUp)
"""What happens in a matched inquiry and concerns whoever is told of it by its case."""


class Carrier:
    """What the commands of every area share. Built by `bootstrap`; tests build it the same way."""

    def __init__(
        self,
        committer: Committer,
        *,
        unit: str,
        on_call: str,
        broker_login: str,
        within: Within,
        new_id: Callable[[], UUID],
    ) -> None:
        self._committer = committer
        self._unit = unit
        self._on_call = on_call
        self._broker_login = broker_login
        self._within = within
        self._new_id = new_id

    def _do(
        self,
        command: Command,
        case_id: UUID,
        change: Callable[[CitizenCase, datetime], object],
        ids: Mapping[str, str] | None = None,
    ) -> Answer:
        def act(case: CitizenCase, now: datetime) -> Change:
            change(case, now)
            return Change(cases=(case,), ids=ids or {"case": str(case_id)})

        return self._on(command, case_id, act)

    def _answered_by(self, case: CitizenCase, tovholder: Actor) -> Change:
        """The case as it was changed, to be found by who answers for it or stands in."""
        blind = self._committer.blind_coordinator(tovholder.login)
        return Change(cases=(case,), ids={"case": str(case.id)}, blind=((blind, case.id),))

    def _on(
        self,
        command: Command,
        case_id: UUID,
        act: Callable[[CitizenCase, datetime], Change],
        attempts: int = ATTEMPTS,
    ) -> Answer:
        read_before = [known] if (known := command.known) and known.is_fresh(case_id) else []

        def attempt() -> Answer:
            known = read_before.pop() if read_before else self._committer.case_for(case_id, change=True)
            case = known.case
            if command.expected is not None and case.version != command.expected:
                raise StaleVersion(command.expected, case.version)
            now, forwarded = max(self._committer.now(), case.latest_time), case.forwarding is not None
            change = act(case, now)
            if forwarded:  # What happens in it may be what its erasure waited for.
                change = replace(change, timers=(*change.timers, (now, case_id)))
            return self._answer(self._committer.commit(command, change, now, known))

        return self._tried(command, attempt, attempts)

    def _once(self, command: Command, act: Callable[[datetime], Change]) -> Answer:
        def attempt() -> Answer:
            now = self._committer.now()
            return self._answer(self._committer.commit(command, act(now), now))

        return self._tried(command, attempt, ATTEMPTS)

    def _tried(self, command: Command, attempt: Callable[[], Answer], attempts: int) -> Answer:
        """Try again when another was first; before calling anything a conflict, ask whether it was us."""
        for left in reversed(range(attempts)):
            try:
                return attempt()
            except DoneBefore as before:
                return self._answer(before.done)
            except (HubError, IntegrityError) as error:
                if done := self._committer.done(command):
                    return self._answer(done)
                if not isinstance(error, IntegrityError):
                    raise
                if not left:
                    raise Conflict("the case kept changing: read it again") from error
        raise AssertionError("attempts is at least one")

    def _answer(self, done: Done) -> Answer:
        return Answer(done.position, done.ids)

    def _load(self, case_id: UUID) -> CitizenCase:
        return self._committer.case(case_id)

    def _related(self, case: CitizenCase, but: UUID | None = None) -> tuple[CitizenCase, ...]:
        """Its matched inquiries; one that was erased has nothing more to tell."""
        found = []
        for inquiry in sorted(case.inquiries - {but}, key=str):
            try:
                found.append(self._load(inquiry))
            except Missing:
                continue
        return tuple(found)

    def _matched_case(self, inquiry: CitizenCase) -> CitizenCase | None:
        """The case that an inquiry is matched to; None for none, and for one that was erased."""
        if inquiry.matched_to is None:
            return None
        try:
            return self._load(inquiry.matched_to)
        except Missing:
            return None

    def _continued(self, case: CitizenCase, command: Command, now: datetime) -> tuple[CitizenCase, ...]:
        """The case that a matched inquiry belongs to, told of what just happened in the inquiry."""
        told = [e for e in case.pending_events if isinstance(e, CONTINUES)]
        whole = self._matched_case(case) if told else None
        if whole is None:
            return ()
        for event in told:
            whole.continue_inquiry(inquiry=case.id, version=event.originator_version, by=command.by, at=now)
        return (whole,)

    def _timers_of(self, case: CitizenCase) -> tuple[tuple[datetime, UUID], ...]:
        """For what waits in a case that comes back: while it rested, its timers may have gone by."""
        waiting = case.deadlines(acute_read_within=self._within.acute_read)
        return tuple((waited.due, case.id) for waited in waiting)

    def _case_of(self, thread: UUID, recipient: str) -> UUID:
        ledger: DisclosureLedger | None = self._committer.ledger(thread)
        if ledger is None or ledger.recipient != recipient:
            raise Missing("no such thread was told to you", field="thread")
        return ledger.case_id

    def _terms(self, recipients: Sequence[str], categories: Sequence[Category]) -> tuple[GrantTerms, ...]:
        return tuple(GrantTerms(self._new_id(), r, c) for r in recipients for c in categories)

    def _known(self, recipients: Sequence[str]) -> dict[str, OrganisationKind]:
        return {slug: self._committer.partner(slug).kind for slug in recipients}

    def _must_be_receivable(self, recipient: str, category: Category, field: str) -> None:
        """Refuse what its recipient could not be told: it must never stand where nobody was told."""
        if why_not := may_receive(self._committer.agreement(recipient), category):
            raise Conflict(f"{field}: {NOT_RECEIVABLE[why_not]}", field=field)

    def _was_gone(self, command: Command, report_id: UUID) -> Answer | None:
        """The answer to a report that is handed over again when its case is erased, also where a restored
        database knows nothing of it: as then, and nothing is kept."""
        if not self._committer.is_gone(command.by.organisation, report_id):
            return None
        return self._answer(self._committer.done(command) or Done(0, NOWHERE))

    def _receipt(self, report_id: UUID, number: str, status: ReceiptStatus, now: datetime) -> Receipt:
        return Receipt(report_id=report_id, number=number, status=status, at=now, on_call=self._on_call)

    def _number(self) -> str:
        """A number a person can read out, that says nothing about how many there are: `7KQM-2RXD`."""
        alphabet = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
        value = self._new_id().int
        letters = [alphabet[value // 30**n % 30] for n in range(8)]
        return "".join(letters[:4]) + "-" + "".join(letters[4:])
