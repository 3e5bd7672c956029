"""The demonstration is the product in one line: here it is played, as anybody would, on every stack."""

import fcntl
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx2
import psycopg
import pytest
from psycopg import sql

from hub.adapters.broker.kafka import KafkaBroker, KafkaSettings
from hub.demo.playing import ON_CALL, Narrator, play, what_stays
from hub.demo.stage import NGO, OTHER_NGO, Refusal, Stage
from hub.settings import Settings
from tests.support.kafka import SecureKafka

STEPS_MIN = 30
STORY_MAX_S = 15.0
"""What is promised of the story where nothing is installed."""
NOBODY = re.compile(r"Maja|Eksempelsen|7403912006|Opdigtet", re.IGNORECASE)


def environment(**settings: str) -> dict[str, str]:
    """This process's environment without anybody's own settings of the hub."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    return {**inherited, **settings}


def played(settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """`hub demo --once`."""
    return subprocess.run(
        [sys.executable, "-m", "hub", "demo", "--once"],
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(params=["sqlite and embedded", "postgresql and kafka", "postgresql and kafka with logins"])
def stack(request: pytest.FixtureRequest) -> dict[str, str]:
    """Give the settings of each stack."""
    if request.param == "sqlite and embedded":
        return {}
    settings = {"HUB_DATABASE_URL": str(request.getfixturevalue("database_url"))}
    if request.param == "postgresql and kafka":
        # Topics of a broker that is shared keep what other stories left: a municipality of its own.
        municipality = f"demo-{os.getpid()}"
        kafka = str(request.getfixturevalue("kafka"))
        return {**settings, "HUB_KAFKA_BOOTSTRAP": kafka, "HUB_MUNICIPALITY": municipality}
    secure: SecureKafka = request.getfixturevalue("secure_kafka")
    return {
        **settings,
        "HUB_KAFKA_BOOTSTRAP": secure.bootstrap,
        "HUB_KAFKA_CA": str(secure.ca_path),
        "HUB_KAFKA_USERNAME": secure.admin_user,
        "HUB_KAFKA_PASSWORD": secure.admin_password,
        "HUB_MUNICIPALITY": f"demo-{os.getpid()}-s",
    }


def test_the_story_holds_on_every_stack(stack: dict[str, str]) -> None:
    """Every step was read back; the last line counts them. Without servers it takes less than is promised."""
    done = played(stack)

    last = done.stdout.strip().splitlines()[-1]
    found = re.fullmatch(r"demo: (\d+) steps, 0 failed", last)
    assert found, done.stdout + done.stderr
    assert int(found[1]) > STEPS_MIN
    assert done.returncode == 0
    assert "✗" not in done.stdout
    checks = [line for line in done.stdout.splitlines() if "✓" in line]
    assert len(checks) == len(set(checks)), "no check is told twice in the same words"
    assert not NOBODY.search(done.stderr)
    took = re.search(r"^The story took ([\d.]+) s\.$", done.stdout, re.MULTILINE)
    assert took
    if not stack:
        assert float(took[1]) < STORY_MAX_S


def test_what_does_not_hold_is_told_counted_and_the_exit_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other NGO has got hold of Lysning's program: the story goes on to its end, and says so."""
    own = Stage.ngo
    monkeypatch.setattr(Stage, "ngo", lambda stage, slug: own(stage, NGO if slug == OTHER_NGO else slug))

    assert play(once=True) == 1

    told = capsys.readouterr().out
    wrong = [line for line in told.splitlines() if "✗" in line]
    assert wrong[0] == "   ✗ NOT SO: Havnelys, the other NGO, has received nothing"
    assert told.endswith(f" steps, {len(wrong)} failed\n")


def test_a_refusal_for_another_reason_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    """What failed in another way than the story says has not been shown to be refused."""
    narrator = Narrator()

    def fails() -> None:
        raise Refusal(500, "unexpected", "our fault")

    narrator.refused("the police cannot see the inbox", 403, fails)
    assert (narrator.steps, narrator.failed) == (1, 1)
    assert "✗" in capsys.readouterr().out


def test_without_once_it_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    """It prints where to look and how to log in, and takes everything with it when it goes.

    What one that was killed left goes too; what a living one holds, or is not a demonstration's, stays.
    """
    dead, alive, other = (tmp_path / f"tvaers-demo-{name}" for name in ("dead", "alive", "other"))
    for folder in (dead, alive, other):
        (folder / "keys").mkdir(parents=True)
    (dead / "demo.lock").touch()
    held = (alive / "demo.lock").open("w")
    fcntl.flock(held, fcntl.LOCK_EX)
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "hub", "demo"],
        env=environment(TMPDIR=str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    told = ""
    try:
        assert process.stdout is not None
        while "a Bearer" not in told:
            line = process.stdout.readline()
            assert line, told
            told += line
        found = re.search(
            r"mette's timeline: (http://127\.0\.0\.1:\d+)(/cases/\S+\?purpose=coordination)\n", told
        )
        assert found, told
        password = re.search(r"mette / (\S+)", told)
        assert password
        with httpx2.Client(base_url=found[1], follow_redirects=True) as browser:
            login = {"username": "mette", "password": password[1], "next": found[2]}
            page = browser.post("/login", data=login, headers={"Sec-Fetch-Site": "same-origin"})
            assert page.status_code == 200
            assert "Maja Eksempelsen" in page.text
            drift = re.search(r"drift / (\S+)", told)
            token = re.search(rf"curl -d username=… -d password=… ({re.escape(found[1])}/token) ", told)
            assert drift, told
            assert token, told
            asked = browser.post(token[1], data={"username": "drift", "password": drift[1]}).json()
            bearer = {"Authorization": f"Bearer {asked['access_token']}"}
            assert browser.get("/v1/partners", headers=bearer).status_code == 200
        assert "drift / " in told
        assert told.count("API only") == 2
        assert "what Lysning was sent" not in told, "its keys are its own program's, not the hub's"
        process.send_signal(signal.SIGTERM)
        rest, problems = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert re.search(r"demo: \d+ steps, 0 failed", rest)
    assert problems == ""
    assert "Ctrl-C ends it and deletes everything." in told
    held.close()
    assert sorted(tmp_path.iterdir()) == [alive, other]


def test_a_setting_that_is_wrong_is_one_line() -> None:
    """No traceback: the name of the setting and the rule."""
    done = played({"HUB_DATABASE_URL": "mysql://nowhere"})

    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "HUB_DATABASE_URL" in done.stderr
    assert "mysql" not in done.stderr


# --- on servers, where it is not deleted when it ends ----------------------------------------------------


def held_by(database_url: str) -> dict[str, list[str]]:
    """Every row of every table."""
    with psycopg.connect(database_url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        rows = sql.SQL("SELECT t::text FROM {} AS t")
        return {
            name: sorted(row for (row,) in connection.execute(rows.format(sql.Identifier(name))))
            for (name,) in tables
        }


def test_a_second_time_on_one_database_is_refused_in_one_line(database_url: str) -> None:
    """The keys of the first went with its folder: its tables open for nobody, and stay as they are."""
    settings = {"HUB_DATABASE_URL": database_url}
    first = played(settings)
    assert first.returncode == 0, first.stdout + first.stderr
    before = held_by(database_url)
    assert before["store"]

    second = played(settings)

    assert (second.returncode, second.stdout) == (1, "")
    assert re.fullmatch(r"hub: [^\n]*needs an empty database[^\n]*HUB_DATABASE_URL[^\n]*\n", second.stderr)
    assert held_by(database_url) == before


def test_a_second_time_on_one_file_is_refused_in_one_line(tmp_path: Path) -> None:
    """SQLite in a file of one's own stays as well."""
    settings = {"HUB_DATABASE_URL": f"sqlite:///{tmp_path}/hub.db"}
    assert played(settings).returncode == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    second = played(settings)

    assert (second.returncode, second.stdout) == (1, "")
    assert re.fullmatch(r"hub: [^\n]*needs an empty database[^\n]*\n", second.stderr)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_municipality_that_the_broker_knows_is_refused_in_one_line(kafka: str, database_url: str) -> None:
    """What another story left on its topics would be read in this one."""
    municipality = f"demo-{os.getpid()}-again"
    broker = KafkaBroker(KafkaSettings(bootstrap=kafka))
    broker.create_topics([f"{municipality}.to.lysning"], retention_days=1)
    before = broker.topics()

    done = played(
        {"HUB_DATABASE_URL": database_url, "HUB_KAFKA_BOOTSTRAP": kafka, "HUB_MUNICIPALITY": municipality}
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"hub: [^\n]*HUB_MUNICIPALITY[^\n]*\n", done.stderr)
    assert broker.topics() == before
    assert held_by(database_url) == {}


@pytest.mark.parametrize(
    ("settings", "stays"),
    [
        ({}, []),
        ({"database_url": "postgresql://me:secret@db/town"}, ["the tables in db/town"]),
        ({"kafka_bootstrap": "broker:9092"}, ["the topics eksempel.* on the broker"]),
        (
            {
                "kafka_bootstrap": "broker:9092",
                "kafka_ca": "ca.pem",
                "kafka_username": "me",
                "kafka_password": "secret",
            },
            ["the topics eksempel.* on the broker", "the partners' logins and rights there"],
        ),
    ],
)
def test_it_says_what_stays(settings: dict[str, str], stays: list[str]) -> None:
    """Only its own folder is deleted: what servers keep is named, and no password is."""
    assert what_stays(Settings.model_validate({"on_call": ON_CALL, **settings})) == stays


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("HUB_DATABASE_URL", "postgresql://me:secret@127.0.0.1:1/town"),
        ("HUB_KAFKA_BOOTSTRAP", "127.0.0.1:1"),
    ],
)
def test_a_server_that_is_away_is_one_line(setting: str, value: str) -> None:
    """The demonstration needs no duty number, and neither does the advice."""
    done = played({setting: value})

    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(rf"hub: [^\n]*{setting}[^\n]*\n", done.stderr), done.stderr
    assert "secret" not in done.stderr
