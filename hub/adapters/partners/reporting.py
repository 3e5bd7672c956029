"""The command line of a reporter: `keys`, `submit`, `run`, `status`, `retract`, `hand-back`."""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from uuid import UUID

from contracts.terms import OrganisationKind, RetractionReason
from hub.adapters.partners.errors import NotAllowed
from hub.adapters.partners.outbox import ReportStatus, State
from hub.adapters.partners.program import (
    EPILOG,
    guarded,
    local,
    log,
    say,
    show_keys,
    until_stopped,
    with_keys,
)
from hub.adapters.partners.reporter import Reporter
from hub.adapters.partners.retracting import Retraction
from hub.adapters.partners.settings import PartnerSettings

_TOLD = {
    "received": "received, not yet read by a person",
    "read": "read by a person, nothing decided yet",
    "taken_up": "taken up by a person",
    "forwarded": "forwarded to another municipality: tell that one what more you know",
    "retracted": "taken back",
}
_TAKING_BACK = {
    Retraction.WAITING: "not yet delivered",
    Retraction.SENT: "sent, not yet answered",
    Retraction.REFUSED: "refused",
}


def main(kind: OrganisationKind, arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    parser = argparse.ArgumentParser(
        prog=f"python -m hub.adapters.partners.{kind.value}",
        description=f"Hand social reports over to the municipality: {kind.value}.",
        epilog=EPILOG,
    )
    parser.add_argument("--config", type=Path, required=True, help="JSON or TOML, mode 600")
    commands = parser.add_subparsers(dest="command", required=True)
    with_keys(commands)
    submit = commands.add_parser("submit", help="check reports and keep them for delivery")
    submit.add_argument("files", type=Path, nargs="+", metavar="FILE")
    commands.add_parser("run", help="deliver, and read receipts, until stopped")
    commands.add_parser("status", help="every report and how far it has come")
    taking = commands.add_parser(
        "retract", help="take a report back: nothing is deleted, and whoever was told is told"
    )
    taking.add_argument("report_id", type=UUID)
    taking.add_argument("--reason", choices=[one.value for one in RetractionReason], required=True)
    taking.add_argument(
        "--explanation", type=Path, metavar="FILE", help="a text for the municipality, read by a person"
    )
    taking.add_argument("--person", required=True, help="your own id in this organisation")
    taking.add_argument("--name", required=True, help="your name")
    back = commands.add_parser(
        "hand-back", help="write a refused report to a file, to be corrected, and keep it here no more"
    )
    back.add_argument("report_id", type=UUID)
    back.add_argument("file", type=Path)
    found = parser.parse_args(arguments)
    if found.command == "keys":
        return guarded(partial(show_keys, found.config, new=found.new))
    acts: dict[str, Callable[[Reporter], None]] = {
        "submit": lambda reporter: _submit(reporter, found.files),
        "run": _run,
        "status": _status,
        "retract": partial(_retract, found),
        "hand-back": lambda reporter: reporter.hand_back(found.report_id, found.file),
    }
    return guarded(partial(_with_reporter, kind, found.config, acts[found.command]))


def line(one: ReportStatus, duty_number: str, reference: str | None = None) -> str:
    """One report as `status` shows it. Never more than our own reference and how far it has come."""
    named = f"{one.report_id}  {reference}" if reference else f"{one.report_id}"
    shown = f"{named}  {one.state.value}  since {local(one.since)}"
    if one.number is not None:
        shown += f"  number {one.number}, {_TOLD.get(one.receipt or '', one.receipt)}"
    if one.note is not None:
        shown += f"  ({one.note})"
    if one.retraction is not None:
        why = f" ({one.retraction_note})" if one.retraction_note else ""
        shown += f"  taking it back: {_TAKING_BACK[one.retraction]}{why}"
    if one.state is not State.DELIVERED or one.retraction in {Retraction.WAITING, Retraction.REFUSED}:
        return f"{shown}  ring {duty_number}"
    return f"{shown}  in danger: ring {duty_number}"


def _with_reporter(kind: OrganisationKind, config: Path, act: Callable[[Reporter], None]) -> None:
    reporter = Reporter.of(PartnerSettings.load(config), kind)
    try:
        act(reporter)
    finally:
        reporter.close()


def _show(reporter: Reporter, one: ReportStatus) -> None:
    say(line(one, reporter.duty_number(one), reporter.reference(one.report_id)))


def _submit(reporter: Reporter, files: Sequence[Path]) -> None:
    for path in files:
        one = reporter.submit_json(path.read_bytes())
        _show(reporter, one)


def _retract(found: argparse.Namespace, reporter: Reporter) -> None:
    reason, text = RetractionReason(found.reason), found.explanation
    explanation = None if text is None else _text(text)
    one = reporter.retract(
        found.report_id, reason, person=found.person, name=found.name, explanation=explanation
    )
    _show(reporter, one)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise NotAllowed("--explanation: the file is no text in UTF-8; save it as that") from None


def _status(reporter: Reporter) -> None:
    for one in reporter.status():
        _show(reporter, one)


def _run(reporter: Reporter) -> None:
    def step() -> bool:
        reporter.step()
        waiting = reporter.waiting()
        if waiting:
            log.warning("%d not yet delivered: ring %s", waiting, reporter.duty_number())
        return not waiting

    until_stopped(step, reporter.settings.poll_s)
