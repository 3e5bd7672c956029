"""What a monitor may know (Prometheus): counts and times, by words from closed lists and partners' slugs.

No label names a case, a person or a message, nor anything that came from outside.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hub.errors import Unavailable
from hub.logs import logger, slug_of
from hub.ports import Waits

log = logger("measures")
ROLES: Final = ("serve", "relay", "project", "receive")
"""The processes of one machine; each is measured on a port of its own, from `HUB_METRICS_PORT` on. Behind the
last stand further workers of `hub serve`."""


class Measures:
    """The counters of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = self._counter(
            "hub_requests",
            "Requests by route, as the table of access names it, and status.",
            "method",
            "route",
            "status",
        )
        self._seconds = self._histogram("hub_request_seconds", "How long a request took.", "method", "route")
        self._commands = self._counter("hub_commands", "Commands by how they ended.", "command", "outcome")
        self._command_seconds = self._histogram("hub_command_seconds", "How long a command took.", "command")
        self._facts = self._counter("hub_facts", "Facts committed, by their stored name.", "fact")
        self._sent = self._counter("hub_messages_sent", "Messages that the broker has.", "recipient")
        self._received = self._counter(
            "hub_messages_received", "Partners' messages, by what became of them.", "partner", "outcome"
        )
        self._handled = self._counter(
            "hub_handled", "Messages, events or timers that a worker dealt with.", "worker"
        )
        self._failures = self._counter("hub_worker_failures", "Steps of a worker that failed.", "worker")

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request was answered."""
        self._requests(method, route, status).inc()
        self._seconds(method, route).observe(seconds)

    def command(self, name: str, outcome: str, seconds: float) -> None:
        """A command ended."""
        self._commands(name, outcome).inc()
        self._command_seconds(name).observe(seconds)

    def wrote(self, facts: Iterable[str]) -> None:
        """Facts were committed: looks and withdrawals among them."""
        for fact in facts:
            self._facts(fact).inc()

    def sent(self, recipient: str, count: int) -> None:
        """The broker has messages for a recipient."""
        self._sent(recipient).inc(count)

    def received(self, partner: str, outcome: str) -> None:
        """A message of a partner was dealt with."""
        self._received(partner, outcome).inc()

    def handled(self, worker: str, count: int) -> None:
        """A worker dealt with so many."""
        self._handled(worker).inc(count)

    def failed(self, worker: str) -> None:
        """A step of a worker failed."""
        self._failures(worker).inc()

    def destroyed(self, count: Callable[[], int]) -> None:
        """Tell at each question how many keys are destroyed for good."""
        self.registry.register(_Destroyed(count))

    def watch(self, condition: Callable[[], Iterable[Waits]]) -> None:
        """Tell at each question what waits where, as `hub status` does."""
        self.registry.register(_Waiting(condition))

    def serve(self, port: int) -> Callable[[], None]:
        """Answer a monitor on that port; what ends it."""
        try:
            server, thread = start_http_server(port, "127.0.0.1", self.registry)
        except OSError as error:
            raise Unavailable(f"port {port} is taken: choose another HUB_METRICS_PORT") from error

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return stop

    @contextmanager
    def answering(self, port: int | None) -> Iterator[None]:
        """As `serve`, as long as the block lasts; without a port nobody is answered."""
        stop = self.serve(port) if port is not None else None
        try:
            yield
        finally:
            if stop is not None:
                stop()

    # What is found by its labels is kept: they are few, and to look them up takes longer than to count.

    def _counter(self, name: str, told: str, *labels: str) -> Callable[..., Counter]:
        return cache(Counter(name, told, labels, registry=self.registry).labels)

    def _histogram(self, name: str, told: str, *labels: str) -> Callable[..., Histogram]:
        return cache(Histogram(name, told, labels, registry=self.registry).labels)


class _Waiting(Collector):
    def __init__(self, condition: Callable[[], Iterable[Waits]]) -> None:
        self._condition = condition

    def collect(self) -> Iterator[Metric]:
        """What can't be told now is left out: a part that is away must not hide the others."""
        count = GaugeMetricFamily("hub_waiting", "How many wait, by where.", labels=["where"])
        age = GaugeMetricFamily("hub_waiting_seconds", "How long the first waits.", labels=["where"])
        with _as_far_as_it_can_be_told():
            for waits in self._condition():
                count.add_metric([waits.what], waits.count)
                if waits.seconds is not None:
                    age.add_metric([waits.what], waits.seconds)
        yield count
        yield age


class _Destroyed(Collector):
    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count

    def collect(self) -> Iterator[Metric]:
        """The fence is the source: it knows what any process destroyed, and forgets nothing at a restart."""
        found = GaugeMetricFamily("hub_keys_destroyed", "Keys that are destroyed for good.")
        with _as_far_as_it_can_be_told():
            found.add_metric([], self._count())
        yield found


@contextmanager
def _as_far_as_it_can_be_told() -> Iterator[None]:
    """Whatever is away: the server of the library would print a traceback, and tell the monitor nothing."""
    try:
        yield
    except Exception as error:
        log.warning("what waits cannot be told now", error=slug_of(error))
