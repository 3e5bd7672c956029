"""What every adapter's command line shares: one clear line for each error, and a loop that can be stopped."""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from contracts.client.errors import ClientError, HubUnreachable, NotLetIn
from contracts.client.keys import Identity
from contracts.times import COPENHAGEN
from hub.adapters.partners.errors import AdapterError
from hub.adapters.partners.settings import PartnerSettings

EPILOG: Final = (
    "An example of the configuration: deploy/adapter.example.json. First `keys`, and give what it prints to "
    "the municipality, which gives you its own public keys."
)
PAUSE_MAX_S: Final = 5.0
"""A report that waits is sent within seconds of the hub's return."""
log = logging.getLogger("partners")


def say(line: str) -> None:
    """One line for the person at the terminal."""
    sys.stdout.write(line + "\n")


def local(moment: datetime) -> str:
    """A time as the wall clock in Denmark shows it."""
    return moment.astimezone(COPENHAGEN).strftime("%Y-%m-%d %H:%M")


def show_keys(config: Path, *, new: bool = False) -> None:
    """Print our public keys as `hub partner add` takes them; made first where there are none, or anew."""
    folder = PartnerSettings.load(config).keys
    made = any((folder / name).exists() for name in ("sealing.pem", "signing.pem"))
    if not made:
        Identity.new().save(folder)
    public = (Identity.renew(folder) if made and new else Identity.load(folder)).public
    say(f"--sealing-key {public.sealing.hex()} --signing-key {public.signing.hex()}")


def with_keys(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command that shows and renews keys."""
    keys = commands.add_parser("keys", help="make our keys, where there are none, and print the public ones")
    keys.add_argument(
        "--new", action="store_true", help="make new ones: give them to the municipality at once"
    )


def guarded(act: Callable[[], None]) -> int:
    """Run; the exit status. No traceback ever: its text could repeat what somebody wrote."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("kafka").setLevel(logging.ERROR)
    try:
        act()
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read us has enough, as `head` has; what is still to be written goes nowhere, and quietly.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        sys.stderr.write(_told(error) + "\n")
        return 1
    return 0


def until_stopped(step: Callable[[], bool], pause_s: float) -> None:
    """Call `step` until SIGTERM or SIGINT. While it answers False, the pause doubles up to a few seconds."""
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    pause, longest = pause_s, max(pause_s, PAUSE_MAX_S)
    while not stop.is_set():
        pause = pause_s if step() else min(longest, pause * 2)
        stop.wait(pause)


def _told(error: Exception) -> str:
    match error:
        case AdapterError():
            return str(error)
        case HubUnreachable():
            return f"the hub can't be reached: {error}. Nothing is lost; start again, or try later"
        case NotLetIn():
            return f"the hub does not let this login in ({error.problem}): check login and registration"
        case ClientError():
            return f"stopped: {error}"
        case OSError():
            named = f": {error.filename}" if error.filename else ""
            return f"a file can't be used: {error.strerror or type(error).__name__}{named}"
    return f"an unexpected fault ({type(error).__name__}). Nothing is lost; start again"
