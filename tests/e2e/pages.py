"""A municipality whose pages a browser can open: what happened in it, who may log in, and how one looks."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from contracts.terms import BasisRule, Category, ReferralStatus, SafetyLevel
from hub.adapters.http.access import Role
from tests.support.browser import Browser

if TYPE_CHECKING:
    from tests.world import World

PASSWORD = "kun-til-fremvisning"
FIRST, SECOND = "01-politi-natlig-vold-i-hjemmet", "02-skadestue-samme-kvinde-en-time-senere"


@dataclass
class Served:
    """A municipality with its pages, and the cases that the tests open."""

    world: "World"
    url: str
    case: UUID
    planted: UUID
    """Every field of its report holds a canary."""
    erased: UUID
    """The perpetrator's key in it is destroyed."""
    could_kill: tuple[str, ...]
    unread: tuple[str, ...]
    shown: tuple[str, ...]


@contextmanager
def served_at(folder: Path) -> Iterator[Served]:
    """Play a night and what came of it, bring the read models up, and serve the pages."""
    from hub.adapters.http.tokens import EmbeddedIssuer
    from hub.bootstrap import utc_now
    from hub.operating.serving import Server, app_of
    from tests.world import UNIT, World, planted  # kafka-python warns at its import

    with closing(World.built(folder)) as world:
        case = a_case_with_everything(world)
        canaries = planted(FIRST)
        other = world.report(report=canaries.report)
        world.open(other)
        world.coordinator(other)
        erased = world.open_case(FIRST)
        forget_the_perpetrator(world, erased)
        for name in (
            "skadestue-kvaelning-bevidstloes-livsfare",
            "skadestue-aeldre-mand-slaaet-af-voksen-soen",
        ):
            world.report(name)
        world.report("politi-mand-haevnporno-tidligere-kaereste")
        world.project()
        issuer = EmbeddedIssuer("http://localhost", "tvaers-hub", utc_now, production=False)
        for who, name, unit, roles in (
            ("tove", "Tove Tovholder", UNIT, [Role.TOVHOLDER]),
            ("inge", "Inge Indskriver", UNIT, [Role.CASEWORKER]),
            ("bo", "Bo Nabo", "boern-og-unge", [Role.CASEWORKER, Role.TOVHOLDER, Role.PROGRAMME_LEAD]),
            ("anna", "Anna Ansat", "havnen", [Role.PARTNER_STAFF]),
        ):
            issuer.add(who, PASSWORD, name, unit, roles)
        server = Server(app_of(world.parts, issuer))
        server.start()
        told = (canaries.could_kill, canaries.free_text, (*canaries.citizen, *canaries.others))
        try:
            yield Served(world, server.url, case, other, erased, *told)
        finally:
            server.stop()


def a_case_with_everything(world: "World") -> UUID:
    """Two reports on one person, and all that a timeline can tell."""
    from tests.world import CASEWORKER, NGO, SHELTER, at

    hub = world.parts.hub
    case = world.report(FIRST)
    world.clock.move(timedelta(minutes=70))
    second = world.report(SECOND)
    world.clock.move(timedelta(hours=8))
    world.open(case)
    world.coordinator(case)
    world.match(case, second)
    world.read_free_text(case)
    hub.set_safe_contact(world.command(CASEWORKER), case, {"phone": "Kanariefugl-telefon"})
    world.clock.move(timedelta(hours=1))
    world.assess(case)
    world.level(case, SafetyLevel.HIGH)
    consent = world.consent(case, [NGO, SHELTER], [Category.INCIDENT, Category.REFERRAL, Category.IDENTITY])
    referral = world.refer(case)
    world.refer(case, SHELTER, "krisecenterplads")
    for status in (ReferralStatus.RECEIVED, ReferralStatus.ACCEPTED):
        world.clock.move(timedelta(hours=3))
        hub.answer_referral(world.command(at(NGO)), world.thread(case, NGO), referral, status, None)
    world.clock.move(timedelta(days=1))
    world.withdraw(case, consent, category=Category.INCIDENT)
    gone = world.consent(case, [SHELTER], [Category.WISHES])
    world.withdraw(case, gone)
    world.withdraw(case, consent, recipient=SHELTER)
    world.legal_basis(case, [SHELTER], [Category.RISK], BasisRule.VITAL_INTEREST)
    return case


def forget_the_perpetrator(world: "World", case: UUID) -> None:
    """Destroy the key that seals what is about him in this case."""
    (person,) = {
        entry.content.about
        for entry in world.case(case).entries
        if entry.content.about and entry.content.data.get("role") == "perpetrator"
    }
    world.parts.app.keys.destroy(person)


def log_in(browser: Browser, served: Served, who: str = "tove", path: str = "/") -> None:
    """Ask for a page, and log in where that is wanted."""
    browser.open(served.url + path)
    browser.fill(username=who, password=PASSWORD)
    browser.click("main button")


def timeline_of(case: UUID, purpose: str = "coordination") -> str:
    return f"/cases/{case}?purpose={purpose}"


def expect_complaints(browser: Browser, status: str, times: int) -> None:
    """A page that is itself the problem is written to the console as one, and as nothing else."""
    complaints = browser.complaints()
    assert [status in text for text in complaints] == [True] * times, complaints


NAMELESS = (
    "return [...document.querySelectorAll('input:not([type=hidden]), select')]"
    ".filter(e => !e.labels.length).map(e => e.outerHTML)"
)
"""Fields without a label."""
SMALL = (
    "return [...document.querySelectorAll("
    "'button, nav a, .button, input:not([type=hidden]), select')]"
    ".filter(e => e.getBoundingClientRect().height < 44).map(e => e.outerHTML)"
)
"""What is too low to be hit by a thumb."""
ALIKE = """
const seen = new Map();
return [...document.querySelectorAll('main a, nav a')].filter(a => {
    const name = a.textContent.trim(), before = seen.get(name);
    seen.set(name, a.href);
    return before !== undefined && before !== a.href; }).map(a => a.textContent.trim());
"""
"""Links that are called the same and lead elsewhere."""
AFTER_A_LIST = """
return [...document.querySelectorAll('.inbox + *')].map(
    e => e.getBoundingClientRect().top - e.previousElementSibling.getBoundingClientRect().bottom)
"""
"""How far beneath a list the next thing stands, in pixels."""
FAINT = """
const rgb = c => c.match(/[\\d.]+/g).map(Number);
const linear = v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
const light = c => { const [r, g, b] = rgb(c).map(linear);
    return .2126 * r + .7152 * g + .0722 * b; };
const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
    if (rgb(c)[3] !== 0) return c; } return 'rgb(255, 255, 255)'; };
const ratio = (a, b) => (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
return [...document.querySelectorAll('body *')]
    .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()))
    .filter(e => ratio(light(getComputedStyle(e).color), light(ground(e))) < 4.5)
    .map(e => e.className + ': ' + e.textContent.trim().slice(0, 40));
"""
"""Texts whose contrast with what lies behind them is below WCAG's 4.5."""
