"""A recipient keeps what nobody can read without the hub, and loses it when it is told to."""

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.client.errors import HubUnreachable, NotLetIn
from contracts.inbound_v1 import Problem, ReferralAnswer
from contracts.message_v1 import Blank, Heartbeat
from contracts.terms import Category, MessageKind, ReferralStatus, RejectionReason
from hub.adapters.partners.errors import NoLongerOpen, NotAllowed, UnknownItem
from hub.adapters.partners.ngo.adapter import Ngo
from hub.adapters.partners.ngo.desk import Opened
from tests.integration.partners.conftest import Partner
from tests.integration.partners.hub import AT, SimulatedHub, part
from tests.integration.partners.traces import found

SECRET = "KANARIE Maja Eksempelsen"
ANNE = {"person": "li-7", "name": "Anne Prøve", "purpose": "referral"}
BO = {"person": "li-8", "name": "Bo Prøve", "purpose": "referral"}


def referred(hub: SimulatedHub, thread: UUID | None = None, **head: Any) -> UUID:
    """Send a referral that says who."""
    parts = (part(Category.IDENTITY, SECRET), part(Category.REFERRAL, "samtaleforløb"))
    return hub.tell(*parts, thread=thread or uuid4(), **head)


def said(opened: Opened) -> list[str]:
    """What the parts say."""
    return [one.data["text"] for one in opened.parts]


def test_it_keeps_sealed_bytes_and_heads_and_never_a_key_or_who(
    ngo: Ngo, hub: SimulatedHub, partner: Partner, caplog: pytest.LogCaptureFixture
) -> None:
    """What its disk shows is what a list sorts by."""
    caplog.set_level(logging.DEBUG)
    message = referred(hub, referral=uuid4(), deadline=AT)
    assert ngo.receive() == 1
    ngo.open_message(message, **ANNE)
    disk = partner.disk()
    assert hub.topic[0].value[:64] in disk
    assert SECRET.encode() not in disk
    assert found(hub.keys[message].values(), disk) == 0
    assert "KANARIE" not in caplog.text


def test_head_keys_are_asked_for_in_batches(ngo: Ngo, hub: SimulatedHub) -> None:
    """One question for all that came at once; what has no living grant is not kept, and the rest goes on."""
    messages = [referred(hub) for _ in range(5)]
    del hub.keys[messages[2]]
    assert ngo.receive() == 5
    assert hub.key_batches == [messages]
    assert [line.message_id for line in ngo.messages()] == messages[:2] + messages[3:]
    assert ngo.store.position == (1, 5)


def test_the_inbox_lists_referrals_by_deadline_with_their_state(ngo: Ngo, hub: SimulatedHub) -> None:
    """The nearest deadline first, those without one last; what was told in a thread stands together."""
    late, soon, open_end = uuid4(), uuid4(), uuid4()
    thread = uuid4()
    first = referred(hub, thread, referral=late, deadline=AT + timedelta(days=9))
    referred(hub, referral=open_end)
    referred(hub, referral=soon, deadline=AT + timedelta(days=2))
    told = hub.tell(part(Category.RISK, "høj"), thread=thread, kind=MessageKind.SAFETY_LEVEL_CHANGED)
    hub.tell(part(Category.REFERRAL, "-"), thread=thread, referral=late, kind=MessageKind.REFERRAL_CANCELLED)
    ngo.receive()
    listed = ngo.inbox()
    assert [one.referral for one in listed] == [soon, late, open_end]
    assert [one.status.value for one in listed] == ["requested", "cancelled", "requested"]
    assert listed[1].messages[:2] == (first, told)


def test_each_referral_of_a_case_lists_what_is_about_it_and_not_about_the_other(
    ngo: Ngo, hub: SimulatedHub
) -> None:
    """One was cancelled, the other accepted; what is about the case stands under both."""
    cancelled, accepted, thread = uuid4(), uuid4(), uuid4()
    for referral, kind in (
        (cancelled, MessageKind.REFERRAL_REQUESTED),
        (accepted, MessageKind.REFERRAL_REQUESTED),
        (None, MessageKind.SAFETY_LEVEL_CHANGED),
        (cancelled, MessageKind.REFERRAL_CANCELLED),
        (accepted, MessageKind.REFERRAL_ACCEPTED),
    ):
        hub.tell(part(Category.REFERRAL, "-"), thread=thread, referral=referral, kind=kind)
    ngo.receive()
    told = {one.referral: [line.kind.value for line in one.told] for one in ngo.inbox()}
    asked, level = "referral_requested", "safety_level_changed"
    assert told == {
        cancelled: [asked, level, "referral_cancelled"],
        accepted: [asked, level, "referral_accepted"],
    }


@pytest.mark.parametrize("over", ["cancelled", "rejected", "completed"])
def test_a_referral_that_is_over_is_answered_no_more(ngo: Ngo, hub: SimulatedHub, over: str) -> None:
    """At once, with the reason; nothing is kept or sent."""
    referral, thread = uuid4(), uuid4()
    referred(hub, thread, referral=referral)
    kind = MessageKind(f"referral_{over}")
    hub.tell(part(Category.REFERRAL, "-"), thread=thread, referral=referral, kind=kind)
    ngo.receive()
    with pytest.raises(NotAllowed, match=f"this referral is {over}, as the municipality told us"):
        ngo.answer(referral, ReferralStatus.ACCEPTED, person="li-7", name="Anne Prøve")
    assert ngo.store.outgoing() == []
    assert ngo.inbox()[0].answered is None


def test_a_named_person_opens_and_the_hub_knows(ngo: Ngo, hub: SimulatedHub) -> None:
    """Who, under which name, why; another person's look is a look of its own."""
    message = referred(hub)
    ngo.receive()
    assert said(ngo.open_message(message, **ANNE)) == [SECRET, "samtaleforløb"]
    ngo.open_message(message, **ANNE)
    ngo.open_message(message, **BO)
    ngo.open_message(message, **{**ANNE, "purpose": "safety"})
    asked = [(look["person"], look["purpose"], look["taken_over"]) for look in hub.looks]
    assert asked == [("li-7", "referral", False), ("li-8", "referral", False), ("li-7", "safety", False)]
    assert SECRET not in repr(ngo.open_message(message, **ANNE))


def test_refused_is_refused(ngo: Ngo, hub: SimulatedHub) -> None:
    """No key, no content; and it says that it can no longer be opened."""
    message = referred(hub)
    ngo.receive()
    del hub.keys[message]
    with pytest.raises(NoLongerOpen, match="gives no key"):
        ngo.open_message(message, **ANNE)
    with pytest.raises(NoLongerOpen, match="not here"):
        ngo.open_message(uuid4(), **ANNE)
    hub.refuse = (403, "forbidden")
    with pytest.raises(NoLongerOpen, match="forbidden"):
        ngo.open_message(message, **ANNE)
    hub.down = True
    with pytest.raises(HubUnreachable):
        ngo.open_message(message, **ANNE)


def test_a_look_without_a_purpose_from_the_list_is_refused_here(ngo: Ngo, hub: SimulatedHub) -> None:
    """Nobody tells a story where a purpose belongs."""
    message = referred(hub)
    ngo.receive()
    with pytest.raises(NotAllowed, match="purpose"):
        ngo.open_message(message, person="li-7", name="Anne Prøve", purpose="nysgerrig")
    assert hub.looks == []


def test_a_part_without_a_living_grant_is_left_out(ngo: Ngo, hub: SimulatedHub) -> None:
    """What no grant carries is not shown; the rest is."""
    message = referred(hub)
    ngo.receive()
    del hub.keys[message][1]
    assert said(ngo.open_message(message, **ANNE)) == ["samtaleforløb"]


def test_blanks_and_heartbeats_move_the_position_and_leave_nothing(ngo: Ngo, hub: SimulatedHub) -> None:
    """A number is used; nothing else is."""
    hub.control(Heartbeat(at=AT))
    hub.blank(uuid4())
    hub.control(Blank())
    assert ngo.receive() == 3
    assert ngo.messages() == []


def test_after_a_restore_the_same_messages_under_new_numbers_change_nothing(
    ngo: Ngo, hub: SimulatedHub
) -> None:
    """The epoch rises; what is here stays once."""
    message = referred(hub)
    ngo.receive()
    hub.epoch = 2
    hub.number(message, hub.topic[0].value)
    later = referred(hub)
    assert ngo.receive() == 2
    assert [line.message_id for line in ngo.messages()] == [message, later]
    assert ngo.store.position == (2, 2)


def test_bad_messages_are_reported_and_the_rest_goes_on(ngo: Ngo, hub: SimulatedHub) -> None:
    """A message that can never be used stops nobody."""
    first = referred(hub)
    bad, sealed = hub.build(part(Category.IDENTITY, SECRET), thread=uuid4())
    hub.number(bad, b"\0" * 64 + sealed[64:])
    last = referred(hub)
    assert ngo.receive() == 3
    assert [line.message_id for line in ngo.messages()] == [first, last]
    assert [a for a in hub.answers() if isinstance(a, Problem)] == [
        Problem(message_id=bad, reason="tampered")
    ]


def test_a_damaged_part_is_reported_when_somebody_opens_it(ngo: Ngo, hub: SimulatedHub) -> None:
    """The head was sound, so it was kept; the person is told, and the hub."""
    message, sealed = hub.build(part(Category.IDENTITY, SECRET), thread=uuid4())
    hub.number(message, sealed[:1040] + b"\0" * 16 + sealed[1056:])
    ngo.receive()
    with pytest.raises(NoLongerOpen, match="damaged"):
        ngo.open_message(message, **ANNE)
    ngo.send()
    assert hub.answers() == [Problem(message_id=message, reason="tampered")]


def test_an_infrastructure_error_stops_it_where_it_is(ngo: Ngo, hub: SimulatedHub) -> None:
    """Nothing is skipped, nothing is taken in twice."""
    referred(hub)
    hub.down = True
    with pytest.raises(HubUnreachable):
        ngo.receive()
    hub.down, hub.refuse = False, (403, "suspended")
    with pytest.raises(NotLetIn):
        ngo.receive()
    assert ngo.store.position == (0, 0)
    hub.refuse, hub.lose_answers = None, 1
    with pytest.raises(HubUnreachable):
        ngo.receive()
    assert ngo.receive() == 1
    assert len(ngo.messages()) == 1


def test_an_answer_is_kept_until_the_hub_has_it(ngo: Ngo, hub: SimulatedHub) -> None:
    """Lost answers are sent again under the same id; the hub carries them out once, in order."""
    referral, thread = uuid4(), uuid4()
    referred(hub, thread, referral=referral)
    ngo.receive()
    for status in (ReferralStatus.RECEIVED, ReferralStatus.ACCEPTED, ReferralStatus.ACCEPTED):
        ngo.answer(referral, status, person="li-7", name="Anne Prøve")
    shown = ngo.inbox()[0].answered
    assert shown is not None
    assert (shown.status, shown.state) == (ReferralStatus.ACCEPTED, "waiting")
    hub.lose_answers = 1
    with pytest.raises(HubUnreachable):
        ngo.send()
    assert ngo.send() == 2
    answers = hub.answers()
    assert [a.status.value for a in answers if isinstance(a, ReferralAnswer)] == ["received", "accepted"]
    assert {(a.thread, a.referral, a.by.name) for a in answers if isinstance(a, ReferralAnswer)} == {
        (thread, referral, "Anne Prøve")
    }
    shown = ngo.inbox()[0].answered
    assert shown is not None
    assert shown.state == "sent"
    assert ngo.send() == 0


def test_an_answer_that_the_hub_refuses_is_shown(ngo: Ngo, hub: SimulatedHub) -> None:
    """With its reason; and it may be answered anew. A hub that is busy with the case is asked again."""
    referral = uuid4()
    referred(hub, referral=referral)
    ngo.receive()
    ngo.answer(referral, ReferralStatus.COMPLETED, person="li-7", name="Anne Prøve")
    hub.refuse = (409, "conflict")
    assert ngo.send() == 0
    assert ngo.inbox()[0].answered.state == "waiting"  # type: ignore[union-attr]
    hub.refuse = (409, "illegal-transition")
    assert ngo.send() == 0
    shown = ngo.inbox()[0].answered
    assert shown is not None
    assert (shown.state, shown.note) == ("refused", "illegal-transition")
    hub.refuse = None
    reason = RejectionReason.NO_CAPACITY
    ngo.answer(referral, ReferralStatus.REJECTED, person="li-7", name="Anne Prøve", reason=reason)
    assert ngo.send() == 1
    with pytest.raises(UnknownItem):
        ngo.answer(uuid4(), ReferralStatus.ACCEPTED, person="li-7", name="Anne Prøve")


def test_what_waits_to_be_sent_is_sealed_on_disk(ngo: Ngo, hub: SimulatedHub, partner: Partner) -> None:
    """Nor does the answer's author stand there."""
    referral = uuid4()
    referred(hub, referral=referral)
    ngo.receive()
    ngo.answer(referral, ReferralStatus.ACCEPTED, person="li-7", name="KANARIE Anne")
    assert b"KANARIE" not in partner.disk()


def test_it_takes_in_more_than_one_batch(ngo: Ngo, hub: SimulatedHub) -> None:
    """All that there is, in order."""
    messages = [referred(hub) for _ in range(230)]
    assert ngo.receive() == 230
    assert [line.message_id for line in ngo.messages()] == messages
    assert json.dumps([len(batch) for batch in hub.key_batches]) == "[100, 100, 30]"


def test_the_clock_of_answers_is_given(partner: Partner, hub: SimulatedHub) -> None:
    """The time of an answer is ours to set in a test."""
    at = datetime(2026, 12, 1, 8, tzinfo=UTC)
    from hub.adapters.partners.links import Link

    settings = partner.configure(hub)
    ngo = Ngo(settings, Link.of(settings), clock=lambda: at)
    referral = uuid4()
    referred(hub, referral=referral)
    ngo.receive()
    ngo.answer(referral, ReferralStatus.ACCEPTED, person="li-7", name="Anne Prøve")
    ngo.send()
    assert [a.at for a in hub.answers() if isinstance(a, ReferralAnswer)] == [at]
    ngo.close()
