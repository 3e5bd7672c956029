"""Commands on the citizen's consent: nothing leaves the municipality without a basis (domain rule 1).

Rules, as sentences: a consent is never without an end. Withdrawal is legal in every state, never a conflict,
and ends nothing twice. What has ended never lives again.
"""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from contracts.terms import Category
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.bases import (
    consent_of,
    end_in_time,
    must_be_grants,
    must_be_new,
    named_in,
    not_ended,
)
from hub.aggregates.citizen_case.events import ConsentExpired, ConsentGiven, ConsentWithdrawn
from hub.aggregates.citizen_case.transitions import must_be_legal
from hub.aggregates.citizen_case.values import ConsentForm, GrantTerms
from hub.aggregates.guards import not_ahead, one_of, written
from hub.errors import Conflict

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase


def give_consent(
    self: "CitizenCase",
    *,
    consent_id: UUID,
    grants: tuple[GrantTerms, ...],
    purpose: str,
    form: ConsentForm,
    given_at: datetime,
    ends_at: datetime | None,
    by: Actor,
    at: datetime,
) -> None:
    """Record what the citizen consented to (seed 002 p. 5; GDPR art. 7): to whom, what, why, until when."""
    must_be_legal(self, "give_consent")
    now = self.moment(at)
    must_be_new(self, consent_id, "consent_id")
    must_be_grants(self, grants)
    written("purpose", purpose)
    one_of("form", form, ConsentForm)
    not_ahead("given_at", given_at, now)
    self.trigger_event(
        ConsentGiven,
        consent_id=consent_id,
        grants=grants,
        purpose=purpose,
        form=form,
        given_at=given_at,
        ends_at=end_in_time(ends_at, now),
        by=by,
        timestamp=now,
    )


def withdraw_consent(
    self: "CitizenCase",
    *,
    consent_id: UUID,
    recipient: str | None = None,
    category: Category | None = None,
    by: Actor,
    at: datetime,
) -> tuple[UUID, ...]:
    """Withdraw the whole, one recipient or one category; the grants that ended (GDPR art. 7(3)).

    A recipient or category that the consent never named is `Missing`: whoever withdraws must not go home
    in the belief that something ended.
    """
    must_be_legal(self, "withdraw_consent")
    named = named_in(self, consent_of(self, consent_id), recipient, category)
    ended = tuple(g.grant_id for g in named if not g.ended)
    if ended:
        self.trigger_event(
            ConsentWithdrawn,
            consent_id=consent_id,
            recipient=recipient,
            category=category,
            grants=ended,
            by=by,
            timestamp=self.moment(at),
        )
    return ended


def expire_consent(self: "CitizenCase", *, consent_id: UUID, by: Actor, at: datetime) -> tuple[UUID, ...]:
    """The consent reached its end in time; the grants that ended, none if it was withdrawn before."""
    must_be_legal(self, "expire_consent")
    now, consent = self.moment(at), consent_of(self, consent_id)
    if now < consent.ends_at:
        raise Conflict("consent_id: the consent has not reached its end; withdraw it", field="consent_id")
    ended = not_ended(self, consent)
    if ended:
        self.trigger_event(ConsentExpired, consent_id=consent_id, grants=ended, by=by, timestamp=now)
    return ended
