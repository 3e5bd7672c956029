"""Dead letters, once more: what a partner sent and could not be used then may be usable now.

A partner was suspended and is not any more, a key was registered late, a fault of ours was mended. Each is
taken in as it would have been: still sealed, every rule asked again, and once, whatever was taken in since.
What still can't be used stays where it lies until its topic drops it.
"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from contracts.envelope import BadMessage, from_headers
from contracts.topics import dead_topic, from_topic
from hub.bootstrap import Parts
from hub.errors import Unavailable
from hub.ports import Broker, Record
from hub.topics.receiving import NEVER

GROUP: Final = "hub.replay"
_PAGE: Final = 500
_PATIENCE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class TakenAgain:
    """How many were taken in, how many can't be used now either, and how many are no partner's to us."""

    taken: int
    unusable: int
    other: int


def replay(parts: Parts, broker: Broker) -> TakenAgain:
    """Take in what can be used now. Raises `Unavailable` where a part is away: begin again later."""
    found = Counter(_again(parts, record) for record in _dead(parts, broker))
    return TakenAgain(found[True], found[False], found[None])


def _dead(parts: Parts, broker: Broker) -> Iterator[Record]:
    topic = dead_topic(parts.settings.municipality)
    left, deadline = broker.held(topic), time.monotonic() + _PATIENCE_S
    with closing(broker.consumer(topic, GROUP)) as consumer:
        consumer.rewind()
        while left > 0:
            records = consumer.poll(min(_PAGE, left), 0.5)
            yield from records
            left -= len(records)
            if time.monotonic() > deadline and not records:
                raise Unavailable("the dead letters can't be read: is another replay running?")


def _again(parts: Parts, record: Record) -> bool | None:
    """Whether it was taken in; None for what did not come from a partner."""
    headers = dict(record.headers)
    topic = headers.get("dead_topic", b"").decode()
    prefix = from_topic(parts.settings.municipality, "")
    if not topic.startswith(prefix):
        return None
    own = tuple((name, value) for name, value in record.headers if not name.startswith("dead_"))
    try:
        taken = parts.inbound.take(topic.removeprefix(prefix), from_headers(own, record.value))
    except (BadMessage, *NEVER):
        return False
    return taken.problem is None
