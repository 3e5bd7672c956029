"""Commands on contact with the citizen (seed 002 p. 11).

Rules, as sentences: whether and how contact is made is decided by a person, and how is kept apart. A consent
that it is unsafe to ask for is neither a yes nor a no: nothing is told on it, and a person looks again in
time. A contact that was decided on waits until the citizen was reached, or somebody decides anew: an attempt
that failed is no contact. Who rings without a name is asked for none.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.events import (
    AnonymousAdviceGiven,
    CaseClosed,
    CaseEvent,
    CitizenDeclined,
    ConsentGiven,
    ConsentUnsafeToAsk,
    ContactAttempted,
    ContactDecided,
    InformationGiven,
)
from hub.aggregates.citizen_case.terms import (
    Channel,
    ContactDecision,
    ContactOutcome,
    Topic,
    UnsafeReason,
)
from hub.aggregates.citizen_case.told import told_now
from hub.aggregates.citizen_case.transitions import must_be_legal
from hub.aggregates.guards import after, distinct, not_ahead, one_of, written
from hub.aggregates.sealing import CouldKill
from hub.errors import Conflict, Invalid

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase

REVIEW_WITHIN = timedelta(days=31)
"""A question that nobody asks is looked at again within a month: put off for longer, it would be a no."""


def decide_contact(
    self: "CitizenCase",
    *,
    decision: ContactDecision,
    how: CouldKill | None,
    contact_by: Actor | None,
    before: datetime | None,
    reason: str,
    by: Actor,
    at: datetime,
) -> None:
    """Decide whether contact is made, how, by whom and by when. The latest decision is the one that holds."""
    must_be_legal(self, "decide_contact")
    now = self.moment(at)
    contact = one_of("decision", decision, ContactDecision) is ContactDecision.CONTACT
    written("reason", reason)
    if contact != (contact_by is not None):
        raise Invalid(
            "contact_by: name who makes the contact where one is made, and only then", field="contact_by"
        )
    if contact_by is not None and contact_by.organisation != self.unit:
        raise Invalid("contact_by: must be of the unit that owns the case; name one", field="contact_by")
    if contact != bool(how and how.value):
        raise Invalid("how: say how contact is made safely where it is made, and only then", field="how")
    if contact != (before is not None):
        raise Invalid("before: say by when where contact is made, and only then", field="before")
    if before is not None:
        after("before", before, now)
    self.trigger_event(
        ContactDecided,
        decision=decision,
        how=how,
        contact_by=contact_by,
        before=before,
        reason=reason,
        by=by,
        timestamp=now,
    )


def attempt_contact(
    self: "CitizenCase",
    *,
    channel: Channel,
    outcome: ContactOutcome,
    attempted_at: datetime,
    text: str,
    by: Actor,
    at: datetime,
) -> None:
    """Record an attempt to reach the citizen, also one that failed: somebody tried."""
    must_be_legal(self, "attempt_contact")
    now = self.moment(at)
    one_of("channel", channel, Channel)
    one_of("outcome", outcome, ContactOutcome)
    not_ahead("attempted_at", attempted_at, now)
    self.trigger_event(
        ContactAttempted,
        channel=channel,
        outcome=outcome,
        attempted_at=attempted_at,
        text=text,
        by=by,
        timestamp=now,
    )


def give_information(
    self: "CitizenCase", *, topics: tuple[Topic, ...], told_at: datetime, by: Actor, at: datetime
) -> None:
    """Record what the citizen was told about: violence and rights from the first contact on."""
    must_be_legal(self, "give_information")
    now = self.moment(at)
    _must_be_topics(topics)
    not_ahead("told_at", told_at, now)
    self.trigger_event(InformationGiven, topics=topics, told_at=told_at, by=by, timestamp=now)


def leave_consent_unasked(
    self: "CitizenCase",
    *,
    question_id: UUID,
    reason: UnsafeReason,
    text: str,
    review_at: datetime,
    by: Actor,
    at: datetime,
) -> None:
    """Asking would endanger the citizen. Until a person has looked again nothing is told on consent."""
    must_be_legal(self, "leave_consent_unasked")
    now = self.moment(at)
    one_of("reason", reason, UnsafeReason)
    written("text", text)
    after("review_at", review_at, now)
    if review_at > now + REVIEW_WITHIN:
        raise Invalid("review_at: look again within 31 days; choose an earlier day", field="review_at")
    self.trigger_event(
        ConsentUnsafeToAsk,
        question_id=question_id,
        reason=reason,
        text=text,
        review_at=review_at,
        by=by,
        timestamp=now,
    )


def advise_anonymously(
    self: "CitizenCase",
    *,
    number: str,
    channel: Channel,
    topics: tuple[Topic, ...],
    by: Actor,
    at: datetime,
) -> None:
    """Advise somebody who says no name, the first time or again: a case without any identity."""
    must_be_legal(self, "advise_anonymously")
    if self.reports:
        raise Conflict(
            "reports: it is known whom this case is about; record what was said as information given",
            field="reports",
        )
    written("number", number)
    one_of("channel", channel, Channel)
    _must_be_topics(topics)
    self.trigger_event(
        AnonymousAdviceGiven,
        number=number,
        channel=channel,
        topics=topics,
        by=by,
        timestamp=self.moment(at),
    )


_SETTLE = (ContactDecided, CaseClosed, CitizenDeclined, ConsentGiven)
"""Somebody decided anew, or was spoken with: a no is one, and so is a consent."""


def unmade_contact(case: "CitizenCase") -> ContactDecided | None:
    """The contact that was decided on last and not made since; none where none was to be made."""
    decided = next((fact for fact in reversed(case.facts) if isinstance(fact, ContactDecided)), None)
    if decided is None or decided.before is None:
        return None
    return None if contact_settled(case, decided, decided.originator_version) else decided


def contact_settled(case: "CitizenCase", decided: ContactDecided, after: int = 0) -> bool:
    """Whether this case says, later than `after`, that the contact was made, or that it is decided anew.

    `case` is where it was decided, or the one that it was matched to since.
    """
    return any(_settles(case, fact, decided) for fact in case.facts if fact.originator_version > after)


def _settles(case: "CitizenCase", fact: CaseEvent, decided: ContactDecided) -> bool:
    if isinstance(fact, ContactAttempted):
        went = told_now(case, fact, "outcome")
        reached = went["outcome"] == ContactOutcome.REACHED
        # A person says the minute, and the decision holds its microsecond.
        begins = decided.timestamp.replace(second=0, microsecond=0)
        return reached and datetime.fromisoformat(went["attempted_at"]) >= begins
    return isinstance(fact, _SETTLE) and fact.timestamp >= decided.timestamp


def _must_be_topics(topics: tuple[Topic, ...]) -> None:
    if not topics:
        raise Invalid("topics: at least one; say what was spoken of", field="topics")
    distinct("topics", topics)
    for topic in topics:
        one_of("topics", topic, Topic)
