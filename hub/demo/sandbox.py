"""A sandbox for one partner's developer: a municipality of its own that tells made-up cases to that partner.

Everything lies in one folder and goes on where it was when it is started again. The partner is one of the
stage's own; beside it the others stand, so that its reports have somebody to read them.
"""

import fcntl
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

from contracts.terms import OrganisationKind
from contracts.topics import from_topic, to_topic
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.terms import ErasureGround, InclusionCriterion
from hub.application.committing import Command
from hub.demo.playing import ON_CALL
from hub.demo.stage import EMERGENCY, NGO, PARTNERS, POLICE, Stage, example
from hub.errors import Invalid
from hub.operating.process import stopped
from hub.settings import Settings


class Kind(StrEnum):
    """What a partner can be to whom something is played."""

    NGO = "ngo"
    POLICE = "police"
    EMERGENCY_DEPARTMENT = "emergency_department"


KINDS: Final = {Kind.NGO: NGO, Kind.POLICE: POLICE, Kind.EMERGENCY_DEPARTMENT: EMERGENCY}
"""The partner that stands for each kind: whoever is told, and two that report."""
REPORTS: Final = {
    OrganisationKind.POLICE: (
        "01-politi-natlig-vold-i-hjemmet",
        "politi-stalking-tidligere-partner-beskyttet-adresse",
        "politi-mand-stukket-med-kniv-af-samlever",
        "politi-oekonomisk-og-materiel-vold-i-aegteskab",
    ),
    OrganisationKind.EMERGENCY_DEPARTMENT: (
        "skadestue-mand-slaaet-af-sin-bror",
        "skadestue-kvinde-uden-cpr-seksuel-vold",
    ),
}
TOLD: Final = (
    "stays",
    "is withdrawn once you have opened it",
    "was withdrawn before it left",
    "is erased once you have opened it",
)
USED_FOR: Final = {
    "mette": "pages and API: tovholder of every case that was opened here",
    "inge": "pages and API: the inbox, where your reports wait",
    "drift": "API only: partners, their agreements and public keys",
}
"""What each login is for, to whoever tries a program."""
LOOK_S: Final = 0.2
_TOWN: Final = "sandkasse-"
MUNICIPAL: Final = Actor("mette", "Mette Tovholder", "tovholder", "familieenheden")
LEAD: Final = Actor("lise", "Lise Leder", "programme_lead", MUNICIPAL.organisation)


def play(folder: Path, kind: Kind, port: int = 0) -> int:
    """Serve a sandbox until Ctrl-C; the exit status."""
    if Settings(on_call=ON_CALL).production:
        raise Invalid("HUB_PRODUCTION is set, and a sandbox is no production: unset it")
    settings, stop = _settings(folder), stopped()
    config = folder / "adapter.json"
    with _alone(folder), Stage(settings, port) as stage:
        sandbox = Sandbox(stage, KINDS[kind])
        sandbox.begin()
        _write(config, json.dumps(stage.partner_config(sandbox.slug), indent=1))
        for line in sandbox.lines(config):
            print(line, flush=True)
        while not stop.wait(LOOK_S):
            sandbox.look()
    return 0


class Sandbox:
    """What is played to the partner, before it connects and after."""

    def __init__(self, stage: Stage, slug: str) -> None:
        self.stage, self.slug = stage, slug
        self._plan = stage.settings.data_dir / "sandbox.json"
        self._later: dict[str, list[str]] = json.loads(self._plan.read_text()) if self._plan.exists() else {}
        """Case → its consent, and what it is once the partner has opened something: revoked, or erased."""

    def begin(self) -> None:
        """Register everybody, play what lies there when the partner comes, and send."""
        if self.stage.parts.app.store.partner(self.slug) is None:
            self.stage.register_partners()
        if not self._plan.exists():
            (self._tell if self.slug == NGO else self._answer)()
            self._keep()
        # Only now: a consent that is withdrawn before anything was sent leaves a blank behind.
        self.stage.start_workers()

    def look(self) -> None:
        """Go on where the partner has opened something."""
        for case, (consent, then) in list(self._later.items()):
            found = self.stage.people["mette"].get(f"/v1/cases/{case}/disclosures", "citizen_access")["told"]
            if any(told["opened"] for told in found):
                # Kept before: a case that is erased can't be looked at again.
                del self._later[case]
                self._keep()
                if then == "erased":
                    self._erase(UUID(case))
                else:
                    self._withdraw(case, consent)
                print(f"you opened a message of case {case}: it is {then}", flush=True)

    def lines(self, config: Path) -> list[str]:
        """Where everything is."""
        settings = self.stage.settings
        town, kafka = settings.municipality, settings.kafka_bootstrap
        module = {NGO: "ngo", POLICE: "police"}.get(self.slug, "emergency_department")
        topics = f"reads {to_topic(town, self.slug)}, writes {from_topic(town, self.slug)}, at {kafka}"
        return [
            f"A sandbox: municipality {town}, partner {self.slug}. Whoever is in it is made up.",
            f"   settings, for our programs and the examples in contracts/: {config}",
            f"   keys, of this sandbox alone: {self.stage.partner_settings(self.slug).keys}",
            f"   topics: {topics if kafka else 'none, the HTTP profile alone: set HUB_KAFKA_BOOTSTRAP'}",
            f"   for example: python -m hub.adapters.partners.{module} --config {config} run",
            *(f"   case {n}: {what}" for n, what in enumerate(TOLD, 1) if self.slug == NGO),
            *(f"   {line}" for line in self.stage.addresses("", USED_FOR)),
            "Ctrl-C ends it; the same command goes on where it was.",
        ]

    def _keep(self) -> None:
        self._plan.write_text(json.dumps(self._later))

    # --- who is told --------------------------------------------------------------------------------

    def _tell(self) -> None:
        """Four cases, of which the partner is told four ways."""
        stays, goes, blank, erased = map(self._case, REPORTS[OrganisationKind.POLICE])
        mette = self.stage.people["mette"]
        self._consent(stays)
        mette.post(f"/v1/cases/{stays}/safety-level", {"level": "high", "reason": "truslerne tager til"})
        self._refer(stays)
        given_up = self._refer(stays)
        mette.post(
            f"/v1/cases/{stays}/referrals/{given_up}/cancellation", {"reason": "another_offer_fits_better"}
        )
        for case, then in ((goes, "revoked"), (erased, "erased")):
            self._later[case] = [self._consent(case), then]
            self._refer(case)
        consent = self._consent(blank)
        self._refer(blank)
        self._withdraw(blank, consent)

    def _case(self, name: str) -> str:
        reporter = PARTNERS[POLICE][0]
        answer = self.stage.parts.inbound.report(Actor(POLICE, reporter, "reporter", POLICE), example(name))
        self._open(answer.ids["case"])
        return answer.ids["case"]

    def _open(self, case: str) -> None:
        inge = self.stage.people["inge"]
        inge.post(
            f"/v1/cases/{case}/opening", {"criteria": dict.fromkeys(InclusionCriterion, True)}, "intake"
        )
        inge.post(f"/v1/cases/{case}/coordinator", {"person": "mette", "name": "Mette Tovholder"})

    def _consent(self, case: str) -> str:
        now = self.stage.parts.clock()
        given = self.stage.people["mette"].post(
            f"/v1/cases/{case}/consents",
            {
                "recipients": [self.slug],
                "categories": PARTNERS[self.slug][2],
                "purpose": "rådgivning",
                "form": "oral",
                "given_at": now.isoformat(),
                "ends_at": (now + timedelta(days=180)).isoformat(),
            },
        )
        return str(given["consent"])

    def _refer(self, case: str) -> str:
        answer_by = (self.stage.parts.clock() + timedelta(days=2)).isoformat()
        asked = {"recipient": NGO, "offer": "rådgivning", "urgency": "urgent", "answer_by": answer_by}
        return str(self.stage.people["mette"].post(f"/v1/cases/{case}/referrals", asked)["referral"])

    def _withdraw(self, case: str, consent: str) -> None:
        self.stage.people["mette"].post(f"/v1/cases/{case}/consents/{consent}/withdrawal")

    def _erase(self, case: UUID) -> None:
        """Grant the citizen's wish to be forgotten, as a programme lead does."""
        hub = self.stage.parts.hub
        asked = hub.request_erasure(_command(MUNICIPAL), case, self.stage.parts.clock())
        hub.grant_erasure(
            _command(LEAD),
            case,
            UUID(asked.ids["request"]),
            ground=ErasureGround.CONSENT_WITHDRAWN,
            reason="samtykket er trukket tilbage, og intet kræver, at sagen bevares",
        )

    # --- who reports --------------------------------------------------------------------------------

    def _answer(self) -> None:
        """Reports of its own: one received, one read and taken up as well, one refused."""
        parts, (name, kind, _) = self.stage.parts, PARTNERS[self.slug]
        by = Actor(self.slug, name, "reporter", self.slug)
        waits, read = (example(one) for one in REPORTS[kind][:2])
        parts.inbound.report(by, waits)
        case = parts.inbound.report(by, read).ids["case"]
        parts.hub.record_reading(Command(by=MUNICIPAL), UUID(case), read.report_id)
        self._open(case)
        self._consent(case)
        parts.hub.take_up_report(_command(MUNICIPAL), UUID(case), read.report_id)
        parts.hub.refuse_report(_command(by), uuid4())


def _town_of(home: Path) -> str | None:
    """For which municipality a hub was made there; None where there is none."""
    try:
        return str(json.loads((home / "hub.json").read_text())["municipality"])
    except FileNotFoundError:
        return None


def _command(by: Actor) -> Command:
    return Command(by=by, key=f"sandbox:{uuid4()}")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One sandbox at a time in a folder; the system lets go of the lock when the process ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "sandbox.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Invalid(f"a sandbox runs in {folder} already: end it, or name another folder") from None
        yield


def _settings(folder: Path) -> Settings:
    """A municipality of its own name in the folder, on no database but its own.

    Raises `Invalid` where a hub lies that no sandbox made: made-up cases belong in none.
    """
    home = folder / "hub"
    town = _town_of(home) or f"{_TOWN}{secrets.token_hex(3)}"
    if _town_of(folder) is not None or not town.startswith(_TOWN):
        raise Invalid(f"a hub that is no sandbox lies in {folder}: name another folder", field="folder")
    return Settings(
        data_dir=home.resolve(),
        municipality=town,
        unit=MUNICIPAL.organisation,
        database_url="",
        issuer="",
        on_call=ON_CALL,
    )


def _write(path: Path, text: str) -> None:
    """For its owner's eyes alone, as a partner's settings are."""
    path.touch(mode=0o600)
    path.write_text(text + "\n", encoding="utf-8")
