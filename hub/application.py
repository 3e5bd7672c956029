"""The table of contents of the hub: one method a command. Each answers with its position in the log.

A command loads the cases it concerns, lets them decide, lets the gate decide who is told, seals, and writes
everything in one transaction. Nothing is decided here that a domain expert would want to read.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from eventsourcing.persistence import IntegrityError

from contracts.client.sealed import seal_blank
from contracts.message_v1 import Receipt, ReceiptStatus
from contracts.terms import BasisRule, Category, OrganisationKind, ReferralStatus, SafetyLevel, Urgency
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.values import ConsentForm, GrantTerms
from hub.aggregates.disclosure_ledger import DisclosureLedger, RevocationReason
from hub.aggregates.partner import Partner
from hub.aggregates.receipts import Purged, Retained
from hub.aggregates.sealing import AboutPerson, CouldKill, could_kill_key
from hub.committing import Change, Command, Committer
from hub.done import DoneBefore
from hub.errors import Conflict, HubError, Invalid, Missing, StaleVersion
from hub.gate import may_receive
from hub.ports import Done, PartnerRow

ATTEMPTS = 8
"""How often a command is tried again when another changed the same case first."""
WITHDRAWAL_ATTEMPTS = 1000
"""A withdrawal never ends as a conflict; the bound only ends a programming error."""


NOT_RECEIVABLE = {
    "unknown_partner": "can't be read as a partner; register it, or call the operator",
    "partner_suspended": "is suspended; resume it, or choose another",
    "not_in_agreement": "has no agreement on referrals; change its agreement, or choose another",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Where in the log the command stands, and the ids that it made."""

    position: int
    ids: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ReportTaken:
    """A social report as the domain takes it in; `translate` makes it from the published contract."""

    report_id: UUID
    reference: str
    urgency: Urgency
    happened: dict[str, Any]
    contents: dict[str, dict[str, Any]]
    others: tuple[AboutPerson, ...]
    could_kill: tuple[CouldKill, ...]
    free_text: dict[str, str]
    basis: dict[str, Any]
    warnings: tuple[str, ...]
    staff_involved: bool
    cpr: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """(role, ten digits) of each person with a CPR number, for the blind index alone."""


class Hub:
    """The commands of the hub. Built by `bootstrap`; tests build it the same way."""

    def __init__(self, committer: Committer, *, unit: str, on_call: str, new_id: Callable[[], UUID]) -> None:
        self._committer = committer
        self._unit = unit
        self._on_call = on_call
        self._new_id = new_id

    # --- reports and matching -----------------------------------------------------------------------

    def receive_report(self, command: Command, report: ReportTaken) -> Answer:
        """Take a social report in: an inquiry opens, the unit is told, the reporter gets a receipt.

        The receipt says *received, not yet read by a person*; it is no disclosure (design: *A receipt*).
        """
        case_id, number = self._new_id(), self._number()

        def act(now: datetime) -> Change:
            case = CitizenCase.open_inquiry(
                id=case_id, unit=self._unit, standing_grant=self._new_id(), by=command.by, at=now
            )
            case.receive_report(
                report_id=report.report_id,
                reporter=command.by.organisation,
                number=number,
                reference=report.reference,
                urgency=report.urgency,
                happened=report.happened,
                contents=report.contents,
                others=report.others,
                could_kill=report.could_kill,
                free_text=report.free_text,
                basis=report.basis,
                warnings=report.warnings,
                staff_involved=report.staff_involved,
                by=command.by,
                at=now,
            )
            receipt = Receipt(
                report_id=report.report_id,
                number=number,
                status=ReceiptStatus.RECEIVED,
                at=now,
                on_call=self._on_call,
            )
            return Change(
                cases=(case,),
                ids={"case": str(case_id), "number": number},
                mints=(case_id, could_kill_key(case_id), *(p.person for p in report.others)),
                standing=(case.standing_grant,),
                controls=((command.by.organisation, receipt),),
                blind=tuple((self._committer.blind(role, cpr), case_id) for role, cpr in report.cpr),
                needs_partners=(command.by.organisation,),
            )

        return self._once(command, act)

    def refuse_report(self, command: Command, report_id: UUID) -> Answer:
        """Tell a reporter that its report could not be taken in: silence would look like *received*."""

        def act(now: datetime) -> Change:
            receipt = Receipt(
                report_id=report_id, number="-", status=ReceiptStatus.REFUSED, at=now, on_call=self._on_call
            )
            return Change(controls=((command.by.organisation, receipt),))

        return self._once(command, act)

    def match_inquiry(self, command: Command, case_id: UUID, inquiry_id: UUID, reason: str) -> Answer:
        """A person found that an inquiry is about the same citizen: a fact in both, never a copy."""

        def act(case: CitizenCase, now: datetime) -> Change:
            inquiry = self._load(inquiry_id)
            case.match_inquiry(inquiry=inquiry_id, reason=reason, by=command.by, at=now)
            inquiry.be_matched_to(case=case_id, by=command.by, at=now)
            return Change(cases=(case, inquiry), related=(inquiry, *self._related(case, but=inquiry_id)))

        return self._on(command, case_id, act)

    def unmatch_inquiry(self, command: Command, case_id: UUID, inquiry_id: UUID, reason: str) -> Answer:
        """The match was a mistake: undone in both."""

        def act(case: CitizenCase, now: datetime) -> Change:
            inquiry = self._load(inquiry_id)
            case.unmatch_inquiry(inquiry=inquiry_id, reason=reason, by=command.by, at=now)
            inquiry.be_unmatched(case=case_id, by=command.by, at=now)
            return Change(cases=(case, inquiry))

        return self._on(command, case_id, act)

    def read_free_text(self, command: Command, case_id: UUID, entry: int) -> Answer:
        """A named person read an entry's free text against what could kill, and lets it be told."""
        return self._do(
            command, case_id, lambda case, now: case.read_free_text(entry=entry, by=command.by, at=now)
        )

    # --- the case -----------------------------------------------------------------------------------

    def open_case(self, command: Command, case_id: UUID, criteria: dict[str, bool]) -> Answer:
        """Visitation said yes (seed 002 p. 11)."""
        number = self._number()
        return self._do(
            command,
            case_id,
            lambda case, now: case.open_case(number=number, criteria=criteria, by=command.by, at=now),
            ids={"case": str(case_id), "number": number},
        )

    def assign_coordinator(self, command: Command, case_id: UUID, coordinator: Actor) -> Answer:
        """Name the tovholder (seed 002 p. 10)."""
        return self._do(
            command,
            case_id,
            lambda case, now: case.assign_coordinator(coordinator=coordinator, by=command.by, at=now),
        )

    def set_safe_contact(self, command: Command, case_id: UUID, rules: dict[str, Any]) -> Answer:
        """Agree with the citizen how she or he may safely be contacted (seed 002 p. 12)."""
        return self._do(
            command,
            case_id,
            lambda case, now: case.set_safe_contact(rules=CouldKill(rules), by=command.by, at=now),
        )

    def set_address_protection(
        self, command: Command, case_id: UUID, protection: str, address: dict[str, Any]
    ) -> Answer:
        """Record name and address protection with the address that it protects."""
        return self._do(
            command,
            case_id,
            lambda case, now: case.set_address_protection(
                protection=protection, address=CouldKill(address), by=command.by, at=now
            ),
        )

    def assess_safety(
        self,
        command: Command,
        case_id: UUID,
        *,
        instrument: str,
        instrument_version: str,
        answers: dict[str, str],
        judgement: SafetyLevel,
        reason: str,
    ) -> Answer:
        """Record a risk assessment: answers by item id, the professional's judgement, never a total."""
        assessment = self._new_id()
        return self._do(
            command,
            case_id,
            lambda case, now: case.assess_safety(
                assessment_id=assessment,
                instrument=instrument,
                instrument_version=instrument_version,
                answers=answers,
                judgement=judgement,
                reason=reason,
                by=command.by,
                at=now,
            ),
            ids={"assessment": str(assessment)},
        )

    def change_safety_level(self, command: Command, case_id: UUID, level: SafetyLevel, reason: str) -> Answer:
        """Change the safety level; whoever holds a grant for `risk` is told."""
        return self._do(
            command,
            case_id,
            lambda case, now: case.change_safety_level(level=level, reason=reason, by=command.by, at=now),
        )

    # --- consent and legal basis --------------------------------------------------------------------

    def give_consent(
        self,
        command: Command,
        case_id: UUID,
        *,
        recipients: Sequence[str],
        categories: Sequence[Category],
        purpose: str,
        form: ConsentForm,
        given_at: datetime,
        ends_at: datetime,
    ) -> Answer:
        """Record the citizen's consent; each new grant tells the present state of its category."""
        consent_id = self._new_id()
        terms = self._terms(recipients, categories)

        def act(case: CitizenCase, now: datetime) -> Change:
            self._known(recipients)
            case.give_consent(
                consent_id=consent_id,
                grants=terms,
                purpose=purpose,
                form=form,
                given_at=given_at,
                ends_at=ends_at,
                by=command.by,
                at=now,
            )
            return Change(
                cases=(case,),
                related=self._related(case),
                ids={"consent": str(consent_id)},
                grants=tuple((t, ends_at) for t in terms),
                timers=((ends_at, case_id),),
            )

        return self._on(command, case_id, act)

    def withdraw_consent(
        self,
        command: Command,
        case_id: UUID,
        consent_id: UUID,
        *,
        recipient: str | None = None,
        category: Category | None = None,
    ) -> Answer:
        """Withdraw, whole or for one recipient or category: at once, whatever anybody else is doing."""
        command = replace(command, expected=None)

        def act(case: CitizenCase, now: datetime) -> Change:
            ended = case.withdraw_consent(
                consent_id=consent_id, recipient=recipient, category=category, by=command.by, at=now
            )
            return Change(cases=(case,), ends=tuple(ended), reason=RevocationReason.WITHDRAWN)

        return self._on(command, case_id, act, attempts=WITHDRAWAL_ATTEMPTS)

    def record_legal_basis(
        self,
        command: Command,
        case_id: UUID,
        *,
        rule: BasisRule,
        reason: str,
        answers_for: str,
        recipients: Sequence[str],
        categories: Sequence[Category],
        purpose: str,
        ends_at: datetime,
    ) -> Answer:
        """Record a legal basis other than consent, with its reason and who answers for it."""
        basis_id = self._new_id()
        terms = self._terms(recipients, categories)

        def act(case: CitizenCase, now: datetime) -> Change:
            kinds = self._known(recipients)
            case.record_legal_basis(
                basis_id=basis_id,
                rule=rule,
                reason=reason,
                answers_for=answers_for,
                grants=terms,
                purpose=purpose,
                ends_at=ends_at,
                recipient_kinds=kinds,
                by=command.by,
                at=now,
            )
            return Change(
                cases=(case,),
                related=self._related(case),
                ids={"basis": str(basis_id)},
                grants=tuple((t, ends_at) for t in terms),
                timers=((ends_at, case_id),),
            )

        return self._on(command, case_id, act)

    def end_bases_due(self, command: Command, case_id: UUID) -> Answer | None:
        """What reached its end in time ends as a withdrawal does; None where nothing was due."""
        answer = None
        for basis_id in self._due(case_id):

            def act(case: CitizenCase, now: datetime, basis_id: UUID = basis_id) -> Change:
                basis = case.bases[basis_id]
                if basis.rule is None:
                    ended = case.expire_consent(consent_id=basis_id, by=command.by, at=now)
                    reason = RevocationReason.EXPIRED
                else:
                    ended = case.end_legal_basis(basis_id=basis_id, by=command.by, at=now)
                    reason = RevocationReason.BASIS_ENDED
                return Change(cases=(case,), ends=tuple(ended), reason=reason)

            answer = self._on(command, case_id, act, attempts=WITHDRAWAL_ATTEMPTS)
        return answer

    # --- referral -----------------------------------------------------------------------------------

    def request_referral(
        self,
        command: Command,
        case_id: UUID,
        *,
        recipient: str,
        offer: str,
        urgency: Urgency,
        answer_by: datetime | None,
    ) -> Answer:
        """Refer the citizen to a partner's offer; needs a living grant and an agreement that covers it.

        A referral that could not be sent is refused: *requested* must never stand where nobody was asked.
        """
        referral_id = self._new_id()

        def act(case: CitizenCase, now: datetime) -> Change:
            case.request_referral(
                referral_id=referral_id,
                recipient=recipient,
                offer=offer,
                urgency=urgency,
                answer_by=answer_by,
                by=command.by,
                at=now,
            )
            if why_not := may_receive(self._committer.agreement(recipient), Category.REFERRAL):
                raise Conflict(f"recipient: {NOT_RECEIVABLE[why_not]}", field="recipient")
            return Change(cases=(case,), ids={"referral": str(referral_id)}, needs_partners=(recipient,))

        return self._on(command, case_id, act)

    def answer_referral(
        self, command: Command, thread: UUID, referral_id: UUID, status: ReferralStatus, reason: str | None
    ) -> Answer:
        """A partner answers a referral that it was sent; it names the case by its own thread."""
        case_id = self._case_of(thread, command.by.organisation)

        def act(case: CitizenCase, now: datetime) -> Change:
            referral = case.referrals.get(referral_id)
            if referral is None or referral.recipient != command.by.organisation:
                raise Missing("no such referral was sent to you", field="referral")
            case.answer_referral(referral_id=referral_id, status=status, reason=reason, by=command.by, at=now)
            return Change(cases=(case,), needs_partners=(command.by.organisation,))

        return self._on(command, case_id, act)

    def cancel_referral(self, command: Command, case_id: UUID, referral_id: UUID, reason: str) -> Answer:
        """The municipality calls a referral back."""
        return self._do(
            command,
            case_id,
            lambda case, now: case.cancel_referral(
                referral_id=referral_id, reason=reason, by=command.by, at=now
            ),
        )

    # --- partners -----------------------------------------------------------------------------------

    def register_partner(
        self,
        command: Command,
        *,
        slug: str,
        name: str,
        kind: OrganisationKind,
        categories: Sequence[Category],
        sealing_key: bytes,
        signing_key: bytes,
        contact: dict[str, str],
    ) -> Answer:
        """Register a partner with its agreement and public keys; its messages are numbered from here."""
        partner_id = self._committer.partner_id(slug)

        def act(now: datetime) -> Change:
            if self._committer.is_partner(slug):
                raise Conflict("slug: a partner of that name is registered already", field="slug")
            _must_seal(sealing_key)
            partner = Partner.register(
                id=partner_id,
                slug=slug,
                name=name,
                kind=kind,
                categories=tuple(categories),
                sealing_key=sealing_key,
                signing_key=signing_key,
                contact=contact,
                by=command.by,
                at=now,
            )
            row = PartnerRow(slug, kind, True, sealing_key, signing_key)
            return Change(others=(partner,), mints=(partner_id,), partner=row, ids={"partner": slug})

        return self._once(command, act)

    def suspend_partner(self, command: Command, slug: str, reason: str) -> Answer:
        """Stop sending to and opening for a partner, effective at the next request."""
        return self._partner(
            command, slug, lambda p, now: p.suspend(reason=reason, by=command.by, at=now), active=False
        )

    def resume_partner(self, command: Command, slug: str) -> Answer:
        """Let a suspended partner in again."""
        return self._partner(command, slug, lambda p, now: p.resume(by=command.by, at=now), active=True)

    # --- answers to revocations ---------------------------------------------------------------------

    def answer_revocation(
        self, command: Command, thread: UUID, revocation: UUID, basis: str | None, reason: str | None
    ) -> Answer:
        """A recipient says that it purged what was revoked, or on which basis of its own it retains it."""
        recipient = command.by.organisation
        case_id, receipt_id = self._case_of(thread, recipient), self._new_id()
        ledger = self._committer.ledger(thread)
        if ledger is None or revocation not in ledger.revocations:
            raise Missing("no such revocation was sent to you", field="revocation")

        def act(now: datetime) -> Change:
            receipt: Purged | Retained
            if basis is None:
                receipt = Purged.record(
                    id=receipt_id,
                    case_id=case_id,
                    recipient=recipient,
                    revocation=revocation,
                    by=command.by,
                    at=now,
                )
            else:
                receipt = Retained.record(
                    id=receipt_id,
                    case_id=case_id,
                    recipient=recipient,
                    revocation=revocation,
                    basis=basis,
                    reason=reason or "",
                    by=command.by,
                    at=now,
                )
            return Change(others=(receipt,))

        return self._once(command, act)

    # --- how a command is carried out ---------------------------------------------------------------

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

    def _on(
        self,
        command: Command,
        case_id: UUID,
        act: Callable[[CitizenCase, datetime], Change],
        attempts: int = ATTEMPTS,
    ) -> Answer:
        def attempt() -> Answer:
            case = self._committer.case_to_change(case_id)
            if command.expected is not None and case.version != command.expected:
                raise StaleVersion(command.expected, case.version)
            now = max(self._committer.now(), case.latest_time)
            return self._answer(self._committer.commit(command, act(case, now), now))

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

    def _partner(
        self, command: Command, slug: str, change: Callable[[Partner, datetime], None], *, active: bool
    ) -> Answer:
        def act(now: datetime) -> Change:
            partner = self._committer.partner(slug)
            change(partner, now)
            row = PartnerRow(slug, partner.kind, active, partner.sealing_key, partner.signing_key)
            return Change(others=(partner,), partner=row, ids={"partner": slug})

        return self._once(command, act)

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

    def _due(self, case_id: UUID) -> list[UUID]:
        """Bases of a case that reached their end; an erased case has none, and keeps no other from ending."""
        try:
            case = self._load(case_id)
        except Missing:
            return []
        now = max(self._committer.now(), case.latest_time)
        return [
            b.basis_id
            for b in case.bases.values()
            if b.ends_at <= now and any(not case.grants[g].ended for g in b.grants)
        ]

    def _case_of(self, thread: UUID, recipient: str) -> UUID:
        ledger: DisclosureLedger | None = self._committer.ledger(thread)
        if ledger is None or ledger.recipient != recipient:
            raise Missing("no such thread was told to you", field="thread")
        return ledger.case_id

    def _terms(self, recipients: Sequence[str], categories: Sequence[Category]) -> tuple[GrantTerms, ...]:
        return tuple(GrantTerms(self._new_id(), r, c) for r in recipients for c in categories)

    def _known(self, recipients: Sequence[str]) -> dict[str, OrganisationKind]:
        return {slug: self._committer.partner(slug).kind for slug in recipients}

    def _number(self) -> str:
        """A number a person can read out, that says nothing about how many there are: `7KQM-2RXD`."""
        alphabet = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
        value = self._new_id().int
        letters = [alphabet[value // 30**n % 30] for n in range(8)]
        return "".join(letters[:4]) + "-" + "".join(letters[4:])


def _must_seal(key: bytes) -> None:
    """A key to which nothing can be sealed would stop every withdrawal that has to be told to its partner."""
    try:
        seal_blank("any", "any", UUID(int=0), key)
    except ValueError:
        raise Invalid(
            "sealing_key: nothing can be sealed to it; make new keys", field="sealing_key"
        ) from None
