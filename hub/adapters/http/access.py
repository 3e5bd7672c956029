"""Which role may call which route, in which relation to the case. A route without a row does not start.

Deny is the default. A caller without the relation gets the same 404 as one who asks for what isn't there.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hub.aggregates.base import login_of
from hub.aggregates.citizen_case.case import CitizenCase


class Role(StrEnum):
    """What a login may be. A login may hold several."""

    REPORTER = "reporter"
    """A person or system of police, A&E or another reporting organisation."""
    PARTNER_SYSTEM = "partner_system"
    """The adapter of an organisation."""
    PARTNER_STAFF = "partner_staff"
    """A person at an organisation that receives referrals."""
    CASEWORKER = "caseworker"
    TOVHOLDER = "tovholder"
    PROGRAMME_LEAD = "programme_lead"
    OPERATOR = "operator"
    """Registers and suspends partners; sees no case."""


class Relation(StrEnum):
    """How a caller stands to the case that a route names."""

    NONE = "none"
    """The route names no case."""
    UNASSIGNED = "unassigned"
    """The caller's own unit owns the case, and nobody is its coordinator, or none that is let in."""
    COORDINATOR = "coordinator"
    """The caller is the case's coordinator, or stands in for who is."""
    ASKED = "asked"
    """The caller is asked to take the case over, and has not answered."""
    UNIT = "unit"
    """The caller's own unit owns the case, whoever coordinates it."""


NONE, UNASSIGNED, COORDINATOR, ASKED, UNIT = Relation

_INTAKE = {Role.CASEWORKER: UNASSIGNED, Role.TOVHOLDER: COORDINATOR, Role.PROGRAMME_LEAD: UNASSIGNED}
_CASE = {Role.TOVHOLDER: COORDINATOR}
_BASIS = {**_INTAKE, Role.PROGRAMME_LEAD: UNIT}
_ASSIGN = {Role.CASEWORKER: UNASSIGNED, Role.PROGRAMME_LEAD: UNIT}
_HAND_OVER = {Role.TOVHOLDER: COORDINATOR, Role.PROGRAMME_LEAD: UNIT}
_HEAR = {Role.CASEWORKER: UNIT, Role.TOVHOLDER: UNIT, Role.PROGRAMME_LEAD: UNIT}
_BREACH = {Role.TOVHOLDER: COORDINATOR, Role.PROGRAMME_LEAD: UNIT}
_BLOCK = {Role.TOVHOLDER: COORDINATOR, Role.PROGRAMME_LEAD: UNIT}
_STOP = {Role.OPERATOR: NONE, Role.PROGRAMME_LEAD: NONE}
_STAFF = {Role.CASEWORKER: NONE, Role.TOVHOLDER: NONE, Role.PROGRAMME_LEAD: NONE}
_SYSTEM = {Role.PARTNER_SYSTEM: NONE}

TABLE: dict[tuple[str, str], dict[Role, Relation]] = {
    ("POST", "/v1/social-reports"): {Role.REPORTER: NONE},
    ("GET", "/v1/social-reports/{report_id}/receipt"): {Role.REPORTER: NONE},
    ("POST", "/v1/social-reports/{report_id}/retraction"): {Role.REPORTER: NONE},
    ("GET", "/v1/messages"): _SYSTEM,
    ("POST", "/v1/messages/head-keys"): _SYSTEM,
    ("POST", "/v1/messages/{message_id}/open"): _SYSTEM,
    ("POST", "/v1/inbound"): _SYSTEM,
    ("GET", "/v1/referrals"): {Role.PARTNER_STAFF: NONE},
    ("GET", "/v1/threads/{thread}"): {Role.PARTNER_STAFF: NONE},
    ("GET", "/v1/moves"): {Role.PARTNER_STAFF: NONE},
    ("POST", "/v1/threads/{thread}/moves/{move_id}/answers"): {Role.PARTNER_STAFF: NONE},
    ("POST", "/v1/threads/{thread}/referrals/{referral_id}/answers"): {Role.PARTNER_STAFF: NONE},
    ("GET", "/v1/inbox"): _STAFF,
    ("GET", "/v1/hand-overs"): {Role.TOVHOLDER: NONE},
    ("GET", "/v1/own-cases"): {Role.TOVHOLDER: NONE},
    ("GET", "/v1/cases/{case_id}/timeline"): _INTAKE,
    ("GET", "/v1/cases/{case_id}/disclosures"): _INTAKE,
    ("POST", "/v1/cases/{case_id}/candidates"): _INTAKE,
    ("GET", "/v1/cases/{case_id}/other-roles"): {Role.PROGRAMME_LEAD: UNIT},
    ("POST", "/v1/cases/{case_id}/could-kill"): _INTAKE,
    ("POST", "/v1/cases/{case_id}/free-text"): _INTAKE,
    ("POST", "/v1/cases/{case_id}/free-text/{entry}/release"): _INTAKE,
    ("POST", "/v1/cases/{case_id}/reports/{report_id}/taking-up"): _INTAKE,
    ("POST", "/v1/cases/{case_id}/matches"): _INTAKE,
    ("POST", "/v1/cases/{case_id}/matches/{inquiry}/undo"): _INTAKE,
    ("POST", "/v1/cases/{case_id}/corrections"): _INTAKE,
    ("POST", "/v1/cases/{case_id}/forwarding"): _INTAKE,
    ("POST", "/v1/cases/{case_id}/opening"): _INTAKE,
    ("POST", "/v1/cases/{case_id}/coordinator"): _ASSIGN,
    ("POST", "/v1/anonymous-advice"): _STAFF,
    ("POST", "/v1/cases/{case_id}/contact"): _INTAKE,
    ("POST", "/v1/cases/{case_id}/contact-attempts"): _INTAKE,
    ("POST", "/v1/cases/{case_id}/information"): _INTAKE,
    ("POST", "/v1/cases/{case_id}/unasked-consent"): _INTAKE,
    ("POST", "/v1/cases/{case_id}/hand-over"): _HAND_OVER,
    ("POST", "/v1/cases/{case_id}/hand-over/{hand_over_id}/acceptance"): {Role.TOVHOLDER: ASKED},
    ("POST", "/v1/cases/{case_id}/hand-over/{hand_over_id}/declining"): {Role.TOVHOLDER: ASKED},
    ("POST", "/v1/cases/{case_id}/move"): _HAND_OVER,
    ("POST", "/v1/cases/{case_id}/move/{move_id}/cancellation"): _HAND_OVER,
    ("POST", "/v1/cases/{case_id}/substitute"): {Role.PROGRAMME_LEAD: UNIT},
    ("POST", "/v1/cases/{case_id}/setting-aside"): _INTAKE,
    ("POST", "/v1/cases/{case_id}/declining"): _HEAR,
    ("POST", "/v1/cases/{case_id}/closing"): _BASIS,
    ("POST", "/v1/cases/{case_id}/reopening"): _BASIS,
    ("POST", "/v1/cases/{case_id}/minor"): _INTAKE,
    ("POST", "/v1/cases/{case_id}/child-notifications"): _HEAR,
    ("POST", "/v1/cases/{case_id}/child-notifications/{due_id}/answer"): _BASIS,
    ("POST", "/v1/cases/{case_id}/child-notifications/{due_id}/notification"): _BASIS,
    ("POST", "/v1/cases/{case_id}/cpr-number"): _INTAKE,
    ("POST", "/v1/cases/{case_id}/safe-contact"): _INTAKE,
    ("POST", "/v1/cases/{case_id}/address-protection"): _INTAKE,
    ("POST", "/v1/cases/{case_id}/assessments"): _INTAKE,
    ("POST", "/v1/cases/{case_id}/safety-level"): _INTAKE,
    ("POST", "/v1/cases/{case_id}/consents"): _INTAKE,
    ("POST", "/v1/cases/{case_id}/consents/{consent_id}/withdrawal"): _HEAR,
    ("POST", "/v1/cases/{case_id}/consents/{consent_id}/correction"): _HEAR,
    ("GET", "/v1/cases/{case_id}/possible-breaches"): _BREACH,
    ("POST", "/v1/cases/{case_id}/legal-bases"): _BASIS,
    ("POST", "/v1/cases/{case_id}/legal-bases/{basis_id}/end"): _HEAR,
    ("POST", "/v1/cases/{case_id}/legal-bases/{basis_id}/correction"): _HEAR,
    ("POST", "/v1/cases/{case_id}/legal-bases/{basis_id}/citizen-told"): _BASIS,
    ("GET", "/v1/cases/{case_id}/emergency-reviews"): _BREACH,
    ("POST", "/v1/cases/{case_id}/emergencies"): _HEAR,
    ("POST", "/v1/cases/{case_id}/emergencies/{basis_id}/review"): {Role.PROGRAMME_LEAD: UNIT},
    ("POST", "/v1/cases/{case_id}/erasure-requests"): _HEAR,
    ("POST", "/v1/cases/{case_id}/erasure-requests/{request_id}/refusal"): {Role.PROGRAMME_LEAD: UNIT},
    ("POST", "/v1/cases/{case_id}/erasure-requests/{request_id}/granting"): {Role.PROGRAMME_LEAD: UNIT},
    ("GET", "/v1/cases/{case_id}/block-list"): _BLOCK,
    ("POST", "/v1/cases/{case_id}/blocks"): _BLOCK,
    ("POST", "/v1/cases/{case_id}/blocks/lift"): _BLOCK,
    ("POST", "/v1/cases/{case_id}/blocks/considered"): _BLOCK,
    ("POST", "/v1/cases/{case_id}/referrals"): _CASE,
    ("POST", "/v1/cases/{case_id}/referrals/{referral_id}/cancellation"): _CASE,
    ("GET", "/v1/unanswered-cases"): {Role.PROGRAMME_LEAD: NONE},
    ("POST", "/v1/persons/stop"): _STOP,
    ("POST", "/v1/persons/resume"): _STOP,
    ("GET", "/v1/partners"): {**_STAFF, Role.OPERATOR: NONE},
    ("POST", "/v1/partners"): {Role.OPERATOR: NONE},
    ("POST", "/v1/partners/{slug}/suspension"): {Role.OPERATOR: NONE},
    ("POST", "/v1/partners/{slug}/resumption"): {Role.OPERATOR: NONE},
    ("POST", "/v1/partners/{slug}/agreement"): {Role.OPERATOR: NONE},
    ("POST", "/v1/partners/{slug}/keys"): {Role.OPERATOR: NONE},
    ("POST", "/v1/partners/{slug}/receipts-leader"): {Role.OPERATOR: NONE},
    # The pages ask what the API asks, in the same roles and relations.
    ("GET", "/"): _STAFF,
    ("POST", "/cases"): _STAFF,
    ("GET", "/cases"): {Role.TOVHOLDER: NONE},
    ("GET", "/cases/{case_id}"): _INTAKE,
}

OPEN = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/v1/hub"),
    ("POST", "/token"),
    ("GET", "/login"),
    ("POST", "/login"),
    ("GET", "/login/issuer"),
    ("GET", "/login/done"),
    ("POST", "/logout"),
    ("GET", "/static/{name}"),
}
"""Routes without a login: that the process lives, the hub's public keys, a token, the login pages' own."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, as the token says."""

    person: str
    name: str
    organisation: str
    roles: frozenset[Role]

    @property
    def login(self) -> str:
        """How the block list names the caller."""
        return login_of(self.organisation, self.person)


def relations(case: CitizenCase, caller: Caller, now: datetime, *, answered: bool = True) -> set[Relation]:
    """Every relation in which this caller stands to the case at `now`.

    `answered` says whether its coordinator, where it has one, is let in: else it is as if it had none.
    """
    found: set[Relation] = set()
    if caller.organisation != case.unit:
        return found
    found.add(Relation.UNIT)
    if case.coordinator is None or not answered:
        found.add(Relation.UNASSIGNED)
    if case.acts(caller.person, now):
        found.add(Relation.COORDINATOR)
    if case.hand_over is not None and case.hand_over.to.person == caller.person:
        found.add(Relation.ASKED)
    return found


def role_for(
    method: str,
    path: str,
    caller: Caller,
    case: CitizenCase | None,
    now: datetime,
    *,
    answered: bool = True,
) -> Role | None:
    """The role in which the caller may make this call, or None."""
    held = relations(case, caller, now, answered=answered) if case is not None else {Relation.NONE}
    for role, relation in TABLE.get((method, path), {}).items():
        if role in caller.roles and relation in held:
            return role
    return None
