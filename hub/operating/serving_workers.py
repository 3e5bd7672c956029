"""`hub serve` in several processes, for one interpreter keeps one core busy.

The first process holds the address and answers nothing; it starts a worker again that ended unasked. They
share nothing but the database: what one of them read before counts only while it stands there still.
"""

import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Final

from hub import logs
from hub.logs import logger, slug_of
from hub.measures import ROLES
from hub.operating.process import stopped
from hub.operating.serving import serve_on
from hub.settings import Settings

log = logger("serving")
LOOK_S: Final = 0.2
AGAIN_S: Final = 1.0
"""How long before a worker that ended is started again: what it stands on may be away."""
_CANNOT_SERVE: Final = 1
"""How one ends that never will: what supervises the hub is to see it, as with one process alone."""
_ENDED: Final = {0, -signal.SIGTERM}
"""How a worker may end that was told to; the second before it had begun."""


def serve_in_workers(settings: Settings, on: socket.socket) -> int:
    """Keep the workers until SIGTERM or SIGINT; the status to end with."""
    logs.tell_all()
    stop = stopped()
    workers = [_begun(settings, number, on) for number in range(settings.serve_workers)]
    while not stop.is_set():
        wait([worker.sentinel for worker in workers], LOOK_S)
        for number, worker in enumerate(workers):
            if worker.exitcode == _CANNOT_SERVE:
                log.error("a worker cannot serve: all end", worker="serve", status=worker.exitcode)
                return _end_all(workers, on)
            if not worker.is_alive() and not stop.is_set():
                log.error("a worker ended and is started again", worker="serve", status=worker.exitcode)
                stop.wait(AGAIN_S)
                workers[number] = _begun(settings, number, on)
    return _end_all(workers, on)


def _end_all(workers: Sequence[BaseProcess], on: socket.socket) -> int:
    on.close()
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join()
    return 0 if all(worker.exitcode in _ENDED for worker in workers) else 1


def _begun(settings: Settings, number: int, on: socket.socket) -> BaseProcess:
    # Spawned and not forked: what the first process holds of locks and connections is nobody else's.
    worker = get_context("spawn").Process(target=_answer, args=(settings, number, on), name=f"serve-{number}")
    worker.start()
    return worker


def _answer(settings: Settings, number: int, on: socket.socket) -> None:
    # Ctrl-C reaches every process; the first one says when a worker ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logs.begin(sys.stderr)
    logs.tell_all()
    threading.Thread(target=_end_with_the_first, daemon=True).start()
    try:
        serve_on(on, settings, _port(settings, number))
    except Exception as error:
        log.error("a worker cannot serve", worker="serve", error=slug_of(error))
        sys.exit(_CANNOT_SERVE)


def _port(settings: Settings, number: int) -> int | None:
    """Where a worker answers a monitor: the first one for `serve`, the others behind the last role."""
    first = settings.metrics_port
    return first if first is None or number == 0 else first + len(ROLES) - 1 + number


def _end_with_the_first() -> None:
    """Should the first process be killed, nobody is left who would start this one again: it ends too."""
    first = parent_process()
    assert first is not None, "a worker is started by the first process"
    first.join()
    os.kill(os.getpid(), signal.SIGTERM)
