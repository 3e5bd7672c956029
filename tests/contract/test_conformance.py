"""The conformance suite: our own adapters pass it; it catches an adapter with a fault, in every scenario."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.conformance import recipient, reporter
from contracts.conformance.__main__ import main, run
from contracts.conformance.adapter import BadDescription, Description
from contracts.conformance.stage import Finding
from tests.contract import planted

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30.0
SHORT_PATIENCE_S = 8.0
WHO = ["--person", "{person}", "--name", "{name}"]
MODULES = {"ngo": "hub.adapters.partners.ngo", "police": "hub.adapters.partners.police"}
SCENARIOS = {"ngo": recipient.SCENARIOS, "police": reporter.SCENARIOS}
ALL = [(adapter, name) for adapter, plays in SCENARIOS.items() for name in plays]


def described(folder: Path, adapter: str, fault: str | None = None) -> Path:
    """Describe one of our own adapters, as a partner would its program."""
    start = ["-m", MODULES[adapter]] if fault is None else [planted.__file__, fault, adapter]
    begin = [sys.executable, *start, "--config", "{settings}"]
    commands = {"run": ["run"]}
    if adapter == "ngo":
        commands["open"] = ["open", "{message}", *WHO, "--purpose", "{purpose}"]
        commands["answer"] = ["answer", "{referral}", "accept", *WHO]
    else:
        commands |= {"submit": ["submit", "{report}"], "status": ["status"]}
    lines = [f"{name} = {[*begin, *words]}" for name, words in commands.items()]
    role = "recipient" if adapter == "ngo" else "reporter"
    path = folder / "adapter.toml"
    path.write_text("\n".join([f'role = "{role}"', *lines]), encoding="utf-8")
    return path


def found(tmp_path: Path, adapter: str, scenario: str, **how: str | None) -> tuple[list[Finding], str]:
    """Play one scenario with one adapter."""
    fault, kafka = how.get("fault"), how.get("kafka")
    description = Description.load(described(tmp_path, adapter, fault))
    play, patience_s = SCENARIOS[adapter][scenario], SHORT_PATIENCE_S if fault else PATIENCE_S
    return run(description, scenario, play, tmp_path / "stage", patience_s, kafka)


@pytest.mark.parametrize(("adapter", "scenario"), ALL)
def test_our_own_adapters_pass_over_http(tmp_path: Path, adapter: str, scenario: str) -> None:
    """Every scenario, each as a program of its own."""
    short, printed = found(tmp_path, adapter, scenario)
    assert short == [], printed


BY_TOPIC = [one for one in ALL if one[1] != "killed"]
"""How a program starts again after a kill is the same in both; the broker's own part is shown in
`tests/integration/partners/test_kafka.py`."""


@pytest.mark.parametrize(("adapter", "scenario"), BY_TOPIC)
def test_our_own_adapters_pass_over_kafka(tmp_path: Path, kafka: str, adapter: str, scenario: str) -> None:
    """The same, with messages by topic and keys over HTTP."""
    short, printed = found(tmp_path, adapter, scenario, kafka=kafka)
    assert short == [], printed


CAUGHT = [
    ("forgets_who_looks", "ngo", "message", "R9"),
    ("keeps_keys_on_disk", "ngo", "message", "R9"),
    ("takes_repeats_in_again", "ngo", "repeats", "R2"),
    ("answers_under_new_ids", "ngo", "repeats", "R8"),
    ("moves_on_before_it_has_taken_in", "ngo", "killed", "R5"),
    ("passes_a_hole_over", "ngo", "gaps", "R3"),
    ("reports_no_problem", "ngo", "poison", "R1"),
    ("stops_at_poison", "ngo", "poison", "R4"),
    ("checks_no_signature", "ngo", "poison", "R1"),
    ("forgets_what_was_revoked", "ngo", "revocation", "R6"),
    ("says_purged_and_keeps", "ngo", "revocation", "R7"),
    ("checks_no_signature", "ngo", "rotation", "R10"),
    ("keeps_its_old_keys", "ngo", "rotation", "R10"),
    ("forgets_its_former_keys", "ngo", "rotation", "R10"),
    ("logs_in_twice_by_one_assertion", "ngo", "cut-off", "section 6"),
    ("hammers_when_refused", "ngo", "cut-off", "R11"),
    ("gives_up_when_refused", "ngo", "cut-off", "R11"),
    ("shows_what_it_kept", "ngo", "cut-off", "R11"),
    ("answers_at_once_or_never", "ngo", "hub-down", "R12"),
    ("reports_under_new_ids", "police", "report", "section 6"),
    ("reports_under_new_ids", "police", "repeats", "R8"),
    ("counts_as_delivered_before_it_sends", "police", "killed", "R5"),
    ("passes_a_hole_over", "police", "gaps", "R3"),
    ("reports_no_problem", "police", "poison", "R1"),
    ("stops_at_poison", "police", "poison", "R4"),
    ("answers_no_revocation", "police", "revocation", "R7"),
    ("checks_no_signature", "police", "rotation", "R10"),
    ("asks_all_the_time", "police", "cut-off", "R11"),
    ("counts_sent_as_delivered", "police", "hub-down", "R12"),
    ("refuses_while_the_hub_is_down", "police", "hub-down", "R12"),
    ("hides_the_duty_number", "police", "hub-down", "R12"),
]


@pytest.mark.parametrize(("fault", "adapter", "scenario", "rule"), CAUGHT)
def test_a_planted_fault_is_caught(
    tmp_path: Path, fault: str, adapter: str, scenario: str, rule: str
) -> None:
    """An adapter with one fault falls short, of the rule that it breaks."""
    short, printed = found(tmp_path, adapter, scenario, fault=fault)
    assert rule in {one.rule for one in short}, f"{short}\n{printed}"


CAUGHT_BY_TOPIC = [
    ("takes_repeats_in_again", "ngo", "repeats", "R2"),
    ("passes_a_hole_over", "ngo", "gaps", "R3"),
    ("passes_strangers_over_in_silence", "ngo", "poison", "R4"),
    ("forgets_what_was_revoked", "ngo", "revocation", "R6"),
    ("checks_no_signature", "police", "rotation", "R10"),
    ("gives_up_when_refused", "ngo", "cut-off", "R11"),
    ("hides_the_duty_number", "police", "hub-down", "R12"),
]


@pytest.mark.parametrize(("fault", "adapter", "scenario", "rule"), CAUGHT_BY_TOPIC)
def test_a_planted_fault_is_caught_over_kafka(
    tmp_path: Path, kafka: str, fault: str, adapter: str, scenario: str, rule: str
) -> None:
    """Each of the seven that a partner meets in this profile too."""
    short, printed = found(tmp_path, adapter, scenario, fault=fault, kafka=kafka)
    assert rule in {one.rule for one in short}, f"{short}\n{printed}"


def test_every_scenario_and_every_fault_has_its_case() -> None:
    """No scenario whose findings nobody has seen, no fault that is planted nowhere."""
    assert {(adapter, scenario) for _, adapter, scenario, _ in CAUGHT} == set(ALL)
    assert {fault for fault, *_ in CAUGHT + CAUGHT_BY_TOPIC} == set(planted.FAULTS)


def test_the_command_says_what_falls_short_and_its_status_says_whether(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line for each finding, with the rule and where it stands."""
    path = described(tmp_path, "police", "hides_the_duty_number")
    assert main([str(path), "--scenario", "hub-down", "--patience", "20"]) == 1
    told = capsys.readouterr().out
    assert "hub-down: R12: `status` shows neither the duty number that it was given nor" in told
    assert "(BYTES.md section 8, R12)\n" in told
    assert told.endswith("1 findings in 1 scenarios\n")


def test_a_program_that_ended_by_itself_is_told_of_as_such(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As where it was never found: what it did not do says less."""
    path = described(tmp_path, "ngo")
    text = re.sub(
        r"(?m)^run = .*$", f"run = [{sys.executable!r}, '-c', 'raise SystemExit(7)']", path.read_text()
    )
    path.write_text(text)
    assert main([str(path), "--scenario", "gaps", "--patience", "2"]) == 1
    assert "; `run` had ended by itself, status 7 (BYTES.md" in capsys.readouterr().out


def test_as_a_program_it_ends_with_nought_where_nothing_falls_short(tmp_path: Path) -> None:
    """As a partner's own CI would call it."""
    command = [sys.executable, "-m", "contracts.conformance", str(described(tmp_path, "police"))]
    done = subprocess.run(
        [*command, "--scenario", "gaps"], capture_output=True, text=True, timeout=120, check=False, cwd=ROOT
    )
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "0 findings in 1 scenarios"), done.stdout


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("role = ", "TOML"),
        ('role = "police"', "role must be"),
        ('role = "reporter"\nrun = ["a"]', "submit must be a list of words"),
        ('role = "recipient"\nrun = "a"', "run must be a list of words"),
    ],
)
def test_a_bad_description_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    """Exit status 2: nothing was tried."""
    path = tmp_path / "adapter.toml"
    path.write_text(text, encoding="utf-8")
    assert main([str(path)]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    with pytest.raises(BadDescription):
        Description.load(path)


def test_a_scenario_or_broker_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 2."""
    path = str(described(tmp_path, "ngo"))
    assert main([path, "--scenario", "revocations"]) == 2
    assert "no scenario revocations for a recipient: message, repeats" in capsys.readouterr().err
    assert main([path, "--kafka", "127.0.0.1:1"]) == 2
    assert "no broker answers" in capsys.readouterr().err
