"""How a process of the hub that stays behaves."""

import gc
import os
import signal
import sys
import threading
from typing import Final

from hub.logs import logger

log = logger("process")
_YOUNG = 20_000
"""Objects made before the collector looks: a load makes a thousand, and none of them is a cycle."""
STOP_WITHIN_S: Final = 20.0
"""How long what is under way may take once the process is told to end; its supervisor kills after 30."""


def settle() -> None:
    """Once it is put together: what a process begins with is never looked through for garbage again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 20)


def end_at_once() -> None:
    """Until it works, Ctrl-C or SIGTERM ends the process with status 0: nothing is under way yet."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))


def stopped() -> threading.Event:
    """Set by Ctrl-C or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def end_within() -> None:
    """The process was told to end: what is under way is finished, but a part that hangs is not waited for.

    What was left is as after a crash: nothing acknowledged is lost, and the status says that it was left.
    """
    last = threading.Timer(STOP_WITHIN_S, _leave)
    last.daemon = True
    last.start()


def _leave() -> None:
    log.error("what was under way did not end in time: left as after a crash")
    os._exit(1)
