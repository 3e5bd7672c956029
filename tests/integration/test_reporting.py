"""A reporter adds to its report or takes it back, on real stores: whoever was told is told."""

import json
from uuid import UUID, uuid4

import pytest

from contracts.cpr import masked
from contracts.inbound_v1 import Inbound, Person, ReportRetraction
from contracts.message_v1 import PartNamed, Receipt, ReceiptStatus
from contracts.terms import Category, MessageKind, RetractionReason, Urgency
from hub.adapters.http.access import Role
from hub.adapters.web.facts import facts_of
from hub.adapters.web.wording import Words
from hub.aggregates.citizen_case.events import ChildNotificationDue, ReportRetracted, ReportSupplemented
from hub.aggregates.disclosure_ledger import RefusalReason, Refused
from hub.errors import Missing
from tests.support.api import Api, clock_now
from tests.support.social_reports import REPORTS
from tests.world import CASEWORKER, HOSPITAL, NGO, NIGHT, POLICE, SAME_WOMAN, SHELTER, UNIT, Told, World

C = Category


def last(world: World, recipient: str, kind: MessageKind) -> Told:
    return [t for t in world.told(recipient) if t.head.kind is kind][-1]


def receipts(world: World, reporter: str = POLICE) -> list[tuple[UUID, ReceiptStatus]]:
    return [(c.report_id, c.status) for c in world.controls_of(reporter) if isinstance(c, Receipt)]


def waiting(world: World) -> list[tuple[UUID | None, str | None]]:
    """What stands in the intake inbox: the case and the kind."""
    world.project()
    return [(w.case_id, w.row.clear["kind"]) for w in world.parts.queries.inbox(CASEWORKER)]


# --- added to -----------------------------------------------------------------------------------------


def test_what_is_added_lands_in_the_same_case_is_told_like_a_report_and_gets_a_receipt(world: World) -> None:
    case = world.open_case()
    world.consent(case, [NGO], [C.INCIDENT])
    report = world.report_of(case)
    added = world.supplement(report)
    (fact,) = world.facts(ReportSupplemented)
    assert (fact.originator_id, fact.supplements) == (case, report)
    assert last(world, NGO, MessageKind.REPORT_SUPPLEMENTED).categories == {C.INCIDENT}
    own = last(world, UNIT, MessageKind.REPORT_SUPPLEMENTED)
    assert C.FREE_TEXT not in own.categories, "its free text waits"
    assert own.head.refs["report"] == added
    assert receipts(world)[-1] == (added, ReceiptStatus.RECEIVED)
    assert world.stored(SHELTER) == []


def test_its_persons_have_keys_of_their_own(world: World) -> None:
    case = world.open_case()
    before = set(world.case(case).persons)
    world.supplement(world.report_of(case))
    added = world.case(case).persons - before
    assert len(added) == len(before) > 0
    for person in added:
        world.parts.app.keys.destroy(person)
    (fact,) = world.facts(ReportSupplemented)
    assert {o.value for o in fact.others} == {None}
    assert all(e.content.about not in added for e in world.case(case).entries)


def test_a_number_that_only_the_supplement_holds_finds_the_citizens_other_cases(world: World) -> None:
    case, other = world.report("skadestue-kvinde-uden-cpr-seksuel-vold"), world.report(NIGHT)
    (number,) = world.case(other).cpr_numbers
    report = REPORTS["skadestue-kvinde-uden-cpr-seksuel-vold"]
    exposed = report.exposed.model_copy(update={"cpr": number})
    persons = tuple(exposed if p.id == exposed.id else p for p in report.persons)
    world.supplement(
        world.report_of(case), "skadestue-kvinde-uden-cpr-seksuel-vold", HOSPITAL, persons=persons
    )
    assert case in world.parts.committer.same_citizen(world.case(other)), masked(number)


def test_what_is_added_to_a_matched_inquiry_reaches_whom_its_case_tells(world: World) -> None:
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.match(case, inquiry)
    world.consent(case, [NGO], [C.INCIDENT])
    world.supplement(world.report_of(inquiry), SAME_WOMAN, HOSPITAL)
    told = last(world, NGO, MessageKind.REPORT_SUPPLEMENTED)
    assert told.head.thread == world.thread(case, NGO)
    assert last(world, UNIT, MessageKind.REPORT_SUPPLEMENTED).head.thread == world.thread(inquiry, UNIT)


def test_what_is_added_waits_in_the_inbox_whatever_was_decided_until_somebody_has_read_it(
    world: World,
) -> None:
    case = world.open_case()
    assert waiting(world) == []
    world.supplement(world.report_of(case))
    assert waiting(world) == [(case, "report_supplemented")]
    (fact,) = world.facts(ReportSupplemented)
    world.read_free_text(case, fact.originator_version)
    assert waiting(world) == []


def test_what_is_added_on_a_child_at_risk_sets_off_the_duty_to_notify_and_is_never_refused(
    world: World,
) -> None:
    """Also where the inquiry is matched, and where only now somebody knows that the citizen is under 18."""
    case, inquiry = world.open_case("politi-stalking-tidligere-partner-beskyttet-adresse"), world.report()
    world.match(case, inquiry)
    due = len(world.facts(ChildNotificationDue))
    report = REPORTS[NIGHT]
    exposed = report.exposed.model_copy(update={"cpr": None, "birth_date": None, "approximate_age": 16})
    persons = tuple(exposed if p.id == exposed.id else p for p in report.persons)
    world.supplement(world.report_of(inquiry), persons=persons)
    world.supplement(world.report_of(case))
    assert len(world.facts(ChildNotificationDue)) == due + 2


def test_nobody_adds_to_anothers_report_or_to_none(world: World) -> None:
    case = world.open_case()
    with pytest.raises(Missing):
        world.supplement(world.report_of(case), SAME_WOMAN, HOSPITAL)
    with pytest.raises(Missing):
        world.supplement(uuid4())
    assert world.facts(ReportSupplemented) == []


def test_the_same_supplement_sent_again_is_one(world: World) -> None:
    case = world.open_case()
    sent = REPORTS[NIGHT].model_copy(update={"report_id": uuid4(), "supplements": world.report_of(case)})
    for _ in range(2):
        world.send(POLICE, Inbound.report(json.loads(sent.model_dump_json(exclude_none=True))))
    assert len(world.facts(ReportSupplemented)) == 1
    assert len([r for r in receipts(world) if r[0] == sent.report_id]) == 1


# --- taken back -----------------------------------------------------------------------------------------


def test_whoever_was_told_is_told_that_it_was_taken_back_in_the_categories_that_it_was_told(
    world: World,
) -> None:
    case = world.open_case()
    world.consent(case, [NGO], [C.INCIDENT, C.WISHES, C.RISK])
    world.assess(case)
    told = {world.shown(case, f"contents.{c}", NGO) for c in (C.INCIDENT, C.WISHES)}
    world.retract(world.report_of(case))
    back = last(world, NGO, MessageKind.REPORT_RETRACTED)
    assert back.head.urgency is Urgency.URGENT
    assert back.categories == {C.INCIDENT, C.WISHES}
    assert {(n.message, n.part) for p in back.parts.values() for n in p.corrects} == told
    assert {p.data["retracted"] for p in back.parts.values()} == {"wrong_person"}
    assert all(isinstance(n, PartNamed) for p in back.parts.values() for n in p.corrects)
    assert world.stored(SHELTER) == []


def test_a_grant_of_afterwards_tells_nothing_of_it_and_not_that_it_was(world: World) -> None:
    case = world.open_case()
    world.retract(world.report_of(case))
    world.consent(case, [NGO], [C.INCIDENT, C.IDENTITY, C.RISK])
    assert world.told(NGO) == []
    world.assess(case)
    assert world.told_categories(NGO) == {C.RISK}


def test_who_may_be_told_and_never_was_does_not_hear_that_there_was_a_report(world: World) -> None:
    case = world.open_case()
    world.suspend(NGO)
    world.consent(case, [NGO], [C.INCIDENT])
    world.resume(NGO)
    world.retract(world.report_of(case))
    assert world.messages_of(NGO) == []


def test_who_was_told_and_may_be_told_no_more_stands_among_the_disclosures(world: World) -> None:
    case = world.open_case()
    world.withdraw(case, world.consent(case, [NGO], [C.INCIDENT]))
    world.retract(world.report_of(case))
    assert [(r.category, r.reason, r.kind) for r in world.facts(Refused)] == [
        (C.INCIDENT, RefusalReason.NO_LIVING_GRANT, MessageKind.REPORT_RETRACTED)
    ]


def test_a_person_of_the_unit_sees_urgently_what_was_built_on_it(world: World) -> None:
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.match(case, inquiry)
    consent = world.consent(case, [NGO], [C.INCIDENT, C.REFERRAL])
    referral = world.refer(case)
    world.retract(world.report_of(inquiry), explanation="Forveksling", reporter=HOSPITAL)
    own = last(world, UNIT, MessageKind.REPORT_RETRACTED)
    assert own.head.urgency is Urgency.URGENT
    (built_on,) = [p.data for p in own.parts.values() if "bases" in p.data]
    assert built_on["bases"] == [{"consent": str(consent), "recipients": [NGO]}]
    assert built_on["referrals"] == [{"referral": str(referral), "recipient": NGO}]
    assert built_on["matches"] == [str(case)]
    assert built_on["disclosures"] == [
        {
            "recipient": NGO,
            "message": str(world.shown(case, "contents.incident", NGO, stream=inquiry)[0]),
            "categories": [C.INCIDENT],
        }
    ]
    assert "Forveksling" not in str(own), "the explanation waits to be read"
    shown, unshown = facts_of(built_on, Words("en"), {})
    assert unshown == 0
    assert [f.value for f in shown] == [f"{NGO}: What happened", f"Consent: {NGO}", NGO, "1"]
    assert last(world, NGO, MessageKind.REPORT_RETRACTED).head.thread == world.thread(case, NGO)


def test_the_reporter_gets_one_receipt_however_often_it_says_so(world: World) -> None:
    case = world.open_case()
    report = world.report_of(case)
    for _ in range(2):
        world.retract(report)
    assert [status for r, status in receipts(world) if r == report] == [
        ReceiptStatus.RECEIVED,
        ReceiptStatus.RETRACTED,
    ]
    assert len(world.facts(ReportRetracted)) == 1


def test_nobody_takes_back_anothers_report(world: World) -> None:
    case = world.open_case()
    with pytest.raises(Missing):
        world.retract(world.report_of(case), reporter=HOSPITAL)
    assert world.facts(ReportRetracted) == []


def test_a_report_is_taken_back_by_topic_once(world: World) -> None:
    case = world.open_case()
    said = ReportRetraction(
        report_id=world.report_of(case),
        reason=RetractionReason.SENT_TWICE,
        by=Person(person="b1234", name="Bodil Betjent"),
        at=world.clock(),
    )
    message = uuid4()
    for _ in range(2):
        world.send(POLICE, Inbound.of(said), message)
    (fact,) = world.facts(ReportRetracted)
    assert (fact.reason, fact.by.person, fact.by.organisation) == ("sent_twice", "b1234", POLICE)


def test_a_retracted_report_that_nobody_has_decided_on_waits_as_taken_back(world: World) -> None:
    inquiry = world.report()
    world.retract(world.report_of(inquiry))
    assert set(waiting(world)) == {(inquiry, "report_received"), (inquiry, "report_retracted")}


def test_a_report_taken_back_is_not_added_to(world: World) -> None:
    case = world.open_case()
    report = world.report_of(case)
    world.retract(report)
    with pytest.raises(Missing):
        world.supplement(report)


def test_over_http_a_reporter_takes_its_own_report_back_and_is_told_of_no_case(tmp_path: object) -> None:
    with_clock = clock_now()
    world = World.built(tmp_path / "hub", clock=with_clock)  # type: ignore[operator]
    try:
        api = Api(world)
        police, hospital = (api.login(who, who, Role.REPORTER) for who in (POLICE, HOSPITAL))
        case = world.open_case()
        path = f"/v1/social-reports/{world.report_of(case)}/retraction"
        body = {"reason": "no_basis", "explanation": "Hun sagde nej"}
        assert hospital.post(path, body).status_code == 404
        assert police.post(path, {"reason": "fortrudt"}).status_code == 422
        answer = police.post(path, body)
        assert (answer.status_code, answer.json()["status"]) == (202, "retracted")
        assert str(case) not in answer.text
        assert len(world.facts(ReportRetracted)) == 1
    finally:
        world.close()
