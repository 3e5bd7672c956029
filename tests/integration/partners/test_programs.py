"""The programs as an operator meets them: clear lines, exit statuses that fit, nothing personal in either."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from contracts.terms import Category, LookPurpose, OrganisationKind, RejectionReason
from hub.adapters.partners import program
from hub.adapters.partners.ngo import __main__ as ngo_program
from hub.adapters.partners.reporting import main as report
from tests.integration.partners.conftest import DUTY, Partner
from tests.integration.partners.hub import ON_CALL, PASSWORD, SimulatedHub, part
from tests.support.social_reports import SOURCES, example

POLICE = "01-politi-natlig-vold-i-hjemmet"
WHO = ["--person", "li-7", "--name", "Anne Prøve"]
Captured = pytest.CaptureFixture[str]


def police(partner: Partner, *arguments: str) -> int:
    """Run the police's program in this process."""
    return report(OrganisationKind.POLICE, ["--config", str(partner.config), *arguments])


def ngo(partner: Partner, *arguments: str) -> int:
    """Run the NGO's program in this process."""
    return ngo_program.main(["--config", str(partner.config), *arguments])


def test_submit_run_status(partner: Partner, hub: SimulatedHub, capsys: Captured) -> None:
    """Not yet delivered with the duty number; then delivered with the municipality's; never what it says."""
    partner.configure(hub)
    source = partner.folder / "report.json"
    source.write_text(SOURCES[POLICE], encoding="utf-8")
    assert police(partner, "submit", str(source)) == 0
    assert police(partner, "status") == 0
    told = capsys.readouterr().out
    assert told.count("not_yet_delivered") == 2
    assert told.count(f"ring {DUTY}") == 2
    command = [sys.executable, "-m", "hub.adapters.partners.police", "--config", str(partner.config), "run"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        _until(lambda: bool(hub.reports))
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert police(partner, "status") == 0
    told = capsys.readouterr().out
    assert "delivered" in told
    assert f"in danger: ring {ON_CALL}" in told
    assert "Maja" not in told + out + err
    assert "Eksempelby" not in told + out + err


def test_a_running_reporter_killed_with_nine_starts_again(partner: Partner, hub: SimulatedHub) -> None:
    """The whole program, while the hub is down; then again, while it is not."""
    settings = partner.configure(hub, drop="drop")
    assert settings.drop is not None
    settings.drop.mkdir()
    hub.down = True
    command = [sys.executable, "-m", "hub.adapters.partners.police", "--config", str(partner.config), "run"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        for number in range(3):
            body = {**example(), "report_id": str(uuid4())}
            half = settings.drop / f"{number}.tmp"
            half.write_text(json.dumps(body), encoding="utf-8")
            half.rename(half.with_suffix(".json"))
        drop = settings.drop
        _until(lambda: not list(drop.iterdir()))
        process.kill()
        _, err = process.communicate(timeout=30)
    assert hub.reports == {}
    assert "Eksempelsen" not in err
    hub.down = False
    with subprocess.Popen(command) as process:
        _until(lambda: len(hub.reports) == 3)
        process.terminate()
        assert process.wait(timeout=30) == 0


def test_a_bad_report_is_told_in_lines_without_values(
    partner: Partner, hub: SimulatedHub, capsys: Captured
) -> None:
    """Field, rule, way out; exit status 1; no traceback."""
    partner.configure(hub)
    bad = {**example(), "urgency": "KANARIE", "KANARIE": "KANARIE"}
    source = partner.folder / "KANARIE.json"
    source.write_text(json.dumps(bad), encoding="utf-8")
    assert police(partner, "submit", str(source)) == 1
    told = capsys.readouterr()
    assert "correct it and submit it again" in told.err
    assert "urgency: " in told.err
    assert "(an unknown field): leave it out, or correct its name" in told.err
    assert "KANARIE" not in told.out + told.err
    assert "Traceback" not in told.err
    missing = partner.folder / "none.json"
    assert police(partner, "submit", str(missing)) == 1
    assert capsys.readouterr().err == f"a file can't be used: No such file or directory: {missing}\n"


def test_inbox_open_answer(partner: Partner, hub: SimulatedHub, capsys: Captured) -> None:
    """The list says no name; an opened message says what it says, to the person who opened it."""
    partner.configure(hub)
    referral = uuid4()
    message = hub.tell(part(Category.IDENTITY, "KANARIE Maja"), thread=uuid4(), referral=referral)
    with subprocess.Popen(
        _running(partner), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        _until(lambda: bool(hub.key_batches))
        process.terminate()
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert ngo(partner, "inbox") == 0
    listed = capsys.readouterr()
    assert f"referral {referral}  requested" in listed.out
    assert f"message {message}" in listed.out
    assert "KANARIE" not in out + err + listed.out + listed.err
    assert ngo(partner, "open", str(message), *WHO, "--purpose", "referral") == 0
    assert "KANARIE Maja" in capsys.readouterr().out
    assert ngo(partner, "answer", str(referral), "reject", *WHO) == 1
    assert "--reason" in capsys.readouterr().err
    assert ngo(partner, "answer", str(referral), "accept", *WHO) == 0
    assert "answered accepted (sent)" in capsys.readouterr().out
    hub.refuse = (409, "illegal-transition")
    assert ngo(partner, "answer", str(referral), "start", *WHO) == 1, "refused, and no success to a script"
    assert "the municipality refused this answer: illegal-transition" in capsys.readouterr().err
    hub.refuse = None
    hub.keys.clear()
    assert ngo(partner, "open", str(message), *WHO, "--purpose", "referral") == 1
    assert "gives no key" in capsys.readouterr().err


def test_what_is_typed_wrong_is_answered_as_one_types_it(partner: Partner, capsys: Captured) -> None:
    """The program's whole name, and the words that may stand there."""
    wrong = (
        ["open", str(uuid4()), *WHO, "--purpose", "x"],
        ["answer", str(uuid4()), "reject", "--reason", "x"],
    )
    for words, choices in zip(wrong, (LookPurpose, RejectionReason), strict=True):
        with pytest.raises(SystemExit):
            ngo(partner, *words)
        err = capsys.readouterr().err
        assert err.startswith("usage: python -m hub.adapters.partners.ngo ")
        assert "<" not in err
        assert all(one.value in err for one in choices)
    for kind in (OrganisationKind.POLICE, OrganisationKind.EMERGENCY_DEPARTMENT):
        with pytest.raises(SystemExit):
            report(kind, [])
        named = capsys.readouterr().err.split()[:4]
        assert named == ["usage:", "python", "-m", f"hub.adapters.partners.{kind.value}"]


def test_an_ngo_without_a_hub_says_so_in_one_line(
    partner: Partner, hub: SimulatedHub, capsys: Captured
) -> None:
    """A person who wants to open something learns whom to ring."""
    partner.configure(hub)
    message = hub.tell(part(Category.IDENTITY, "Maja"), thread=uuid4())
    with subprocess.Popen(_running(partner), stderr=subprocess.PIPE) as process:
        _until(lambda: bool(hub.key_batches))
        process.terminate()
    hub.down = True
    assert ngo(partner, "open", str(message), *WHO, "--purpose", "referral") == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert ON_CALL in err


@pytest.mark.parametrize("size", [1, 200_000])
def test_what_nobody_reads_to_its_end_ends_quietly(partner: Partner, hub: SimulatedHub, size: int) -> None:
    """As `… | head -3` leaves it, within what is shown and at its end."""
    partner.configure(hub)
    message = hub.tell(part(Category.IDENTITY, "M" * size), thread=uuid4())
    with subprocess.Popen(_running(partner), stderr=subprocess.PIPE) as process:
        _until(lambda: bool(hub.key_batches))
        process.terminate()
    command = [*_running(partner)[:-1], "open", str(message), *WHO, "--purpose", "referral"]
    unread, shown = os.pipe()
    os.close(unread)
    done = subprocess.run(command, stdout=shown, stderr=subprocess.PIPE, text=True, check=False, timeout=30)
    os.close(shown)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_running_ngo_waits_for_a_hub_that_is_down(partner: Partner, hub: SimulatedHub) -> None:
    """It says so, and goes on by itself when the hub is back; nobody starts it again at night."""
    partner.configure(hub)
    hub.down = True
    with subprocess.Popen(_running(partner), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "nothing is lost" in process.stderr.readline()
        hub.down = False
        hub.tell(part(Category.IDENTITY, "Maja"), thread=uuid4())
        _until(lambda: bool(hub.key_batches))
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0


def _running(partner: Partner) -> list[str]:
    return [sys.executable, "-m", "hub.adapters.partners.ngo", "--config", str(partner.config), "run"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"slug": "KANARIE Å"}, "slug: "),
        ({"hub_url": "ftp://KANARIE"}, "hub_url: "),
        ({"hub_signing_key": "S0FOQVJJRQ=="}, "hub_signing_key: "),
        ({"profile": "kafka"}, "kafka: profile kafka needs it"),
        ({"profile": "KANARIE"}, "profile: "),
        ({"KANARIE": 1}, "(an unknown field)"),
        ({"duty_number": None}, "duty_number: "),
        ({"keys": "nowhere"}, "our own keys can't be read"),
    ],
)
def test_a_configuration_that_can_not_be_used_is_told(
    partner: Partner, hub: SimulatedHub, capsys: Captured, change: dict[str, object], told: str
) -> None:
    """Which setting and why; never its value, least of all the password."""
    partner.configure(hub)
    settings = json.loads(partner.config.read_text()) | change
    partner.config.write_text(json.dumps(settings))
    assert police(partner, "status") == 1
    err = capsys.readouterr().err
    assert told in err
    assert "KANARIE" not in err
    assert PASSWORD not in err
    assert "Traceback" not in err


def test_a_configuration_that_others_may_read_is_refused(
    partner: Partner, hub: SimulatedHub, capsys: Captured
) -> None:
    """It holds a password."""
    partner.configure(hub)
    partner.config.chmod(0o644)
    assert police(partner, "status") == 1
    assert "chmod 600" in capsys.readouterr().err
    for path in (partner.folder / "missing.json", _broken(partner.folder)):
        assert report(OrganisationKind.POLICE, ["--config", str(path), "status"]) == 1
        assert path.name in capsys.readouterr().err


def test_toml_does_as_well(partner: Partner, hub: SimulatedHub, capsys: Captured) -> None:
    """The same settings in the other spelling."""
    partner.configure(hub)
    settings = json.loads(partner.config.read_text())
    path = partner.folder / "adapter.toml"
    path.touch(mode=0o600)
    path.write_text("\n".join(f"{name} = {json.dumps(value)}" for name, value in settings.items()))
    assert report(OrganisationKind.EMERGENCY_DEPARTMENT, ["--config", str(path), "status"]) == 0
    assert stat.S_IMODE(os.stat(partner.folder / "data").st_mode) == 0o700


def _broken(folder: Path) -> Path:
    path = folder / "broken.json"
    path.touch(mode=0o600)
    path.write_text("{KANARIE")
    return path


def _until(true: Callable[[], bool]) -> None:
    for _ in range(600):
        if true():
            return
        time.sleep(0.05)
    pytest.fail("it never came")


@pytest.mark.parametrize(("pause_s", "longest"), [(0.2, 5.0), (2.0, 5.0), (30.0, 30.0)])
def test_a_program_that_waits_for_its_hub_asks_again_within_seconds(
    monkeypatch: pytest.MonkeyPatch, pause_s: float, longest: float
) -> None:
    """However long the hub was away; and never more often than it is told to."""
    pauses: list[float] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            pauses.append(timeout or 0)
            if len(pauses) == 10:
                self.set()
            return self.is_set()

    monkeypatch.setattr(threading, "Event", Stop)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    program.until_stopped(lambda: False, pause_s)
    assert pauses == sorted(pauses)
    assert (min(pauses) >= pause_s, max(pauses)) == (True, longest)
