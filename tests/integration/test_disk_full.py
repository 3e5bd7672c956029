"""A disk that is nearly full takes only what may not wait; one that is full takes and loses nothing."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest

from contracts.message_v1 import Revoked
from contracts.terms import BasisRule, Category, SafetyLevel
from hub.adapters.http.access import Role
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.events import ConsentExpired, ConsentWithdrawn, FollowUpEnded, ReportReceived
from hub.aggregates.receipts import Purged
from hub.application.room import Room
from hub.bootstrap import build
from hub.errors import Missing, NoRoom
from tests.support.api import Api, clock_now, slug_of
from tests.support.postgres import programs
from tests.support.small_disk import run_on_small_disk
from tests.support.social_reports import example
from tests.world import CASEWORKER, NGO, POLICE, TOVHOLDER, UNIT, World

MORE_THAN_ANY_DISK = 2**62


def with_reserve(world: World, reserve_bytes: int) -> World:
    """The same municipality, run by a process that keeps so much free."""
    settings = world.parts.settings.model_copy(update={"disk_reserve": reserve_bytes})
    return World(build(settings, clock=world.clock), world.identities, world.clock)


# --- nearly full ----------------------------------------------------------------------------------------


@pytest.fixture
def tight(world: World) -> Iterator[World]:
    """Give the municipality on a disk with less than the reserve free."""
    with closing(with_reserve(world, MORE_THAN_ANY_DISK)) as tight:
        yield tight


def test_below_the_reserve_what_may_wait_is_refused_and_leaves_no_trace(world: World, tight: World) -> None:
    """A report, a level, a consent, a referral, a partner: each is told to come again."""
    case = world.open_case()
    world.consent(case, [NGO], [Category.REFERRAL])
    before = world.log()
    what_may_wait: list[Callable[[], object]] = [
        tight.report,
        lambda: tight.level(case, SafetyLevel.ACUTE),
        lambda: tight.consent(case, [POLICE]),
        lambda: tight.refer(case),
        lambda: tight.legal_basis(case, [POLICE], [Category.RISK], BasisRule.AUTHORITY_DUTY),
        lambda: tight.suspend(NGO),
    ]
    for command in what_may_wait:
        with pytest.raises(NoRoom):
            command()
    assert world.log() == before


def test_below_the_reserve_a_withdrawal_goes_through_and_is_answered(world: World, tight: World) -> None:
    """Nothing opens any more, the recipient is told to drop it, and its answer is taken."""
    case = world.open_case()
    consent = world.consent(case)
    world.level(case, SafetyLevel.HIGH)
    tight.withdraw(case, consent)
    assert tight.told(NGO) == []
    (revoked,) = [c for c in tight.controls_of(NGO) if isinstance(c, Revoked)]
    (message,) = [m for m in tight.stored(NGO) if m.control]
    by = Actor(NGO, NGO, "partner_system", NGO)
    tight.parts.hub.answer_revocation(tight.command(by), revoked.thread, message.message_id, None, None)
    assert len(world.facts(ConsentWithdrawn)) == len(world.facts(Purged)) == 1


def test_below_the_reserve_what_she_never_said_is_taken_back(world: World, tight: World) -> None:
    """A consent that was recorded wrongly ends like one that is withdrawn."""
    case = world.open_case()
    tight.never_said(case, world.consent(case))
    assert tight.told(NGO) == []
    assert any(isinstance(control, Revoked) for control in tight.controls_of(NGO))


def test_below_the_reserve_what_reaches_its_end_ends(world: World, tight: World) -> None:
    """A consent's end in time does everything that a withdrawal does."""
    case = world.open_case()
    consent = world.consent(case)
    world.clock.now = world.case(case).bases[consent].ends_at
    tight.timers(case)
    assert len(world.facts(ConsentExpired)) == 1


def test_below_the_reserve_a_follow_up_ends_and_what_rests_on_its_consents_with_it(
    world: World, tight: World
) -> None:
    case = world.open_case()
    world.consent(case)
    world.close_case(case, timedelta(hours=1))
    world.clock.move(timedelta(hours=2))
    tight.timers(case)
    assert len(world.facts(FollowUpEnded)) == 1
    assert tight.told(NGO) == []


def test_one_disk_of_several_that_is_nearly_full_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database may lie on a disk of its own."""
    free = {tmp_path / "ours": 1_000, tmp_path / "database": 10}
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=free[folder]))
    Room(list(free), 10).refuse_below_reserve()
    for folders in (list(free), list(reversed(free))):
        with pytest.raises(NoRoom):
            Room(folders, 11).refuse_below_reserve()


def test_below_the_reserve_danger_to_life_is_acted_on(world: World, tight: World) -> None:
    """An emergency is never blocked by software (domain rule 6)."""
    case = world.open_case()
    tight.legal_basis(case, [POLICE], [Category.RISK, Category.IDENTITY], BasisRule.VITAL_INTEREST)
    assert Category.IDENTITY in tight.told_categories(POLICE)


def test_below_the_reserve_who_is_close_to_a_party_is_shut_out(world: World, tight: World) -> None:
    """Whoever looks where nobody like that may: that waits for no disk."""
    case = world.open_case()
    login = {"organisation": UNIT, "person": "inge"}
    tight.parts.hub.block_person(
        tight.command(TOVHOLDER), case, **login, name="Inge Indskriver", reason="Bor hos en part"
    )
    with pytest.raises(Missing):
        world.parts.queries.could_kill(CASEWORKER, world.case(case), "safety")


def test_below_the_reserve_a_report_over_http_is_told_to_come_again(tmp_path: Path, store_url: str) -> None:
    """503, with the way out and nothing of what was sent."""
    with (
        closing(World.built(tmp_path / "hub", store_url, clock=clock_now())) as world,
        closing(with_reserve(world, MORE_THAN_ANY_DISK)) as tight,
    ):
        answer = Api(tight).login("betjent", POLICE, Role.REPORTER).post("/v1/social-reports", example())
        assert (answer.status_code, slug_of(answer)) == (503, "no-room")
        assert "Eksempelsen" not in answer.text
        assert world.facts(ReportReceived) == []


# --- full -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("store", "megabytes"), [("sqlite", 16), ("postgresql", 160)])
def test_a_full_disk_takes_nothing_and_loses_nothing(tmp_path: Path, store: str, megabytes: int) -> None:
    """What was acknowledged is there, what was refused is not, and the same command goes through later."""
    if store == "postgresql":
        programs()
    with TemporaryDirectory() as disk:  # pytest's own folders are closed to the user that a server runs as
        run_on_small_disk(Path(disk), megabytes, "tests.integration.full_disk", str(tmp_path / "hub"), store)
