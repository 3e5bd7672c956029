"""Scenarios for a program that hands social reports over and reads its receipts."""

import json
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

from contracts.conformance.adapter import Done
from contracts.conformance.hub import AT, ON_CALL
from contracts.conformance.shared import (
    Play,
    forged,
    hammers,
    new_keys_of_the_hub,
    new_own_keys,
    reasons,
    reported,
    strays,
    unusable,
    waits_at_a_hole,
)
from contracts.conformance.stage import DUTY_NUMBER, Stage, last, needles
from contracts.message_v1 import Blank, Receipt, ReceiptStatus, Revoked
from contracts.social_report_v1 import SocialReport

_LOST: Final = 2
_EXAMPLES: Final = Path(__file__).parents[1] / "examples" / "social_report_v1"


def _submit(stage: Stage) -> tuple[SocialReport, Done]:
    """Have a report handed in: an example of the program's kind of unit, under a new id."""
    for path in sorted(_EXAMPLES.glob("*.json")):
        body = json.loads(path.read_text(encoding="utf-8"))
        if body["unit"]["kind"] == stage.program.unit_kind:
            break
    else:
        raise LookupError("kind: no example report is of this kind; choose police or emergency_department")
    body["report_id"] = str(uuid4())
    file = stage.program.folder / f"{body['report_id']}.json"
    file.write_text(json.dumps(body, ensure_ascii=False, indent=1), encoding="utf-8")
    return SocialReport.model_validate(body), stage.program.do("submit", report=str(file))


def _delivered(stage: Stage, report: SocialReport, rule: str, text: str) -> None:
    stage.wait(lambda: stage.hub.report_posts[report.report_id], rule, text)
    same = stage.hub.reports[report.report_id] == report
    stage.never(not same, "section 5", "the report that came is not the report that was handed in")


def _receipt(stage: Stage, report_id: UUID) -> UUID:
    number = stage.hub.receipt(report_id)["number"]
    return stage.hub.control(Receipt(report_id=report_id, number=number, status=ReceiptStatus.READ, at=AT))


def report(stage: Stage) -> None:
    """A report is handed in, delivered, and read."""
    found, done = _submit(stage)
    _delivered(stage, found, "section 6", f"a report was handed in and did not come: {last(done)}")
    stage.never(done.status, "section 6", f"`submit` of a good report ended with {done.status}: {last(done)}")
    stage.watch(1.0)
    _receipt(stage, found.report_id)
    stage.caught_up((1, 1))
    stage.never(stage.hub.head_keys, "section 6", "asks for keys of heads of control messages")


def repeats(stage: Stage) -> None:
    """The hub's replies to reports are lost, and receipts come again."""
    hub = stage.hub
    if stage.topics is None:
        hub.lose = _LOST
    found, _ = _submit(stage)
    _delivered(stage, found, "R8", "a report was handed in and did not come")
    if stage.topics is None:
        text = "the hub's reply to a report was lost, and the report was not sent again"
        stage.wait(lambda: hub.report_posts[found.report_id] > _LOST or len(hub.reports) > 1, "R8", text)
    _receipt(stage, found.report_id)
    stage.caught_up((1, 1))
    hub.replay = True
    if stage.topics is not None:
        stage.topics.again()
    hub.control(Blank())
    stage.caught_up((1, 2), "R2")
    stage.never(len(hub.reports) > 1, "R8", "one report came under two ids")


def killed(stage: Stage) -> None:
    """It is killed with a report under way, before any reply."""
    hub = stage.hub
    hub.hold = stage.topics is None
    found, _ = _submit(stage)
    if hub.hold:
        stage.wait(lambda: hub.held, "section 6", "a report was handed in, and did not come")
    else:
        stage.program.keep()
    stage.program.end(kill=True)
    hub.hold = False
    _delivered(stage, found, "R5", "was killed with a report not yet delivered, and it never came")
    stage.never(len(hub.reports) > 1, "R8", "one report came under two ids")


def gaps(stage: Stage) -> None:
    """The list of receipts has a hole, which is filled later; then a new epoch begins."""
    hub = stage.hub
    hub.hidden.add((1, 2))
    for _ in range(3):
        hub.control(Blank())
    waits_at_a_hole(stage)
    hub.hidden.clear()
    stage.caught_up((1, 3), "R3")
    hub.epoch = 2
    hub.control(Blank())
    stage.caught_up((2, 1), "R3")


def poison(stage: Stage) -> None:
    """Forged, unreadable, no message at all and from a newer version; a receipt behind them."""
    fake = forged(stage, (1, 1))
    stage.hub.control(Blank())
    stray, wrong = strays(stage), unusable(stage)
    _receipt(stage, uuid4())
    stage.caught_up((1, len(wrong) + 2), "R4")
    reported(stage, {fake: "bad_signature", **stray, **wrong})


def revocation(stage: Stage) -> None:
    """That a report was taken up is told, and its basis ends; a second such message comes after that."""
    hub = stage.hub
    found, _ = _submit(stage)
    _delivered(stage, found, "section 6", "a report was handed in and did not come")
    held, late = (hub.build(parts=1, taken_up=found.report_id) for _ in range(2))
    hub.number(held.message_id, held.sealed)
    stage.caught_up((1, 1))
    revoked = hub.control(Revoked(thread=held.head.thread, messages=(held.message_id, late.message_id)))
    stage.gone_with(revoked, (held, 0), (held, 1))
    stage.answered(revoked)
    hub.number(late.message_id, late.sealed)
    stage.caught_up((1, 3))
    kept = any(needle in stage.program.disk() for needle in needles(late, 1))
    stage.never(kept, "R6", "what came after its revocation lies on the disk")


def rotation(stage: Stage) -> None:
    """The hub signs with a new key before the partner was given it, then after; then the partner's own."""
    hub = stage.hub
    hub.control(Blank())
    stage.caught_up((1, 1))
    new_keys_of_the_hub(stage)
    # What can't be used is reported by its reason only by whoever opened it, in either profile.
    early = unusable(stage)
    stage.watch(2.0)
    opened = [one for one, reason in early.items() if reason in reasons(stage, one)]
    past = [at for at in hub.pulls() if at > (1, 1)]
    stage.never(opened or past, "R10", "took in a message signed by a key it was not given")
    stage.program.end()
    stage.give_settings()
    stage.caught_up((1, 1 + len(early)), "R10")
    with stage.server.gone():
        found, _ = _submit(stage)
        if stage.topics is not None:
            # What already stands on the topic is signed by the former key, and taken in by it.
            _delivered(stage, found, "section 7", "a report did not come by topic while the API was down")
        stage.program.end()
        under_way = unusable(stage)
        new_own_keys(stage)
    _delivered(stage, found, "R10", "what was handed in before the keys were new did not come")
    wrong = under_way | unusable(stage)
    stage.wait(
        lambda: all(reasons(stage, one) for one in wrong),
        "R10",
        "did not read what was sealed to its former key, or to its new one",
    )
    reported(stage, wrong)


def cut_off(stage: Stage) -> None:
    """The partner is suspended, its login ends; a report is handed in; later it is let in again.

    Over Kafka nothing is refused to a reporter here: the broker that is given asks for no login.
    """
    hub = stage.hub
    for status in (403, 401):
        hub.refuse = status
        found, _ = _submit(stage)
        if stage.topics is None:
            hammers(stage)
        hub.refuse = 0
        _delivered(stage, found, "R11", f"was let in again after {status}, and a report did not come")
    hub.control(Blank())
    stage.caught_up((1, 1), "R11")


def hub_down(stage: Stage) -> None:
    """Nobody listens; reports are handed in meanwhile; then the hub is back."""
    stage.hub.control(Blank())
    stage.caught_up((1, 1))
    with stage.hub_gone():
        told = [_submit(stage) for _ in range(2)]
        for _, done in told:
            stage.never(done.status, "R12", f"refused a report because the hub is down: {last(done)}")
        if stage.program.has("status"):
            shown = stage.program.do("status").out
            known = (DUTY_NUMBER, ON_CALL)
            stage.never(
                not any(number in shown for number in known),
                "R12",
                "`status` shows neither the duty number that it was given nor the one of `GET /v1/hub`",
            )
        stage.watch(2.0)
    for found, _ in told:
        _delivered(
            stage, found, "R12", "was handed in while the hub was down, and did not come when it was back"
        )
    stage.hub.control(Blank())
    stage.caught_up((1, 2), "R12")


SCENARIOS: Final[dict[str, Play]] = {
    "report": report,
    "repeats": repeats,
    "killed": killed,
    "gaps": gaps,
    "poison": poison,
    "revocation": revocation,
    "rotation": rotation,
    "cut-off": cut_off,
    "hub-down": hub_down,
}
