"""The pages in a real browser: a tovholder logs in, sees what waits, opens a case with both reports on it."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from uuid import UUID

import httpx2
import pytest
from fastapi.testclient import TestClient
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.keys import Keys

from hub.aggregates.look import LookRecorded
from tests.e2e.pages import (
    AFTER_A_LIST,
    ALIKE,
    FAINT,
    FIRST,
    NAMELESS,
    PASSWORD,
    SMALL,
    Served,
    expect_complaints,
    log_in,
    served_at,
    timeline_of,
)
from tests.support.browser import Browser
from tests.support.social_reports import REPORTS

pytestmark = pytest.mark.timeout(900)  # the browser may have to be installed
NARROW, WIDE = 375, 1280


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Give a municipality with its pages."""
    with served_at(tmp_path_factory.mktemp("pages") / "hub") as found:
        yield found


@pytest.fixture
def browser(started: Browser, served: Served) -> Iterator[Browser]:
    """Give the browser with nobody logged in.

    Whatever a test did: no page breached its policy or complained, and no other host was asked for anything.
    """
    started.open(f"{served.url}/login")
    started.forget()
    started.size(WIDE)
    started.complaints()
    started.hosts()
    yield started
    assert started.complaints() == []
    assert started.hosts() <= {served.url.removeprefix("http://")}


def test_a_tovholder_sees_both_reports_on_one_timeline(browser: Browser, served: Served) -> None:
    """Log in, see what waits, open the case by its link, read it in order."""
    log_in(browser, served)
    assert browser.one("h1").text == "Indbakke"
    badges = browser.all(".inbox:not(.due) .badge")
    assert [b.text.split()[-1] for b in badges] == ["Akut", "Haster", "Almindelig"]
    browser.fill(case=f"{served.url}{timeline_of(served.case)}")
    browser.click("main button")
    assert browser.url == served.url + timeline_of(served.case)
    assert browser.one("h1").text.startswith("Tidslinje – sag ")
    titles = [title.text.splitlines()[0] for title in browser.all(".entry h4")]
    due = "Underretning om et barn skal besvares"
    assert titles[:4] == ["Socialrapport modtaget", due] * 2
    assert titles[4] == "Sag oprettet efter visitation"
    assert titles[-1] == "Hjemmel noteret"
    sectors = [sector.text for sector in browser.all(".entry .sector")]
    assert sectors.count("Politi") == 1
    assert sectors.count("Skadestue") == 1
    assert sectors.count("NGO") == 2
    reports = [e for e in browser.all(".entry") if "Socialrapport modtaget" in e.text]
    assert len(reports) == 2
    assert "01.12.2026 kl. 10.00" in reports[0].text
    assert [day.text for day in browser.all(".day")] == [
        "Tirsdag den 1. december 2026",
        "Onsdag den 2. december 2026",
        "Torsdag den 3. december 2026",
    ]


def test_received_is_not_read_and_read_is_not_acted_on(browser: Browser, served: Served) -> None:
    """The words for the steps of a referral keep them apart, and so does the table."""
    log_in(browser, served, path=timeline_of(served.case))
    seen = browser.text
    for words in (
        "Modtaget betyder ikke læst, og læst betyder ikke, at nogen har handlet.",
        "Sendt betyder ikke modtaget.",
        "Modtagerens system har den. Det siger ikke, at nogen har læst den.",
        "Et menneske hos modtageren har sagt ja. Tilbuddet er ikke begyndt.",
    ):
        assert words in seen
    table = browser.one("#referrals + table").text
    assert re.search(r"Havnen samtaleforloeb Accepteret", table)
    assert re.search(r"Krisecenter krisecenterplads Sendt, ikke kvitteret", table)
    havnen, krisecenter = [row.text for row in browser.all("#referrals + table tbody tr")]
    assert "kan ikke længere åbne den" in krisecenter, "its consent is withdrawn"
    assert krisecenter.endswith("–"), "and nobody waits for an answer"
    assert "kan ikke længere" not in havnen


def test_consents_and_legal_bases_stand_as_they_are(browser: Browser, served: Served) -> None:
    """One is partly withdrawn, one wholly, and one basis is no consent."""
    log_in(browser, served, path=timeline_of(served.case))
    rows = [row.text.replace("\n", " ") for row in browser.all("#bases + table tbody tr")]
    assert len(rows) == 3
    assert "Gælder delvist til" in rows[0]
    assert "Hvad der skete" in rows[0].split("Trukket tilbage")[1]
    assert "Trukket tilbage" in rows[1]
    assert rows[2].startswith("Fare for liv")
    ended = [e.text for e in browser.all(".entry") if "Samtykke trukket tilbage" in e.text]
    assert "Gjaldt: Havnen, Krisecenter." in ended[0]
    assert "Gjaldt: Krisecenter." in ended[1]


def test_the_warning_says_that_there_are_rules_and_never_which(browser: Browser, served: Served) -> None:
    """It goes with whatever makes a contact possible; the rules are fetched by a named person."""
    log_in(browser, served, path=timeline_of(served.case))
    box = browser.one(".box--warning").text
    assert "Der findes regler for sikker kontakt." in box
    assert "Adressen er beskyttet, eller skal behandles som beskyttet." in box
    assert "hentes af en navngiven person" in box
    assert "Kanariefugl-telefon" not in browser.source


def test_other_persons_stand_apart_with_the_purpose_ban(browser: Browser, served: Served) -> None:
    """What police told under § 115 says on the page what it must never be used for."""
    log_in(browser, served, path=timeline_of(served.case))
    police, hospital = [e for e in browser.all(".entry") if "Socialrapport modtaget" in e.text]
    ban = "Må ikke bruges til strafferetlig efterforskning."
    roles = [heading.text for heading in browser.all(".entry:first-child .section--other h5")][:4]
    assert roles == ["Voldsudøver", "Barn 1", "Barn 2", "Vidne"]
    assert police.text.count(ban) == 1 + len(roles)
    assert ban not in hospital.text


def test_a_case_of_another_unit_looks_like_none(browser: Browser, served: Served) -> None:
    """The same words for "no" and for "none", whoever asks."""
    log_in(browser, served, "bo", timeline_of(served.case))
    denied = browser.source
    browser.open(served.url + timeline_of(UUID(int=1)))
    assert browser.one("h1").text == "Der er ingen sådan side, eller ingen for dig."
    assert browser.source == denied.replace(str(served.case), str(UUID(int=1)))
    browser.open(f"{served.url}/cases/7403912006?purpose=contact")
    assert browser.one("h1").text == "Der er ingen sådan side, eller ingen for dig."
    expect_complaints(browser, "404", 3)


def test_an_address_that_is_none_is_a_page_and_to_a_program_a_problem(
    browser: Browser, served: Served
) -> None:
    """In the visitor's language, with the way back, and without the address."""
    log_in(browser, served)
    browser.open(f"{served.url}/kanariefuglen?lang=en")
    assert browser.one("h1").text == "There is no such page, or none for you."
    assert [link.text for link in browser.all("main a")] == ["To the inbox"]
    assert "kanariefuglen" not in browser.source
    browser.open(f"{served.url}/logout?lang=da")
    assert browser.one("h1").text == "Der er ingen sådan side, eller ingen for dig."
    expect_complaints(browser, "40", 2)
    with httpx2.Client(base_url=served.url) as nobody:
        person = {"Accept": "text/html,application/xhtml+xml;q=0.9", "Accept-Language": "en"}
        page = nobody.get("/kanariefuglen", headers=person)
        assert '<a href="/login">Log in</a>' in page.text
        assert (page.status_code, page.headers["content-language"]) == (404, "en")
        assert page.headers["x-frame-options"] == "DENY"
        asked = nobody.get("/logout", headers=person)
        assert (asked.status_code, asked.headers["allow"]) == (405, "POST")
        program = nobody.get("/kanariefuglen")
        assert program.headers["content-type"] == "application/problem+json"


def test_a_tovholder_finds_her_own_cases(browser: Browser, served: Served) -> None:
    """By number and state alone; each is on record, and opens for a purpose that is asked for then."""
    log_in(browser, served)
    before = len(served.world.facts(LookRecorded))
    browser.click("nav a:last-child")
    assert (browser.url, browser.title) == (f"{served.url}/cases", "Tværs – mine sager")
    assert browser.one("nav [aria-current]").text == "Mine sager"
    numbers = [served.world.case(case).number for case in (served.case, served.planted, served.erased)]
    assert [item.text for item in browser.all(".item h2")] == [f"Sag {n}" for n in sorted(map(str, numbers))]
    assert all("Status: Åben sag." in item.text for item in browser.all(".item"))
    looks = served.world.facts(LookRecorded)[before:]
    assert {(x.what, x.purpose, x.by.person) for x in looks} == {("worklist", "coordination", "tove")}
    assert {x.case_id for x in looks} == {served.case, served.planted, served.erased}
    browser.click(".item a")
    assert browser.one("h1").text == "Hvorfor åbner du sagen?"
    for number, title in (
        (min(map(str, numbers)).lower(), "Tidslinje"),
        ("ABCD-EFGH", "Der er ingen sådan side"),
    ):
        browser.click("nav a")
        browser.fill(case=f" {number} ")
        browser.click(".panel button")
        assert browser.one("h1").text.startswith(title), number
    expect_complaints(browser, "404", 1)
    browser.click("header button")
    log_in(browser, served, "inge")
    assert [link.text for link in browser.all("nav a")] == ["Indbakke"]
    browser.open(f"{served.url}/cases")
    assert browser.one("h1").text == "Der er ingen sådan side, eller ingen for dig."
    assert [link.text for link in browser.all("nav a, main a")] == ["Indbakke", "Til indbakken"]
    expect_complaints(browser, "404", 1)


def test_who_looks_is_shown_with_the_name_of_the_unit(browser: Browser, served: Served) -> None:
    """Not by the word that the machines have for it."""
    log_in(browser, served)
    assert browser.one(".unit").text == "Familieenheden"


@pytest.mark.parametrize(
    ("slug", "name", "told"),
    [
        ("koebenhavn", "Københavns Kommune", "Københavns Kommune"),
        ("lyngby-5ac", "", "Municipality of Lyngby 5ac"),
    ],
)
def test_every_page_says_what_the_municipality_is_called(
    served: Served, slug: str, name: str, told: str
) -> None:
    """By the name that its people write; made of the slug where none is set."""
    from hub.adapters.http.tokens import EmbeddedIssuer
    from hub.bootstrap import utc_now
    from hub.operating.serving import app_of  # kafka-python warns at its import

    asked = {"municipality": slug, "municipality_name": name}
    parts = replace(served.world.parts, settings=served.world.parts.settings.model_copy(update=asked))
    page = TestClient(app_of(parts, EmbeddedIssuer("http://x", "y", utc_now, production=False))).get(
        "/login?lang=en"
    )
    assert f'<p class="municipality">{told}</p>' in page.text


def test_what_waits_about_children_is_told_apart(browser: Browser, served: Served) -> None:
    """By when it came and what it came of, in one box."""
    log_in(browser, served, path=timeline_of(served.case))
    first, second = [item.text for item in browser.all("#child + ul li")]
    assert first.startswith("01.12.2026 kl. 10.00, et barn nævnes i en rapport (Politi")
    assert second.startswith("01.12.2026 kl. 11.10, et barn nævnes i en rapport (Skadestue")
    assert browser.source.count("Et barn er i fare") == 1


def test_the_inbox_opens_for_a_caseworker_alone(browser: Browser, served: Served) -> None:
    """Nobody coordinates what waits; the tovholder is told who opens it."""
    log_in(browser, served)
    assert browser.all(".inbox:not(.due) a") == []
    assert len(browser.all(".due a")) == 4, "of her three cases, and of the inquiry matched to one"
    assert len(browser.all(".due .hint")) == 1, "of the one that nobody coordinates"
    assert "Åbnes af en visitator." in browser.text
    assert browser.one(".due .hint").text == "Besvares af sagens tovholder; har sagen ingen, af en visitator."
    browser.click("header button")
    assert browser.url == f"{served.url}/login"
    log_in(browser, served, "inge")
    browser.click(".inbox:not(.due) a")
    assert browser.url.endswith("?purpose=intake")
    assert browser.one("h1").text == "Tidslinje – henvendelse"
    assert browser.one(".sector").text == "Skadestue"


def test_who_has_no_page_here_is_told_so(browser: Browser, served: Served) -> None:
    """A partner's staff has a login, and no case."""
    log_in(browser, served, "anna")
    told = "Din rolle har ingen sider her, eller dit login er stoppet."
    assert (browser.one("h1").text, browser.title) == (told, f"Tværs – {told}")
    assert browser.all("nav") == [], "and no way to what is not there"
    expect_complaints(browser, "403", 1)


def test_every_look_is_on_record_with_its_purpose(browser: Browser, served: Served) -> None:
    """Before the case is shown, and with the purpose that was chosen; without one nothing is shown."""
    log_in(browser, served, path=f"/cases/{served.case}")
    assert browser.one("h1").text == "Hvorfor åbner du sagen?"
    assert browser.all(".entry") == []
    before = len(served.world.facts(LookRecorded))
    browser.click("main button")
    look = served.world.facts(LookRecorded)[before:]
    assert [(x.what, x.purpose, x.by.person, x.by.role) for x in look] == [
        ("timeline", "coordination", "tove", "tovholder")
    ]
    browser.open(f"{served.url}/cases/{served.case}?purpose=nysgerrig")
    assert browser.one("h1").text == "Noget i det sendte passer ikke."
    assert len(served.world.facts(LookRecorded)) == before + 1
    expect_complaints(browser, "422", 1)


def test_no_value_that_could_kill_and_no_full_number_stands_anywhere(
    browser: Browser, served: Served
) -> None:
    """In the whole source of the pages, visible or not; what may be told is found, so the search works."""
    log_in(browser, served, path=timeline_of(served.planted))
    source = browser.source
    for canary in (*served.could_kill, *served.unread):
        assert canary not in source
    found = [canary for canary in served.shown if canary in source]
    assert len(found) == len(served.shown), set(served.shown) - set(found)
    numbers = [p.cpr for p in REPORTS[FIRST].persons if p.cpr]
    assert numbers
    for number in numbers:
        assert number[6:] not in re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "", source)
        assert f"{number[:6]}-••••" in source
    assert "Fritekst, som ingen har læst igennem: 3." in browser.text
    browser.open(f"{served.url}/")
    assert [c for c in (*served.could_kill, *served.unread, *served.shown) if c in browser.source] == []


def test_what_can_no_longer_be_opened_says_so(browser: Browser, served: Served) -> None:
    """The perpetrator is erased in this case: nothing of him is left, and the page says that."""
    log_in(browser, served, path=timeline_of(served.erased))
    assert "Dele, der ikke længere kan åbnes: 1." in browser.text
    assert "Maja Eksempelsen" in browser.text
    assert "Jonas" not in browser.source
    assert [heading.text for heading in browser.all(".section--other h5")] == ["Barn 1", "Barn 2", "Vidne"]


def test_a_tab_and_an_address_name_nobody(browser: Browser, served: Served) -> None:
    """Neither title nor address holds a name, a number of the citizen or the case's number."""
    log_in(browser, served, path=timeline_of(served.case))
    assert browser.title == "Tværs – tidslinje"
    assert browser.url == served.url + timeline_of(served.case)


def test_both_languages(browser: Browser, served: Served) -> None:
    """One click, kept for the next page; the page says which language it is in."""
    log_in(browser, served, path=timeline_of(served.case))
    assert browser.ask("return document.documentElement.lang") == "da"
    browser.click("header .actions a")
    assert browser.ask("return document.documentElement.lang") == "en"
    seen = browser.text
    for words in ("Social report received", "A&E", "Must not be used for criminal investigation", "Log off"):
        assert words in seen
    browser.open(f"{served.url}/")
    assert browser.one("h1").text == "Inbox"
    browser.click("header .actions a")
    assert browser.one("h1").text == "Indbakke"


def test_the_cookie_and_the_headers_keep_the_page_to_itself(browser: Browser, served: Served) -> None:
    """No script reads the token, no other site sends it, nothing is stored, nothing is framed."""
    log_in(browser, served)
    cookie = browser.cookie("tvaers_session")
    assert cookie is not None
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    with httpx2.Client(base_url=served.url, cookies={"tvaers_session": cookie["value"]}) as client:
        answer = client.get(timeline_of(served.case))
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        policy = answer.headers["content-security-policy"]
        assert {"default-src 'self'", "frame-ancestors 'none'"} <= set(policy.split("; "))
        assert "unsafe" not in policy
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=|https?://(?!www\.w3\.org)", answer.text)
        form = {"username": "tove", "password": PASSWORD}
        foreign = client.post("/login", data=form, headers={"Sec-Fetch-Site": "cross-site"})
        assert foreign.status_code == 403
        assert "Formularen blev sendt fra en anden side" in foreign.text
        assert "<nav" in foreign.text
        assert client.post("/login", data={**form, "password": "gættet"}).status_code == 401
        away = client.post("/login", data={**form, "next": "//elsewhere.example"})
        assert away.headers["location"] == "/"
    with httpx2.Client(base_url=served.url) as nobody:
        answer = nobody.get(timeline_of(served.case))
        assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/login")


@pytest.mark.parametrize("width", [NARROW, WIDE, WIDE // 2])
def test_nothing_runs_over_the_edge(
    browser: Browser, served: Served, width: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """At the width of a phone, of a desk, and of a desk at 200 %; the pictures are kept for whoever looks."""
    folder = tmp_path_factory.getbasetemp() / "pictures"
    folder.mkdir(exist_ok=True)
    pages = {
        "login": "/login",
        "inbox": "/",
        "timeline": timeline_of(served.case),
        "purpose": f"/cases/{served.case}",
        "cases": "/cases",
    }
    log_in(browser, served)
    for name, path in pages.items():
        browser.size(width)
        browser.open(served.url + path)
        assert browser.ask("return document.documentElement.scrollWidth") <= width, name
        assert browser.ask(SMALL) == [], name
        assert [gap for gap in browser.ask(AFTER_A_LIST) if gap < 16] == [], name
        browser.picture(folder / f"{name}-{width}.png")
    browser.open(f"{served.url}/")
    assert browser.ask(AFTER_A_LIST), "the inbox has a list with something beneath"


def test_by_keyboard_and_by_ear(browser: Browser, served: Served) -> None:
    """Skip link first, a visible focus, a name for every field, headings without a gap, contrast of 4.5."""
    log_in(browser, served, path=timeline_of(served.case))
    first = browser.press(Keys.TAB)
    assert first.text == "Gå til indhold"
    assert browser.ask("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    browser.press(Keys.ENTER)
    assert browser.ask("return document.activeElement.id") == "content"
    for path in ("/", "/cases", timeline_of(served.case), f"/cases/{served.case}"):
        browser.open(served.url + path)
        levels = [int(h.tag_name[1]) for h in browser.all("h1, h2, h3, h4, h5, h6")]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
        assert browser.ask(NAMELESS) == []
        assert browser.ask(ALIKE) == []
        assert browser.ask(FAINT) == []


def test_what_these_tests_look_for_they_find(browser: Browser, served: Served) -> None:
    """A page that misbehaves is told on; an oracle that can't fail is none."""
    log_in(browser, served)
    browser.ask("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">x</p>')")
    browser.ask("document.body.append(Object.assign(new Image(), {src: 'http://elsewhere.example/x.png'}))")
    complaints = browser.complaints()
    assert len(complaints) == 2
    assert all("Content Security Policy" in text for text in complaints)
    browser.ask("document.querySelector('h1').style.color = '#aaa'")
    browser.ask("document.querySelector('main').append(document.createElement('input'))")
    browser.ask("document.querySelector('button').style.minHeight = '10px'")
    browser.ask("document.querySelector('.due a').href = '/cases'")
    browser.ask("document.querySelector('.due a').textContent = document.querySelector('nav a').textContent")
    assert [len(browser.ask(script)) for script in (FAINT, NAMELESS, SMALL, ALIKE)] == [1, 1, 1, 1]
    with pytest.raises(WebDriverException, match="ERR_NAME_NOT_RESOLVED"):
        browser.open("http://elsewhere.example/")
    assert "elsewhere.example" in browser.hosts()
    browser.complaints()
