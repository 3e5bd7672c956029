"""Killed with -9 at every single point, an adapter loses nothing and does nothing twice."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from contracts.inbound_v1 import PurgeAnswer, ReferralAnswer
from contracts.message_v1 import Revoked
from contracts.terms import Category, OrganisationKind, ReferralStatus
from hub.adapters.partners.ngo.adapter import Ngo
from hub.adapters.partners.outbox import State
from hub.adapters.partners.reporter import Reporter
from hub.adapters.partners.settings import PartnerSettings
from tests.integration.partners.conftest import Partner
from tests.integration.partners.hub import SimulatedHub, part
from tests.integration.partners.traces import left_of, names
from tests.support.social_reports import REPORTS, SOURCES

POLICE = "01-politi-natlig-vold-i-hjemmet"
POINTS_MAX = 200
FEWEST = 25
"""A run with fewer points than this was not watched."""


@dataclass
class Killer:
    """The process that runs adapters and kills them."""

    process: subprocess.Popen[str]

    def run(self, adapter: str, config: Path, data: Path, points: int) -> str:
        """How the run ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{adapter} {config} {data} {points}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    """Start it once: what takes its time is to import everything."""
    command = [sys.executable, "-m", "tests.integration.partners.crash"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]
    ) as process:
        yield Killer(process)
        assert process.stdin is not None
        process.stdin.close()


def test_a_reporter_killed_at_any_point(killer: Killer, partner: Partner, hub: SimulatedHub) -> None:
    """Between handed in, written, sent, answered and noted: in the end the hub has it once, and we know."""
    report = REPORTS[POLICE]
    (partner.folder / "report.json").write_text(SOURCES[POLICE], encoding="utf-8")
    settings = partner.configure(hub)
    for points in range(1, POINTS_MAX):
        _fresh(hub)
        data = partner.folder / f"data-{points}"
        ended = killer.run("police", partner.config, data, points)
        again = Reporter.of(_at(settings, data), OrganisationKind.POLICE)
        if hub.reports and again.one(report.report_id).state is State.NOT_YET_DELIVERED:
            assert again.one(report.report_id).held
        again.submit(report)
        again.step()
        assert again.one(report.report_id).state is State.DELIVERED
        again.close()
        assert list(hub.reports) == [str(report.report_id)]
        assert hub.posts[str(report.report_id)] <= 2
        if ended == "done":
            assert points > FEWEST
            return
        assert ended == "killed"
    pytest.fail("the run never ended")


def test_a_recipient_killed_at_any_point_of_a_purge(
    killer: Killer, partner: Partner, hub: SimulatedHub
) -> None:
    """Where the hub has heard *purged*, nothing is on disk at that moment; in the end it heard it once."""
    settings = partner.configure(hub)
    referral, thread = uuid4(), uuid4()
    gone, kept, settings_before = _received(settings, hub, referral, thread)
    sealed = {one.message_id: one.value for one in hub.topic}
    revocation = hub.control(Revoked(thread=thread, messages=(gone,)))
    new = hub.tell(part(Category.REFERRAL, "endnu en"), thread=uuid4())
    for points in range(1, POINTS_MAX):
        _fresh(hub)
        data = partner.folder / f"data-{points}"
        shutil.copytree(settings_before.data, data)
        ended = killer.run("ngo", partner.config, data, points)
        if _purges(hub):
            _no_trace(data, sealed[gone], referral, thread)
        again = Ngo.of(_at(settings, data))
        again.receive()
        assert [line.message_id for line in again.messages()] == [kept, new]
        assert again.store.outgoing() == []
        again.close()
        _no_trace(data, sealed[gone], referral, thread)
        assert [one.revocation for one in _purges(hub)] == [revocation]
        if ended == "done":
            assert points > FEWEST
            return
        assert ended == "killed"
    pytest.fail("the run never ended")


def test_an_answer_survives_a_kill_at_any_point(killer: Killer, partner: Partner, hub: SimulatedHub) -> None:
    """Given by a person, it reaches the hub, once."""
    settings = partner.configure(hub)
    referral = uuid4()
    _, _, before = _received(settings, hub, referral, uuid4())
    ngo = Ngo.of(before)
    ngo.answer(referral, ReferralStatus.ACCEPTED, person="li-7", name="Anne Prøve")
    ngo.close()
    for points in range(1, POINTS_MAX):
        _fresh(hub)
        data = partner.folder / f"data-{points}"
        shutil.copytree(before.data, data)
        ended = killer.run("ngo", partner.config, data, points)
        again = Ngo.of(_at(settings, data))
        again.receive()
        again.close()
        assert [one.status for one in hub.answers() if isinstance(one, ReferralAnswer)] == ["accepted"]
        if ended == "done":
            return
        assert ended == "killed"
    pytest.fail("the run never ended")


def _received(
    settings: PartnerSettings, hub: SimulatedHub, referral: UUID, thread: UUID
) -> tuple[UUID, UUID, PartnerSettings]:
    """An adapter's folder with one message that will be revoked and one that will not."""
    gone = hub.tell(part(Category.REFERRAL, "den ene"), thread=thread, referral=referral)
    kept = hub.tell(part(Category.REFERRAL, "den anden"), thread=uuid4())
    before = _at(settings, settings.data.parent / "before")
    ngo = Ngo.of(before)
    ngo.receive()
    ngo.close()
    return gone, kept, before


def _at(settings: PartnerSettings, data: Path) -> PartnerSettings:
    return settings.model_copy(update={"data": data})


def _fresh(hub: SimulatedHub) -> None:
    """What the hub took in goes; what it told stays."""
    hub.reports.clear()
    hub.posts.clear()
    hub.inbound.clear()


def _purges(hub: SimulatedHub) -> list[PurgeAnswer]:
    return [one for one in hub.answers() if isinstance(one, PurgeAnswer)]


def _no_trace(data: Path, sealed: bytes, referral: UUID, thread: UUID) -> None:
    disk = b"".join(path.read_bytes() for path in sorted(data.iterdir()))
    assert left_of(sealed, disk) == 0
    assert not [name for name in names(referral, thread) if name in disk]
