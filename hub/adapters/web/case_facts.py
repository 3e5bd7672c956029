"""How the case's own facts are shown: where it stands, how it ended, who answered for a child."""

from collections.abc import Mapping
from typing import Final

from contracts import terms
from hub.adapters.web import lines
from hub.adapters.web.lines import Render
from hub.aggregates.citizen_case import terms as own
from hub.aggregates.citizen_case.values import CaseState

OF_THE_CASE: Final[Mapping[str, Render]] = {
    "state": lines.one("field.state", CaseState),
    "contact": lines.one("field.contact", own.ContactDecision),
    "contact_by": lines.plain("field.contact_by"),
    "contact_before": lines.limit("field.contact_before"),
    "channel": lines.one("field.channel", own.Channel),
    "outcome": lines.one("field.outcome", own.ContactOutcome),
    "attempted_at": lines.time("field.attempted_at"),
    "topics": lines.many("field.topics", own.Topic),
    "erasure_asked_at": lines.time("field.erasure_asked_at"),
    "kept_under": lines.one("field.kept_under", own.KeepingRule),
    "review": lines.one("field.review", own.ReviewFinding),
    "told_citizen_at": lines.time("field.told_citizen_at"),
    "unsafe_to_ask": lines.one("field.unsafe_to_ask", own.UnsafeReason),
    "review_at": lines.limit("field.review_at"),
    "set_aside": lines.one("field.set_aside", own.SetAsideReason),
    "stays_possible": lines.many("field.stays_possible", own.StaysPossible),
    "closed": lines.one("field.closed", own.ClosingReason),
    "conversation": lines.one("field.conversation", own.ClosingConversation),
    "level_judged": lines.one("field.level_judged", terms.SafetyLevel),
    "keeps_safe": lines.one("field.keeps_safe", own.Found),
    "knows_where_to_turn": lines.one("field.knows_where_to_turn", own.Found),
    "follow_up_until": lines.limit("field.follow_up_until"),
    "consents_ended": lines.flag("field.consents_ended"),
    "reopened": lines.one("field.reopened", own.ReopeningReason),
    "cause": lines.one("field.cause", own.NotificationCause),
    "sent_to": lines.organisation("field.sent_to"),
    "person_must_choose": lines.flag("field.person_must_choose"),
    "decision": lines.one("field.decision", own.NotificationDecision),
    "answered_by": lines.plain("field.answered_by"),
    "notified_to": lines.plain("field.notified_to"),
    "notified_at": lines.time("field.notified_at"),
    "not_notified": lines.one("field.not_notified", own.NotNotifiedReason),
    "known_by": lines.one("field.known_by", own.AgeKnownBy),
    "moves_to": lines.organisation("field.moves_to"),
    "move_status": lines.one("field.move_status", terms.MoveStatus),
    "move_declined": lines.one("field.move_declined", terms.MoveRefusal),
    "hand_over_to": lines.plain("field.hand_over_to"),
    "hand_over": lines.one("field.hand_over", own.HandOverReason),
    "accept_by": lines.limit("field.accept_by"),
    "declined_by": lines.plain("field.declined_by"),
    "hand_over_declined": lines.one("field.hand_over_declined", own.HandOverRefusal),
    "substitute": lines.plain("field.substitute"),
}
"""Told to the owning unit alone, but for the state."""
