"""From outside, after the withdrawal: no body opens, nothing says who, and silence is never a purge.

The attacker here is the NGO itself with everything it has: its login, its private keys, its topic from the
first record, and a copy of its disk from before.
"""

import base64
import itertools
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.client.errors import Tampered
from contracts.client.keys import Identity
from contracts.client.sealed import open_head, open_part
from contracts.envelope import Envelope, from_headers
from contracts.inbound_v1 import RetentionBasis
from contracts.message_v1 import Part, Revoked
from hub.adapters.partners.errors import AdapterError
from hub.adapters.partners.ngo.adapter import Ngo
from hub.adapters.partners.ngo.rows import Change
from hub.bootstrap import broker_of
from hub.demo.stage import NGO, TOLD_NGO, Refusal, Stage, example
from hub.settings import Settings
from tests.criteria import MET
from tests.support.canaries import forms

NAME, CPR = "Maja Eksempelsen", "7403912006"
WHO = {"person": "anna", "name": "Anna Rådgiver", "purpose": "referral"}
PATIENCE = 400


@pytest.fixture(params=["sqlite and embedded", "postgresql and kafka"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Give the settings of each stack."""
    found: dict[str, Any] = {
        "data_dir": tmp_path / "hub",
        "on_call": "112",
        "municipality": f"m{uuid4().hex[:12]}",
    }
    if request.param == "postgresql and kafka":
        found["database_url"] = request.getfixturevalue("database_url")
        found["kafka_bootstrap"] = request.getfixturevalue("kafka")
    return Settings(**found)


@pytest.fixture
def stage(settings: Settings) -> Iterator[Stage]:
    """Give a stage on which the NGO was told and has it on its disk."""
    with Stage(settings) as stage:
        stage.register_partners()
        stage.start_workers()
        yield stage


class Told:
    """A case of which the NGO was told, up to the moment before the withdrawal."""

    def __init__(self, stage: Stage, adapter: Ngo) -> None:
        self.stage, self.adapter = stage, adapter
        inge, mette = stage.people["inge"], stage.people["mette"]
        police = stage.police()
        police.submit(example("01-politi-natlig-vold-i-hjemmet"))
        until(lambda: (police.step(), inge.get("/v1/inbox")["waiting"])[1])
        self.case = inge.get("/v1/inbox")["waiting"][0]["case"]
        inge.post(f"/v1/cases/{self.case}/opening", {"criteria": MET}, "intake")
        inge.post(f"/v1/cases/{self.case}/coordinator", {"person": "mette", "name": "Mette Tovholder"})
        now = stage.parts.clock()
        consent = {
            "recipients": [NGO],
            "categories": TOLD_NGO,
            "purpose": "rådgivning",
            "form": "oral",
            "given_at": now.isoformat(),
            "ends_at": (now + timedelta(days=90)).isoformat(),
        }
        self.consent = mette.post(f"/v1/cases/{self.case}/consents", consent)["consent"]
        referral = {"recipient": NGO, "offer": "rådgivning", "urgency": "urgent"}
        mette.post(f"/v1/cases/{self.case}/referrals", referral)
        until(lambda: (adapter.receive(), len(adapter.messages()) > 1)[1])
        self.messages = [line.message_id for line in adapter.messages()]

    def withdraw(self) -> None:
        mette = self.stage.people["mette"]
        mette.post(f"/v1/cases/{self.case}/consents/{self.consent}/withdrawal")

    def told(self) -> dict[str, Any]:
        """The NGO's line in the disclosures."""
        lines = self.stage.people["mette"].get(f"/v1/cases/{self.case}/disclosures", "citizen_access")["told"]
        found: dict[str, Any] = next(line for line in lines if line["recipient"] == NGO)
        return found

    def answered(self) -> str:
        """What the disclosures say became of the revocation; empty before they know of it."""
        revoked = self.told()["revoked"]
        return str(revoked[-1]["answered"]) if revoked else ""


def until(wanted: Any, tries: int = PATIENCE, default: Any = None) -> Any:
    """Wait for other programs."""
    for _ in range(tries):
        if found := wanted():
            return found
        time.sleep(0.05)
    if default is None:
        raise TimeoutError
    return default


def records_of(settings: Settings) -> list[Envelope]:
    """The NGO's topic from the first record, as a reader of its own group sees it."""
    broker = broker_of(settings)
    consumer = broker.consumer(f"{settings.municipality}.to.{NGO}", f"{NGO}.{uuid4()}")
    found: list[Envelope] = []
    try:
        while records := until(lambda: consumer.poll(100, 1.0), tries=3, default=[]):
            found += [from_headers(r.headers, r.value) for r in records]
    finally:
        consumer.close()
        broker.close()
    return found


def bytes_of(folder: Path) -> bytes:
    """Every byte of every file below."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_with_everything_it_has_the_ngo_opens_no_body_and_learns_nobodys_name(
    stage: Stage, settings: Settings, tmp_path: Path
) -> None:
    """Login, private keys, topic from 0, and its disk from before."""
    told = Told(stage, stage.ngo(NGO))
    login = stage.partner_login(NGO)
    head_keys = login.post("/v1/messages/head-keys", {"messages": [str(m) for m in told.messages]})["keys"]
    before = tmp_path / "disk-from-before"
    shutil.copytree(settings.data_dir / "partners" / NGO, before)

    told.withdraw()

    for message in told.messages:
        with pytest.raises(Refusal):
            login.post(f"/v1/messages/{message}/open", WHO)
    assert login.post("/v1/messages/head-keys", {"messages": [str(m) for m in told.messages]})["keys"] == {}
    records = records_of(settings)
    assert {r.message_id for r in records} >= set(told.messages)
    identity = Identity.load(before / "keys")
    keys = {UUID(m): base64.b64decode(key) for m, key in head_keys.items()}
    known = [*keys.values(), identity.sealing.private_bytes_raw(), identity.signing.private_bytes_raw()]
    for record in records:
        if record.message_id in keys:
            assert bodies(settings, record, keys[record.message_id], known) == []
        else:
            assert isinstance(identity.control(settings.municipality, NGO, record), Revoked)
    held = bytes_of(before) + b"".join(record.value for record in records)
    for secret in (NAME, CPR, "Opdigtet"):
        assert [form for form, raw in forms(secret).items() if raw in held] == []


def bodies(settings: Settings, record: Envelope, head_key: bytes, known: list[bytes]) -> list[Part]:
    """Whatever opens behind a head that was copied before, with any key that the NGO ever held."""
    names = (settings.municipality, NGO, record.message_id)
    head = open_head(record.value, head_key, *names)
    assert head.parts
    found = []
    for key, number in itertools.product(known, range(1, len(head.parts) + 1)):
        with suppress(Tampered):
            found.append(open_part(record.value, head, number, key, *names))
    return found


def test_the_search_opens_a_body_when_it_has_the_key(stage: Stage, settings: Settings) -> None:
    """The oracle can fail: before the withdrawal, with the parts' keys, every body opens."""
    told = Told(stage, stage.ngo(NGO))
    login = stage.partner_login(NGO)
    for record in records_of(settings):
        if record.message_id in told.messages:
            given = login.post(f"/v1/messages/{record.message_id}/open", WHO)["keys"]
            keys = [base64.b64decode(given[str(n)]) for n in range(len(given))]
            assert len(bodies(settings, record, keys[0], keys)) == len(keys) - 1


def test_after_the_purge_its_disk_holds_no_trace(stage: Stage, settings: Settings) -> None:
    """Sealed bytes, free pages and the write-ahead log included."""
    adapter = stage.ngo(NGO)
    told = Told(stage, adapter)
    sealed = [s for m in told.messages if (s := adapter.store.sealed(m)) is not None]
    disk = settings.data_dir / "partners" / NGO / "data"
    assert all(body[:64] in bytes_of(disk) for body in sealed)

    told.withdraw()
    until(lambda: (adapter.step(), told.answered() == "purged")[1])

    left = bytes_of(disk)
    for body in sealed:
        for start in range(0, len(body) - 64, 512):
            assert body[start : start + 64] not in left
    assert adapter.messages() == []


class Deaf(Ngo):
    """An adapter that keeps what it should drop, and says nothing."""

    def apply(self, received: Any, position: Any) -> None:
        heard = [one for one in received if not isinstance(one.control, Revoked)]
        super().apply(heard, position)

    def close_revoked(self, change: Change, revocation: UUID, closing: Any) -> None:
        """Nothing."""


def test_an_adapter_that_refuses_to_purge_shows_as_silent(settings: Settings) -> None:
    """Never as purged, however long it takes; and what it kept opens no more."""
    quick = settings.model_copy(update={"purge_silent_after": timedelta(seconds=1)})
    with Stage(quick) as stage:
        stage.register_partners()
        stage.start_workers()
        told = Told(stage, Deaf.of(stage.partner_settings(NGO)))
        told.withdraw()
        until(lambda: (told.adapter.step(), told.answered() == "silent")[1])
        assert len(told.adapter.messages()) == len(told.messages)
        for message in told.messages:
            with pytest.raises(AdapterError):
                told.adapter.open_message(message, person="per", name="Per", purpose="referral")
        told.adapter.close()


def test_what_was_taken_over_by_duty_shows_as_retained(stage: Stage) -> None:
    """With the duty that it names."""
    duty = stage.partner_settings(NGO).model_copy(update={"retains": RetentionBasis.PUBLIC_RECORD})
    adapter = Ngo.of(duty)
    told = Told(stage, adapter)
    adapter.take_over(told.messages[0], person="anna", name="Anna", purpose="referral")

    told.withdraw()
    until(lambda: (adapter.step(), told.answered() == "retained")[1])

    opened = told.told()["opened"]
    assert any(o["message"] == str(told.messages[0]) for o in opened)
    adapter.close()
