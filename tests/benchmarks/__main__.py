"""`make bench`, or `python -m tests.benchmarks [append] [load] …`: one JSON line a figure.

`value` and `limit` are medians over the rounds, `ratio` the median of the rounds' ratios. Read the ratio:
the machine's own speed is in the other two. Servers start as for the tests, with production's durability.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from tests.benchmarks import api, append, end_to_end, load, rebuild, topics
from tests.benchmarks.harness import Figure
from tests.support.kafka import shared_broker
from tests.support.postgres import shared_server

ON_POSTGRES: dict[str, Callable[[str], Iterator[Figure]]] = {
    "append": append.measure,
    "load": load.measure,
    "api": api.measure,
    "rebuild": rebuild.measure,
}
ON_BOTH: dict[str, Callable[[str, str], Iterator[Figure]]] = {
    "topics": topics.measure,
    "end_to_end": end_to_end.measure,
}
"""These need a broker too, which is started for them alone."""


def main(names: list[str]) -> None:
    """Measure what is named, everything where nothing is."""
    known = [*ON_POSTGRES, *ON_BOTH]
    if unknown := set(names) - set(known):
        sys.exit(f"no such figures: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    wanted = set(names or known)
    with ExitStack() as stack:
        server = stack.enter_context(shared_server())
        for name in [one for one in ON_POSTGRES if one in wanted]:
            report(ON_POSTGRES[name](server))
        if wanted & ON_BOTH.keys():
            kafka = stack.enter_context(shared_broker())
            for name in [one for one in ON_BOTH if one in wanted]:
                report(ON_BOTH[name](server, kafka))


def report(figures: Iterator[Figure]) -> None:
    """Print each as soon as it is there."""
    for figure in figures:
        print(figure.line(), flush=True)  # noqa: T201 (it is what was asked for)


if __name__ == "__main__":
    main(sys.argv[1:])
