"""The NGO's adapter: `python -m hub.adapters.partners.ngo --config ngo.json keys|run|inbox|open|answer`."""

import argparse
import json
import logging
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from uuid import UUID

from contracts.client.errors import HubUnreachable
from contracts.terms import LookPurpose, ReferralStatus, RejectionReason
from hub.adapters.partners.errors import AdapterError, NotAllowed
from hub.adapters.partners.ngo.adapter import Ngo
from hub.adapters.partners.ngo.inbox import ReferralLine, is_new
from hub.adapters.partners.ngo.rows import Line
from hub.adapters.partners.program import EPILOG, guarded, local, say, show_keys, until_stopped, with_keys
from hub.adapters.partners.settings import PartnerSettings

ANSWERS = {
    "received": ReferralStatus.RECEIVED,
    "accept": ReferralStatus.ACCEPTED,
    "reject": ReferralStatus.REJECTED,
    "start": ReferralStatus.IN_PROGRESS,
    "complete": ReferralStatus.COMPLETED,
}

log = logging.getLogger("partners.ngo")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    found = _parser().parse_args(arguments)
    if found.command == "keys":
        return guarded(partial(show_keys, found.config, new=found.new))
    acts: dict[str, Callable[[Ngo], None]] = {
        "run": _run,
        "inbox": _inbox,
        "open": partial(_open, found),
        "answer": partial(_answer, found),
    }
    return guarded(partial(_with_ngo, found.config, acts[found.command]))


def line(one: ReferralLine, duty_number: str) -> str:
    """One referral as `inbox` shows it: never who."""
    due = local(one.deadline) if one.deadline else "no deadline"
    shown = f"{due}  {one.urgency.value}  referral {one.referral}  {one.status.value}"
    if one.answered is not None:
        note = f": {one.answered.note}" if one.answered.note else ""
        waits = f"not yet delivered, ring {duty_number}"
        state = waits if one.answered.state == "waiting" else one.answered.state
        shown += f"  answered {one.answered.status.value} ({state}{note})"
    return "\n".join((shown, *map(told, one.told)))


def told(one: Line) -> str:
    """One message as `inbox` shows it: its kind, and whether somebody here has opened it; never who."""
    new = "  NEW: nobody here has opened it" if is_new(one) else ""
    return f"  message {one.message_id}  {one.kind.value}{new}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hub.adapters.partners.ngo",
        description="Receive referrals from the municipality and answer them.",
        epilog=EPILOG,
    )
    parser.add_argument("--config", type=Path, required=True, help="JSON or TOML, mode 600")
    commands = parser.add_subparsers(dest="command", required=True)
    with_keys(commands)
    commands.add_parser("run", help="take in, purge and answer, until stopped")
    commands.add_parser("inbox", help="the referrals that are here, by deadline, and what is new")
    opening = commands.add_parser("open", help="open a message; the municipality records who looked")
    opening.add_argument("message", type=UUID)
    opening.add_argument("--purpose", choices=[one.value for one in LookPurpose], required=True)
    answering = commands.add_parser("answer", help="answer a referral")
    answering.add_argument("referral", type=UUID)
    answering.add_argument("answer", choices=list(ANSWERS))
    answering.add_argument(
        "--reason", choices=[one.value for one in RejectionReason], help="needed with reject"
    )
    for command in (opening, answering):
        command.add_argument("--person", required=True, help="your own id in this organisation")
        command.add_argument("--name", required=True)
    return parser


def _with_ngo(config: Path, act: Callable[[Ngo], None]) -> None:
    ngo = Ngo.of(PartnerSettings.load(config))
    try:
        act(ngo)
    except HubUnreachable as error:
        ring = f"If it can't wait, ring {ngo.duty_number}"
        raise AdapterError(f"the hub can't be reached ({error}); nothing is lost. {ring}") from None
    finally:
        ngo.close()


def _run(ngo: Ngo) -> None:
    def step() -> bool:
        try:
            ngo.receive()
        except HubUnreachable:
            ring = f"if it can't wait, ring {ngo.duty_number}"
            log.warning("the hub can't be reached; nothing is lost, it is tried again; %s", ring)
            return False
        return True

    until_stopped(step, ngo.settings.poll_s)


def _inbox(ngo: Ngo) -> None:
    for one in ngo.inbox():
        say(line(one, ngo.duty_number))
    if without := ngo.told():
        say("told without a referral")
        for message in without:
            say(told(message))


def _open(found: argparse.Namespace, ngo: Ngo) -> None:
    opened = ngo.open_message(
        found.message, person=found.person, name=found.name, purpose=LookPurpose(found.purpose)
    )
    say(opened.head.kind.value)
    for part in opened.parts:
        say(json.dumps(part.model_dump(mode="json", exclude_none=True), ensure_ascii=False, indent=2))


def _answer(found: argparse.Namespace, ngo: Ngo) -> None:
    status = ANSWERS[found.answer]
    if (status is ReferralStatus.REJECTED) != (found.reason is not None):
        raise NotAllowed("--reason: needed with reject, and only then")
    reason = RejectionReason(found.reason) if found.reason else None
    ngo.answer(found.referral, status, person=found.person, name=found.name, reason=reason)
    with suppress(HubUnreachable):  # It is kept, and the line below says that it waits.
        ngo.send()
    for one in ngo.inbox():
        if one.referral == found.referral:
            say(line(one, ngo.duty_number))
            if one.answered is not None and one.answered.state == "refused":
                raise NotAllowed(f"the municipality refused this answer: {one.answered.note}")


if __name__ == "__main__":
    sys.exit(main())
