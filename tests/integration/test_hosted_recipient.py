"""A recipient without a system of its own: the hub keeps its read model, from its topic and nothing else."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from contracts.client.keys import Identity
from contracts.terms import Category, ReferralStatus
from hub.adapters.broker.embedded import EmbeddedBroker
from hub.aggregates.receipts import Opened
from hub.errors import Missing
from hub.ports import Broker
from tests.world import NGO, SHELTER, World, at

TOLD = (Category.IDENTITY, Category.REFERRAL)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """Give a broker; the contract suite shows that the two are alike to a reader."""
    with closing(EmbeddedBroker(tmp_path / "broker.db")) as embedded:
        yield embedded


@pytest.fixture
def hosted(tmp_path: Path) -> Iterator[World]:
    """Give a municipality whose hub keeps the NGO's keys and read model."""
    with closing(World.built(tmp_path / "hub")) as world:
        world.identities[NGO].save(world.parts.settings.data_dir / "keys" / "recipients" / NGO)
        yield world


def carried(world: World, broker: Broker) -> None:
    """The relay sends everything, and the projection takes in what is the NGO's."""
    broker.create_topics(world.parts.outgoing.topics(world.identities), 1)
    relay, projector = world.parts.relay(broker), world.parts.projector(broker, NGO)
    while relay.step():
        pass
    wanted = world.parts.app.store.number_at(NGO, world.log()[-1][0])
    while world.parts.views["referrals"].position(NGO) < wanted:
        projector.step(100, 0.2)
    projector.close()
    relay.close()


def test_the_inbox_says_where_each_referral_stands_and_not_whom_it_is_about(
    hosted: World, broker: Broker
) -> None:
    """Heads alone stand in the clear."""
    case = hosted.open_case()
    hosted.consent(case, [NGO], TOLD)
    referral = hosted.refer(case)
    carried(hosted, broker)

    (row,) = hosted.parts.queries.referrals(at(NGO))

    assert row.clear["referral"] == str(referral)
    assert row.clear["kind"] == "referral_requested"
    assert row.clear["deadline"]
    assert "Maja" not in str(row.clear)


def test_a_named_person_reads_a_thread_and_each_message_is_recorded_as_opened(
    hosted: World, broker: Broker
) -> None:
    """The content opens through gate 3, message by message."""
    case = hosted.open_case()
    hosted.consent(case, [NGO], TOLD)
    hosted.refer(case)
    carried(hosted, broker)

    read = hosted.parts.queries.thread(at(NGO), hosted.thread(case, NGO), "referral")

    told = {part.category for row in read for part in row.parts}
    assert told == set(TOLD)
    assert any(part.data.get("name") == "Maja Eksempelsen" for row in read for part in row.parts)
    assert {o.message_id for o in hosted.facts(Opened)} == {row.row.message_id for row in read}


def test_after_the_withdrawal_the_read_model_is_empty(hosted: World, broker: Broker) -> None:
    """Nothing opens at once; the rows go when the revocation arrives."""
    case = hosted.open_case()
    consent = hosted.consent(case, [NGO], TOLD)
    hosted.refer(case)
    carried(hosted, broker)
    thread = hosted.thread(case, NGO)

    hosted.withdraw(case, consent)

    assert hosted.parts.queries.thread(at(NGO), thread, "referral") == []
    carried(hosted, broker)
    assert hosted.parts.queries.referrals(at(NGO)) == []
    with pytest.raises(Missing):
        hosted.parts.queries.thread(at(NGO), thread, "referral")


def test_another_organisation_reads_nothing_of_it(hosted: World, broker: Broker) -> None:
    """A thread is known to one recipient alone."""
    case = hosted.open_case()
    hosted.consent(case, [NGO], TOLD)
    carried(hosted, broker)

    for thread in (hosted.thread(case, NGO), hosted.thread(case, SHELTER), UUID(int=0)):
        with pytest.raises(Missing):
            hosted.parts.queries.thread(at(SHELTER), thread, "referral")


def test_a_read_model_filled_twice_is_the_same(hosted: World, broker: Broker) -> None:
    """A redelivery changes nothing."""
    case = hosted.open_case()
    hosted.consent(case, [NGO], TOLD)
    referral = hosted.refer(case)
    carried(hosted, broker)
    before = list(hosted.parts.views["referrals"].rows(NGO))

    hosted.parts.relay(broker).resend(NGO, (0, 0))
    hosted.parts.hub.answer_referral(
        hosted.command(at(NGO)), hosted.thread(case, NGO), referral, ReferralStatus.ACCEPTED, None
    )
    carried(hosted, broker)

    assert list(hosted.parts.views["referrals"].rows(NGO))[: len(before)] == before


def test_the_keys_of_a_hosted_recipient_are_never_overwritten(hosted: World) -> None:
    """A second save fails."""
    with pytest.raises(FileExistsError):
        Identity.new().save(hosted.parts.settings.data_dir / "keys" / "recipients" / NGO)
