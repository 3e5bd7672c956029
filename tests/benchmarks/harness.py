"""Measuring side by side: ours and the limit in the same run, in turns, compared round by round.

A machine's speed changes from minute to minute, so only ratios within a round are compared; the figure is the
median of the rounds' ratios, beside the median rate.
"""

import gc
import json
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from statistics import median

Work = Callable[[], object]
WARM_UP = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report. `limit` and `ratio` are null where there is nothing to compare with."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    ratio: float | None = None

    def line(self) -> str:
        """As JSON, rounded to what the measurement can bear."""
        rounded = {k: round(v, 3) if isinstance(v, float) else v for k, v in asdict(self).items()}
        return json.dumps(rounded)


def side_by_side(
    name: str, unit: str, ours: Callable[[], float], limit: Callable[[], float], rounds: int
) -> Figure:
    """Measure both rates once a round, each being first in every second round."""
    pairs = []
    for number in range(rounds):
        if number % 2:
            bare = limit()
            pairs.append((ours(), bare))
        else:
            own = ours()
            pairs.append((own, limit()))
    return compared(name, unit, pairs)


def compared(name: str, unit: str, pairs: Sequence[tuple[float, float]]) -> Figure:
    """The figure of (ours, limit) a round: the median of the ratios, not the ratio of the medians."""
    ratio = median(own / bare for own, bare in pairs)
    return Figure(name, median(own for own, _ in pairs), unit, median(bare for _, bare in pairs), ratio)


def rate(works: Sequence[Work], seconds: float) -> float:
    """Calls a second of all works together, each in a thread of its own."""
    counts = [0] * len(works)
    failures: list[BaseException] = []
    ready = threading.Barrier(len(works) + 1)

    def run(place: int) -> None:
        work = works[place]
        try:
            for _ in range(WARM_UP):
                work()
            ready.wait()
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                work()
                counts[place] += 1
        except BaseException as error:
            failures.append(error)
            ready.abort()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(works))]
    gc.collect()
    for thread in threads:
        thread.start()
    with suppress(threading.BrokenBarrierError):  # a work failed: its error is raised below
        ready.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return sum(counts) / (time.perf_counter() - began)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all values does not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = -(-share * len(ordered) // 1)
    return ordered[max(0, int(rank) - 1)]
