"""Run one step of an adapter in a process of its own and kill it (SIGKILL) at a chosen point.

A point is the beginning of a database statement, or the moment before or after a question to the hub. One
parent imports everything once and forks a child for each line that it reads: `<adapter> <config> <data> <n>`.
It answers with `killed` or `done`.
"""

import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2

from contracts.terms import OrganisationKind
from hub.adapters.partners.ngo.adapter import Ngo
from hub.adapters.partners.reporter import Reporter
from hub.adapters.partners.settings import PartnerSettings


class Fuse:
    """Kills this process at the n-th point."""

    def __init__(self, points: int) -> None:
        """Count down from `points`."""
        self._left = points

    def point(self, *_: object) -> None:
        """One point has come."""
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def lay(fuse: Fuse) -> None:
    """Put the fuse under every database statement and every question to the hub."""
    connect, request = sqlite3.connect, httpx2.Client.request

    def watched(*args: Any, **more: Any) -> sqlite3.Connection:
        found: sqlite3.Connection = connect(*args, **more)
        found.set_trace_callback(fuse.point)
        return found

    def asked(client: httpx2.Client, *args: Any, **more: Any) -> httpx2.Response:
        fuse.point()
        answer = request(client, *args, **more)
        fuse.point()
        return answer

    sqlite3.connect = watched  # type: ignore[assignment]
    httpx2.Client.request = asked  # type: ignore[method-assign,assignment]


def step(adapter: str, settings: PartnerSettings) -> None:
    """Open the adapter, let it do all it can, and close it."""
    if adapter == "ngo":
        ngo = Ngo.of(settings)
        ngo.receive()
        ngo.close()
        return
    reporter = Reporter.of(settings, OrganisationKind.POLICE)
    reporter.submit_json((settings.data.parent / "report.json").read_bytes())
    reporter.step()
    reporter.close()


def child(act: Callable[[], None]) -> str:
    """Run in a forked child; how it ended."""
    process = os.fork()
    if process == 0:
        try:
            act()
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(process, 0)
    if os.WIFSIGNALED(status):
        return "killed"
    return "done" if os.waitstatus_to_exitcode(status) == 0 else "failed"


def main() -> None:
    """Serve lines until there are no more."""
    for line in sys.stdin:
        adapter, config, data, points = line.split()
        settings = PartnerSettings.load(Path(config)).model_copy(update={"data": Path(data)})

        def act(adapter: str = adapter, settings: PartnerSettings = settings, n: int = int(points)) -> None:
            lay(Fuse(n))
            step(adapter, settings)

        sys.stdout.write(child(act) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
