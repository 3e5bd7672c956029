"""What scenarios of both roles are made of."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final
from uuid import UUID, uuid4

from contracts.client.inbox import NO_ID
from contracts.client.keys import Identity
from contracts.client.sealed import bound, seal_blank
from contracts.conformance.hub import Number
from contracts.conformance.stage import Stage
from contracts.inbound_v1 import Problem
from contracts.vectors.make import sealed_in_steps

Play = Callable[[Stage], None]
REPORTS_MAX: Final = 10
REQUESTS_MAX_S: Final = 20.0
_WATCHED_S: Final = 2.0


def waits_at_a_hole(stage: Stage) -> None:
    """Number 1.2 is missing from every list: it asks again from 1.1, and from nowhere behind."""
    stage.wait(
        lambda: stage.hub.pulls().count((1, 1)) > 1,
        "R3",
        "the list has a hole, and it does not ask again for what follows its position",
    )
    stage.watch(1.0)
    behind = [at for at in stage.hub.pulls() if at > (1, 1)]
    stage.never(behind, "R3", "its position went past a hole")


def forged(stage: Stage, number: Number) -> UUID:
    """Say a message under a number in the hub's name, signed by somebody else; its id."""
    hub, message_id = stage.hub, uuid4()
    sealed = seal_blank(hub.municipality, hub.partner, message_id, hub.partner_keys.sealing)
    hub.place(message_id, sealed, number, by=Identity.new())
    return message_id


def unusable(stage: Stage) -> dict[UUID, str]:
    """Say control messages that open and can't be used; the reason of each."""
    hub, found = stage.hub, {}
    for plain, reason in (
        (b'{"control":"from_a_newer_version"}', "unknown_kind"),
        (b'{"control":"revoked","messages":[]}', "unreadable"),
        (b"no JSON at all", "unreadable"),
    ):
        message_id = uuid4()
        info = bound(b"tvaers-control-1", hub.municipality, hub.partner, message_id)
        private = Identity.new().sealing.private_bytes_raw()
        hub.number(message_id, sealed_in_steps(plain, info, hub.partner_keys.sealing, private)[1])
        found[message_id] = reason
    return found


def strays(stage: Stage) -> dict[UUID, str]:
    """Over Kafka a record that is no message stands on the topic; the report that it calls for."""
    if stage.topics is None:
        return {}
    stage.topics.stray()
    return {NO_ID: "bad_envelope"}


def reported(stage: Stage, wanted: Mapping[UUID, str]) -> None:
    """Each was reported with its reason, and not over and over."""
    for message_id, reason in wanted.items():
        rule = "R1" if reason == "bad_signature" else "R4"
        stage.wait(
            partial(reasons, stage, message_id),
            rule,
            f"a message that can't be used ({reason}) was not reported",
        )
    for message_id, reason in wanted.items():
        told = reasons(stage, message_id)
        stage.never(set(told) - {reason}, "R4", f"reported as {', '.join(set(told))}, and it is {reason}")
        stage.never(len(told) > REPORTS_MAX, "R4", f"one message was reported {len(told)} times")


def reasons(stage: Stage, message_id: UUID) -> list[str]:
    """The reasons with which a message was reported."""
    found = stage.hub.answers(Problem)
    return [one.reason.value for _, one in found if one.message_id == message_id]


def hammers(stage: Stage) -> None:
    """While it is refused it asks, and not all the time."""
    hub, since = stage.hub, time.monotonic()
    tokens = hub.tokens
    stage.watch(_WATCHED_S)
    stage.wait(lambda: hub.count(since), "R11", "refused, it never asks again whether it is let in")
    asked = hub.count(since)
    stage.never(
        asked / _WATCHED_S > REQUESTS_MAX_S,
        "R11",
        f"refused, it asks {asked / _WATCHED_S:.0f} times a second",
    )
    stage.never(
        hub.tokens - tokens > asked + 1,
        "R11",
        "refused, it asks for more than one fresh token for each request",
    )


def new_keys_of_the_hub(stage: Stage) -> None:
    """The hub signs with a new key from now on, and shows it to whoever asks."""
    hub = stage.hub
    hub.identity = Identity(hub.identity.sealing, Identity.new().signing)


def new_own_keys(stage: Stage) -> None:
    """The partner has new keys, its former ones beside them, and the hub knows the new ones."""
    stage.identity = Identity.renew(stage.program.folder / "keys")
    stage.hub.partner_keys = stage.identity.public
