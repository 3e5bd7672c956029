"""One step of reading, in either profile: fetch, sort, hand over, report, remember."""

from functools import partial
from typing import Protocol
from uuid import UUID, uuid4

from contracts.client.errors import MissingMessages
from contracts.client.http_profile import HttpHub
from contracts.client.inbox import Handler, Position, sort, take
from contracts.client.kafka_profile import KafkaHub
from contracts.client.party import Party
from contracts.inbound_v1 import Inbound, Problem


class Sender(Protocol):
    """Whoever sends for us."""

    def send(self, message_id: UUID, inbound: Inbound) -> object:
        """Send sealed and signed."""


def read_http(hub: HttpHub, party: Party, handler: Handler, position: Position, limit: int = 100) -> Position:
    """Pull once; where we are now. The same position: there was nothing.

    Raises `MissingMessages` when the hub's own list has a hole, and whatever the handler raises to stop.
    """
    batch = hub.messages(*position, limit)
    found = sort(party, batch, position, whole=True)
    reached = take(found, position, handler, partial(_report, hub))
    if found.rest or (batch and reached == position):
        raise MissingMessages("the hub's list of messages goes on after a number that is not in it")
    return reached


def read_kafka(
    kafka: KafkaHub,
    hub: HttpHub,
    party: Party,
    handler: Handler,
    position: Position,
    limit: int = 100,
    timeout_s: float = 0.2,
) -> Position:
    """Poll once; where we are now. What the topic does not hold (any more) is pulled over HTTP.

    After any error the reader has left its group, and begins again at what it committed.
    """
    try:
        batch = kafka.poll(limit, timeout_s)
        if not batch:
            return position
        report = partial(_report, kafka)
        found = sort(party, batch, position, whole=False)
        position = take(found, position, handler, report)
        pull = bool(found.problems)
        while found.rest:
            filled = read_http(hub, party, handler, position, limit)
            if filled == position:
                raise MissingMessages("the topic holds a message that the hub does not give")
            found = sort(party, found.rest, filled, whole=False)
            position = take(found, filled, handler, report)
        if pull:
            # In the place of what could not be read may stand a message that the hub's list holds whole.
            position = read_http(hub, party, handler, position, limit)
        kafka.commit()
    except BaseException:
        kafka.release()
        raise
    return position


def _report(sender: Sender, problem: Problem) -> None:
    sender.send(uuid4(), Inbound.of(problem))
