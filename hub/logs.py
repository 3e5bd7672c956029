"""What the hub writes to its log: one JSON object a line, of fields that stand on a list, and no other.

Deny is the default here as well. A field that is not on the list is dropped, and so is a traceback, whose
text may quote what was stored. Of libraries the log keeps who spoke and how loudly, and never what was said.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

FIELDS: Final = frozenset(
    {
        "event",
        "level",
        "logger",
        "timestamp",
        # of a request: its route as the table of access has it, never its path
        "method",
        "route",
        "status",
        "ms",
        # of a message: numbers and opaque ids that tell nothing without the database
        "message_id",
        "partner",
        "position",
        "sequence",
        "slug",
        "worker",
        "dropped",
    }
)
"""Every field that may stand in a line."""
OURS: Final = ("hub", "partners")
_OF_OTHERS: Final = "a library warns: see its own documentation for this logger"

Line = MutableMapping[str, Any]


def configure(level: int) -> None:
    """Send everything that is logged in this process to standard error, through the list."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_logger_name,
                structlog.stdlib.add_log_level,
                structlog.stdlib.ExtraAdder(),
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                allowed,
                structlog.processors.JSONRenderer(sort_keys=True, ensure_ascii=False),
            ],
        )
    )
    # A line that cannot be written is lost; what it held must not stand in a complaint about it.
    logging.raiseExceptions = False
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in OURS:
        logging.getLogger(name).setLevel(level)


def allowed(_logger: Any, _method: str, line: Line) -> Line:
    """Keep what stands on the list; say how many fields did not."""
    kept = {name: value for name, value in line.items() if name in FIELDS}
    if str(line.get("logger", "")).partition(".")[0] not in OURS:
        kept["event"] = _OF_OTHERS
    if dropped := len(line) - len(kept):
        kept["dropped"] = dropped
    return kept
