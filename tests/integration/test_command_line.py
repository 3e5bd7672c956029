"""The command line: nothing is overwritten, processes end when told to, and every failure is one line."""

import base64
import json
import os
import re
import select
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
import typer.main

from contracts.client.keys import Identity
from contracts.terms import Category, OrganisationKind
from hub import __main__ as command_line
from hub.adapters.broker.embedded import EmbeddedBroker
from hub.adapters.partners import reporting
from hub.adapters.partners.ngo import __main__ as ngo_program
from hub.demo.sandbox import Kind
from hub.measures import ROLES
from hub.settings import Settings
from tests.support import provision
from tests.support.kafka import SecureKafka
from tests.support.postgres import fresh_database

HUB = [sys.executable, "-m", "hub"]
START_S = 30.0


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """This process's environment without its own HUB_ settings."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    return {**others, "HUB_ON_CALL": "112", "HUB_DATA_DIR": str(folder), **settings}


def run(*arguments: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return _done([*HUB, *arguments], env)


def _done(command: list[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, env=dict(env), capture_output=True, text=True, timeout=60)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Run a command in this process: (exit status, standard output, standard error)."""

    def called(*arguments: str, env: Mapping[str, str | None]) -> tuple[int, str, str]:
        for name in [name for name in os.environ if name.startswith("HUB_")]:
            monkeypatch.delenv(name)
        for name, value in {"HUB_ON_CALL": "112", **env}.items():
            if value is not None:
                monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["hub", *arguments])
        capsys.readouterr()
        status = 0
        try:
            command_line.main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
            if isinstance(end.code, str):
                sys.stderr.write(f"{end.code}\n")  # as the interpreter does
        except Exception as error:
            status = -1
            sys.stderr.write(f"Traceback of {type(error).__name__}: {error}\n")
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return called


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def keys_and_fence(folder: Path) -> dict[str, bytes]:
    return {n: c for n, c in everything(folder).items() if n.startswith(("keys", "fence"))}


# --- the duty number ------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["init", "migrate", "serve", "relay", "project", "receive", "topics"])
def test_without_a_duty_number_nothing_starts(hub: Callable[..., Any], tmp_path: Path, command: str) -> None:
    """On every receipt stands whom to ring when it cannot wait; one that rings nobody would be a lie."""
    env = {"HUB_DATA_DIR": str(tmp_path / "var")}
    assert hub("init", env=env)[0] == 0
    for number in (None, "", "ring Birgit"):
        status, out, err = hub(command, env={**env, "HUB_ON_CALL": number})
        assert (status, out) == (1, "")
        assert re.fullmatch(r"hub: HUB_ON_CALL must be [^\n]+, such as \+45 12 34 56 78\n", err), err


# --- init and migrate -----------------------------------------------------------------------------------


def test_init_twice_overwrites_nothing(hub: Callable[..., Any], tmp_path: Path) -> None:
    env = {"HUB_DATA_DIR": str(tmp_path / "var")}
    status, out, err = hub("init", env=env)
    assert (status, err) == (0, "")
    assert "ready: " in out
    assert f"keep a copy of keys (all of it), hub.json and fence in {tmp_path / 'var'} where" in out
    first = keys_and_fence(tmp_path / "var")
    assert {"keys/kek.json", "fence/destroyed", "keys/hub/signing.pem", "keys/hub/sealing.pem"} <= set(first)
    status, out, err = hub("init", env=env)
    assert (status, err) == (0, "")
    assert "keep a copy" not in out
    assert keys_and_fence(tmp_path / "var") == first
    status, out, _ = hub("migrate", env=env)
    assert (status, out) == (0, "migrated\n")
    assert keys_and_fence(tmp_path / "var") == first


def test_init_makes_keys_that_nobody_else_may_read(hub: Callable[..., Any], tmp_path: Path) -> None:
    hub("init", env={"HUB_DATA_DIR": str(tmp_path / "var")})
    keys = tmp_path / "var" / "keys"
    for path in (keys, *(path for path in keys.rglob("*") if path.is_file())):
        assert path.stat().st_mode & 0o077 == 0, path


def test_init_on_postgresql_shows_no_password(hub: Callable[..., Any], tmp_path: Path, postgres: str) -> None:
    with fresh_database(postgres) as url:
        secret = url.replace("hub@", "hub:hemmelig@")
        env = {"HUB_DATA_DIR": str(tmp_path / "var"), "HUB_DATABASE_URL": secret}
        for _ in range(2):
            status, out, err = hub("init", env=env)
            assert (status, err) == (0, "")
            assert "hemmelig" not in out
            assert "ready: 127.0.0.1" in out


def test_init_beside_a_database_of_another_key_leaves_no_key_behind(
    hub: Callable[..., Any], tmp_path: Path, postgres: str
) -> None:
    """A key that opens nothing must not lie there, looking like the one to keep."""
    with fresh_database(postgres) as url:
        first, second = tmp_path / "first", tmp_path / "second"
        env = {"HUB_DATABASE_URL": url}
        assert hub("init", env={**env, "HUB_DATA_DIR": str(first)})[0] == 0
        for says in ("fence", "kek.json"):
            status, out, err = hub("init", env={**env, "HUB_DATA_DIR": str(second)})
            assert (status, out) == (1, "")
            assert says in err
            assert not list(second.rglob("*.json")), "no key"
            assert not list(second.rglob("*.pem"))
            assert not (second / "keys").exists(), "what it made goes with the key"
            (second / "fence" / "destroyed").write_bytes((first / "fence" / "destroyed").read_bytes())
        (second / "keys").mkdir()
        assert hub("init", env={**env, "HUB_DATA_DIR": str(second)})[0] == 1
        assert (second / "keys").is_dir(), "an operator's own folder stays: it may be where a disk is mounted"


@pytest.mark.parametrize("command", ["init", "migrate", "topics"])
def test_a_fence_that_is_gone_is_never_begun_anew(
    hub: Callable[..., Any], tmp_path: Path, command: str
) -> None:
    """An empty fence beside a restored database brings to life what was erased (domain rule 8)."""
    env = {"HUB_DATA_DIR": str(tmp_path / "var")}
    hub("init", env=env)
    (tmp_path / "var" / "fence" / "destroyed").unlink()
    status, out, err = hub(command, env=env)
    assert (status, out) == (1, "")
    assert "fence" in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "var" / "fence" / "destroyed").exists()


@pytest.mark.parametrize("command", ["init", "migrate", "topics", "serve"])
@pytest.mark.parametrize("left", ["hub.json", "keys/hub"])
def test_a_database_that_is_gone_is_never_begun_anew(
    hub: Callable[..., Any], ready: dict[str, str], tmp_path: Path, left: str, command: str
) -> None:
    """An empty one would look like a hub without a case; what is left says that there was one."""
    var = tmp_path / "var"
    (var / {"hub.json": "keys/hub", "keys/hub": "hub.json"}[left]).rename(tmp_path / "away")
    for path in var.glob("hub.db*"):
        path.unlink()
    status, out, err = hub(command, env=ready)
    assert (status, out) == (1, "")
    mend = "put your backup back and run `hub restored`, or see HUB_DATABASE_URL"
    assert err == f"hub: there is no database at {var / 'hub.db'}: {mend}\n"
    assert not list(var.glob("hub.db*"))


@pytest.mark.parametrize(
    ("lost", "says"),
    [
        ("fence/destroyed", "fence/destroyed is missing: put its newest copy back before you start"),
        ("keys/kek.json", "keys/kek.json is missing: put your copy of `keys/` back"),
        ("hub.db", "put your backup back"),
    ],
)
def test_of_what_a_made_hub_lost_doctor_advises_the_copy_alone(
    hub: Callable[..., Any], ready: dict[str, str], tmp_path: Path, lost: str, says: str
) -> None:
    """`hub init` would refuse, or make what opens nothing."""
    (tmp_path / "var" / lost).unlink()
    status, out, _ = hub("doctor", env=ready)
    assert status == 1
    assert says in out
    assert "hub init" not in out
    assert "hub migrate" not in out


def test_an_init_that_was_cut_short_is_begun_again(
    hub: Callable[..., Any], ready: dict[str, str], tmp_path: Path
) -> None:
    """With its first key there and nothing else: that hub holds no case as yet."""
    var = tmp_path / "var"
    for path in (var / "keys" / "hub", var / "keys" / "recipients", var / "fence"):
        shutil.rmtree(path)
    for path in (*var.glob("hub.db*"), var / "hub.json"):
        path.unlink()
    assert "run `hub init` first" in hub("doctor", env=ready)[1]
    assert hub("init", env=ready)[0] == 0
    assert "FAIL  keys" not in hub("doctor", env=ready)[1]


@pytest.mark.parametrize("command", ["init", "migrate", "topics"])
@pytest.mark.parametrize(
    "lost", ["", "kek.json", "hub", "hub/signing.pem", "hub/sealing.pem", "recipients/familieenheden"]
)
def test_a_key_that_is_gone_is_never_made_anew(
    hub: Callable[..., Any], tmp_path: Path, lost: str, command: str
) -> None:
    """Partners hold the hub's public keys, and the database opens with one key only: copies are put back."""
    env = {"HUB_DATA_DIR": str(tmp_path / "var")}
    hub("init", env=env)
    path = tmp_path / "var" / "keys" / lost
    path.rename(tmp_path / "away")
    left = keys_and_fence(tmp_path / "var")
    status, out, err = hub(command, env=env)
    if lost.startswith("recipients") and command != "init":
        assert status == 0
        return
    assert (status, out) == (1, "")
    assert (lost.rsplit("/", maxsplit=1)[-1] or "kek.json") in err
    assert "back" in err
    assert len(err.splitlines()) == 1
    assert keys_and_fence(tmp_path / "var") == left
    (tmp_path / "away").rename(path)
    assert hub(command, env=env)[0] == 0


def test_keys_that_are_junk_are_named(hub: Callable[..., Any], ready: dict[str, str], tmp_path: Path) -> None:
    for folder in ("hub", "recipients/familieenheden"):
        path = tmp_path / "var" / "keys" / folder / "signing.pem"
        kept = path.read_bytes()
        path.write_text(CANARY)
        status, _, err = hub("init", env=ready)
        assert (status, len(err.splitlines())) == (1, 1), err
        assert str(path.parent) in err
        assert CANARY not in err
        path.write_bytes(kept)


@pytest.mark.parametrize("whose", ["hub", "recipients/familieenheden"])
def test_keys_of_another_hub_are_told_with_the_way_out(
    hub: Callable[..., Any], ready: dict[str, str], tmp_path: Path, whose: str
) -> None:
    """Nobody would believe what it sends, or the unit would open nothing of what it is told."""
    hub("topics", env=ready)
    other = tmp_path / "other"
    assert hub("init", env={"HUB_DATA_DIR": str(other)})[0] == 0
    folder = tmp_path / "var" / "keys" / whose
    shutil.copytree(other / "keys" / whose, folder, dirs_exist_ok=True)
    amiss = f"{folder} holds other keys than this hub"
    status, out, _ = hub("doctor", env=ready)
    assert status == 1
    (line,) = [line for line in out.splitlines() if amiss in line]
    assert line.startswith("FAIL")
    for command in ("relay", "project", "serve"):
        status, out, err = hub(command, env=ready)
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert err.startswith(f"hub: {amiss}")
        assert err.endswith(": put your copy of `keys/` back\n")
    said = tmp_path / "var" / "hub.json"
    said.write_text(json.dumps({"municipality": "eksempel", "unit": "familieenheden"}))
    assert hub("doctor", env=ready)[0] == (0 if whose == "hub" else 1), "an older hub.json says no keys"


@pytest.mark.parametrize("command", ["init", "topics", "relay"])
@pytest.mark.parametrize("setting", ["HUB_MUNICIPALITY", "HUB_UNIT"])
def test_a_hub_stays_with_whom_it_was_made_for(
    hub: Callable[..., Any], ready: dict[str, str], tmp_path: Path, setting: str, command: str
) -> None:
    status, out, err = hub(command, env={**ready, setting: "en-anden"})
    assert (status, out, len(err.splitlines())) == (1, "", 1), err
    assert setting in err
    assert "hub.json" in err
    (tmp_path / "var" / "hub.json").unlink()
    if (setting, command) == ("HUB_UNIT", "init"):
        status, out, err = hub(command, env={**ready, setting: "en-anden"})
        assert (status, out, len(err.splitlines())) == (1, "", 1), err
        assert setting in err
    assert hub("init", env=ready)[0] == 0
    assert json.loads((tmp_path / "var" / "hub.json").read_text()) == {
        "municipality": "eksempel",
        "unit": "familieenheden",
        "keys": public_keys(tmp_path / "var"),
    }


def public_keys(folder: Path) -> dict[str, str]:
    public = Identity.load(folder / "keys" / "hub").public
    return {"sealing": public.sealing.hex(), "signing": public.signing.hex()}


def test_a_setting_that_is_misspelt_is_told(hub: Callable[..., Any], tmp_path: Path) -> None:
    """It would mean SQLite where PostgreSQL was meant."""
    env = {"HUB_DATA_DIR": str(tmp_path / "var"), "HUB_DATABSE_URL": f"postgresql://{CANARY}"}
    status, _, err = hub("init", env=env)
    assert (status, err) == (0, "hub: warning: no setting, and not used: HUB_DATABSE_URL\n")


# --- partners and topics --------------------------------------------------------------------------------


def add(slug: str, **changed: str) -> list[str]:
    public = Identity.new().public
    asked = {
        "name": "Havnen",
        "kind": "ngo",
        "category": "incident",
        "sealing-key": public.sealing.hex(),
        "signing-key": public.signing.hex(),
        "contact": "Vagten",
        "email": "vagt@havnen.example",
        "duty-phone": "00 00 00 00",
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }
    return ["partner", "add", slug, *(part for n, v in asked.items() for part in (f"--{n}", v))]


def test_the_hubs_own_login_at_the_broker_is_no_partners_slug(
    hub: Callable[..., Any], tmp_path: Path
) -> None:
    """It would be refused its topics' rights; told at once, with the way out, and nothing is kept of it."""
    env = {
        "HUB_DATA_DIR": str(tmp_path / "var"),
        "HUB_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "HUB_KAFKA_CA": "/x",
        "HUB_KAFKA_USERNAME": "havnen",
        "HUB_KAFKA_PASSWORD": "hemmelig",
    }
    hub("init", env=env)
    for _ in range(2):
        status, out, err = hub(*add("havnen"), env=env)
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert "slug: the hub itself logs in to the broker by that name: choose another slug" in err
        assert "HUB_KAFKA_USERNAME" in err
    assert hub(*add("krisecenter"), env=env)[0] == 0


def test_a_partner_is_added_and_gets_its_topics(hub: Callable[..., Any], tmp_path: Path) -> None:
    env = {"HUB_DATA_DIR": str(tmp_path / "var")}
    hub("init", env=env)
    status, out, err = hub(*add("havnen"), env=env)
    assert (status, out, err) == (0, "registered havnen: now `hub topics`\n", "")
    for _ in range(2):
        status, out, err = hub("topics", env=env)
        assert (status, out, err) == (0, "topics of: familieenheden, havnen\n", "")
    with closing(EmbeddedBroker(tmp_path / "var" / "broker.db")) as broker:
        assert broker.topics() == {
            "eksempel.dead",
            *(f"eksempel.{way}.{slug}" for way in ("to", "from") for slug in ("havnen", "familieenheden")),
        }


def test_partner_and_hub_hand_each_other_their_public_keys(
    hub: Callable[..., Any], ready: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the README tells it: `hub keys`, the example's configuration, the program's `keys`, and added."""
    status, out, err = hub("keys", env=ready)
    assert (status, err) == (0, "")
    shown = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    public = Identity.load(tmp_path / "var" / "keys" / "hub").public
    for name, key in (("hub_sealing_key", public.sealing), ("hub_signing_key", public.signing)):
        assert shown[name] == [key.hex(), base64.b64encode(key).decode()]
    example = json.loads((Path(__file__).parents[2] / "deploy" / "adapter.example.json").read_text())
    config = tmp_path / "lysning.json"
    config.write_text(json.dumps({**example, **{name: both[1] for name, both in shown.items()}}))
    config.chmod(0o600)
    told = []
    for program in (partial(reporting.main, OrganisationKind.POLICE), ngo_program.main):
        assert program(["--config", str(config), "keys"]) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1], "made once"
    keys = dict(zip(*[iter(told[0].replace("--", "").split())] * 2, strict=True))
    assert hub(*add("lysning", **keys), env=ready)[0] == 0


def test_a_partner_gets_its_login_and_its_three_rights_and_loses_them(
    hub: Callable[..., Any], tmp_path: Path, secure_kafka: SecureKafka
) -> None:
    from kafka.admin import KafkaAdminClient
    from kafka.errors import KafkaError

    passwords = tmp_path / "passwords.json"
    passwords.write_text(json.dumps({"cli-havnen": "hemmelig-hemmelig"}))
    env = {
        "HUB_DATA_DIR": str(tmp_path / "var"),
        "HUB_MUNICIPALITY": "cli-by",
        "HUB_KAFKA_BOOTSTRAP": secure_kafka.bootstrap,
        "HUB_KAFKA_CA": str(secure_kafka.ca_path),
        "HUB_KAFKA_USERNAME": secure_kafka.admin_user,
        "HUB_KAFKA_PASSWORD": secure_kafka.admin_password,
    }
    hub("init", env=env)
    hub(*add("cli-havnen"), env=env)
    status, out, err = hub("topics", "--passwords", str(passwords), env=env)
    assert (status, out, err) == (0, "topics of: cli-havnen, familieenheden\n", "")
    with KafkaAdminClient(**secure_kafka.login("cli-havnen", "hemmelig-hemmelig")) as theirs:
        seen = {name for name in theirs.list_topics() if name.startswith("cli-by.")}
    assert seen == {"cli-by.to.cli-havnen", "cli-by.from.cli-havnen"}

    status, _, err = hub("partner", "cut-off", "cli-havnen", env=env)
    assert (status, "hub partner suspend" in err) == (1, True)
    hub("partner", "suspend", "cli-havnen", "--reason", "Ukendt ordre i natten", env=env)
    for _ in range(2):
        status, out, err = hub("partner", "cut-off", "cli-havnen", env=env)
        assert (status, err) == (0, "")
        assert out == "cut off cli-havnen: it reads and writes no topic any more\n"
    with pytest.raises(KafkaError):
        KafkaAdminClient(**secure_kafka.login("cli-havnen", "hemmelig-hemmelig"))


# --- every failure is one line ---------------------------------------------------------------------------

CANARY = "Majas-hemmelighed"
GOOD_KEY = "aa" * 32
FAILURES: list[tuple[str, list[str], dict[str, str], str]] = [
    ("no init: serve", ["serve"], {"HUB_ISSUER": "http://x"}, "hub init"),
    ("several workers on SQLite", ["serve"], {"HUB_SERVE_WORKERS": "2"}, "HUB_SERVE_WORKERS above 1 needs"),
    ("no worker at all", ["serve"], {"HUB_SERVE_WORKERS": "0"}, "HUB_SERVE_WORKERS"),
    ("no init: relay", ["relay"], {}, "hub init"),
    ("no init: project", ["project"], {}, "hub init"),
    ("no init: receive", ["receive"], {}, "hub init"),
    ("no init: topics", ["topics"], {}, "hub init"),
    ("no init: migrate", ["migrate"], {}, "hub init"),
    ("a database of another kind", ["init"], {"HUB_DATABASE_URL": f"mysql://{CANARY}@x"}, "HUB_DATABASE_URL"),
    (
        "no database there",
        ["init"],
        {"HUB_DATABASE_URL": f"postgresql://x:{CANARY}@127.0.0.1:1/x"},
        "127.0.0.1:1/x",
    ),
    (
        "a port that is none",
        ["init"],
        {"HUB_DATABASE_URL": f"postgresql://x@h:{CANARY}/x"},
        "HUB_DATABASE_URL is no address",
    ),
    ("no port", ["init"], {"HUB_KAFKA_BOOTSTRAP": CANARY}, "HUB_KAFKA_BOOTSTRAP must be host:port"),
    ("no such port", ["init"], {"HUB_KAFKA_BOOTSTRAP": "h:99999"}, "HUB_KAFKA_BOOTSTRAP must be host:port"),
    ("no login", ["init"], {"HUB_KAFKA_CA": "/x"}, "HUB_KAFKA_USERNAME"),
    (
        "no broker",
        ["init"],
        {"HUB_KAFKA_CA": "/x", "HUB_KAFKA_USERNAME": "hub", "HUB_KAFKA_PASSWORD": CANARY},
        "set HUB_KAFKA_BOOTSTRAP as well",
    ),
    (
        "half a login",
        ["init"],
        {"HUB_KAFKA_BOOTSTRAP": "h:1", "HUB_KAFKA_USERNAME": CANARY},
        "set HUB_KAFKA_CA, HUB_KAFKA_PASSWORD as well",
    ),
    (
        "a login in the clear",
        ["init"],
        {"HUB_KAFKA_BOOTSTRAP": "h:1", "HUB_KAFKA_USERNAME": CANARY, "HUB_KAFKA_PASSWORD": CANARY},
        "set HUB_KAFKA_CA as well",
    ),
    ("two wrong", ["init"], {"HUB_UNIT": CANARY, "HUB_PRODUCTION": CANARY}, "HUB_PRODUCTION must be true or"),
    *(
        (
            f"no address of an issuer: {url}",
            ["init"],
            {"HUB_ISSUER": url},
            "HUB_ISSUER must be the address of",
        )
        for url in (CANARY, f"ftp://{CANARY}", "https://", f"https://x:{CANARY}", f"https://x:{CANARY}@y")
    ),
    ("a duty number of nobody", ["init"], {"HUB_ON_CALL": CANARY}, "HUB_ON_CALL must be a telephone number"),
    ("no Kafka", ["init"], {"HUB_PRODUCTION": "true"}, "HUB_KAFKA_BOOTSTRAP"),
    (
        "an issuer without TLS",
        ["serve"],
        {
            "HUB_PRODUCTION": "true",
            "HUB_KAFKA_BOOTSTRAP": "h:1",
            "HUB_ISSUER": "http://x",
        },
        "HUB_ISSUER to an https",
    ),
    (
        "no demonstration in production",
        ["demo", "--once"],
        {
            "HUB_PRODUCTION": "true",
            "HUB_KAFKA_BOOTSTRAP": "h:1",
            "HUB_ISSUER": "https://x",
        },
        "HUB_PRODUCTION is set",
    ),
    ("no production", ["demo", "--once"], {"HUB_PRODUCTION": "true"}, "HUB_PRODUCTION"),
    ("a folder that is none", ["init"], {"HUB_DATA_DIR": "/proc/x"}, "HUB_DATA_DIR"),
    ("no address at all", ["init"], {"HUB_DATABASE_URL": f"postgresql://[{CANARY}"}, "HUB_DATABASE_URL"),
    (
        "a number that is none",
        ["init"],
        {"HUB_KAFKA_REPLICATION": CANARY},
        "HUB_KAFKA_REPLICATION must be a whole number from 1 to 5\n",
    ),
    (
        "a number too large",
        ["init"],
        {"HUB_TOPIC_RETENTION_DAYS": "99"},
        "HUB_TOPIC_RETENTION_DAYS must be a whole number from 1 to 30\n",
    ),
    (
        "half a number",
        ["init"],
        {"HUB_METRICS_PORT": "8000.5"},
        "HUB_METRICS_PORT must be a whole number from 1 to 65517\n",
    ),
    ("a size that is none", ["init"], {"HUB_DISK_RESERVE": CANARY}, "HUB_DISK_RESERVE must be a size such"),
    ("a name that is none", ["init"], {"HUB_MUNICIPALITY": f"{CANARY} Æ"}, "HUB_MUNICIPALITY"),
    ("a time that is none", ["init"], {"HUB_PURGE_SILENT_AFTER": CANARY}, "HUB_PURGE_SILENT_AFTER"),
    ("a time before now", ["init"], {"HUB_PURGE_SILENT_AFTER": "-P1D"}, "HUB_PURGE_SILENT_AFTER must be"),
    (
        "unsafe durability",
        ["init"],
        {"HUB_DATABASE_URL": "sqlite:////tmp/x.db?synchronous=OFF"},
        "synchronous",
    ),
]


@pytest.mark.parametrize(("why", "arguments", "env", "says"), FAILURES, ids=[f[0] for f in FAILURES])
def test_what_is_set_wrong_is_told_in_one_line(
    hub: Callable[..., Any], tmp_path: Path, why: str, arguments: list[str], env: dict[str, str], says: str
) -> None:
    status, out, err = hub(*arguments, env={"HUB_DATA_DIR": str(tmp_path / "var"), **env})
    assert (status, out) == (1, "")
    assert len(err.splitlines()) == 1, err
    assert err.startswith("hub: ")
    assert says in err
    assert CANARY not in err


@pytest.fixture
def ready(hub: Callable[..., Any], tmp_path: Path) -> dict[str, str]:
    """An initialised hub's environment."""
    env = {"HUB_DATA_DIR": str(tmp_path / "var")}
    assert hub("init", env=env)[0] == 0
    return env


AFTERWARDS: list[tuple[str, list[str], dict[str, str], str]] = [
    ("serve without an issuer", ["serve"], {}, "HUB_ISSUER"),
    (
        "serve on an address that is none",
        ["serve", "--host", "0.0.0.1"],
        {"HUB_ISSUER": "http://x"},
        "0.0.0.1:8000",
    ),
    ("serve on no port", ["serve", "--port", "99999"], {"HUB_ISSUER": "http://x"}, ":99999"),
    ("a key that is no hex", add("ny", sealing_key=CANARY), {}, "sealing_key"),
    ("a key too short", add("ny", signing_key="aa"), {}, "signing_key"),
    ("a key that is none", add("ny", sealing_key="00" * 32), {}, "key"),
    ("a name that is none", add(f"{CANARY} Æ"), {}, "slug"),
    ("the unit again", add("familieenheden"), {}, "registered"),
    ("a contact without its number", add("ny", duty_phone=""), {}, "duty_phone"),
    ("no view", ["rebuild", "ingenting", "familieenheden"], {}, "timeline"),
    ("no owner", ["rebuild", "timeline", "ingen-saadan"], {}, "recipient"),
    ("no passwords", ["topics", "--passwords", "/ingen/saadan"], {}, "/ingen/saadan"),
    ("no broker", ["topics"], {"HUB_KAFKA_BOOTSTRAP": "127.0.0.1:1"}, "127.0.0.1:1? See HUB_KAFKA_BOOTSTRAP"),
    (
        "no CA",
        ["topics"],
        {
            "HUB_KAFKA_BOOTSTRAP": "127.0.0.1:1",
            "HUB_KAFKA_CA": "/nope",
            "HUB_KAFKA_USERNAME": "x",
            "HUB_KAFKA_PASSWORD": CANARY,
        },
        "HUB_KAFKA_CA: /nope",
    ),
    (
        "a CA that is none",
        ["topics"],
        {
            "HUB_KAFKA_BOOTSTRAP": "127.0.0.1:1",
            "HUB_KAFKA_CA": __file__,
            "HUB_KAFKA_USERNAME": "x",
            "HUB_KAFKA_PASSWORD": CANARY,
        },
        "holds no PEM",
    ),
]


@pytest.mark.parametrize(("why", "arguments", "env", "says"), AFTERWARDS, ids=[f[0] for f in AFTERWARDS])
def test_what_is_asked_wrong_is_told_in_one_line(
    hub: Callable[..., Any],
    ready: dict[str, str],
    why: str,
    arguments: list[str],
    env: dict[str, str],
    says: str,
) -> None:
    status, out, err = hub(*arguments, env={**ready, **env})
    assert (status, out) == (1, "")
    assert len(err.splitlines()) == 1, err
    assert err.startswith("hub: ")
    assert says in err
    assert CANARY not in err


def test_passwords_that_are_no_json_are_not_shown(
    hub: Callable[..., Any], ready: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "passwords.json"
    for content in (f'{{"havnen": "{CANARY}', f'["{CANARY}"]', f'{{"{CANARY}": 7}}'):
        path.write_text(content)
        status, _, err = hub("topics", "--passwords", str(path), env=ready)
        assert status == 1
        assert len(err.splitlines()) == 1, err
        assert CANARY not in err


def test_passwords_are_for_partners_on_kafka(
    hub: Callable[..., Any], ready: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "passwords.json"
    path.write_text(json.dumps({CANARY: CANARY}))
    for env, says in (
        ({}, "HUB_KAFKA_BOOTSTRAP"),
        ({"HUB_KAFKA_BOOTSTRAP": "127.0.0.1:1"}, "familieenheden"),
    ):
        status, out, err = hub("topics", "--passwords", str(path), env={**ready, **env})
        assert (status, out, len(err.splitlines())) == (1, "", 1), err
        assert says in err
        assert CANARY not in err


def test_without_topics_the_condition_is_one_line_that_says_what_to_run(
    hub: Callable[..., Any], ready: dict[str, str]
) -> None:
    """Half a table before it would look like an answer."""
    status, out, err = hub("status", env=ready)
    assert (status, out) == (1, "")
    assert err == "hub: the topic does not exist: create it with `hub topics`\n"
    hub("topics", env=ready)
    assert hub("status", env=ready)[0] == 0


def test_what_waits_here_is_told_while_the_broker_is_away(
    hub: Callable[..., Any], ready: dict[str, str]
) -> None:
    status, out, err = hub("status", env={**ready, "HUB_KAFKA_BOOTSTRAP": "127.0.0.1:1"})
    assert (status, len(err.splitlines())) == (1, 1), err
    assert out.startswith("outbox ")
    assert "HUB_KAFKA_BOOTSTRAP" in err


def test_a_description_that_is_not_there_is_named_with_what_to_write(
    hub: Callable[..., Any], ready: dict[str, str]
) -> None:
    status, out, err = hub("conformance", "/ingen/saadan.toml", env=ready)
    assert (status, out) == (2, "")
    assert err == (
        "saadan.toml can't be read: No such file or directory. Name the TOML file of your program; "
        "--help says what stands in it\n"
    )


def test_a_program_that_is_not_there_is_named_with_what_to_do(
    hub: Callable[..., Any], ready: dict[str, str], tmp_path: Path
) -> None:
    """The examples begin with `python`: outside the environment another answers, or none."""
    description = tmp_path / "reporter.toml"
    for program in ("ingen-saadan", "./ingen-saadan"):
        description.write_text(
            f'role = "reporter"\nrun = ["{program}", "run"]\nsubmit = ["{program}", "submit"]\n'
        )
        status, out, err = hub("conformance", str(description), env=ready)
        assert (status, out) == (2, "")
        assert err == (
            f"run: there is no program {program}: write its whole path, or have it on the path "
            "(in a virtual environment: activate it first)\n"
        )


def test_a_sandbox_in_a_file_is_refused_in_one_line_also_without_a_duty_number(
    hub: Callable[..., Any], tmp_path: Path
) -> None:
    """Which it does not need."""
    (tmp_path / "f").touch()
    status, out, err = hub("sandbox", str(tmp_path / "f"), env={"HUB_ON_CALL": None})
    assert (status, out, len(err.splitlines())) == (1, "", 1), err
    assert str(tmp_path / "f") in err
    assert "HUB_ON_CALL" not in err


def test_a_sandbox_is_offered_for_the_kinds_that_there_is_one_for(
    hub: Callable[..., Any], tmp_path: Path
) -> None:
    """No other is listed, and another makes nothing."""
    shown = hub("sandbox", "--help", env={})[1]
    offered = [kind for kind in OrganisationKind if f"{kind}|" in shown or f"|{kind}" in shown]
    offered.append(OrganisationKind.EMERGENCY_DEPARTMENT)  # May be broken over two lines.
    assert {one.value for one in offered} == {one.value for one in Kind}
    status, _, err = hub("sandbox", str(tmp_path / "sandbox"), "--kind", "shelter", env={})
    assert (status, "Traceback" in err) == (2, False)
    assert not (tmp_path / "sandbox").exists()


def test_every_word_that_a_command_takes_is_explained() -> None:
    """In `--help`, to which a missing one sends the reader."""

    def unexplained(command: Any, path: str) -> Iterator[str]:
        for one in command.params:
            if one.name != "help" and not getattr(one, "help", None):
                yield f"{path} {one.name}"
        for name, inner in getattr(command, "commands", {}).items():
            yield from unexplained(inner, f"{path} {name}")

    assert list(unexplained(typer.main.get_command(command_line.app), "hub")) == []


@pytest.mark.parametrize("command", ["init", "topics"])
def test_a_file_that_is_no_database_is_named(
    hub: Callable[..., Any], ready: dict[str, str], tmp_path: Path, command: str
) -> None:
    (tmp_path / "var" / "hub.db").write_text(CANARY * 500)
    status, out, err = hub(command, env=ready)
    assert (status, out, len(err.splitlines())) == (1, "", 1), err
    assert "hub.db" in err
    assert "HUB_DATA_DIR" in err
    assert CANARY not in err


def test_a_database_without_tables_says_what_to_run(
    hub: Callable[..., Any], ready: dict[str, str], postgres: str
) -> None:
    with fresh_database(postgres) as url:
        status, out, err = hub("topics", env={**ready, "HUB_DATABASE_URL": url})
    assert (status, out, len(err.splitlines())) == (1, "", 1), err
    assert "hub init" in err or "hub migrate" in err


def test_what_nobody_foresaw_is_one_line_without_its_text(
    hub: Callable[..., Any], ready: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise KeyError(CANARY)

    monkeypatch.setattr(command_line, "build", fails)
    status, _, err = hub("topics", env=ready)
    assert (status, err) == (1, "hub: an unexpected fault (KeyError); nothing of it was done\n")


def test_keys_that_others_may_read_or_that_are_spoiled_are_refused(
    hub: Callable[..., Any], ready: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "var" / "keys"
    signing = folder / "hub" / "signing.pem"
    signing.chmod(0o644)
    status, _, err = hub("topics", env=ready)
    assert (status, len(err.splitlines())) == (1, 1), err
    signing.chmod(0o600)
    kek = (folder / "kek.json").read_text()
    for spoiled in ("", "{}", CANARY, kek[:-10]):
        (folder / "kek.json").write_text(spoiled)
        status, _, err = hub("topics", env=ready)
        assert (status, len(err.splitlines())) == (1, 1), err
        assert err.startswith("hub: ")
        assert CANARY not in err
    (folder / "kek.json").write_text(kek)
    assert hub("topics", env=ready)[0] == 0


def test_a_port_that_is_taken_is_told_in_one_line(hub: Callable[..., Any], ready: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        status, _, err = hub("serve", "--port", port, env={**ready, "HUB_ISSUER": "http://127.0.0.1:1"})
    assert (status, len(err.splitlines())) == (1, 1), err
    assert err.startswith(f"hub: 127.0.0.1:{port} ")


def test_the_doctor_looks_at_everything_even_where_the_database_is_away(
    hub: Callable[..., Any], ready: dict[str, str]
) -> None:
    """Each in a line; the status says whether something is amiss."""
    assert hub("topics", env=ready)[0] == 0
    status, out, err = hub("doctor", env=ready)
    assert (status, err) == (0, ""), out
    assert [line[:6] for line in out.splitlines() if line[:6] != "ok    "] == ["warn  "], "no issuer as yet"
    away = {**ready, "HUB_DATABASE_URL": f"postgresql://x:{CANARY}@127.0.0.1:1/x"}
    status, out, err = hub("doctor", env=away)
    assert (status, err) == (1, "")
    amiss = [line for line in out.splitlines() if line.startswith("FAIL")]
    assert [line.split(":")[0] for line in amiss] == ["FAIL  database"]
    assert "See HUB_DATABASE_URL" in amiss[0]
    assert "ok    broker" in out
    assert CANARY not in out


def test_a_rebuild_tells_how_far_it_is(hub: Callable[..., Any], ready: dict[str, str]) -> None:
    status, out, err = hub("rebuild", "disclosures", "hub", env=ready)
    assert (status, err) == (0, "")
    done, total = out.splitlines()[-1].removeprefix("disclosures of hub: ").split(" of ")
    assert done == total
    assert hub("rebuild", "timeline", "familieenheden", env=ready)[0] == 0


# --- processes ------------------------------------------------------------------------------------------


@contextmanager
def started(*arguments: str, env: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A process of ours, killed at the end if it still runs."""
    process = subprocess.Popen(
        [*HUB, *arguments],
        env=dict(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ends(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str, str]:
    process.send_signal(number)
    out, err = process.communicate(timeout=START_S)
    return process.returncode, out, err


def line_of(process: subprocess.Popen[str]) -> str:
    """The first line that it prints."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], START_S)
    assert ready, "nothing was printed"
    return process.stdout.readline()


def begins_with(ready: Mapping[str, str]) -> str:
    """Where a process works."""
    return f"database sqlite:///{ready['HUB_DATA_DIR']}/hub.db, broker embedded bus"


def test_the_start_line_names_no_login() -> None:
    settings = Settings(on_call="112", database_url=f"postgresql://x:{CANARY}@h:1/y?password={CANARY}")
    assert settings.database == "h:1/y"


def _works(process: subprocess.Popen[str]) -> None:
    """Wait until the process has threads beside its first: its workers run."""
    tasks, until = Path(f"/proc/{process.pid}/task"), time.monotonic() + START_S
    while True:
        assert process.poll() is None, process.communicate()
        catches = next(
            line.split()[1]
            for line in Path(f"/proc/{process.pid}/status").read_text().splitlines()
            if line.startswith("SigCgt")
        )
        if int(catches, 16) >> (signal.SIGTERM - 1) & 1 and len(list(tasks.iterdir())) > 1:
            return
        assert time.monotonic() < until, "it did not start"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_answers_and_ends_when_told_to(ready: dict[str, str], number: signal.Signals) -> None:
    env = environment(Path(ready["HUB_DATA_DIR"]), HUB_ISSUER="http://127.0.0.1:1")
    (port,) = provision.free_ports(1)
    with started("serve", "--port", str(port), env=env) as process:
        assert line_of(process) == f"serving http://127.0.0.1:{port}: {begins_with(ready)}\n"
        until = time.monotonic() + START_S
        while True:
            try:
                assert httpx2.get(f"http://127.0.0.1:{port}/healthz").json() == {"status": "ok"}
                break
            except httpx2.TransportError:
                assert time.monotonic() < until
                time.sleep(0.02)
        answer = httpx2.get(f"http://127.0.0.1:{port}/v1/inbox", headers={"Authorization": "Bearer x.y.z"})
        assert answer.status_code in (401, 503)
        assert httpx2.post(f"http://127.0.0.1:{port}/token", data={"x": "y"}).status_code == 404
        status, out, err = ends(process, number)
    assert (status, out) == (0, "")
    lines = [json.loads(line) for line in err.splitlines()]
    assert {(line["event"], line["route"]) for line in lines} == {
        ("a request", "/healthz"),
        ("a request", "/v1/inbox"),
        ("a request", "none"),
    }


@pytest.mark.parametrize("command", ["relay", "project", "receive"])
def test_a_worker_runs_and_ends_when_told_to(
    hub: Callable[..., Any], ready: dict[str, str], command: str
) -> None:
    assert hub("topics", env=ready)[0] == 0
    with started(command, env=environment(Path(ready["HUB_DATA_DIR"]))) as process:
        assert line_of(process) == f"{command}: {begins_with(ready)}\n"
        _works(process)
        time.sleep(0.3)
        assert process.poll() is None
        assert ends(process, signal.SIGTERM) == (0, "", "")


@pytest.mark.parametrize("command", ROLES)
def test_a_process_told_to_end_while_it_begins_ends_in_order(ready: dict[str, str], command: str) -> None:
    """It waits for a database that says nothing; nothing is under way."""
    folder = Path(ready["HUB_DATA_DIR"])
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        silent.settimeout(START_S)
        url = f"postgresql://x@127.0.0.1:{silent.getsockname()[1]}/x"
        env = environment(folder, HUB_ISSUER="http://127.0.0.1:1", HUB_DATABASE_URL=url)
        with started(command, env=env) as process:
            line, _ = silent.accept()
            with line:
                assert ends(process, signal.SIGTERM) == (0, "", "")


@pytest.mark.parametrize("command", ROLES)
def test_each_process_answers_a_monitor_on_its_own_port(ready: dict[str, str], command: str) -> None:
    """One setting for all of them, for they share a file of settings."""
    (port,) = provision.free_ports(1)
    env = environment(
        Path(ready["HUB_DATA_DIR"]), HUB_ISSUER="http://127.0.0.1:1", HUB_METRICS_PORT=str(port)
    )
    own = port + ROLES.index(command)
    arguments = ["--port", str(provision.free_ports(1)[0])] if command == "serve" else []
    with started(command, *arguments, env=env) as process:
        line_of(process)
        if command != "serve":
            _works(process)
        told = httpx2.get(f"http://127.0.0.1:{own}/metrics").text
        assert "\nhub_keys_destroyed 0.0\n" in told
        assert ('hub_waiting{where="outbox"}' in told) == (command == "relay")
        assert ends(process, signal.SIGTERM)[0] == 0


def test_workers_begin_where_a_topic_is_missing_and_go_on_when_it_is_there(
    hub: Callable[..., Any], ready: dict[str, str]
) -> None:
    """One partner without its topic must not keep all the others' reports waiting."""
    with started("receive", env=environment(Path(ready["HUB_DATA_DIR"]))) as process:
        _works(process)
        assert hub("topics", env=ready)[0] == 0
        time.sleep(0.7)
        assert process.poll() is None
        status, out, err = ends(process, signal.SIGTERM)
    assert (status, out) == (0, f"receive: {begins_with(ready)}\n")
    told = [json.loads(line) for line in err.splitlines()]
    assert {(one["event"], one["error"]) for one in told} <= {("a worker waits", "no-topic")}, err


def test_it_runs_as_a_command_and_as_a_module(tmp_path: Path) -> None:
    env = environment(tmp_path / "var")
    assert run("init", env=env).returncode == 0
    done = _done([str(Path(sys.executable).parent / "hub"), "migrate"], env)
    assert (done.returncode, done.stdout, done.stderr) == (0, "migrated\n", "")
    unknown = run("everything", env=env)
    assert unknown.returncode == 2
    assert "Traceback" not in unknown.stderr
    assert "Usage" in run(env=env).stdout + run(env=env).stderr


def test_settings_are_read_from_the_environment_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of the folder where somebody stands must not decide where secrets go."""
    (tmp_path / ".env").write_text("HUB_MUNICIPALITY=somebody-elses\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HUB_MUNICIPALITY", raising=False)
    assert Settings(on_call="112").municipality == "eksempel"


# --- conformance ----------------------------------------------------------------------------------------


def test_a_partners_program_is_judged_from_the_command_line(hub: Callable[..., Any], tmp_path: Path) -> None:
    """The status says whether; nothing of a hub's settings or folder is needed or made."""
    description = tmp_path / "adapter.toml"
    words = [sys.executable, "-c", "raise SystemExit(3)"]
    description.write_text(f'role = "reporter"\nrun = {words}\nsubmit = {words}\n')
    once = ("--scenario", "report", "--patience", "0.5")
    env = {"HUB_DATA_DIR": str(tmp_path / "var")}
    status, out, err = hub("conformance", str(description), *once, env=env)
    assert (status, err) == (1, "")
    assert "short  report:" in out
    assert "BYTES.md section 6" in out
    status, out, err = hub("conformance", str(tmp_path / "none.toml"), env=env)
    assert (status, out, err.count("\n")) == (2, "", 1)
    status, out, _ = hub("conformance", "--help", env=env)
    assert (status, "described in a TOML file" in out) == (0, True)
    assert not (tmp_path / "var").exists()


# --- doctor and status ----------------------------------------------------------------------------------


def test_doctor_and_status_on_the_first_day(hub: Callable[..., Any], tmp_path: Path) -> None:
    """What is amiss is a line with its mend and status 1; when that is done, nought."""
    env = {"HUB_DATA_DIR": str(tmp_path / "var")}
    assert hub("status", env=env)[0] == 1
    status, out, _ = hub("doctor", env=env)
    assert list(tmp_path.iterdir()) == [], "a look makes nothing"
    amiss = [line for line in out.splitlines() if line.startswith("FAIL")]
    assert status == 1
    assert [line.split(":")[0] for line in amiss] == [
        "FAIL  keys",
        "FAIL  database",
        "FAIL  disk",
        "FAIL  broker",
    ]
    assert all("run `hub init` first" in line for line in amiss)
    hub("init", env=env)
    status, out, _ = hub("doctor", env=env)
    assert status == 1
    assert [line for line in out.splitlines() if line.startswith("FAIL")] == [
        "FAIL  broker: topics: missing: eksempel.dead, eksempel.from.familieenheden, "
        "eksempel.to.familieenheden: run `hub topics`"
    ]
    hub("topics", env=env)
    status, out, err = hub("doctor", env=env)
    assert (status, err) == (0, "")
    assert "FAIL" not in out
    refused = hub("serve", env=env)[2].removeprefix("hub: ")
    assert out.endswith(f"warn  issuer: `hub serve` does not start without one: {refused}")
    status, out, _ = hub("doctor", env={**env, "HUB_ISSUER": "http://127.0.0.1:9"})
    assert status == 1
    assert "FAIL  issuer: the issuer of tokens does not answer: is it running at http://127.0.0.1:9?" in out
    assert "warn" not in out
    status, out, _ = hub("status", env=env)
    assert status == 0
    assert dict(line.rsplit(maxsplit=1) for line in out.splitlines())["outbox"] == "0"


def test_a_login_is_stopped_and_let_in_again(hub: Callable[..., Any], tmp_path: Path) -> None:
    """One command each; a second time there is nothing to do, and it says so."""
    env = {"HUB_DATA_DIR": str(tmp_path / "var")}
    hub("init", env=env)
    whom = ("familieenheden", "mette", "--reason", "Telefonen er stjålet")
    assert hub("person", "stop", *whom, env=env) == (0, "stopped\n", "")
    status, _, err = hub("person", "stop", *whom, env=env)
    assert (status, err) == (1, "hub: person: is stopped already; nothing to do\n")
    assert hub("person", "resume", *whom, env=env) == (0, "resumed\n", "")


@pytest.mark.parametrize("field", ["sealing-key", "signing-key"])
def test_two_partners_never_have_one_key(hub: Callable[..., Any], ready: dict[str, str], field: str) -> None:
    """By one error in pasting, the one would open what the other is told; neither at first nor later."""
    first, second = add("havnen"), add("krisecenter")
    at = first.index(f"--{field}") + 1
    assert hub(*first, env=ready)[0] == 0
    pasted = [*second[:at], first[at], *second[at + 1 :]]
    status, out, err = hub(*pasted, env=ready)
    assert (status, out, err.count("\n")) == (1, "", 1)
    rule = f"hub: {field.replace('-', '_')}: is the key of havnen: take what"
    assert err.startswith(rule)
    assert hub(*second, env=ready)[0] == 0
    begin = pasted.index("--sealing-key")
    status, out, err = hub("partner", "rotate", "krisecenter", *pasted[begin : begin + 4], env=ready)
    assert (status, out) == (1, "")
    assert err.startswith(rule)


def test_the_unit_is_not_suspended_and_not_cut_off(hub: Callable[..., Any], tmp_path: Path) -> None:
    """Reports would be acknowledged and come to nobody; one that is suspended already is let in again."""
    env = {"HUB_DATA_DIR": str(tmp_path / "var")}
    hub("init", env=env)
    rule = "slug: the unit of this hub (HUB_UNIT) reads every report and is never"
    status, out, err = hub("partner", "suspend", "familieenheden", "--reason", "tabt", env=env)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"hub: {rule} suspended: ")
    assert "hub person stop" in err
    with closing(sqlite3.connect(tmp_path / "var" / "hub.db")) as database:
        database.execute("UPDATE partners SET active = 0")
        database.commit()
    kafka = {**env, "HUB_KAFKA_BOOTSTRAP": "127.0.0.1:1"}
    status, out, err = hub("partner", "cut-off", "familieenheden", env=kafka)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"hub: {rule} cut off")


def test_a_partner_from_its_first_day_to_its_new_keys(hub: Callable[..., Any], tmp_path: Path) -> None:
    """Each command says what it did; a second time there is nothing to do."""
    env = {"HUB_DATA_DIR": str(tmp_path / "var")}
    hub("init", env=env)
    one, two = Identity.new().public, Identity.new().public
    who = ("--contact", "Anna", "--email", "anna@havnen.example", "--duty-phone", "00 00 00 00")
    named = ("--name", "Havnen", "--kind", "ngo", "--category", "risk", *who)
    keys = ("--sealing-key", one.sealing.hex(), "--signing-key", one.signing.hex())
    assert hub("partner", "add", "havnen", *named, *keys, env=env)[0] == 0
    assert (
        hub("partner", "change", "havnen", "--category", "referral", *who, env=env)[1] == "changed havnen\n"
    )
    unit = "familieenheden municipal_unit active " + " ".join(Category)

    def listed() -> list[str]:
        status, out, err = hub("partner", "list", env=env)
        assert (status, err) == (0, "")
        assert "anna" not in out.lower(), "no contact"
        return [" ".join(line.split()) for line in out.splitlines()]

    assert listed() == [unit, "havnen ngo active referral"]
    assert hub("partner", "suspend", "havnen", "--reason", "tabt", env=env)[1] == "suspended havnen\n"
    assert listed() == [unit, "havnen ngo suspended referral"]
    status, _, err = hub("partner", "suspend", "havnen", "--reason", "tabt", env=env)
    assert (status, err) == (1, "hub: partner: is suspended already; nothing was changed\n")
    assert hub("partner", "resume", "havnen", env=env)[1] == "resumed havnen\n"
    status, _, err = hub("partner", "resume", "havnen", env=env)
    assert (status, err) == (1, "hub: partner: is not suspended; nothing was changed\n")
    keys = ("--sealing-key", two.sealing.hex(), "--signing-key", two.signing.hex())
    assert hub("partner", "rotate", "havnen", *keys, env=env)[1] == "rotated the keys of havnen\n"
    assert hub("partner", "rotate", "havnen", *keys, "--stolen", env=env)[0] == 1
    assert hub("partner", "leader", "havnen", "anna", env=env)[1] == "named the leader of havnen\n"
    assert hub("partner", "leader", "havnen", "anna", env=env)[0] == 1
    assert hub("partner", "leader", "havnen", env=env)[0] == 0
