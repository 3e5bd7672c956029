"""What a social report tells of the incident itself, and what the exposed person says about help."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from contracts.fields import Id, Line, Once, Personal, Text
from contracts.social_report_terms_v1 import (
    AcceptsContact,
    Answer,
    BodyPart,
    EarlierSign,
    HelpWanted,
    InjuryKind,
    StaffTie,
    StrangulationSign,
    ThreatTarget,
    WeaponKind,
    WeaponUse,
)
from contracts.terms import OrganisationKind
from contracts.times import Day


class ReportingUnit(Personal):
    """The unit that hands the report over. The receiver checks `kind` against its agreement with it."""

    kind: OrganisationKind
    organisation: Line
    name: Line
    phone: Line | None = None
    """The unit's own number, for questions about the report."""


class Injury(Personal):
    """One injury that was seen, or told of."""

    kind: InjuryKind
    body_part: BodyPart | None = None
    treated: Answer


class Weapon(Personal):
    """The most dangerous weapon that played a part."""

    kind: WeaponKind
    use: WeaponUse | None = None

    @model_validator(mode="after")
    def _use_belongs_to_a_weapon(self) -> Self:
        known = self.kind not in {WeaponKind.NONE, WeaponKind.UNKNOWN}
        if known != (self.use is not None):
            raise ValueError(
                "use: a weapon needs it (at_hand, threatened or used); none and unknown have no use"
            )
        return self


class Strangulation(Personal):
    """A hand, an arm, a cord at the neck: among the gravest signs that a life is in danger."""

    answer: Answer
    signs: Annotated[tuple[StrangulationSign, ...], Field(max_length=20), Once] = ()
    """Also with the answer `unknown`: the signs are seen and she or he says nothing of it."""

    @model_validator(mode="after")
    def _signs_are_no_no(self) -> Self:
        if self.answer is Answer.NO and self.signs:
            raise ValueError(
                "signs: signs were seen, so the answer can't be no; answer unknown if it is denied"
            )
        return self


class ThreatsToLife(Personal):
    """Threats to kill, and threats of suicide."""

    answer: Answer
    towards: Annotated[tuple[ThreatTarget, ...], Field(max_length=10), Once] = ()

    @model_validator(mode="after")
    def _towards_somebody(self) -> Self:
        if (self.answer is Answer.YES) != bool(self.towards):
            raise ValueError("towards: name whose life was threatened when the answer is yes, and only then")
        return self


class EarlierIncidents(Personal):
    """What is known of earlier incidents between the same persons."""

    answer: Answer
    count: Annotated[int, Field(strict=True, ge=1, le=1_000)] | None = None
    """How many are known; left out when only the fact is."""
    known_since: Day | None = None
    signs: Annotated[tuple[EarlierSign, ...], Field(max_length=20), Once] = ()

    @model_validator(mode="after")
    def _details_of_something(self) -> Self:
        if self.answer is not Answer.YES and (self.count is not None or self.known_since or self.signs):
            raise ValueError(
                "answer: count, known_since or signs tell of earlier incidents; answer yes, or leave them out"
            )
        return self


class Wishes(Personal):
    """What the exposed person says about help. `own_words` quotes her or him and does not judge."""

    accepts_contact: AcceptsContact
    help_wanted: Annotated[tuple[HelpWanted, ...], Field(max_length=20), Once] = ()
    own_words: Text | None = None

    @model_validator(mode="after")
    def _said_when_asked(self) -> Self:
        if self.accepts_contact is AcceptsContact.NOT_ASKED and self.help_wanted:
            raise ValueError(
                "help_wanted: nobody was asked, so nothing was wished for; "
                "answer unsure if help was spoken of but contact was not"
            )
        return self


class StaffTied(Personal):
    """A person of the report who works for the reporter, or is close to somebody who does."""

    person: Id
    tie: StaffTie
