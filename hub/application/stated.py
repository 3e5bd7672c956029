"""What a correction may say of an entry: what the published contract lets a report say of what came in one.

So a correction can carry no prose, and nothing that could kill, where a report could not (domain rule 5).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError, create_model

from contracts.cpr import birth_date, is_test
from contracts.fields import Personal, Text
from contracts.social_report_incident_v1 import Wishes
from contracts.social_report_persons_v1 import ChildConcerned, Person
from contracts.social_report_terms_v1 import Answer
from contracts.social_report_v1 import CATEGORY, CATEGORY_OF_ROLE, SocialReport
from contracts.terms import Category, PersonRole
from contracts.times import Moment, day_of
from hub.aggregates.citizen_case.terms import Channel, ContactOutcome, Topic
from hub.aggregates.guards import not_ahead
from hub.errors import Invalid


class _Children(Personal):
    """Children as an entry tells them: each that is a person of the report stands apart."""

    present: Answer
    concerned: Annotated[tuple[ChildConcerned, ...], Field(max_length=20)] = ()


_REPORT: Final = frozenset(CATEGORY) - {
    *("report_id", "basis", "urgency", "narrative", "staff_involved", "staff_tied", "children", "wishes")
}
"""Fields of a report that a correction takes as they are; the others name it, or hold what is told apart."""
_PERSON: Final = frozenset(Person.model_fields) - {"id", "role", "could_kill"}
_APART: Final[Mapping[str, Any]] = {
    "children": (_Children | None, None),
    "concerned": (ChildConcerned | None, None),
    "wishes": (Wishes | None, None),
    "text": (Text | None, None),
}


def _optional(model: type[Personal], name: str) -> Any:
    field = model.model_fields[name]
    said: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    return said | None, None


_STATED: Final[type[Personal]] = create_model(
    "Stated",
    __base__=Personal,
    **{name: _optional(SocialReport, name) for name in _REPORT},
    **{name: _optional(Person, name) for name in _PERSON},
    **_APART,
)


def stated(category: Category, of_another: bool, instead: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What stands instead, as the contract writes it; None takes a field out. Raises `Invalid`."""
    if set(instead) - _fields(category, of_another):
        raise Invalid("instead: holds what this entry has no field for; see the entry", field="instead")
    try:
        read = _STATED.model_validate(dict(instead))
    except ValidationError as error:
        raise _invalid(error) from None
    _not_ahead(read, now)
    said = read.model_dump(mode="json", exclude_none=True)
    if "own_words" in said.get("wishes", {}):
        raise Invalid("instead: her or his own words are an entry of their own", field="instead")
    if {"person"} & set(said.get("concerned", {})):
        raise Invalid("instead: an entry stays about whom it is about; leave person out", field="instead")
    return {name: said.get(name) for name in instead}


class _Contact(Personal):
    """An attempt at contact, or information given, as an entry tells them."""

    channel: Channel | None = None
    outcome: ContactOutcome | None = None
    attempted_at: Moment | None = None
    topics: Annotated[tuple[Topic, ...] | None, Field(max_length=20)] = None
    told_citizen_at: Moment | None = None


def stated_of_contact(instead: Mapping[str, Any]) -> dict[str, Any]:
    """What stands instead, as such an entry writes it. Raises `Invalid`."""
    try:
        read = _Contact.model_validate(dict(instead))
    except ValidationError as error:
        raise _invalid(error) from None
    said = {name: getattr(read, name) for name in instead}
    return {name: _as_told(value) for name, value in said.items()}


def _as_told(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return sorted(value) if isinstance(value, tuple) else value


def _invalid(error: ValidationError) -> Invalid:
    found = error.errors(include_input=False, include_context=False, include_url=False)[0]
    return Invalid(f"instead: {found['msg']}", field="instead")


def _not_ahead(read: Any, now: datetime) -> None:
    """A report's times lie before it was told; those of a correction before it is made."""
    if read.happened is not None:
        for time in (read.happened.earliest, read.happened.until):
            if time is not None:
                not_ahead("instead", time, now)
    since = read.earlier_incidents and read.earlier_incidents.known_since
    number = read.cpr is not None and not is_test(read.cpr) and birth_date(read.cpr)
    if any(day and day > day_of(now) for day in (since, read.birth_date, number)):
        raise Invalid("instead: a day in it lies ahead; give the one that it was", field="instead")


def _fields(category: Category, of_another: bool) -> set[str]:
    if category is Category.FREE_TEXT:
        return {"text"}
    if of_another:
        known = {CATEGORY_OF_ROLE[role] for role in PersonRole if role is not PersonRole.EXPOSED}
        return {*_PERSON, "concerned"} if category in known else set()
    if category is Category.IDENTITY:
        return set(_PERSON)
    own = {name for name in _REPORT if CATEGORY[name] is category}
    return own | {name for name in ("children", "wishes") if CATEGORY[name] is category}
