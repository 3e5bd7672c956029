"""Reading your own writes: a query can wait until a view has taken in a command's position."""

import time
from collections.abc import Callable, Mapping

from hub.ports import Store, View
from hub.projections import disclosures

PAUSE_S = 0.005


class Waiting:
    """Waits for a view of one organisation to come up with the log."""

    def __init__(
        self,
        store: Store,
        views: Mapping[str, View],
        reached: Callable[[], int],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store, self._views = store, views
        self.reached = reached
        """The last position of the log: a later one stands in no answer of ours."""
        self._monotonic, self._sleep = monotonic, sleep

    def until(self, view: str, owner: str, position: int, timeout_s: float) -> bool:
        """Whether the view holds everything told to `owner` up to `position`, waiting at most so long."""
        # The disclosures follow the log itself, not a topic: their position is the log's.
        own = view == disclosures.NAME
        wanted = (1, position) if own else self._store.number_at(owner, position)
        deadline = self._monotonic() + timeout_s
        while self._views[view].position(owner) < wanted:
            if self._monotonic() >= deadline:
                return False
            self._sleep(PAUSE_S)
        return True
