"""What a case is made of: contents, grants, consents, referrals."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from contracts.terms import BasisRule, Category, Escalation, MoveStatus, ReferralStatus
from hub.aggregates.base import Actor, login_of
from hub.aggregates.citizen_case.terms import HandOverReason, NotificationDecision, UnsafeReason

NOT_FOR_CRIMINAL_INVESTIGATION = "criminal_investigation"
"""The purpose ban of retsplejelov § 115, which travels with everything told under it."""


class CaseState(StrEnum):
    """Where a case stands."""

    INQUIRY = "inquiry"
    """A report or concern arrived; nobody has decided yet."""
    MATCHED = "matched"
    """An inquiry that a person matched to another case of the same citizen; can be undone."""
    OPEN = "open"
    """Visitation said yes; the effort runs."""
    SET_ASIDE = "set_aside"
    """A person decided that it leads to no case here, or the citizen said no; it can begin again."""
    CLOSED = "closed"
    """The effort ended; it can begin again, with its history."""
    MOVED = "moved"
    """Another municipality took the case over; here nothing new begins in it."""
    MINOR = "minor"
    """The exposed person is under 18: child services' matter, never an adult case."""
    FORWARDED = "forwarded"
    """The citizen lives in another municipality, which was sent it; ours until it is taken over there."""
    ERASED = "erased"
    """Every grant has ended, and the keys are destroyed next: it stands for the moment between."""


class ConsentForm(StrEnum):
    """How the citizen gave it."""

    ORAL = "oral"
    WRITTEN = "written"
    DIGITAL = "digital"


@dataclass(frozen=True, slots=True)
class Content:
    """One thing that an event tells, in one category, about the citizen or about one other person.

    `field` names where in the event it stands (what the ledger points at). `slot` is set where a later
    content replaces an earlier one (the safety level, one referral): the present state keeps the last.
    `owner_only` marks how the municipality does its own work: nobody's business but the owning unit's.
    `only_for` names the one organisation, beside the owning unit, whose business it is.
    `corrects` is the version and field of the entry in whose place this one stands. `retracts` are versions
    of which nothing stands any more: whoever was told of them in this category is told so, once.
    """

    category: Category
    field: str
    data: dict[str, Any]
    about: UUID | None = None
    bans: tuple[str, ...] = ()
    slot: str | None = None
    owner_only: bool = False
    corrects: tuple[int, str] | None = None
    only_for: str | None = None
    retracts: tuple[int, ...] = ()


def state_of(state: CaseState) -> Content:
    """That a case stands there now; the last word on it replaces the one before."""
    return Content(Category.COORDINATION, "state", {"state": state}, slot="state")


def own(field: str, data: dict[str, Any]) -> Content:
    """How the municipality does its own work, for the owning unit alone."""
    return Content(Category.COORDINATION, field, data, owner_only=True)


def free_text(field: str, name: str, text: str) -> Content:
    """Free text of a fact, which waits until a named person has read it."""
    return Content(Category.FREE_TEXT, field, {"field": name, "text": text})


@dataclass(frozen=True, slots=True)
class Entry:
    """A content as it stands in a case: from which event, and when it was recorded."""

    version: int
    recorded: datetime
    content: Content


@dataclass(frozen=True, slots=True)
class GrantTerms:
    """One grant as a basis gives it: recipient (slug) × category. The id is random."""

    grant_id: UUID
    recipient: str
    category: Category


@dataclass(frozen=True, slots=True)
class Blocked:
    """An entry of the block list: who, at which organisation, and why."""

    organisation: str
    person: str
    """The login's subject."""
    name: str
    reason: str

    @property
    def login(self) -> str:
        """How the store names the person."""
        return login_of(self.organisation, self.person)


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant as it stands now."""

    grant_id: UUID
    recipient: str
    category: Category | None
    """None: `standing`, every category, held by the owning unit alone."""
    basis_id: UUID
    ends_at: datetime | None
    ended: bool = False

    def lives_at(self, now: datetime) -> bool:
        """Whether it may still carry anything at `now`. A consent's end in time needs no event."""
        return not self.ended and (self.ends_at is None or now < self.ends_at)


@dataclass(frozen=True, slots=True)
class Basis:
    """A consent or a legal basis, with the grants that rest on it."""

    basis_id: UUID
    rule: BasisRule | None
    """None: the citizen's consent."""
    purpose: str
    ends_at: datetime
    grants: tuple[UUID, ...] = ()
    bans: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HandOver:
    """A hand-over that waits for whoever was asked."""

    hand_over_id: UUID
    to: Actor
    reason: HandOverReason
    accept_by: datetime
    by: Actor


@dataclass(frozen=True, slots=True)
class Substitute:
    """Who stands in for the tovholder, until when."""

    who: Actor
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Deadline:
    """Something that waits for somebody, and the time by which it should have happened."""

    what: Escalation
    of: UUID
    due: datetime


@dataclass(frozen=True, slots=True)
class ConsentQuestion:
    """A consent that it was unsafe to ask for, and when a person looks again."""

    question_id: UUID
    reason: UnsafeReason
    review_at: datetime


@dataclass(frozen=True, slots=True)
class ErasureRequest:
    """That the citizen asked to be forgotten, and by when that is answered."""

    request_id: UUID
    answer_by: datetime


@dataclass(frozen=True, slots=True)
class Notification:
    """A child notification as it stands now."""

    due_id: UUID
    deadline: datetime
    sent_to: str | None = None
    basis_id: UUID | None = None
    entries: tuple[int, ...] = ()
    """The versions of what says that a child is at risk."""
    decision: NotificationDecision | None = None
    """None: it waits for a person."""


@dataclass(frozen=True, slots=True)
class Forwarding:
    """To whom a report that was not ours went, and on which basis."""

    recipient: str
    basis_id: UUID


@dataclass(frozen=True, slots=True)
class Move:
    """How it goes with a municipality that was asked to take the case over."""

    move_id: UUID
    recipient: str
    answer_by: datetime
    status: MoveStatus


@dataclass(frozen=True, slots=True)
class Referral:
    """A referral as it stands now."""

    referral_id: UUID
    recipient: str
    offer: str
    status: ReferralStatus
    answer_by: datetime | None
