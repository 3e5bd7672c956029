"""`make bench`, or `python -m tests.benchmarks [append] [load] [end_to_end]`: one JSON line a figure.

`value` and `limit` are medians over the rounds, `ratio` the median of the rounds' ratios. Read the ratio:
the machine's own speed is in the other two. Servers start as for the tests, with production's durability.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from tests.benchmarks import append, end_to_end, load
from tests.benchmarks.harness import Figure
from tests.support.kafka import shared_broker
from tests.support.postgres import shared_server

FIGURES: dict[str, Callable[[str], Iterator[Figure]]] = {"append": append.measure, "load": load.measure}


def main(names: list[str]) -> None:
    """Measure what is named, everything where nothing is."""
    known = [*FIGURES, "end_to_end"]
    if unknown := set(names) - set(known):
        sys.exit(f"no such figures: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    with ExitStack() as stack:
        server = stack.enter_context(shared_server())
        for name, measure in FIGURES.items():
            if name in names or not names:
                report(measure(server))
        if "end_to_end" in names or not names:
            report(end_to_end.measure(server, stack.enter_context(shared_broker())))


def report(figures: Iterator[Figure]) -> None:
    """Print each as soon as it is there."""
    for figure in figures:
        print(figure.line(), flush=True)  # noqa: T201 (it is what was asked for)


if __name__ == "__main__":
    main(sys.argv[1:])
