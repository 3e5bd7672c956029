"""Commands on the block list of named persons: insiders are the likeliest leak (domain rule 4).

Rules, as sentences: whoever is, or is close to, a party is refused everywhere in the case, in an emergency
too. A report that says that staff are involved asks for it to be considered, until somebody has.
"""

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

from hub.aggregates.base import Actor, login_of
from hub.aggregates.citizen_case.events import BlockListConsidered, PersonBlocked, PersonUnblocked
from hub.aggregates.citizen_case.transitions import must_be_legal
from hub.aggregates.citizen_case.values import Blocked
from hub.aggregates.guards import slug, written
from hub.errors import Conflict, Missing

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase


def block_person(
    self: "CitizenCase",
    *,
    organisation: str,
    person: str,
    name: str,
    reason: str,
    by: Actor,
    at: datetime,
) -> None:
    """Refuse a named person everything in this case."""
    must_be_legal(self, "block_person")
    slug("organisation", organisation)
    written("person", person)
    written("name", name)
    written("reason", reason)
    blocked = Blocked(organisation, person, name, reason)
    if blocked.login in self.blocked:
        raise Conflict("person: is blocked from this case already; nothing to do", field="person")
    self.trigger_event(PersonBlocked, blocked=blocked, by=by, timestamp=self.moment(at))


def unblock_person(
    self: "CitizenCase", *, organisation: str, person: str, reason: str, by: Actor, at: datetime
) -> None:
    """Let a person in again, with a reason."""
    must_be_legal(self, "unblock_person")
    written("reason", reason)
    if login_of(organisation, person) not in self.blocked:
        raise Missing("person: is not blocked from this case; read its block list", field="person")
    self.trigger_event(
        PersonUnblocked,
        organisation=organisation,
        person=person,
        reason=reason,
        by=by,
        timestamp=self.moment(at),
    )


def consider_block_list(self: "CitizenCase", *, reason: str, by: Actor, at: datetime) -> None:
    """Put on record that nobody is to be blocked, and why."""
    must_be_legal(self, "consider_block_list")
    written("reason", reason)
    self.trigger_event(BlockListConsidered, reason=reason, by=by, timestamp=self.moment(at))


def must_not_be_blocked(field: str, named: Actor, logins: Collection[str]) -> None:
    """Whoever stands on the block list is given no part in the case."""
    if named.login in logins:
        raise Conflict(f"{field}: stands on the block list of this case; name another", field=field)
