"""What every reader of a topic does first, whichever way the messages come. No I/O of its own.

Signature, then number, then kind: a forged message moves nothing; a number at or below the position is a
repeat; one too high is a gap, and nothing behind it is handed over before it is filled. What our own key
opens is a control message; everything else is data, whose keys are asked of the hub.

Whose fault decides what happens: a message that can't be used is reported and passed over after a bounded
number of tries; any other error is raised, so the reader stops where it is and begins there again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

from contracts.client.errors import SealedForSomeoneElse
from contracts.client.party import Party
from contracts.envelope import BadEnvelope, BadMessage, Envelope
from contracts.inbound_v1 import Problem
from contracts.message_v1 import Control

Position = tuple[int, int]
"""(epoch, sequence) up to which a topic is taken in."""
START: Final[Position] = (0, 0)
NO_ID: Final = UUID(int=0)
"""Stands in a problem where not even the message's id could be read."""
TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Received:
    """A message that is ours, new and in order. Without `control` it is data, or was not looked into."""

    envelope: Envelope
    control: Control | None

    @property
    def position(self) -> Position:
        """Its number."""
        return self.envelope.number


@dataclass(frozen=True, slots=True)
class Sorted:
    """What a batch holds, before anybody has acted on it."""

    received: tuple[Received, ...]
    problems: tuple[Problem, ...]
    position: Position
    """Where the reader is when all of it is done."""
    rest: tuple[Envelope | BadEnvelope, ...]
    """What stands behind a gap. Ask the hub for what follows `position`, then sort this again."""


class Handler(Protocol):
    """What a reader does with messages."""

    def apply(self, received: Sequence[Received], position: Position) -> None:
        """Take these in and store the position, all in one transaction; none received only moves it.

        Raise `BadMessage` for a message that can never be used, anything else to stop.
        """


def sort(
    party: Party,
    batch: Sequence[Envelope | BadEnvelope],
    position: Position,
    *,
    whole: bool,
    unopened: bool = False,
) -> Sorted:
    """Check and classify. `whole`: the batch is the hub's own list, from which nothing is missing.

    On a topic a new epoch is a gap as well: what the old one held last may never have come. `unopened`:
    nothing is opened here, for the handler has head keys to ask of first, and tries its own key on the rest.
    """
    received: list[Received] = []
    problems: list[Problem] = []
    for index, item in enumerate(batch):
        if isinstance(item, BadEnvelope):
            problems.append(Problem(message_id=NO_ID, reason=item.reason))
            continue
        try:
            party.verify(item)
        except BadMessage as error:
            problems.append(Problem(message_id=item.message_id, reason=error.reason))
            continue
        if item.number <= position:
            continue
        if not _follows(position, item.number, whole=whole):
            return Sorted(tuple(received), tuple(problems), position, tuple(batch[index:]))
        position = item.number
        try:
            received.append(Received(item, None if unopened else control_of(party, item)))
        except BadMessage as error:
            problems.append(Problem(message_id=item.message_id, reason=error.reason))
    return Sorted(tuple(received), tuple(problems), position, ())


def take(found: Sorted, position: Position, handler: Handler, report: Callable[[Problem], None]) -> Position:
    """Hand over what was sorted from `position` on; where the reader is now.

    A problem is reported before it is passed over, so after a crash it may be reported twice.
    """
    for problem in found.problems:
        report(problem)
    if found.position == position:
        return position
    try:
        handler.apply(found.received, found.position)
    except BadMessage:
        for one in found.received:
            _take_one(one, handler, report)
        handler.apply((), found.position)
    return found.position


def _take_one(one: Received, handler: Handler, report: Callable[[Problem], None]) -> None:
    for tries_left in reversed(range(TRIES)):
        try:
            handler.apply((one,), one.position)
        except BadMessage as error:
            if not tries_left:
                report(Problem(message_id=one.envelope.message_id, reason=error.reason))
        else:
            return


def control_of(party: Party, envelope: Envelope) -> Control | None:
    """The control message in it; None for data. Raises `BadMessage` for one that cannot be read."""
    try:
        return party.control(envelope)
    except SealedForSomeoneElse:
        return None


def _follows(position: Position, number: Position, *, whole: bool) -> bool:
    (epoch, sequence), (new_epoch, new_sequence) = position, number
    if new_epoch == epoch:
        return new_sequence == sequence + 1
    return new_sequence == 1 and (whole or (position == START and new_epoch == 1))
