"""The adapters against the real hub over HTTP: what the simulated one says, the real one says too."""

import base64
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.message_v1 import Receipt
from contracts.terms import Category, OrganisationKind, ReferralStatus, RetractionReason
from hub.adapters.http.access import Role
from hub.adapters.http.tokens import EmbeddedIssuer
from hub.adapters.partners.errors import NoLongerOpen
from hub.adapters.partners.ngo.adapter import Ngo
from hub.adapters.partners.outbox import State
from hub.adapters.partners.reporter import Reporter
from hub.adapters.partners.settings import PartnerSettings
from hub.aggregates.citizen_case.events import ReportReceived, ReportRetracted
from hub.aggregates.citizen_case.values import ConsentForm
from hub.aggregates.receipts import Opened, Purged, Retained
from hub.application.reports import NO_SUCH_REPORT
from hub.operating.serving import Server, app_of
from tests.integration.partners.traces import found, left_of
from tests.support.api import clock_now
from tests.support.social_reports import REPORTS
from tests.world import MUNICIPALITY, NGO, NIGHT, POLICE, TOVHOLDER, World

PASSWORD = "korrekt-hest-batteri"
ANNE = {"person": "li-7", "name": "Anne Prøve", "purpose": "referral"}
SHARED = (Category.IDENTITY, Category.REFERRAL)


@dataclass
class Town:
    """A hub that serves, and folders for its partners."""

    world: World
    url: str
    folder: Path

    def settings(self, slug: str, **more: Any) -> PartnerSettings:
        """A partner's settings, its keys saved."""
        public = self.world.parts.identity.public
        home = self.folder / slug
        if not home.exists():
            self.world.identities[slug].save(home / "keys")
        return PartnerSettings.model_validate(
            {
                "municipality": MUNICIPALITY,
                "slug": slug,
                "hub_url": self.url,
                "username": slug,
                "password": PASSWORD,
                "hub_sealing_key": base64.b64encode(public.sealing),
                "hub_signing_key": base64.b64encode(public.signing),
                "keys": home / "keys",
                "data": home / "data",
                "duty_number": "00 10 00 77",
                **more,
            }
        )


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """Give a hub that serves the police and an NGO."""
    with closing(World.built(tmp_path / "hub", clock=clock_now())) as world:
        issuer = EmbeddedIssuer("urn:test:issuer", "tvaers-hub", world.clock, production=False)
        for slug in (POLICE, NGO):
            issuer.add(slug, PASSWORD, slug, slug, [Role.REPORTER, Role.PARTNER_SYSTEM])
        server = Server(app_of(world.parts, issuer))
        issuer.let_systems_in(f"{server.url}/token", world.parts.signing_key_of)
        server.start()
        try:
            yield Town(world, server.url, tmp_path)
        finally:
            server.stop()


def consented(world: World, case: UUID) -> UUID:
    """She lets the NGO know who she is, and of the referral; by the real clock, as tokens are."""
    answer = world.parts.hub.give_consent(
        world.command(TOVHOLDER),
        case,
        recipients=[NGO],
        categories=SHARED,
        purpose="Henvisning til samtaleforløb",
        form=ConsentForm.ORAL,
        given_at=world.clock() - timedelta(minutes=5),
        ends_at=world.clock() + timedelta(days=90),
    )
    return UUID(answer.ids["consent"])


def test_a_report_reaches_the_hub_once(town: Town) -> None:
    """With its number at once, and again as a receipt on the reporter's own messages."""
    report = REPORTS[NIGHT].model_copy(update={"report_id": uuid4()})
    with closing(Reporter.of(town.settings(POLICE), OrganisationKind.POLICE)) as reporter:
        reporter.submit(report)
        assert reporter.deliver() == 1
        first = reporter.one(report.report_id)
        assert (first.state, first.receipt) == (State.DELIVERED, "received")
        assert reporter.receive() == 1
        assert reporter.one(report.report_id).number == first.number
        sealed = reporter._link.report(
            report.report_id, report.model_dump(mode="json", exclude_none=True), town.world.clock()
        )
        assert sealed is not None
        assert sealed.number == first.number
        assert reporter.receive() == 0


def test_a_report_is_taken_back_by_its_program(town: Town) -> None:
    """On record by who took it back; of a report that the hub does not know it says no, for good."""
    report = REPORTS[NIGHT].model_copy(update={"report_id": uuid4()})
    reason = RetractionReason.WRONG_PERSON
    with closing(Reporter.of(town.settings(POLICE), OrganisationKind.POLICE)) as reporter:
        reporter.submit(report)
        reporter.step()
        reporter.retract(report.report_id, reason, person="po-7", name="Per Prøve", explanation="Forvekslet")
        reporter.step()
        assert reporter.one(report.report_id).receipt == "retracted"
        (fact,) = town.world.facts(ReportRetracted)
        assert (fact.report_id, fact.reason, fact.by.person) == (report.report_id, reason, "po-7")
        other = uuid4()
        reporter.submit(report.model_copy(update={"report_id": other}))
        reporter._outbox.delivered(_receipt(other), town.world.clock())
        reporter.retract(other, reason, person="po-7", name="Per Prøve")
        reporter.step()
        one = reporter.one(other)
        assert (one.retraction, one.retraction_note) == (
            "refused",
            f"not-found report_id: {NO_SUCH_REPORT}",
        )


def test_what_adds_to_a_report_that_the_hub_does_not_know_is_refused(town: Town) -> None:
    """With the way out; the hub's own answer is the one that this program waits for."""
    added = REPORTS[NIGHT].model_copy(update={"report_id": uuid4(), "supplements": uuid4()})
    with closing(Reporter.of(town.settings(POLICE), OrganisationKind.POLICE)) as reporter:
        reporter.submit(added)
        reporter.step()
        one = reporter.one(added.report_id)
        assert one.state is State.REFUSED
        assert "knows no report of ours under this id" in (one.note or "")


def _receipt(report_id: UUID) -> Receipt:
    """A receipt that this hub never gave."""
    return Receipt(report_id=report_id, number="1", status="received", at="2026-11-21T03:00:00Z")


def test_that_a_report_was_taken_up_is_shown_while_its_basis_lives(town: Town) -> None:
    """On her consent; when she takes that back, the program says so no more, and the hub has its answer."""
    world = town.world
    with closing(Reporter.of(town.settings(POLICE), OrganisationKind.POLICE)) as reporter:
        reporter.submit(REPORTS[NIGHT].model_copy(update={"report_id": uuid4()}))
        reporter.step()
        (case,) = {fact.originator_id for fact in world.facts(ReportReceived)}
        world.open(case)
        consent = world.consent(case, [POLICE], [Category.COORDINATION])
        (before,) = reporter.status()
        world.take_up(case)
        reporter.step()
        (after,) = reporter.status()
        assert (before.receipt, after.receipt) == ("received", "taken_up")
        world.withdraw(case, consent)
        reporter.step()
        (withdrawn,) = reporter.status()
        assert withdrawn.receipt == "received"
        assert [one.recipient for one in world.facts(Purged)] == [POLICE]
        assert world.facts(Opened) == []


def test_another_kind_of_unit_is_refused_by_the_hub_for_good(town: Town) -> None:
    """The report's own fault, told with the hub's reason."""
    report = REPORTS["02-skadestue-samme-kvinde-en-time-senere"].model_copy(update={"report_id": uuid4()})
    with closing(Reporter.of(town.settings(POLICE), OrganisationKind.EMERGENCY_DEPARTMENT)) as reporter:
        reporter.submit(report)
        assert reporter.deliver() == 0
        refused = reporter.one(report.report_id)
        assert refused.state is State.REFUSED
        assert "/unit/kind" in (refused.note or "")


def test_a_suspended_reporter_waits(town: Town) -> None:
    """Nothing is lost over an agreement that is being put right."""
    report = REPORTS[NIGHT].model_copy(update={"report_id": uuid4()})
    with closing(Reporter.of(town.settings(POLICE), OrganisationKind.POLICE)) as reporter:
        reporter.submit(report)
        town.world.suspend(POLICE)
        assert reporter.deliver() == 0
        assert reporter.one(report.report_id).state is State.NOT_YET_DELIVERED
        town.world.resume(POLICE)
        assert reporter.deliver() == 1


def test_a_referral_from_the_first_look_to_the_purge(town: Town) -> None:
    """Opened by name, answered, withdrawn: no key any more, no trace any more, and the hub has the answer."""
    world = town.world
    case = world.open_case()
    with closing(Ngo.of(town.settings(NGO))) as ngo:
        consent = consented(world, case)
        referral = world.refer(case)
        assert ngo.receive() > 0
        (listed,) = ngo.inbox()
        assert (listed.referral, listed.status) == (referral, ReferralStatus.REQUESTED)
        looks = [ngo.open_message(message, **ANNE) for message in listed.messages]
        assert "Maja Eksempelsen" in str([one.data for look in looks for one in look.parts])
        assert {one.by.person for one in world.facts(Opened)} == {"li-7"}

        ngo.answer(referral, ReferralStatus.ACCEPTED, person="li-7", name="Anne Prøve")
        assert ngo.send() == 1
        assert world.case(case).referrals[referral].status == ReferralStatus.ACCEPTED

        sealed = [message.sealed for message in world.messages_of(NGO)]
        held = [line.message_id for line in ngo.messages()]
        world.withdraw(case, consent)
        with pytest.raises(NoLongerOpen):
            ngo.open_message(held[0], **{**ANNE, "person": "li-8"})
        ngo.receive()
        assert ngo.inbox() == []
        assert len(ngo.keys) == 0
        assert [one.recipient for one in world.facts(Purged)] == [NGO]
    disk = b"".join(path.read_bytes() for path in (town.folder / NGO / "data").iterdir())
    assert [left_of(one, disk) for one in sealed] == [0] * len(sealed)
    assert found([world.thread(case, NGO).bytes, referral.bytes], disk) == 0


def test_a_category_withdrawn_closes_its_parts_alone(town: Town) -> None:
    """The identity goes; the referral stays, and can be answered."""
    world = town.world
    case = world.open_case()
    with closing(Ngo.of(town.settings(NGO))) as ngo:
        consent = consented(world, case)
        referral = world.refer(case)
        ngo.receive()
        world.withdraw(case, consent, category=Category.IDENTITY)
        ngo.receive()
        looks = [ngo.open_message(line.message_id, **ANNE) for line in ngo.messages()]
        assert {part.category for look in looks for part in look.parts} == {Category.REFERRAL}
        assert [one.referral for one in ngo.inbox()] == [referral]
        assert len(world.facts(Purged)) == 1


def test_what_was_taken_over_is_retained_on_its_basis(town: Town) -> None:
    """The hub has it from the recipient, with the duty that it names."""
    world = town.world
    case = world.open_case()
    with closing(Ngo.of(town.settings(NGO, retains="health_record"))) as ngo:
        consent = consented(world, case)
        world.refer(case)
        ngo.receive()
        ngo.take_over(ngo.messages()[0].message_id, **ANNE)
        world.withdraw(case, consent)
        ngo.receive()
        assert [one.basis for one in world.facts(Retained)] == ["health_record"]
        assert world.facts(Purged) == []
