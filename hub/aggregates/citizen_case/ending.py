"""Commands on how a case rests, ends and begins again (seed 002 p. 11, 15).

Rules, as sentences: a person decides, with a reason. A child notification that waits for its answer is
answered first: it is never silently closed. Every open referral is ended, or named as going on under an
agreed follow-up. The consents end with the case, or with the follow-up; what has ended never lives again.
A no is heard in every state, and a later yes too.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from contracts.terms import ReferralStatus, SafetyLevel
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.bases import not_ended
from hub.aggregates.citizen_case.children import must_have_answered_for_children
from hub.aggregates.citizen_case.events import (
    CaseClosed,
    CaseReopened,
    CitizenDeclined,
    FollowUpEnded,
    MinorFlagged,
    ReportSetAside,
)
from hub.aggregates.citizen_case.terms import (
    AgeKnownBy,
    ClosingConversation,
    ClosingReason,
    Found,
    ReopeningReason,
    SetAsideReason,
    StaysPossible,
)
from hub.aggregates.citizen_case.transitions import must_be_legal
from hub.aggregates.citizen_case.values import CaseState
from hub.aggregates.guards import after, distinct, one_of, written
from hub.errors import Conflict, Invalid

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase

FOLLOW_UP_AT_MOST = timedelta(days=366)
"""Contact may be kept for up to a year after the effort (seed 002 p. 15)."""
OVER = frozenset({ReferralStatus.REJECTED, ReferralStatus.COMPLETED, ReferralStatus.CANCELLED})
"""Referrals that go nowhere any more."""


def set_report_aside(
    self: "CitizenCase", *, reason: SetAsideReason, text: str, by: Actor, at: datetime
) -> None:
    """Decide that the report leads to no case here. It leaves the inbox, and can begin again."""
    must_be_legal(self, "set_report_aside")
    must_have_answered_for_children(self)
    one_of("reason", reason, SetAsideReason)
    written("text", text)
    self.trigger_event(ReportSetAside, reason=reason, text=text, by=by, timestamp=self.moment(at))


def decline(
    self: "CitizenCase", *, stays_possible: tuple[StaysPossible, ...], words: str, by: Actor, at: datetime
) -> None:
    """Hear the citizen's no to help, in every state. It withdraws nothing: that is asked by itself."""
    must_be_legal(self, "decline")
    if not stays_possible:
        raise Invalid(
            "stays_possible: a no closes no door; say what she or he was told stays open",
            field="stays_possible",
        )
    distinct("stays_possible", stays_possible)
    for word in stays_possible:
        one_of("stays_possible", word, StaysPossible)
    self.trigger_event(
        CitizenDeclined,
        stays_possible=stays_possible,
        words=words,
        state=CaseState.SET_ASIDE if self.state is CaseState.INQUIRY else self.state,
        by=by,
        timestamp=self.moment(at),
    )


def close_case(
    self: "CitizenCase",
    *,
    reason: ClosingReason,
    summary: str,
    conversation: ClosingConversation,
    safety_level: SafetyLevel | None,
    keeps_safe: Found,
    knows_where_to_turn: Found,
    going_on: tuple[UUID, ...],
    follow_up_until: datetime | None,
    by: Actor,
    at: datetime,
) -> tuple[UUID, ...]:
    """End the effort with a closing conversation and a safety check; the grants that ended with it."""
    must_be_legal(self, "close_case")
    must_have_answered_for_children(self)
    now = self.moment(at)
    one_of("reason", reason, ClosingReason)
    written("summary", summary)
    one_of("conversation", conversation, ClosingConversation)
    one_of("keeps_safe", keeps_safe, Found)
    one_of("knows_where_to_turn", knows_where_to_turn, Found)
    _must_be_safe_to_close(reason, safety_level)
    _must_be_within_a_year(follow_up_until, now)
    _must_leave_no_referral_behind(self, going_on, follow_up_until)
    ended = () if follow_up_until else _living_consents(self)
    self.trigger_event(
        CaseClosed,
        reason=reason,
        summary=summary,
        conversation=conversation,
        safety_level=safety_level,
        keeps_safe=keeps_safe,
        knows_where_to_turn=knows_where_to_turn,
        going_on=going_on,
        follow_up_until=follow_up_until,
        grants=ended,
        by=by,
        timestamp=now,
    )
    return ended


def end_follow_up(self: "CitizenCase", *, by: Actor, at: datetime) -> tuple[UUID, ...]:
    """The time agreed for following up is over; the grants that ended with it."""
    must_be_legal(self, "end_follow_up")
    now = self.moment(at)
    if self.follow_up_until is None or now < self.follow_up_until:
        raise Conflict(
            "follow_up_until: lies ahead, or none is agreed; read the case again", field="follow_up_until"
        )
    ended = _living_consents(self)
    self.trigger_event(FollowUpEnded, grants=ended, by=by, timestamp=now)
    return ended


def reopen_case(self: "CitizenCase", *, reason: ReopeningReason, text: str, by: Actor, at: datetime) -> None:
    """Begin again where it stopped: an open case where visitation had said yes, else an inquiry."""
    must_be_legal(self, "reopen_case")
    one_of("reason", reason, ReopeningReason)
    written("text", text)
    if (self.state is CaseState.MINOR) != (reason is ReopeningReason.FOUND_ADULT):
        raise Invalid(
            "reason: found_adult is for a case of a minor, which no other reason reopens; correct it",
            field="reason",
        )
    self.trigger_event(
        CaseReopened,
        reason=reason,
        text=text,
        state=CaseState.OPEN if self.number else CaseState.INQUIRY,
        by=by,
        timestamp=self.moment(at),
    )


def flag_minor(self: "CitizenCase", *, known_by: AgeKnownBy, by: Actor, at: datetime) -> None:
    """The exposed person is under 18: received as any report, and never opened as an adult case."""
    must_be_legal(self, "flag_minor")
    one_of("known_by", known_by, AgeKnownBy)
    self.trigger_event(MinorFlagged, known_by=known_by, by=by, timestamp=self.moment(at))


def _living_consents(case: "CitizenCase") -> tuple[UUID, ...]:
    """Grants of consents. A legal basis lives on to its own end: a child's notification outlasts the case."""
    consents = [basis for basis in case.bases.values() if basis.rule is None]
    return tuple(grant for consent in consents for grant in not_ended(case, consent))


def _must_be_safe_to_close(reason: ClosingReason, level: SafetyLevel | None) -> None:
    if (level is None) != (reason is ClosingReason.DIED):
        raise Invalid(
            "safety_level: judge it at the end, whatever came of the conversation; only a death has none",
            field="safety_level",
        )
    if level is not None and one_of("safety_level", level, SafetyLevel) is SafetyLevel.ACUTE:
        raise Conflict(
            "safety_level: nobody is left alone in acute danger; act on it first, or hand the case over",
            field="safety_level",
        )


def _must_be_within_a_year(follow_up_until: datetime | None, now: datetime) -> None:
    if follow_up_until is None:
        return
    after("follow_up_until", follow_up_until, now)
    if follow_up_until > now + FOLLOW_UP_AT_MOST:
        raise Invalid(
            "follow_up_until: contact is kept for at most a year; agree an earlier end",
            field="follow_up_until",
        )


def _must_leave_no_referral_behind(
    case: "CitizenCase", going_on: Collection[UUID], follow_up_until: datetime | None
) -> None:
    still = {r.referral_id for r in case.referrals.values() if r.status not in OVER}
    if still - set(going_on):
        raise Conflict(
            "going_on: a referral is still under way; cancel it, or name it as going on", field="going_on"
        )
    if set(going_on) - still:
        raise Invalid("going_on: names what is not under way; read the case again", field="going_on")
    if going_on and follow_up_until is None:
        raise Invalid(
            "follow_up_until: what goes on needs somebody who follows it; agree a follow-up, or cancel it",
            field="follow_up_until",
        )
