"""A line of the log holds what stands on the list, whoever wrote it, and no other word."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from hub import logs

SECRET = "Maja Eksempelsen, Opdigtet Allé 7"
Logged = Callable[[Callable[[], object]], list[dict[str, Any]]]


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Logged:
    """Give what a process of the hub writes to its log when somebody says something."""
    root = logging.getLogger()
    loggers = [root, *(logging.getLogger(name) for name in logs.OURS)]
    monkeypatch.setattr(logging, "raiseExceptions", logging.raiseExceptions)

    def written(say: Callable[[], object]) -> list[dict[str, Any]]:
        before = [(logger, logger.level, logger.handlers[:]) for logger in loggers]
        logs.configure(logging.INFO)
        try:
            say()
        finally:
            for logger, level, handlers in before:
                logger.setLevel(level)
                logger.handlers[:] = handlers
        text = capsys.readouterr().err
        assert SECRET not in text
        return [json.loads(line) for line in text.splitlines()]

    return written


def test_a_line_is_one_object_with_who_when_and_what(logged: Logged) -> None:
    said = {"route": "/v1/inbox", "status": 200}
    (line,) = logged(lambda: logging.getLogger("hub.http").info("request", extra=said))
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "request", "level": "info", "logger": "hub.http", **said}


def test_a_field_that_is_not_on_the_list_is_dropped_and_counted(logged: Logged) -> None:
    """A developer's slip must not become a leak."""
    said = {"citizen": SECRET, "slug": "corrupt"}
    (line,) = logged(lambda: logging.getLogger("hub.somewhere").error("taken in", extra=said))
    assert set(line) <= logs.FIELDS
    assert (line["slug"], line["dropped"]) == ("corrupt", 1)


def test_a_traceback_is_dropped(logged: Logged) -> None:
    """Its text may quote what was stored."""

    def say() -> None:
        try:
            raise ValueError(SECRET)
        except ValueError:
            logging.getLogger("hub.somewhere").exception("it failed")

    (line,) = logged(say)
    assert (line["event"], line["dropped"]) == ("it failed", 1)


def test_a_line_that_cannot_be_written_says_nothing_of_what_it_held(logged: Logged) -> None:
    """Python's logging would print the arguments beside the error."""
    assert logged(lambda: logging.getLogger("hub.somewhere").error("%d", SECRET)) == []


@pytest.mark.parametrize("name", ["uvicorn.error", "kafka.net", "hubbub"])
def test_what_a_library_says_is_not_repeated(logged: Logged, name: str) -> None:
    """That it spoke, and how loudly, is enough to look further; below a warning it is silent."""
    (line,) = logged(lambda: logging.getLogger(name).warning("bad request from %s", SECRET))
    assert (line["logger"], line["level"]) == (name, "warning")
    assert logged(lambda: logging.getLogger(name).info(SECRET)) == []
