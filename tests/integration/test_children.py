"""Children at risk, and reports on minors, on both stores: told without consent, forgotten by nobody."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from contracts.message_v1 import Receipt, ReceiptStatus
from contracts.social_report_terms_v1 import HandoverRule
from contracts.terms import Category, MessageKind, OrganisationKind, SafetyLevel, Urgency
from hub.adapters.broker.embedded import EmbeddedBroker
from hub.adapters.http.access import Role
from hub.aggregates.citizen_case.children import ANSWER_WITHIN, NOTIFIED_OF, waiting_notifications
from hub.aggregates.citizen_case.events import (
    ChildNotificationAnswered,
    ChildNotificationDue,
    LegalBasisRecorded,
    ReportReceived,
)
from hub.aggregates.citizen_case.terms import NotificationCause, NotificationDecision, ReopeningReason
from hub.aggregates.citizen_case.values import CaseState
from hub.errors import Conflict, IllegalTransition, Invalid
from tests.criteria import MET
from tests.support.api import Api, clock_now
from tests.support.carrying import carried
from tests.world import CASEWORKER, CHILDLESS, CHILDREN, NGO, SAME_WOMAN, TOVHOLDER, UNIT, World, of_a_girl

OTHER_CHILDREN = "boern-to"


@pytest.fixture
def world(tmp_path: Path, store_url: str) -> Iterator[World]:
    """Give a municipality that keeps the unit's read models, at the time of the test."""
    with closing(World.built(tmp_path / "hub", store_url, clock=clock_now())) as world:
        world.identities[UNIT].save(tmp_path / "hub" / "keys" / "recipients" / UNIT)
        yield world


def due_in(world: World, case: UUID) -> UUID:
    (waiting,) = waiting_notifications(world.case(case))
    return waiting.due_id


# --- a child at risk ----------------------------------------------------------------------------------


def test_a_report_with_a_child_in_it_makes_a_notification_due_in_its_own_transaction(world: World) -> None:
    """Whatever the consents say, pointing at the report, and told to the owning unit with its deadline."""
    case = world.report(SAME_WOMAN)
    (due,) = world.facts(ChildNotificationDue)
    (report,) = world.facts(ReportReceived)
    assert (due.originator_id, due.entry) == (case, report.originator_version)
    assert due.cause is NotificationCause.REPORT
    assert due.deadline == due.timestamp + ANSWER_WITHIN
    told = [t.head for t in world.told(UNIT) if t.head.kind is MessageKind.CHILD_NOTIFICATION_DUE]
    assert [(h.deadline, h.urgency) for h in told] == [(due.deadline, Urgency.URGENT)]
    assert due.deadline in [at for at, _ in world.parts.app.store.due(due.deadline, 10)]


def test_a_report_without_a_child_makes_none_due(world: World) -> None:
    world.report(CHILDLESS)
    assert world.facts(ChildNotificationDue) == []


def test_nobody_but_the_owning_unit_is_told_that_one_is_due(world: World) -> None:
    """Not even who may be told everything: the father may work there."""
    case = world.open_case(CHILDLESS)
    world.consent(case, [NGO], list(Category))
    told = len(world.told(NGO))
    world.parts.hub.observe_child_at_risk(world.command(CASEWORKER), case, 2)
    assert len(world.told(NGO)) == told


@pytest.mark.parametrize("cause", [NotificationCause.ASSESSMENT, NotificationCause.SAFETY_LEVEL])
def test_an_assessment_or_a_level_can_say_that_a_child_is_at_risk(
    world: World, cause: NotificationCause
) -> None:
    case, hub = world.open_case(CHILDLESS), world.parts.hub
    if cause is NotificationCause.ASSESSMENT:
        hub.assess_safety(
            world.command(TOVHOLDER),
            case,
            instrument="sara-v3",
            instrument_version="3",
            answers={"item-1": "yes"},
            judgement=SafetyLevel.HIGH,
            reason="Datteren sover der",
            child_at_risk=True,
        )
    else:
        hub.change_safety_level(
            world.command(TOVHOLDER), case, SafetyLevel.HIGH, "Datteren sover der", child_at_risk=True
        )
    (due,) = world.facts(ChildNotificationDue)
    assert (due.cause, due.entry) == (cause, world.case(case).version - 1)


def test_a_correction_that_tells_of_a_child_makes_one_due_and_another_correction_does_not(
    world: World,
) -> None:
    case = world.open_case(CHILDLESS)
    world.correct(case, "contents.incident", {"violence_forms": ["economic"]})
    assert world.facts(ChildNotificationDue) == []
    there = {"present": "yes", "concerned": [{"present": "yes", "saw_or_heard": "yes"}]}
    world.correct(case, "contents.children", {"children": there})
    (due,) = world.facts(ChildNotificationDue)
    assert (due.cause, due.entry) == (NotificationCause.CORRECTION, world.case(case).version - 1)


def test_a_correction_that_tells_of_a_threat_to_children_makes_one_due(world: World) -> None:
    case = world.open_case(CHILDLESS)
    world.correct(case, "contents.incident", {"threats_to_life": {"answer": "yes", "towards": ["children"]}})
    (due,) = world.facts(ChildNotificationDue)
    assert (due.cause, due.entry) == (NotificationCause.CORRECTION, world.case(case).version - 1)


UNDER_18 = {
    "in January 2015": {"cpr": None, "birth_date": "2015-01-01"},
    "by her number": {"cpr": "0101154006"},
}


@pytest.mark.parametrize("instead", UNDER_18.values(), ids=UNDER_18)
def test_who_turns_out_to_be_a_minor_by_a_correction_is_never_opened_as_an_adult_case(
    world: World, instead: dict[str, object]
) -> None:
    """Flagged and handed to child services in the very transaction, as at intake; once."""
    case = world.report(CHILDLESS)
    world.correct(case, "contents.identity", instead, CASEWORKER)
    assert world.case(case).state is CaseState.MINOR
    (due,) = world.facts(ChildNotificationDue)
    assert (due.cause, due.sent_to) == (NotificationCause.MINOR, CHILDREN)
    assert world.told_categories(CHILDREN) == set(NOTIFIED_OF)
    with pytest.raises(IllegalTransition):
        world.open(case)


def test_a_correction_of_a_minor_whom_everybody_knows_as_such_makes_nothing_due(world: World) -> None:
    case = world.report(report=of_a_girl())
    world.correct(case, "contents.identity", {"approximate_age": 15}, CASEWORKER)
    assert [due.cause for due in world.facts(ChildNotificationDue)] == [NotificationCause.MINOR]


def test_who_turns_out_to_be_a_minor_by_a_new_number_is_flagged(world: World) -> None:
    case = world.report(CHILDLESS)
    world.parts.hub.change_cpr_number(world.command(CASEWORKER), case, "0101154006", is_replacement=False)
    assert world.case(case).state is CaseState.MINOR
    (due,) = world.facts(ChildNotificationDue)
    assert (due.cause, due.sent_to) == (NotificationCause.MINOR, CHILDREN)


def test_a_supplement_that_tells_of_a_child_makes_one_due(world: World) -> None:
    case = world.report(CHILDLESS)
    (report,) = world.facts(ReportReceived)
    world.supplement(report.report_id, SAME_WOMAN, report.reporter)
    (due,) = world.facts(ChildNotificationDue)
    assert (due.originator_id, due.cause) == (case, NotificationCause.REPORT)


def test_telling_child_services_answers_records_the_basis_and_goes_out_at_once(world: World) -> None:
    """No consent was given; they open who, what, which children and by whom, and nothing else."""
    case = world.report(SAME_WOMAN)
    answer = world.notify(case)
    (basis,) = world.facts(LegalBasisRecorded)
    (answered,) = world.facts(ChildNotificationAnswered)
    assert answered.basis_id == basis.basis_id == UUID(answer.ids["basis"])
    assert (basis.answers_for, answered.recipient) == ("Inge Indskriver", CHILDREN)
    assert world.told_categories(CHILDREN) == set(NOTIFIED_OF)
    assert waiting_notifications(world.case(case)) == []


def test_a_withdrawn_consent_takes_nothing_from_child_services(world: World) -> None:
    case = world.open_case(SAME_WOMAN)
    consent = world.consent(case, [CHILDREN], [Category.INCIDENT])
    world.notify(case)
    world.withdraw(case, consent)
    assert world.told_categories(CHILDREN) == set(NOTIFIED_OF)


def test_notified_never_stands_where_nobody_was_told(world: World) -> None:
    """Of another kind, outside its agreement, or suspended: refused, and the notification still waits."""
    case = world.report(SAME_WOMAN)
    world.register(OTHER_CHILDREN, OrganisationKind.CHILD_SERVICES, [Category.IDENTITY])
    world.suspend(CHILDREN)
    for recipient, kind in ((NGO, Invalid), (OTHER_CHILDREN, Conflict), (CHILDREN, Conflict)):
        with pytest.raises(kind, match=r"recipients?: "):
            world.notify(case, recipient)
    assert len(waiting_notifications(world.case(case))) == 1
    assert world.facts(ChildNotificationAnswered) == []
    world.resume(CHILDREN)
    world.notify(case)
    assert world.told(CHILDREN)


def test_a_notification_waits_in_the_inbox_until_a_person_answers_it(
    world: World, broker: EmbeddedBroker
) -> None:
    """Opening the case, matching it, her no: none of it takes the notification away."""
    case, inquiry = world.report(SAME_WOMAN), world.report(SAME_WOMAN)
    world.open(case)
    world.match(case, inquiry)
    world.decline(case)
    carried(world, broker)
    queries = world.parts.queries
    assert queries.inbox(CASEWORKER) == []
    assert [w.case_id for w in queries.notifications(CASEWORKER)] == [case, inquiry]

    world.notify(inquiry)
    carried(world, broker)
    assert [w.case_id for w in queries.notifications(CASEWORKER)] == [case]

    world.answer_for_children(case)
    carried(world, broker)
    assert queries.notifications(CASEWORKER) == []


def test_a_case_is_not_closed_over_a_notification_in_a_matched_inquiry(world: World) -> None:
    case, inquiry = world.open_case(CHILDLESS), world.report(SAME_WOMAN)
    world.match(case, inquiry)
    with pytest.raises(Conflict, match="notifications: "):
        world.parts.hub.close_case(world.command(TOVHOLDER), case, **world.closing())
    world.answer_for_children(case)
    world.parts.hub.close_case(world.command(TOVHOLDER), case, **world.closing())


# --- under 18 -----------------------------------------------------------------------------------------


def test_a_report_on_a_minor_is_received_flagged_and_handed_to_child_services_at_once(
    world: World, broker: EmbeddedBroker
) -> None:
    """In one transaction, on the duty to notify. It still waits for a person here, who answers for it."""
    case = world.report(report=of_a_girl())

    assert world.case(case).state is CaseState.MINOR
    (receipt,) = (c for c in world.controls_of("skadestuen") if isinstance(c, Receipt))
    assert receipt.status is ReceiptStatus.RECEIVED
    (told,) = world.told(CHILDREN)
    assert told.head.kind is MessageKind.PRESENT_STATE
    assert told.categories <= set(NOTIFIED_OF)
    assert {Category.IDENTITY, Category.INCIDENT} <= told.categories
    (due,) = world.facts(ChildNotificationDue)
    assert (due.cause, due.sent_to) == (NotificationCause.MINOR, CHILDREN)

    carried(world, broker)
    assert [w.case_id for w in world.parts.queries.inbox(CASEWORKER)] == [case]
    assert [w.case_id for w in world.parts.queries.notifications(CASEWORKER)] == [case]
    world.answer_for_children(case)
    carried(world, broker)
    assert world.parts.queries.inbox(CASEWORKER) == []
    assert world.parts.queries.notifications(CASEWORKER) == []


def test_where_there_is_a_choice_a_person_makes_it(world: World) -> None:
    """None, several, suspended, or without the agreement: the notification says that a person must choose."""
    world.register(OTHER_CHILDREN, OrganisationKind.CHILD_SERVICES, list(Category))
    several = world.report(report=of_a_girl())
    world.suspend(CHILDREN)
    world.suspend(OTHER_CHILDREN)
    none = world.report(report=of_a_girl())
    world.register("boern-tre", OrganisationKind.CHILD_SERVICES, [Category.CHILDREN])
    not_agreed = world.report(report=of_a_girl())

    assert [d.sent_to for d in world.facts(ChildNotificationDue)] == [None, None, None]
    assert world.facts(LegalBasisRecorded) == []
    for case in (several, none, not_agreed):
        assert world.case(case).state is CaseState.MINOR
    world.resume(CHILDREN)
    world.notify(several, CHILDREN)
    assert [t.categories for t in world.told(CHILDREN)]


def test_child_services_own_report_is_not_sent_back_to_them(world: World) -> None:
    report = of_a_girl()
    unit = report.unit.model_copy(update={"kind": OrganisationKind.CHILD_SERVICES})
    basis = report.basis.model_copy(update={"rule": HandoverRule.AUTHORITY_DUTY, "consent_given_at": None})
    world.report(report=report.model_copy(update={"unit": unit, "basis": basis}))
    assert [d.sent_to for d in world.facts(ChildNotificationDue)] == [None]
    assert world.told(CHILDREN) == []


def test_a_case_of_a_minor_is_never_opened_consented_to_or_matched(world: World) -> None:
    case, other = world.report(report=of_a_girl()), world.report(SAME_WOMAN)
    for refused in (
        lambda: world.open(case),
        lambda: world.consent(case),
        lambda: world.match(case, other),
        lambda: world.match(other, case),
    ):
        with pytest.raises(IllegalTransition, match="child services"):
            refused()


def test_a_person_finds_out_and_a_person_finds_that_it_was_wrong(world: World) -> None:
    """What child services were told stays told until the basis is ended: that is a decision of its own."""
    case = world.open_case(CHILDLESS)
    world.parts.hub.find_minor(world.command(CASEWORKER), case)
    assert world.case(case).state is CaseState.MINOR
    assert world.told(CHILDREN)
    assert world.facts(ChildNotificationDue)[-1].sent_to == CHILDREN

    world.reopen(case, ReopeningReason.FOUND_ADULT)
    assert world.case(case).state is CaseState.OPEN


def test_who_was_told_at_once_by_mistake_is_not_the_answer(world: World) -> None:
    """All of it was revoked: the person who answers says whom she told, and nobody is named for her."""
    case = world.open_case(CHILDLESS)
    world.parts.hub.find_minor(world.command(CASEWORKER), case)
    (basis,) = {e.basis_id for e in world.facts(LegalBasisRecorded)}
    world.wrong_basis(case, basis)
    assert world.told(CHILDREN) == []
    (due,) = waiting_notifications(world.case(case))

    def answer(text: str) -> None:
        world.parts.hub.answer_child_notification(
            world.command(CASEWORKER),
            case,
            due.due_id,
            decision=NotificationDecision.NOTIFIED,
            decided_by="Inge",
            notified_at=world.clock(),
            reason=None,
            text=text,
        )

    with pytest.raises(Invalid, match="text"):
        answer("")
    answer("Ringet til socialvagten")
    (answered,) = world.facts(ChildNotificationAnswered)
    assert (answered.recipient, answered.basis_id) == (None, None)


def test_the_deadline_passes_and_the_notification_is_still_there(world: World) -> None:
    case = world.report(SAME_WOMAN)
    world.clock.move(ANSWER_WITHIN + timedelta(hours=1))
    world.timers(case)
    assert due_in(world, case)


# --- by API -------------------------------------------------------------------------------------------


def test_a_caseworker_sees_answers_and_tells_by_api(world: World, broker: EmbeddedBroker) -> None:
    api = Api(world)
    inge = api.login("inge", UNIT, Role.CASEWORKER)
    first, second, third = (world.report(SAME_WOMAN) for _ in range(3))
    carried(world, broker)
    listed = inge.get("/v1/inbox").json()["child_notifications"]
    assert [one["case"] for one in listed] == [str(first), str(second), str(third)]
    assert all(one["deadline"] for one in listed)

    told = {"recipient": CHILDREN, "decided_by": "Inge Indskriver", "text": "Børnene så det"}
    path = f"/v1/cases/{first}/child-notifications/{due_in(world, first)}"
    assert inge.post(f"{path}/notification", told).status_code == 201
    elsewhere = {
        "decision": "notified",
        "decided_by": "Inge Indskriver",
        "notified_at": world.clock().isoformat(),
        "text": "Ringet til børnevagten",
    }
    path = f"/v1/cases/{second}/child-notifications/{due_in(world, second)}"
    assert inge.post(f"{path}/answer", elsewhere).status_code == 201
    not_told = {
        "decision": "not_notified",
        "decided_by": "Inge Indskriver",
        "reason": "already_notified",
        "text": "Politiet har underrettet",
    }
    path = f"/v1/cases/{third}/child-notifications/{due_in(world, third)}"
    assert inge.post(f"{path}/answer", not_told).status_code == 201
    carried(world, broker)
    assert inge.get("/v1/inbox").json()["child_notifications"] == []

    at_risk = inge.post(f"/v1/cases/{third}/child-notifications", {"entry": 2})
    assert (at_risk.status_code, list(at_risk.json())) == (201, ["position", "notification"])
    assert inge.post(f"/v1/cases/{third}/minor").status_code == 201
    refused = inge.post(f"/v1/cases/{third}/opening", {"criteria": MET})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (409, "state")
