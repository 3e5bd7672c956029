"""Views filled anew: the same rows, no downtime, nothing missed, nothing revoked come back; and reading one's
own writes. On both stores."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from contracts.terms import Category, ReferralStatus, SafetyLevel
from contracts.topics import dead_topic
from hub.adapters.broker.embedded import EmbeddedBroker
from hub.adapters.http.access import Role
from hub.adapters.store.views import TableView
from hub.aggregates.receipts import Delivered
from hub.bootstrap import build
from hub.errors import Conflict, Missing
from hub.gates.outgoing import Outgoing
from hub.operating import rebuilding
from hub.operating.rebuilding import rebuild
from hub.ports import Row, View
from hub.projections import disclosures
from hub.settings import Settings
from hub.topics.following import Follower
from hub.topics.projecting import PROJECTIONS, Projector
from hub.topics.relay import Relay
from tests.support.api import Api, clock_now
from tests.support.postgres import PostgresServer
from tests.world import HOSPITAL, NGO, ON_CALL, POLICE, SAME_WOMAN, TOVHOLDER, UNIT, World, at

TOLD = [Category.IDENTITY, Category.INCIDENT, Category.RISK, Category.REFERRAL]
KEPT = {
    **{"timeline": UNIT, "intake": UNIT, "hand_overs": UNIT, "referrals": NGO, "receipts": POLICE},
    "disclosures": "hub",
}
"""Each view and an owner that has rows in it. The hub keeps those of the NGO and the police, too."""


@dataclass
class Town:
    """A municipality with its relay, its projections and its follower, moved by hand."""

    world: World
    broker: EmbeddedBroker
    relay: Relay
    projectors: list[Projector]
    follower: Follower

    def carry(self) -> None:
        """Everything that is written is sent and taken in."""
        while self.relay.step():
            pass
        for projector in self.projectors:
            while projector.step(100, 0):
                pass
        while self.follower.step(100):
            pass

    def view(self, name: str) -> View:
        return self.world.parts.views[name]

    def rows(self, name: str) -> list[Row]:
        return list(self.view(name).rows(KEPT[name]))

    def rebuild(self, name: str) -> list[tuple[int, int]]:
        return list(rebuild(self.world.parts, name, KEPT[name]))

    def close(self) -> None:
        for projector in self.projectors:
            projector.close()
        self.relay.close()
        self.broker.close()


@pytest.fixture
def town(tmp_path: Path, store_url: str) -> Iterator[Town]:
    with town_on(store_url, tmp_path) as town:
        yield town


@contextmanager
def town_on(store_url: str, tmp_path: Path) -> Iterator[Town]:
    folder = tmp_path / "hub"
    with closing(World.built(folder, store_url, clock=clock_now())) as world:
        for slug in (UNIT, NGO, POLICE):
            world.identities[slug].save(folder / "keys" / "recipients" / slug)
        broker = EmbeddedBroker(tmp_path / "broker.db")
        broker.create_topics(world.parts.outgoing.topics(world.identities), 1)
        town = Town(
            world,
            broker,
            world.parts.relay(broker),
            [world.parts.projector(broker, slug) for slug in (UNIT, NGO, POLICE)],
            Follower(world.parts.app, world.parts.views[disclosures.NAME]),
        )
        with closing(town):
            yield town


def lived(town: Town) -> UUID:
    """A case in which everything happened that a view shows: told, answered, withdrawn in part."""
    world = town.world
    case = world.open_case()
    world.match(case, world.report(SAME_WOMAN))
    consent = _consent(world, case)
    referral = world.refer(case)
    world.level(case, SafetyLevel.HIGH)
    town.carry()
    for message in world.messages_of(NGO):
        world.open_message(NGO, message)
    world.parts.hub.answer_referral(
        world.command(at(NGO)), world.thread(case, NGO), referral, ReferralStatus.ACCEPTED, None
    )
    world.withdraw(case, consent, category=Category.RISK)
    world.level(case, SafetyLevel.ACUTE)
    world.report()
    town.carry()
    return case


def _consent(world: World, case: UUID, recipients: tuple[str, ...] = (NGO,)) -> UUID:
    from hub.aggregates.citizen_case.values import ConsentForm

    now = world.clock()
    answer = world.parts.hub.give_consent(
        world.command(TOVHOLDER),
        case,
        recipients=recipients,
        categories=TOLD,
        purpose="Rådgivning",
        form=ConsentForm.ORAL,
        given_at=now - timedelta(minutes=1),
        ends_at=now + timedelta(days=90),
    )
    return UUID(answer.ids["consent"])


# --- the same rows --------------------------------------------------------------------------------------


def test_each_view_filled_anew_is_the_live_one_row_by_row(town: Town) -> None:
    lived(town)
    for name, owner in KEPT.items():
        town.carry()
        live, position = town.rows(name), town.view(name).position(owner)
        assert live, name
        progress = town.rebuild(name)
        assert town.rows(name) == live, name
        assert town.view(name).position(owner) == position, name
        assert progress[-1][0] == progress[-1][1], name
    assert any(fact.rebuild for fact in town.world.facts(Delivered))


def test_a_view_that_was_lost_is_whole_after_a_rebuild(town: Town) -> None:
    lived(town)
    for name in KEPT:
        live = town.rows(name)
        database = town.world.parts.app.store.database
        with database.transaction() as execute:
            execute(f"DELETE FROM view_{name}_v1", [])  # noqa: S608 (our own table's name)
        assert town.rows(name) == []
        town.rebuild(name)
        assert town.rows(name) == live, name


def test_what_was_revoked_stays_gone(town: Town) -> None:
    case = lived(town)
    world = town.world
    consents = [b.basis_id for b in world.case(case).bases.values()]
    assert town.rows("referrals")
    for consent in consents:
        world.withdraw(case, consent)
    town.carry()
    assert town.rows("referrals") == []
    town.rebuild("referrals")
    assert town.rows("referrals") == []


def test_what_was_withdrawn_but_not_yet_revoked_at_the_recipient_is_not_told_anew(town: Town) -> None:
    """The withdrawal is stored, its revocation not yet sent: a rebuild in between opens nothing any more."""
    case = lived(town)
    for basis in list(town.world.case(case).bases):
        town.world.withdraw(case, basis)
    town.rebuild("referrals")
    assert town.rows("referrals") == []
    town.carry()
    assert town.rows("referrals") == []


def test_what_was_altered_is_passed_over_and_the_rest_is_filled(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    lived(town)
    live = town.rows("referrals")
    sealed = bytearray(live[1].sealed)
    sealed[100] ^= 1
    database = town.world.parts.app.store.database
    database.write(
        "UPDATE messages SET sealed = ? WHERE message_id = ?",
        [bytes(sealed), database.uuid(live[1].message_id)],
    )
    town.rebuild("referrals")
    assert town.rows("referrals") == [live[0], *live[2:]]
    assert town.view("referrals").position(NGO) == _newest(town, "referrals")
    assert "a message is passed over" in caplog.text


def test_a_blank_in_the_place_of_what_still_opens_here_is_taken_in_as_a_blank(town: Town) -> None:
    """The relay's clock was ahead of this one: what it may not send any more, this one still has a key to."""
    world = town.world
    case = world.open_case()
    _consent(world, case)
    town.carry()
    before = town.rows("referrals")
    world.level(case, SafetyLevel.HIGH)
    town.relay.close()
    with closing(_relay_ahead(town, timedelta(days=91))) as relay:
        while relay.step():
            pass
    newest = _newest(town, "referrals")
    blank = next(m for m in world.messages_of(NGO) if (m.epoch, m.sequence) == newest)
    assert world.parts.opener.heads(at(NGO), [blank.message_id]), "its head key is given"
    town.carry()
    assert town.rows("referrals") == before
    assert town.view("referrals").position(NGO) == newest
    assert town.broker.held(dead_topic(world.parts.settings.municipality)) == 0, "nothing was put aside"


def _relay_ahead(town: Town, by: timedelta) -> Relay:
    """The relay of a machine whose clock is ahead."""
    parts = town.world.parts
    outgoing = Outgoing(
        store=parts.app.store,
        identity=parts.identity,
        municipality=parts.settings.municipality,
        clock=lambda: parts.clock() + by,
    )
    return Relay(parts.app.store, town.broker, outgoing)


def test_a_view_of_an_erased_case_leaves_it_out_and_keeps_the_rest(town: Town) -> None:
    case = lived(town)
    other = town.world.open_case()
    town.carry()
    before = town.rows("disclosures")
    town.world.parts.app.keys.destroy(case)
    town.rebuild("disclosures")
    after = town.rows("disclosures")
    assert {row.thread for row in before} - {row.thread for row in after} >= {case}
    assert [row for row in before if row.thread == other] == [row for row in after if row.thread == other]


def test_a_view_or_owner_that_is_none_is_refused(town: Town) -> None:
    with pytest.raises(Missing):
        list(rebuild(town.world.parts, "nonsense", UNIT))
    with pytest.raises(Missing):
        list(rebuild(town.world.parts, "timeline", "ingen-saadan"))
    with pytest.raises(Missing):
        list(rebuild(town.world.parts, "referrals", HOSPITAL))
    with pytest.raises(Missing):
        list(rebuild(town.world.parts, "disclosures", UNIT))


# --- no downtime, and going on after a stop -------------------------------------------------------------


def test_a_rebuild_that_was_stopped_goes_on_where_it_was(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilding, "BATCH", 1)
    lived(town)
    for name, owner in KEPT.items():
        town.carry()
        live = town.rows(name)
        first = rebuild(town.world.parts, name, owner)
        taken = next(first)
        first.close()  # type: ignore[attr-defined]
        assert town.rows(name) == live, "the live view answers meanwhile"
        rest = town.rebuild(name)
        assert rest[0][0] > taken[0], name
        assert rest[-1][0] == rest[-1][1], name
        assert town.rows(name) == live, name


def _rebuild_and_hang(settings: Settings, name: str, owner: str, taken: Connection) -> None:
    """In a process of its own: say how far the second batch came, and do nothing more."""
    rebuilding.BATCH = 1
    with closing(build(settings)) as parts:
        going = rebuild(parts, name, owner)
        next(going)
        taken.send(next(going)[0])
        time.sleep(600)


def test_a_rebuild_that_was_killed_goes_on_where_it_was(town: Town) -> None:
    """SIGKILL: nothing of it is cleaned up, and the lock that it held is free."""
    lived(town)
    context = multiprocessing.get_context("spawn")
    for name in ("timeline", "disclosures"):
        live = town.rows(name)
        hears, says = context.Pipe(duplex=False)
        arguments = (town.world.parts.settings, name, KEPT[name], says)
        process = context.Process(target=_rebuild_and_hang, args=arguments, daemon=True)
        process.start()
        assert hears.poll(60)
        taken = hears.recv()
        process.kill()
        process.join()
        assert town.rows(name) == live, "the live view answers meanwhile"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rebuilding, "BATCH", 1)
            rest = town.rebuild(name)
        assert rest[0][0] > taken, name
        assert town.rows(name) == live, name
        town.carry()


_COMMAND = "from hub.operating import rebuilding; rebuilding.BATCH = 1; from hub.__main__ import main; main()"
"""`hub`, whose rebuilds go by single messages: there is a middle in which to be hit."""


def _stopped_midway(town: Town, name: str) -> "subprocess.Popen[str]":
    """`hub rebuild` in a process of its own that stands still after its first messages."""
    settings = town.world.parts.settings
    given = {"DATA_DIR": settings.data_dir, "DATABASE_URL": settings.database_url, "ON_CALL": ON_CALL}
    given |= {"MUNICIPALITY": settings.municipality, "UNIT": settings.unit}
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", _COMMAND, "rebuild", name, KEPT[name]],
        env={**os.environ, **{f"HUB_{key}": str(value) for key, value in given.items()}},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline().startswith(f"{name} of {KEPT[name]}: ")
    process.send_signal(signal.SIGSTOP)
    return process


def test_a_rebuild_whose_database_is_killed_says_what_to_do_and_goes_on_where_it_was(
    tmp_path: Path, own_postgres: PostgresServer
) -> None:
    """One line, no traceback; when the server is back, the same command does the rest."""
    with town_on(own_postgres.url, tmp_path) as town:
        lived(town)
        for name in ("timeline", "disclosures"):
            live = town.rows(name)
            with _stopped_midway(town, name) as process:
                own_postgres.kill()
                process.send_signal(signal.SIGCONT)
                out, err = process.communicate(timeout=60)
            assert process.returncode == 1
            assert re.fullmatch(r"hub: the database \S+ does not answer [^\n]+ HUB_DATABASE_URL\n", err), err
            own_postgres.restart()
            taken = int(out.split()[-3]) if out else 1
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(rebuilding, "BATCH", 1)
                rest = town.rebuild(name)
            assert rest[0][0] > taken, name
            assert rest[-1][0] == rest[-1][1], name
            assert town.rows(name) == live, name
            town.carry()


def test_the_live_view_answers_and_moves_on_while_it_is_filled_anew(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "BATCH", 2)
    case, world = lived(town), town.world
    for name, owner in KEPT.items():
        monkeypatch.setattr(rebuilding, "BATCH", 20 if name == "disclosures" else 2)
        seen = [town.rows(name)]
        for number, _ in enumerate(rebuild(world.parts, name, owner)):
            if number < 2:
                _something_more(world, case)
                town.carry()
            seen.append(town.rows(name))
        assert all(seen), "never empty"
        assert [len(rows) for rows in seen] == sorted(len(rows) for rows in seen), name
        assert len(seen[-1]) > len(seen[0]), name
        assert town.rows(name) == seen[-1], name
        town.rebuild(name)
        assert town.rows(name) == seen[-1], name


def _something_more(world: World, case: UUID) -> None:
    """Something that every view shows."""
    world.report()
    world.hand_over(case)
    referral = world.refer(case)
    world.parts.hub.answer_referral(
        world.command(at(NGO)), world.thread(case, NGO), referral, ReferralStatus.RECEIVED, None
    )


def test_what_comes_in_the_last_moment_is_not_missed(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken in by the old view after the copy looked last, and before the copy answers: nobody else would
    bring it again before the next message comes."""
    case = lived(town)
    switch = TableView.switch

    def late(self: TableView, owner: str) -> None:
        _something_more(town.world, case)
        town.carry()
        switch(self, owner)

    for name, owner in KEPT.items():
        monkeypatch.setattr(TableView, "switch", late)
        town.rebuild(name)
        monkeypatch.undo()
        town.carry()
        found = town.rows(name)
        assert town.view(name).position(owner) == _newest(town, name), name
        town.rebuild(name)
        assert found == town.rows(name), name


def _newest(town: Town, name: str) -> tuple[int, int]:
    last = town.world.log()[-1][0]
    return (1, last) if name == "disclosures" else town.world.parts.app.store.number_at(KEPT[name], last)


def test_messages_that_come_while_it_runs_are_not_missed(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """In real time: one thread reports and projects, another rebuilds again and again."""
    monkeypatch.setattr(rebuilding, "BATCH", 3)
    case = lived(town)
    errors: list[BaseException] = []
    stop = threading.Event()

    def busy() -> None:
        try:
            while not stop.is_set():
                town.world.report()
                town.world.assess(case)
                town.carry()
        except BaseException as error:
            errors.append(error)

    worker = threading.Thread(target=busy)
    worker.start()
    try:
        for _ in range(2):
            for name in ("timeline", "intake", "disclosures"):
                town.rebuild(name)
                assert town.rows(name), name
    finally:
        stop.set()
        worker.join()
    assert errors == []
    town.carry()
    for name in ("timeline", "intake", "disclosures"):
        live = town.rows(name)
        town.rebuild(name)
        assert town.rows(name) == live
    sent = {m.message_id for m in town.world.messages_of(UNIT)}
    assert {row.message_id for row in town.rows("timeline")} == sent


def test_two_that_rebuild_the_same_view_at_once_do_not_empty_it(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "BATCH", 1)
    lived(town)
    live = town.rows("timeline")
    first = rebuild(town.world.parts, "timeline", UNIT)
    next(first)
    with pytest.raises(Conflict, match="rebuilt"):
        town.rebuild("timeline")
    assert town.rebuild("intake"), "another view is no hindrance"
    list(first)
    assert town.rows("timeline") == live
    town.rebuild("timeline")
    assert town.rows("timeline") == live


# --- reading one's own writes ---------------------------------------------------------------------------


def _soon(act: Callable[[], Any], after_s: float = 0.3) -> threading.Timer:
    timer = threading.Timer(after_s, act)
    timer.start()
    return timer


def test_a_query_waits_until_the_view_holds_the_position(town: Town) -> None:
    case, waiting = lived(town), town.world.parts.waiting
    for name, owner in KEPT.items():
        before = len(town.rows(name))
        _something_more(town.world, case)
        position = town.world.log()[-1][0]
        assert not waiting.until(name, owner, position, 0.02), f"{name} is not there yet, and says so"
        timer = _soon(town.carry, 0.05)
        assert waiting.until(name, owner, position, 10.0), name
        assert len(town.rows(name)) > before, name
        timer.join()
        assert waiting.until(name, owner, position, 0), name


def test_a_query_with_a_position_sees_what_was_just_written(town: Town) -> None:
    case = lived(town)
    api = Api(town.world)
    mette = api.login(TOVHOLDER.person, UNIT, Role.TOVHOLDER)
    inge = api.login("inge", UNIT, Role.CASEWORKER)
    staff = api.login("anna", NGO, Role.PARTNER_STAFF)
    path = f"/v1/cases/{case}"
    done = mette.post(f"{path}/referrals", {"recipient": NGO, "offer": "netop-nu"}).json()
    queries: list[tuple[Any, str, str | None]] = [
        (mette, f"{path}/timeline", "coordination"),
        (mette, f"{path}/disclosures", "coordination"),
        (staff, "/v1/referrals", None),
        (inge, "/v1/inbox", None),
    ]
    for caller, query, purpose in queries:
        early = caller.get(query, purpose)
        timer = _soon(town.carry, 0.2)
        late = caller.get(query, purpose, params={"position": done["position"]})
        timer.join()
        assert (early.status_code, late.status_code) == (200, 200), (query, late.text)
        if query == "/v1/inbox":
            continue
        assert done["referral"] in late.text or "referral_requested" in late.text, query
        done = mette.post(f"{path}/referrals", {"recipient": NGO, "offer": "netop-nu"}).json()


def test_a_query_that_waits_in_vain_says_that_it_is_not_there_yet(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.adapters.http.context.WAIT_S", 0.1)
    case = lived(town)
    mette = Api(town.world).login(TOVHOLDER.person, UNIT, Role.TOVHOLDER)
    done = mette.post(f"/v1/cases/{case}/referrals", {"recipient": NGO, "offer": "netop-nu"}).json()
    for what in ("timeline", "disclosures"):
        position = {"position": done["position"]}
        answer = mette.get(f"/v1/cases/{case}/{what}", "coordination", params=position)
        assert answer.status_code == 503, what
        assert answer.json()["type"].endswith("/unavailable")


def test_every_view_is_tested_here(town: Town) -> None:
    assert set(KEPT) == set(town.world.parts.views) == {*PROJECTIONS, disclosures.NAME}
