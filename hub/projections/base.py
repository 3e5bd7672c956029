"""What every projection shares: what it is told, and what it makes of it. No I/O, no clock."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from contracts.message_v1 import Control, Head
from hub.ports import Row


@dataclass(frozen=True, slots=True)
class Told:
    """One message of the owner's topic with its signature checked: a head with a sealed body, or a control.

    Both are None for what could not be opened (no living grant): the position moves on, nothing is kept.
    """

    message_id: UUID
    epoch: int
    sequence: int
    head: Head | None
    control: Control | None
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Effect:
    """Rows to write and messages whose rows go."""

    put: Sequence[Row] = ()
    purge: Sequence[UUID] = ()


Project = Callable[[Told], Effect]


def kept(told: Told, head: Head) -> Row:
    """The row of a message: its head in the clear, its body sealed."""
    clear: dict[str, str | None] = {
        "kind": head.kind.value,
        "urgency": head.urgency.value,
        "deadline": head.deadline.isoformat() if head.deadline else None,
        "recorded": head.recorded.isoformat(),
    }
    clear |= {str(name): str(ref) for name, ref in head.refs.items()}
    return Row(told.message_id, head.thread, told.sequence, clear, told.sealed)
