"""A reader of one topic that begins again at what is committed after anything went wrong.

A consumer goes on behind what it gave, also where that could not be dealt with; its next commit would then
pass over it for good. So after an error the consumer is let go, and the next poll opens another.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from hub.ports import Consumer, Record


class Reader:
    """Opened at the first poll, so a missing topic or a broker that is away hinders nobody else's start."""

    def __init__(self, open_consumer: Callable[[], Consumer]) -> None:
        self._open = open_consumer
        self._consumer: Consumer | None = None

    @contextmanager
    def records(self, limit: int, timeout_s: float) -> Iterator[Sequence[Record]]:
        """The next records, at most `limit`. An error inside gives them back, but for what was committed."""
        try:
            if self._consumer is None:
                self._consumer = self._open()
            yield self._consumer.poll(limit, timeout_s)
        except BaseException:
            self.close()
            raise

    def commit(self, offset: int) -> None:
        """All records up to and with `offset` are done."""
        if self._consumer is not None:
            self._consumer.commit(offset)

    def close(self) -> None:
        """Leave the group."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()
