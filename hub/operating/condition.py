"""How the hub is: what waits where, and for how long. For an operator's eyes and a monitor's.

Nothing here opens a message; a time is that of the fact behind it.
"""

from collections.abc import Iterator
from datetime import datetime

from contracts.topics import dead_topic, from_topic
from hub.bootstrap import Parts
from hub.errors import HubError, NoTopic
from hub.ports import Behind, Broker, Waits
from hub.projections import disclosures
from hub.topics.projecting import PROJECTIONS
from hub.topics.receiving import group_of
from hub.topics.relay import POSITION


class Condition:
    """Asks the store and the broker. Every answer is of the moment."""

    def __init__(self, parts: Parts, broker: Broker) -> None:
        self._parts = parts
        self._broker = broker

    def all(self) -> Iterator[Waits]:
        """Outbox, views, partners, dead letters. Raises `Unavailable` where the broker is away."""
        yield self.outbox()
        yield from self.views()
        yield from self.at_broker()

    def outbox(self) -> Waits:
        """What the relay has not sent."""
        store = self._parts.app.store
        return self._waits("outbox", store.unsent(store.position(POSITION)))

    def views(self) -> Iterator[Waits]:
        """What each read model has not taken in."""
        for row in self._parts.app.store.partners():
            if not self._parts.keeps(row.slug):
                continue
            for name in PROJECTIONS:
                position = self._parts.views[name].position(row.slug)
                behind = self._parts.app.store.behind(row.slug, *position)
                yield self._waits(f"view {name} of {row.slug}", behind)
        _, reached = self._parts.views[disclosures.NAME].position(disclosures.OWNER)
        last = self._parts.app.recorder.max_notification_id() or 0
        yield self._waits(
            f"view {disclosures.NAME}", Behind(last - reached, reached + 1 if last > reached else None)
        )

    def at_broker(self) -> Iterator[Waits]:
        """What each partner has not fetched, what came of each, and what could not be used.

        A partner reads by topic or by HTTP: the way by which it is further on counts. What could not be used
        is there as long as its topic keeps it. Raises `NoTopic` where there is none for dead letters.
        """
        outgoing, municipality = self._parts.outgoing, self._parts.settings.municipality
        dead, unit = dead_topic(municipality), self._parts.settings.unit
        partners = [row.slug for row in self._parts.app.store.partners() if row.slug != unit]
        fetch = [slug for slug in partners if not self._parts.keeps(slug)]
        sent = {from_topic(municipality, slug): group_of(slug) for slug in partners}
        readers = {outgoing.topic(slug): f"{slug}.adapter" for slug in fetch}
        before = self._broker.before({**readers, **sent, dead: None})
        if never_read := dict.fromkeys(topic for topic in sent if before[topic] is None):
            before |= self._broker.before(never_read)
        for slug in fetch:
            pulled, read = outgoing.uncollected(slug), before[outgoing.topic(slug)]
            yield Waits(f"uncollected by {slug}", pulled if read is None else min(pulled, read), None)
        for slug in partners:
            yield Waits(f"not taken in from {slug}", before[from_topic(municipality, slug)] or 0, None)
        if (unusable := before[dead]) is None:
            raise NoTopic()
        yield Waits("dead letters", unusable, None)

    def _waits(self, what: str, behind: Behind) -> Waits:
        return Waits(what, behind.messages, self._age(behind.since))

    def _age(self, position: int | None) -> float | None:
        """How long ago the fact at or after a position was recorded; None where it is erased or damaged."""
        if position is None:
            return None
        app = self._parts.app
        for stored in app.notifications(position - 1, 1):
            try:
                at: datetime | None = getattr(app.open(stored), "timestamp", None)
            except HubError:
                return None
            return None if at is None else max(0.0, (self._parts.clock() - at).total_seconds())
        return None
