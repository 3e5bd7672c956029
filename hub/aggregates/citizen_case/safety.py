"""Commands on the citizen's safety (seed 002 p. 9, 12)."""

import re
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from contracts.terms import AddressProtection, SafetyLevel
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.events import (
    AddressProtectionSet,
    SafeContactSet,
    SafetyAssessed,
    SafetyLevelChanged,
)
from hub.aggregates.citizen_case.transitions import must_be_legal
from hub.aggregates.guards import coded, one_of, written
from hub.aggregates.sealing import CouldKill
from hub.errors import Conflict, Invalid

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase

_WORD = re.compile(r"[^\W\d_]+")
COMPUTED = frozenset(
    {"total", "sum", "score", "scores", "points", "point"}
    | {"samlet", "ialt", "pointsum", "pointtal", "sumscore", "totalscore"}
)
"""Words of item ids that would smuggle a computed total in: the instruments are structured judgement."""


def set_safe_contact(self: "CitizenCase", *, rules: CouldKill, by: Actor, at: datetime) -> None:
    """Agree how the citizen may safely be contacted (seed 002 p. 12). Told is only *that* it is."""
    must_be_legal(self, "set_safe_contact")
    if not rules.value:
        raise Invalid("rules: must say how contact is safe; where none is, say that", field="rules")
    self.trigger_event(SafeContactSet, rules=rules, by=by, timestamp=self.moment(at))


def set_address_protection(
    self: "CitizenCase", *, protection: str, address: CouldKill, by: Actor, at: datetime
) -> None:
    """Record name and address protection (CPR-lov § 28), with the address that it protects."""
    must_be_legal(self, "set_address_protection")
    one_of("protection", protection, AddressProtection)
    self.trigger_event(
        AddressProtectionSet,
        protection=str(protection),
        address=address,
        by=by,
        timestamp=self.moment(at),
    )


def assess_safety(
    self: "CitizenCase",
    *,
    assessment_id: UUID,
    instrument: str,
    instrument_version: str,
    answers: dict[str, str],
    judgement: SafetyLevel,
    reason: str,
    by: Actor,
    at: datetime,
) -> None:
    """Record a risk assessment: answers by item id, and the professional's judgement with its reason."""
    must_be_legal(self, "assess_safety")
    coded("instrument", instrument)
    coded("instrument_version", instrument_version)
    must_be_answers_by_id(answers)
    one_of("judgement", judgement, SafetyLevel)
    written("reason", reason)
    self.trigger_event(
        SafetyAssessed,
        assessment_id=assessment_id,
        instrument=instrument,
        instrument_version=instrument_version,
        answers=answers,
        judgement=judgement,
        reason=reason,
        by=by,
        timestamp=self.moment(at),
    )


def change_safety_level(
    self: "CitizenCase", *, level: SafetyLevel, reason: str, by: Actor, at: datetime
) -> None:
    """Change the safety level (trusselsniveau), with a reason."""
    must_be_legal(self, "change_safety_level")
    one_of("level", level, SafetyLevel)
    written("reason", reason)
    if level == self.safety_level:
        raise Conflict("level: is the level already; read the case again", field="level")
    self.trigger_event(
        SafetyLevelChanged,
        level=level,
        previous=self.safety_level,
        reason=reason,
        by=by,
        timestamp=self.moment(at),
    )


def must_be_answers_by_id(answers: dict[str, str], field: str = "answers") -> None:
    """Items and answers by id, at least one, and never a computed total."""
    if not answers:
        raise Invalid(f"{field}: at least one item must be answered; 'unknown' is an answer", field=field)
    for item, answer in answers.items():
        coded(field, item)
        coded(field, answer)
        if not COMPUTED.isdisjoint(_WORD.findall(item.lower())):
            raise Invalid(
                f"{field}: a computed total is never kept; write the judgement instead", field=field
            )
