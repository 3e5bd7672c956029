"""A fictitious municipality to measure on: a unit, a police district, and an NGO whose view the hub keeps."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid4

from contracts.client.keys import Identity
from contracts.terms import Category, OrganisationKind, SafetyLevel, Urgency
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.values import ConsentForm
from hub.application.committing import Command
from hub.bootstrap import Parts, build, initialise, utc_now
from hub.bootstrap.kept import identity_of
from hub.operating.process import settle
from hub.settings import Settings
from tests.criteria import MET
from tests.support.social_reports import REPORTS

MUNICIPALITY, UNIT, POLICE, NGO = "eksempel", "familieenheden", "politiet", "havnen"
TOLD_NGO = (Category.IDENTITY, Category.INCIDENT, Category.WISHES, Category.RISK, Category.REFERRAL)
REPORT = "01-politi-natlig-vold-i-hjemmet"
LEVELS: Sequence[SafetyLevel] = tuple(SafetyLevel)
WORKERS = min(os.cpu_count() or 1, 8)
"""Processes of `hub serve`: one for each core, as deploy/env.example says."""

CASEWORKER = Actor("inge", "Inge Indskriver", "caseworker", UNIT)
TOVHOLDER = Actor("tove", "Tove Tovholder", "tovholder", UNIT)
OPERATOR = Actor("drift", "Ditte Drift", "operator", UNIT)


def command(by: Actor = TOVHOLDER, body: bytes = b"") -> Command:
    """A command under an idempotency key of its own."""
    return Command(by=by, key=str(uuid4()), body=body)


@contextmanager
def settings_on(database_url: str, kafka: str = "", issuer: str = "", workers: int = 1) -> Iterator[Settings]:
    """Settings with a folder of their own, and the store made."""
    with TemporaryDirectory(prefix="tvaers-bench-") as folder:
        settings = Settings(
            municipality=MUNICIPALITY,
            unit=UNIT,
            data_dir=Path(folder),
            database_url=database_url,
            kafka_bootstrap=kafka,
            issuer=issuer,
            on_call="112",
            serve_workers=workers,
        )
        initialise(settings)
        yield settings


@contextmanager
def opened(settings: Settings) -> Iterator[Parts]:
    """The hub over that store, put together as in production, with its partners."""
    parts = build(settings)
    try:
        kept = identity_of(settings.data_dir / "keys" / "recipients" / NGO)
        partners = {
            POLICE: (OrganisationKind.POLICE, Identity.new().public),
            NGO: (OrganisationKind.NGO, kept.public),
        }
        for slug, (kind, public) in partners.items():
            parts.hub.register_partner(
                command(OPERATOR),
                slug=slug,
                name=slug.capitalize(),
                kind=kind,
                categories=TOLD_NGO,
                sealing_key=public.sealing,
                signing_key=public.signing,
                contact={"name": "Vagten", "email": f"vagt@{slug}.example", "duty_phone": "00 00 00 00"},
            )
        settle()
        yield parts
    finally:
        parts.close()


def consented_case(parts: Parts) -> UUID:
    """A reported, opened case with a coordinator, a consent for the NGO and a referral to it: 7 events."""
    hub = parts.hub
    report = REPORTS[REPORT].model_copy(update={"report_id": uuid4()})
    case = UUID(parts.inbound.report(Actor(POLICE, "Vagthavende", "reporter", POLICE), report).ids["case"])
    hub.open_case(command(CASEWORKER), case, MET)
    hub.assign_coordinator(command(CASEWORKER), case, TOVHOLDER)
    now = utc_now()
    hub.give_consent(
        command(),
        case,
        recipients=[NGO],
        categories=TOLD_NGO,
        purpose="Henvisning til samtaleforløb",
        form=ConsentForm.ORAL,
        given_at=now - timedelta(minutes=1),
        ends_at=now + timedelta(days=90),
    )
    hub.request_referral(
        command(),
        case,
        recipient=NGO,
        offer="samtaleforloeb",
        urgency=Urgency.URGENT,
        answer_by=now + timedelta(days=2),
    )
    hub.assess_safety(
        command(),
        case,
        instrument="sara-v3",
        instrument_version="3",
        answers={f"item-{n}": "yes" for n in range(1, 16)},
        judgement=SafetyLevel.HIGH,
        reason="Samlet vurdering efter samtale med borgeren og politiets oplysninger",
    )
    return case


def grow(parts: Parts, case: UUID, events: int) -> None:
    """Let the case live on until its stream holds that many events: levels, assessments, contact rules."""
    while (version := parts.committer.case(case).version) < events:
        match version % 5:
            case 0:
                parts.hub.set_safe_contact(command(), case, {"channel": "sms", "code_word": "biblioteket"})
            case 1 | 3:
                parts.hub.assess_safety(
                    command(),
                    case,
                    instrument="sara-v3",
                    instrument_version="3",
                    answers={f"item-{n}": "no" for n in range(1, 16)},
                    judgement=SafetyLevel.HIGH,
                    reason="Ny vurdering efter opfølgende samtale",
                )
            case _:
                change_level(parts, case, version)


def change_level(parts: Parts, case: UUID, turn: int) -> int:
    """The command that is measured: the safety level changes, the unit and the NGO are told. Its position."""
    asked = level_asked(turn)
    body = json.dumps(asked).encode()
    return parts.hub.change_safety_level(command(body=body), case, asked["level"], asked["reason"]).position


def level_asked(turn: int) -> dict[str, Any]:
    """What the command says, as the API's body has it; another level each turn."""
    reason = "Truslerne tager til efter samværet i weekenden; ny vurdering aftalt med borgeren"
    return {"level": LEVELS[turn % len(LEVELS)], "reason": reason}
