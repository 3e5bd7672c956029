"""What runs beside the API: relay, projections, receivers, the follower of the log, timers.

Each is a `step` that a test or the demo may call; `Workers` calls them for ever in threads of their own.
"""

import threading
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

from hub.aggregates.base import Actor
from hub.application.committing import Command
from hub.bootstrap import Parts
from hub.errors import Unavailable
from hub.gates.opening import MAX_BATCH
from hub.logs import logger, slug_of
from hub.measures import Measures
from hub.ports import Broker
from hub.projections import disclosures
from hub.topics.following import Follower
from hub.topics.heartbeats import Heartbeats
from hub.topics.projecting import Projector
from hub.topics.receiving import Receiver

log = logger("working")
LIMIT = 200
PAUSE_S = 0.02
RELAY_PAUSE_S = 0.005
"""What is stored waits for the relay's next look, and whoever is to be told with it."""
POLL_S = 0.1
"""How long a reader waits on its topic at a time. What comes wakes it, so it makes no pause beside that."""
LOOK_S = 3.0
"""How often is looked for partners that are new."""
BEAT_S = 30.0
"""How often is looked who has been sent nothing."""
BACKOFF_S = (0.1, 0.5, 2.0, 5.0)
TIMER = Actor("hub", "hub", "timer", "hub")


@dataclass(frozen=True, slots=True)
class Worker:
    """A named step, called again at once while it finds work."""

    name: str
    step: Callable[[], int]
    close: Callable[[], None] = lambda: None
    pause_s: float = PAUSE_S


More = Callable[[Container[str]], Sequence[Worker]]
"""Gives the workers that are wanted now and whose names are not among these."""


class Workers:
    """The workers of one process, each in a thread of its own.

    `more` is asked at the start and every few seconds from then on: a partner that is registered while the
    process runs is not to wait for a restart.
    """

    def __init__(
        self, workers: Sequence[Worker], more: More = lambda _: (), measures: Measures | None = None
    ) -> None:
        self._measures = measures or Measures()
        self._first = workers
        self._workers: list[Worker] = []
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()
        looker = Worker(
            "supervisor", lambda: self._begin(more({w.name for w in self._workers})), pause_s=LOOK_S
        )
        self._supervisor = self._thread(looker)

    def start(self) -> None:
        """Begin."""
        self._begin(self._first)
        self._supervisor.start()

    def stop(self) -> None:
        """Finish the steps under way, leave groups, let go."""
        self._stop.set()
        self._supervisor.join()
        for thread in self._threads:
            thread.join()

    def _begin(self, workers: Sequence[Worker]) -> int:
        for worker in workers:
            thread = self._thread(worker)
            self._workers.append(worker)
            self._threads.append(thread)
            thread.start()
        return 0

    def _thread(self, worker: Worker) -> threading.Thread:
        return threading.Thread(target=self._run, args=(worker,), name=worker.name)

    def _run(self, worker: Worker) -> None:
        """A part that does not answer stops the worker for a while; it never stops for good by itself."""
        failures = 0
        while not self._stop.is_set():
            try:
                found = worker.step()
                failures = 0
                self._measures.handled(worker.name, found)
            except Exception as error:
                # Whatever it is: a thread that ends takes nothing in any more, and its traceback quotes.
                tell = log.warning if isinstance(error, Unavailable) else log.error
                tell("a worker waits", worker=worker.name, error=slug_of(error))
                self._measures.failed(worker.name)
                self._stop.wait(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])
                failures += 1
                continue
            if not found:
                self._stop.wait(worker.pause_s)
        worker.close()  # Each in its own thread: a broker that hangs is waited for once, not once for each.


def relay_of(parts: Parts, broker: Broker) -> Worker:
    """Sends what is stored."""
    relay = parts.relay(broker)
    return Worker("relay", lambda: relay.step(LIMIT), relay.close, RELAY_PAUSE_S)


def follower_of(parts: Parts) -> Worker:
    """Keeps the disclosures up with the log."""
    follower = Follower(parts.app, parts.views[disclosures.NAME])
    return Worker("follower", lambda: follower.step(LIMIT))


def timers_of(parts: Parts) -> Worker:
    """Ends and escalates what is due; a second is well within the minute that is promised."""
    return Worker("timers", lambda: fire_timers(parts), pause_s=1.0)


def heartbeats_of(parts: Parts) -> Worker:
    """Tells who was sent nothing for an hour that nothing was missed."""
    heartbeats = Heartbeats(parts.app.store, parts.hub, parts.clock)
    return Worker("heartbeats", heartbeats.step, pause_s=BEAT_S)


def projectors(parts: Parts, broker: Broker, known: Container[str] = ()) -> list[Worker]:
    """One for each recipient whose read model the hub keeps."""
    found = []
    for row in parts.app.store.partners():
        name = f"project.{row.slug}"
        if name in known:
            continue
        try:
            if not parts.keeps(row.slug):
                continue
            projector = parts.projector(broker, row.slug)
        except Exception as error:
            # Keys that cannot be read stop one recipient's view and no other's; it is looked at again.
            log.error("a worker cannot begin", worker=name, error=slug_of(error))
            continue
        found.append(Worker(name, _stepper(projector, MAX_BATCH), projector.close, 0))
    return found


def receivers(parts: Parts, broker: Broker, known: Container[str] = ()) -> list[Worker]:
    """One for each partner's `from` topic."""
    found = []
    for row in parts.app.store.partners():
        name = f"receive.{row.slug}"
        if name in known:
            continue
        receiver = Receiver(
            broker=broker,
            inbound=parts.inbound,
            municipality=parts.settings.municipality,
            partner=row.slug,
            received=parts.measures.received,
        )
        found.append(Worker(name, _stepper(receiver, LIMIT), receiver.close, 0))
    return found


def _stepper(part: Projector | Receiver, at_once: int) -> Callable[[], int]:
    return lambda: part.step(at_once, POLL_S)


def every_worker(parts: Parts, broker: Broker) -> Workers:
    """All that one hub needs, for a process that runs everything."""
    single = [relay_of(parts, broker), follower_of(parts), timers_of(parts), heartbeats_of(parts)]
    return Workers(
        single,
        lambda known: [*projectors(parts, broker, known), *receivers(parts, broker, known)],
        parts.measures,
    )


def fire_timers(parts: Parts) -> int:
    """Do what is due; how many timers fired. One is forgotten only when what it asked for is stored.

    A case in which something goes wrong keeps its timer and stops no other (design: that stream alone stops).
    Raises `Unavailable`.
    """
    fired = 0
    for at, case_id in parts.app.store.due(parts.clock(), LIMIT):
        try:
            parts.hub.do_what_is_due(Command(by=TIMER), case_id)
            again = parts.hub.next_due(case_id)
        except Unavailable:
            raise
        except Exception as error:
            log.error("a timer waits", error=slug_of(error))
            continue
        # Set first: a crash between the two leaves a timer too many, never one too few.
        if again is not None:
            parts.app.store.timer_again(again, case_id)
        if again != at:
            parts.app.store.timer_done(at, case_id)
        fired += 1
    return fired
