"""Partners: agreement, public keys, active or suspended."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from contracts.terms import Category, OrganisationKind
from hub.aggregates import partner as partner_module
from hub.aggregates.partner import (
    AgreementChanged,
    KeysRotated,
    Partner,
    PartnerRegistered,
    PartnerResumed,
    PartnerSuspended,
    ReceiptsLeaderNamed,
)
from hub.errors import IllegalTransition, Invalid
from tests.given import NOW, STREAM, Fact, fact, given

SEALING, SIGNING, NEW_SEALING, NEW_SIGNING = (bytes([n]) * 32 for n in range(1, 5))
CONTACT = {"name": "Vagten", "email": "vagt@havnen.example", "duty_phone": "00 00 00 01"}
CATEGORIES = (Category.IDENTITY, Category.REFERRAL)
ENDS = NOW + timedelta(days=30)
SAID: dict[str, Any] = {
    "slug": "havnen",
    "name": "Foreningen Havnen",
    "kind": OrganisationKind.NGO,
    "categories": CATEGORIES,
    "sealing_key": SEALING,
    "signing_key": SIGNING,
    "contact": CONTACT,
}
REGISTERED = fact(PartnerRegistered, **{**SAID, "sealing_key": SEALING.hex(), "signing_key": SIGNING.hex()})
SUSPENDED = fact(PartnerSuspended, reason="Nøglen er tabt")
HISTORY = {"active": (REGISTERED,), "suspended": (REGISTERED, SUSPENDED)}
ARGUMENTS: Mapping[str, dict[str, Any]] = {
    "change_agreement": {"categories": (Category.RISK,), "contact": CONTACT},
    "rotate_keys": {"sealing_key": NEW_SEALING, "signing_key": NEW_SIGNING, "former_until": ENDS},
    "name_receipts_leader": {"person": "sub-70"},
    "suspend": {"reason": "Nøglen er tabt"},
    "resume": {},
}
LEADS_TO: Mapping[str, Fact] = {
    "change_agreement": fact(AgreementChanged, categories=(Category.RISK,), contact=CONTACT),
    "rotate_keys": fact(
        KeysRotated,
        sealing_key=NEW_SEALING.hex(),
        signing_key=NEW_SIGNING.hex(),
        former_sealing_key=SEALING.hex(),
        former_signing_key=SIGNING.hex(),
        former_until=ENDS,
    ),
    "name_receipts_leader": fact(ReceiptsLeaderNamed, person="sub-70"),
    "suspend": SUSPENDED,
    "resume": fact(PartnerResumed),
}


def table() -> dict[tuple[str, str], bool]:
    lines = [line.split() for line in (partner_module.__doc__ or "").splitlines()]
    start = next(n for n, cells in enumerate(lines) if cells[:1] == ["command"])
    rows = [cells for cells in lines[start + 1 :] if cells]
    return {
        (row[0], state): cell == "yes"
        for row in rows
        for state, cell in zip(lines[start][1:], row[1:], strict=True)
    }


def command(name: str) -> Callable[..., Any]:
    return getattr(Partner, name)  # type: ignore[no-any-return]


def test_the_table_is_complete() -> None:
    assert set(table()) == {(name, state) for name in ARGUMENTS for state in HISTORY}


@pytest.mark.parametrize(("name", "state"), table())
def test_every_command_in_every_state_does_what_the_docstring_says(name: str, state: str) -> None:
    outcome = given(*HISTORY[state]).when(command(name), **ARGUMENTS[name])
    if table()[name, state]:
        outcome.then(LEADS_TO[name])
    else:
        outcome.then_raises(IllegalTransition, field="partner")


def test_an_organisation_becomes_a_partner() -> None:
    partner = given().when(Partner.register, id=STREAM, **SAID).then(REGISTERED).aggregate
    assert (partner.slug, partner.kind, partner.active) == ("havnen", OrganisationKind.NGO, True)
    assert (partner.sealing_key, partner.signing_key) == (SEALING, SIGNING)
    assert partner.id == STREAM


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"slug": "H"}, "slug"),
        ({"slug": "havnen.to"}, "slug"),
        ({"slug": "a" * 41}, "slug"),
        ({"slug": "havnen\n"}, "slug"),
        ({"slug": "hub"}, "slug"),
        ({"name": " "}, "name"),
        ({"kind": "perpetrator"}, "kind"),
        ({"categories": ("address",)}, "categories"),
        ({"categories": (Category.RISK, Category.RISK)}, "categories"),
        ({"sealing_key": b"short"}, "sealing_key"),
        ({"signing_key": b"x" * 33}, "signing_key"),
        ({"signing_key": SEALING}, "signing_key"),
        ({"contact": {"name": "Vagten"}}, "contact"),
        ({"contact": {**CONTACT, "fax": "00 00"}}, "contact"),
        ({"contact": {**CONTACT, "duty_phone": ""}}, "contact"),
        ({"contact": {**CONTACT, "email": "ingen"}}, "contact"),
    ],
)
def test_a_partner_is_refused_where_its_agreement_is_not_complete(wrong: dict[str, Any], field: str) -> None:
    given().when(Partner.register, id=STREAM, **{**SAID, **wrong}).then_raises(Invalid, field=field)


def test_a_reporter_may_have_an_agreement_to_receive_nothing() -> None:
    assert given().when(Partner.register, id=STREAM, **{**SAID, "categories": ()}).error is None


def test_a_changed_agreement_is_as_complete_as_the_first() -> None:
    given(REGISTERED).when(
        Partner.change_agreement, categories=CATEGORIES, contact={"name": "Vagten"}
    ).then_raises(Invalid, field="contact")


def test_a_suspension_has_a_reason() -> None:
    given(REGISTERED).when(Partner.suspend, reason="").then_raises(Invalid, field="reason")


def test_a_suspended_partner_may_receive_nothing_and_a_resumed_one_what_was_agreed() -> None:
    def receives(*history: Fact) -> list[bool]:
        return [given(*history).aggregate.may_receive(c) for c in (Category.IDENTITY, Category.RISK)]

    assert receives(REGISTERED) == [True, False]
    assert receives(REGISTERED, SUSPENDED) == [False, False]
    assert receives(REGISTERED, SUSPENDED, fact(PartnerResumed)) == [True, False]
    assert receives(REGISTERED, LEADS_TO["change_agreement"]) == [False, True]


def test_new_keys_are_new_and_the_former_ones_stay_on_record() -> None:
    for keys in ((SEALING, SIGNING), (b"", NEW_SIGNING)):
        sent: dict[str, Any] = {"sealing_key": keys[0], "signing_key": keys[1], "former_until": ENDS}
        given(REGISTERED).when(Partner.rotate_keys, **sent).then_raises(Invalid, field="sealing_key")
    rotated = given(REGISTERED, LEADS_TO["rotate_keys"]).aggregate
    assert (rotated.sealing_key, rotated.signing_key) == (NEW_SEALING, NEW_SIGNING)
    assert rotated.former_keys(ENDS - timedelta(seconds=1)) == (SIGNING,)
    assert rotated.former_keys(ENDS) == ()
