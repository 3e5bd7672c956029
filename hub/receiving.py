"""Taking in what partners write to their own `from` topics."""

import logging
import sqlite3
from collections import Counter

from eventsourcing.persistence import PersistenceError

from contracts.envelope import BadMessage, from_headers
from hub.dead_letters import DeadLetters
from hub.errors import HubError, Unavailable
from hub.inbound import Inbound
from hub.ports import Broker, Record
from hub.reader import Reader

log = logging.getLogger("hub.receiving")
TRIES = 3
"""How often a message is tried that ends in an error which nobody foresaw."""


class Receiver:
    """Reads one partner's topic. What can never be used goes to the dead-letter topic, still sealed."""

    def __init__(self, *, broker: Broker, inbound: Inbound, municipality: str, partner: str) -> None:
        self._dead = DeadLetters(broker, municipality)
        self._inbound = inbound
        self._partner = partner
        topic, group = f"{municipality}.from.{partner}", f"hub.receive.{partner}"
        self._reader = Reader(lambda: broker.consumer(topic, group))
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
        try:
            envelope = from_headers(record.headers, record.value)
            taken = self._inbound.take(self._partner, envelope)
        except Unavailable:
            raise  # nobody's fault: stop here, and the record comes again
        except BadMessage as error:
            self._dead.bury(record, error.reason.value)
        except HubError as error:
            self._dead.bury(record, error.slug)
            self._inbound.refuse(self._partner, envelope)
        except (PersistenceError, sqlite3.Error) as error:
            raise Unavailable("the database did not answer: it is tried again") from error
        except Exception as error:
            self._unexpected(record, error)
        else:
            if taken.problem is not None:
                self._dead.bury(record, f"reported:{taken.problem.reason.value}")

    def _unexpected(self, record: Record, error: Exception) -> None:
        """A fault of ours may pass, so it is tried again; for ever it would stop all that is behind it."""
        log.error("a message could not be taken in: %s", type(error).__name__)
        self._tried[record.offset] += 1
        if self._tried[record.offset] < TRIES:
            raise Unavailable("a message could not be taken in: it is tried again") from error
        self._dead.bury(record, "unexpected")
