"""The ledger: every disclosure is on record with its basis; what rests on ended grants is revoked once."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from contracts.terms import Category, MessageKind
from hub.adapters.store.standing import copied
from hub.aggregates import disclosure_ledger as ledger_module
from hub.aggregates.disclosure_ledger import (
    BasisUsed,
    Disclosed,
    DisclosureLedger,
    LedgerOpened,
    PartGrants,
    PartRenewed,
    RefusalReason,
    Refused,
    Renewed,
    RevocationReason,
    Revoked,
    Source,
)
from hub.errors import Conflict, Invalid, Missing
from tests.given import CASEWORKER, NOW, STREAM, Fact, fact, given
from tests.unit.case_facts import made_up

CASE, CONSENT = made_up(1), made_up(2)
G1, G2, G3 = made_up(11), made_up(12), made_up(13)
M1, M2, M3 = made_up(21), made_up(22), made_up(23)
REVOCATION = made_up(31)
LATER = NOW + timedelta(days=2)
OPENED = fact(LedgerOpened, case_id=CASE, recipient="havnen")


def told(message_id: UUID, parts: Iterable[tuple[UUID, ...]]) -> dict[str, Any]:
    """A message whose parts rest on these grants; the head, if there are parts, on all of theirs."""
    body = tuple(parts)
    head = tuple(sorted({g for grants in body for g in grants})) or (G1,)
    return {
        "message_id": message_id,
        "kind": MessageKind.REFERRAL_REQUESTED,
        "bases": tuple(BasisUsed(CONSENT, g) for g in head),
        "categories": (Category.REFERRAL,),
        "persons": (),
        "rule_version": 1,
        "digest": "0f" * 32,
        "sources": tuple(Source(CASE, 7, "referral_id", Category.REFERRAL) for _ in body),
        "parts": (PartGrants(0, head), *(PartGrants(n, grants) for n, grants in enumerate(body, 1))),
    }


def disclosed(message_id: UUID, *parts: tuple[UUID, ...]) -> Fact:
    return fact(Disclosed, case_id=CASE, **told(message_id, parts))


def revoking(
    messages: tuple[UUID, ...] = (), parts: Mapping[str, tuple[int, ...]] | None = None
) -> dict[str, Any]:
    return {
        "revocation": REVOCATION,
        "grants": (G1,),
        "messages": messages,
        "parts": dict(parts or {}),
        "reason": RevocationReason.WITHDRAWN,
        "answer_by": LATER,
    }


def revoked(messages: tuple[UUID, ...] = (), parts: Mapping[str, tuple[int, ...]] | None = None) -> Fact:
    return fact(Revoked, case_id=CASE, **revoking(messages, parts))


COMMANDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "disclose": (DisclosureLedger.disclose, told(M1, [(G1,)])),
    "renew": (DisclosureLedger.renew, {"parts": (PartRenewed(M1, 1, BasisUsed(CONSENT, G2)),)}),
    "revoke": (DisclosureLedger.revoke, revoking(parts={str(M1): (1,)})),
}
STANDS: dict[str, list[Fact]] = {
    "untold": [],
    "standing": [disclosed(M1, (G1,))],
    "revoked": [disclosed(M1, (G1,)), revoked((M1,), {str(M1): (1,)})],
}


def table() -> dict[tuple[str, str], str]:
    """The ledger's docstring: how a part stands, and what becomes of a command."""
    lines = [line.split() for line in (ledger_module.__doc__ or "").splitlines()]
    start = next(n for n, cells in enumerate(lines) if cells[:1] == ["command"])
    rows = [cells for cells in lines[start + 1 :] if cells]
    stands = lines[start][1:]
    return {(row[0], how): cell for row in rows for how, cell in zip(stands, row[1:], strict=True)}


def test_the_table_is_complete() -> None:
    assert set(table()) == {(name, how) for name in COMMANDS for how in STANDS}


@pytest.mark.parametrize(("name", "how"), table())
def test_every_command_of_every_part_does_what_the_docstring_says(name: str, how: str) -> None:
    command, said = COMMANDS[name]
    error = given(OPENED, *STANDS[how]).when(command, **said).error
    assert type(error) is {"yes": type(None), "none": Missing, "-": Conflict}[table()[name, how]]


def test_a_ledger_is_of_one_case_and_one_recipient() -> None:
    outcome = given().when(DisclosureLedger.open, id=STREAM, case_id=CASE, recipient="havnen")
    ledger = outcome.then(OPENED).aggregate
    assert (ledger.id, ledger.case_id, ledger.recipient) == (STREAM, CASE, "havnen")
    given().when(DisclosureLedger.open, id=STREAM, case_id=CASE, recipient="Havnen!").then_raises(
        Invalid, field="recipient"
    )


def test_every_disclosure_is_on_record_with_its_basis_and_its_sources() -> None:
    outcome = given(OPENED).when(DisclosureLedger.disclose, **told(M1, [(G1,), (G1, G2)]))
    ledger = outcome.then(disclosed(M1, (G1,), (G1, G2))).aggregate
    assert ledger.parts == {M1: {0: {G1, G2}, 1: {G1}, 2: {G1, G2}}}


def test_a_head_may_go_alone() -> None:
    """The owning unit is told that something happened even where nothing of it may be told yet."""
    assert given(OPENED).when(DisclosureLedger.disclose, **told(M1, [])).error is None


def test_a_message_is_on_record_once() -> None:
    given(OPENED, disclosed(M1, (G1,))).when(DisclosureLedger.disclose, **told(M1, [(G1,)])).then_raises(
        Conflict, field="message_id"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"digest": "0F" * 32},
        {"digest": "0f" * 31},
        {"parts": ()},
        {"parts": (PartGrants(1, (G1,)),)},
        {"parts": (PartGrants(0, (G1,)), PartGrants(2, (G1,)))},
        {"parts": (PartGrants(0, (G1,)), PartGrants(1, ()))},
        {"parts": (PartGrants(0, (G1,)), PartGrants(1, (G2,)))},
        {"parts": (PartGrants(0, (G1, G2)), PartGrants(1, (G1,)))},
        {"bases": ()},
        {"bases": (BasisUsed(CONSENT, G1), BasisUsed(CONSENT, G2))},
        {"sources": ()},
    ],
)
def test_no_disclosure_without_a_grant_for_each_part(wrong: dict[str, Any]) -> None:
    given(OPENED).when(DisclosureLedger.disclose, **{**told(M1, [(G1,)]), **wrong}).then_raises(
        Invalid, field="parts"
    )


@pytest.mark.parametrize("reason", RefusalReason)
def test_what_did_not_carry_is_on_record_too(reason: RefusalReason) -> None:
    said: dict[str, Any] = {"kind": MessageKind.PRESENT_STATE, "category": Category.RISK, "reason": reason}
    source = Source(CASE, 3, "answers", Category.RISK)
    given(OPENED).when(DisclosureLedger.refuse, **said).then(fact(Refused, case_id=CASE, **said, source=None))
    given(OPENED).when(DisclosureLedger.refuse, **said, source=source).then(
        fact(Refused, case_id=CASE, **said, source=source)
    )


def test_a_message_that_rests_only_on_what_ended_is_dropped_whole() -> None:
    ledger = given(OPENED, disclosed(M1, (G1,)), disclosed(M2, (G2,))).aggregate
    assert ledger.rests_on_none({G2}) == ((M1,), {})


def test_a_part_that_has_another_living_grant_stays() -> None:
    ledger = given(OPENED, disclosed(M1, (G1,), (G1, G2))).aggregate
    assert ledger.rests_on_none({G2}) == ((), {str(M1): (1,)})
    assert ledger.rests_on_none({G1}) == ((), {})
    assert ledger.rests_on_none(set()) == ((M1,), {})


def test_a_head_that_went_alone_is_dropped_with_its_grant() -> None:
    ledger = given(OPENED, disclosed(M1)).aggregate
    assert ledger.rests_on_none({G2}) == ((M1,), {})


def test_a_revocation_is_on_record_until_it_is_answered() -> None:
    outcome = given(OPENED, disclosed(M1, (G1,))).when(DisclosureLedger.revoke, **revoking((M1,)))
    assert outcome.then(revoked((M1,))).aggregate.revocations == {REVOCATION: LATER}


def test_what_was_revoked_is_not_revoked_again() -> None:
    history = (OPENED, disclosed(M1, (G1,), (G2,)), disclosed(M2, (G1,)))
    some = revoked((M2,), {str(M1): (1,)})
    ledger = given(*history, some)
    assert ledger.aggregate.rests_on_none({G2}) == ((), {})
    assert ledger.aggregate.rests_on_none(set()) == ((M1,), {})
    for again in (revoking((M2,)), revoking(parts={str(M1): (1,)})):
        ledger.when(DisclosureLedger.revoke, **again).then_raises(Conflict, field="messages")


def test_nothing_to_revoke_is_no_fact() -> None:
    given(OPENED, disclosed(M1, (G1,))).when(DisclosureLedger.revoke, **revoking()).then_nothing()


@pytest.mark.parametrize("unknown", [revoking((M3,)), revoking(parts={str(M1): (9,)})])
def test_only_what_was_told_can_be_revoked(unknown: dict[str, Any]) -> None:
    given(OPENED, disclosed(M1, (G1,))).when(DisclosureLedger.revoke, **unknown).then_raises(
        Missing, field="messages"
    )


def test_a_revocation_leaves_time_to_answer() -> None:
    said = {**revoking((M1,)), "answer_by": NOW}
    given(OPENED, disclosed(M1, (G1,))).when(DisclosureLedger.revoke, **said).then_raises(
        Invalid, field="answer_by"
    )


GRANTS = st.sampled_from([G1, G2, G3])
PARTS = st.lists(st.sets(GRANTS, min_size=1).map(tuple), min_size=1, max_size=4)


@for_all(
    bodies=st.lists(PARTS, min_size=1, max_size=4),
    orders=st.permutations([G1, G2, G3]),
)
def test_grants_end_in_any_order_and_each_part_is_revoked_exactly_once(
    bodies: list[list[tuple[UUID, ...]]], orders: list[UUID]
) -> None:
    messages = {made_up(100 + n): body for n, body in enumerate(bodies)}
    history = [OPENED, *(disclosed(m, *body) for m, body in messages.items())]
    living = {G1, G2, G3}
    seen: list[tuple[UUID, int]] = []
    for ended in orders:
        living.discard(ended)
        ledger = given(*history).aggregate
        whole, some = ledger.rests_on_none(living)
        gone = ledger.closed
        if whole or some:
            history.append(revoked(whole, some))
        now_gone = given(*history).aggregate.closed
        seen += now_gone - gone
        for message, body in messages.items():
            for number, grants in enumerate(body, 1):
                assert ((message, number) in now_gone) == (not living & set(grants))
    assert sorted(seen) == sorted((m, n) for m, body in messages.items() for n in range(len(body) + 1))


def renewed(message_id: UUID, *parts: int, grant: UUID = G2) -> tuple[PartRenewed, ...]:
    return tuple(PartRenewed(message_id, part, BasisUsed(CONSENT, grant)) for part in parts)


def test_what_was_told_can_rest_on_a_new_grant_too() -> None:
    given(OPENED, disclosed(M1, (G1,))).when(DisclosureLedger.renew, parts=renewed(M1, 0, 1)).then(
        fact(Renewed, case_id=CASE, parts=renewed(M1, 0, 1))
    )


def test_what_was_renewed_outlives_the_grant_it_was_told_on() -> None:
    ledger = given(
        OPENED, disclosed(M1, (G1,)), fact(Renewed, case_id=CASE, parts=renewed(M1, 0, 1))
    ).aggregate
    assert ledger.rests_on_none({G2}) == ((), {})
    assert ledger.rests_on_none(()) == ((M1,), {})


def test_a_renewal_that_was_not_kept_leaves_nothing_in_the_copy_that_stands() -> None:
    standing = given(OPENED, disclosed(M1, (G1,))).aggregate
    copied(standing).renew(parts=renewed(M1, 0, 1), by=CASEWORKER, at=LATER)
    assert standing.rests_on_none({G2}) == ((M1,), {})


def test_only_what_stands_is_renewable() -> None:
    ledger = given(OPENED, disclosed(M1, (G1,), (G2,)), disclosed(M2, (G3,))).aggregate
    assert ledger.renewable(Category.REFERRAL, {G1}) == {M1: (1,)}
    assert ledger.renewable(Category.REFERRAL, {G1, G2, G3}) == {M1: (1, 2), M2: (1,)}
    assert ledger.renewable(Category.RISK, {G1, G2, G3}) == {}


def test_what_was_revoked_stays_closed() -> None:
    closed = fact(Revoked, case_id=CASE, **revoking((M1,)))
    refused = given(OPENED, disclosed(M1, (G1,)), closed)
    assert refused.aggregate.renewable(Category.REFERRAL, {G1}) == {}
    refused.when(DisclosureLedger.renew, parts=renewed(M1, 1)).then_raises(Conflict, field="parts")


def test_what_was_never_told_is_not_renewed() -> None:
    given(OPENED).when(DisclosureLedger.renew, parts=renewed(M1, 1)).then_raises(Missing, field="parts")
    given(OPENED, disclosed(M1, (G1,))).when(DisclosureLedger.renew, parts=()).then_nothing()
