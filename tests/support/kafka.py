"""A real Apache Kafka for tests: one KRaft node, started as a plain process from its published jars.

Where the shared broker comes from, in this order:

1. ``HUB_TEST_KAFKA``, the bootstrap address of a broker that is already there;
2. Docker, if its daemon answers and gives a container;
3. Java and the broker's jars: see ``broker/jars.py``.

Tests of access rights and of crashes always start their own broker the third way. What can't be had is
raised as `MissingServer`, which stops the run: no test skips.
"""

import os
import secrets
import shutil
import socket
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support import provision, tls
from tests.support.broker.jars import jars, java, kafka_version
from tests.support.provision import Daemon, MissingServer, ServerFailed, announce, run

_START_LIMIT_S = 60.0

# One node instead of three, small buffers instead of a server's, and no waiting for members who may join.
_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "2",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "2",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # A killed broker is not let back in before its session has run out: 9 s by default.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "400",
    "num.network.threads": "2",
    "num.io.threads": "2",
    "log.cleaner.dedupe.buffer.size": "2097152",
}


class KafkaServer:
    """A broker of our own on the loopback, without passwords; its data goes when it is closed.

    `kill` and `restart` keep data and addresses, so a test can crash it and have it back.
    """

    def __init__(self) -> None:
        """Start the broker and wait until it answers."""
        self.home = Path(tempfile.mkdtemp(prefix="tvaers-kafka-"))
        self._id = str(uuid.uuid4())
        self._daemon: Daemon | None = None
        try:
            self._start_fresh()
        except BaseException:
            self.close()
            raise

    @property
    def bootstrap(self) -> str:
        """The address that clients are given."""
        return f"127.0.0.1:{self._ports[0]}"

    @property
    def data_dir(self) -> Path:
        """The folder that holds the log segments."""
        return self.home / "data"

    @property
    def log(self) -> str:
        """What the broker has printed so far, warnings and refused logins."""
        return self._log_path.read_text(errors="replace")

    @property
    def pid(self) -> int:
        """The broker's process id."""
        return self._running().pid

    def login(self) -> dict[str, Any]:
        """Return the keyword arguments that every kafka-python client of this broker needs."""
        return {"bootstrap_servers": self.bootstrap}

    def kill(self) -> None:
        """SIGKILL the broker, as a crash would; data and addresses stay."""
        self._running().kill()

    def restart(self) -> None:
        """Start the broker again on the same data and addresses, stopping it first if it still runs."""
        self._running().stop()
        self._launch()

    def close(self) -> None:
        """Stop the broker and remove its data."""
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

    def _quorum(self, controller: int) -> dict[str, str]:
        return {"controller.quorum.bootstrap.servers": f"127.0.0.1:{controller}"}

    def _settings(self, client: int, controller: int, _internal: int) -> dict[str, str]:
        return {
            "listeners": f"CLIENT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}",
            "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "CLIENT",
        }

    def _format_arguments(self) -> list[str]:
        return ["--standalone"]

    def _start_fresh(self) -> None:
        for attempts_left in (2, 1, 0):
            # A new folder with new ports: `format` writes the controller's address into the data.
            shutil.rmtree(self.data_dir, ignore_errors=True)
            self._ports = provision.free_ports(3)
            self._write_settings()
            self._format()
            try:
                self._launch()
            except ServerFailed as failure:
                if "Address already in use" not in str(failure) or not attempts_left:
                    raise
            else:
                return

    def _write_settings(self) -> None:
        client, controller, internal = self._ports
        settings = {
            **_SETTINGS,
            "log.dirs": str(self.data_dir),
            **self._quorum(controller),
            **self._settings(client, controller, internal),
        }
        # Others on this machine must not read the passwords in it.
        self._properties.touch(mode=0o600)
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))

    def _format(self) -> None:
        command = ["format", "-t", self._id, "-c", str(self._properties), *self._format_arguments()]
        done = run([*self._java("kafka.tools.StorageTool"), *command])
        if done.returncode:
            raise ServerFailed(f"Kafka's storage could not be formatted\n{done.stdout}{done.stderr}")

    def _launch(self) -> None:
        self._begin()
        self.wait()

    def _begin(self) -> None:
        self._daemon = Daemon([*self._java("kafka.Kafka"), str(self._properties)], self._log_path)

    def wait(self) -> None:
        """Wait until it answers."""
        self._running().wait_until(self._answers, _START_LIMIT_S)

    def _answers(self) -> bool:
        # Asked first, because kafka-python leaves sockets open when it finds nobody to talk to.
        try:
            socket.create_connection(("127.0.0.1", self._ports[0]), timeout=1).close()
        except OSError:
            return False
        # Somebody else's broker may have taken the port between our finding it free and our using it.
        return _cluster_id(self.login()) == self._id

    def _java(self, main: str) -> list[str]:
        return [
            java(),
            # Quick to start rather than quick for days; and no half-dead broker when memory runs out.
            *("-Xms96m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"),
            "-XX:+ExitOnOutOfMemoryError",
            f"-Djava.io.tmpdir={self.home}",
            f"-Dkafka.logs.dir={self.home}",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            # Says who was not let in, and why.
            "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.network.Selector=info",
            # Java, not a shell, expands the star.
            *("-cp", f"{jars()}/*", main),
        ]

    @property
    def _log_path(self) -> Path:
        return self.home / "server.log"

    @property
    def _properties(self) -> Path:
        return self.home / "server.properties"

    def _running(self) -> Daemon:
        if self._daemon is None:
            raise RuntimeError("this broker is closed")
        return self._daemon


class SecureKafka(KafkaServer):
    """A broker of our own where everyone logs in over TLS and may do only what an ACL allows.

    SCRAM is of no use before the controller knows its users, so the node talks to itself as the user
    ``node`` with a password on listeners of its own; ``hub-admin`` is made when the storage is formatted.
    """

    def __init__(self) -> None:
        """Make the passwords, start the broker and wait until it lets the administrator in."""
        self.admin_user = "hub-admin"
        self.admin_password = secrets.token_urlsafe(24)
        self._node_password = secrets.token_urlsafe(24)
        super().__init__()

    @property
    def ca_path(self) -> Path:
        """The certificate that clients must trust, PEM."""
        return self.home / "ca.pem"

    def login(self, user: str | None = None, password: str | None = None) -> dict[str, Any]:
        """Return the keyword arguments for a kafka-python client of *user*, or of the administrator."""
        return {
            **super().login(),
            "security_protocol": "SASL_SSL",
            "ssl_cafile": str(self.ca_path),
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": user or self.admin_user,
            "sasl_plain_password": password or self.admin_password,
        }

    def _settings(self, client: int, controller: int, internal: int) -> dict[str, str]:
        authority = tls.Authority()
        authority.write_certificate(self.ca_path)
        key_store = authority.write_server(self.home / "broker.pem")
        host, inside = "127.0.0.1", "SASL_PLAINTEXT"
        plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        node = f'username="node" password="{self._node_password}" user_node="{self._node_password}";'
        settings = {
            "listeners": f"CLIENT://{host}:{client},INTERNAL://{host}:{internal},CONTROLLER://{host}:{controller}",
            "listener.security.protocol.map": f"CLIENT:SASL_SSL,INTERNAL:{inside},CONTROLLER:{inside}",
            "inter.broker.listener.name": "INTERNAL",
            "sasl.mechanism.inter.broker.protocol": "PLAIN",
            "sasl.mechanism.controller.protocol": "PLAIN",
            "listener.name.client.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.client.scram-sha-512.sasl.jaas.config": scram,
            "listener.name.client.ssl.keystore.type": "PEM",
            "listener.name.client.ssl.keystore.location": str(key_store),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:node;User:{self.admin_user}",
            "allow.everyone.if.no.acl.found": "false",
        }
        for listener in ("internal", "controller"):
            settings[f"listener.name.{listener}.sasl.enabled.mechanisms"] = "PLAIN"
            settings[f"listener.name.{listener}.plain.sasl.jaas.config"] = f"{plain} {node}"
        return settings

    def _format_arguments(self) -> list[str]:
        # Visible to others on this machine for a second; it opens a broker of test data, gone with the run.
        user = f"SCRAM-SHA-512=[name={self.admin_user},password={self.admin_password}]"
        return [*super()._format_arguments(), "--add-scram", user]


class Node(KafkaServer):
    """One of three brokers: begins without waiting, for alone it answers nobody."""

    def __init__(self, number: int, cluster: str, ports: list[list[int]]) -> None:
        """Format the storage and begin; `ports` are those of every node."""
        self._number, self._cluster, self._all_ports = number, cluster, ports
        super().__init__()

    def _start_fresh(self) -> None:
        self._id = self._cluster
        self._ports = self._all_ports[self._number]
        self._write_settings()
        self._format()
        self._begin()

    def _format_arguments(self) -> list[str]:
        return []

    def _quorum(self, _controller: int) -> dict[str, str]:
        voters = [f"{n + 1}@127.0.0.1:{controller}" for n, (_, controller, _) in enumerate(self._all_ports)]
        return {"controller.quorum.voters": ",".join(voters)}

    def _settings(self, client: int, controller: int, internal: int) -> dict[str, str]:
        return {
            **super()._settings(client, controller, internal),
            "node.id": str(self._number + 1),
            "offsets.topic.replication.factor": "3",
            "transaction.state.log.replication.factor": "3",
            "transaction.state.log.min.isr": "2",
            "share.coordinator.state.topic.replication.factor": "3",
            "share.coordinator.state.topic.min.isr": "2",
            "unclean.leader.election.enable": "false",
        }


class KafkaCluster:
    """Three brokers of our own, each of which a test may kill and restart."""

    def __init__(self) -> None:
        """Start all three and wait until each answers."""
        found = provision.free_ports(9)
        ports, cluster = [found[:3], found[3:6], found[6:]], str(uuid.uuid4())
        self.nodes: list[Node] = []
        try:
            self.nodes += [Node(number, cluster, ports) for number in range(3)]
            for node in self.nodes:
                node.wait()
        except BaseException:
            self.close()
            raise

    @property
    def bootstrap(self) -> str:
        """The addresses of all three."""
        return ",".join(node.bootstrap for node in self.nodes)

    def close(self) -> None:
        """End all three, who in order would wait for each other, and remove their data."""
        for node in self.nodes:
            node.kill()
            node.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def shared_broker() -> Iterator[str]:
    """Provide the bootstrap address of the broker without passwords that the whole run shares."""
    named = os.environ.get("HUB_TEST_KAFKA")
    if named:
        if _cluster_id({"bootstrap_servers": named}) is None:
            raise MissingServer(f"no Kafka answers at HUB_TEST_KAFKA={named}: start it or unset the variable")
        announce(f"Kafka: the one at {named}")
        yield named
        return
    with ExitStack() as stack:
        bootstrap = provision.from_docker(stack, f"Kafka {kafka_version()}", _container)
        if bootstrap is not None:
            announce(f"Kafka {kafka_version()}: a container")
        else:
            bootstrap = stack.enter_context(KafkaServer()).bootstrap
            announce(f"Kafka {kafka_version()}: our own process, {bootstrap}")
        yield bootstrap


def prepare(*, own: bool) -> None:
    """Install and fetch what will be needed; *own* if a test starts a broker of its own."""
    if own or not (os.environ.get("HUB_TEST_KAFKA") or provision.docker_answers()):
        java()
        jars()


def _cluster_id(login: dict[str, Any]) -> str | None:
    """Return the name of the cluster that lets *login* in, or nothing if none does."""
    from kafka.admin import KafkaAdminClient
    from kafka.errors import KafkaError

    try:
        with KafkaAdminClient(**login, bootstrap_timeout_ms=5_000) as admin:
            return str(admin.describe_cluster()["cluster_id"])
    except KafkaError:
        return None


@contextmanager
def _container() -> Iterator[str]:
    """Run the same version as a container; the class that testcontainers has fits another vendor's images."""
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    # A broker tells its clients its own address, so the port must be the same inside and outside.
    (port,) = provision.free_ports(1)
    settings = {
        **_SETTINGS,
        "listeners": f"CLIENT://:{port},CONTROLLER://:9093",
        "advertised.listeners": f"CLIENT://127.0.0.1:{port}",
        "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "CLIENT",
        "controller.quorum.voters": "1@localhost:9093",
    }
    variables = {f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in settings.items()}
    container = DockerContainer(f"apache/kafka:{kafka_version()}").with_envs(**variables)
    container.with_bind_ports(port, port).waiting_for(LogMessageWaitStrategy("Kafka Server started"))
    with container:
        yield f"127.0.0.1:{port}"
