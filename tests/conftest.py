"""The servers that tests may ask for. Each starts once, when the first test wants it; unit tests want none.

=====================  ========  ============================================================================
fixture                lives     gives
=====================  ========  ============================================================================
``kafka``              session   bootstrap address of a broker without passwords; use topic and group names
                                 of your own, for it is shared
``secure_kafka``       session   `SecureKafka`: TLS, passwords, ACLs; shared as well
``own_kafka``          test      `KafkaServer` to kill and restart
``database_url``       test      URL of a fresh, empty PostgreSQL database
``postgres``           session   URL of the server behind it, whose user may create databases
``own_postgres``       test      `PostgresServer` to kill and restart
=====================  ========  ============================================================================
"""

import gc
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import TypeVar

import pytest

from tests.support import kafka as kafka_support
from tests.support import postgres as postgres_support
from tests.support.kafka import KafkaServer, SecureKafka
from tests.support.postgres import PostgresServer
from tests.support.provision import MissingServer

T = TypeVar("T")


def pytest_configure(config: pytest.Config) -> None:
    """Let kafka-python read its message schemas by functions that Python 3.11 and 3.12 call deprecated."""
    config.addinivalue_line("filterwarnings", "ignore:(read|open)_text is deprecated:DeprecationWarning")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Install and fetch what the chosen tests need before the first of them: downloads have no time limit."""
    if session.config.option.collectonly:
        return
    wanted = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    with _at_the_terminal(session.config):
        if wanted & {"kafka", "secure_kafka", "own_kafka"}:
            kafka_support.prepare(own=bool(wanted & {"secure_kafka", "own_kafka"}))
        if wanted & {"postgres", "own_postgres"}:
            postgres_support.prepare(own="own_postgres" in wanted)


@pytest.fixture(scope="session")
def kafka(pytestconfig: pytest.Config) -> Iterator[str]:
    """Give the bootstrap address of the shared broker."""
    with _started(pytestconfig, kafka_support.shared_broker) as bootstrap:
        yield bootstrap


@pytest.fixture(scope="session")
def secure_kafka(pytestconfig: pytest.Config) -> Iterator[SecureKafka]:
    """Give the shared broker with logins and ACLs."""
    with _started(pytestconfig, SecureKafka) as broker:
        yield broker


@pytest.fixture
def own_kafka(pytestconfig: pytest.Config) -> Iterator[KafkaServer]:
    """Give a broker that the test alone uses and may kill."""
    with _started(pytestconfig, KafkaServer) as broker:
        yield broker


@pytest.fixture
def broker_may_die() -> Iterator[None]:
    """For tests that kill a broker: kafka-python drops a socket that was refused without closing it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config) -> Iterator[str]:
    """Give the URL of the shared server."""
    with _started(pytestconfig, postgres_support.shared_server) as url:
        yield url


@pytest.fixture
def own_postgres(pytestconfig: pytest.Config) -> Iterator[PostgresServer]:
    """Give a server that the test alone uses and may kill."""
    with _started(pytestconfig, PostgresServer) as server:
        yield server


@pytest.fixture
def database_url(postgres: str) -> Iterator[str]:
    """Give the URL of a fresh database on the shared server."""
    with postgres_support.fresh_database(postgres) as url:
        yield url


@contextmanager
def _started(config: pytest.Config, start: Callable[[], AbstractContextManager[T]]) -> Iterator[T]:
    with ExitStack() as stack:
        with _at_the_terminal(config):
            server = stack.enter_context(start())
        yield server


@contextmanager
def _at_the_terminal(config: pytest.Config) -> Iterator[None]:
    """Let what is announced through pytest's capture, and stop the whole run if a server can't be had."""
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        try:
            yield
        except MissingServer as missing:
            pytest.exit(str(missing), returncode=1)
