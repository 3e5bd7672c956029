"""Values that are sealed apart inside an event (docs/format.md section 3).

The domain says *what* is apart; the store's mapper seals it under the right keys. A value whose key is
destroyed reads as `None`: erased, and the reader goes on (domain rule 8).
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5


@dataclass(frozen=True, slots=True)
class AboutPerson:
    """What is about another person than the citizen; under that person's own key in this case."""

    person: UUID
    value: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class CouldKill:
    """What could kill: address, whereabouts, safe contact, meeting place, a child's institution.

    It never travels on a topic; a named person fetches it (domain rule 5). `person` is set where it is
    about another person, whose key is then needed too.
    """

    value: dict[str, Any] | None
    person: UUID | None = None


def could_kill_key(case_id: UUID) -> UUID:
    """The id of the key around what could kill in this case (docs/format.md section 2)."""
    return uuid5(case_id, "could-kill")
