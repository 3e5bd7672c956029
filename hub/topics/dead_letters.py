"""The dead-letter topic: what can never be used, still sealed, with a reason from a closed list."""

from contracts.topics import dead_topic
from hub.errors import Invalid
from hub.logs import logger
from hub.ports import Broker, Record

log = logger("dead_letters")


class DeadLetters:
    """Puts a record aside. Only the hub writes this topic."""

    def __init__(self, broker: Broker, municipality: str) -> None:
        self._broker, self._topic = broker, dead_topic(municipality)

    def bury(self, record: Record, reason: str) -> None:
        """Keep the record as it came, with where it came from. Returns when the broker has it."""
        headers = (
            *record.headers,
            ("dead_reason", reason.encode()),
            ("dead_topic", record.topic.encode()),
            ("dead_offset", str(record.offset).encode()),
        )
        try:
            self._broker.publish([Record(self._topic, record.value, headers)])
        except Invalid:
            # Too large with what is added: that it was, and where it lies, is kept; its topic goes on.
            self._broker.publish([Record(self._topic, b"", headers[-3:])])
        log.warning("a message was put aside", reason=reason)
