"""The referral inbox: where each referral stands, by what the heads say. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final
from uuid import UUID

from contracts.terms import MessageKind, ReferralStatus, Urgency
from hub.adapters.partners.ngo.rows import Answered, Line

_STATUS: Final = MappingProxyType(
    {
        MessageKind.REFERRAL_REQUESTED: ReferralStatus.REQUESTED,
        MessageKind.REFERRAL_RECEIVED: ReferralStatus.RECEIVED,
        MessageKind.REFERRAL_ACCEPTED: ReferralStatus.ACCEPTED,
        MessageKind.REFERRAL_REJECTED: ReferralStatus.REJECTED,
        MessageKind.REFERRAL_IN_PROGRESS: ReferralStatus.IN_PROGRESS,
        MessageKind.REFERRAL_COMPLETED: ReferralStatus.COMPLETED,
        MessageKind.REFERRAL_CANCELLED: ReferralStatus.CANCELLED,
    }
)
_OUR_ANSWERS: Final = frozenset(_STATUS) - {MessageKind.REFERRAL_REQUESTED, MessageKind.REFERRAL_CANCELLED}
_LAST: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ReferralLine:
    """One referral as the list shows it. Who it is about is seen by opening a message, and is recorded."""

    referral: UUID
    thread: UUID
    status: ReferralStatus
    """What the municipality told last."""
    answered: Answered | None
    """What was answered here last, and whether the municipality has it."""
    urgency: Urgency
    deadline: datetime | None
    told: tuple[Line, ...]
    """Everything that was told in this thread, in order, but for what is about another referral of it."""

    @property
    def messages(self) -> tuple[UUID, ...]:
        """The ids of what was told."""
        return tuple(line.message_id for line in self.told)


def referrals(lines: Sequence[Line], answered: Mapping[UUID, Answered]) -> list[ReferralLine]:
    """The referrals of these messages, those with the nearest deadline first."""
    threads: dict[UUID, list[Line]] = {}
    found: dict[UUID, list[Line]] = {}
    for line in lines:
        threads.setdefault(line.thread, []).append(line)
        if (referral := line.refs.get("referral")) is not None:
            found.setdefault(referral, []).append(line)
    listed = [
        _referral(referral, told, answered.get(referral), threads[told[-1].thread])
        for referral, told in found.items()
    ]
    return sorted(listed, key=lambda one: (one.deadline or _LAST, str(one.referral)))


def unasked(lines: Sequence[Line]) -> list[Line]:
    """What was told in threads without a referral: a consent or a basis can let us know without asking us."""
    asked = {line.thread for line in lines if "referral" in line.refs}
    return [line for line in lines if line.thread not in asked]


def is_new(line: Line) -> bool:
    """Whether it waits for somebody here to open it. What we answered ourselves, told back, does not."""
    return not line.opened and line.kind not in _OUR_ANSWERS


def _referral(
    referral: UUID, told: Sequence[Line], answered: Answered | None, thread: Sequence[Line]
) -> ReferralLine:
    statuses = [_STATUS[line.kind] for line in told if line.kind in _STATUS]
    deadlines = [line.deadline for line in told if line.deadline is not None]
    return ReferralLine(
        referral=referral,
        thread=told[-1].thread,
        status=statuses[-1] if statuses else ReferralStatus.REQUESTED,
        answered=answered,
        urgency=told[-1].urgency,
        deadline=deadlines[-1] if deadlines else None,
        told=tuple(line for line in thread if line.refs.get("referral", referral) == referral),
    )
