"""A partner renews its own keys: nothing that waits, and nothing on its way, is lost."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from contracts.client.keys import Identity, PublicKeys
from contracts.inbound_v1 import PurgeAnswer, ReferralAnswer
from contracts.message_v1 import Revoked
from contracts.terms import Category, OrganisationKind, ReferralStatus
from hub.adapters.partners.errors import BadSettings
from hub.adapters.partners.ngo import __main__ as ngo_program
from hub.adapters.partners.ngo.adapter import Ngo
from hub.adapters.partners.outbox import State
from hub.adapters.partners.reporter import Reporter
from hub.adapters.partners.reporting import main as report_program
from tests.integration.partners.conftest import Partner
from tests.integration.partners.hub import AT, SimulatedHub, part
from tests.support.social_reports import REPORTS, example

REPORT = REPORTS["01-politi-natlig-vold-i-hjemmet"]


def renewed(partner: Partner, capsys: pytest.CaptureFixture[str]) -> PublicKeys:
    """Make new keys at the command line; what it printed for the municipality."""
    capsys.readouterr()
    assert ngo_program.main(["--config", str(partner.config), "keys", "--new"]) == 0
    _, sealing, _, signing = capsys.readouterr().out.split()
    return PublicKeys(bytes.fromhex(sealing), bytes.fromhex(signing))


@contextmanager
def reporting(partner: Partner, hub: SimulatedHub) -> Iterator[Reporter]:
    """The police's adapter, started anew."""
    with closing(Reporter.of(partner.configure(hub), OrganisationKind.POLICE)) as found:
        yield found


@contextmanager
def receiving(partner: Partner, hub: SimulatedHub) -> Iterator[Ngo]:
    """The NGO's adapter, started anew."""
    with closing(Ngo.of(partner.configure(hub))) as found:
        yield found


def test_a_report_that_waits_is_delivered_after_the_keys_are_new(
    partner: Partner, hub: SimulatedHub, capsys: pytest.CaptureFixture[str]
) -> None:
    """It lay sealed to the key of then."""
    with reporting(partner, hub) as reporter:
        reporter.submit(REPORT)
    hub.partner = renewed(partner, capsys)
    with reporting(partner, hub) as reporter:
        assert reporter.deliver() == 1
        assert reporter.one(REPORT.report_id).state is State.DELIVERED
    assert json.loads(hub.reports[str(REPORT.report_id)])["unit"] == example()["unit"]


def test_a_refused_report_can_be_handed_back_after_the_keys_were_new_twice(
    partner: Partner, hub: SimulatedHub, capsys: pytest.CaptureFixture[str]
) -> None:
    """However long ago it was handed in."""
    hub.refuse = (422, "invalid")
    with reporting(partner, hub) as reporter:
        reporter.submit(REPORT)
        reporter.deliver()
    for _ in range(2):
        renewed(partner, capsys)
    path, name = partner.folder / "back.json", str(REPORT.report_id)
    words = ["--config", str(partner.config), "hand-back", name, str(path)]
    assert report_program(OrganisationKind.POLICE, words) == 0
    assert json.loads(path.read_text())["report_id"] == name


def test_what_is_on_its_way_opens_and_what_a_person_answered_comes(
    partner: Partner, hub: SimulatedHub, capsys: pytest.CaptureFixture[str]
) -> None:
    """A revocation sealed to the former key is answered; an answer that waited is signed by the new one."""
    thread, referral = uuid4(), uuid4()
    told = hub.tell(part(Category.IDENTITY, "x"), thread=thread, referral=referral)
    with receiving(partner, hub) as ngo:
        ngo.receive()
        ngo.answer(referral, ReferralStatus.ACCEPTED, person="li-7", name="Anne Prøve")
    revocation = hub.control(Revoked(thread=thread, messages=(uuid4(),), answer_by=AT))
    hub.partner = renewed(partner, capsys)
    later = hub.control(Revoked(thread=thread, messages=(uuid4(),), answer_by=AT))
    with receiving(partner, hub) as ngo:
        ngo.receive()
        assert [one.message_id for one in ngo.messages()] == [told]
        assert ngo.store.outgoing() == []
    answers = hub.answers()
    assert {a.revocation for a in answers if isinstance(a, PurgeAnswer)} == {revocation, later}
    assert [a.status for a in answers if isinstance(a, ReferralAnswer)] == [ReferralStatus.ACCEPTED]


def test_an_answer_waits_until_the_municipality_has_the_new_key(
    partner: Partner, hub: SimulatedHub, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refused signature is no verdict on what was said."""
    referral = uuid4()
    hub.tell(part(Category.IDENTITY, "x"), thread=uuid4(), referral=referral)
    with receiving(partner, hub) as ngo:
        ngo.receive()
        ngo.answer(referral, ReferralStatus.ACCEPTED, person="li-7", name="Anne Prøve")
    public = renewed(partner, capsys)
    with receiving(partner, hub) as ngo:
        ngo.receive()
        assert (hub.answers(), len(ngo.store.outgoing())) == ([], 1)
        hub.partner = public
        ngo.receive()
        assert (len(hub.answers()), ngo.store.outgoing()) == (1, [])


def test_a_program_that_runs_stops_where_its_keys_were_renewed(
    partner: Partner, hub: SimulatedHub, capsys: pytest.CaptureFixture[str]
) -> None:
    """Going on it would take a revocation for data, and lose it."""
    with receiving(partner, hub) as ngo:
        ngo.receive()
        hub.partner = renewed(partner, capsys)
        revocation = hub.control(Revoked(thread=uuid4(), messages=(uuid4(),), answer_by=AT))
        with pytest.raises(BadSettings, match="start it again"):
            ngo.receive()
    with receiving(partner, hub) as ngo:
        ngo.receive()
    assert [a.revocation for a in hub.answers() if isinstance(a, PurgeAnswer)] == [revocation]


STEPS = [(Path, "hardlink_to", 0), (Path, "hardlink_to", 1), (Path, "replace", 0), (Path, "replace", 1)]


class Killed(BaseException):
    """The machine went off."""


@pytest.mark.parametrize(("owner", "name", "after"), [*STEPS, (Identity, "save", 0)])
def test_killed_while_the_keys_are_renewed_everything_still_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, after: int
) -> None:
    """And the next call ends what was begun: one new pair, one former."""
    folder = tmp_path / "keys"
    first = Identity.new()
    first.save(folder)
    monkeypatch.setattr(owner, name, dying(getattr(owner, name), after))
    with pytest.raises(Killed):
        Identity.renew(folder)
    monkeypatch.undo()
    left = Identity.load(folder)
    assert first.public.sealing in opens(left)
    done = Identity.renew(folder)
    assert opens(done)[1:] == [first.public.sealing]
    assert done.public.signing != first.public.signing
    assert sorted(path.name for path in folder.iterdir()) == ["former", "sealing.pem", "signing.pem"]


def dying(was: Callable[..., Any], after: int) -> Callable[..., Any]:
    """What goes well so many times, and then never returns."""
    left = [after]

    def step(*arguments: Any) -> Any:
        if not left[0]:
            raise Killed
        left[0] -= 1
        return was(*arguments)

    return step


def opens(identity: Identity) -> list[bytes]:
    """The public halves of what it opens with."""
    return [key.public_key().public_bytes_raw() for key in (identity.sealing, *identity.former)]


def test_the_keys_of_before_are_told_to_nobody_and_read_by_nobody(tmp_path: Path) -> None:
    """In files of their owner's alone."""
    folder = tmp_path / "keys"
    Identity.new().save(folder)
    Identity.renew(folder)
    for path in folder.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert "X25519PrivateKey" not in repr(Identity.load(folder))
