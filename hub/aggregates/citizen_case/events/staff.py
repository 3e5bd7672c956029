"""Facts on the block list of named persons. Attributes here are stored bytes: they are never renamed."""

from typing import TYPE_CHECKING

from hub.aggregates.base import login_of, stored_as
from hub.aggregates.citizen_case.events.base import CaseEvent
from hub.aggregates.citizen_case.values import Blocked

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase


@stored_as("case.person_blocked")
class PersonBlocked(CaseEvent):
    """An employee who is, or is close to, a party sees nothing of the case. Told to nobody."""

    blocked: Blocked

    def change(self, case: "CitizenCase") -> None:
        case.blocked[self.blocked.login] = self.blocked
        case.block_list_to_consider = False


@stored_as("case.person_unblocked")
class PersonUnblocked(CaseEvent):
    """The entry was a mistake, or its reason is over."""

    organisation: str
    person: str
    reason: str

    def change(self, case: "CitizenCase") -> None:
        del case.blocked[login_of(self.organisation, self.person)]


@stored_as("case.block_list_considered")
class BlockListConsidered(CaseEvent):
    """A person asked who of the staff is close to a party, and found nobody to block."""

    reason: str

    def change(self, case: "CitizenCase") -> None:
        case.block_list_to_consider = False
