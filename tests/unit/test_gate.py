"""Gate 1 in sentences: who is told what, on which grants. A test at least for each of its rules."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.message_v1 import Ban
from contracts.terms import BasisRule, Category, MessageKind, OrganisationKind, SafetyLevel, Urgency
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.values import ConsentForm, GrantTerms
from hub.aggregates.disclosures import Source
from hub.aggregates.sealing import CouldKill
from hub.application.translate import report_taken
from hub.gates.gate import Agreement, Decision, Telling, decide, may_receive
from tests.criteria import MET
from tests.support.social_reports import REPORTS
from tests.world import BEGAN, CHILDREN, NGO, NIGHT, POLICE, SAME_WOMAN, SHELTER, TOVHOLDER, UNIT, planted

C = Category
ALL = frozenset(Category)
ENDS = BEGAN + timedelta(days=90)


class Story:
    """A case with a report in it, and what the gate decides on whatever happens next."""

    def __init__(self, report: Any = REPORTS[NIGHT]) -> None:
        self.now = BEGAN
        self.case = a_case(report)
        self.related: list[CitizenCase] = []
        self.told: dict[str, dict[Source, set[UUID]]] = {}
        self.ever: dict[str, set[Source]] = {}
        self.agreements = {
            slug: Agreement(slug, kind, ALL, active=True)
            for slug, kind in (
                (NGO, OrganisationKind.NGO),
                (SHELTER, OrganisationKind.SHELTER),
                (POLICE, OrganisationKind.POLICE),
                (CHILDREN, OrganisationKind.CHILD_SERVICES),
            )
        }

    def when(self, what: Callable[..., Any], /, **words: Any) -> Decision:
        """Do it, and ask the gate."""
        self.case.collect_events()
        what(**words, by=TOVHOLDER, at=self.now)
        return self.decided()

    def decided(self) -> Decision:
        decision = decide(
            self.case,
            tuple(self.case.pending_events),  # type: ignore[arg-type]
            related=self.related,
            agreements=self.agreements,
            told={who: frozenset(told) for who, told in self.told.items()},
            ever={who: frozenset(told) for who, told in self.ever.items()},
            now=self.now,
        )
        for telling in decision.tellings:
            for part in telling.parts:
                content = part.entry.content
                source = Source(part.case_id, part.entry.version, content.field, content.category)
                self.told.setdefault(telling.recipient, {})[source] = set(part.grants)
                if telling.recipient != UNIT:
                    self.ever.setdefault(telling.recipient, set()).add(source)
        self._drop({grant for grants in decision.ended.values() for grant in grants})
        return decision

    def _drop(self, ended: set[UUID]) -> None:
        """What rests on ended grants alone is held no longer."""
        for told in self.told.values():
            for source in [s for s, grants in told.items() if grants <= ended]:
                del told[source]

    def opened(self) -> "Story":
        self.when(self.case.open_case, number="7KQM-2RXD", criteria=MET)
        self.when(self.case.assign_coordinator, coordinator=TOVHOLDER)
        return self

    def consent(
        self, recipients: Sequence[str], categories: Sequence[Category], ends_at: datetime = ENDS
    ) -> Decision:
        self.consent_id = uuid4()
        return self.when(
            self.case.give_consent,
            consent_id=self.consent_id,
            grants=terms(recipients, categories),
            purpose="Henvisning",
            form=ConsentForm.ORAL,
            given_at=BEGAN,
            ends_at=ends_at,
        )

    def basis(self, recipients: Sequence[str], categories: Sequence[Category], rule: BasisRule) -> Decision:
        return self.when(
            self.case.record_legal_basis,
            basis_id=uuid4(),
            rule=rule,
            reason="Fare for liv",
            answers_for="Tove Tovholder",
            grants=terms(recipients, categories),
            purpose="Afværge fare",
            ends_at=ENDS,
            recipient_kinds={slug: a.kind for slug, a in self.agreements.items()},
        )

    def assess(self) -> Decision:
        return self.when(
            self.case.assess_safety,
            assessment_id=uuid4(),
            instrument="sara",
            instrument_version="3",
            answers={"item-1": "yes"},
            judgement=SafetyLevel.HIGH,
            reason="Samlet vurdering",
        )

    def level(self, level: SafetyLevel) -> Decision:
        return self.when(self.case.change_safety_level, level=level, reason="Truslerne tager til")

    def refer(self, recipient: str, answer_by: datetime | None = None) -> Decision:
        self.referral_id = uuid4()
        return self.when(
            self.case.request_referral,
            referral_id=self.referral_id,
            recipient=recipient,
            offer="samtaleforloeb",
            urgency=Urgency.URGENT,
            answer_by=answer_by,
        )


def terms(recipients: Sequence[str], categories: Sequence[Category]) -> tuple[GrantTerms, ...]:
    return tuple(GrantTerms(uuid4(), r, c) for r in recipients for c in categories)


def a_case(report: Any) -> CitizenCase:
    """An inquiry with its report, nothing of it collected yet."""
    taken = report_taken(report, uuid4)
    case = CitizenCase.open_inquiry(
        id=uuid4(), unit=UNIT, standing_grant=uuid4(), by=Actor("b", "B", "reporter", POLICE), at=BEGAN
    )
    case.receive_report(
        report_id=taken.report_id,
        reporter=POLICE,
        number="7KQM-2RXD",
        reference=taken.reference,
        urgency=taken.urgency,
        happened=taken.happened,
        contents=taken.contents,
        others=taken.others,
        could_kill=taken.could_kill,
        free_text=taken.free_text,
        basis=taken.basis,
        warnings=taken.warnings,
        staff_involved=taken.staff_involved,
        by=Actor("b", "B", "reporter", POLICE),
        at=BEGAN,
    )
    return case


def told(decision: Decision, recipient: str) -> list[Telling]:
    return [t for t in decision.tellings if t.recipient == recipient]


def categories(decision: Decision, recipient: str) -> list[Category]:
    return [p.category for t in told(decision, recipient) for p in t.parts]


def recipients(decision: Decision) -> set[str]:
    return {t.recipient for t in decision.tellings}


# --- no grant, no telling -----------------------------------------------------------------------------


def test_without_a_consent_a_report_is_told_to_the_owning_unit_alone() -> None:
    decision = Story().decided()
    assert recipients(decision) == {UNIT}
    assert decision.refusals == ()


def test_without_a_consent_nothing_that_happens_in_the_case_is_told_to_a_partner() -> None:
    story = Story()
    for decision in (
        story.when(story.case.open_case, number="7KQM-2RXD", criteria=MET),
        story.when(story.case.assign_coordinator, coordinator=TOVHOLDER),
        story.assess(),
        story.level(SafetyLevel.ACUTE),
        story.when(story.case.read_free_text, entry=2),
        story.when(story.case.set_safe_contact, rules=CouldKill({"channel": "sms"})),
    ):
        assert recipients(decision) == {UNIT}


def test_a_withdrawn_consent_tells_nothing_more() -> None:
    story = Story().opened()
    story.consent([NGO], [C.RISK])
    assert recipients(story.assess()) == {UNIT, NGO}
    story.when(story.case.withdraw_consent, consent_id=story.consent_id)
    assert recipients(story.assess()) == {UNIT}


def test_a_withdrawal_names_the_grants_that_ended_and_tells_the_recipient_nothing() -> None:
    story = Story().opened()
    story.consent([NGO, SHELTER], [C.RISK, C.INCIDENT])
    held = {g.grant_id for g in story.case.grants_of(NGO, story.now)}
    decision = story.when(story.case.withdraw_consent, consent_id=story.consent_id, recipient=NGO)
    assert {who: set(ids) for who, ids in decision.ended.items()} == {NGO: held}
    assert recipients(decision) == {UNIT}


def test_a_consent_past_its_end_tells_nothing_though_no_event_ended_it() -> None:
    story = Story().opened()
    story.consent([NGO], [C.RISK], ends_at=BEGAN + timedelta(hours=1))
    story.now = BEGAN + timedelta(hours=1)
    decision = story.assess()
    assert recipients(decision) == {UNIT}
    assert decision.refusals == ()


def test_a_consent_a_moment_before_its_end_still_tells() -> None:
    story = Story().opened()
    story.consent([NGO], [C.RISK], ends_at=BEGAN + timedelta(hours=1))
    story.now = BEGAN + timedelta(hours=1) - timedelta(microseconds=1)
    assert recipients(story.assess()) == {UNIT, NGO}


# --- the categories it was granted, never the case ----------------------------------------------------


@pytest.mark.parametrize("category", list(Category))
def test_a_recipient_is_told_the_category_it_was_granted_and_no_other(category: Category) -> None:
    story = Story().opened()
    story.when(story.case.read_free_text, entry=2)
    first = story.consent([NGO], [category])
    later = [story.assess(), story.level(SafetyLevel.HIGH)]
    assert {c for d in (first, *later) for c in categories(d, NGO)} <= {category}


def test_each_part_rests_on_the_grants_of_its_own_category_and_the_head_on_all_of_theirs() -> None:
    story = Story().opened()
    (telling,) = told(story.consent([NGO], [C.IDENTITY, C.INCIDENT]), NGO)
    granted = {g.grant_id: g.category for g in story.case.grants_of(NGO, story.now)}
    for part in telling.parts:
        assert {granted[g] for g in part.grants} == {part.category}
    assert set(telling.head_grants) == {g for part in telling.parts for g in part.grants}


def test_two_consents_for_one_category_are_alternatives_of_what_is_told_afterwards() -> None:
    story = Story().opened()
    story.consent([NGO], [C.RISK])
    story.consent([NGO], [C.RISK])
    (telling,) = told(story.assess(), NGO)
    assert len(telling.parts[0].grants) == len(telling.head_grants) == 2


def test_a_head_names_no_report_and_no_other_case_to_a_partner() -> None:
    story = Story().opened()
    story.consent([NGO], list(ALL))
    inquiry = a_case(REPORTS[SAME_WOMAN])
    story.related = [inquiry]
    decision = story.when(story.case.match_inquiry, inquiry=inquiry.id, reason="Samme kvinde")
    assert [dict(t.refs) for t in told(decision, NGO)] == [{}]
    assert [set(t.refs) for t in told(decision, UNIT)] == [{"other_case"}]


# --- the owning unit ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REPORTS)
def test_the_owning_unit_is_told_all_of_a_report_but_its_free_text(name: str) -> None:
    report = REPORTS[name]
    decision = Story(report).decided()
    taken = report_taken(report, uuid4)
    expected = [Category(c) for c in taken.contents]
    expected += [Category(c) for o in taken.others for c in (o.value or {})["contents"]]
    assert sorted(categories(decision, UNIT)) == sorted(expected)
    assert C.FREE_TEXT not in categories(decision, UNIT)
    assert taken.free_text


def test_free_text_is_told_once_a_named_person_has_read_it() -> None:
    story = Story().opened()
    story.consent([NGO], [C.FREE_TEXT])
    decision = story.when(story.case.read_free_text, entry=2)
    texts = set(REPORTS[NIGHT].model_dump()["narrative"].split()[:1])
    for who in (UNIT, NGO):
        assert set(categories(decision, who)) == {C.FREE_TEXT}
        assert any(texts <= set(p.entry.content.data["text"].split()) for p in told(decision, who)[0].parts)


def test_a_grant_for_free_text_tells_only_what_was_read_before() -> None:
    story = Story().opened()
    story.assess()
    unread = story.case.version
    story.when(story.case.read_free_text, entry=2)
    (telling,) = told(story.consent([NGO], [C.FREE_TEXT]), NGO)
    assert {p.entry.version for p in telling.parts} == {2}
    assert unread not in {p.entry.version for p in telling.parts}


def test_the_reason_of_an_assessment_is_told_to_nobody_until_it_is_read() -> None:
    story = Story().opened()
    story.consent([NGO], list(ALL))
    decision = story.assess()
    for who in (UNIT, NGO):
        assert categories(decision, who) == [C.RISK]


def test_who_consented_to_what_is_told_to_the_owning_unit_alone() -> None:
    story = Story().opened()
    first = story.consent([NGO, SHELTER], list(ALL))
    second = story.consent([SHELTER], [C.COORDINATION])
    third = story.basis([CHILDREN], [C.COORDINATION], BasisRule.CHILD_NOTIFICATION)
    fourth = story.when(story.case.withdraw_consent, consent_id=story.consent_id)
    matched = a_case(REPORTS[SAME_WOMAN])
    story.related = [matched]
    fifth = story.when(story.case.match_inquiry, inquiry=matched.id, reason="Samme kvinde")
    for decision in (first, second, third, fourth, fifth):
        for telling in decision.tellings:
            fields = {(p.category, p.entry.content.field) for p in telling.parts}
            assert ((C.COORDINATION, "grants") in fields) <= (telling.recipient == UNIT)
    assert [p.entry.content.field for p in told(second, UNIT)[0].parts] == ["grants"]


# --- referrals ----------------------------------------------------------------------------------------


def test_a_referral_is_told_to_its_recipient_and_to_the_unit_and_to_nobody_else() -> None:
    story = Story().opened()
    story.consent([NGO, SHELTER], [C.REFERRAL])
    assert recipients(story.refer(NGO)) == {UNIT, NGO}


def test_a_later_grant_for_referrals_does_not_tell_of_a_referral_to_somebody_else() -> None:
    story = Story().opened()
    story.consent([NGO], [C.REFERRAL])
    story.refer(NGO)
    assert told(story.consent([SHELTER], [C.REFERRAL]), SHELTER) == []


def test_the_answer_to_a_referral_is_told_to_no_other_holder_of_a_grant() -> None:
    story = Story().opened()
    story.consent([NGO, SHELTER], [C.REFERRAL])
    story.refer(NGO)
    story.case.collect_events()
    by = Actor("anna", "Anna", "partner_staff", NGO)
    story.case.accept_referral(referral_id=story.referral_id, by=by, at=story.now)
    assert recipients(story.decided()) == {UNIT, NGO}


def test_a_referral_carries_its_deadline_its_urgency_and_its_own_id_in_the_head() -> None:
    story = Story().opened()
    story.consent([NGO], [C.REFERRAL])
    by = BEGAN + timedelta(days=2)
    (telling,) = told(story.refer(NGO, by), NGO)
    assert (telling.deadline, telling.urgency) == (by, Urgency.URGENT)
    assert dict(telling.refs) == {"referral": story.referral_id}


# --- a new grant tells the present state once ---------------------------------------------------------


def test_a_new_grant_tells_the_present_state_of_its_category_once() -> None:
    story = Story().opened()
    story.level(SafetyLevel.RAISED)
    story.level(SafetyLevel.HIGH)
    (telling,) = told(story.consent([NGO], [C.RISK]), NGO)
    assert telling.kind is MessageKind.PRESENT_STATE
    assert [p.entry.content.data["level"] for p in telling.parts] == [SafetyLevel.HIGH]


def test_a_second_consent_for_the_same_category_repeats_nothing() -> None:
    story = Story().opened()
    story.consent([NGO], [C.INCIDENT])
    assert told(story.consent([NGO], [C.INCIDENT]), NGO) == []


def test_a_second_consent_tells_the_categories_that_are_new_alone() -> None:
    story = Story().opened()
    story.consent([NGO], [C.INCIDENT])
    assert set(categories(story.consent([NGO], [C.INCIDENT, C.IDENTITY]), NGO)) == {C.IDENTITY}


def test_a_consent_after_a_withdrawal_tells_the_present_state_anew() -> None:
    story = Story().opened()
    story.consent([NGO], [C.INCIDENT])
    story.when(story.case.withdraw_consent, consent_id=story.consent_id)
    assert categories(story.consent([NGO], [C.INCIDENT]), NGO) == [C.INCIDENT]


def test_a_consent_to_one_tells_the_others_nothing() -> None:
    story = Story().opened()
    story.consent([SHELTER], [C.INCIDENT])
    assert told(story.consent([NGO], [C.INCIDENT]), SHELTER) == []


def test_a_new_grant_tells_what_stands_in_matched_inquiries_too() -> None:
    story = Story().opened()
    inquiry = a_case(REPORTS[SAME_WOMAN])
    story.case.match_inquiry(inquiry=inquiry.id, reason="Samme kvinde", by=TOVHOLDER, at=BEGAN)
    story.related = [inquiry]
    (telling,) = told(story.consent([NGO], [C.INCIDENT]), NGO)
    assert {p.case_id for p in telling.parts} == {story.case.id, inquiry.id}


def test_matching_an_inquiry_tells_its_granted_categories_to_whoever_holds_a_grant() -> None:
    story = Story().opened()
    story.consent([NGO], [C.INCIDENT])
    inquiry = a_case(REPORTS[SAME_WOMAN])
    story.related = [inquiry]
    decision = story.when(story.case.match_inquiry, inquiry=inquiry.id, reason="Samme kvinde")
    (telling,) = told(decision, NGO)
    assert {(p.case_id, p.category) for p in telling.parts} == {(inquiry.id, C.INCIDENT)}
    assert told(decision, SHELTER) == []


def test_free_text_read_in_a_matched_inquiry_is_told_on_the_grants_of_its_case_and_to_no_other() -> None:
    story = Story().opened()
    story.consent([NGO], [C.FREE_TEXT])
    story.consent([SHELTER], [C.INCIDENT])
    inquiry = a_case(REPORTS[SAME_WOMAN])
    story.related = [inquiry]
    assert told(story.when(story.case.match_inquiry, inquiry=inquiry.id, reason="Samme kvinde"), NGO) == []
    inquiry.read_free_text(entry=2, by=TOVHOLDER, at=BEGAN)
    decision = story.when(story.case.read_inquiry_text, inquiry=inquiry.id, entry=2)
    (telling,) = decision.tellings
    assert (telling.recipient, telling.kind) == (NGO, MessageKind.PRESENT_STATE)
    assert {(p.case_id, p.category) for p in telling.parts} == {(inquiry.id, C.FREE_TEXT)}


def test_an_inquiry_that_is_matched_to_nothing_is_told_to_nobody_else() -> None:
    story = Story().opened()
    (telling,) = told(story.consent([NGO], list(ALL)), NGO)
    assert {p.case_id for p in telling.parts} == {story.case.id}


# --- agreement and suspension -------------------------------------------------------------------------


def test_a_grant_that_the_agreement_does_not_cover_tells_nothing_and_is_on_record() -> None:
    story = Story().opened()
    story.agreements[NGO] = Agreement(NGO, OrganisationKind.NGO, frozenset({C.RISK}), active=True)
    decision = story.consent([NGO], [C.INCIDENT, C.IDENTITY])
    assert told(decision, NGO) == []
    assert {(r.recipient, r.category, r.reason) for r in decision.refusals} == {
        (NGO, C.INCIDENT, "not_in_agreement"),
        (NGO, C.IDENTITY, "not_in_agreement"),
    }


def test_an_agreement_lets_through_what_it_covers_and_refuses_the_rest_of_the_same_consent() -> None:
    story = Story().opened()
    story.agreements[NGO] = Agreement(NGO, OrganisationKind.NGO, frozenset({C.INCIDENT}), active=True)
    decision = story.consent([NGO], [C.INCIDENT, C.IDENTITY])
    assert categories(decision, NGO) == [C.INCIDENT]
    assert [r.category for r in decision.refusals] == [C.IDENTITY]


def test_danger_to_life_waits_for_no_agreement_and_carries_on_its_own_grants_alone() -> None:
    story = Story().opened()
    story.agreements[NGO] = Agreement(NGO, OrganisationKind.NGO, frozenset(), active=True)
    assert told(story.consent([NGO], [C.INCIDENT]), NGO) == []
    decision = story.basis([NGO], [C.INCIDENT], BasisRule.VITAL_INTEREST)
    (telling,) = told(decision, NGO)
    assert {p.category for p in telling.parts} == {C.INCIDENT}
    consented = set(story.case.bases[story.consent_id].grants)
    vital = {g.grant_id for g in story.case.grants_of(NGO, story.now)} - consented
    assert {g for p in telling.parts for g in p.grants} == vital
    assert decision.refusals == ()


def test_no_other_basis_goes_past_an_agreement_and_no_danger_past_a_suspension() -> None:
    for rule in set(BasisRule) - {BasisRule.VITAL_INTEREST}:
        story = Story().opened()
        story.agreements[CHILDREN] = Agreement(CHILDREN, OrganisationKind.CHILD_SERVICES, frozenset(), True)
        assert told(story.basis([CHILDREN], [C.INCIDENT], rule), CHILDREN) == []
    story = Story().opened()
    story.agreements[NGO] = Agreement(NGO, OrganisationKind.NGO, ALL, active=False)
    decision = story.basis([NGO], [C.INCIDENT], BasisRule.VITAL_INTEREST)
    assert told(decision, NGO) == []
    assert {r.reason for r in decision.refusals} == {"partner_suspended"}


def test_a_suspended_partner_is_told_nothing_and_that_is_on_record() -> None:
    story = Story().opened()
    story.agreements[NGO] = Agreement(NGO, OrganisationKind.NGO, ALL, active=False)
    decision = story.consent([NGO], [C.INCIDENT])
    assert told(decision, NGO) == []
    assert {r.reason for r in decision.refusals} == {"partner_suspended"}


def test_a_recipient_of_whom_nothing_is_known_is_told_nothing() -> None:
    story = Story().opened()
    del story.agreements[NGO]
    decision = story.consent([NGO], [C.INCIDENT])
    assert told(decision, NGO) == []
    assert {r.reason for r in decision.refusals} == {"unknown_partner"}


def test_an_agreement_without_a_grant_tells_nothing_and_refuses_nothing() -> None:
    decision = Story().opened().assess()
    assert recipients(decision) == {UNIT}
    assert decision.refusals == ()


@pytest.mark.parametrize("category", list(Category))
def test_deny_is_the_default_of_an_agreement(category: Category) -> None:
    assert may_receive(None, category) == "unknown_partner"
    assert may_receive(Agreement(NGO, OrganisationKind.NGO, frozenset(), True), category)
    assert may_receive(Agreement(NGO, OrganisationKind.NGO, ALL, False), category)
    assert may_receive(Agreement(NGO, OrganisationKind.NGO, ALL, True), category) is None


# --- bans travel --------------------------------------------------------------------------------------

BAN = Ban.CRIMINAL_INVESTIGATION.value


def test_what_police_handed_over_under_115_carries_its_ban_to_everybody() -> None:
    story = Story(REPORTS[NIGHT])
    assert {b for t in story.decided().tellings for p in t.parts for b in p.bans} == {BAN}
    (telling,) = told(story.opened().consent([NGO], [C.INCIDENT, C.OTHER_PERSONS]), NGO)
    assert all(p.bans == (BAN,) for p in telling.parts)


def test_what_is_told_under_115_carries_the_ban_though_it_was_handed_over_without_one() -> None:
    story = Story(REPORTS[SAME_WOMAN]).opened()
    assert all(BAN not in p.bans for t in story.decided().tellings for p in t.parts)
    (telling,) = told(story.basis([POLICE], [C.INCIDENT], BasisRule.RETSPLEJELOV_115), POLICE)
    assert telling.parts
    assert all(p.bans == (BAN,) for p in telling.parts)


def test_a_consent_beside_115_does_not_lift_the_ban() -> None:
    story = Story(REPORTS[SAME_WOMAN]).opened()
    story.consent([POLICE], [C.RISK])
    story.basis([POLICE], [C.RISK], BasisRule.RETSPLEJELOV_115)
    (telling,) = told(story.assess(), POLICE)
    assert [p.bans for p in telling.parts] == [(BAN,)]


def test_a_ban_comes_along_from_a_matched_inquiry() -> None:
    story = Story(REPORTS[SAME_WOMAN]).opened()
    story.consent([NGO], [C.INCIDENT])
    inquiry = a_case(REPORTS[NIGHT])
    story.related = [inquiry]
    decision = story.when(story.case.match_inquiry, inquiry=inquiry.id, reason="Samme kvinde")
    assert [p.bans for t in told(decision, NGO) for p in t.parts] == [(BAN,)]


# --- what could kill is in no category ----------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(REPORTS)),
    other=st.sampled_from(sorted(REPORTS)),
    granted=st.sets(st.sampled_from(list(Category)), min_size=1),
)
def test_what_could_kill_stands_in_no_telling_whatever_is_reported_and_granted(
    name: str, other: str, granted: set[Category]
) -> None:
    with_canaries, matched = planted(name), planted(other, first=10_000)
    story = Story(with_canaries.report)
    inquiry = a_case(matched.report)
    decisions = [story.decided()]
    story.opened()
    decisions.append(story.when(story.case.read_free_text, entry=2))
    decisions.append(story.when(story.case.set_safe_contact, rules=CouldKill({"note": "Kanariefuglø-kode"})))
    decisions.append(
        story.when(
            story.case.set_address_protection,
            protection="special",
            address=CouldKill({"address": "Kanariefuglø-adresse"}),
        )
    )
    decisions.append(story.consent([NGO], sorted(granted)))
    story.related = [inquiry]
    decisions.append(story.when(story.case.match_inquiry, inquiry=inquiry.id, reason="Samme kvinde"))
    lethal = (*with_canaries.could_kill, *matched.could_kill, "Kanariefuglø-kode", "Kanariefuglø-adresse")
    for decision in decisions:
        for telling in decision.tellings:
            said = json.dumps(
                [[p.entry.content.data, p.entry.content.field] for p in telling.parts],
                ensure_ascii=False,
                default=str,
            )
            assert [word for word in lethal if word in said] == []
    assert any(decision.tellings for decision in decisions)


def test_that_safe_contact_rules_exist_goes_with_the_identity() -> None:
    story = Story().opened()
    (telling,) = told(story.consent([NGO], [C.IDENTITY]), NGO)
    assert ["safe_contact"] in [p.entry.content.data.get("warnings") for p in telling.parts]


def test_what_is_told_of_another_person_is_a_part_of_its_own() -> None:
    decision = Story().decided()
    (telling,) = told(decision, UNIT)
    about = [p.entry.content.about for p in telling.parts if p.entry.content.about]
    assert len(about) == 4
    for part in telling.parts:
        if part.entry.content.about is None:
            assert "Jonas Prøvegaard" not in json.dumps(part.entry.content.data, ensure_ascii=False)
