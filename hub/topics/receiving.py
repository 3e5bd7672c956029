"""Taking in what partners write to their own `from` topics."""

import sqlite3
from collections import Counter
from collections.abc import Callable

from eventsourcing.persistence import PersistenceError

from contracts.envelope import BadMessage, Envelope, from_headers
from contracts.topics import from_topic
from hub.application.inbound import Inbound
from hub.errors import (
    Conflict,
    Forbidden,
    HubError,
    IllegalTransition,
    Invalid,
    KeyDestroyed,
    Missing,
    Replayed,
    Unavailable,
)
from hub.logs import logger, slug_of
from hub.ports import Broker, Consumer, Record
from hub.topics.dead_letters import DeadLetters
from hub.topics.reader import Reader

log = logger("receiving")
TAKEN = "taken"
TRIES = 3
"""How often a message is tried that ends in an error which nobody foresaw."""
NEVER = (Invalid, Missing, Forbidden, IllegalTransition, Replayed, KeyDestroyed)
"""What no later try makes good: the message is put aside. Every other error may pass or be repaired."""
AWAY = (OSError, PersistenceError, sqlite3.Error)


def group_of(partner: str) -> str:
    """The consumer group that takes in what a partner sends: one, however many processes receive."""
    return f"hub.receive.{partner}"


class Receiver:
    """Reads one partner's topic. What can never be used goes to the dead-letter topic, still sealed."""

    def __init__(
        self,
        *,
        broker: Broker,
        inbound: Inbound,
        municipality: str,
        partner: str,
        anew: bool = False,
        received: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        """`anew`: from the first record that the topic holds; what was taken in before happens once.

        `received` is told what became of each message.
        """
        self._dead = DeadLetters(broker, municipality)
        self._inbound = inbound
        self._partner = partner
        self._received = received
        topic, group = from_topic(municipality, partner), group_of(partner)

        def opened() -> Consumer:
            consumer = broker.consumer(topic, group)
            if anew:
                consumer.rewind()
            return consumer

        self._reader = Reader(opened)
        self._tried: Counter[int] = Counter()

    def step(self, limit: int, timeout_s: float) -> int:
        """Take in at most `limit` messages; how many there were.

        Raises `Unavailable` where a part does not answer: the message that it fell on comes again.
        """
        with self._reader.records(limit, timeout_s) as records:
            for record in records:
                self._take(record)
                self._reader.commit(record.offset)
                del self._tried[record.offset]
            return len(records)

    def close(self) -> None:
        """Leave the group."""
        self._reader.close()

    def _take(self, record: Record) -> None:
        """Take one in, or put it aside; either way it is dealt with, counted and told in one line."""
        put_aside = self._unusable(record)
        if put_aside is not None:
            self._dead.bury(record, put_aside)
        outcome = put_aside or TAKEN
        self._received(self._partner, outcome)
        log.info("a message of a partner", partner=self._partner, outcome=outcome, position=record.offset)

    def _unusable(self, record: Record) -> str | None:
        """Why it can never be used; None where it was taken in. Raises `Unavailable` to have it again."""
        try:
            envelope = from_headers(record.headers, record.value)
            taken = self._inbound.take(self._partner, envelope)
        except BadMessage as error:
            return error.reason.value
        except NEVER as error:
            self._refuse(envelope)
            return error.slug
        except (HubError, *AWAY) as error:
            raise _again(error) from error
        except Exception as error:
            return self._unexpected(record, error)
        return None if taken.problem is None else f"reported:{taken.problem.reason.value}"

    def _refuse(self, envelope: Envelope) -> None:
        """Answer first: were the message put aside and the answer lost, silence would look like received."""
        try:
            self._inbound.refuse(self._partner, envelope)
        except (Unavailable, Conflict, *AWAY) as error:
            raise _again(error) from error
        except Exception as error:
            log.error("a refusal could not be answered", error=slug_of(error))

    def _unexpected(self, record: Record, error: Exception) -> str:
        """A fault of ours may pass, so it is tried again; for ever it would stop all that is behind it."""
        log.error("a message could not be taken in", error=slug_of(error))
        self._tried[record.offset] += 1
        if self._tried[record.offset] < TRIES:
            raise Unavailable("a message could not be taken in: it is tried again") from error
        return "unexpected"


def _again(error: Exception) -> Unavailable:
    """The error under which a record comes again, however often: stored bytes that fail are an alarm too."""
    if isinstance(error, Unavailable):
        return error
    log.error("a message waits", error=slug_of(error))
    return Unavailable("a message cannot be taken in now: it is tried again")
