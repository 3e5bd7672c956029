"""The runbook, unit and settings that an operator copies: run, parsed, and held against the code."""

import base64
import configparser
import json
import os
import re
import secrets
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.main import get_group

from hub.__main__ import app
from hub.adapters.broker.kafka import KafkaSettings
from hub.adapters.broker.kafka_admin import cut_off_partner
from hub.operating.process import STOP_WITHIN_S
from hub.settings import Settings
from tests.support.issuer import Issuer
from tests.support.kafka import SecureKafka
from tests.support.postgres import PostgresServer, programs
from tests.support.provision import ROOT

DEPLOY = ROOT / "deploy"
RUNBOOK = (DEPLOY / "runbook.md").read_text()
EXAMPLE = (DEPLOY / "env.example").read_text()
MUNICIPALITY = f"by-{secrets.token_hex(4)}"
"""The shared broker has topics of other tests."""


def blocks(kind: str = "sh") -> list[str]:
    """What the runbook tells to run, in order."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", RUNBOOK, re.M | re.S)


def run(blocks: list[str], folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """In one shell, in order; a command that fails stops it."""
    path = f"{Path(sys.executable).parent}:{programs()}:{os.environ['PATH']}"
    return subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", "\n".join(blocks)],
        cwd=folder,
        env={"PATH": path, "HOME": str(folder), "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def settings_file(folder: Path, broker: SecureKafka, database: str, issuer: str) -> None:
    """`hub.env`: the example, with what this machine has in the place of what a municipality has."""
    values = {
        "HUB_MUNICIPALITY": MUNICIPALITY,
        "HUB_DATA_DIR": str(folder / "data"),
        "HUB_DATABASE_URL": database,
        "HUB_KAFKA_BOOTSTRAP": broker.bootstrap,
        "HUB_KAFKA_CA": str(broker.ca_path),
        "HUB_KAFKA_USERNAME": broker.admin_user,
        "HUB_KAFKA_PASSWORD": broker.admin_password,
        "HUB_KAFKA_REPLICATION": "1",
        "HUB_ISSUER": issuer,
        "HUB_PRODUCTION": "false",
    }
    text = EXAMPLE
    for name, value in values.items():
        text, found = re.subn(rf"^{name}=.*$", f"{name}={value}", text, flags=re.M)
        assert found == 1, name
    (folder / "hub.env").write_text(text)


def partner_files(folder: Path) -> None:
    """What the partner of the runbook has on its own machine, and the password it was given."""
    example = json.loads((DEPLOY / "adapter.example.json").read_text())
    key = base64.b64encode(bytes(32)).decode()
    config = {**example, "municipality": MUNICIPALITY, "hub_sealing_key": key, "hub_signing_key": key}
    path = folder / "lysning.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(config))
    (folder / "passwords.json").write_text(json.dumps({"lysning": secrets.token_urlsafe(12)}))


def test_every_block_of_the_runbook_does_what_it_says(
    tmp_path: Path, secure_kafka: SecureKafka, own_postgres: PostgresServer
) -> None:
    """What was lost is made anew beside what is there: a database, and a folder of keys."""
    # The broker is shared: what other stories gave a partner of that name is none of this one's.
    broker = KafkaSettings(
        secure_kafka.bootstrap, secure_kafka.ca_path, secure_kafka.admin_user, secure_kafka.admin_password
    )
    cut_off_partner(broker, "lysning")
    with Issuer.serving("tvaers-hub") as issuer:
        settings_file(tmp_path, secure_kafka, own_postgres.url, issuer.url)
        partner_files(tmp_path)
        done = run(blocks(), tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL" not in done.stdout
    assert done.stdout.count("ok    keys: open the database") == "".join(blocks()).count("hub doctor\n")
    assert "numbers begin anew in epoch 2" in done.stdout
    assert "uncollected by lysning" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("folder", ["", "elsewhere"])
def test_the_block_without_servers_does_what_it_says(tmp_path: Path, folder: str) -> None:
    """A backup of a database that is there, put back, with its keys and fence as they were."""
    (block,) = blocks("sh sqlite")
    named = {"HUB_DATA_DIR": str(tmp_path / folder)} if folder else {}
    done = run([block], tmp_path, HUB_ON_CALL="112", **named)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL" not in done.stdout
    assert "numbers begin anew in epoch 2" in done.stdout
    assert done.stderr == ""
    database = tmp_path / (folder or "var") / "hub.db"
    assert stat.S_IMODE(database.stat().st_mode) == 0o600


def test_a_line_of_the_block_without_servers_alone_touches_no_other_folder(tmp_path: Path) -> None:
    """Copied into a shell that names no folder, it would remove what lies at the top of the disk."""
    (block,) = blocks("sh sqlite")
    lines = [line for line in block.replace("\\\n", " ").splitlines() if "/hub.db" in line]
    assert {line.split()[0] for line in lines} >= {"rm", "install"}
    for line in lines:
        assert "$HUB_DATA_DIR" not in line
        done = run([line], tmp_path)
        assert done.returncode != 0
        assert "HUB_DATA_DIR" in done.stderr


def test_every_setting_is_in_the_example_and_no_other() -> None:
    """Those that must be said, and those that need not."""
    named = set(re.findall(r"^(?:# )?(HUB_[A-Z_]+)=", EXAMPLE, re.M))
    assert named == {f"HUB_{name.upper()}" for name in Settings.model_fields}


def test_what_the_example_leaves_out_has_the_value_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A comment that says another default than the code would be believed."""
    monkeypatch.setenv("HUB_ON_CALL", "+45 70 20 30 40")
    for name, value in re.findall(r"^# HUB_([A-Z_]+)=(.*)$", EXAMPLE, re.M):
        if name in {"DATABASE_DIR", "METRICS_PORT"}:
            continue  # examples: left out, there is none
        default = Settings.model_fields[name.lower()].get_default()
        monkeypatch.setenv(f"HUB_{name}", value)
        assert getattr(Settings(), name.lower()) == default, name


def test_the_example_is_a_production_hub() -> None:
    """With real names in it, nothing that is for demonstrations is left."""
    values = dict(re.findall(r'^HUB_([A-Z_]+)="?(.*?)"?$', EXAMPLE, re.M))
    assert Settings(**{name.lower(): value for name, value in values.items()}).production
    with pytest.raises(ValidationError):
        Settings(**{**{n.lower(): v for n, v in values.items()}, "issuer": "http://login.example"})


def test_the_unit_runs_each_process_and_stops_it_in_order() -> None:
    """`%i` is a command of the hub for every instance that the runbook starts."""
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.read(DEPLOY / "systemd" / "hub@.service")
    service = unit["Service"]
    assert service["ExecStart"].endswith("/bin/hub %i")
    assert (service["Restart"], service["KillSignal"], service["LimitCORE"]) == ("always", "SIGTERM", "0")
    assert unit["Unit"]["StartLimitIntervalSec"] == "0", "it is started again however often it fails"
    assert int(service["TimeoutStopSec"]) > STOP_WITHIN_S
    started = re.findall(r"hub@(\w+)", RUNBOOK)
    commands = set(get_group(app).commands)
    assert set(started) == {"serve", "relay", "project", "receive"} <= commands
