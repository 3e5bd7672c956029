"""Lines of the log: only what the closed list knows, nothing of what was sent, whoever logs it."""

import ast
import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from hub import logs
from hub.errors import NoTopic, TamperedRow
from hub.logs import ALLOWED, Lines, logger, slug_of

ROOT = Path(__file__).parents[2]
SECRET = "Maja Eksempelsen, Hemmelig Vej 7"
NUMBER = "7403912006"
LEVELS = ("debug", "info", "warning", "error", "critical", "exception", "log")


class Written:
    """A stream as a process of the hub writes it."""

    def __init__(self) -> None:
        self._stream = io.StringIO()
        self.handler = logging.StreamHandler(self._stream)
        self.handler.setFormatter(Lines())

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._stream.getvalue().splitlines()]

    def text(self) -> str:
        return self._stream.getvalue()


@pytest.fixture
def written() -> Iterator[Written]:
    """Give what is written from DEBUG on."""
    written, root = Written(), logging.getLogger()
    level = root.level
    root.addHandler(written.handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(written.handler)
    root.setLevel(level)


def test_a_line_is_one_object_of_what_is_allowed(written: Written) -> None:
    message = UUID(int=7)
    logger("test").error("a message waits", error="unavailable", partner="lysning", message_id=message)
    (line,) = written.lines()
    assert line.pop("at").endswith("Z")
    assert line == {
        "event": "a message waits",
        "level": "error",
        "error": "unavailable",
        "partner": "lysning",
        "message_id": str(message),
    }


@pytest.mark.parametrize(
    "given",
    [
        {"name": SECRET},
        {"case": UUID(int=1)},
        {"person": "mette"},
        {"error": SECRET},
        {"error": ValueError(SECRET)},
        {"partner": SECRET},
        {"partner": NUMBER},
        {"outcome": NUMBER},
        {"reason": "a\nb"},
        {"message_id": NUMBER},
        {"count": NUMBER},
        {"count": True},
        {"worker": "a b"},
        {"route": f"/v1/cases/{UUID(int=1)}/Maja"},
        {"method": "GET /"},
        {"exc_info": True},
        {"stack_info": True},
    ],
    ids=str,
)
def test_what_has_no_key_or_not_its_shape_is_dropped_and_counted(
    written: Written, given: dict[str, Any]
) -> None:
    logger("test").error("something", position=1, **given)
    (line,) = written.lines()
    assert line["dropped"] == 1
    assert line.keys() == {"event", "at", "level", "position", "dropped"}


def test_words_from_outside_are_no_event(written: Written) -> None:
    """And what is to be put into it never is."""
    logger("test").error(SECRET)
    logger("test").error("told %s", SECRET)
    assert SECRET not in written.text()
    assert [line["dropped"] for line in written.lines()] == [1, 2]


def test_of_an_error_stands_its_slug_or_its_kind(written: Written) -> None:
    assert [slug_of(e) for e in (TamperedRow(SECRET), NoTopic(), ValueError(SECRET))] == [
        "tampered-row",
        "no-topic",
        "ValueError",
    ]
    try:
        raise KeyError(SECRET)
    except KeyError:
        logger("test").exception("went wrong")
    assert "Maja" not in written.text()
    assert "Traceback" not in written.text()


def test_of_a_library_stands_where_it_was_and_never_what_it_said(written: Written) -> None:
    library = logging.getLogger("library.conn")
    library.warning("closing connection of %s", SECRET, extra={"who": SECRET})
    try:
        raise ConnectionError(SECRET)
    except ConnectionError:
        library.exception("could not reach %s", SECRET)
    first, second = written.lines()
    assert (first["library"], first["level"]) == ("library.conn", "warning")
    assert first["place"].startswith("test_logs:")
    assert (second["level"], second["error"]) == ("error", "ConnectionError")
    assert "Maja" not in written.text()


def test_a_name_of_ours_is_no_pass(written: Written) -> None:
    """What did not come through the list is as foreign as what a library says."""
    logging.getLogger("hub.somewhere").error("took in %s", SECRET)
    logging.getLogger("hub.somewhere").error(SECRET)
    assert [line["event"] for line in written.lines()] == ["a library reports"] * 2
    assert "Maja" not in written.text()


def test_a_line_that_cannot_be_written_says_nothing_of_what_it_held(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Python's logging would print the arguments beside the error."""
    monkeypatch.setattr(logging, "raiseExceptions", True)
    logs.begin(sys.stderr)
    logging.captureWarnings(capture=False)
    full = Written()
    full.handler.stream.close()
    logging.getLogger("test").addHandler(full.handler)
    logging.getLogger("test").error("told %s", SECRET)
    logging.getLogger("test").removeHandler(full.handler)
    assert "Maja" not in "".join(capfd.readouterr())


def test_a_process_that_stays_writes_no_traceback_and_no_warning_of_its_own(
    written: Written, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A thread that ends by an error, an error in the clearing up, a warning of a library."""
    for module, name in ((threading, "excepthook"), (sys, "unraisablehook"), (warnings, "showwarning")):
        monkeypatch.setattr(module, name, getattr(module, name))
    monkeypatch.setattr(logging, "raiseExceptions", True)
    logs.begin(sys.stderr)
    logs.tell_all()

    def fails() -> None:
        raise ValueError(SECRET)

    class Unclear:
        def __del__(self) -> None:
            raise OSError(SECRET)

    thread = threading.Thread(target=fails)
    thread.start()
    thread.join()
    made = Unclear()
    del made
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(SECRET, stacklevel=1)
    logging.captureWarnings(capture=False)
    logging.getLogger("hub").setLevel(logging.NOTSET)
    told = [(line["event"], line.get("error")) for line in written.lines()]
    assert told == [
        ("a fault that nobody caught", "ValueError"),
        ("a fault that nobody caught", "OSError"),
        ("a library reports", None),
    ]
    assert "Maja" not in written.text() + "".join(capfd.readouterr())


# --- in the code ----------------------------------------------------------------------------------------


def modules() -> list[Path]:
    """Every module of the hub; the partners' programs are programs of their own."""
    partners = ROOT / "hub" / "adapters" / "partners"
    return [path for path in sorted((ROOT / "hub").rglob("*.py")) if partners not in path.parents]


def faults(tree: ast.AST) -> list[str]:
    """Lines whose words do not stand in the code, or that give what is not allowed."""
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log"), attr=attr)) if attr in LEVELS:
                said = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
                if len(node.args) != 1 or not ALLOWED["event"](said):
                    found.append(f"{node.lineno}: an event is words in the code")
                found += [
                    f"{node.lineno}: {key.arg}" for key in node.keywords if key.arg and key.arg not in ALLOWED
                ]
    return found


def test_every_line_says_words_that_stand_in_the_code_and_gives_what_is_allowed() -> None:
    """So that nothing is dropped that somebody meant to say."""
    wrong = [f"{path}:{fault}" for path in modules() for fault in faults(ast.parse(path.read_text()))]
    assert wrong == []


def named(tree: ast.AST) -> set[str]:
    """The packages that a module imports."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def test_nobody_in_the_hub_logs_another_way() -> None:
    """One module knows the standard library's logging; whatever goes past it goes past the list."""
    ways = {"logging", "structlog", "traceback", "warnings"}
    found = [path for path in modules() if named(ast.parse(path.read_text())) & ways]
    assert found == [ROOT / "hub" / "logs.py"]


def test_the_search_of_the_code_finds_what_it_looks_for() -> None:
    """An oracle that can't fail is none."""
    bad = (
        'log.error(f"of {name}")\nlog.info("told %s", name)\nlog.warning("told", name=name)\nlog.error(text)'
    )
    assert [fault.split(":")[0] for fault in faults(ast.parse(bad))] == ["1", "2", "3", "4"]
    assert named(ast.parse("import logging.config\nfrom structlog.stdlib import x")) == {
        "logging",
        "structlog",
    }
