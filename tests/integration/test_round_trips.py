"""How often a request asks PostgreSQL: what it costs over a network, whatever the machine."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from contracts.terms import Category, SafetyLevel
from hub.adapters.http.access import Role
from tests.integration.test_staff import brought_up
from tests.support.api import Api, clock_now
from tests.world import NGO, UNIT, World


@pytest.fixture
def town(tmp_path: Path, database_url: str) -> Iterator[Api]:
    """Give the API over a municipality on PostgreSQL."""
    with closing(World.built(tmp_path / "hub", database_url, clock=clock_now())) as world:
        yield Api(world)


@pytest.fixture
def asked(town: Api, monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Give one entry for each time that a connection is lent, which is one statement or transaction."""
    loans: list[None] = []
    connections = town.world.parts.app.store.database.datastore.connections  # type: ignore[attr-defined]  # PostgreSQL's alone
    lend = connections.lend

    def counted() -> object:
        loans.append(None)
        return lend()

    monkeypatch.setattr(connections, "lend", counted)
    return loans


def test_a_command_reads_once_and_writes_once(town: Api, asked: list[None]) -> None:
    """Its case, whom that concerns and the block list at once; and then all that it does."""
    world = town.world
    case = world.open_case()
    world.consent(case, [NGO], [Category.RISK])
    tove = town.login("tove", UNIT, Role.TOVHOLDER)
    for level in (SafetyLevel.HIGH, SafetyLevel.ACUTE):
        asked.clear()
        body = {"level": level, "reason": "Truslerne tager til"}
        assert tove.post(f"/v1/cases/{case}/safety-level", body).status_code == 201
    assert len(asked) == 2
    assert {Category.RISK} in [told.categories for told in world.told(NGO)]


def test_the_keys_of_heads_take_three_statements_however_many_are_asked_for(
    town: Api, asked: list[None]
) -> None:
    """Whether the login is stopped, the wraps, and the record that they were given."""
    world = town.world
    case = world.open_case()
    world.consent(case, [NGO], [Category.RISK])
    for level in (SafetyLevel.RAISED, SafetyLevel.HIGH, SafetyLevel.ACUTE):
        world.level(case, level)
    system = town.login("havnen-system", NGO, Role.PARTNER_SYSTEM)
    messages = [str(message.message_id) for message in world.messages_of(NGO)]
    for some in (messages[:1], messages):
        asked.clear()
        answer = system.post("/v1/messages/head-keys", {"messages": some})
        assert set(answer.json()["keys"]) == set(some)
        assert len(asked) == 3


def test_the_inbox_and_a_timeline_ask_as_often_however_much_there_is(town: Api, asked: list[None]) -> None:
    """Of a timeline only each matched inquiry asks more, and each report in it."""
    world = town.world
    inge, tove = town.login("inge", UNIT, Role.CASEWORKER), town.login("tove", UNIT, Role.TOVHOLDER)
    case, often = world.open_case(), []
    world.match(case, world.report())
    for more in (1, 5):
        for _ in range(more):
            world.report()
            world.assess(case)
        brought_up(world)
        tove.get(f"/v1/cases/{case}/timeline", "safety")
        asked.clear()
        assert len(inge.get("/v1/inbox").json()["waiting"]) >= more
        of_the_inbox = len(asked)
        assert tove.get(f"/v1/cases/{case}/timeline", "safety").status_code == 200
        often.append((of_the_inbox, len(asked) - of_the_inbox))
    assert often[0] == often[1]
