"""Keys of opened messages: in memory, at most 60 seconds from when they were asked for, never on disk.

One look is one person, one purpose, one message: nobody reads on what another was let in for, so every look
is on record at the hub. The time counts from the question, for a withdrawal may fall between question and
answer. A timer drops what nobody asks for again.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

TTL_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Look:
    """Who opens which message, and why."""

    message_id: UUID
    person: str
    name: str
    purpose: str


def awake_s() -> float:
    """Seconds that also pass while the machine sleeps, where the system can tell."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


class KeyCache:
    """Part keys by look. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = awake_s, ttl_s: float = TTL_S) -> None:
        """Hold nothing yet."""
        if not 0 < ttl_s <= TTL_S:
            raise ValueError("keys are held at most 60 seconds")
        self.clock = clock
        self._ttl_s = ttl_s
        self._lock = threading.Lock()
        self._held: dict[Look, tuple[float, dict[int, bytes]]] = {}
        self._timer: threading.Timer | None = None

    def put(self, look: Look, keys: Mapping[int, bytes], asked_at: float) -> None:
        """Hold the keys of a look until 60 seconds after it was asked for."""
        with self._lock:
            self._held[look] = (asked_at, dict(keys))
            self._sweep()

    def get(self, look: Look) -> Mapping[int, bytes] | None:
        """The keys of this very look, if they are still held."""
        with self._lock:
            self._sweep()
            found = self._held.get(look)
            return None if found is None else dict(found[1])

    def forget(self, message_id: UUID, parts: tuple[int, ...] = ()) -> None:
        """Drop the keys of a message, or of some of its parts."""
        with self._lock:
            for look in [one for one in self._held if one.message_id == message_id]:
                for part in parts:
                    self._held[look][1].pop(part, None)
                if not parts:
                    del self._held[look]

    def sweep(self) -> None:
        """Drop what has been held for its time."""
        with self._lock:
            self._sweep()

    def clear(self) -> None:
        """Drop everything, and the timer."""
        with self._lock:
            self._held.clear()
            self._sweep()

    def __len__(self) -> int:
        """How many keys are in memory."""
        with self._lock:
            return sum(len(keys) for _, keys in self._held.values())

    def _sweep(self) -> None:
        now = self.clock()
        self._held = {k: (at, keys) for k, (at, keys) in self._held.items() if 0 <= now - at < self._ttl_s}
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._held:
            oldest = min(at for at, _ in self._held.values())
            self._timer = threading.Timer(max(0.05, oldest + self._ttl_s - now), self.sweep)
            self._timer.daemon = True
            self._timer.start()
