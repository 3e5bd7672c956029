"""What is logged: a line of JSON each, made of a closed list of keys. Words from outside have no key.

A line says what happened in words that stand in the code, and beside them what has a key and the shape of
that key: slugs, numbers, ids that tell nothing. Whatever else is given is dropped before anything is done
with it, and the line says how much was. Of an error stands the slug, or its kind: its text may quote.

What libraries log is not in our words, so of it stays which library, where in it, how grave and the kind of
the error. No line says in which case, or about whom, something happened.
"""

import logging
import re
import sys
import threading
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final, TextIO
from uuid import UUID

import orjson
import structlog

from contracts.envelope import BadMessage
from hub.errors import HubError

_EVENT = re.compile(r"[a-z][a-z0-9 ,:`'-]{1,119}", re.ASCII)
_OURS = re.compile(r"(?=.*[a-z])[a-z0-9-]{2,40}", re.ASCII)
_SLUG = re.compile(r"[A-Za-z][A-Za-z0-9_:-]{0,59}", re.ASCII)
_PART = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}", re.ASCII)
_ROUTE = re.compile(r"none|(?:/[a-z0-9_.{}-]*)+", re.ASCII)
_PLACE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}:[0-9]{1,6}", re.ASCII)

Shape = Callable[[Any], bool]
Line = MutableMapping[str, Any]


def _like(pattern: re.Pattern[str]) -> Shape:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _id(value: object) -> bool:
    return isinstance(value, UUID)


ALLOWED: Final[Mapping[str, Shape]] = {
    "event": _like(_EVENT),
    "error": _like(_SLUG),
    "command": _like(_SLUG),
    "outcome": _like(_SLUG),
    "role": _like(_SLUG),
    "reason": _like(_SLUG),
    "partner": _like(_OURS),
    "worker": _like(_PART),
    "library": _like(_PART),
    "place": _like(_PLACE),
    "message_id": _id,
    "position": _number,
    "count": _number,
    "ms": _number,
    "method": _like(_SLUG),
    "route": _like(_ROUTE),
    "status": _number,
}
"""Every key that a line may be given, and what may stand there; `at`, `level` and `dropped` are put there."""


def slug_of(error: BaseException) -> str:
    """What may be told of an error: our slug or reason, and of what isn't ours its kind."""
    if isinstance(error, HubError):
        return error.slug
    return error.reason.value if isinstance(error, BadMessage) else type(error).__name__


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of one module. What it is given passes the list first, whatever is set up elsewhere."""
    made: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logging.getLogger(f"hub.{name}"),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
        processors=[allowed, structlog.stdlib.filter_by_level, *_DRESSED],
    ).bind()
    return made


def allowed(_: Any, __: str, given: Line) -> Line:
    """Keep what the closed list knows, and count what it does not."""
    kept: Line = {key: value for key, value in given.items() if key in ALLOWED and ALLOWED[key](value)}
    if dropped := len(given) - len(kept):
        kept["dropped"] = dropped
    return kept


class _Made(str):
    """A line that passed the list. Any other text, under whatever name it is logged, is somebody's words."""

    __slots__ = ()


_DRESSED: Final[list[Any]] = [
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    lambda _, __, line: _Made(orjson.dumps(line).decode()),
]


def begin(stream: TextIO) -> None:
    """Send the lines of this process to a stream, those of libraries among them. Nothing else goes there."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Lines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.captureWarnings(capture=True)
    logging.raiseExceptions = False  # It would print the record with all that it quotes.


def tell_all() -> None:
    """In a process that stays: a line for each command and message, and no traceback of a thread's end."""
    logging.getLogger("hub").setLevel(logging.INFO)
    log = logger("process")

    def unforeseen(ended: Any) -> None:
        log.error("a fault that nobody caught", error=ended.exc_type.__name__)

    threading.excepthook = unforeseen
    sys.unraisablehook = unforeseen


class Lines(logging.Formatter):
    """A record as its line: ours as it was made, a library's without its words."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        if isinstance(record.msg, _Made):
            return record.msg
        error = record.exc_info[1] if record.exc_info else None
        given = {
            "event": "a library reports",
            "library": record.name,
            "place": f"{record.module}:{record.lineno}",
            **({"error": type(error).__name__} if error else {}),
        }
        line: Any = allowed(None, "", given)
        for step in _DRESSED:
            line = step(None, record.levelname.lower(), line)
        return str(line)
