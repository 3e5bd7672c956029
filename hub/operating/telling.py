"""What a failure on the command line is told as: one line, with the setting and the way out."""

from collections.abc import Callable

import httpx2
from pydantic import ValidationError

from hub.adapters.http.tokens import DISCOVERY
from hub.errors import HubError, Unavailable
from hub.settings import Settings, problems_of


def told(error: Exception, settings: Callable[[], Settings]) -> str:
    """One line. Of what isn't ours never the text, which may hold a password or what was stored.

    Where the settings are needed for it and can't be read, that is told, unless a file is named anyhow.
    """
    try:
        return _worded(error, settings)
    except ValidationError as unread:
        return _why(error) if isinstance(error, OSError) else problems_of(unread)


def _worded(error: Exception, settings: Callable[[], Settings]) -> str:
    kind = type(error)
    if isinstance(error, ValidationError):
        return problems_of(error)
    if isinstance(error, HubError):
        return _ours(error, settings)
    if isinstance(error, OSError):
        ours = error.filename and str(error.filename).startswith(str(settings().data_dir))
        return f"{_why(error)}: see HUB_DATA_DIR" if ours else _why(error)
    if kind.__module__.startswith(("psycopg", "sqlite3", "eventsourcing.persistence")):
        return _database_advice(error, settings())
    return f"an unexpected fault ({kind.__name__}); nothing of it was done"


def _why(error: OSError) -> str:
    return ": ".join(map(str, filter(None, (error.strerror or type(error).__name__, error.filename))))


def _ours(error: HubError, settings: Callable[[], Settings]) -> str:
    """Where database, broker or issuer is away: which, for here nobody knows of an `Idempotency-Key`."""
    cause = error.__cause__
    source = type(cause).__module__ if isinstance(error, Unavailable) and not error.field else ""
    if source.startswith("kafka"):
        return f"{error}: {_broker_advice(cause, settings())}"
    if isinstance(cause, httpx2.HTTPStatusError):
        status = cause.response.status_code
        return (
            f"what runs at {settings().issuer} answered {status} where an issuer says who it is "
            f"({DISCOVERY}): see HUB_ISSUER"
        )
    if source.startswith("httpx2"):
        return f"the issuer of tokens does not answer: is it running at {settings().issuer}? See HUB_ISSUER"
    if source.startswith(("psycopg", "eventsourcing.persistence")):
        return _database_advice(cause, settings())
    return str(error)


def _broker_advice(cause: object, settings: Settings) -> str:
    if "Auth" in type(cause).__name__:
        return "see HUB_KAFKA_USERNAME and HUB_KAFKA_PASSWORD"
    return f"is it running at {settings.kafka_bootstrap}? See HUB_KAFKA_BOOTSTRAP"


def _database_advice(error: object, settings: Settings) -> str:
    where, name = settings.database, type(error).__name__
    if settings.store_url.startswith("sqlite"):
        return f"{where} can't be used as the hub's database ({name}): see HUB_DATA_DIR"
    beneath = getattr(error, "__cause__", None)
    match getattr(error, "sqlstate", None) or getattr(beneath, "sqlstate", None):
        case "42P01" | "3F000":
            return f"{where} holds no tables of the hub: run `hub init` first"
        case "42501":
            return f"{where}: this login lacks a right: run `hub migrate` as the owner; see HUB_DATABASE_URL"
        case None | "57P01" | "57P02" | "57P03":  # it ends, it crashed, it begins
            return (
                f"the database {where} does not answer ({name}): is the server running, and do user, "
                "password and name hold? See HUB_DATABASE_URL"
            )
    return f"the database {where} refused ({name}): see HUB_DATABASE_URL"
