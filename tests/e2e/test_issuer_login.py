"""Login to the pages at an OIDC issuer on another site, in a real browser; and every way in that is none."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx2
import pytest

from hub.adapters.http.access import Role
from hub.operating.serving import Server, app_of
from tests.e2e.pages import timeline_of
from tests.support.browser import Browser
from tests.support.issuer import Issuer
from tests.world import TOVHOLDER, World

pytestmark = pytest.mark.timeout(900)  # the browser may have to be installed
CLIENT, SECRET = "tvaers-sider", "kun-til-fremvisning"
SESSION = "tvaers_session"


@dataclass
class Served:
    """Pages whose people log in elsewhere."""

    url: str
    issuer: Issuer
    case: UUID
    password: str


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with (
        Issuer.serving("tvaers-hub", host="localhost") as issuer,
        closing(World.built(tmp_path_factory.mktemp("login") / "hub")) as world,
    ):
        case = world.open_case()
        world.project()
        named = {"issuer": issuer.url, "login_client_id": CLIENT, "login_client_secret": SECRET}
        settings = type(world.parts.settings)(**{**world.parts.settings.model_dump(), **named})
        server = Server(app_of(replace(world.parts, settings=settings), None))
        issuer.let_pages_in(CLIENT, SECRET, f"{server.url}/login/done")
        server.start()
        try:
            yield Served(server.url, issuer, case, issuer.add(TOVHOLDER, Role.TOVHOLDER))
        finally:
            server.stop()


@pytest.fixture
def browser(started: Browser, served: Served) -> Iterator[Browser]:
    """The browser with nobody logged in; no page breaches its policy."""
    started.open(f"{served.url}/login")
    started.forget()
    started.complaints()
    yield started
    assert [text for text in started.complaints() if served.url in text.split(" ", 1)[0]] == []


def test_a_tovholder_logs_in_at_the_issuer_and_comes_to_the_case_that_was_asked_for(
    browser: Browser, served: Served
) -> None:
    wanted = served.url + timeline_of(served.case)
    browser.open(wanted)
    assert browser.one("main .button").text == "Log på med din organisations login"
    browser.click("main .button")
    assert browser.url.startswith(f"{served.issuer.url}/authorize?")
    browser.fill(username=TOVHOLDER.person, password=served.password)
    browser.one("#in").click()
    browser.arrive(wanted)
    assert browser.one(".person").text == TOVHOLDER.name
    cookie = browser.cookie(SESSION)
    assert cookie is not None
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    browser.click("header form button")
    assert browser.cookie(SESSION) is None


def test_who_is_refused_at_the_issuer_is_told_so_and_can_try_again(browser: Browser, served: Served) -> None:
    browser.open(f"{served.url}/login?lang=en")
    browser.click("main .button")
    browser.fill(username=TOVHOLDER.person, password="forkert")
    browser.click("#in")
    assert "You were not logged in" in browser.one("#failed").text
    assert browser.one("main .button").text == "Log in with your organisation's login"
    assert browser.cookie(SESSION) is None
    assert len([text for text in browser.complaints() if text.startswith(served.url) and "401" in text]) == 1


# --- ways in that are none ----------------------------------------------------------------------------


def begun(served: Served, client: httpx2.Client, wanted: str = "/") -> dict[str, str]:
    """Ask for the login, as a browser's first step; what the issuer is asked."""
    answer = client.get(f"{served.url}/login/issuer", params={"next": wanted})
    assert answer.status_code == 302
    asked = parse_qs(urlsplit(answer.headers["location"]).query)
    return {name: values[0] for name, values in asked.items()}


def allowed(served: Served, asked: dict[str, str], **other: Any) -> str:
    """What the issuer sends the browser back to, once it knows who that is."""
    who = {"username": TOVHOLDER.person, "password": served.password, **other}
    back = served.issuer.code({**asked, **who})
    assert back
    return back


def test_the_hub_asks_for_a_code_that_is_of_use_to_nobody_else(served: Served) -> None:
    with httpx2.Client() as client:
        asked = begun(served, client)
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT)
        assert asked["code_challenge_method"] == "S256"
        assert asked["redirect_uri"] == f"{served.url}/login/done"
        back = allowed(served, asked)
        assert client.get(back).status_code == 200
        again = begun(served, client)
    assert len({asked["state"], again["state"], asked["code_challenge"], again["code_challenge"]}) == 4


def test_a_browser_that_began_no_login_is_not_let_in_by_a_link(served: Served) -> None:
    """Whoever sends somebody a link with a code of its own would see what they then write as theirs."""
    with httpx2.Client() as own, httpx2.Client() as other:
        back = allowed(served, begun(served, own))
        for client, url in ((other, back), (own, back.replace("state=", "state=x"))):
            answer = client.get(url)
            assert (answer.status_code, SESSION in answer.cookies) == (401, False)


def test_a_code_counts_once_and_a_false_one_never(served: Served) -> None:
    with httpx2.Client() as client:
        back = allowed(served, begun(served, client))
        kept = dict(client.cookies)
        assert client.get(back).status_code == 200
        assert httpx2.get(back, cookies=kept).status_code == 401
        asked = begun(served, client)
        answer = client.get(f"{served.url}/login/done", params={"code": "falsk", "state": asked["state"]})
        assert (answer.status_code, SESSION in answer.cookies) == (401, False)


def test_a_login_without_an_organisation_has_no_way_in(served: Served) -> None:
    """The token is checked as the API checks it."""
    stranger = replace(TOVHOLDER, person="fremmed", organisation="")
    secret = served.issuer.add(stranger, Role.TOVHOLDER)
    with httpx2.Client() as client:
        back = allowed(served, begun(served, client), username="fremmed", password=secret)
        answer = client.get(back)
        assert (answer.status_code, SESSION in answer.cookies) == (401, False)


@pytest.mark.parametrize("elsewhere", ["https://ond.example/", "//ond.example", "/v1/hub"])
def test_nobody_is_sent_to_another_site_after_the_login(served: Served, elsewhere: str) -> None:
    with httpx2.Client() as client:
        answer = client.get(allowed(served, begun(served, client, elsewhere)))
        assert answer.headers["refresh"] == "0; url=/"


def test_an_issuer_that_is_away_is_said_to_be_away(tmp_path_factory: pytest.TempPathFactory) -> None:
    with closing(World.built(tmp_path_factory.mktemp("away") / "hub")) as world:
        named = {"issuer": "http://127.0.0.1:9", "login_client_id": CLIENT}
        settings = type(world.parts.settings)(**{**world.parts.settings.model_dump(), **named})
        server = Server(app_of(replace(world.parts, settings=settings), None))
        server.start()
        try:
            answer = httpx2.get(f"{server.url}/login/issuer")
        finally:
            server.stop()
    assert answer.status_code == 503
    assert "<h1>" in answer.text
