"""What a reader does with what arrives: forged, repeated, missing, unreadable; and whose fault stops it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from contracts.client.errors import BadEnvelope, HubUnreachable, Tampered
from contracts.client.inbox import NO_ID, START, TRIES, Position, Received, sort, take
from contracts.client.keys import Identity
from contracts.client.party import Party
from contracts.client.sealed import build_message, seal_control
from contracts.envelope import Envelope
from contracts.inbound_v1 import Problem, ProblemReason
from contracts.message_v1 import Blank, Control, Head, Heartbeat
from contracts.terms import MessageKind, Urgency

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
HUB, ME = Identity.new(), Identity.new()
PARTY = Party("eksempel", "lyspunktet", ME, HUB.public)
OTHER = Party("eksempel", "mandecentret", Identity.new(), HUB.public)


def control(
    number: Position, told: Control | None = None, party: Party = PARTY, hub: Identity = HUB
) -> Envelope:
    """Make a control message under a number."""
    message_id = uuid4()
    key = party.identity.public.sealing
    sealed = seal_control(party.municipality, party.name, message_id, told or Blank(), key)
    return hub.numbered(party.municipality, party.name, number, message_id, sealed)


def data(number: Position) -> Envelope:
    """Make a data message under a number."""
    message_id = uuid4()
    head = Head(kind=MessageKind.CASE_OPENED, thread=uuid4(), urgency=Urgency.ROUTINE, recorded=NOW)
    sealed, _ = build_message(PARTY.municipality, PARTY.name, message_id, head, [])
    return HUB.numbered(PARTY.municipality, PARTY.name, number, message_id, sealed)


class Reader:
    """A handler that keeps everything in lists and fails when told to."""

    def __init__(self) -> None:
        """Begin at the start."""
        self.taken: list[Envelope] = []
        self.position = START
        self.calls = 0
        self.bad: dict[Envelope, int] = {}
        self.down = False
        self.reported: list[Problem] = []

    def apply(self, received: Sequence[Received], position: Position) -> None:
        """All or nothing."""
        self.calls += 1
        if self.down:
            raise HubUnreachable("told to fail")
        for one in received:
            if self.bad.get(one.envelope, 0) > 0:
                self.bad[one.envelope] -= 1
                raise Tampered("told to fail")
        self.taken += [one.envelope for one in received]
        self.position = position

    def read(self, batch: Sequence[Envelope | BadEnvelope], *, whole: bool = True) -> Position:
        """Sort and take from where we are."""
        found = sort(PARTY, batch, self.position, whole=whole)
        return take(found, self.position, self, self.reported.append)


def test_control_is_what_our_key_opens_and_the_rest_is_data() -> None:
    """In order, with the position of the last."""
    beat = Heartbeat(at=NOW)
    batch = [data((1, 1)), control((1, 2), beat), data((1, 3))]
    found = sort(PARTY, batch, START, whole=False)
    assert [one.control for one in found.received] == [None, beat, None]
    assert [one.envelope for one in found.received] == batch
    assert (found.position, found.rest, found.problems) == ((1, 3), (), ())


def test_repeats_are_dropped_wherever_they_come() -> None:
    """Within a batch, across batches, and from the start again."""
    one, two, three = data((1, 1)), control((1, 2)), data((1, 3))
    reader = Reader()
    for batch in ([one, one, two, one], [two, three], [one, two, three]):
        assert reader.read(batch) == reader.position
    assert reader.taken == [one, two, three]
    assert reader.calls == 2


def test_behind_a_gap_nothing_is_handed_over_until_it_is_filled() -> None:
    """What stands behind it is kept, and sorted again after what was missing."""
    batch = [data((1, n)) for n in range(1, 6)]
    reader = Reader()
    found = sort(PARTY, [batch[0], batch[3], batch[4]], START, whole=False)
    assert found.rest == (batch[3], batch[4])
    position = take(found, START, reader, reader.reported.append)
    assert (position, reader.taken) == ((1, 1), batch[:1])
    reader.read(batch[1:4])
    found = sort(PARTY, found.rest, reader.position, whole=False)
    assert [one.envelope for one in found.received] == [batch[4]]


@pytest.mark.parametrize(
    ("position", "number", "whole", "follows"),
    [
        (START, (1, 1), False, True),
        (START, (1, 2), False, False),
        (START, (2, 1), False, False),
        (START, (2, 1), True, True),
        ((1, 7), (2, 1), False, False),
        ((1, 7), (2, 1), True, True),
        ((1, 7), (2, 2), True, False),
        ((1, 7), (3, 1), True, True),
        ((2, 1), (2, 2), False, True),
    ],
)
def test_a_new_epoch_on_a_topic_is_a_gap(
    position: Position, number: Position, whole: bool, follows: bool
) -> None:
    """The old epoch's last may never have come; only the hub's own list is known to be whole."""
    found = sort(PARTY, [data(number)], position, whole=whole)
    assert bool(found.received) is follows
    assert bool(found.rest) is not follows


def test_an_older_epoch_is_a_repeat() -> None:
    """After a restore, what comes late from before it."""
    found = sort(PARTY, [data((1, 9))], (2, 1), whole=False)
    assert (found.received, found.rest, found.position) == ((), (), (2, 1))


def test_what_is_forged_or_for_another_moves_nothing_and_is_reported() -> None:
    """Another hub, another reader, no envelope at all: the true message may still come under that number."""
    forged = control((1, 1), hub=Identity.new())
    misplaced = control((1, 1), party=OTHER)
    true = data((1, 1))
    reader = Reader()
    reader.read([forged, BadEnvelope("ce_id: is missing"), misplaced])
    assert (reader.position, reader.calls) == (START, 0)
    reader.read([true])
    assert reader.taken == [true]
    assert [(one.message_id, one.reason) for one in reader.reported] == [
        (forged.message_id, ProblemReason.BAD_SIGNATURE),
        (NO_ID, ProblemReason.BAD_ENVELOPE),
        (misplaced.message_id, ProblemReason.BAD_SIGNATURE),
    ]


def test_a_message_that_can_never_be_used_is_tried_reported_and_passed_over() -> None:
    """The others of its batch are taken in once each, in order; one that recovers is not reported."""
    batch = [data((1, n)) for n in range(1, 5)]
    reader = Reader()
    reader.bad = {batch[1]: 99, batch[2]: 2}
    assert reader.read(batch) == (1, 4)
    assert reader.position == (1, 4)
    assert reader.taken == [batch[0], batch[2], batch[3]]
    assert [(one.message_id, one.reason) for one in reader.reported] == [
        (batch[1].message_id, ProblemReason.TAMPERED)
    ]
    assert reader.bad[batch[1]] == 99 - TRIES - 1


def test_what_is_nobodys_fault_stops_the_reader_where_it_is() -> None:
    """Nothing is reported or passed over; later it begins there again."""
    batch = [data((1, 1)), data((1, 2))]
    reader = Reader()
    reader.down = True
    with pytest.raises(HubUnreachable):
        reader.read(batch)
    assert (reader.position, reader.reported, reader.calls) == (START, [], 1)
    reader.down = False
    reader.read(batch)
    assert reader.taken == batch


def test_a_problem_that_cannot_be_reported_is_not_passed_over() -> None:
    """Else nobody would ever learn of it."""
    reader = Reader()

    def fail(_: Problem) -> None:
        raise HubUnreachable("told to fail")

    found = sort(PARTY, [control((1, 1), hub=Identity.new()), data((1, 1))], START, whole=True)
    with pytest.raises(HubUnreachable):
        take(found, START, reader, fail)
    assert reader.calls == 0
