"""The persons of a social report. Each but the exposed one is sealed apart, so each stands by itself."""

from typing import Annotated, Final, Self

from pydantic import Field, StringConstraints, model_validator

from contracts.cpr import Cpr, is_test
from contracts.fields import Flag, Id, Line, Once, Personal, Text
from contracts.social_report_terms_v1 import Answer, ContactChannel, Weekday
from contracts.terms import AddressProtection, PersonRole, RelationKind
from contracts.times import Day, WallTime

CHILD_AGE_MAX: Final = 17
_AGE_MAX: Final = 120


class TimeWindow(Personal):
    """When a contact is safe. A window whose end is not after its start runs over midnight."""

    days: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7), Once]
    from_time: WallTime
    until_time: WallTime

    @model_validator(mode="after")
    def _has_a_length(self) -> Self:
        if self.from_time == self.until_time:
            raise ValueError("until_time: the window has no length; give the time when it stops being safe")
        return self


class SafeContact(Personal):
    """How the exposed person says that she or he may safely be contacted (seed 002 p. 11)."""

    channel: ContactChannel
    handle: Line | None = None
    """Number, address or name on the channel; or who passes the word on."""
    windows: Annotated[tuple[TimeWindow, ...], Field(max_length=10)] = ()
    """Empty: she or he named no time. That is not *at any time*."""
    code_word: Line | None = None
    must_not_know: Annotated[tuple[Line, ...], Field(max_length=10), Once] = ()
    """Who must not learn of the contact."""
    note: Text | None = None

    @model_validator(mode="after")
    def _can_be_followed(self) -> Self:
        if self.channel is ContactChannel.NONE_IS_SAFE and (self.handle or self.windows or self.code_word):
            raise ValueError(
                "channel: no way is safe, yet handle, windows or code_word describe one; "
                "name that way's channel, or move what was said to note"
            )
        if self.channel is ContactChannel.THROUGH_ANOTHER and self.handle is None:
            raise ValueError("handle: contact goes through another person; say who, or choose none_is_safe")
        return self


class CouldKill(Personal):
    """What could kill if it reached the wrong reader. It never travels: no message carries any of it."""

    address: Line | None = None
    protected_address: AddressProtection | None = None
    """Left out means not known, and not known is treated as protected."""
    phone: Line | None = None
    whereabouts: Line | None = None
    """Where the person is now when that is not the address: a shelter, a ward, a friend's."""
    safe_contact: SafeContact | None = None
    """The exposed person only."""
    meeting_place: Line | None = None
    """The exposed person only: where she or he says that one can meet."""
    institution: Line | None = None
    """A child only: nursery, school, club."""


class Relation(Personal):
    """How a perpetrator is related to the exposed person (seed 002 p. 4)."""

    kind: RelationKind
    """Read as *the perpetrator is her …*: `adult_child` is violence by a grown son or daughter."""
    cohabiting: Answer


class Person(Personal):
    """A person in the part that she, he or they play in this report."""

    id: Id
    """Local to the report; other fields point at it. It is not an identity."""
    role: PersonRole
    name: Line | None = None
    cpr: Cpr | None = None
    cpr_is_replacement: Flag | None = None
    """True for a replacement number (erstatnings-CPR) of somebody who has none of the register's. A test
    number looks the same, with 60 added to its day, so whoever writes it says which it is."""
    birth_date: Day | None = None
    approximate_age: Annotated[int, Field(strict=True, ge=0, le=_AGE_MAX)] | None = None
    """When nobody knows the date. A child's age stands in `children` instead."""
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")] | None = None
    """The language to speak, ISO 639."""
    interpreter_needed: Flag | None = None
    """Left out means not known."""
    relation: Relation | None = None
    """Perpetrators only. Left out means not known."""
    could_kill: CouldKill = CouldKill()

    @model_validator(mode="after")
    def _fits_the_role(self) -> Self:
        if self.relation is not None and self.role is not PersonRole.PERPETRATOR:
            raise ValueError(
                "relation: only a perpetrator has one, to the exposed person; leave it out for this role"
            )
        if self.cpr_is_replacement and (self.cpr is None or not is_test(self.cpr)):
            raise ValueError(
                "cpr_is_replacement: a replacement number has 60 added to its day; else leave this out"
            )
        if self.birth_date is not None and self.approximate_age is not None:
            raise ValueError("approximate_age: birth_date is given, so leave the age out")
        if self.role is PersonRole.CHILD and self.approximate_age is not None:
            raise ValueError("approximate_age: a child's age stands in children.concerned; leave it out here")
        if self.role is not PersonRole.EXPOSED and (
            self.could_kill.safe_contact is not None or self.could_kill.meeting_place is not None
        ):
            raise ValueError(
                "could_kill: safe_contact and meeting_place are the exposed person's; "
                "move them to that person or leave them out"
            )
        if self.role is not PersonRole.CHILD and self.could_kill.institution is not None:
            raise ValueError("could_kill.institution: only a child has one; use whereabouts for anybody else")
        return self


class ChildConcerned(Personal):
    """A child of the home or at the place, named or not. What names the child stands in `persons`."""

    age: Annotated[int, Field(strict=True, ge=0, le=CHILD_AGE_MAX)] | None = None
    """In whole years, also when estimated. Left out means not known."""
    present: Answer
    """Whether the child was there."""
    saw_or_heard: Answer
    person: Id | None = None
    """The `id` of a person with role child, when anything more is known about the child."""


class Children(Personal):
    """Whether children were present, and every child concerned (seed 002 p. 12; duty to notify)."""

    present: Answer
    concerned: Annotated[tuple[ChildConcerned, ...], Field(max_length=20)] = ()

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        there = any(child.present is Answer.YES for child in self.concerned)
        if (self.present is Answer.YES) != there:
            raise ValueError(
                "present: the answer is yes when, and only when, a child in concerned was present; "
                "a child of unknown name and age may be listed"
            )
        return self
