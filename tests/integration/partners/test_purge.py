"""What is revoked is gone from the recipient's disk, whatever came first, before it says so."""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.client.errors import HubUnreachable, Tampered
from contracts.client.keys import Identity
from contracts.client.sealed import open_head, open_part
from contracts.inbound_v1 import PurgeAnswer, PurgeOutcome, RetentionBasis
from contracts.message_v1 import Erased, Revoked
from contracts.terms import Category, ReferralStatus
from hub.adapters.partners.errors import NoLongerOpen, NotAllowed
from hub.adapters.partners.links import Link
from hub.adapters.partners.ngo.adapter import Closing, Ngo
from hub.adapters.partners.ngo.rows import Change
from tests.integration.partners.conftest import Partner
from tests.integration.partners.hub import AT, MUNICIPALITY, PARTNER, SimulatedHub, part, serving
from tests.integration.partners.running import Clock, running
from tests.integration.partners.traces import found, left_of, names

ANNE = {"person": "li-7", "name": "Anne Prøve", "purpose": "referral"}


def referred(hub: SimulatedHub, **head: Any) -> UUID:
    """Send a referral in two parts."""
    parts = (part(Category.IDENTITY, "KANARIE"), part(Category.REFERRAL, "samtaleforløb"))
    return hub.tell(*parts, **{"thread": uuid4(), **head})


def answers(hub: SimulatedHub) -> list[PurgeAnswer]:
    """What was answered to revocations."""
    return [one for one in hub.answers() if isinstance(one, PurgeAnswer)]


def test_after_a_purge_the_disk_holds_no_trace(ngo: Ngo, hub: SimulatedHub, partner: Partner) -> None:
    """Free pages and the log included: no sealed byte, no thread, no referral, no unsent answer.

    What stays is the message's own random id among the closed ones, so that it never comes back.
    """
    referral, thread = uuid4(), uuid4()
    kept = referred(hub)
    gone = [referred(hub, thread=thread, referral=referral) for _ in range(8)]
    ngo.receive()
    ngo.answer(referral, ReferralStatus.ACCEPTED, person="li-7", name="Anne Prøve")
    ngo.open_message(gone[0], **ANNE)
    sealed = {one.message_id: one.value for one in hub.topic}
    assert left_of(sealed[gone[0]], partner.disk()) > 200

    revocation = hub.control(Revoked(thread=thread, messages=tuple(gone), answer_by=AT))
    ngo.receive()

    disk = partner.disk()
    assert [left_of(sealed[one], disk) for one in gone] == [0] * 8
    assert not [name for name in names(thread, referral) if name in disk]
    assert found([key for one in gone for key in hub.keys[one].values()], disk) == 0
    assert all(str(one).encode() in disk for one in gone)
    assert left_of(sealed[kept], disk) > 200
    assert answers(hub) == [PurgeAnswer(revocation=revocation, thread=thread, outcome=PurgeOutcome.PURGED)]
    assert ngo.inbox() == []
    assert len(ngo.keys) == 0
    with pytest.raises(NoLongerOpen):
        ngo.open_message(gone[0], **ANNE)


def test_of_a_message_closed_in_part_only_the_rest_can_be_opened(
    ngo: Ngo, hub: SimulatedHub, partner: Partner
) -> None:
    """The closed bytes are overwritten, their keys forgotten; not even a hub that gives them again helps."""
    thread = uuid4()
    message = referred(hub, thread=thread)
    ngo.receive()
    ngo.open_message(message, **ANNE)
    held = len(ngo.keys)
    sealed = hub.topic[0].value
    head = open_head(sealed, hub.keys[message][0], MUNICIPALITY, PARTNER, message)
    closed, rest = sealed[1024 : 1024 + head.parts[0]], sealed[1024 + head.parts[0] :]

    hub.control(Revoked(thread=thread, parts={message: (1,)}))
    ngo.receive()
    assert len(ngo.keys) == held - 1
    disk = partner.disk()
    assert left_of(closed, disk) == 0
    assert left_of(rest, disk) > 100
    opened = ngo.open_message(message, **{**ANNE, "person": "li-8"})
    assert [one.category for one in opened.parts] == [Category.REFERRAL]
    assert answers(hub)[0].outcome is PurgeOutcome.PURGED


def test_of_a_message_closed_in_part_that_nobody_may_open_nothing_stays(ngo: Ngo, hub: SimulatedHub) -> None:
    """Without its head the closed bytes can't be told from the rest."""
    thread = uuid4()
    message = referred(hub, thread=thread)
    ngo.receive()
    del hub.keys[message]
    hub.control(Revoked(thread=thread, parts={message: (1,)}))
    ngo.receive()
    assert ngo.messages() == []
    assert ngo.store.sealed(message) is None


Story = list[tuple[str, UUID, bytes]]


def _told(hub: SimulatedHub) -> tuple[Story, dict[str, UUID]]:
    """Three messages and what revokes two of them, sealed and not yet numbered."""
    thread = uuid4()
    built: Story = []
    ids: dict[str, UUID] = {}
    for name in ("kept", "whole", "in_part"):
        parts = (part(Category.IDENTITY, "KANARIE"), part(Category.REFERRAL, "samtaleforløb"))
        ids[name], sealed = hub.build(*parts, thread=thread, referral=uuid4())
        built.append((name, ids[name], sealed))
    for name, control in (
        ("revoked", Revoked(thread=thread, messages=(ids["whole"],))),
        ("part_revoked", Revoked(thread=thread, parts={ids["in_part"]: (1,)})),
        ("erased", Erased(thread=thread, messages=(ids["whole"],), parts={ids["in_part"]: (1,)})),
    ):
        ids[name] = hub.control(control)
        built.append((name, ids[name], hub.topic.pop().value))
    return built, ids


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Partner, SimulatedHub, Link]]:
    """Give one partner, its hub and its link to all examples: new ones would take most of the time."""
    with tempfile.TemporaryDirectory() as folder:
        identity = Identity.new()
        partner = Partner(Path(folder), identity)
        identity.save(partner.folder / "keys")
        with serving(SimulatedHub(identity.public)) as hub, closing(Link.of(partner.configure(hub))) as link:
            yield partner, hub, link


@settings(max_examples=100, deadline=None)
@given(order=st.permutations(range(6)), stops=st.sets(st.integers(0, 5)))
def test_any_order_of_arrival_gives_the_same_end(
    shared: tuple[Partner, SimulatedHub, Link], order: list[int], stops: set[int]
) -> None:
    """Even from a hub that goes on giving keys: what is closed is not here, what is not is."""
    partner, hub, link = shared
    hub.topic.clear()
    hub.inbound.clear()
    shutil.rmtree(partner.folder / "data", ignore_errors=True)
    built, ids = _told(hub)
    ngo = Ngo(partner.configure(hub), link)
    for place, chosen in enumerate(order):
        hub.number(*built[chosen][1:])
        if place in stops:
            ngo.receive()
    ngo.receive()
    _the_same_end(ngo, hub, partner, built, ids)
    ngo.store.close()


def _the_same_end(ngo: Ngo, hub: SimulatedHub, partner: Partner, built: Story, ids: dict[str, UUID]) -> None:
    sealed = {name: raw for name, _, raw in built}
    assert {line.message_id for line in ngo.messages()} == {ids["kept"], ids["in_part"]}
    assert ngo.store.sealed(ids["kept"]) == sealed["kept"]
    left = ngo.store.sealed(ids["in_part"])
    assert left is not None
    keys = hub.keys[ids["in_part"]]
    head = open_head(left, keys[0], MUNICIPALITY, PARTNER, ids["in_part"])
    with pytest.raises(Tampered):
        open_part(left, head, 1, keys[1], MUNICIPALITY, PARTNER, ids["in_part"])
    open_part(left, head, 2, keys[2], MUNICIPALITY, PARTNER, ids["in_part"])
    disk = partner.disk()
    assert left_of(sealed["whole"], disk) == 0
    assert left_of(sealed["in_part"][1024 : 1024 + head.parts[0]], disk) == 0
    assert len(ngo.inbox()) == 2
    revocations = {ids["revoked"], ids["part_revoked"], ids["erased"]}
    assert {one.revocation for one in answers(hub)} == revocations
    assert {one.outcome for one in answers(hub)} == {PurgeOutcome.PURGED}
    assert ngo.store.outgoing() == []


def test_purged_is_sent_again_until_the_hub_has_it_and_counts_once(ngo: Ngo, hub: SimulatedHub) -> None:
    """Under one id, whatever gets lost on the way and whatever the hub says in between."""
    thread = uuid4()
    message = referred(hub, thread=thread)
    ngo.receive()
    hub.control(Revoked(thread=thread, messages=(message,)))
    ngo.send = lambda: 0  # type: ignore[method-assign]
    ngo.receive()
    del ngo.send
    hub.refuse = (404, "not-found")
    assert ngo.send() == 0
    hub.refuse, hub.lose_answers = None, 1
    with pytest.raises(HubUnreachable):
        ngo.send()
    assert ngo.send() == 1
    assert len(answers(hub)) == 1
    assert ngo.send() == 0


def test_purged_is_not_said_while_another_program_holds_the_log(
    ngo: Ngo, hub: SimulatedHub, partner: Partner
) -> None:
    """What was deleted may still lie in it; a referral's answer need not wait for that."""
    referral, thread = uuid4(), uuid4()
    referred(hub, referral=referral)
    message = referred(hub, thread=thread)
    ngo.receive()
    ngo.store._disk.read("PRAGMA busy_timeout=50")
    with closing(sqlite3.connect(partner.folder / "data" / "ngo.db")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM messages").fetchall()
        hub.control(Revoked(thread=thread, messages=(message,)))
        ngo.answer(referral, ReferralStatus.RECEIVED, person="li-7", name="Anne Prøve")
        ngo.receive()
        assert answers(hub) == []
        assert len(hub.inbound) == 1
    assert ngo.send() == 1
    assert len(answers(hub)) == 1


def test_what_was_taken_over_by_duty_is_answered_as_retained(hub: SimulatedHub, partner: Partner) -> None:
    """With its basis; the sealed bytes go all the same, for the inbox is nobody's journal."""
    with running(partner, hub, retains="health_record") as ngo:
        thread = uuid4()
        kept, other = (referred(hub, thread=thread) for _ in range(2))
        ngo.receive()
        assert len(ngo.take_over(kept, **ANNE).parts) == 2
        assert [look["taken_over"] for look in hub.looks] == [True]
        assert len(ngo.keys) == 0
        first = hub.control(Revoked(thread=thread, messages=(kept,)))
        second = hub.control(Revoked(thread=thread, messages=(other,)))
        third = hub.control(Erased(thread=thread, messages=(kept, other)))
        ngo.receive()
        assert [(one.revocation, one.outcome, one.basis) for one in answers(hub)] == [
            (first, PurgeOutcome.RETAINED, RetentionBasis.HEALTH_RECORD),
            (second, PurgeOutcome.PURGED, None),
            (third, PurgeOutcome.RETAINED, RetentionBasis.HEALTH_RECORD),
        ]
        assert ngo.messages() == []


def test_what_could_not_be_taken_over_is_purged(hub: SimulatedHub, partner: Partner) -> None:
    """Refused means that nothing went to the journal. Without a duty to keep, nothing may be taken over."""
    with running(partner, hub, retains="health_record") as ngo:
        thread = uuid4()
        message = referred(hub, thread=thread)
        ngo.receive()
        hub.refuse = (404, "not-found")
        with pytest.raises(NoLongerOpen):
            ngo.take_over(message, **ANNE)
        hub.refuse = None
        hub.control(Revoked(thread=thread, messages=(message,)))
        ngo.receive()
        assert answers(hub)[0].outcome is PurgeOutcome.PURGED
    with running(partner, hub) as ngo, pytest.raises(NotAllowed, match="retains"):
        ngo.take_over(message, **ANNE)


def test_an_adapter_that_does_not_purge_is_silent(hub: SimulatedHub, partner: Partner) -> None:
    """So a test of the hub can have one: nothing is answered, and nothing pretends to be."""

    class Silent(Ngo):
        def close_revoked(self, change: Change, revocation: UUID, closing: Closing) -> None:
            """Do as if nothing had come."""

    with running(partner, hub, Silent) as ngo:
        thread = uuid4()
        message = referred(hub, thread=thread)
        ngo.receive()
        hub.control(Revoked(thread=thread, messages=(message,)))
        ngo.receive()
        assert hub.answers() == []
        assert [line.message_id for line in ngo.messages()] == [message]


def test_keys_are_held_60_seconds_from_the_question(ngo: Ngo, hub: SimulatedHub) -> None:
    """A withdrawal may fall between question and answer, so the answer's time is no start."""
    clock = ngo.keys.clock
    assert isinstance(clock, Clock)
    message = hub.tell(part(Category.IDENTITY, "KANARIE"), part(Category.WISHES, "-"), thread=uuid4())
    ngo.receive()

    slow: Callable[..., dict[int, bytes]] = ngo._link.hub.open

    def ask(*args: Any, **more: Any) -> dict[int, bytes]:
        clock.now += 20
        return slow(*args, **more)

    ngo._link.hub.open = ask  # type: ignore[method-assign]
    ngo.open_message(message, **ANNE)
    del hub.keys[message]
    clock.now = 59.9
    ngo.open_message(message, **ANNE)
    assert len(ngo.keys) == 3
    clock.now = 60.0
    with pytest.raises(NoLongerOpen):
        ngo.open_message(message, **ANNE)
    assert len(ngo.keys) == 0
