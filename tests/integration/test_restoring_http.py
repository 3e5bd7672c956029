"""What came over HTTP since a backup is in nothing of the hub's: the reporter's program hands it over again.

The program is a process of its own, the hub answers over HTTP, and the database is one that was put back.
"""

import base64
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.client.errors import HubUnreachable
from contracts.terms import OrganisationKind
from hub.adapters.http.access import Role
from hub.adapters.http.tokens import EmbeddedIssuer
from hub.adapters.partners.links import Link
from hub.adapters.partners.outbox import ReportStatus, State
from hub.adapters.partners.reporter import Reporter
from hub.adapters.partners.settings import PartnerSettings
from hub.aggregates.citizen_case.events import ReportReceived
from hub.operating.restoring import restore
from hub.operating.serving import Server, app_of
from tests.integration.partners.test_reporter import SECRETS
from tests.integration.test_restoring import Town
from tests.support.api import clock_now
from tests.support.provision import ROOT
from tests.support.social_reports import example
from tests.world import MUNICIPALITY, POLICE

PASSWORD = "korrekt-hest-batteri"
PATIENCE_S = 60.0


class Police:
    """Their own machine: configuration, outbox, and the program that runs or does not."""

    def __init__(self, folder: Path, town: Town) -> None:
        self._folder, self._town = folder, town
        self._config = folder / "adapter.json"
        folder.mkdir()
        town.identities[POLICE].save(folder / "keys")

    def reached_at(self, url: str) -> None:
        """Where the hub is now."""
        public = self._town.world.parts.identity.public
        self._config.touch(mode=0o600)
        settings = {
            "municipality": MUNICIPALITY,
            "slug": POLICE,
            "hub_url": url,
            "username": POLICE,
            "password": PASSWORD,
            "hub_sealing_key": base64.b64encode(public.sealing).decode(),
            "hub_signing_key": base64.b64encode(public.signing).decode(),
            "keys": "keys",
            "data": "data",
            "duty_number": "00 10 00 77",
            "poll_s": 0.05,
        }
        self._config.write_text(json.dumps(settings), encoding="utf-8")

    def reporter(self) -> Reporter:
        """The program within this process."""
        return Reporter.of(PartnerSettings.load(self._config), OrganisationKind.POLICE)

    def submit(self) -> UUID:
        """A report is handed in here; its id."""
        report_id = uuid4()
        with closing(self.reporter()) as reporter:
            reporter.submit_json(json.dumps({**example(), "report_id": str(report_id)}))
        return report_id

    def status(self) -> dict[UUID, ReportStatus]:
        """What the program shows."""
        with closing(self.reporter()) as reporter:
            return {one.report_id: one for one in reporter.status()}

    @contextmanager
    def running(self) -> Iterator["subprocess.Popen[bytes]"]:
        """Give the process that delivers and reads; at the end it is told to stop."""
        command = [sys.executable, "-m", "hub.adapters.partners.police", "--config", str(self._config), "run"]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
            try:
                yield process
            finally:
                process.send_signal(signal.SIGTERM)

    def disk(self) -> bytes:
        """Every byte of its own."""
        return b"".join(path.read_bytes() for path in sorted((self._folder / "data").iterdir()))


@contextmanager
def serving(town: Town, police: Police, port: int = 0) -> Iterator[int]:
    """Give the port at which the hub serves, as it stands now."""
    issuer = EmbeddedIssuer("urn:test:issuer", "tvaers-hub", clock_now(), production=False)
    issuer.add(POLICE, PASSWORD, POLICE, POLICE, [Role.REPORTER, Role.PARTNER_SYSTEM])
    server = Server(app_of(town.world.parts, issuer), port=port)
    server.start()
    police.reached_at(server.url)
    try:
        yield int(server.url.rpartition(":")[2])
    finally:
        server.stop()


@pytest.fixture
def town(tmp_path: Path, store_url: str) -> Iterator[Town]:
    """Give one."""
    with closing(Town(tmp_path, store_url)) as town:
        yield town


@pytest.fixture
def police(tmp_path: Path, town: Town) -> Police:
    """Give their machine."""
    return Police(tmp_path / "police", town)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def lost_and_put_back(town: Town) -> None:
    town.put_back()
    restore(town.world.parts, town.broker)


def delivered(police: Police, *reports: UUID) -> bool:
    told = police.status()
    return {told[one].state for one in reports} == {State.DELIVERED}


def numbers(town: Town) -> dict[UUID, str]:
    return {event.report_id: event.number for event in town.world.facts(ReportReceived)}


def shown(town: Town) -> int:
    """How many rows the unit's timeline has."""
    town.settle()
    return len(town.shown())


@pytest.mark.parametrize("killed", [False, True], ids=["it runs on", "it was killed and started again"])
def test_a_report_since_the_backup_is_handed_over_again_and_happens_once(
    town: Town, police: Police, killed: bool
) -> None:
    """Under a new number; one that the backup knows keeps its own, and neither is there twice."""
    with ExitStack() as stack:
        with serving(town, police) as port:
            before = police.submit()
            program = stack.enter_context(police.running())
            until(lambda: delivered(police, before))
        rows = shown(town)
        town.back_up()
        with serving(town, police, port):
            since = police.submit()
            until(lambda: delivered(police, since))
        told = {one: status.number for one, status in police.status().items()}
        assert numbers(town) == told
        if killed:
            program.kill()
            program.wait()
        lost_and_put_back(town)
        assert numbers(town) == {before: told[before]}
        if killed:
            stack.enter_context(police.running())
        with serving(town, police, port):
            until(lambda: since in numbers(town) and delivered(police, before, since))
        assert shown(town) == rows * 2
    assert [event.report_id for event in town.world.facts(ReportReceived)] == [before, since]
    assert numbers(town) == {one: status.number for one, status in police.status().items()}
    assert numbers(town)[before] == told[before]
    assert numbers(town)[since] != told[since]
    disk = police.disk()
    assert not [secret for secret in SECRETS if secret.encode() in disk]


def test_a_report_whose_answer_was_lost_with_the_hub_happens_once(
    town: Town, police: Police, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one took it in and nobody heard; the one that was put back knows nothing of it."""

    def lost(self: Link, *asked: Any) -> None:
        report(self, *asked)
        raise HubUnreachable("no answer")

    report = Link.report
    town.back_up()
    with serving(town, police) as port:
        one = police.submit()
        with closing(police.reporter()) as reporter, monkeypatch.context() as patched:
            patched.setattr(Link, "report", lost)
            assert reporter.deliver() == 0
    assert list(numbers(town)) == [one]
    lost_and_put_back(town)
    assert numbers(town) == {}
    with serving(town, police, port), closing(police.reporter()) as reporter:
        for _ in range(3):
            reporter.step()
    assert numbers(town) == {one: police.status()[one].number}
    assert delivered(police, one)
