"""Aggregates as they last stood, so that a command reads only what came since.

What is kept is never handed out: who asks gets a copy of their own. What is kept counts only while the last
row that was folded stands where it stood, byte for byte (a restored database begins anew), and while no key
has been destroyed since: then everything is read again, for what is erased must not be kept.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any
from uuid import UUID

from eventsourcing.domain import Aggregate

from hub.adapters.store.reading import StreamRow

KEPT_MAX = 512
_CONTAINERS = (list, dict, set)


@dataclass(frozen=True, slots=True)
class Standing:
    """An aggregate, the last row that it was folded from, and how many keys were destroyed before that."""

    aggregate: Aggregate
    last: StreamRow
    erasures: int


class StandingAggregates:
    """At most `limit` aggregates; the one that was longest not asked for goes first."""

    def __init__(self, limit: int = KEPT_MAX) -> None:
        self._limit = limit
        self._lock = Lock()
        self._kept: OrderedDict[UUID, Standing] = OrderedDict()

    def of(self, ids: Sequence[UUID], erasures: int) -> list[Standing | None]:
        """What is kept of each of these and still counts."""
        found: list[Standing | None] = []
        with self._lock:
            for aggregate_id in ids:
                standing = self._kept.get(aggregate_id)
                if standing is not None and standing.erasures != erasures:
                    standing = None
                    del self._kept[aggregate_id]
                elif standing is not None:
                    self._kept.move_to_end(aggregate_id)
                found.append(standing)
        return found

    def keep(self, aggregate_id: UUID, standing: Standing) -> None:
        """From now on this; whoever read it keeps it from being changed."""
        with self._lock:
            self._kept[aggregate_id] = standing
            self._kept.move_to_end(aggregate_id)
            while len(self._kept) > self._limit:
                self._kept.popitem(last=False)

    def advance(self, aggregate: Aggregate, last: StreamRow) -> None:
        """As it was just committed, where it was read here before: nobody need read those events again.

        It may hold what was erased since it was read, so it counts as of then and no later.
        """
        with self._lock:
            before = self._kept.get(aggregate.id)
            if before is not None and before.last[0] < last[0]:
                self._kept[aggregate.id] = Standing(aggregate, last, before.erasures)

    def forget(self, aggregate_id: UUID) -> None:
        """It is not there any more, or erased."""
        with self._lock:
            self._kept.pop(aggregate_id, None)


def copied(aggregate: Any) -> Any:
    """A copy to change: its own containers.

    What stands in them is shared. Events replace it and never change it; tests hold every event to that.
    """
    twin = object.__new__(type(aggregate))
    values: dict[str, Any] = twin.__dict__
    for name, value in aggregate.__dict__.items():
        values[name] = value.copy() if type(value) in _CONTAINERS else value
    return twin
