"""The stage: one hub with its API and workers, and the partners' own programs beside it."""

import base64
import contextlib
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import httpx2

import contracts
from contracts.client.keys import Identity
from contracts.social_report_v1 import SocialReport
from contracts.terms import Category, OrganisationKind
from hub.adapters.broker.kafka_admin import grant_partner
from hub.adapters.http.access import Role
from hub.adapters.http.tokens import EmbeddedIssuer
from hub.adapters.partners.ngo.adapter import Ngo
from hub.adapters.partners.reporter import Reporter
from hub.adapters.partners.settings import PartnerSettings, Profile
from hub.bootstrap import Parts, broker_of, build, initialise, kafka_settings
from hub.operating.serving import Server, app_of
from hub.operating.working import Workers, every_worker
from hub.settings import Settings

EXAMPLES = Path(contracts.__file__).parent / "examples" / "social_report_v1"
TOLD_NGO = [Category.IDENTITY, Category.INCIDENT, Category.WISHES, Category.RISK, Category.REFERRAL]

POLICE, EMERGENCY, NGO, OTHER_NGO = "proevestad-politi", "eksempel-skadestue", "lysning", "havnelys"
PARTNERS: dict[str, tuple[str, OrganisationKind, list[Category]]] = {
    POLICE: ("Prøvestad Politi", OrganisationKind.POLICE, [Category.COORDINATION]),
    EMERGENCY: (
        "Eksempel Sygehus, skadestuen",
        OrganisationKind.EMERGENCY_DEPARTMENT,
        [Category.COORDINATION],
    ),
    NGO: ("Lysning, rådgivning", OrganisationKind.NGO, TOLD_NGO),
    OTHER_NGO: ("Havnelys, samtalegrupper", OrganisationKind.NGO, TOLD_NGO),
}
PEOPLE: dict[str, tuple[str, str, Role]] = {
    "inge": ("Inge Visitator", "", Role.CASEWORKER),
    "mette": ("Mette Tovholder", "", Role.TOVHOLDER),
    "bo": ("Bo Tovholder", "", Role.TOVHOLDER),
    "drift": ("Drift", "drift", Role.OPERATOR),
    "anna": ("Anna Rådgiver", NGO, Role.PARTNER_STAFF),
}
"""Username → name, organisation (empty: the owning unit), role."""
USED_FOR = {
    "inge": "pages: the inbox, where child notifications wait when the story has ended",
    "mette": "pages: the timeline of her case",
    "bo": "pages: tovholder of other cases, who is told that there is no such case",
    "drift": "API only: partners",
    "anna": "API only: that the hub shows Lysning's people nothing, as its keys are its own program's",
}
"""What each login shows once the story has been told."""


class Refusal(Exception):
    """Raised when the API says no; `status` and the problem's slug say how."""

    def __init__(self, status: int, slug: str, title: str) -> None:
        super().__init__(f"{status} {slug}: {title}")
        self.status = status


class Person:
    """Somebody at a screen: calls the API with a login of their own."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self._http = httpx2.Client(base_url=url, timeout=15)
        self._login = {"username": username, "password": password}
        self._token = ""

    def get(self, path: str, purpose: str = "coordination", position: int = 0) -> Any:
        """Ask, waiting until the answer holds `position`."""
        return self._call("GET", path, purpose, params={"position": position} if position else {})

    def post(self, path: str, body: Mapping[str, Any] | None = None, purpose: str = "coordination") -> Any:
        """Command, under a new idempotency key."""
        headers = {"Idempotency-Key": str(uuid4())}
        return self._call("POST", path, purpose, json=dict(body or {}), headers=headers)

    def close(self) -> None:
        """Log off."""
        self._http.close()

    def _call(self, method: str, path: str, purpose: str, **request: Any) -> Any:
        if not self._token:
            self._token = self._http.post("/token", data=self._login).json()["access_token"]
        headers = {
            **request.pop("headers", {}),
            "Authorization": f"Bearer {self._token}",
            "Hub-Purpose": purpose,
        }
        answer = self._http.request(method, path, headers=headers, **request)
        if answer.is_error:
            told = answer.json()
            raise Refusal(answer.status_code, str(told["type"]).rsplit("/", 1)[-1], told["title"])
        return answer.json()


class Stage:
    """Everything that plays: built from settings, so that the same story runs on either stack."""

    def __init__(self, settings: Settings, port: int = 0) -> None:
        initialise(settings)
        self._open = contextlib.ExitStack()
        self.settings = settings
        self.parts: Parts = build(settings)
        self._open.callback(self.parts.close)
        self.broker = broker_of(settings)
        self._open.callback(self.broker.close)
        self._passwords = {name: secrets.token_urlsafe(9) for name in (*PEOPLE, *PARTNERS)}
        self._issuer = self._logins()
        self._server = Server(app_of(self.parts, self._issuer), port=port)
        self.url = self._server.url
        self._issuer.let_systems_in(f"{self.url}/token", self.parts.signing_key_of)
        self._identities = {slug: self._keys(slug) for slug in PARTNERS}
        self._workers: Workers | None = None

    def __enter__(self) -> Self:
        self._server.start()
        self._open.callback(self._server.stop)
        self.people = {name: self._person(name) for name in PEOPLE}
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    # --- setting up ---------------------------------------------------------------------------------

    def register_partners(self) -> None:
        """The operator registers every partner with its agreement and public keys, and makes the topics."""
        for slug, (name, kind, categories) in PARTNERS.items():
            public = self._identities[slug].public
            self.people["drift"].post(
                "/v1/partners",
                {
                    "slug": slug,
                    "name": name,
                    "kind": kind,
                    "categories": categories,
                    "sealing_key": base64.b64encode(public.sealing).decode(),
                    "signing_key": base64.b64encode(public.signing).decode(),
                    "contact": {"name": name, "email": f"vagt@{slug}.example", "duty_phone": "00 00 00 00"},
                },
            )
        slugs = [row.slug for row in self.parts.app.store.partners()]
        self.broker.create_topics(self.parts.outgoing.topics(slugs), self.settings.topic_retention_days)
        if self.settings.kafka_ca is not None:
            for slug in PARTNERS:
                grant_partner(
                    kafka_settings(self.settings), slug, self.settings.municipality, self._passwords[slug]
                )

    def start_workers(self) -> None:
        """Relay, projections, receivers, timers."""
        self._workers = every_worker(self.parts, self.broker)
        self._workers.start()
        self._open.callback(self._workers.stop)

    def police(self) -> Reporter:
        """The police district's own program."""
        return self._reporter(POLICE)

    def emergency_department(self) -> Reporter:
        """The emergency department's own program."""
        return self._reporter(EMERGENCY)

    def ngo(self, slug: str) -> Ngo:
        """An NGO's own program."""
        adapter = Ngo.of(self.partner_settings(slug))
        self._open.callback(adapter.close)
        return adapter

    def partner_login(self, slug: str) -> Person:
        """The API with a partner's own login, without its program."""
        return self._person(slug)

    def addresses(self, case: str, used_for: Mapping[str, str]) -> list[str]:
        """Where to look, and how to log in; without a case there is none to name."""
        timeline = [f"mette's timeline: {self.url}/cases/{case}?purpose=coordination"] if case else []
        logins = [f"   {name} / {self._passwords[name]}   {use}" for name, use in used_for.items()]
        token = f"   API: curl -d username=… -d password=… {self.url}/token gives the access_token, a Bearer"
        return [f"pages and API: {self.url}/", *timeline, "logins:", *logins, token]

    # --- the small steps ----------------------------------------------------------------------------

    def _reporter(self, slug: str) -> Reporter:
        adapter = Reporter.of(self.partner_settings(slug), PARTNERS[slug][1])
        self._open.callback(adapter.close)
        return adapter

    def _person(self, name: str) -> Person:
        person = Person(self.url, name, self._passwords[name])
        self._open.callback(person.close)
        return person

    def _logins(self) -> EmbeddedIssuer:
        settings = self.settings
        issuer = EmbeddedIssuer(
            "urn:tvaers:embedded-issuer",
            settings.audience,
            self.parts.clock,
            production=settings.production,
        )
        for name, (full_name, organisation, role) in PEOPLE.items():
            issuer.add(name, self._passwords[name], full_name, organisation or settings.unit, [role])
        for slug, (full_name, _, _) in PARTNERS.items():
            roles = [Role.REPORTER, Role.PARTNER_SYSTEM]
            issuer.add(slug, self._passwords[slug], full_name, slug, roles)
        return issuer

    def _keys(self, slug: str) -> Identity:
        folder = self._folder(slug) / "keys"
        if not folder.exists():
            Identity.new().save(folder)
        return Identity.load(folder)

    def _folder(self, slug: str) -> Path:
        return self.settings.data_dir / "partners" / slug

    def partner_settings(self, slug: str) -> PartnerSettings:
        """What a partner's own program is configured with."""
        return PartnerSettings.model_validate(self.partner_config(slug))

    def partner_config(self, slug: str) -> dict[str, Any]:
        """The same, as its file has it."""
        hub = self.parts.identity.public
        kafka = self.settings.kafka_bootstrap
        data = self._folder(slug) / "data"
        data.mkdir(parents=True, exist_ok=True)
        return {
            "municipality": self.settings.municipality,
            "slug": slug,
            "hub_url": self.url,
            "token_url": f"{self.url}/token",
            "username": slug,
            "hub_sealing_key": base64.b64encode(hub.sealing).decode(),
            "hub_signing_key": base64.b64encode(hub.signing).decode(),
            "keys": str(self._folder(slug) / "keys"),
            "data": str(data),
            "duty_number": self.settings.on_call,
            "poll_s": 2,
            "profile": Profile.KAFKA if kafka else Profile.HTTP,
            **({"kafka": self._kafka_login(slug)} if kafka else {}),
        }

    def _kafka_login(self, slug: str) -> dict[str, str]:
        found = {"bootstrap": self.settings.kafka_bootstrap}
        if self.settings.kafka_ca is None:
            return found
        ca = str(self.settings.kafka_ca.resolve())
        return {**found, "ca": ca, "username": slug, "password": self._passwords[slug]}


def example(name: str) -> SocialReport:
    """One of the published example reports, under a new id so that the story can be played again."""
    found = json.loads((EXAMPLES / f"{name}.json").read_text())
    return SocialReport.model_validate({**found, "report_id": str(uuid4())})
