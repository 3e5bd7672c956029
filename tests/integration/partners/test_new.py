"""What an NGO was told since somebody there last looked is listed as new, by its kind and never of whom."""

from uuid import UUID, uuid4

import pytest

from contracts.message_v1 import Revoked
from contracts.terms import Category, MessageKind, ReferralStatus
from hub.adapters.partners.errors import NoLongerOpen
from hub.adapters.partners.ngo.__main__ import main, told
from hub.adapters.partners.ngo.adapter import Ngo
from hub.adapters.partners.ngo.inbox import is_new
from tests.integration.partners.conftest import Partner
from tests.integration.partners.hub import SimulatedHub, part
from tests.integration.partners.running import running

K = MessageKind
ANNE = {"person": "li-7", "name": "Anne Prøve", "purpose": "referral"}


def tells(hub: SimulatedHub, thread: UUID, kind: MessageKind, referral: UUID | None = None) -> UUID:
    return hub.tell(part(Category.RISK, "KANARIE"), thread=thread, kind=kind, referral=referral)


def new(ngo: Ngo) -> list[MessageKind]:
    """What waits to be opened, of the one referral."""
    (listed,) = ngo.inbox()
    return [line.kind for line in listed.told if is_new(line)]


def test_what_came_since_somebody_looked_is_new_until_somebody_opens_it(ngo: Ngo, hub: SimulatedHub) -> None:
    """A correction, what was taken back, another level: each by itself, and opened by whoever it was."""
    thread, referral = uuid4(), uuid4()
    asked = tells(hub, thread, K.REFERRAL_REQUESTED, referral)
    ngo.receive()
    assert new(ngo) == [K.REFERRAL_REQUESTED]
    ngo.open_message(asked, **ANNE)
    assert new(ngo) == []
    since = (K.ENTRY_CORRECTED, K.REPORT_RETRACTED, K.SAFETY_LEVEL_CHANGED)
    corrected, *_ = [tells(hub, thread, kind) for kind in since]
    ngo.receive()
    assert new(ngo) == list(since)
    ngo.open_message(corrected, **{**ANNE, "person": "li-8"})
    assert new(ngo) == list(since[1:])


def test_what_we_answered_ourselves_is_told_back_and_is_not_new(ngo: Ngo, hub: SimulatedHub) -> None:
    """A cancellation is the municipality's, and is."""
    thread, referral = uuid4(), uuid4()
    for kind in (K.REFERRAL_REQUESTED, K.REFERRAL_RECEIVED, K.REFERRAL_ACCEPTED, K.REFERRAL_CANCELLED):
        tells(hub, thread, kind, referral)
    ngo.receive()
    assert new(ngo) == [K.REFERRAL_REQUESTED, K.REFERRAL_CANCELLED]


def test_what_could_not_be_opened_stays_new(ngo: Ngo, hub: SimulatedHub) -> None:
    asked = tells(hub, uuid4(), K.REFERRAL_REQUESTED, uuid4())
    ngo.receive()
    hub.keys.pop(asked)
    with pytest.raises(NoLongerOpen):
        ngo.open_message(asked, **ANNE)
    assert new(ngo) == [K.REFERRAL_REQUESTED]


def test_what_was_taken_over_is_not_new(partner: Partner, hub: SimulatedHub) -> None:
    """Our own journal has it."""
    with running(partner, hub, retains="health_record") as ngo:
        asked = tells(hub, uuid4(), K.REFERRAL_REQUESTED, uuid4())
        ngo.receive()
        ngo.take_over(asked, **ANNE)
        assert new(ngo) == []


def test_that_it_was_opened_goes_with_the_purge(ngo: Ngo, hub: SimulatedHub) -> None:
    thread = uuid4()
    asked = tells(hub, thread, K.REFERRAL_REQUESTED, uuid4())
    ngo.receive()
    ngo.open_message(asked, **ANNE)
    hub.control(Revoked(thread=thread, messages=(asked,)))
    ngo.receive()
    assert ngo.store._disk.read("SELECT * FROM opened") == []
    ngo.store.opened(asked)
    assert ngo.store._disk.read("SELECT * FROM opened") == [], "a look that was under way brings nothing back"


def test_the_list_says_what_is_new_and_what_was_told_without_a_referral(
    partner: Partner, hub: SimulatedHub, ngo: Ngo, capsys: pytest.CaptureFixture[str]
) -> None:
    """By kind alone; what it says opens for a named person."""
    thread = uuid4()
    asked = tells(hub, thread, K.REFERRAL_REQUESTED, uuid4())
    level, alone = tells(hub, thread, K.SAFETY_LEVEL_CHANGED), tells(hub, uuid4(), K.PRESENT_STATE)
    ngo.receive()
    ngo.open_message(asked, **ANNE)
    assert main(["--config", str(partner.config), "inbox"]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"  message {asked}  referral_requested",
        f"  message {level}  safety_level_changed  NEW: nobody here has opened it",
        "told without a referral",
        f"  message {alone}  present_state  NEW: nobody here has opened it",
    ]
    assert [told(line) for line in ngo.told()] == lines[-1:]
    assert ngo.inbox()[0].status is ReferralStatus.REQUESTED
