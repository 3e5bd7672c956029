"""No sequence of commands makes a disclosure without a living grant.

Commands are drawn at random and carried out on a real store. Beside them runs `Oracle`: plain Python
that knows what was consented to, until when, and what was taken back, and nothing of how the hub decides.
After each command it judges every entry in the ledgers and every message; now and then, and at the end, it
judges what each partner can fetch and open.
"""

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, settings
from hypothesis import given as drawn
from hypothesis import strategies as st

from contracts.terms import BasisRule, Category, OrganisationKind, ReferralStatus, SafetyLevel
from hub.aggregates.citizen_case import transitions
from hub.aggregates.citizen_case.children import LASTS, NOTIFIED_OF, waiting_notifications
from hub.aggregates.citizen_case.events import ConsentGiven, LegalBasisRecorded
from hub.aggregates.citizen_case.referral import ANSWERS
from hub.aggregates.citizen_case.terms import (
    Channel,
    HandOverRefusal,
    KeepingRule,
    ReviewFinding,
    Topic,
)
from hub.aggregates.citizen_case.values import CaseState
from hub.aggregates.disclosure_ledger import Disclosed, LedgerOpened, Renewed, Revoked
from hub.application.forwarding import LASTS as FORWARDED_FOR
from hub.errors import HubError, Missing
from hub.ports import StoredMessage
from tests.world import (
    ANOTHER_TOVHOLDER,
    CASEWORKER,
    CHILDREN,
    HOSPITAL,
    NGO,
    OPERATOR,
    POLICE,
    SAME_WOMAN,
    SHELTER,
    TOVHOLDER,
    UNIT,
    Clock,
    Told,
    World,
    at,
    of_a_girl,
)

C = Category
SEQUENCES_SQLITE, SEQUENCES_POSTGRES = 2000, 200
PSYCHOLOGIST, NEIGHBOUR = "psykologen", "nabokommunen"
NO_CHILD = "skadestue-mand-slaaet-af-sin-bror"
AGREED: dict[str, frozenset[Category]] = {
    NGO: frozenset(C),
    SHELTER: frozenset(C),
    POLICE: frozenset(C),
    CHILDREN: frozenset(C),
    PSYCHOLOGIST: frozenset({C.RISK, C.REFERRAL}),
    NEIGHBOUR: frozenset(C),
}
"""What each partner's agreement lets it receive."""
PARTNERS = tuple(AGREED)
HOUR = timedelta(hours=1)
INCIDENT = "contents.incident"
ERASES = {"grant_erasure", "be_erased_with"}
"""Of what is erased the log says nothing more that an oracle could judge: test_forgetting judges it."""
HIDDEN, NEW_NUMBER, BLOCKED = "Opdigtet Allé 7", "0202020202", "svigerinden"
OWN = {"grants", "escalation", "to"}
"""Fields that say how the municipality does its own work: consents, what waited too long, who is asked."""


# --- the oracle ---------------------------------------------------------------------------------------


@dataclass
class Given:
    """One recipient may be told one category of one case, until then, or until somebody said no."""

    case: UUID
    basis: UUID
    recipient: str
    category: Category
    until: datetime
    ended: bool = False

    def lives(self, now: datetime) -> bool:
        return not self.ended and now < self.until


@dataclass
class Oracle:
    """What the citizens said and what happened, by itself."""

    grants: dict[UUID, Given] = field(default_factory=dict)
    matched: dict[UUID, set[UUID]] = field(default_factory=dict)
    latest: dict[UUID, datetime] = field(default_factory=dict)
    referrals: dict[UUID, str] = field(default_factory=dict)
    read: set[tuple[UUID, int]] = field(default_factory=set)
    retracted: set[tuple[UUID, int]] = field(default_factory=set)
    moves: dict[UUID, str] = field(default_factory=dict)
    suspended: set[str] = field(default_factory=set)
    follow_up: dict[UUID, datetime] = field(default_factory=dict)
    """Until when a closed case is followed up."""
    vital: set[UUID] = field(default_factory=set)
    """Bases because a life was in danger: these wait for no agreement."""
    rests_on: dict[UUID, dict[int, frozenset[UUID]]] = field(default_factory=dict)
    """Message to part to the grants that the ledger says it rests on; the oracle has judged each."""
    category_of: dict[UUID, dict[int, Category]] = field(default_factory=dict)
    told_from: dict[UUID, dict[int, UUID]] = field(default_factory=dict)
    """Message to part to the case or inquiry that it was made from."""
    told_in: dict[UUID, UUID] = field(default_factory=dict)
    """Message to the case in which it was told."""

    def now(self, case: UUID, clock: datetime) -> datetime:
        """Never earlier than the latest time ever seen, nor than the latest thing in the case."""
        return max(clock, self.latest.get(case, clock))

    def end(self, basis: UUID, recipient: str | None = None, category: Category | None = None) -> None:
        for grant in self.grants.values():
            if grant.basis == basis and recipient in (None, grant.recipient):
                grant.ended |= category in (None, grant.category)

    def end_due(self, case: UUID, now: datetime) -> None:
        for grant in self.grants.values():
            grant.ended |= grant.case == case and grant.until <= now

    def end_all(self, case: UUID) -> None:
        for grant in self.grants.values():
            grant.ended |= grant.case == case

    def undo(self, case: UUID, inquiry: UUID) -> None:
        """A match was a mistake: what was told from the inquiry rests on nothing any more."""
        for message, parts in self.told_from.items():
            if self.told_in[message] == case and inquiry in parts.values():
                rests_on = self.rests_on[message]
                rests_on.update({n: frozenset() for n, stream in parts.items() if stream == inquiry})
                if not any(rests_on[n] for n in parts):
                    rests_on[0] = frozenset()

    def open_parts(self, message: UUID, recipient: str, now: datetime) -> set[int]:
        """What may open of a message: what still rests on a grant that lives, of an active partner."""
        if recipient in self.suspended:
            return set()
        parts = self.rests_on[message].items()
        return {n for n, grants in parts if any(self.grants[g].lives(now) for g in grants)}


# --- a sequence under judgement -----------------------------------------------------------------------


class Trial:
    """Carries commands out, tells the oracle what was done, and holds the hub to what it says."""

    def __init__(self, world: World, cases: Sequence[UUID], clock: Clock) -> None:
        self.world, self.clock, self.cases = world, clock, list(cases)
        self.oracle = Oracle()
        self.consents: list[tuple[UUID, UUID]] = []
        self.bases: list[tuple[UUID, UUID]] = []
        self.position = world.parts.app.recorder.max_notification_id() or 0
        self.sequence = {who: _last(world, who) for who in (UNIT, *PARTNERS)}
        self.began = dict(self.sequence)
        self.recipient_of = {world.thread(c, who): (c, who) for c in cases for who in (UNIT, *PARTNERS)}
        self.latest = world.parts.clock()
        self.disclosed: set[UUID] = set()
        self.told_to: dict[UUID, str] = {}
        self.blocked: set[tuple[UUID, str]] = set()
        self.seen: Counter[str] = Counter()
        self.reporters = {POLICE, HOSPITAL}
        for case in cases:
            self.oracle.latest[case] = world.case(case).latest_time

    def carry_out(self, step: "Step") -> None:
        """One command. A refusal is fine, whatever the reason; what it leaves is judged all the same."""
        when = {case: self.oracle.now(case, self.latest) for case in self.cases}
        try:
            step(self)
        except HubError:
            self.seen["refused"] += 1
        self.judge_the_log(when)

    # --- commands -------------------------------------------------------------------------------------

    def report(self) -> None:
        if len(self.cases) < 4:
            self.new_case(self.world.report(SAME_WOMAN))

    def new_case(self, case: UUID) -> None:
        self.cases.append(case)
        self.know(case)

    def know(self, case: UUID) -> None:
        self.oracle.latest[case] = self.latest
        for who in (UNIT, *PARTNERS):
            self.recipient_of[self.world.thread(case, who)] = (case, who)

    def not_ours(self, taken_over: bool) -> None:
        """A report of a citizen of the next municipality; what it takes over is erased here."""
        if len(self.cases) < 5:
            case = self.world.report(NO_CHILD)
            self.new_case(case)
            self.oracle.read.add((case, 2))
            self.world.read_free_text(case)
            basis = UUID(self.world.forward(case, NEIGHBOUR).ids["basis"])
            self.given(case, basis, [NEIGHBOUR], list(C), self.clock() + FORWARDED_FOR, LegalBasisRecorded)
            self.seen["forwarded"] += 1
            if taken_over:
                self.take_over(case)

    def take_over(self, case: UUID) -> None:
        """What was told is judged first: of what is erased the log says nothing more."""
        self.judge_the_log({case: self.oracle.now(case, self.latest)})
        thread = self.world.thread(case, NEIGHBOUR)
        for told in self.world.told(NEIGHBOUR):
            if told.head.thread == thread:
                self.world.parts.opener.open(
                    at(NEIGHBOUR), told.message_id, purpose="intake", taken_over=True
                )
        self.world.timers(case)
        with pytest.raises(Missing):
            self.world.case(case)
        self.oracle.end_all(case)
        self.cases.remove(case)

    def minor_reported(self) -> None:
        if len(self.cases) < 4:
            self.new_case(self.world.report(report=of_a_girl()))
            self.handed_over(self.cases[-1])

    def find_minor(self, n: int) -> None:
        self.world.find_minor(self.case(n))
        self.handed_over(self.case(n))

    def handed_over(self, case: UUID) -> None:
        """A minor is told of to the one child services there is, at once, unless it is suspended."""
        told = [e for _, e in self.world.log(self.position) if isinstance(e, LegalBasisRecorded)]
        assert len(told) == (CHILDREN not in self.oracle.suspended)
        for basis in told:
            assert basis.rule is BasisRule.CHILD_NOTIFICATION
            until = self.oracle.now(case, self.latest) + LASTS
            self.given(case, basis.basis_id, [CHILDREN], NOTIFIED_OF, until, LegalBasisRecorded)
        self.happened(case)

    def child_at_risk(self, n: int) -> None:
        self.world.child_at_risk(self.case(n))
        self.happened(self.case(n))

    def notify(self, n: int, what: Sequence[Category]) -> None:
        case = self.case(n)
        if waiting_notifications(self.world.case(case)):
            basis = UUID(self.world.notify(case, CHILDREN, what).ids["basis"])
            until = self.oracle.now(case, self.latest) + LASTS
            self.given(case, basis, [CHILDREN], what, until, LegalBasisRecorded)

    def consent(self, n: int, who: Sequence[str], what: Sequence[Category], hours: int) -> None:
        case = self.case(n)
        consent = self.world.consent(case, who, what, lasts=hours * HOUR)
        self.given(case, consent, who, what, self.clock() + hours * HOUR, ConsentGiven)
        self.consents.append((case, consent))

    def basis(self, n: int, who: str, what: Sequence[Category], rule: BasisRule, hours: int) -> None:
        case = self.case(n)
        basis = self.world.legal_basis(case, [who], what, rule, lasts=hours * HOUR)
        if rule is BasisRule.VITAL_INTEREST:
            self.oracle.vital.add(basis)
        self.bases.append((case, basis))
        self.given(case, basis, [who], what, self.clock() + hours * HOUR, LegalBasisRecorded)

    def given(
        self,
        case: UUID,
        basis: UUID,
        who: Sequence[str],
        what: Sequence[Category],
        until: datetime,
        kind: type[ConsentGiven | LegalBasisRecorded],
    ) -> None:
        """Which random id stands for which grant, the oracle reads from the fact; what it means, it knows."""
        found = [e for _, e in self.world.log(self.position) if isinstance(e, kind)]
        (fact,) = found
        assert {(g.recipient, g.category) for g in fact.grants} == {(w, c) for w in who for c in what}
        for g in fact.grants:
            self.oracle.grants[g.grant_id] = Given(case, basis, g.recipient, g.category, until)
        self.happened(case)

    def end_basis(self, n: int) -> None:
        """A person ends a legal basis; what it carried closes as by a withdrawal."""
        if self.bases:
            case, basis = self.bases[n % len(self.bases)]
            self.world.end_basis(case, basis)
            self.oracle.end(basis)
            self.happened(case)
            self.judge_what_opens({g.recipient for g in self.oracle.grants.values() if g.basis == basis})

    def withdraw(self, n: int, m: int, one_recipient: bool, one_category: bool) -> None:
        if self.consents:
            case, consent = self.consents[n % len(self.consents)]
            named = [g for g in self.oracle.grants.values() if g.basis == consent]
            who = named[m % len(named)].recipient if one_recipient else None
            what = named[m % len(named)].category if one_category else None
            self.world.withdraw(case, consent, who, what)
            self.oracle.end(consent, who, what)
            self.happened(case)
            self.judge_what_opens({g.recipient for g in named})

    def never_said(self, n: int, m: int, one_category: bool) -> None:
        """A consent was recorded wrongly: to the oracle it ends as when it is withdrawn."""
        if self.consents:
            case, consent = self.consents[n % len(self.consents)]
            named = [g for g in self.oracle.grants.values() if g.basis == consent]
            grant = named[m % len(named)]
            what = grant.category if one_category else None
            self.world.never_said(case, consent, grant.recipient, what)
            self.oracle.end(consent, grant.recipient, what)
            self.seen["never_said"] += 1
            self.happened(case)
            self.judge_what_opens({grant.recipient})

    def wrong_basis(self, n: int, m: int, one_category: bool) -> None:
        """A legal basis was recorded wrongly: to the oracle it ends as when a person ends it."""
        if self.bases:
            case, basis = self.bases[n % len(self.bases)]
            named = [g for g in self.oracle.grants.values() if g.basis == basis]
            grant = named[m % len(named)]
            what = grant.category if one_category else None
            self.world.wrong_basis(case, basis, grant.recipient, what)
            self.oracle.end(basis, grant.recipient, what)
            self.happened(case)
            self.judge_what_opens({grant.recipient})

    def timers(self, n: int) -> None:
        case = self.case(n)
        now = self.oracle.now(case, self.latest)
        if self.world.timers(case) is not None:
            self.happened(case)
        self.oracle.end_due(case, now)
        if case in self.oracle.follow_up and self.oracle.follow_up[case] <= now:
            self.consents_end(case)

    def open(self, n: int) -> None:
        self.world.open(self.case(n))
        self.happened(self.case(n))

    def contact(self, n: int) -> None:
        """What the municipality does by itself tells nobody anything; the oracle looks at the messages."""
        case, now = self.case(n), self.oracle.now(self.case(n), self.latest)
        self.world.contact(case, now + HOUR)
        self.world.leave_unasked(case, now + HOUR)
        self.happened(case)

    def decline(self, n: int) -> None:
        """A no to help is no withdrawal: nothing ends by it, and nothing begins."""
        self.world.decline(self.case(n))
        self.happened(self.case(n))

    def close(self, n: int, follow_up: bool) -> None:
        case = self.case(n)
        still = [r.referral_id for r in self.world.case(case).referrals.values()]
        self.world.close_case(case, 24 * HOUR if follow_up else None, still if follow_up else [])
        if follow_up:
            self.oracle.follow_up[case] = self.clock() + 24 * HOUR
        else:
            self.consents_end(case)
        self.happened(case)

    def consents_end(self, case: UUID) -> None:
        for consent in (basis for of, basis in self.consents if of == case):
            self.oracle.end(consent)
        self.oracle.follow_up.pop(case, None)

    def set_aside(self, n: int) -> None:
        self.world.set_aside(self.case(n))
        self.happened(self.case(n))

    def reopen(self, n: int) -> None:
        self.world.reopen(self.case(n))
        self.oracle.follow_up.pop(self.case(n), None)
        self.happened(self.case(n))

    def match(self, n: int, m: int) -> None:
        case, inquiry = self.case(n), self.case(m)
        self.world.match(case, inquiry)
        self.oracle.matched.setdefault(case, set()).add(inquiry)
        self.happened(case, inquiry)

    def unmatch(self, n: int) -> None:
        pairs = [(case, inquiry) for case, found in self.oracle.matched.items() for inquiry in found]
        if not pairs:
            return
        case, inquiry = sorted(pairs)[n % len(pairs)]
        self.world.unmatch(case, inquiry)
        self.oracle.matched[case].discard(inquiry)
        self.oracle.undo(case, inquiry)
        self.happened(case, inquiry)

    def assess(self, n: int) -> None:
        self.world.assess(self.case(n))
        self.happened(self.case(n))

    def level(self, n: int, level: SafetyLevel) -> None:
        self.world.level(self.case(n), level)
        self.happened(self.case(n))

    def read(self, n: int) -> None:
        self.oracle.read.add((self.case(n), 2))
        self.world.read_free_text(self.case(n))
        self.happened(*self.with_its_case(self.case(n)))

    def read_matched(self, n: int) -> None:
        for inquiry in sorted(self.oracle.matched.get(self.case(n), ())):
            self.oracle.read.add((inquiry, 2))
            self.world.read_free_text(inquiry)
            self.happened(*self.with_its_case(inquiry))

    def correct(self, n: int, form: str) -> None:
        case = self.case(n)
        field = "instead" if any(e.content.corrects for e in self.world.case(case).entries) else INCIDENT
        self.world.correct(case, field, {"violence_forms": [form]})
        self.seen["corrected"] += 1
        self.happened(*self.with_its_case(case))

    def supplement(self, n: int) -> None:
        case = self.case(n)
        report = self.world.report_of(case)
        self.world.supplement(report, SAME_WOMAN, self.reporter(case))
        self.happened(*self.with_its_case(case))

    def retract(self, n: int) -> None:
        """From then on nothing of the report and of what was made of it is told."""
        case = self.case(n)
        self.world.retract(self.world.report_of(case), reporter=self.reporter(case))
        self.oracle.retracted.update((case, version) for version in self.world.case(case).retracted)
        self.seen["retracted"] += 1
        self.happened(*self.with_its_case(case))

    def reporter(self, case: UUID) -> str:
        return str(self.world.parts.app.event(case, 2).reporter)

    def with_its_case(self, inquiry: UUID) -> list[UUID]:
        """What happens in a matched inquiry moves its case too."""
        return [inquiry, *(case for case, found in self.oracle.matched.items() if inquiry in found)]

    def refer(self, n: int, who: str) -> None:
        referral = self.world.refer(self.case(n), who)
        self.oracle.referrals[referral] = who
        self.happened(self.case(n))

    def take_up(self, n: int) -> None:
        self.world.take_up(self.case(n))
        self.happened(self.case(n))

    def hand_over(self, n: int) -> None:
        self.world.hand_over(self.case(n))
        self.happened(self.case(n))

    def answer_hand_over(self, n: int, accepts: bool) -> None:
        case, hub, by = self.case(n), self.world.parts.hub, self.world.command(ANOTHER_TOVHOLDER)
        hand_over = self.world.hand_over(case)
        if accepts:
            hub.accept_hand_over(by, case, hand_over)
        else:
            hub.decline_hand_over(by, case, hand_over, HandOverRefusal.NO_CAPACITY)
        self.happened(case)

    def substitute(self, n: int) -> None:
        until = self.clock() + 24 * HOUR
        by = self.world.command(OPERATOR)
        self.world.parts.hub.name_substitute(by, self.case(n), ANOTHER_TOVHOLDER, until)
        self.happened(self.case(n))

    def follow_up_ends(self, n: int) -> None:
        self.close(n, True)
        self.judge_so_far()
        self.wait(25)
        self.timers(n)

    def coordinator(self, n: int) -> None:
        self.world.coordinator(self.case(n))
        self.happened(self.case(n))

    def what_could_kill(self, n: int) -> None:
        """Known here alone: of it partners are told at most that it is there."""
        case, hub = self.case(n), self.world.parts.hub
        hub.set_safe_contact(self.world.command(TOVHOLDER), case, {"handle": HIDDEN})
        hub.set_address_protection(self.world.command(TOVHOLDER), case, "special", {"address": HIDDEN})
        self.happened(case)

    def new_number(self, n: int) -> None:
        by = self.world.command(TOVHOLDER)
        self.world.parts.hub.change_cpr_number(by, self.case(n), NEW_NUMBER, is_replacement=False)
        self.happened(self.case(n))

    def tell_citizen(self, n: int) -> None:
        if not self.bases:
            self.basis(n, POLICE, [C.RISK], BasisRule.VITAL_INTEREST, 24)
        for case, basis in self.bases[:1]:
            self.world.parts.hub.tell_citizen(self.world.command(TOVHOLDER), case, basis, self.clock())
            self.happened(case)

    def forget(self, n: int) -> None:
        """She asks to be forgotten, and the case is kept: nothing begins or ends by that."""
        case, hub = self.case(n), self.world.parts.hub
        asked = hub.request_erasure(self.world.command(TOVHOLDER), case, self.clock()).ids["request"]
        by, rule = self.world.command(TOVHOLDER), KeepingRule.LEGAL_DUTY
        hub.refuse_erasure(by, case, UUID(asked), rule, "Sagen skal opbevares")
        self.happened(case)

    def review(self, n: int, justified: bool) -> None:
        """Somebody else judges an emergency; what was not justified ends."""
        case, hub = self.case(n), self.world.parts.hub
        basis = self.world.legal_basis(case, [POLICE], [C.RISK], BasisRule.VITAL_INTEREST, lasts=HOUR)
        self.oracle.vital.add(basis)
        self.given(case, basis, [POLICE], [C.RISK], self.clock() + HOUR, LegalBasisRecorded)
        self.judge_so_far()
        found = ReviewFinding.JUSTIFIED if justified else ReviewFinding.NOT_JUSTIFIED
        hub.review_emergency(self.world.command(OPERATOR), case, basis, found, "Set efter")
        if not justified:
            self.oracle.end(basis)
        self.happened(case)

    def block(self, n: int, who: str, way: int) -> None:
        """Whom nobody may let near is at a partner that was told: to that it changes nothing."""
        case, by, reason = self.case(n), self.world.command(TOVHOLDER), "Søster til en part"
        told = [self.told_to[m] for m, of in self.oracle.told_in.items() if of == case]
        who = next((one for one in told if one != UNIT), who)
        hub, login = self.world.parts.hub, {"organisation": who, "person": BLOCKED}
        match way:
            case 0:
                hub.block_person(by, case, **login, name="Nabo Opdigtet", reason=reason)
                self.blocked.add((case, who))
            case 1:
                hub.unblock_person(by, case, **login, reason="En anden")
                self.blocked.discard((case, who))
            case _:
                hub.consider_block_list(by, case, "Ingen kender parterne")
        self.happened(case)
        self.judge_who_is_blocked()

    def judge_who_is_blocked(self) -> None:
        """Blocked from a case is blocked from what it is matched with, whichever way it goes."""
        for case, who in self.blocked:
            family = {case, *self.with_its_case(case), *self.oracle.matched.get(case, set())}
            for message, told_in in self.oracle.told_in.items():
                theirs = told_in in family and self.told_to[message] == who
                if theirs and self.oracle.open_parts(message, who, self.latest):
                    with pytest.raises(Missing):
                        self.world.parts.opener.open(at(who, BLOCKED), message, purpose="referral")
                    self.seen["blocked"] += 1

    def answer_referral(self, n: int, status: ReferralStatus) -> None:
        """Only by the one that was asked; or the referral is cancelled here."""
        case, hub = self.case(n), self.world.parts.hub
        if not self.world.case(case).referrals:
            self.consent(n, [NGO], [C.REFERRAL], 24)
            self.refer(n, NGO)
        for referral in list(self.world.case(case).referrals):
            if status is ReferralStatus.CANCELLED:
                hub.cancel_referral(self.world.command(TOVHOLDER), case, referral, "not_safe")
            else:
                by = self.oracle.referrals[referral]
                reason = "no_capacity" if status is ReferralStatus.REJECTED else None
                thread = self.world.thread(case, by)
                hub.answer_referral(self.world.command(at(by)), thread, referral, status, reason)
            self.seen["answered a referral"] += 1
            self.happened(case)

    def unanswered(self, n: int) -> None:
        """A referral that nobody answers in time."""
        self.consent(n, [NGO], [C.REFERRAL], 72)
        self.refer(n, NGO)
        self.judge_so_far()
        self.wait(49)
        self.timers(n)

    def advise(self) -> None:
        """A case without a report in it: most other steps begin from one."""
        by, rights = self.world.command(CASEWORKER), [Topic.RIGHTS]
        advised = self.world.parts.hub.advise_anonymously(by, channel=Channel.PHONE_CALL, topics=rights)
        self.know(UUID(advised.ids["case"]))

    def cancel_move(self, n: int) -> None:
        case = self.case(n)
        self.move(n, None)
        for move in list(self.world.case(case).moves):
            self.world.parts.hub.cancel_move(self.world.command(TOVHOLDER), case, move)
            self.happened(case)

    def move(self, n: int, answer: bool | None) -> None:
        self.consent(n, [NEIGHBOUR], [C.COORDINATION], 24)
        self.oracle.moves[self.world.move(self.case(n), NEIGHBOUR)] = NEIGHBOUR
        self.seen["asked to take over"] += 1
        self.happened(self.case(n))
        if answer is not None:
            self.answer_move(n, NEIGHBOUR, answer)

    def answer_move(self, n: int, who: str, accepts: bool) -> None:
        """Whoever it is that answers, only the one that was asked is heard, and only while it may be told."""
        case, now = self.case(n), self.oracle.now(self.case(n), self.latest)
        if not self.world.case(case).moves:
            self.move(n, None)
        for move in list(self.world.case(case).moves):
            self.world.answer_move(case, move, who, accepts=accepts)
            may = [g for g in self.oracle.grants.values() if (g.case, g.recipient) == (case, who)]
            assert who == self.oracle.moves[move], "another than the one that was asked"
            assert not accepts or any(g.category is C.COORDINATION and g.lives(now) for g in may)
            self.seen["answered"] += 1
            self.happened(case)

    def suspend(self, who: str) -> None:
        self.world.suspend(who)
        self.oracle.suspended.add(who)

    def resume(self, who: str) -> None:
        self.world.resume(who)
        self.oracle.suspended.discard(who)

    def wait(self, hours: int) -> None:
        self.clock.move(hours * HOUR)
        self.latest = max(self.latest, self.clock())
        self.world.parts.clock()  # the hub sees it too

    def case(self, n: int) -> UUID:
        return self.cases[n % len(self.cases)]

    def happened(self, *cases: UUID) -> None:
        for case in cases:
            self.oracle.latest[case] = self.oracle.now(case, self.latest)

    def judge_so_far(self) -> None:
        """Before what ends a grant in the same step: what was told on it until now was told rightly."""
        self.judge_the_log({case: self.oracle.now(case, self.latest) for case in self.cases})

    # --- what was told --------------------------------------------------------------------------------

    def judge_the_log(self, when: dict[UUID, datetime]) -> None:
        """Every new ledger entry and message, against the oracle at the time of the command."""
        entries: dict[UUID, Disclosed] = {}
        for position, event in self.world.log(self.position):
            self.position = position
            match event:
                case LedgerOpened():
                    assert self.recipient_of[event.originator_id] == (event.case_id, event.recipient)
                case Disclosed():
                    entries[event.message_id] = event
                    self.disclosed.add(event.message_id)
                    self.judge(event, when.get(event.case_id, self.latest))
                case Renewed():
                    self.judge_renewal(event, when.get(event.case_id, self.latest))
                case Revoked():
                    self.seen["revoked"] += 1
        written = {m.message_id: m for who in self.sequence for m in self.new_messages(who)}
        assert written.keys() == entries.keys(), "a message that is not on record, or the other way round"
        for message_id, message in written.items():
            assert self.recipient_of[entries[message_id].originator_id][1] == message.recipient

    def judge(self, entry: Disclosed, now: datetime) -> None:
        case, recipient = self.recipient_of[entry.originator_id]
        assert entry.case_id == case
        assert [p.part for p in entry.parts] == list(range(len(entry.sources) + 1))
        self.oracle.rests_on[entry.message_id] = {p.part: frozenset(p.grants) for p in entry.parts}
        self.oracle.category_of[entry.message_id] = {n: s.category for n, s in enumerate(entry.sources, 1)}
        self.oracle.told_from[entry.message_id] = {n: s.stream for n, s in enumerate(entry.sources, 1)}
        self.oracle.told_in[entry.message_id] = case
        self.told_to[entry.message_id] = recipient
        if recipient == UNIT:
            return
        self.seen["disclosed"] += 1
        assert recipient not in self.oracle.suspended, "told to a suspended partner"
        assert entry.sources, "a partner was told a head alone"
        for part, source in zip(entry.parts[1:], entry.sources, strict=True):
            assert part.grants, "told on no grant"
            for grant in (self.oracle.grants[g] for g in part.grants):
                assert (grant.case, grant.recipient) == (case, recipient), "told on somebody else's grant"
                assert grant.category == source.category, "told on a grant for something else"
                assert grant.lives(now), "told on a grant that had ended"
            emergency = all(self.oracle.grants[g].basis in self.oracle.vital for g in part.grants)
            covered = source.category in AGREED[recipient]
            assert covered or emergency, "told what the agreement does not cover"
            assert source.stream in {case, *self.oracle.matched.get(case, set())}, "told of another case"
            own = source.category is C.COORDINATION and source.field in OWN
            assert not own, "told how the municipality does its own work"
            assert (source.stream, source.version) not in self.oracle.retracted, "told what was taken back"
            if source.category is C.FREE_TEXT and not source.field.startswith("retracted."):
                assert (source.stream, source.version) in self.oracle.read, "told unread free text"

    def judge_renewal(self, entry: Renewed, now: datetime) -> None:
        """A new grant carries on what is open and in its category; it never opens what was closed."""
        case, recipient = self.recipient_of[entry.originator_id]
        oracle = self.oracle
        before = {p.message_id: dict(oracle.rests_on[p.message_id]) for p in entry.parts}
        for part in entry.parts:
            grant, message = oracle.grants[part.basis.grant_id], part.message_id
            assert (grant.case, grant.recipient) == (case, recipient), "renewed on somebody else's grant"
            assert grant.lives(now), "renewed on a grant that had ended"
            assert any(oracle.grants[g].lives(now) for g in before[message][part.part]), "opened anew"
            assert oracle.told_in[message] == case
            assert part.part == 0 or oracle.category_of[message][part.part] == grant.category
            oracle.rests_on[message][part.part] |= {part.basis.grant_id}
        self.seen["renewed"] += 1

    def new_messages(self, who: str) -> list[StoredMessage]:
        found = self.world.parts.app.store.messages_of(who, 1, self.sequence[who], 1_000, self.clock())
        if found:
            self.sequence[who] = found[-1].sequence
        return [m for m in found if not m.control]

    # --- what opens -----------------------------------------------------------------------------------

    def judge_what_opens(self, partners: Collection[str] = PARTNERS) -> None:
        self.judge_who_is_blocked()
        for who in partners:
            stored = self.world.parts.app.store.messages_of(who, 1, self.began[who], 1_000, self.latest)
            mine = [m for m in stored if not m.control]
            if not mine:
                continue
            heads = self.world.parts.opener.heads(at(who), [m.message_id for m in mine])
            leaving = {
                e.message_id: e.value
                for e in self.world.parts.outgoing.messages_of(who, 1, self.began[who], 1_000)
            }
            for message in mine:
                allowed = self.oracle.open_parts(message.message_id, who, self.latest)
                told = self.opened(who, message)
                found = set() if told is None else {0, *told.parts}
                assert found <= allowed, "what rests on no living grant opened"
                assert (message.message_id in heads) <= (0 in allowed), "a head key without a living grant"
                left = leaving.get(message.message_id) == message.sealed
                assert left <= (0 in allowed), "content leaves without a living grant"
                assert found == allowed, "a grant that lives does not open what it carries"
                if told is not None:
                    self.judge_content(who, told)

    def opened(self, who: str, message: StoredMessage) -> Told | None:
        try:
            told = self.world.open_message(who, message)
        except Missing:
            return None
        self.seen["opened"] += 1
        return told

    def judge_content(self, who: str, told: Told) -> None:
        for n, part in told.parts.items():
            assert part.category == self.oracle.category_of[told.message_id][n]
            assert part.category is C.FREE_TEXT or HIDDEN not in str(part.data), "what could kill"
            if part.category is C.REFERRAL:
                assert self.oracle.referrals[UUID(part.data["referral"])] == who, "somebody else's referral"
            if "move" in part.data:
                assert self.oracle.moves[UUID(part.data["move"])] == who, "where she moves to"
            if "taken_up" in part.data:
                assert who in self.reporters, "what was taken up, told to another than its reporter"


class Asked(Mapping[str, frozenset[CaseState]]):
    """The table of transitions, which keeps which commands were looked up in it."""

    def __init__(self, table: Mapping[str, frozenset[CaseState]]) -> None:
        self._table = table
        self.seen: set[str] = set()

    def __getitem__(self, command: str) -> frozenset[CaseState]:
        self.seen.add(command)
        return self._table[command]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)


Step = Callable[[Trial], None]


def _last(world: World, who: str) -> int:
    stored = world.stored(who)
    return stored[-1].sequence if stored else 0


# --- drawing commands ---------------------------------------------------------------------------------

_n = st.integers(0, 3)
_who = st.sampled_from(PARTNERS)
_few = st.lists(_who, min_size=1, max_size=2, unique=True)
_what = st.lists(
    st.sampled_from([C.INCIDENT, C.RISK, C.REFERRAL, C.FREE_TEXT, C.COORDINATION, C.OTHER_PERSONS]),
    min_size=1,
    max_size=3,
    unique=True,
)
_hours = st.sampled_from([1, 2, 24])


Arguments = tuple[object, ...]
_DRAWN: dict[str, tuple[int, st.SearchStrategy[Arguments]]] = {
    "consent": (6, st.tuples(_n, _few, _what, _hours)),
    "withdraw": (5, st.tuples(_n, _n, st.booleans(), st.booleans())),
    "never_said": (2, st.tuples(_n, _n, st.booleans())),
    "basis": (2, st.tuples(_n, _who, _what, st.sampled_from(list(BasisRule)), _hours)),
    "end_basis": (1, st.tuples(_n)),
    "wrong_basis": (1, st.tuples(_n, _n, st.booleans())),
    "assess": (3, st.tuples(_n)),
    "level": (1, st.tuples(_n, st.sampled_from(list(SafetyLevel)))),
    "refer": (2, st.tuples(_n, _who)),
    "take_up": (1, st.tuples(_n)),
    "hand_over": (1, st.tuples(_n)),
    "answer_hand_over": (1, st.tuples(_n, st.booleans())),
    "substitute": (1, st.tuples(_n)),
    "follow_up_ends": (1, st.tuples(_n)),
    "coordinator": (1, st.tuples(_n)),
    "what_could_kill": (1, st.tuples(_n)),
    "new_number": (1, st.tuples(_n)),
    "tell_citizen": (1, st.tuples(_n)),
    "forget": (1, st.tuples(_n)),
    "review": (1, st.tuples(_n, st.booleans())),
    "block": (2, st.tuples(_n, _who, st.sampled_from([0, 0, 1, 2]))),
    "answer_referral": (2, st.tuples(_n, st.sampled_from(sorted({*ANSWERS, ReferralStatus.CANCELLED})))),
    "unanswered": (1, st.tuples(_n)),
    "advise": (1, st.tuples()),
    "cancel_move": (1, st.tuples(_n)),
    "move": (2, st.tuples(_n, st.sampled_from([None, True, False]))),
    "answer_move": (2, st.tuples(_n, st.sampled_from([NEIGHBOUR, NEIGHBOUR, NGO]), st.booleans())),
    "read": (1, st.tuples(_n)),
    "read_matched": (1, st.tuples(_n)),
    "supplement": (1, st.tuples(_n)),
    "retract": (1, st.tuples(_n)),
    "correct": (2, st.tuples(_n, st.sampled_from(["economic", "digital", "stalking"]))),
    "match": (3, st.tuples(_n, _n)),
    "unmatch": (2, st.tuples(_n)),
    "open": (1, st.tuples(_n)),
    "report": (1, st.tuples()),
    "not_ours": (2, st.tuples(st.booleans())),
    "minor_reported": (1, st.tuples()),
    "find_minor": (1, st.tuples(_n)),
    "child_at_risk": (1, st.tuples(_n)),
    "notify": (2, st.tuples(_n, _what)),
    "contact": (1, st.tuples(_n)),
    "decline": (1, st.tuples(_n)),
    "close": (1, st.tuples(_n, st.booleans())),
    "set_aside": (1, st.tuples(_n)),
    "reopen": (2, st.tuples(_n)),
    "wait": (3, st.tuples(st.sampled_from([-3, -1, 1, 1, 2, 30]))),
    "timers": (2, st.tuples(_n)),
    "suspend": (1, st.tuples(_who)),
    "resume": (1, st.tuples(_who)),
    "judge_what_opens": (1, st.tuples()),
}
"""Each command, how often it is drawn, and with what."""
_NAMES = [name for name, (times, _) in _DRAWN.items() for _ in range(times)]
STEPS = st.sampled_from(_NAMES).flatmap(lambda name: st.tuples(st.just(name), _DRAWN[name][1]))
_FIRST = st.tuples(st.just("consent"), _DRAWN["consent"][1])
_MATCH = st.sampled_from([[], [("match", (0, 1))]])
SEQUENCES = st.builds(
    lambda match, first, rest: [*match, first, *rest],
    _MATCH,
    _FIRST,
    st.lists(STEPS, min_size=4, max_size=14),
)
"""A consent is always among the first, and in half of them an inquiry that is matched to the open case."""
_AGREES: tuple[str, Arguments] = ("consent", (0, [NGO], [C.REFERRAL, C.INCIDENT], 24))
OUTRIGHT: Sequence[Sequence[tuple[str, Arguments]]] = [
    *([_AGREES, ("answer_referral", (0, status))] for status in sorted({*ANSWERS, ReferralStatus.CANCELLED})),
    *([("answer_hand_over", (0, accepts))] for accepts in (True, False)),
    *([("block", (0, NGO, way))] for way in (1, 2)),
    [("basis", (0, POLICE, [C.RISK], BasisRule.VITAL_INTEREST, 24)), ("end_basis", (0,))],
    *(
        [
            ("basis", (0, POLICE, [C.RISK, C.INCIDENT], BasisRule.VITAL_INTEREST, 24)),
            ("wrong_basis", (0, 0, one)),
        ]
        for one in (True, False)
    ),
    [_AGREES, ("follow_up_ends", (0,))],
    [_AGREES, ("supplement", (1,)), ("correct", (0, "stalking")), ("retract", (0,))],
    [_AGREES, ("never_said", (0, 0, False))],
    [("match", (0, 1)), ("read_matched", (0,)), ("unmatch", (0,))],
    *([("cancel_move", (0,)), ("move", (0, accepts))] for accepts in (True, False)),
]
"""What chance draws seldom is played as well, so that no run hangs on a throw of the dice."""


def play(trial: Trial, steps: Sequence[tuple[str, Arguments]]) -> None:
    """All commands of a sequence, each under judgement; what opens is judged at the end too."""
    for name, arguments in steps:
        trial.carry_out(lambda t, name=name, arguments=arguments: getattr(t, name)(*arguments))  # type: ignore[misc]
    trial.judge_what_opens()


@pytest.fixture(scope="module")
def template() -> Iterator[tuple[World, list[UUID]]]:
    """Give a municipality with an open case and an inquiry, to copy; in memory where the system has that."""
    memory = Path("/dev/shm")  # noqa: S108 (a folder of our own in it, with a random name)
    folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    try:
        with closing(World.built(folder / "template")) as world:
            cases = begin(world)
            yield world, cases
    finally:
        shutil.rmtree(folder)


def begin(world: World) -> list[UUID]:
    """Partners, an open case and an inquiry."""
    if world.parts.app.store.partner(PSYCHOLOGIST) is None:
        world.register(PSYCHOLOGIST, OrganisationKind.PSYCHOLOGIST, sorted(AGREED[PSYCHOLOGIST]))
        world.register(NEIGHBOUR, OrganisationKind.MUNICIPAL_UNIT)
    return [world.open_case(), world.report(SAME_WOMAN)]


@pytest.mark.timeout(900)
def test_no_sequence_of_commands_tells_anything_without_a_living_grant_on_sqlite(
    template: tuple[World, list[UUID]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(transitions.LEGAL)
    monkeypatch.setattr(transitions, "LEGAL", asked)
    world, cases = template
    seen: Counter[str] = Counter()
    folder = world.parts.settings.data_dir.parent / "copy"

    @settings(max_examples=SEQUENCES_SQLITE, deadline=None, suppress_health_check=list(HealthCheck))
    @drawn(SEQUENCES)
    def judged(steps: Sequence[tuple[str, Arguments]]) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        with closing(world.copied(folder)) as copy:
            trial = Trial(copy, cases, copy.clock)
            play(trial, steps)
            seen.update(trial.seen)

    for steps in OUTRIGHT:
        judged = example(steps)(judged)
    judged()
    _must_have_happened(seen, SEQUENCES_SQLITE)
    _seldom_things_must_have_happened(seen, SEQUENCES_SQLITE)
    assert sorted(set(asked) - asked.seen - ERASES) == [], "a command of the table that is never drawn"


@pytest.mark.timeout(900)
def test_no_sequence_of_commands_tells_anything_without_a_living_grant_on_postgresql(
    database_url: str, tmp_path: Path
) -> None:
    seen: Counter[str] = Counter()
    with closing(World.built(tmp_path / "hub", database_url)) as world:

        @settings(max_examples=SEQUENCES_POSTGRES, deadline=None, suppress_health_check=list(HealthCheck))
        @drawn(SEQUENCES)
        def judged(steps: Sequence[tuple[str, Arguments]]) -> None:
            world.clock.now = world.parts.clock()  # one store for all: time goes on from one to the next
            for row in world.parts.app.store.partners():
                if not row.active:
                    world.resume(row.slug)
            trial = Trial(world, begin(world), world.clock)
            play(trial, steps)
            seen.update(trial.seen)

        judged()
    _must_have_happened(seen, SEQUENCES_POSTGRES)


def _must_have_happened(seen: Counter[str], sequences: int) -> None:
    """A search that never tells, never opens and never revokes would prove nothing."""
    assert seen["disclosed"] > sequences, seen
    assert seen["opened"] > sequences, seen
    assert seen["revoked"] > sequences / 20, seen
    assert seen["renewed"] > sequences / 20, seen


def _seldom_things_must_have_happened(seen: Counter[str], sequences: int) -> None:
    """Draws come in clumps: of 2,000 sequences this can be asked, of 200 not."""
    for seldom in ("corrected", "never_said", "retracted", "forwarded", "blocked"):
        assert seen[seldom] > sequences / 80, (seldom, seen)
    assert seen["answered"] > sequences / 200, seen
    assert seen["answered a referral"], seen
