"""The citizen's case (sag, borgerforløb): what is known, what stands, and what may happen next.

In words: a report opens an inquiry. A person matches the inquiry to another case of the same citizen, or
visitation says yes and the inquiry is a case (seed 002 p. 11). Only a consent or a legal basis makes grants,
and what has ended never lives again. Withdrawal and a legal basis are possible in every state: a "no" is
always heard, and an emergency is never blocked (domain rules 1 and 6). A case rests where its report was set
aside or the citizen said no, ends with a closing conversation (p. 15), and begins again with its history. It
moves with its citizen once the next municipality accepts it; then nothing new begins in it here. A report
on a minor is taken in and never opened: it is child services' matter. What is not ours is forwarded,
and erased here when it was taken over there. A citizen who asks to be forgotten is answered.

When a command is legal (`yes`) or refused with `IllegalTransition` (`-`), by the state of the case:

    command                       inquiry  matched  open  set_aside  closed  moved  minor  forwarded  erased
    receive_report                yes      -        yes   -          -       -      -      -          -
    take_up_report                yes      yes      yes   yes        yes     -      yes    yes        -
    supplement_report             yes      yes      yes   yes        yes     yes    yes    yes        -
    retract_report                yes      yes      yes   yes        yes     yes    yes    yes        -
    match_inquiry                 yes      -        yes   -          -       -      -      -          -
    be_matched_to                 yes      -        -     -          -       -      -      -          -
    unmatch_inquiry               yes      -        yes   yes        yes     yes    yes    yes        -
    be_unmatched                  -        yes      -     -          -       -      -      -          -
    read_free_text                yes      yes      yes   yes        yes     yes    yes    yes        -
    read_inquiry_text             yes      -        yes   yes        yes     yes    yes    yes        -
    correct_entry                 yes      yes      yes   yes        yes     yes    yes    yes        -
    correct_consent               yes      yes      yes   yes        yes     yes    yes    yes        yes
    correct_legal_basis           yes      yes      yes   yes        yes     yes    yes    yes        yes
    continue_inquiry              yes      -        yes   yes        yes     yes    yes    yes        -
    open_case                     yes      -        -     -          -       -      -      -          -
    assign_coordinator            -        -        yes   -          yes     yes    -      -          -
    request_hand_over             -        -        yes   -          yes     yes    -      -          -
    accept_hand_over              -        -        yes   -          yes     yes    -      -          -
    decline_hand_over             -        -        yes   -          yes     yes    -      -          -
    name_substitute               -        -        yes   -          yes     yes    -      -          -
    decide_contact                yes      -        yes   -          yes     -      -      -          -
    attempt_contact               yes      -        yes   -          yes     -      -      -          -
    give_information              yes      -        yes   yes        yes     -      yes    yes        -
    leave_consent_unasked         yes      -        yes   -          -       -      -      -          -
    advise_anonymously            yes      -        -     -          -       -      -      -          -
    set_report_aside              yes      -        -     -          -       -      -      -          -
    decline                       yes      yes      yes   yes        yes     yes    yes    yes        yes
    find_not_ours                 yes      -        -     -          -       -      -      -          -
    erase                         -        -        -     -          -       -      -      yes        -
    request_erasure               yes      -        yes   yes        yes     yes    yes    yes        -
    refuse_erasure                yes      -        yes   yes        yes     yes    yes    yes        -
    grant_erasure                 yes      -        yes   yes        yes     yes    yes    -          -
    be_erased_with                -        yes      -     -          -       -      -      -          -
    close_case                    -        -        yes   -          -       -      -      -          -
    end_follow_up                 -        -        -     -          yes     -      -      -          -
    reopen_case                   -        -        -     yes        yes     -      yes    -          -
    flag_minor                    yes      -        yes   yes        yes     -      -      -          -
    child_notification_falls_due  yes      yes      yes   yes        yes     yes    yes    yes        -
    answer_child_notification     yes      yes      yes   yes        yes     yes    yes    yes        -
    change_cpr_number             yes      -        yes   yes        yes     -      yes    yes        -
    set_safe_contact              yes      -        yes   yes        yes     -      yes    yes        -
    set_address_protection        yes      -        yes   yes        yes     -      yes    yes        -
    assess_safety                 yes      -        yes   -          -       -      -      -          -
    change_safety_level           yes      -        yes   -          -       -      -      -          -
    give_consent                  yes      -        yes   -          -       -      -      -          -
    withdraw_consent              yes      yes      yes   yes        yes     yes    yes    yes        yes
    expire_consent                yes      yes      yes   yes        yes     yes    yes    yes        yes
    record_legal_basis            yes      yes      yes   yes        yes     yes    yes    yes        -
    end_legal_basis               yes      yes      yes   yes        yes     yes    yes    yes        yes
    tell_citizen                  yes      yes      yes   yes        yes     yes    yes    yes        -
    review_emergency              yes      yes      yes   yes        yes     yes    yes    yes        -
    block_person                  yes      yes      yes   yes        yes     yes    yes    yes        -
    unblock_person                yes      yes      yes   yes        yes     yes    yes    yes        -
    consider_block_list           yes      yes      yes   yes        yes     yes    yes    yes        -
    request_referral              -        -        yes   -          -       -      -      -          -
    receive_referral              -        -        yes   -          yes     yes    yes    -          -
    accept_referral               -        -        yes   -          yes     yes    yes    -          -
    reject_referral               -        -        yes   -          yes     yes    yes    -          -
    start_referral                -        -        yes   -          yes     yes    yes    -          -
    complete_referral             -        -        yes   -          yes     yes    yes    -          -
    cancel_referral               -        -        yes   -          yes     yes    yes    -          -
    request_move                  -        -        yes   -          -       -      -      -          -
    accept_move                   -        -        yes   -          -       -      -      -          -
    decline_move                  -        -        yes   -          -       -      -      -          -
    cancel_move                   -        -        yes   -          -       -      -      -          -
    escalate                      yes      yes      yes   yes        yes     yes    yes    yes        -

And by the status of the referral (HL7 FHIR R4, Task); `answer_referral` takes the step that its status names:

    step               requested  received  accepted  rejected  in-progress  completed  cancelled
    receive_referral   yes        -         -         -         -            -          -
    accept_referral    yes        yes       -         -         -            -          -
    reject_referral    yes        yes       -         -         -            -          -
    start_referral     -          -         yes       -         -            -          -
    complete_referral  -          -         -         -         yes          -          -
    cancel_referral    yes        yes       yes       -         yes          -          -
"""

from collections.abc import Collection
from datetime import datetime
from typing import Self
from uuid import UUID

from eventsourcing.domain import Aggregate

from contracts.terms import Category, PersonRole, SafetyLevel
from hub.aggregates.base import Actor, stream_of
from hub.aggregates.citizen_case import (
    children,
    consent,
    contact,
    correcting,
    emergency,
    ending,
    escalation,
    forgetting,
    forwarding,
    handing_over,
    intake,
    legal_basis,
    moving,
    referral,
    reporter,
    safety,
    staff,
    told,
)
from hub.aggregates.citizen_case.events import (
    CaseEvent,
    EmergencyReviewed,
    FreeTextRead,
    InquiryOpened,
    LegalBasisRecorded,
    ReportReceived,
)
from hub.aggregates.citizen_case.mistakes import Mistake, mistakes
from hub.aggregates.citizen_case.values import (
    Basis,
    Blocked,
    CaseState,
    ConsentQuestion,
    Deadline,
    Entry,
    ErasureRequest,
    Forwarding,
    Grant,
    HandOver,
    Move,
    Notification,
    Referral,
    Substitute,
)
from hub.aggregates.guards import slug, zoned
from hub.aggregates.sealing import CouldKill
from hub.errors import Missing


@stream_of("case")
class CitizenCase(Aggregate):
    """One citizen's case in one municipality. The commands stand in modules by area; time and ids come in."""

    def __init__(self) -> None:
        self.state = CaseState.INQUIRY
        self.unit = ""
        self.standing_grant: UUID
        self.number: str | None = None
        self.coordinator: Actor | None = None
        self.substitute: Substitute | None = None
        self.hand_over: HandOver | None = None
        self.follow_up_until: datetime | None = None
        self.consent_question: ConsentQuestion | None = None
        """Neither a yes nor a no: to ask would endanger the citizen."""
        self.reports: dict[UUID, int] = {}
        """Report id to the version of its event."""
        self.taken_up: set[UUID] = set()
        """Reports of which the reporter was told that somebody took them up."""
        self.retracted: set[int] = set()
        """Versions of which nothing stands any more."""
        self.forwarding: Forwarding | None = None
        self.erasure: ErasureRequest | None = None
        """The citizen asked to be forgotten, and nobody has answered."""
        self.inquiries: set[UUID] = set()
        self.matched_to: UUID | None = None
        self.warnings: set[str] = set()
        self.free_text_read: set[int] = set()
        self.corrected: dict[tuple[int, str], tuple[int, str]] = {}
        """Version and field of each correction to those of the entry in whose place it stands."""
        self.safety_level: SafetyLevel | None = None
        self.bases: dict[UUID, Basis] = {}
        self.grants: dict[UUID, Grant] = {}
        self.citizen_told: dict[UUID, datetime] = {}
        """When the citizen was told of a legal basis."""
        self.struck: set[UUID] = set()
        """Grants that were recorded wrongly: not in the citizen's words, or on no legal basis."""
        self.referrals: dict[UUID, Referral] = {}
        self.moves: dict[UUID, Move] = {}
        self.escalated: set[Deadline] = set()
        self.notifications: dict[UUID, Notification] = {}
        self.blocked: dict[str, Blocked] = {}
        """Persons who see nothing of the case, by login."""
        self.block_list_to_consider = False
        """A report said that staff are involved, and nobody has decided since whom that bars."""
        self._facts: list[CaseEvent] = []
        """Everything that happened; what it told is worked out when somebody asks (`entries`)."""

    # --- commands -------------------------------------------------------------------------------------

    @classmethod
    def open_inquiry(cls, *, id: UUID, unit: str, standing_grant: UUID, by: Actor, at: datetime) -> Self:  # noqa: A002 (the library's name)
        """A report or concern without a case. The unit gets the grant `standing` with it."""
        slug("unit", unit)
        zoned("at", at)
        return cls._create(
            InquiryOpened, id=id, unit=unit, standing_grant=standing_grant, by=by, timestamp=at
        )

    receive_report = intake.receive_report
    take_up_report = intake.take_up_report
    supplement_report = reporter.supplement_report
    match_inquiry = intake.match_inquiry
    be_matched_to = intake.be_matched_to
    unmatch_inquiry = intake.unmatch_inquiry
    be_unmatched = intake.be_unmatched
    read_free_text = intake.read_free_text
    read_inquiry_text = intake.read_inquiry_text
    open_case = intake.open_case
    assign_coordinator = intake.assign_coordinator

    request_hand_over = handing_over.request_hand_over
    accept_hand_over = handing_over.accept_hand_over
    decline_hand_over = handing_over.decline_hand_over
    name_substitute = handing_over.name_substitute
    acts = handing_over.acts
    stands_in_until = handing_over.stands_in_until

    decide_contact = contact.decide_contact
    attempt_contact = contact.attempt_contact
    give_information = contact.give_information
    leave_consent_unasked = contact.leave_consent_unasked
    advise_anonymously = contact.advise_anonymously

    set_report_aside = ending.set_report_aside
    decline = ending.decline
    close_case = ending.close_case
    end_follow_up = ending.end_follow_up
    reopen_case = ending.reopen_case
    flag_minor = ending.flag_minor
    find_not_ours = forwarding.find_not_ours
    erase = forwarding.erase
    request_erasure = forgetting.request_erasure
    refuse_erasure = forgetting.refuse_erasure
    grant_erasure = forgetting.grant_erasure
    be_erased_with = forgetting.be_erased_with

    correct_entry = correcting.correct_entry
    correct_consent = correcting.correct_consent
    correct_legal_basis = correcting.correct_legal_basis
    retract_report = reporter.retract_report
    continue_inquiry = correcting.continue_inquiry

    child_notification_falls_due = children.child_notification_falls_due
    answer_child_notification = children.answer_child_notification

    change_cpr_number = intake.change_cpr_number
    set_safe_contact = safety.set_safe_contact
    set_address_protection = safety.set_address_protection
    assess_safety = safety.assess_safety
    change_safety_level = safety.change_safety_level

    give_consent = consent.give_consent
    withdraw_consent = consent.withdraw_consent
    expire_consent = consent.expire_consent
    record_legal_basis = legal_basis.record_legal_basis
    end_legal_basis = legal_basis.end_legal_basis
    tell_citizen = legal_basis.tell_citizen
    review_emergency = emergency.review_emergency

    block_person = staff.block_person
    unblock_person = staff.unblock_person
    consider_block_list = staff.consider_block_list

    request_referral = referral.request_referral
    receive_referral = referral.receive_referral
    accept_referral = referral.accept_referral
    reject_referral = referral.reject_referral
    start_referral = referral.start_referral
    complete_referral = referral.complete_referral
    cancel_referral = referral.cancel_referral
    answer_referral = referral.answer_referral

    request_move = moving.request_move
    accept_move = moving.accept_move
    decline_move = moving.decline_move
    cancel_move = moving.cancel_move
    answer_move = moving.answer_move

    deadlines = escalation.deadlines
    overdue = escalation.overdue
    escalate = escalation.escalate

    # --- what stands ----------------------------------------------------------------------------------

    @property
    def latest_time(self) -> datetime:
        """The latest time in this case's log."""
        return self.modified_on

    @property
    def modified_on(self) -> datetime:
        """The same, as the library names it. It is the last fact's own: none is read for it at a load."""
        return self._facts[-1].timestamp if self._facts else self.created_on

    @modified_on.setter
    def modified_on(self, _: datetime) -> None:
        """Nothing: each fact has its time in it."""

    def moment(self, at: datetime) -> datetime:
        """`at`, or the latest time in the log if that is later: a clock moved back revives no consent."""
        zoned("at", at)
        return max(at, self.latest_time)

    @property
    def entries(self) -> list[Entry]:
        """What was told and stands."""
        return told.entries(self, self._facts)

    in_place_of = told.in_place_of

    @property
    def persons(self) -> set[UUID]:
        """Other persons than the citizen, by their random id in this case."""
        reports = (fact for fact in self._facts if isinstance(fact, ReportReceived))
        return {told.person for report in reports for told in report.others}

    @property
    def could_kill(self) -> list[tuple[int, CouldKill]]:
        """What could kill and stands, each with the version of the fact that says it."""
        facts = (fact for fact in self._facts if fact.originator_version not in self.retracted)
        return [(f.originator_version, value) for f in facts for value in f.could_kill_values()]

    @property
    def mistakes(self) -> list[Mistake]:
        """The matches of this case that were undone, with an inquiry of its own or with its case."""
        return mistakes(self._facts)

    @property
    def facts(self) -> tuple[CaseEvent, ...]:
        """Everything that happened."""
        return tuple(self._facts)

    def fact(self, version: int) -> CaseEvent:
        """What happened as that version."""
        return next(fact for fact in self._facts if fact.originator_version == version)

    def report(self, report_id: UUID) -> ReportReceived:
        """A report of this case. Raises `Missing`."""
        fact = self.fact(self.reports[report_id]) if report_id in self.reports else None
        if not isinstance(fact, ReportReceived):
            raise Missing("report_id: no such report in this case; read the case again", field="report_id")
        return fact

    @property
    def emergencies(self) -> list[LegalBasisRecorded]:
        """What was told because a life was in danger; each is reviewed afterwards (domain rule 6)."""
        return emergency.made(self._facts)

    @property
    def reviews(self) -> dict[UUID, EmergencyReviewed]:
        """What the reviews of emergencies found, by basis."""
        return emergency.reviewed(self._facts)

    def standing(self, now: datetime) -> Grant | None:
        """The owning unit's grant, while it lives."""
        grant = self.grants[self.standing_grant]
        return grant if grant.lives_at(now) else None

    def living_grants(self, now: datetime) -> list[Grant]:
        """Every grant that may carry something at `now`."""
        return [g for g in self.grants.values() if g.lives_at(now)]

    def grants_of(self, recipient: str, now: datetime) -> list[Grant]:
        """A recipient's living grants."""
        return [g for g in self.living_grants(now) if g.recipient == recipient]

    def present_state(self, categories: Collection[Category]) -> list[Entry]:
        """What a new grant of these categories tells once: free text only where somebody has read it."""
        return [e for e in self.entries if e.content.category in categories and self._may_be_told(e)]

    def free_text_of(self, version: int) -> tuple[Entry, ...]:
        """The free text of the event of that version."""
        return tuple(
            e for e in self.entries if e.version == version and e.content.category is Category.FREE_TEXT
        )

    def unread_free_text(self) -> list[Entry]:
        """Free text that waits for a named person to read it against what could kill (domain rule 5)."""
        return [
            e
            for e in self.entries
            if e.content.category is Category.FREE_TEXT and e.version not in self.free_text_read
        ]

    @property
    def cpr_numbers(self) -> frozenset[str]:
        """The citizen's CPR numbers, told and since changed; none is a case too, and two a reason to look."""
        return self.cpr_numbers_as(PersonRole.EXPOSED)

    def cpr_numbers_as(self, role: PersonRole) -> frozenset[str]:
        """The CPR numbers that stand here as those of persons in a role; who is exposed is the citizen."""
        return frozenset(cpr for its, cpr in self.numbers if its == role)

    @property
    def numbers(self) -> frozenset[tuple[str, str]]:
        """(role, CPR number) of everybody in the case, as far as nobody said since that it was wrong."""
        told = [e.content for e in self.entries if "cpr" in e.content.data]
        return frozenset(
            (PersonRole.EXPOSED if c.about is None else c.data["role"], c.data["cpr"])
            for c in told
            if c.about is not None or c.category is Category.IDENTITY
        )

    def contents_of(self, event: CaseEvent) -> tuple[Entry, ...]:
        """What an event of this case tells now. Reading free text tells that text, as of where it stands."""
        if isinstance(event, FreeTextRead):
            return self.free_text_of(event.entry)
        return tuple(
            Entry(event.originator_version, event.timestamp, content)
            for content in event.tells()
            if content.category is not Category.FREE_TEXT or content.retracts
        )

    def keep(self, fact: CaseEvent) -> None:
        """Keep a fact for what it told."""
        self._facts.append(fact)

    def _may_be_told(self, entry: Entry) -> bool:
        return entry.content.category is not Category.FREE_TEXT or entry.version in self.free_text_read
