"""Persons who are stopped: from the next request on the hub answers them nothing. One stream, one event.

A person is a login of an organisation, of a human or of a program. The facts are sealed under the
organisation's key, for they belong to no case.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from hub.aggregates.base import Actor, Lone, stored_as
from hub.aggregates.guards import slug, written


@dataclass(frozen=True)
class PersonFact(Lone):
    """A fact about one login."""

    sealed_under: UUID
    """The organisation's stream (`Partner`)."""
    organisation: str
    person: str
    reason: str

    @classmethod
    def record(
        cls,
        *,
        id: UUID,  # noqa: A002 (as on the aggregates)
        sealed_under: UUID,
        organisation: str,
        person: str,
        reason: str,
        by: Actor,
        at: datetime,
    ) -> Self:
        """Put it on record, with its reason."""
        slug("organisation", organisation)
        written("person", person)
        written("reason", reason)
        return cls(id, cls.VERSION, at, by, sealed_under, organisation, person, reason)


@stored_as("person.stopped")
@dataclass(frozen=True)
class PersonStopped(PersonFact):
    """Nothing is answered to this login any more, and what only it was to answer returns to its unit."""


@stored_as("person.resumed")
@dataclass(frozen=True)
class PersonResumed(PersonFact):
    """The login is let in again."""
