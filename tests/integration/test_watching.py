"""What is counted and told of commands, facts and messages; never in which case, or about whom."""

import json
import logging
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest

from contracts.client.keys import Identity
from contracts.envelope import to_headers
from contracts.inbound_v1 import Inbound
from contracts.terms import SafetyLevel
from hub.adapters.broker.embedded import EmbeddedBroker
from hub.aggregates.registry import TOPICS
from hub.application.committing import Command
from hub.application.watching import COMMANDS, DONE, NOTHING, UNEXPECTED
from hub.errors import Corrupt, HubError, Missing, NoKek, UnknownKey
from hub.operating.working import Worker, Workers, receivers
from hub.ports import Record
from tests.support.social_reports import example
from tests.world import MUNICIPALITY, NGO, POLICE, TOVHOLDER, UNIT, World


def counted(world: World, name: str, **labels: str) -> float:
    return world.parts.measures.registry.get_sample_value(name, labels) or 0


def lines(caplog: pytest.LogCaptureFixture, event: str) -> list[dict[str, Any]]:
    found = [json.loads(r.getMessage()) for r in caplog.records if r.name.startswith("hub.")]
    return [line for line in found if line["event"] == event]


@pytest.fixture(autouse=True)
def _every_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="hub")


def test_every_command_is_watched(world: World) -> None:
    """Also one that somebody adds tomorrow: there is no list to forget it in."""
    assert {"receive_report", "withdraw_consent", "do_what_is_due", "register_partner"} <= set(COMMANDS)
    for name in COMMANDS:
        assert hasattr(getattr(world.parts.hub, name), "__wrapped__"), name


def test_a_command_is_one_line_with_how_it_ended(world: World, caplog: pytest.LogCaptureFixture) -> None:
    case = world.open_case()
    caplog.clear()
    world.level(case, SafetyLevel.HIGH)
    with pytest.raises(Missing):
        world.level(uuid4(), SafetyLevel.HIGH)
    done, refused = lines(caplog, "a command")
    assert done["ms"] > 0
    assert done["position"] == world.parts.app.recorder.max_notification_id()
    assert done.keys() == {"event", "at", "level", "command", "outcome", "role", "ms", "position"}
    assert {done["command"], refused["command"]} == {"change_safety_level"}
    assert [done["outcome"], refused["outcome"], refused["level"]] == [DONE, "not-found", "info"]
    assert str(case) not in caplog.text
    assert counted(world, "hub_commands_total", command="change_safety_level", outcome=DONE) == 1
    assert counted(world, "hub_commands_total", command="change_safety_level", outcome="not-found") == 1
    assert counted(world, "hub_command_seconds_count", command="change_safety_level") == 2


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(KeyError("Maja"), UNEXPECTED), (Corrupt("x"), "corrupt"), (NoKek("x"), "unknown-key")],
)
def test_what_nobody_foresaw_and_what_is_corrupt_is_an_alarm(
    world: World,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    outcome: str,
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    case = world.open_case()
    monkeypatch.setattr(world.parts.committer, "case_for", fails)
    caplog.clear()
    with pytest.raises(type(error)):
        world.level(case, SafetyLevel.HIGH)
    (line,) = lines(caplog, "a command")
    assert (line["level"], line["outcome"]) == ("error", outcome)
    assert "Maja" not in caplog.text


def test_a_timer_that_finds_nothing_due_is_counted_and_told_to_nobody(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """It looks every second."""
    case = world.open_case()
    caplog.clear()
    world.timers(case)
    assert lines(caplog, "a command") == []
    assert counted(world, "hub_commands_total", command="do_what_is_due", outcome=NOTHING) == 1


def test_facts_are_counted_by_their_stored_name_once_committed(world: World) -> None:
    """Looks and withdrawals among them."""
    case = world.open_case()
    consent = world.consent(case)
    before = counted(world, "hub_facts_total", fact="look.recorded")
    world.parts.queries.could_kill(TOVHOLDER, world.case(case), "safety")
    assert counted(world, "hub_facts_total", fact="look.recorded") == before + 1
    assert counted(world, "hub_facts_total", fact="case.consent_withdrawn") == 0
    world.withdraw(case, consent)
    withdrawn = counted(world, "hub_facts_total", fact="case.consent_withdrawn")
    assert withdrawn > 0
    with pytest.raises(HubError):
        world.parts.hub.withdraw_consent(Command(by=TOVHOLDER, key="again"), case, uuid4())
    assert counted(world, "hub_facts_total", fact="case.consent_withdrawn") == withdrawn


def test_messages_are_counted_when_the_broker_has_them_and_told_by_recipient(
    world: World, broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    world.consent(world.open_case())
    with closing(world.parts.relay(broker)) as relay:
        while relay.step():
            continue
    for slug in (NGO, UNIT):
        assert counted(world, "hub_messages_sent_total", recipient=slug) == len(world.stored(slug)) > 0
        assert sum(one["count"] for one in lines(caplog, "messages sent") if one["partner"] == slug) == len(
            world.stored(slug)
        )


def test_a_partners_message_is_one_line_and_counted_by_what_became_of_it(
    world: World, broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    hub = world.parts.identity.public
    for identity in (world.identities[POLICE], Identity.new()):
        message = Inbound.report({**example(), "report_id": str(uuid4())})
        sent = identity.send(MUNICIPALITY, POLICE, uuid4(), message, hub)
        broker.publish([Record(f"{MUNICIPALITY}.from.{POLICE}", sent.value, to_headers(sent))])
    (receiver,) = [one for one in receivers(world.parts, broker) if one.name == f"receive.{POLICE}"]
    caplog.clear()
    while not receiver.step():
        continue
    receiver.close()
    found = [(line["outcome"], line["partner"]) for line in lines(caplog, "a message of a partner")]
    assert found == [("taken", POLICE), ("bad_signature", POLICE)]
    for outcome, _ in found:
        assert counted(world, "hub_messages_received_total", partner=POLICE, outcome=outcome) == 1


def test_a_step_that_fails_is_counted(world: World) -> None:
    steps: list[int] = []

    def step() -> int:
        steps.append(1)
        raise UnknownKey("x")

    workers = Workers([Worker("relay", step)], measures=world.parts.measures)
    workers.start()
    while len(steps) < 2:
        continue
    workers.stop()
    assert counted(world, "hub_worker_failures_total", worker="relay") == len(steps)


def test_no_label_can_name_a_case_or_a_person(world: World, broker: EmbeddedBroker) -> None:
    """After a story: every label of commands, facts and messages is a word of the code or a slug of ours."""
    world.consent(world.open_case())
    with closing(world.parts.relay(broker)) as relay:
        relay.step()
    slugs = {row.slug for row in world.parts.app.store.partners()}
    known = {
        "command": set(COMMANDS),
        "outcome": {DONE, NOTHING, UNEXPECTED},
        "fact": set(TOPICS),
        "recipient": slugs,
    }
    seen = set()
    for family in world.parts.measures.registry.collect():
        for sample in family.samples:
            for label, value in sample.labels.items():
                seen.add(label)
                assert label == "le" or value in known[label], (label, value)
    assert seen == {"le", *known}
