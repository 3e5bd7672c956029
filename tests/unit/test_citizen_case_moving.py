"""A case moves with its citizen: asked on a basis, kept until it is accepted, and what stays possible."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.terms import Escalation, MoveRefusal, MoveStatus, OrganisationKind
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.events import (
    CaseMoved,
    ConsentWithdrawn,
    MoveCancelled,
    MoveDeclined,
    MoveRequested,
)
from hub.aggregates.citizen_case.values import CaseState, Deadline
from hub.errors import Conflict, IllegalTransition, Invalid, Missing, NoGrant
from tests.given import NOW, fact, given
from tests.unit.case_facts import (
    AT_NEXT,
    AT_NGO,
    CONSENT,
    COORDINATED,
    ENDS,
    IN_OPEN_CASE,
    MOVE,
    MOVE_CONSENTED,
    MOVE_REQUESTED,
    MOVED_AWAY,
    NEXT,
    NGO,
    REFERRAL,
    REFERRED,
    TO_MOVE,
    TOVHOLDER,
    UNIT,
    made_up,
)

WANTED: dict[str, Any] = {
    "move_id": MOVE,
    "recipient": NEXT,
    "kind": OrganisationKind.MUNICIPAL_UNIT,
    "answer_by": ENDS,
}
MAY_BE_ASKED = (*IN_OPEN_CASE, COORDINATED, MOVE_CONSENTED)
ASKED = (*MAY_BE_ASKED, MOVE_REQUESTED)


def test_the_next_municipality_is_asked_and_we_keep_the_case() -> None:
    outcome = given(*MAY_BE_ASKED).when(CitizenCase.request_move, by=TOVHOLDER, **WANTED)
    outcome.then(fact(MoveRequested, move_id=MOVE, recipient=NEXT, answer_by=ENDS))
    assert outcome.aggregate.state is CaseState.OPEN


def test_without_a_basis_that_lets_it_know_of_the_case_nobody_is_asked() -> None:
    asked = given(*IN_OPEN_CASE).when(CitizenCase.request_move, by=TOVHOLDER, **WANTED)
    asked.then_raises(NoGrant, field="recipient")


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"kind": OrganisationKind.NGO}, "recipient"),
        ({"kind": None}, "recipient"),
        ({"recipient": UNIT}, "recipient"),
        ({"answer_by": NOW}, "answer_by"),
    ],
)
def test_only_another_municipality_is_asked_and_by_a_time(words: dict[str, Any], field: str) -> None:
    case = given(*MAY_BE_ASKED)
    case.when(CitizenCase.request_move, by=TOVHOLDER, **{**WANTED, **words}).then_raises(Invalid, field=field)


def test_one_municipality_is_asked_at_a_time() -> None:
    again = {**WANTED, "move_id": made_up(132)}
    given(*ASKED).when(CitizenCase.request_move, by=TOVHOLDER, **again).then_raises(
        Conflict, field="recipient"
    )


def test_once_it_accepts_the_case_is_its_own() -> None:
    outcome = given(*ASKED).when(CitizenCase.accept_move, move_id=MOVE, by=AT_NEXT)
    outcome.then(fact(CaseMoved, move_id=MOVE, recipient=NEXT))
    assert outcome.aggregate.state is CaseState.MOVED


def test_a_no_has_a_reason_and_leaves_the_case_here() -> None:
    words = {"move_id": MOVE, "status": MoveStatus.DECLINED, "reason": MoveRefusal.TOO_LITTLE_TOLD}
    outcome = given(*ASKED).when(CitizenCase.answer_move, by=AT_NEXT, at=NOW, **words)
    outcome.then(
        fact(MoveDeclined, move_id=MOVE, recipient=NEXT, reason=MoveRefusal.TOO_LITTLE_TOLD),
    )
    assert outcome.aggregate.state is CaseState.OPEN


@pytest.mark.parametrize("status", [MoveStatus.REQUESTED, MoveStatus.CANCELLED])
def test_what_is_no_answer_is_refused(status: MoveStatus) -> None:
    answered = given(*ASKED).when(CitizenCase.answer_move, move_id=MOVE, status=status, by=AT_NEXT)
    answered.then_raises(Invalid, field="status")


def test_a_reason_goes_with_a_no_and_only_then() -> None:
    case = given(*ASKED)
    for status, reason in ((MoveStatus.DECLINED, None), (MoveStatus.ACCEPTED, "too_little_told")):
        answered = case.when(CitizenCase.answer_move, move_id=MOVE, status=status, reason=reason, by=AT_NEXT)
        answered.then_raises(Invalid, field="reason")


@pytest.mark.parametrize("by", [AT_NGO, TOVHOLDER])
def test_only_the_one_that_was_asked_answers(by: Actor) -> None:
    given(*ASKED).when(CitizenCase.accept_move, move_id=MOVE, by=by).then_raises(Missing, field="move_id")


def test_only_the_municipality_that_asked_cancels() -> None:
    case = given(*ASKED)
    case.when(CitizenCase.cancel_move, move_id=MOVE, by=AT_NEXT).then_raises(Missing, field="move_id")
    cancelled = case.when(CitizenCase.cancel_move, move_id=MOVE, by=TOVHOLDER)
    cancelled.then(fact(MoveCancelled, move_id=MOVE, recipient=NEXT))
    late = cancelled.aggregate
    with pytest.raises(IllegalTransition):
        late.accept_move(move_id=MOVE, by=AT_NEXT, at=NOW)


def test_her_no_before_the_answer_takes_the_question_back() -> None:
    """Withdrawal wins: what let the municipality be asked has ended, so it can't take the case over."""
    no = fact(
        ConsentWithdrawn,
        consent_id=TO_MOVE,
        recipient=None,
        category=None,
        grants=(made_up(210), made_up(211)),
    )
    accepted = given(*ASKED, no).when(CitizenCase.accept_move, move_id=MOVE, by=AT_NEXT)
    accepted.then_raises(NoGrant, field="recipient")


def test_a_move_is_no_withdrawal_and_her_no_is_heard_after_it() -> None:
    """What she consented to for others goes on until its end, or until she says no."""
    case = given(*MOVED_AWAY).aggregate
    assert {g.recipient for g in case.living_grants(NOW)} >= {NGO, NEXT, UNIT}
    withdrawn = given(*MOVED_AWAY).when(CitizenCase.withdraw_consent, consent_id=CONSENT)
    assert len(withdrawn.result) == 4


def test_what_an_offer_answers_after_the_move_is_heard() -> None:
    case = given(*IN_OPEN_CASE, REFERRED, *MOVED_AWAY[len(IN_OPEN_CASE) :])
    outcome = case.when(CitizenCase.accept_referral, referral_id=REFERRAL, by=AT_NGO)
    assert outcome.error is None


def test_a_move_that_nobody_answers_comes_back_to_the_unit() -> None:
    def waiting(*history: Any) -> list[Deadline]:
        return given(*history).aggregate.deadlines(acute_read_within=timedelta(0))  # type: ignore[no-any-return]

    due = Deadline(Escalation.MOVE_UNANSWERED, MOVE, ENDS)
    assert due in waiting(*ASKED)
    assert due not in waiting(*MOVED_AWAY)
