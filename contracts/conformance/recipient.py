"""Scenarios for a program that is told, opens, answers and purges."""

import time
from functools import partial
from typing import Final
from uuid import UUID, uuid4

from contracts.conformance.adapter import Done
from contracts.conformance.hub import AT, Told
from contracts.conformance.shared import (
    Play,
    forged,
    hammers,
    new_keys_of_the_hub,
    new_own_keys,
    reported,
    strays,
    unusable,
    waits_at_a_hole,
)
from contracts.conformance.stage import Stage, last, needles
from contracts.inbound_v1 import ReferralAnswer
from contracts.message_v1 import Erased, Revoked
from contracts.terms import ReferralStatus


def _revoke(stage: Stage, *told: Told, parts: dict[UUID, tuple[int, ...]] | None = None) -> UUID:
    """Revoke whole messages, and parts of others; the revocation's id."""
    messages = tuple(one.message_id for one in told)
    return stage.hub.control(Revoked(thread=uuid4(), messages=messages, parts=parts or {}, answer_by=AT))


def _answer(stage: Stage, referral: UUID) -> Done:
    who = {"person": "m-17", "name": "Mona Opdigtet"}
    return stage.program.do("answer", referral=str(referral), **who)


def _referral_answers(stage: Stage, referral: UUID) -> list[tuple[UUID, ReferralAnswer]]:
    found = stage.hub.answers(ReferralAnswer)
    return [(one, answer) for one, answer in found if answer.referral == referral]


def message(stage: Stage) -> None:
    """It is told, a named person opens, and answers a referral."""
    hub, referral = stage.hub, uuid4()
    told = hub.tell(referral=referral)
    stage.took(told, "section 6")
    stage.caught_up((1, 1))
    stage.opens(told, "section 4")
    if hub.looks:
        look = hub.looks[-1][1]
        asked = (look.get("person"), look.get("name"), look.get("purpose"))
        right = asked == ("m-17", "Mona Opdigtet", "referral")
        stage.never(not right, "R9", "`open` names another person or purpose")
        stage.never(look.get("taken_over"), "R9", "`open` says taken over, and nobody asked for that")
    else:
        stage.say("R9", "`open` did not ask the hub for keys, so no look is on record")
    done = _answer(stage, referral)
    stage.wait(
        lambda: _referral_answers(stage, referral),
        "section 5",
        f"`answer` brought the hub no answer to the referral: {last(done)}",
    )
    answer = _referral_answers(stage, referral)[0][1]
    said = (answer.status, answer.thread, answer.by.person)
    stage.never(
        said != (ReferralStatus.ACCEPTED, told.head.thread, "m-17"),
        "section 5",
        "`answer` must accept, in the thread of the referral's head, in the name of the person who answered",
    )


def repeats(stage: Stage) -> None:
    """The topic is read again from the start, and answers are lost after the work is done."""
    hub = stage.hub
    first = hub.tell()
    revocation = _revoke(stage, hub.build())
    stage.took(first, "section 6")
    stage.answered(revocation)
    stage.caught_up((1, 2))
    hub.replay = True
    if stage.topics is not None:
        stage.topics.again()
    second = hub.tell()
    stage.took(second, "R2", "a new message behind repeats was not taken in")
    stage.caught_up((1, 3), "R2")
    hub.replay = False
    stage.never(hub.head_keys[first.message_id] > 1, "R2", "a message that came again was taken in again")
    stage.never(_twice(stage, revocation), "R2", "a revocation that came again was answered anew")
    if stage.topics is None:
        hub.lose = 2
        other = _revoke(stage, first)
        stage.answered(other, "R8")
        stage.wait(
            lambda: max(hub.sent[one] for one in stage.purge_answers(other)) > 1 or _twice(stage, other),
            "R8",
            "the hub's reply to an answer was lost, and the answer was not sent again",
        )
        stage.watch(1.0)
        stage.never(
            _twice(stage, other), "R8", "an answer whose reply was lost was sent again under another id"
        )


def _twice(stage: Stage, revocation: UUID) -> bool:
    return len(stage.purge_answers(revocation)) > 1


def killed(stage: Stage) -> None:
    """It is killed while it waits for the keys of heads: what was pulled is not yet taken in."""
    hub = stage.hub
    hub.hold = True
    told = [hub.tell() for _ in range(3)]
    stage.took(told[0], "section 6")
    stage.program.end(kill=True)
    hub.hold = False
    stage.caught_up((1, 3))
    for one in told:
        stage.opens(one, "R5")


def gaps(stage: Stage) -> None:
    """The hub's list has a hole, which is filled later; then a new epoch begins."""
    hub = stage.hub
    first = hub.tell()
    hub.hidden.add((1, 2))
    hole, behind = hub.tell(), hub.tell()
    stage.took(first, "section 6")
    waits_at_a_hole(stage)
    stage.never(hub.head_keys[behind.message_id], "R3", "what lies behind a hole was taken in")
    hub.hidden.clear()
    for one in (hole, behind):
        stage.took(one, "R3", "the hole was filled, and it did not go on")
    stage.caught_up((1, 3), "R3")
    hub.epoch = 2
    stage.took(hub.tell(), "R3", "a new epoch began, and it did not go on")
    stage.caught_up((2, 1), "R3")


def poison(stage: Stage) -> None:
    """Forged, damaged, unreadable, no message at all and from a newer version; a good one behind them."""
    hub = stage.hub
    fake = forged(stage, (1, 1))
    hub.tell()
    stray, wrong = strays(stage), unusable(stage)
    damaged = hub.tell(spoil_head=True)
    good = hub.tell()
    stage.took(good, "R4", "a message that can't be used stops what comes behind it")
    stage.caught_up((1, len(wrong) + 3), "R4")
    reported(stage, {fake: "bad_signature", **stray, **wrong, damaged.message_id: "tampered"})


def revocation(stage: Stage) -> None:
    """Before the message that it closes, after it, and of some parts alone."""
    hub = stage.hub
    late, late_part, held, held_part = hub.build(), hub.build(), hub.build(), hub.build()
    early = _revoke(stage, late, parts={late_part.message_id: (2,)})
    stage.gone_with(early, (late, 0), (late, 1), (late_part, 2))
    for one in (late, late_part, held, held_part):
        hub.number(one.message_id, one.sealed)
    stage.answered(early)
    stage.took(held, "section 6")
    stage.caught_up((1, 5))
    stage.opens_not(late, "R6", "a message that came after its revocation was kept, and opens")
    stage.opens_not(late_part, "R6", "a part that came after its revocation opens", words=late_part.words[1:])
    stage.opens(late_part, "R6", words=late_part.words[:1])
    kept = any(needle in stage.program.disk() for needle in needles(late, 1) + needles(late_part, 2))
    stage.never(kept, "R6", "what came after its revocation lies on the disk")
    whole = _revoke(stage, held, parts={held_part.message_id: (1,)})
    stage.gone_with(whole, (held, 0), (held, 1), (held, 2), (held_part, 1))
    stage.answered(whole)
    stage.opens_not(held, "R6", "a revoked message still opens")
    stage.opens_not(held_part, "R6", "a revoked part still opens", words=held_part.words[:1])
    stage.opens(held_part, "R6", words=held_part.words[1:])
    erased = hub.control(Erased(thread=uuid4(), messages=(held_part.message_id,), answer_by=AT))
    stage.gone_with(erased, (held_part, 0), (held_part, 2))
    stage.answered(erased)
    stage.opens_not(held_part, "R6", "an erased message still opens")


def rotation(stage: Stage) -> None:
    """The hub signs with a new key before the partner was given it, then after; then the partner's own."""
    hub, referral = stage.hub, uuid4()
    first = hub.tell(referral=referral)
    stage.took(first, "section 6")
    stage.caught_up((1, 1))
    new_keys_of_the_hub(stage)
    second, since = hub.tell(), time.monotonic()
    stage.wait(
        lambda: hub.count(since) > 1, "R10", "met a message signed by another key, and asks for nothing more"
    )
    stage.watch(1.0)
    stage.never(hub.head_keys[second.message_id], "R10", "took in a message signed by a key it was not given")
    stage.program.end()
    stage.give_settings()
    stage.took(second, "R10", "was given the hub's new key, and did not go on at its position")
    stage.caught_up((1, 2), "R10")
    come = partial(_referral_answers, stage, referral)
    with stage.server.gone():
        _answer(stage, referral)
        if stage.topics is not None:
            # What already stands on the topic is signed by the former key, and taken in by it.
            stage.wait(come, "section 7", "an answer did not come by topic while the hub's API was down")
        stage.program.end()
        under_way = _revoke(stage, hub.build())
        new_own_keys(stage)
    text = "what a person had answered before the keys were new did not come, signed by the new one"
    stage.wait(come, "R10", text)
    later = _revoke(stage, first)
    for one, key in ((under_way, "its former key"), (later, "its new key")):
        stage.wait(
            partial(stage.purge_answers, one), "R10", f"did not answer a revocation that was sealed to {key}"
        )
    stage.opens(second, "R10")


def cut_off(stage: Stage) -> None:
    """The partner is suspended, its login ends; later it is let in again."""
    hub = stage.hub
    first = hub.tell()
    stage.took(first, "section 6")
    stage.caught_up((1, 1))
    stage.opens(first, "section 4")
    for status in (403, 401):
        hub.refuse = status
        second = hub.tell()
        hammers(stage)
        stage.opens_not(first, "R11", f"shows a message while the hub answers {status}")
        hub.refuse = 0
        stage.took(second, "R11", f"was let in again after {status}, and did not go on")
    stage.caught_up((1, 3), "R11")
    stage.opens(first, "R11")


def hub_down(stage: Stage) -> None:
    """Nobody listens; a person answers meanwhile; then the hub is back."""
    hub, referral = stage.hub, uuid4()
    first = hub.tell(referral=referral)
    stage.took(first, "section 6")
    stage.caught_up((1, 1))
    stage.opens(first, "section 4")
    with stage.hub_gone():
        _answer(stage, referral)
        stage.opens_not(first, "R9", "shows a message while the hub is down, so a key or content was kept")
        stage.watch(1.0)
    second = hub.tell()
    stage.wait(
        lambda: _referral_answers(stage, referral),
        "R12",
        "what a person answered while the hub was down was not sent when it was back",
    )
    stage.took(second, "R12", "the hub is back, and it does not go on")
    stage.caught_up((1, 2), "R12")
    stage.never(len(_referral_answers(stage, referral)) > 1, "R8", "one answer came under two ids")


SCENARIOS: Final[dict[str, Play]] = {
    "message": message,
    "repeats": repeats,
    "killed": killed,
    "gaps": gaps,
    "poison": poison,
    "revocation": revocation,
    "rotation": rotation,
    "cut-off": cut_off,
    "hub-down": hub_down,
}
