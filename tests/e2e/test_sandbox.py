"""A partner's developer gets a municipality of made-up cases, and reads everything in it with a program."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from contracts.client.errors import SealedForSomeoneElse
from contracts.client.inbox import START
from contracts.client.sealed import open_head
from contracts.inbound_v1 import Inbound, PurgeAnswer, PurgeOutcome
from contracts.message_v1 import Control, Receipt
from contracts.terms import MessageKind
from hub.adapters.partners.errors import NoLongerOpen
from hub.adapters.partners.links import Link
from hub.adapters.partners.ngo.adapter import Ngo
from hub.adapters.partners.settings import PartnerSettings
from hub.demo.sandbox import Kind, play
from hub.errors import Invalid
from tests.integration.test_command_line import HUB, environment

ROOT = Path(__file__).parents[2]
START_S, PATIENCE_S = 60.0, 30.0
ANNA = {"person": "anna", "name": "Anna Rådgiver", "purpose": "referral"}


@contextmanager
def sandbox(folder: Path, *words: str) -> Iterator[list[str]]:
    """What `hub sandbox` says, while it runs; ended as an operator would."""
    command = [*HUB, "sandbox", str(folder), *words]
    log = folder.parent / "sandbox.log"
    with (
        log.open("w") as out,
        subprocess.Popen(command, env=environment(folder), stdout=out, stderr=out) as hub,
    ):
        try:
            until(lambda: "Ctrl-C ends it" in log.read_text() or hub.poll() is not None, START_S)
            yield log.read_text().splitlines()
        finally:
            hub.send_signal(signal.SIGTERM)
            assert hub.wait(PATIENCE_S) == 0, log.read_text()


def until(happened: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Wait for what another program does."""
    end = time.monotonic() + patience_s
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.1)


def controls(settings: PartnerSettings) -> list[Control]:
    """Every control message that lies there for the partner, opened with its keys."""
    found = []
    with closing(Link.of(settings)) as link:
        for envelope in link.hub.messages(*START, 500):
            link.party.verify(envelope)
            try:
                found.append(link.party.control(envelope))
            except SealedForSomeoneElse:
                continue
    return found


def heads(settings: PartnerSettings) -> set[MessageKind]:
    """What the data messages that lie there tell, by their heads."""
    with closing(Link.of(settings)) as link:
        sealed = {one.message_id: one.value for one in link.hub.messages(*START, 500)}
        keys = link.hub.head_keys(list(sealed))
        names = (settings.municipality, settings.slug)
        return {open_head(sealed[one], key, *names, one).kind for one, key in keys.items()}


def test_an_ngo_reads_messages_of_every_kind(tmp_path: Path) -> None:
    """Told, blank; once something was opened also revoked and erased; started again it goes on."""
    folder = tmp_path / "sandbox"
    with sandbox(folder) as said:
        assert str(folder / "adapter.json") in "\n".join(said)
        assert [line.split(" / ")[0].strip() for line in said if " / " in line] == ["mette", "inge", "drift"]
        assert not any("story" in line for line in said), "nothing of the demonstration is played here"
        settings = PartnerSettings.load(folder / "adapter.json")
        assert settings.municipality.startswith("sandkasse-")
        with closing(Ngo.of(settings)) as ngo:
            ngo.receive()
            kinds = {line.kind for line in ngo.messages()}
            assert {
                MessageKind.PRESENT_STATE,
                MessageKind.SAFETY_LEVEL_CHANGED,
                MessageKind.REFERRAL_REQUESTED,
                MessageKind.REFERRAL_CANCELLED,
            } <= kinds
            lying = [one.control for one in controls(settings)]
            assert set(lying) == {"blank", "revoked"}, "of the case that was withdrawn before anything left"
            held = {line.message_id for line in ngo.messages()}
            shown = "".join(opened(ngo, message) for message in held)
            assert "Maja Eksempelsen" in shown
            until(lambda: "erased" in {one.control for one in controls(settings)})
            until(lambda: ngo.receive() == 0 and len(ngo.messages()) < len(held))
            until(lambda: ngo.receive() == 0 and ngo.store.outgoing() == [])
            position = ngo.store.position
            assert ngo.inbox() != []
    with sandbox(folder), closing(Ngo.of(PartnerSettings.load(folder / "adapter.json"))) as ngo:
        ngo.receive()
        assert ngo.store.position >= position
        assert {line.message_id for line in ngo.messages()} < held


def opened(ngo: Ngo, message: UUID) -> str:
    """What a named person sees, unless the sandbox withdrew it just now."""
    try:
        return str([part.data for part in ngo.open_message(message, **ANNA).parts])
    except NoLongerOpen:
        return ""


def test_a_reporter_reads_a_receipt_of_every_kind(tmp_path: Path) -> None:
    """And what it hands over is received; a second sandbox in its folder is refused."""
    folder = tmp_path / "sandbox"
    with sandbox(folder, "--kind", "police"):
        before = (folder / "adapter.json").read_text()
        with pytest.raises(Invalid, match=f"a sandbox runs in {folder} already"):
            play(folder, Kind.POLICE)
        assert (folder / "adapter.json").read_text() == before
        settings = PartnerSettings.load(folder / "adapter.json")
        statuses = {one.status.value for one in controls(settings) if isinstance(one, Receipt)}
        assert statuses == {"received", "read", "refused"}
        assert heads(settings) >= {MessageKind.REPORT_TAKEN_UP}
        example = ROOT / "contracts/examples/social_report_v1/01-politi-natlig-vold-i-hjemmet.json"
        report = folder / "report.json"
        report.write_text(
            json.dumps(json.loads(example.read_text()) | {"report_id": str(UUID(int=7, version=4))})
        )
        police = [
            sys.executable,
            "-m",
            "hub.adapters.partners.police",
            "--config",
            str(folder / "adapter.json"),
        ]
        subprocess.run([*police, "submit", str(report)], check=True, capture_output=True)
        running = subprocess.Popen([*police, "run"])
        try:
            until(lambda: "received, not yet read" in said_by(police, "status"))
        finally:
            running.terminate()
            running.wait(PATIENCE_S)


def said_by(program: list[str], command: str) -> str:
    """What a partner's program shows."""
    return subprocess.run([*program, command], check=True, capture_output=True, text=True).stdout


def test_the_published_example_runs_in_it(tmp_path: Path) -> None:
    """The settings are those that the examples in `contracts/` read. A refused answer is named, and kept."""
    folder, log = tmp_path / "sandbox", tmp_path / "example.log"
    unknown = PurgeAnswer(revocation=uuid4(), thread=uuid4(), outcome=PurgeOutcome.PURGED)
    refused = (str(uuid4()), Inbound.of(unknown).model_dump_json())
    with sandbox(folder):
        program = [
            sys.executable,
            str(ROOT / "contracts/examples_in/python/recipient.py"),
            str(folder / "adapter.json"),
        ]
        with log.open("w") as err, subprocess.Popen([*program, "run"], stderr=err) as running:
            try:
                until(lambda: "present_state" in said_by(program, "inbox"))
                data = PartnerSettings.load(folder / "adapter.json").data
                with closing(sqlite3.connect(data / "recipient.db", timeout=30)) as sql:
                    with sql:
                        sql.execute("INSERT INTO outgoing VALUES (?, ?)", refused)
                    until(lambda: f"{refused[0]} was refused: not-found" in log.read_text())
                    assert sql.execute("SELECT id FROM outgoing").fetchall() == [refused[:1]]
            finally:
                running.terminate()


def test_a_sandbox_refuses_production(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And makes nothing."""
    monkeypatch.setenv("HUB_PRODUCTION", "true")
    monkeypatch.setenv("HUB_ON_CALL", "+45 11 22 33 44")
    monkeypatch.setenv("HUB_KAFKA_BOOTSTRAP", "kafka.example:9092")
    monkeypatch.setenv("HUB_ISSUER", "https://login.example")
    with pytest.raises(Invalid, match="no production"):
        play(tmp_path / "sandbox", Kind.NGO)
    assert not (tmp_path / "sandbox").exists()


@pytest.mark.parametrize("home", [".", "hub"])
def test_a_sandbox_refuses_the_folder_of_a_hub(tmp_path: Path, home: str) -> None:
    """Its own is made by a sandbox: made-up cases belong in no other."""
    made_for = tmp_path / home / "hub.json"
    made_for.parent.mkdir(exist_ok=True)
    made_for.write_text('{"municipality": "odder", "unit": "familieenheden"}')
    with pytest.raises(Invalid, match="a hub that is no sandbox lies in"):
        play(tmp_path, Kind.NGO)
    assert sorted(path.name for path in tmp_path.rglob("*")) == sorted(
        {"hub.json", *(["hub"] * (home == "hub"))}
    )


def test_a_sandbox_touches_no_database_but_its_own(tmp_path: Path) -> None:
    """Whatever the environment names; and it has an on-call number of its own."""
    folder = tmp_path / "sandbox"
    env = environment(folder, HUB_DATABASE_URL="postgresql://nobody@127.0.0.1:1/production")
    del env["HUB_ON_CALL"]
    with subprocess.Popen([*HUB, "sandbox", str(folder)], env=env) as hub:
        until((folder / "adapter.json").exists, START_S)
        hub.send_signal(signal.SIGTERM)
        assert hub.wait(PATIENCE_S) == 0
    assert (folder / "hub" / "hub.db").exists()
