"""A person finds that an inquiry and a case are about the same citizen: a fact in both, never a copy."""

from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.events import (
    InquiryMatched,
    InquiryTextRead,
    InquiryUnmatched,
    MatchedToCase,
    UnmatchedFromCase,
)
from hub.aggregates.citizen_case.values import CaseState
from hub.errors import Conflict, Invalid, Missing
from tests.given import STREAM, fact, given
from tests.unit.case_facts import (
    IN_INQUIRY,
    IN_OPEN_CASE,
    INQUIRY,
    INQUIRY_MATCHED,
    MATCHED,
    OTHER_CASE,
    made_up,
)


def test_an_inquiry_is_matched_to_a_case_and_both_know() -> None:
    given(*IN_OPEN_CASE).when(
        CitizenCase.match_inquiry, inquiry=INQUIRY, reason="Samme kvinde, samme nat"
    ).then(fact(InquiryMatched, inquiry=INQUIRY, reason="Samme kvinde, samme nat"))
    inquiry = given(*IN_INQUIRY).when(CitizenCase.be_matched_to, case=OTHER_CASE)
    inquiry.then(fact(MatchedToCase, case=OTHER_CASE))
    assert (inquiry.aggregate.state, inquiry.aggregate.matched_to) == (CaseState.MATCHED, OTHER_CASE)


def test_two_inquiries_of_one_night_can_be_matched_before_anybody_opens_a_case() -> None:
    given(*IN_INQUIRY).when(CitizenCase.match_inquiry, inquiry=INQUIRY, reason="Samme nat").then(
        fact(InquiryMatched, inquiry=INQUIRY, reason="Samme nat")
    )


def test_a_match_is_a_reference_and_never_a_copy() -> None:
    before = given(*IN_OPEN_CASE).aggregate.entries
    after = given(*IN_OPEN_CASE, INQUIRY_MATCHED).aggregate
    assert (after.entries, after.inquiries) == (before, {INQUIRY})


def test_a_match_has_a_reason() -> None:
    given(*IN_OPEN_CASE).when(CitizenCase.match_inquiry, inquiry=INQUIRY, reason=" ").then_raises(
        Invalid, field="reason"
    )


def test_nothing_is_matched_to_itself() -> None:
    given(*IN_OPEN_CASE).when(CitizenCase.match_inquiry, inquiry=STREAM, reason="Ups").then_raises(
        Invalid, field="inquiry"
    )
    given(*IN_INQUIRY).when(CitizenCase.be_matched_to, case=STREAM).then_raises(Invalid, field="case")


def test_an_inquiry_is_matched_once() -> None:
    given(*IN_OPEN_CASE, INQUIRY_MATCHED).when(
        CitizenCase.match_inquiry, inquiry=INQUIRY, reason="Igen"
    ).then_raises(Conflict, field="inquiry")


def test_matches_make_no_chains() -> None:
    given(*IN_INQUIRY, INQUIRY_MATCHED).when(CitizenCase.be_matched_to, case=OTHER_CASE).then_raises(
        Conflict, field="inquiry"
    )


def test_a_mistaken_match_is_undone_in_both() -> None:
    case = given(*IN_OPEN_CASE, INQUIRY_MATCHED).when(
        CitizenCase.unmatch_inquiry, inquiry=INQUIRY, reason="En anden Mette"
    )
    case.then(fact(InquiryUnmatched, inquiry=INQUIRY, reason="En anden Mette"))
    assert case.aggregate.inquiries == set()
    inquiry = given(*IN_INQUIRY, MATCHED).when(CitizenCase.be_unmatched, case=OTHER_CASE)
    inquiry.then(fact(UnmatchedFromCase, case=OTHER_CASE))
    assert (inquiry.aggregate.state, inquiry.aggregate.matched_to) == (CaseState.INQUIRY, None)


def test_only_what_was_matched_can_be_unmatched() -> None:
    given(*IN_OPEN_CASE).when(CitizenCase.unmatch_inquiry, inquiry=INQUIRY, reason="Fejl").then_raises(
        Missing, field="inquiry"
    )
    given(*IN_INQUIRY, MATCHED).when(CitizenCase.be_unmatched, case=made_up(9)).then_raises(
        Missing, field="case"
    )


def test_free_text_read_in_a_matched_inquiry_is_a_fact_in_its_case_too() -> None:
    given(*IN_OPEN_CASE, INQUIRY_MATCHED).when(CitizenCase.read_inquiry_text, inquiry=INQUIRY, entry=2).then(
        fact(InquiryTextRead, inquiry=INQUIRY, entry=2)
    )
    given(*IN_OPEN_CASE).when(CitizenCase.read_inquiry_text, inquiry=INQUIRY, entry=2).then_raises(
        Missing, field="inquiry"
    )
