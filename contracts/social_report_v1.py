"""The social report (socialrapport), version 1: what police, A&E and others hand over about a citizen.

Seed 002 p. 11: "Overlevering af socialrapporter fra politiet eller skadestue til kommunen". One report is
about exactly one exposed person; where two were violent to each other there are two reports.

- **Free text** stands in `FREE_TEXT` only, and is told after a named person has read it.
- **What could kill** stands in `persons[].could_kill` only, and never travels.
- **Another person's** fields are that person's entry in `persons`; the rest of the report points at it by id.

Left to the receiver: whether a time lies in the future (it has a clock), and whether `unit.kind` is what its
agreement with the sender says. An exposed person under 18 is received, not refused.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from contracts.cpr import birth_date as cpr_date
from contracts.cpr import is_test
from contracts.fields import Flag, Id, Line, Once, Personal, Text
from contracts.social_report_basis_v1 import MAY_USE, HandoverBasis, Professional
from contracts.social_report_incident_v1 import (
    EarlierIncidents,
    Injury,
    ReportingUnit,
    StaffTied,
    Strangulation,
    ThreatsToLife,
    Weapon,
    Wishes,
)
from contracts.social_report_persons_v1 import CHILD_AGE_MAX, Children, Person
from contracts.social_report_terms_v1 import Answer, DoneOnTheSpot, HandoverRule, PlaceKind
from contracts.terms import Category, PersonRole, Urgency, ViolenceForm
from contracts.times import CLOCKS_DIFFER, Happened, Moment, day_of

PERSONS_MAX: Final = 20

FREE_TEXT: Final = ("narrative", "wishes.own_words", "basis.reason")
"""The accounts in a report. All else is a closed list, a number, a time, or one line that names something."""

CATEGORY: Final = MappingProxyType(
    {
        "report_id": Category.COORDINATION,
        "supplements": Category.COORDINATION,
        "reference": Category.COORDINATION,
        "unit": Category.COORDINATION,
        "written_by": Category.COORDINATION,
        "urgency": Category.COORDINATION,
        "basis": Category.COORDINATION,
        "happened": Category.INCIDENT,
        "told_at": Category.INCIDENT,
        "place_kind": Category.INCIDENT,
        "violence_forms": Category.INCIDENT,
        "injuries": Category.INCIDENT,
        "weapon": Category.INCIDENT,
        "strangulation": Category.INCIDENT,
        "threats_to_life": Category.INCIDENT,
        "pregnancy": Category.INCIDENT,
        "separation_under_way": Category.INCIDENT,
        "earlier_incidents": Category.INCIDENT,
        "done_on_the_spot": Category.INCIDENT,
        "children": Category.CHILDREN,
        "staff_involved": Category.OTHER_PERSONS,
        "staff_tied": Category.OTHER_PERSONS,
        "wishes": Category.WISHES,
        "narrative": Category.FREE_TEXT,
    }
)
"""The category of each field but `persons`, see `CATEGORY_OF_ROLE`. `FREE_TEXT` goes before this."""

CATEGORY_OF_ROLE: Final = MappingProxyType(
    {
        PersonRole.EXPOSED: Category.IDENTITY,
        PersonRole.PERPETRATOR: Category.OTHER_PERSONS,
        PersonRole.CHILD: Category.CHILDREN,
        PersonRole.WITNESS: Category.OTHER_PERSONS,
    }
)
"""The category of a person's fields, `could_kill` excepted: that is in none."""


class SocialReport(Personal):
    """One social report, as its reporter sends it."""

    report_id: Id
    """The reporter's own message id. Sent again under the same id it is the same report."""
    supplements: Id | None = None
    """The `report_id` of an earlier report of yours that this adds to. It is whole in itself all the same."""
    reference: Line
    """The reporter's own case reference."""
    unit: ReportingUnit
    written_by: Professional
    urgency: Urgency
    happened: Happened
    told_at: Moment
    """When the reporter was told of it, or observed it."""
    place_kind: PlaceKind
    persons: Annotated[tuple[Person, ...], Field(min_length=1, max_length=PERSONS_MAX)]
    children: Children
    violence_forms: Annotated[tuple[ViolenceForm, ...], Field(min_length=1, max_length=20), Once]
    injuries: Annotated[tuple[Injury, ...], Field(max_length=30)] = ()
    weapon: Weapon
    strangulation: Strangulation
    threats_to_life: ThreatsToLife
    pregnancy: Answer
    """Whether the exposed person is pregnant."""
    separation_under_way: Answer
    """Whether a separation is planned, under way or recent."""
    earlier_incidents: EarlierIncidents
    done_on_the_spot: Annotated[tuple[DoneOnTheSpot, ...], Field(max_length=30), Once] = ()
    wishes: Wishes
    narrative: Text
    basis: HandoverBasis
    staff_involved: Flag
    """Whether somebody on the reporter's staff is, or is close to, a person of the report."""
    staff_tied: Annotated[tuple[StaffTied, ...], Field(max_length=PERSONS_MAX), Once] = ()
    """Who: needed when staff are involved, for the receipt is then the reporter's alone."""

    @property
    def exposed(self) -> Person:
        """The one exposed person."""
        return next(person for person in self.persons if person.role is PersonRole.EXPOSED)

    def ahead(self, now: datetime) -> tuple[str, ...]:
        """The fields whose time lies in the future by this clock. All other times lie before these."""
        consented = self.basis.consent_given_at
        times = {"told_at": self.told_at, "basis.consent_given_at": consented}
        return tuple(name for name, at in times.items() if at is not None and at > now + CLOCKS_DIFFER)

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        problems = [*self._persons(), *self._pointers(), *self._times(), *self._basis()]
        if problems:
            raise ValueError("\n".join(dict.fromkeys(problems)))
        return self

    def _persons(self) -> Iterator[str]:
        exposed = [person for person in self.persons if person.role is PersonRole.EXPOSED]
        if len(exposed) != 1:
            yield "persons: a report is about exactly one exposed person; send one report for each"
        if _twice(person.id for person in self.persons):
            yield "persons: two persons have the same id; give each its own"
        perpetrators = {person.cpr for person in self.persons if person.role is PersonRole.PERPETRATOR}
        if any(person.cpr is not None and person.cpr in perpetrators for person in exposed):
            yield (
                "persons: the exposed person and a perpetrator have the same cpr; where two were violent to "
                "each other send two reports, each with one of them exposed"
            )
        elif _twice(person.cpr for person in self.persons if person.cpr is not None):
            yield "persons: two persons have the same cpr; list each person once, in one role"

    def _pointers(self) -> Iterator[str]:
        children = {person.id for person in self.persons if person.role is PersonRole.CHILD}
        pointed = [child.person for child in self.children.concerned if child.person is not None]
        if set(pointed) != children or _twice(iter(pointed)):
            yield (
                "children.concerned: each person with role child is pointed at by exactly one entry, and an "
                "entry points at nobody else; leave person out for a child of whom nothing more is known"
            )
        if self.staff_involved != bool(self.staff_tied):
            yield "staff_tied: name the persons tied to staff when staff_involved is true, and only then"
        if not {tied.person for tied in self.staff_tied} <= {person.id for person in self.persons}:
            yield "staff_tied: every entry points at the id of a person in persons"

    def _times(self) -> Iterator[str]:
        told, told_day = self.told_at, day_of(self.told_at)
        if self.happened.earliest > told:
            yield "told_at: it was told before it can have begun; correct happened.at or told_at"
        if self.happened.until is not None and self.happened.until > told:
            yield "happened.until: it ends after it was told; leave until out when it is still going on"
        since = self.earlier_incidents.known_since
        if since is not None and since > told_day:
            yield "earlier_incidents.known_since: lies after told_at; give the day of the first one known"
        consented = self.basis.consent_given_at
        if consented is not None and consented < self.happened.earliest:
            yield "basis.consent_given_at: consent to hand this over can't be older than what happened"
        for person in self.persons:
            if person.cpr is not None and not is_test(person.cpr) and cpr_date(person.cpr) > told_day:
                yield "persons: the date of a cpr lies after told_at; check its 7th digit, or leave it out"
            if person.birth_date is None:
                continue
            if person.birth_date > told_day:
                yield "persons: a birth_date lies after told_at; an unborn child is told of in pregnancy"
            born, age = person.birth_date, told_day.year - person.birth_date.year
            age -= (told_day.month, told_day.day) < (born.month, born.day)
            if person.role is PersonRole.CHILD and age > CHILD_AGE_MAX:
                yield "persons: a person with role child is 18 or older by birth_date; use role witness"

    def _basis(self) -> Iterator[str]:
        rule = self.basis.rule
        if self.unit.kind not in MAY_USE[rule]:
            yield f"basis.rule: {rule.value} is not for this unit.kind; {_INSTEAD.get(rule, _INSTEAD_ANY)}"
        concerned = self.children.concerned or self.pregnancy is Answer.YES
        if rule is HandoverRule.CHILD_NOTIFICATION and not concerned:
            yield "basis.rule: child_notification needs a child in children.concerned, or a pregnancy"
        if rule is HandoverRule.VITAL_INTEREST and self.urgency is Urgency.ROUTINE:
            yield "urgency: danger to life is never routine; set urgent or acute, or another basis.rule"


_INSTEAD_ANY: Final = "choose consent, or vital_interest when a life is in danger"
_INSTEAD: Final = MappingProxyType(
    {
        HandoverRule.RETSPLEJELOV_115: (
            "it covers police, social authorities and psychiatry, not somatic A&E; health staff choose "
            "sundhedslov_43, others consent, or vital_interest when a life is in danger"
        ),
        HandoverRule.SUNDHEDSLOV_43: (
            "it is the rule of health staff; police choose retsplejelov_115, others consent, "
            "or vital_interest when a life is in danger"
        ),
    }
)


def _twice(items: Iterator[object]) -> bool:
    return any(count > 1 for count in Counter(items).values())
