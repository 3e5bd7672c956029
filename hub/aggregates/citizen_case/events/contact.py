"""Facts on contact with the citizen. Attributes here are stored bytes: they are never renamed."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from contracts.terms import MessageKind
from hub.aggregates.base import Actor, stored_as
from hub.aggregates.citizen_case.events.base import CaseEvent
from hub.aggregates.citizen_case.terms import (
    Channel,
    ContactDecision,
    ContactOutcome,
    Topic,
    UnsafeReason,
)
from hub.aggregates.citizen_case.values import ConsentQuestion, Content, free_text, own
from hub.aggregates.sealing import CouldKill

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase


@stored_as("case.contact_decided")
class ContactDecided(CaseEvent):
    """Whether contact is made, by whom and by when (seed 002 p. 11). How it is made is never told."""

    KIND = MessageKind.CONTACT_DECIDED
    decision: ContactDecision
    how: CouldKill | None
    contact_by: Actor | None
    before: datetime | None
    reason: str

    def tells(self) -> tuple[Content, ...]:
        decided = {
            "contact": self.decision,
            "contact_by": self.contact_by.name if self.contact_by else None,
            "contact_before": self.before.isoformat() if self.before else None,
        }
        return (own("decision", decided), free_text("reason", "contact_decided.reason", self.reason))

    def could_kill_values(self) -> tuple[CouldKill, ...]:
        return () if self.how is None else (self.how,)


@stored_as("case.contact_attempted")
class ContactAttempted(CaseEvent):
    """Somebody tried to reach the citizen, and how it went."""

    KIND = MessageKind.CONTACT_ATTEMPTED
    channel: Channel
    outcome: ContactOutcome
    attempted_at: datetime
    text: str

    def tells(self) -> tuple[Content, ...]:
        went = {
            "channel": self.channel,
            "outcome": self.outcome,
            "attempted_at": self.attempted_at.isoformat(),
        }
        words = [free_text("text", "contact_attempted.text", self.text)] if self.text else []
        return (own("outcome", went), *words)


@stored_as("case.information_given")
class InformationGiven(CaseEvent):
    """The citizen was told about violence and rights, and what else there is to know (seed 002 p. 11)."""

    KIND = MessageKind.INFORMATION_GIVEN
    topics: tuple[Topic, ...]
    told_at: datetime

    def tells(self) -> tuple[Content, ...]:
        return (own("topics", {"topics": sorted(self.topics), "told_citizen_at": self.told_at.isoformat()}),)


@stored_as("case.consent_unsafe_to_ask")
class ConsentUnsafeToAsk(CaseEvent):
    """To ask for the consent would endanger the citizen: neither yes nor no, and to be looked at again."""

    KIND = MessageKind.CONSENT_UNSAFE_TO_ASK
    question_id: UUID
    reason: UnsafeReason
    text: str
    review_at: datetime

    def tells(self) -> tuple[Content, ...]:
        question = {"unsafe_to_ask": self.reason, "review_at": self.review_at.isoformat()}
        return (
            own("reason", question),
            free_text("text", "consent_unsafe_to_ask.text", self.text),
        )

    def change(self, case: "CitizenCase") -> None:
        case.consent_question = ConsentQuestion(self.question_id, self.reason, self.review_at)


@stored_as("case.anonymous_advice_given")
class AnonymousAdviceGiven(CaseEvent):
    """Somebody who says no name was advised (seed 002 p. 11). No words are kept: they could name somebody."""

    KIND = MessageKind.ANONYMOUS_ADVICE_GIVEN
    number: str
    """To say when she or he rings again."""
    channel: Channel
    topics: tuple[Topic, ...]

    def tells(self) -> tuple[Content, ...]:
        advice = {"number": self.number, "channel": self.channel, "topics": sorted(self.topics)}
        return (own("topics", advice),)
