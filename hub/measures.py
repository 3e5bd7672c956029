"""What a monitor may know (Prometheus): counts and times, by words from closed lists and partners' slugs.

No label names a case, a person or a message, nor anything that came from outside.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hub.condition import Waits
from hub.errors import HubError

ROLES: Final = ("serve", "relay", "project", "receive")
"""The processes of one machine; each is measured on a port of its own, from `HUB_METRICS_PORT` on."""


class Measures:
    """The counters of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "hub_requests",
            "Requests by route, as the table of access names it, and status.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "hub_request_seconds", "How long a request took.", ["method", "route"], registry=self.registry
        )
        self._handled = Counter(
            "hub_handled",
            "Messages, events or timers that a worker dealt with.",
            ["worker"],
            registry=self.registry,
        )
        self._failures = Counter(
            "hub_worker_failures", "Steps of a worker that failed.", ["worker"], registry=self.registry
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request was answered."""
        self._requests.labels(method, route, status).inc()
        self._seconds.labels(method, route).observe(seconds)

    def handled(self, worker: str, count: int) -> None:
        """A worker dealt with so many."""
        self._handled.labels(worker).inc(count)

    def failed(self, worker: str) -> None:
        """A step of a worker failed."""
        self._failures.labels(worker).inc()

    def watch(self, condition: Callable[[], Iterable[Waits]]) -> None:
        """Tell at each question what waits where, as `hub status` does."""
        self.registry.register(_Waiting(condition))

    def serve(self, port: int, host: str = "127.0.0.1") -> Callable[[], None]:
        """Answer a monitor on that port; what ends it."""
        server, thread = start_http_server(port, host, self.registry)

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return stop


class _Waiting(Collector):
    def __init__(self, condition: Callable[[], Iterable[Waits]]) -> None:
        self._condition = condition

    def collect(self) -> Iterator[Metric]:
        """What can't be told now is left out: a part that is away must not hide the others."""
        count = GaugeMetricFamily("hub_waiting", "How many wait, by where.", labels=["where"])
        age = GaugeMetricFamily("hub_waiting_seconds", "How long the first waits.", labels=["where"])
        try:
            for waits in self._condition():
                count.add_metric([waits.what], waits.count)
                if waits.seconds is not None:
                    age.add_metric([waits.what], waits.seconds)
        except HubError:
            pass
        yield count
        yield age
