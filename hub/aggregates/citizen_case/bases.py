"""What consents and legal bases have in common: the grants that they give, and their end."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from contracts.terms import Category
from hub.aggregates.citizen_case.values import Basis, Grant, GrantTerms
from hub.aggregates.guards import after, distinct, one_of, slug
from hub.errors import Conflict, Invalid, Missing

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase


def not_ended(case: "CitizenCase", basis: Basis) -> tuple[UUID, ...]:
    """The grants of a basis that no event has ended yet."""
    return tuple(g for g in basis.grants if not case.grants[g].ended)


def named_in(
    case: "CitizenCase", basis: Basis, recipient: str | None, category: Category | None
) -> list[Grant]:
    """The grants of a basis, whole, for one recipient or in one category. Raises `Missing`."""
    named = [case.grants[g] for g in basis.grants]
    if recipient is not None and recipient not in {g.recipient for g in named}:
        raise Missing("recipient: it never named this one; choose one that it names", field="recipient")
    found = [g for g in named if recipient in (None, g.recipient)]
    if category is not None and category not in {g.category for g in found}:
        raise Missing("category: it never named this one; choose one that it names", field="category")
    return [g for g in found if category in (None, g.category)]


def consent_of(case: "CitizenCase", consent_id: UUID) -> Basis:
    """A consent that was recorded. Raises `Missing`; a legal basis is none."""
    consent = case.bases.get(consent_id)
    if consent is None or consent.rule is not None:
        raise Missing("consent_id: no such consent in this case; read the case again", field="consent_id")
    return consent


def legal_basis_of(case: "CitizenCase", basis_id: UUID) -> Basis:
    """A legal basis that was recorded. Raises `Missing`; a consent is none."""
    basis = case.bases.get(basis_id)
    if basis is None or basis.rule is None:
        raise Missing("basis_id: no such legal basis in this case; record one first", field="basis_id")
    return basis


def must_be_new(case: "CitizenCase", basis_id: UUID, field: str) -> None:
    """Refuse an id that this case uses already."""
    if basis_id in case.bases or basis_id == case.id:
        raise Conflict(f"{field}: is taken in this case; make a new one", field=field)


def end_in_time(ends_at: datetime | None, now: datetime) -> datetime:
    """A basis is never without an end, and its end lies ahead."""
    if ends_at is None:
        raise Invalid("ends_at: a basis is never without an end; agree one", field="ends_at")
    after("ends_at", ends_at, now)
    return ends_at


def must_be_grants(case: "CitizenCase", grants: tuple[GrantTerms, ...]) -> None:
    """Named recipients × named categories, each once; a person of the case is never a recipient."""
    if not grants:
        raise Invalid("grants: at least one recipient and one category; name them", field="grants")
    distinct("grants", [g.grant_id for g in grants])
    distinct("grants", [(g.recipient, g.category) for g in grants])
    if any(g.grant_id in case.grants for g in grants):
        raise Conflict("grants: an id is taken in this case; make new ones", field="grants")
    persons = {str(p) for p in case.persons}
    for grant in grants:
        slug("recipients", grant.recipient)
        one_of("categories", grant.category, Category)
        if grant.recipient in persons:
            raise Invalid(
                "recipients: a person of the case is never a recipient; name an organisation",
                field="recipients",
            )
        if grant.recipient == case.unit:
            raise Invalid(
                "recipients: the owning unit holds its own grant already; leave it out", field="recipients"
            )
