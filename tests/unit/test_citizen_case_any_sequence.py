"""Whatever is commanded, in whatever order: the rules that never bend hold (domain.md)."""

import ast
import inspect
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from contracts.terms import (
    AddressProtection,
    BasisRule,
    Category,
    MoveRefusal,
    MoveStatus,
    OrganisationKind,
    ReferralStatus,
    RetractionReason,
    SafetyLevel,
    Urgency,
)
from hub.aggregates.base import Actor, login_of, project
from hub.aggregates.citizen_case import moving, referral
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.children import waiting_notifications
from hub.aggregates.citizen_case.emergency import unjustified, unreviewed
from hub.aggregates.citizen_case.ending import OVER
from hub.aggregates.citizen_case.events import (
    CaseClosed,
    CaseEscalated,
    ChildNotificationDue,
    ConsentCorrected,
    ConsentGiven,
    CoordinatorAssigned,
    EmergencyReviewed,
    FollowUpEnded,
    GrantsEnded,
    LegalBasisCorrected,
    LegalBasisRecorded,
    PersonBlocked,
    PersonUnblocked,
    ReferralRequested,
)
from hub.aggregates.citizen_case.terms import (
    AgeKnownBy,
    Channel,
    ContactDecision,
    ContactOutcome,
    ErasureGround,
    HandOverReason,
    HandOverRefusal,
    KeepingRule,
    NotificationCause,
    NotificationDecision,
    NotNotifiedReason,
    ReopeningReason,
    ReviewFinding,
    SetAsideReason,
    StaysPossible,
    Topic,
    UnsafeReason,
)
from hub.aggregates.citizen_case.transitions import LEGAL
from hub.aggregates.citizen_case.values import CaseState, ConsentForm, GrantTerms
from hub.aggregates.sealing import CouldKill
from hub.errors import HubError
from tests.criteria import MET
from tests.given import BEGAN, CASEWORKER, STREAM
from tests.unit.case_facts import (
    ANOTHER,
    AT_NEXT,
    AT_NGO,
    AT_POLICE,
    CLOSING,
    NEXT,
    NGO,
    POLICE,
    REPORTED,
    SHELTER,
    TOVHOLDER,
    UNIT,
    made_up,
)

FREE_TEXT = Category.FREE_TEXT
RECIPIENTS = st.sampled_from([NGO, SHELTER, POLICE, NEXT])
CATEGORIES = st.sampled_from(
    [Category.REFERRAL, Category.RISK, Category.IDENTITY, Category.FREE_TEXT, Category.COORDINATION]
)
MINUTES = st.integers(min_value=-30, max_value=600)
"""Also back: clocks are moved."""
SELDOM = st.integers(0, 3)
"""What brings a case to rest is done at a nought alone: it would else be over before it began."""
DAYS = st.integers(min_value=1, max_value=3)
NEVER_REFUSED = (
    CitizenCase.withdraw_consent,
    CitizenCase.correct_consent,
    CitizenCase.correct_legal_basis,
    CitizenCase.decline,
)
STEPS: Mapping[str, Mapping[Any, str]] = {"answer_referral": referral.ANSWERS, "answer_move": moving.ANSWERS}
"""Answers that come in: which command of the table each takes."""
ENDS_MORE = (CaseClosed, ConsentCorrected, EmergencyReviewed, FollowUpEnded, LegalBasisCorrected)
"""Facts that say more than that grants ended."""


class AnySequence(RuleBasedStateMachine):
    """Commands as they come; a plain model of what has ended stands beside the case."""

    happened: ClassVar[Counter[str]] = Counter()
    """How often each command came through, in all the sequences together."""

    @initialize(come=st.integers(0, 5))
    def an_inquiry(self, come: int) -> None:
        """How far things have come: from an inquiry alone few sequences reach a referral or a move."""
        self.clock = BEGAN
        self.count = 0
        self.ended: set[UUID] = set()
        self.granted: dict[UUID, tuple[str, Category, datetime]] = {}
        self.events: list[Any] = []
        self.waits = False
        self.case = CitizenCase.open_inquiry(
            id=STREAM, unit=UNIT, standing_grant=self.new_id(), by=CASEWORKER, at=self.clock
        )
        self.collect()
        beginning: list[Callable[[], object]] = [
            lambda: self.do(CitizenCase.receive_report, **{**REPORTED, "report_id": self.new_id()}),
            lambda: self.do(CitizenCase.open_case, number="7KQM-2RXD", criteria=MET),
            lambda: self.a_consent([NGO, NEXT], [Category.REFERRAL, Category.COORDINATION], 3),
            self.a_coordinator,
            lambda: self.a_referral(NGO, 4),
        ]
        for step in beginning[:come]:
            step()

    def new_id(self) -> UUID:
        self.count += 1
        return made_up(1000 + self.count)

    def collect(self) -> None:
        for event in self.case.collect_events():
            self.events.append(event)
            if isinstance(event, ConsentGiven | LegalBasisRecorded):
                self.granted |= {t.grant_id: (t.recipient, t.category, event.ends_at) for t in event.grants}
            if isinstance(event, GrantsEnded):
                assert event.grants or isinstance(event, ENDS_MORE), "an end that ends nothing is no fact"
                assert not self.ended & set(event.grants), "a grant ends once"
                self.ended |= set(event.grants)

    def now(self) -> datetime:
        """The later of the clock and the log."""
        latest: datetime = max(e.timestamp for e in self.events)
        return max(self.clock, latest)

    def model_allows(self, recipient: str, category: Category) -> bool:
        return any(
            (who, what) == (recipient, category) and grant not in self.ended and self.now() < ends_at
            for grant, (who, what, ends_at) in self.granted.items()
        )

    def do(self, command: Any, **args: Any) -> None:
        before = self.case.version
        refused = None
        try:
            command(self.case, at=self.clock, **{"by": CASEWORKER, **args})
        except HubError as error:
            refused = error
        if self.case.version > before:
            name = str(command.__name__)
            AnySequence.happened[STEPS[name][args["status"]] if name in STEPS else name] += 1
        if refused is not None:
            assert self.case.version == before
            assert refused.field
            assert command not in NEVER_REFUSED, "a no is never refused"
        self.collect()

    @rule(minutes=MINUTES)
    def time_passes(self, minutes: int) -> None:
        self.clock += timedelta(minutes=minutes)

    @rule()
    def a_report(self) -> None:
        self.do(CitizenCase.receive_report, **{**REPORTED, "report_id": self.new_id()})

    @precondition(lambda self: self.case.reports)
    @rule(data=st.data())
    def a_report_is_added_to(self, data: st.DataObject) -> None:
        report = data.draw(st.sampled_from(sorted(self.case.reports)))
        words = {**REPORTED, "report_id": self.new_id(), "supplements": report, "by": AT_POLICE}
        self.do(CitizenCase.supplement_report, **words)

    @precondition(lambda self: self.case.reports)
    @rule(data=st.data(), reason=st.sampled_from(RetractionReason))
    def a_report_is_taken_back(self, data: st.DataObject, reason: RetractionReason) -> None:
        report = data.draw(st.sampled_from(sorted(self.case.reports)))
        words = {"reason": reason, "explanation": "", "built_on": {}, "by": AT_POLICE}
        self.do(CitizenCase.retract_report, report_id=report, **words)
        taken_back = self.case.reports[report] in self.case.retracted
        assert taken_back or self.case.state is CaseState.ERASED

    @precondition(lambda self: self.case.reports)
    @rule(data=st.data(), told=st.booleans())
    def a_report_is_taken_up(self, data: st.DataObject, told: bool) -> None:
        report = data.draw(st.sampled_from(sorted(self.case.reports)))
        twice = report in self.case.taken_up
        before = self.case.version
        words = {"report_id": report, "may_be_told": {POLICE} if told else {NGO}}
        self.do(CitizenCase.take_up_report, **words)
        may = told and self.case.state not in {CaseState.MOVED, CaseState.ERASED}
        assert (self.case.version > before) == (may and not twice)

    @invariant()
    def what_was_taken_back_stands_no_longer(self) -> None:
        assert not self.case.retracted & {e.version for e in self.case.entries}
        assert not self.case.retracted & {version for version, _ in self.case.could_kill}

    @precondition(lambda self: self.case.bases)
    @rule(data=st.data(), kind=st.sampled_from([OrganisationKind.MUNICIPAL_UNIT, OrganisationKind.NGO]))
    def it_is_not_ours(self, data: st.DataObject, kind: OrganisationKind) -> None:
        basis = data.draw(st.sampled_from(sorted(self.case.bases)))
        for version in self.case.reports.values():
            self.do(CitizenCase.read_free_text, entry=version)
        self.do(CitizenCase.find_not_ours, basis_id=basis, kind=kind)
        if data.draw(st.booleans()):
            self.do(CitizenCase.erase)

    @rule(entry=st.integers(1, 12))
    def somebody_reads(self, entry: int) -> None:
        self.do(CitizenCase.read_free_text, entry=entry)

    @rule(
        entry=st.integers(1, 12),
        field=st.sampled_from(["contents.identity", "instead", "level", "reason", "outcome"]),
    )
    def a_mistake_is_corrected(self, entry: int, field: str) -> None:
        stood = {(e.version, e.content.field): e for e in self.case.entries}
        instead = {"text": f"Rettet {self.count}"} if field == "reason" else {"name": f"Rettet {self.count}"}
        words = {"level": {"level": "raised"}, "outcome": {"outcome": "reached"}}.get(field, instead)
        before = self.case.version
        self.do(CitizenCase.correct_entry, entry=entry, field=field, instead=words, reason="Forkert")
        if self.case.version > before:
            old = stood[entry, field]
            new = next(e for e in self.case.entries if e.content.corrects == (entry, field))
            assert (entry, field) not in {(e.version, e.content.field) for e in self.case.entries}
            assert (new.content.category, new.content.bans) == (old.content.category, old.content.bans)

    @rule(criterion=st.sampled_from([True, True, True, False]))
    def visitation(self, criterion: bool) -> None:
        self.do(CitizenCase.open_case, number="7KQM-2RXD", criteria={**MET, "adult": criterion})

    @rule(other=st.sampled_from([made_up(1), made_up(2)]), way=st.integers(0, 3))
    def matching(self, other: UUID, way: int) -> None:
        match way:
            case 0:
                self.do(CitizenCase.match_inquiry, inquiry=other, reason="Samme")
            case 1:
                self.do(CitizenCase.unmatch_inquiry, inquiry=other, reason="En anden")
            case 2:
                self.do(CitizenCase.be_matched_to, case=other)
            case _:
                self.do(CitizenCase.be_unmatched, case=other)

    @rule(inquiry=st.sampled_from([made_up(1), made_up(2)]), entry=st.integers(1, 12))
    def what_happens_in_a_matched_inquiry(self, inquiry: UUID, entry: int) -> None:
        """Of one that is not matched to it the case hears nothing."""
        before = self.case.version
        self.do(CitizenCase.read_inquiry_text, inquiry=inquiry, entry=entry)
        self.do(CitizenCase.continue_inquiry, inquiry=inquiry, version=entry)
        assert inquiry in self.case.inquiries or self.case.version == before

    @rule(decision=st.sampled_from(ContactDecision), outcome=st.sampled_from(ContactOutcome))
    def contact(self, decision: ContactDecision, outcome: ContactOutcome) -> None:
        made = decision is ContactDecision.CONTACT
        self.do(
            CitizenCase.decide_contact,
            decision=decision,
            how=CouldKill({"channel": "sms"}) if made else None,
            contact_by=TOVHOLDER if made else None,
            before=self.now() + timedelta(hours=1) if made else None,
            reason="Hun vil gerne",
        )
        self.do(
            CitizenCase.attempt_contact,
            channel=Channel.SMS,
            outcome=outcome,
            attempted_at=self.clock,
            text="",
        )
        self.do(CitizenCase.give_information, topics=(Topic.VIOLENCE,), told_at=self.clock)

    @rule(days=DAYS)
    def nobody_asks(self, days: int) -> None:
        self.do(
            CitizenCase.leave_consent_unasked,
            question_id=self.new_id(),
            reason=UnsafeReason.CONTACT_WATCHED,
            text="Han læser med",
            review_at=self.clock + timedelta(days=days),
        )

    @rule(really=SELDOM)
    def advice(self, really: int) -> None:
        if not really:
            self.do(
                CitizenCase.advise_anonymously,
                number="7KQM-2RXD",
                channel=Channel.PHONE_CALL,
                topics=(Topic.RIGHTS,),
            )

    @rule(really=SELDOM, reason=st.sampled_from(SetAsideReason))
    def aside(self, really: int, reason: SetAsideReason) -> None:
        if not really:
            self.do(CitizenCase.set_report_aside, reason=reason, text="Ikke her")

    @rule(really=SELDOM)
    def a_no_to_help(self, really: int) -> None:
        if not really:
            self.do(CitizenCase.decline, stays_possible=(StaysPossible.LATER_YES,), words="Nej")

    @rule(days=st.none() | DAYS, level=st.sampled_from(SafetyLevel), going_on=st.booleans())
    def the_end(self, days: int | None, level: SafetyLevel, going_on: bool) -> None:
        was, now = self.case.state, self.now()
        still = [r.referral_id for r in self.case.referrals.values() if r.status not in OVER]
        self.do(
            CitizenCase.close_case,
            **{
                **CLOSING,
                "safety_level": level,
                "going_on": tuple(still) if going_on else (),
                "follow_up_until": now + timedelta(days=days) if days else None,
            },
        )
        if was is CaseState.OPEN and self.case.state is CaseState.CLOSED:
            assert not self.waits, "closed over a child"
            assert level is not SafetyLevel.ACUTE
            assert set(still) <= ({*still} if going_on and days else set())
            consents = {b.basis_id for b in self.case.bases.values() if b.rule is None}
            assert days or not [g for g in self.case.living_grants(now) if g.basis_id in consents]

    @rule()
    def nobody_follows_up(self) -> None:
        self.do(CitizenCase.end_follow_up)
        if isinstance(self.events[-1], FollowUpEnded):
            consents = {b.basis_id for b in self.case.bases.values() if b.rule is None}
            assert not [g for g in self.case.living_grants(self.now()) if g.basis_id in consents]

    @rule(reason=st.sampled_from(ReopeningReason))
    def a_new_beginning(self, reason: ReopeningReason) -> None:
        was = self.case.state
        self.do(CitizenCase.reopen_case, reason=reason, text="Igen")
        if was is CaseState.MINOR:
            assert (self.case.state is CaseState.MINOR) == (reason is not ReopeningReason.FOUND_ADULT)

    @rule(entry=st.integers(1, 12))
    def a_child_at_risk(self, entry: int) -> None:
        due_id = self.new_id()
        self.do(
            CitizenCase.child_notification_falls_due,
            due_id=due_id,
            cause=NotificationCause.OBSERVATION,
            entry=entry,
        )
        if isinstance(self.events[-1], ChildNotificationDue):
            self.waits = True

    @precondition(lambda self: self.case.notifications)
    @rule(data=st.data(), told=st.booleans())
    def somebody_answers(self, data: st.DataObject, told: bool) -> None:
        due = data.draw(st.sampled_from(sorted(self.case.notifications)))
        was = self.case.notifications[due].decision
        yes, no = NotificationDecision
        self.do(
            CitizenCase.answer_child_notification,
            due_id=due,
            decision=yes if told else no,
            decided_by="Birgit Prøve",
            recipient=None,
            basis_id=None,
            notified_at=self.now() if told else None,
            reason=None if told else NotNotifiedReason.NO_CONCERN,
            text="Talt med børneafdelingen",
        )
        self.waits = self.waits and was is not None

    @rule(really=SELDOM)
    def under_18(self, really: int) -> None:
        if not really:
            self.do(CitizenCase.flag_minor, known_by=AgeKnownBy.FOUND_OUT)

    @rule(protection=st.sampled_from(AddressProtection), place=st.integers(1, 3))
    def what_could_kill(self, protection: AddressProtection, place: int) -> None:
        """Known by the case, and in nothing that it tells."""
        where = f"Opdigtet Allé {place}"
        self.do(CitizenCase.set_safe_contact, rules=CouldKill({"meeting_place": where}))
        protected = CouldKill({"address": where})
        self.do(CitizenCase.set_address_protection, protection=protection, address=protected)
        told = [e for e in self.case.present_state(set(Category)) if e.content.category is not FREE_TEXT]
        assert where not in str([e.content.data for e in told])

    @rule(number=st.sampled_from(["0101010101", "0202020202"]))
    def a_number(self, number: str) -> None:
        self.do(CitizenCase.change_cpr_number, cpr=number)

    @rule(judgement=st.sampled_from(SafetyLevel), total=st.booleans())
    def an_assessment(self, judgement: SafetyLevel, total: bool) -> None:
        before = self.case.version
        self.do(
            CitizenCase.assess_safety,
            assessment_id=self.new_id(),
            instrument="patriarch",
            instrument_version="2",
            answers={"total" if total else "1": "yes"},
            judgement=judgement,
            reason="Trusler",
        )
        assert not total or self.case.version == before, "a computed total is never kept"

    @rule(person=st.sampled_from(["sub-70", "sub-80"]), way=st.integers(0, 2))
    def the_block_list(self, person: str, way: int) -> None:
        """Who is blocked stays so until somebody says otherwise, whatever else happens."""
        match way:
            case 0:
                words = {"name": "Nabo Opdigtet", "reason": "Søster til en part"}
                self.do(CitizenCase.block_person, organisation=UNIT, person=person, **words)
            case 1:
                self.do(CitizenCase.unblock_person, organisation=UNIT, person=person, reason="En anden")
            case _:
                self.do(CitizenCase.consider_block_list, reason="Ingen kender parterne")

    @precondition(lambda self: self.case.matched_to)
    @rule(really=SELDOM, which=st.sampled_from([made_up(1), made_up(2)]))
    def the_case_that_it_is_matched_to_is_forgotten(self, really: int, which: UUID) -> None:
        if not really:
            was, before = self.case.matched_to, self.case.version
            self.do(CitizenCase.be_erased_with, case=which)
            assert which == was or self.case.version == before, "an inquiry goes with its own case alone"

    @invariant()
    def who_is_blocked_stays_so_until_somebody_says_otherwise(self) -> None:
        blocked = set()
        for event in self.events:
            if isinstance(event, PersonBlocked):
                blocked.add(event.blocked.login)
            if isinstance(event, PersonUnblocked):
                blocked.remove(login_of(event.organisation, event.person))
        assert set(self.case.blocked) == blocked

    @rule(level=st.sampled_from(SafetyLevel))
    def a_level(self, level: SafetyLevel) -> None:
        self.do(CitizenCase.change_safety_level, level=level, reason="Vurderet")

    @rule()
    def a_coordinator(self) -> None:
        self.do(CitizenCase.assign_coordinator, coordinator=TOVHOLDER)

    @rule(to=st.sampled_from([TOVHOLDER, ANOTHER]), hours=st.integers(1, 24))
    def a_hand_over(self, to: Actor, hours: int) -> None:
        self.do(
            CitizenCase.request_hand_over,
            hand_over_id=self.new_id(),
            to=to,
            reason=HandOverReason.WORKLOAD,
            accept_by=self.now() + timedelta(hours=hours),
        )

    @precondition(lambda self: self.case.hand_over)
    @rule(by=st.sampled_from([TOVHOLDER, ANOTHER]), accepts=st.booleans())
    def its_answer(self, by: Actor, accepts: bool) -> None:
        asked, before = self.case.hand_over, self.case.coordinator
        assert asked is not None
        if accepts:
            self.do(CitizenCase.accept_hand_over, hand_over_id=asked.hand_over_id, by=by)
        else:
            reason = HandOverRefusal.NO_CAPACITY
            self.do(CitizenCase.decline_hand_over, hand_over_id=asked.hand_over_id, reason=reason, by=by)
        coordinated = {CaseState.OPEN, CaseState.CLOSED, CaseState.MOVED}
        answered = by.person == asked.to.person and self.case.state in coordinated
        assert (self.case.hand_over is None) == answered
        assert self.case.coordinator == (asked.to if answered and accepts else before)

    @rule(who=st.sampled_from([TOVHOLDER, ANOTHER]), hours=st.integers(1, 24))
    def a_substitute(self, who: Actor, hours: int) -> None:
        until = self.now() + timedelta(hours=hours)
        self.do(CitizenCase.name_substitute, substitute=who, ends_at=until)

    @invariant()
    def somebody_is_responsible_from_the_first_time_on(self) -> None:
        named = any(isinstance(e, CoordinatorAssigned) for e in self.events)
        assert (self.case.coordinator is not None) == named

    @rule(recipients=st.lists(RECIPIENTS, max_size=3), categories=st.lists(CATEGORIES, max_size=3), days=DAYS)
    def a_consent(self, recipients: list[str], categories: list[Category], days: int) -> None:
        terms = tuple(GrantTerms(self.new_id(), r, c) for r in recipients for c in categories)
        self.do(
            CitizenCase.give_consent,
            consent_id=self.new_id(),
            grants=terms,
            purpose="Hjælp",
            form=ConsentForm.WRITTEN,
            given_at=self.clock,
            ends_at=self.clock + timedelta(days=days),
        )

    @rule(recipient=RECIPIENTS, rule_=st.sampled_from(BasisRule), days=DAYS)
    def some_legal_basis(self, recipient: str, rule_: BasisRule, days: int) -> None:
        self.a_legal_basis(recipient, rule_, days)

    def a_legal_basis(self, recipient: str, rule_: BasisRule, days: int) -> None:
        kinds = {
            NGO: OrganisationKind.NGO,
            SHELTER: OrganisationKind.SHELTER,
            POLICE: OrganisationKind.POLICE,
            NEXT: OrganisationKind.MUNICIPAL_UNIT,
        }
        self.do(
            CitizenCase.record_legal_basis,
            basis_id=self.new_id(),
            rule=rule_,
            reason="Fare",
            answers_for="Birgit Prøve",
            grants=(GrantTerms(self.new_id(), recipient, Category.RISK),),
            purpose="Afværge fare",
            ends_at=self.clock + timedelta(days=days),
            recipient_kinds=kinds,
        )

    @precondition(lambda self: self.case.bases)
    @rule(data=st.data())
    def she_says_no(self, data: st.DataObject) -> None:
        consents = sorted((b for b in self.case.bases.values() if b.rule is None), key=lambda b: b.basis_id)
        if consents:
            consent = data.draw(st.sampled_from(consents))
            grant = self.case.grants[data.draw(st.sampled_from(consent.grants))]
            whole = data.draw(st.sampled_from(["whole", "recipient", "category", "both"]))
            self.do(
                CitizenCase.withdraw_consent,
                consent_id=consent.basis_id,
                recipient=grant.recipient if whole in {"recipient", "both"} else None,
                category=grant.category if whole in {"category", "both"} else None,
            )
            if whole in {"whole", "recipient", "both"}:
                assert self.case.grants[grant.grant_id].ended

    @precondition(lambda self: self.case.bases)
    @rule(data=st.data(), whole=st.booleans())
    def a_consent_was_recorded_wrongly(self, data: st.DataObject, whole: bool) -> None:
        consents = sorted((b for b in self.case.bases.values() if b.rule is None), key=lambda b: b.basis_id)
        if consents:
            consent = data.draw(st.sampled_from(consents))
            grant = self.case.grants[data.draw(st.sampled_from(consent.grants))]
            self.do(
                CitizenCase.correct_consent,
                consent_id=consent.basis_id,
                recipient=grant.recipient,
                category=None if whole else grant.category,
                reason="Aldrig sagt",
            )
            assert self.case.grants[grant.grant_id].ended
            assert grant.grant_id in self.case.struck

    @precondition(lambda self: self.case.bases)
    @rule(data=st.data(), whole=st.booleans())
    def a_legal_basis_was_recorded_wrongly(self, data: st.DataObject, whole: bool) -> None:
        legal = sorted((b for b in self.case.bases.values() if b.rule), key=lambda b: b.basis_id)
        if legal:
            basis = data.draw(st.sampled_from(legal))
            grant = self.case.grants[data.draw(st.sampled_from(basis.grants))]
            self.do(
                CitizenCase.correct_legal_basis,
                basis_id=basis.basis_id,
                recipient=grant.recipient,
                category=None if whole else grant.category,
                reason="Ikke den rigtige regel",
            )
            assert self.case.grants[grant.grant_id].ended
            assert grant.grant_id in self.case.struck

    @precondition(lambda self: self.case.bases)
    @rule(data=st.data())
    def an_end(self, data: st.DataObject) -> None:
        basis = data.draw(st.sampled_from(sorted(self.case.bases)))
        self.do(CitizenCase.expire_consent, consent_id=basis)
        self.do(CitizenCase.end_legal_basis, basis_id=basis)

    @precondition(lambda self: self.case.bases)
    @rule(data=st.data())
    def the_citizen_is_told(self, data: st.DataObject) -> None:
        basis = data.draw(st.sampled_from(sorted(self.case.bases)))
        self.do(CitizenCase.tell_citizen, basis_id=basis, told_at=self.clock)

    @rule(recipient=RECIPIENTS, hours=st.none() | st.integers(1, 24))
    def a_referral(self, recipient: str, hours: int | None) -> None:
        may = self.model_allows(recipient, Category.REFERRAL)
        self.do(
            CitizenCase.request_referral,
            referral_id=self.new_id(),
            recipient=recipient,
            offer="samtale",
            urgency=Urgency.ROUTINE,
            answer_by=None if hours is None else self.now() + timedelta(hours=hours),
        )
        last = self.events[-1]
        asked = isinstance(last, ReferralRequested) and last.referral_id == made_up(1000 + self.count)
        assert asked == (may and self.case.state is CaseState.OPEN)

    @precondition(lambda self: self.case.referrals)
    @rule(data=st.data(), status=st.sampled_from(ReferralStatus))
    def an_answer(self, data: st.DataObject, status: ReferralStatus) -> None:
        referral = data.draw(st.sampled_from(sorted(self.case.referrals)))
        if status is ReferralStatus.CANCELLED:
            self.do(CitizenCase.cancel_referral, referral_id=referral, reason="not_safe")
        reason = "no_capacity" if status is ReferralStatus.REJECTED else None
        self.do(CitizenCase.answer_referral, referral_id=referral, status=status, reason=reason, by=AT_NGO)

    @rule(
        hours=st.integers(1, 24),
        kind=st.sampled_from([OrganisationKind.MUNICIPAL_UNIT, OrganisationKind.NGO]),
    )
    def a_move(self, hours: int, kind: OrganisationKind) -> None:
        may = self.model_allows(NEXT, Category.COORDINATION) and self.case.state is CaseState.OPEN
        waits = any(m.status is MoveStatus.REQUESTED for m in self.case.moves.values())
        before = len(self.case.moves)
        self.do(
            CitizenCase.request_move,
            move_id=self.new_id(),
            recipient=NEXT,
            kind=kind,
            answer_by=self.now() + timedelta(hours=hours),
        )
        asked = len(self.case.moves) > before
        assert asked == (may and not waits and kind is OrganisationKind.MUNICIPAL_UNIT)

    @precondition(lambda self: self.case.moves)
    @rule(status=st.sampled_from(MoveStatus), by=st.sampled_from([AT_NEXT, AT_NGO, CASEWORKER]))
    def the_next_municipality(self, status: MoveStatus, by: Actor) -> None:
        move_id = list(self.case.moves)[-1]
        may, before = self.model_allows(NEXT, Category.COORDINATION), self.case.state
        if status is MoveStatus.CANCELLED:
            self.do(CitizenCase.cancel_move, move_id=move_id, by=by)
        reason = MoveRefusal.TOO_LITTLE_TOLD if status is MoveStatus.DECLINED else None
        self.do(CitizenCase.answer_move, move_id=move_id, status=status, reason=reason, by=by)
        if self.case.state is not before:
            assert (may, by, before) == (True, AT_NEXT, CaseState.OPEN), "we keep it until they accept"

    @invariant()
    def what_moved_has_exactly_one_new_home(self) -> None:
        taken = [m for m in self.case.moves.values() if m.status is MoveStatus.ACCEPTED]
        assert len(taken) <= 1
        if self.case.state is not CaseState.ERASED:  # What moved is forgotten here too when she asks.
            assert bool(taken) == (self.case.state is CaseState.MOVED)

    @rule(data=st.data(), finding=st.sampled_from(ReviewFinding), by=st.sampled_from([CASEWORKER, TOVHOLDER]))
    def an_emergency_is_reviewed(self, data: st.DataObject, finding: ReviewFinding, by: Actor) -> None:
        if data.draw(st.booleans()):
            self.a_legal_basis(POLICE, BasisRule.VITAL_INTEREST, 1)
        if self.case.emergencies:
            basis_id = data.draw(st.sampled_from(self.case.emergencies)).basis_id
            said = {"basis_id": basis_id, "finding": finding, "reason": "Gennemgået"}
            self.do(CitizenCase.review_emergency, **said, by=by)

    @invariant()
    def an_emergency_is_reviewed_once_by_another_and_one_not_justified_has_ended(self) -> None:
        made = {told.basis_id: told for told in self.case.emergencies}
        reviews = [e for e in self.events if isinstance(e, EmergencyReviewed)]
        assert len({e.basis_id for e in reviews}) == len(reviews)
        for review in reviews:
            assert review.by.login != made[review.basis_id].by.login
            if review.finding is ReviewFinding.NOT_JUSTIFIED:
                assert set(self.case.bases[review.basis_id].grants) <= self.ended

    @rule(how=st.sampled_from(["asked", "refused", "granted"]), considered=st.booleans())
    def she_asks_to_be_forgotten(self, how: str, considered: bool) -> None:
        self.do(CitizenCase.request_erasure, request_id=self.new_id(), asked_at=self.clock)
        if self.case.erasure is None or how == "asked":
            return
        asked = {"request_id": self.case.erasure.request_id, "reason": "Afgjort"}
        if how == "refused":
            self.do(CitizenCase.refuse_erasure, **asked, rule=KeepingRule.LEGAL_DUTY)
            return
        waits, before = self.waits or unreviewed(self.case), self.case.version
        mistaken = bool(self.case.struck or self.case.mistakes or unjustified(self.case))
        self.do(
            CitizenCase.grant_erasure,
            **asked,
            ground=ErasureGround.NO_LONGER_NEEDED,
            breaches_considered=considered,
        )
        if self.case.version > before:
            assert not waits, "a child or an emergency that waits is answered first"
            assert considered or not mistaken
            assert set(self.case.grants) == self.ended, "nothing is told or opened any more"

    @rule()
    def the_clock_escalates(self) -> None:
        for waited in self.case.deadlines(acute_read_within=timedelta(minutes=30)):
            self.do(CitizenCase.escalate, what=waited.what, of=waited.of, due=waited.due)

    @invariant()
    def nothing_escalates_twice_nor_before_its_time(self) -> None:
        told = [e for e in self.events if isinstance(e, CaseEscalated)]
        assert len({(e.what, e.of, e.due) for e in told}) == len(told)
        assert all(e.due <= e.timestamp for e in told)

    @invariant()
    def what_has_ended_never_lives_again(self) -> None:
        for now in (BEGAN, self.clock, self.case.latest_time):
            assert not self.ended & {g.grant_id for g in self.case.living_grants(now)}

    @invariant()
    def the_case_and_the_model_agree_on_what_lives(self) -> None:
        living = {g.grant_id for g in self.case.living_grants(self.now())} - {self.case.standing_grant}
        alive = {g for g, (_, _, ends_at) in self.granted.items() if self.now() < ends_at}
        assert living == alive - self.ended

    @invariant()
    def what_was_recorded_wrongly_has_ended(self) -> None:
        assert self.case.struck <= self.ended

    @invariant()
    def the_owner_always_holds_its_grant(self) -> None:
        erased = self.case.state is CaseState.ERASED
        assert (self.case.standing(self.case.moment(self.clock)) is None) == erased

    @invariant()
    def every_grant_but_the_standing_one_has_a_basis_and_an_end(self) -> None:
        for grant in self.case.grants.values():
            if grant.grant_id != self.case.standing_grant:
                assert grant.ends_at is not None
                assert grant.grant_id in self.case.bases[grant.basis_id].grants
                assert grant.category is not None
                assert grant.recipient != UNIT

    @invariant()
    def versions_have_no_gaps_and_time_never_runs_back(self) -> None:
        assert [e.originator_version for e in self.events] == list(range(1, len(self.events) + 1))
        times = [e.timestamp for e in self.events]
        assert times == sorted(times)

    @invariant()
    def a_child_notification_waits_until_it_is_answered(self) -> None:
        """One at a time, and by nothing but an answer does it go away."""
        assert len(waiting_notifications(self.case)) == self.waits

    @invariant()
    def replay_gives_the_same_case(self) -> None:
        assert project(None, self.events) == self.case

    @invariant()
    def unread_text_is_never_told(self) -> None:
        told = self.case.present_state({Category.FREE_TEXT})
        assert {e.version for e in told} <= self.case.free_text_read

    @invariant()
    def a_matched_inquiry_knows_to_which(self) -> None:
        """One that is erased with its case was matched to it to the last."""
        if self.case.state is not CaseState.ERASED:
            assert (self.case.state is CaseState.MATCHED) == (self.case.matched_to is not None)


def drawn() -> set[str]:
    """The commands that the rules above name, and those that an answer takes."""
    tree = ast.parse(inspect.getsource(AnySequence))
    named = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "CitizenCase"
    }
    return (named - {"open_inquiry"} - STEPS.keys()).union(
        *(STEPS[name].values() for name in STEPS.keys() & named)
    )


def test_every_command_of_the_table_is_drawn() -> None:
    assert drawn() == set(LEGAL)


def test_whatever_is_commanded_in_whatever_order() -> None:
    """Most of the table came through: refusals alone would show nothing. Draws come in clumps: then again."""
    AnySequence.happened.clear()
    for _ in range(5):
        run_state_machine_as_test(
            AnySequence, settings=settings(max_examples=150, stateful_step_count=40, deadline=None)
        )
        if came_through():
            return
    assert came_through(), AnySequence.happened


def came_through() -> bool:
    """Whether what happened is most of the table, with what the hub is there for."""
    happened = AnySequence.happened.keys()
    needed = {"give_consent", "withdraw_consent", "request_referral"}
    return len(happened) > len(LEGAL) / 2 and needed <= happened
