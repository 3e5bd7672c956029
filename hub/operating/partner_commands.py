"""The command line on partners and on logins: `hub partner …`, `hub person …`."""

from contextlib import closing
from typing import Annotated

import typer

from contracts.client.keys import PublicKeys
from contracts.terms import Category, OrganisationKind
from hub.adapters.broker.kafka_admin import cut_off_partner
from hub.aggregates.base import Actor
from hub.application.committing import Command
from hub.bootstrap import build, kafka_settings
from hub.errors import Conflict, Invalid, Missing
from hub.settings import Settings

OPERATOR = Actor("command-line", "command line", "operator", "municipality")
partner = typer.Typer(no_args_is_help=True, help="Partners: organisations that may be told something.")
person = typer.Typer(no_args_is_help=True, help="Logins that are stopped: of a person or of a program.")
Reason = Annotated[str, typer.Option(help="why, for whoever reads the record later")]
Categories = Annotated[list[Category], typer.Option("--category", help="what its agreement lets it receive")]
SealingKey = Annotated[
    str, typer.Option(help="X25519 public key, 64 hex digits, by the partner's `keys` command")
]
SigningKey = Annotated[str, typer.Option(help="Ed25519 public key, 64 hex digits")]
Name = Annotated[str, typer.Option(help="name of the contact")]
Email = Annotated[str, typer.Option(help="of the contact")]
DutyPhone = Annotated[str, typer.Option(help="whom to ring there when it cannot wait")]
Slug = Annotated[str, typer.Argument(help="the partner's: 2 to 40 of a-z, 0-9 and '-'")]
Organisation = Annotated[str, typer.Argument(help="slug of the unit or partner that the login belongs to")]
Login = Annotated[str, typer.Argument(help="the login's subject, as the issuer writes it")]


@partner.command("add")
def partner_add(
    slug: Slug,
    name: Annotated[str, typer.Option(help="what people call it")],
    kind: Annotated[OrganisationKind, typer.Option(help="what it is")],
    category: Categories,
    sealing_key: SealingKey,
    signing_key: SigningKey,
    contact: Name,
    email: Email,
    duty_phone: DutyPhone,
) -> None:
    """Register a partner with its agreement and public keys."""
    keys = PublicKeys(_key("sealing_key", sealing_key), _key("signing_key", signing_key))
    with closing(build(Settings())) as parts:
        parts.hub.register_partner(
            Command(by=OPERATOR),
            slug=slug,
            name=name,
            kind=kind,
            categories=category,
            sealing_key=keys.sealing,
            signing_key=keys.signing,
            contact={"name": contact, "email": email, "duty_phone": duty_phone},
        )
    print(f"registered {slug}: now `hub topics`")


@partner.command("list")
def partner_list() -> None:
    """Each partner by slug: its kind, whether it is suspended, and what its agreement lets it receive."""
    with closing(build(Settings())) as parts:
        for row in parts.app.store.partners():
            categories = parts.committer.partner(row.slug).categories
            state = "active" if row.active else "suspended"
            print(f"{row.slug:<40} {row.kind:<20} {state:<9} {' '.join(categories)}")


@partner.command("suspend")
def partner_suspend(slug: Slug, reason: Reason) -> None:
    """Stop sending to a partner and opening for it, from the next request on."""
    with closing(build(Settings())) as parts:
        parts.hub.suspend_partner(Command(by=OPERATOR), slug, reason)
    print(f"suspended {slug}")


@partner.command("cut-off")
def partner_cut_off(slug: Slug) -> None:
    """Take a suspended partner's login and rights at the broker; `hub topics --passwords` gives new ones."""
    settings = Settings()
    if slug == settings.unit:
        raise Invalid(
            "slug: the unit of this hub (HUB_UNIT) reads every report and is never cut off", field="slug"
        )
    if not settings.kafka_bootstrap:
        raise Invalid("only Kafka has logins to take: set HUB_KAFKA_BOOTSTRAP", field="kafka_bootstrap")
    with closing(build(settings)) as parts:
        row = parts.app.store.partner(slug)
    if row is None:
        raise Missing("no partner is registered under that name", field="slug")
    if row.active:
        raise Conflict("the partner is not suspended: `hub partner suspend` it first", field="slug")
    cut_off_partner(kafka_settings(settings), slug)
    print(f"cut off {slug}: it reads and writes no topic any more")


@partner.command("resume")
def partner_resume(slug: Slug) -> None:
    """Let a suspended partner in again; what waited goes out."""
    with closing(build(Settings())) as parts:
        parts.hub.resume_partner(Command(by=OPERATOR), slug)
    print(f"resumed {slug}")


@partner.command("change")
def partner_change(
    slug: Slug, category: Categories, contact: Name, email: Email, duty_phone: DutyPhone
) -> None:
    """Change what a partner may receive and whom to ring; what is not said again is not agreed any more."""
    with closing(build(Settings())) as parts:
        parts.hub.change_agreement(
            Command(by=OPERATOR),
            slug,
            categories=category,
            contact={"name": contact, "email": email, "duty_phone": duty_phone},
        )
    print(f"changed {slug}")


@partner.command("rotate")
def partner_rotate(
    slug: Slug,
    sealing_key: SealingKey,
    signing_key: SigningKey,
    stolen: Annotated[bool, typer.Option("--stolen", help="nothing signed before counts any more")] = False,
) -> None:
    """Take a partner's new keys; what it signed before and is on its way still counts."""
    keys = PublicKeys(_key("sealing_key", sealing_key), _key("signing_key", signing_key))
    with closing(build(Settings())) as parts:
        parts.hub.rotate_keys(
            Command(by=OPERATOR),
            slug,
            sealing_key=keys.sealing,
            signing_key=keys.signing,
            stolen=stolen,
        )
    print(f"rotated the keys of {slug}")


@partner.command("leader")
def partner_leader(
    slug: Slug, login: Annotated[str, typer.Argument(help="the login's subject; left out: nobody")] = ""
) -> None:
    """Name the one leader who sees a reporter's receipts beside each report's own reporter."""
    with closing(build(Settings())) as parts:
        parts.hub.name_receipts_leader(Command(by=OPERATOR), slug, login)
    print(f"named the leader of {slug}")


@person.command("stop")
def person_stop(organisation: Organisation, login: Login, reason: Reason) -> None:
    """Answer a login nothing any more, from its next request on; its cases go back to the unit."""
    with closing(build(Settings())) as parts:
        parts.hub.stop_person(Command(by=OPERATOR), organisation, login, reason)
    print("stopped")


@person.command("resume")
def person_resume(organisation: Organisation, login: Login, reason: Reason) -> None:
    """Let a login in again."""
    with closing(build(Settings())) as parts:
        parts.hub.resume_person(Command(by=OPERATOR), organisation, login, reason)
    print("resumed")


def _key(name: str, text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Invalid(f"{name}: a public key is 64 hex digits", field=name) from None
