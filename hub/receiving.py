"""Taking in what partners write to their own `from` topics."""

from contracts.envelope import BadMessage, from_headers
from hub.dead_letters import DeadLetters
from hub.errors import HubError, Unavailable
from hub.inbound import Inbound
from hub.ports import Broker, Consumer, Record


class Receiver:
    """Reads one partner's topic. What can never be used goes to the dead-letter topic, still sealed."""

    def __init__(self, *, broker: Broker, inbound: Inbound, municipality: str, partner: str) -> None:
        self._dead = DeadLetters(broker, municipality)
        self._inbound = inbound
        self._partner = partner
        self._consumer: Consumer = broker.consumer(f"{municipality}.from.{partner}", f"hub.receive.{partner}")

    def step(self, limit: int, timeout_s: float) -> int:
        """Take in at most `limit` messages; how many there were."""
        records = self._consumer.poll(limit, timeout_s)
        for record in records:
            self._take(record)
            self._consumer.commit(record.offset)
        return len(records)

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

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
        else:
            if taken.problem is not None:
                self._dead.bury(record, f"reported:{taken.problem.reason.value}")
