"""A command happens once: the same key with the same body gives the same answer, whatever came in between."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import IntegrityError

from contracts.inbound_v1 import Inbound, PurgeAnswer, PurgeOutcome, ReferralAnswer
from contracts.inbound_v1 import Person as Named
from contracts.message_v1 import Revoked
from contracts.terms import Category, OrganisationKind, ReferralStatus, SafetyLevel, Urgency
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.events import (
    CaseOpened,
    ReferralAccepted,
    ReportReceived,
    SafetyLevelChanged,
)
from hub.aggregates.citizen_case.values import ConsentForm
from hub.aggregates.receipts import Purged
from hub.application import Answer
from hub.application.committing import Command
from hub.errors import Conflict, IllegalTransition, Missing, SameKeyOtherBody, StaleVersion
from tests.criteria import MET
from tests.support.social_reports import REPORTS, example
from tests.world import (
    BEGAN,
    CASEWORKER,
    HOSPITAL,
    NGO,
    NIGHT,
    POLICE,
    SAME_WOMAN,
    SHELTER,
    TOVHOLDER,
    UNIT,
    World,
    reporter,
)

C = Category
AT_ONCE = 8


def command(world: World, by: Actor = TOVHOLDER, body: bytes = b"body") -> Command:
    """A command that a test carries out more than once."""
    return world.command(by, key=f"again-{uuid4()}", body=body)


def consent(world: World, case: UUID, by: Command) -> Answer:
    return world.parts.hub.give_consent(
        by,
        case,
        recipients=[NGO],
        categories=[C.INCIDENT, C.REFERRAL],
        purpose="Henvisning",
        form=ConsentForm.ORAL,
        given_at=BEGAN,
        ends_at=BEGAN + timedelta(days=90),
    )


def refer(world: World, case: UUID, by: Command) -> Answer:
    return world.parts.hub.request_referral(
        by, case, recipient=NGO, offer="forloeb", urgency=Urgency.ROUTINE, answer_by=None
    )


def commands(world: World) -> dict[str, Callable[[Command], Answer]]:
    """Every command of a municipal user, each on a case where it is legal once."""
    hub = world.parts.hub
    case, inquiry, fresh = world.open_case(), world.report(SAME_WOMAN), world.report()
    matched = world.report()
    world.match(case, matched)
    given = world.consent(case, [NGO], [C.INCIDENT, C.REFERRAL])
    referral = world.refer(case)
    bare = world.report()
    world.open(bare)
    return {
        "match": lambda c: hub.match_inquiry(c, case, inquiry, "Samme kvinde"),
        "unmatch": lambda c: hub.unmatch_inquiry(c, case, matched, "En anden"),
        "read": lambda c: hub.read_free_text(c, case, 2),
        "open": lambda c: hub.open_case(c, fresh, MET),
        "coordinator": lambda c: hub.assign_coordinator(c, bare, TOVHOLDER),
        "contact": lambda c: hub.set_safe_contact(c, case, {"channel": "sms"}),
        "address": lambda c: hub.set_address_protection(c, case, "special", {"address": "Prøvevej 1"}),
        "assess": lambda c: hub.assess_safety(
            c,
            case,
            instrument="sara",
            instrument_version="3",
            answers={"item-1": "yes"},
            judgement=SafetyLevel.HIGH,
            reason="Samlet",
        ),
        "level": lambda c: hub.change_safety_level(c, case, SafetyLevel.HIGH, "Trusler"),
        "consent": lambda c: consent(world, case, c),
        "refer": lambda c: refer(world, case, c),
        "cancel": lambda c: hub.cancel_referral(c, case, referral, "no_answer"),
        "withdraw": lambda c: hub.withdraw_consent(c, case, given),
    }


# --- again --------------------------------------------------------------------------------------------


def test_every_command_repeated_answers_what_it_answered_and_does_nothing_twice(world: World) -> None:
    for name, do in commands(world).items():
        again = command(world, CASEWORKER if name in {"match", "unmatch", "open"} else TOVHOLDER)
        first = do(again)
        before = len(world.log()), [len(world.stored(who)) for who in (UNIT, NGO)]
        assert do(again) == first, name
        assert (len(world.log()), [len(world.stored(who)) for who in (UNIT, NGO)]) == before, name
        world.assess(world.report(SAME_WOMAN))
        assert do(again) == first, name


def test_the_same_key_with_another_body_is_refused_and_does_nothing(world: World) -> None:
    for name, do in commands(world).items():
        once = command(world, CASEWORKER if name in {"match", "unmatch", "open"} else TOVHOLDER)
        do(once)
        length = len(world.log())
        with pytest.raises(SameKeyOtherBody):
            do(replace(once, body=b"another"))
        assert len(world.log()) == length, name


def test_another_person_may_use_the_same_key(world: World) -> None:
    case = world.open_case()
    mine = command(world)
    first = world.parts.hub.change_safety_level(mine, case, SafetyLevel.HIGH, "Trusler")
    other = replace(mine, by=replace(TOVHOLDER, person="anden"), body=b"another")
    second = world.parts.hub.change_safety_level(other, case, SafetyLevel.LOW, "Rolig")
    assert second.position > first.position


def test_after_an_illegal_transition_the_repeated_command_answers_what_it_answered(world: World) -> None:
    case = world.report()
    again = command(world, CASEWORKER)
    first = world.parts.hub.open_case(again, case, MET)
    with pytest.raises(IllegalTransition):
        world.open(case)
    assert world.parts.hub.open_case(again, case, MET) == first
    assert len(world.facts(CaseOpened)) == 1


def test_a_refused_command_leaves_its_key_free(world: World) -> None:
    case = world.report()
    tried = command(world)
    with pytest.raises(IllegalTransition):
        world.parts.hub.assign_coordinator(tried, case, TOVHOLDER)
    world.open(case)
    assert world.parts.hub.assign_coordinator(tried, case, TOVHOLDER).position


def test_a_repeated_command_with_a_version_answers_though_the_version_has_moved(world: World) -> None:
    case = world.open_case()
    again = replace(command(world), expected=world.case(case).version)
    first = world.parts.hub.change_safety_level(again, case, SafetyLevel.HIGH, "Trusler")
    assert world.parts.hub.change_safety_level(again, case, SafetyLevel.HIGH, "Trusler") == first
    with pytest.raises(StaleVersion):
        world.parts.hub.change_safety_level(
            replace(command(world), expected=again.expected), case, SafetyLevel.LOW, "Rolig"
        )


def test_a_lost_commit_is_found_again_and_is_no_conflict(world: World) -> None:
    """The commit went through, and the answer got lost: the next attempt meets its own events."""
    case = world.open_case()
    app = world.parts.app
    write, lose = app.commit, [True]

    def lost(*aggregates: object, **words: object) -> int:
        position = write(*aggregates, **words)  # type: ignore[arg-type]
        if lose.pop() if lose else False:
            raise IntegrityError("the connection broke after the commit")
        return position

    app.commit = lost  # type: ignore[method-assign]
    answer = world.parts.hub.change_safety_level(command(world), case, SafetyLevel.HIGH, "Trusler")
    assert len(world.facts(SafetyLevelChanged)) == 1
    assert answer.position in dict(world.log())


# --- at once ------------------------------------------------------------------------------------------


def at_once(do: Callable[[], Answer]) -> list[Answer | Exception]:
    """The same from eight threads, from one line."""
    line = threading.Barrier(AT_ONCE)

    def run() -> Answer | Exception:
        line.wait()
        try:
            return do()
        except Exception as error:
            return error

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [done.result(timeout=60) for done in [pool.submit(run) for _ in range(AT_ONCE)]]


def test_the_same_command_eight_times_at_once_happens_once_and_all_get_one_answer(world: World) -> None:
    for _ in range(5):
        case = world.open_case()
        same = command(world)
        answers = at_once(lambda same=same, case=case: consent(world, case, same))  # type: ignore[misc]
        assert all(answer == answers[0] for answer in answers), answers
        assert isinstance(answers[0], Answer)
        assert len(world.case(case).bases) == 1


def test_the_same_report_eight_times_at_once_opens_one_inquiry(world: World) -> None:
    by = Actor("vagt", "Vagten", "reporter", POLICE)
    answers = at_once(lambda: world.parts.inbound.report(by, REPORTS[NIGHT]))
    assert all(answer == answers[0] for answer in answers), answers
    assert len(world.facts(ReportReceived)) == 1
    assert len(world.controls_of(POLICE)) == 1


def test_one_key_for_two_bodies_at_once_lets_one_of_them_happen(world: World) -> None:
    case = world.open_case()
    same = command(world)
    bodies = [replace(same, body=bytes([n])) for n in range(AT_ONCE)]
    answers = at_once(lambda: consent(world, case, bodies.pop()))
    assert sum(isinstance(a, Answer) for a in answers) == 1
    assert {type(a) for a in answers} == {Answer, SameKeyOtherBody}
    assert len(world.case(case).bases) == 1


# --- what partners send in ----------------------------------------------------------------------------


def test_a_report_sent_again_in_a_new_envelope_is_the_same_report(world: World) -> None:
    report = Inbound.report(example())
    first = world.send(POLICE, report)
    assert world.send(POLICE, report) == first
    by = Actor("vagt", "Vagten", "reporter", POLICE)
    assert world.parts.inbound.report(by, REPORTS[NIGHT]) == first
    assert len(world.facts(ReportReceived)) == 1


def test_the_receipt_of_a_report_is_there_for_its_reporter_alone(world: World) -> None:
    """Also where the reporter has a system of its own, and the hub keeps no read model for it."""
    answer = world.send(POLICE, Inbound.report(example()))
    assert answer is not None
    report_id = UUID(example()["report_id"])
    receipt = world.parts.queries.receipt(reporter(POLICE), report_id)
    assert receipt == {"number": answer.ids["number"], "status": "received"}
    for who, which in ((HOSPITAL, report_id), (POLICE, uuid4())):
        with pytest.raises(Missing):
            world.parts.queries.receipt(reporter(who), which)


def test_the_same_report_id_from_two_partners_is_two_reports(world: World) -> None:
    world.report(report=REPORTS[NIGHT])
    world.register("politiet-nord", OrganisationKind.POLICE, [])
    world.parts.inbound.report(Actor("vagt", "Vagten", "reporter", "politiet-nord"), REPORTS[NIGHT])
    assert len(world.facts(ReportReceived)) == 2


def test_a_report_sent_again_with_other_words_is_refused(world: World) -> None:
    world.send(POLICE, Inbound.report(example()))
    changed = example() | {"narrative": "Noget andet"}
    with pytest.raises(SameKeyOtherBody):
        world.send(POLICE, Inbound.report(changed))
    assert len(world.facts(ReportReceived)) == 1


def answered(world: World, case: UUID, referral: UUID, status: ReferralStatus) -> Inbound:
    return Inbound.of(
        ReferralAnswer(
            thread=world.thread(case, NGO),
            referral=referral,
            status=status,
            by=Named(person="anna", name="Anna"),
            at=datetime.fromisoformat("2026-12-01T10:00:00+01:00"),
        )
    )


def test_an_answer_to_a_referral_taken_in_twice_counts_once(world: World) -> None:
    case = world.open_case()
    world.consent(case, [NGO], [C.REFERRAL])
    message, id_ = answered(world, case, world.refer(case), ReferralStatus.ACCEPTED), uuid4()
    first = world.send(NGO, message, id_)
    assert world.send(NGO, message, id_) == first
    assert len(world.facts(ReferralAccepted)) == 1


def test_another_partner_cannot_answer_a_referral_nor_a_revocation(world: World) -> None:
    case = world.open_case()
    given = world.consent(case, [NGO, SHELTER], [C.REFERRAL])
    referral = world.refer(case)
    with pytest.raises(Missing):
        world.send(SHELTER, answered(world, case, referral, ReferralStatus.ACCEPTED))
    world.withdraw(case, given)
    (revoked,) = [m for m in world.stored(NGO) if m.control]
    answer = PurgeAnswer(
        revocation=revoked.message_id, thread=world.thread(case, NGO), outcome=PurgeOutcome.PURGED
    )
    with pytest.raises(Missing):
        world.send(SHELTER, Inbound.of(answer))
    assert world.facts(Purged) == []


def test_a_purge_reported_twice_counts_once(world: World) -> None:
    case = world.open_case()
    world.withdraw(case, world.consent(case))
    (message,) = [m for m in world.stored(NGO) if m.control]
    revoked = world.control(message)
    assert isinstance(revoked, Revoked)
    answer = PurgeAnswer(revocation=message.message_id, thread=revoked.thread, outcome=PurgeOutcome.PURGED)
    sent, id_ = Inbound.of(answer), uuid4()
    first = world.send(NGO, sent, id_)
    assert world.send(NGO, sent, id_) == first
    assert len(world.facts(Purged)) == 1


def test_a_conflict_says_that_nothing_was_done(world: World) -> None:
    case = world.open_case()
    world.level(case, SafetyLevel.HIGH)
    length = len(world.log())
    with pytest.raises(Conflict):
        world.level(case, SafetyLevel.HIGH)
    assert len(world.log()) == length
