"""The pure modules know no clock, no chance, no environment and no I/O, in whatever form it is written."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.test_imports import imported, modules, within

PURE = (
    "hub/aggregates",
    "hub/projections",
    "hub/gates/covered.py",
    "hub/days.py",
    "hub/gates/gate.py",
    "hub/gates/heads.py",
    "hub/application/translate.py",
    "hub/keys/wraps.py",
)
MAY_IMPORT = {
    "collections",
    "contracts",
    "dataclasses",
    "datetime",
    "enum",
    "eventsourcing",
    "functools",
    "holidays",
    "hub",
    "re",
    "struct",
    "types",
    "typing",
    "unicodedata",
    "uuid",
    "zoneinfo",
}
"""A module that stands here was looked at: beside what is banned below it gives no time and no chance."""
OF_THE_EDGE = {"contracts.client"}
BANNED = {
    **dict.fromkeys(
        ("now", "utcnow", "today", "datetime_now_with_tzinfo", "create_utc_datetime_now"),
        "take `at` as an argument",
    ),
    **dict.fromkeys(("uuid1", "uuid4", "uuid6", "uuid7", "uuid8", "getnode"), "take the id as an argument"),
    **dict.fromkeys(("environ", "getenv"), "settings are read once, in hub.settings"),
    **dict.fromkeys(("__builtins__", "__globals__", "__loader__"), "import what you need by its name"),
    "*": "import what you need by its name",
}
"""Names that nothing pure may reach, whatever they are reached through and whatever they are called then."""
BANNED_BUILTINS = {
    **dict.fromkeys(("__import__", "eval", "exec", "compile", "globals", "locals"), "write what you mean"),
    **dict.fromkeys(("open", "print", "input", "breakpoint"), "no I/O here"),
    "hash": "of a text it is another in every process",
    "id": "it is another in every process",
}


def wrong(name: str, tree: ast.Module) -> Iterator[str]:
    """Each use of what is banned, by line, and what to do instead."""
    for found in imported(name, tree):
        root, last = found.split(".")[0], found.rsplit(".", 1)[-1]
        if root not in MAY_IMPORT or within(found, OF_THE_EDGE):
            yield f"{name} imports {found}: not among what the pure may import"
        if last in BANNED:
            yield f"{name} imports {found}: {BANNED[last]}"
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=used) if used in BANNED:
                yield f"{name}:{node.lineno} uses {used}: {BANNED[used]}"
            case ast.Name(id=used, ctx=ast.Load()) if used in BANNED and used not in bound(tree):
                yield f"{name}:{node.lineno} uses {used}: {BANNED[used]}"
            case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=used), *_]):
                yield f"{name}:{node.lineno} gets {used!r} by its name: write it"
            case ast.Name(id=used, ctx=ast.Load()) if used in BANNED_BUILTINS and used not in bound(tree):
                yield f"{name}:{node.lineno} uses {used}: {BANNED_BUILTINS[used]}"


def bound(tree: ast.Module) -> set[str]:
    """Names that the module gives its own arguments and variables: `id` and `now` may be those."""
    arguments = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    names = (node for node in ast.walk(tree) if isinstance(node, ast.Name))
    return arguments | {node.id for node in names if isinstance(node.ctx, ast.Store)}


@pytest.mark.parametrize("where", PURE)
def test_time_chance_and_environment_come_in_as_arguments(where: str) -> None:
    assert [found for name, tree in modules(where) for found in wrong(name, tree)] == []


@pytest.mark.parametrize(
    "source",
    [
        "import datetime as d\nat = d.datetime.now()",
        "from datetime import datetime as d\nat = d.now(UTC)",
        "from datetime import datetime\nat = field(default_factory=datetime.utcnow)",
        "from datetime import date\nday = date.today()",
        "from datetime import datetime\nat = getattr(datetime, 'now')()",
        "from time import time\nat = time()",
        "from time import monotonic as t\nat = t()",
        "import time as t\nat = t.time()",
        "import calendar, time",
        "at = __import__('time').time()",
        "read = __import__\nat = read('time')",
        "import importlib\nat = importlib.import_module('time').time()",
        "from importlib import import_module as i\nat = i('time').time()",
        "from os import environ\nx = environ['A']",
        "from os import environ as e\nx = e['A']",
        "import os as o\nx = o.environ['A']",
        "import os\nx = os.getenv('A')",
        "from os import urandom",
        "import secrets\nx = secrets.token_hex()",
        "from secrets import token_hex as t",
        "import random",
        "from random import random as r",
        "from uuid import uuid4 as new\nx = new()",
        "import uuid as u\nx = u.uuid4()",
        "import uuid\nclass A:\n    x = field(default_factory=uuid.uuid4)",
        "class A:\n    x: UUID = field(default_factory=uuid4)",
        "from uuid import *",
        "from eventsourcing.domain import datetime_now_with_tzinfo as now_",
        "from contracts.client.keys import Identity",
        "from pathlib import Path",
        "from io import open as o",
        "x = open('f')",
        "class A:\n    x = field(default_factory=open)",
        "eval('1')",
        "x = __builtins__",
        "x = globals()['__builtins__']",
        "x = hash('a')",
        "def f() -> None:\n    import time",
        "if TYPE_CHECKING:\n    import random",
    ],
)
def test_each_form_of_what_is_banned_is_caught(source: str) -> None:
    assert list(wrong("planted", ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import datetime\ndef f(at: datetime) -> int:\n    now = at\n    return now.day",
        "from uuid import UUID, uuid5\nx = uuid5(UUID(int=0), 'a')",
        "def f(id: UUID) -> UUID:\n    return id",
        "x = event.timestamp\nself.open()",
    ],
)
def test_what_comes_in_as_an_argument_is_not(source: str) -> None:
    assert list(wrong("planted", ast.parse(source))) == []
