"""A real browser for tests of pages: the system's Chromium, without a window, driven through its own driver.

As root on Debian it is installed by apt-get, printed first; an ordinary user is told in one line what to
install. The browser can resolve no name and reach no host but this one, so a page that asks for anything
elsewhere fails, and is found in `requests`.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.wait import WebDriverWait

from tests.support.provision import MissingServer, apt_install

_PROGRAMS = {"chromium": ("chromium", "chromium-browser", "google-chrome"), "driver": ("chromedriver",)}
_FLAGS = (
    "--headless",
    "--no-sandbox",  # Chromium refuses to run as root with one; the pages are our own
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
_WAY_OUT = "Chromium or its driver is missing: install it (Debian: apt-get install chromium chromium-driver)"
_LIMIT_S = 20


def prepare() -> None:
    """Install the browser if need be and allowed. Raises `MissingServer`."""
    _programs()


def _programs() -> tuple[str, str]:
    if None in (_found("chromium"), _found("driver")):
        apt_install("chromium", "chromium-driver")
    chromium, driver = _found("chromium"), _found("driver")
    if chromium is None or driver is None:
        raise MissingServer(_WAY_OUT)
    return chromium, driver


def _found(what: str) -> str | None:
    return next((path for name in _PROGRAMS[what] if (path := shutil.which(name))), None)


class Browser:
    """One browser with an empty profile of its own."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self._driver = driver

    def open(self, url: str) -> None:
        """Go to a page and wait until it has loaded."""
        self._driver.get(url)

    @property
    def url(self) -> str:
        """Where the browser is now."""
        return self._driver.current_url

    @property
    def title(self) -> str:
        """What stands on the tab, and in the browser's history."""
        return self._driver.title

    @property
    def source(self) -> str:
        """The page's whole source, also of what is not visible."""
        return self._driver.page_source

    @property
    def text(self) -> str:
        """What a person sees."""
        return self.one("body").text

    def one(self, selector: str) -> WebElement:
        """The first element that fits."""
        return self._driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        """Every element that fits."""
        return self._driver.find_elements(By.CSS_SELECTOR, selector)

    def click(self, selector: str) -> None:
        """Press a button or follow a link, and wait until the page that it leads to is there."""
        before = self.one("html")
        self.one(selector).click()
        self._wait().until(staleness_of(before))
        self._wait().until(lambda _: self.ask("return document.readyState") == "complete")

    def arrive(self, url: str) -> None:
        """Wait where pages go on by themselves until this one is there."""
        self._wait().until(lambda _: self.url == url and self.ask("return document.readyState") == "complete")

    def _wait(self) -> WebDriverWait[webdriver.Chrome]:
        """Asked between two pages the driver answers with errors that are none of the page's."""
        return WebDriverWait(self._driver, _LIMIT_S, ignored_exceptions=[WebDriverException])

    def fill(self, **values: str) -> None:
        """Write into fields, by their id."""
        for name, value in values.items():
            field = self.one(f"#{name}")
            field.clear()
            field.send_keys(value)

    def press(self, keys: str) -> WebElement:
        """Press keys as a person without a mouse does; the element that has the focus afterwards."""
        self._driver.switch_to.active_element.send_keys(keys)
        return self._driver.switch_to.active_element

    def ask(self, script: str) -> Any:
        """A value that the page's own measures give; scripts of a test are not bound by the page's policy."""
        return self._driver.execute_script(script)

    def cookie(self, name: str) -> Mapping[str, Any] | None:
        """A cookie with its attributes."""
        return self._driver.get_cookie(name)

    def forget(self) -> None:
        """Drop every cookie: somebody else sits down."""
        self._driver.delete_all_cookies()

    def size(self, width: int, height: int = 900) -> None:
        """How large the page's view is, down to the width of a small phone."""
        measures = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", measures)

    def picture(self, to: Path) -> None:
        """The whole page as a PNG."""
        self.size(self.ask("return window.innerWidth"), self.ask("return document.body.scrollHeight"))
        self._driver.save_screenshot(str(to))

    def complaints(self) -> list[str]:
        """What the console got since the last time: errors, and breaches of the page's policy."""
        return [str(entry["message"]) for entry in self._log("browser")]

    def hosts(self) -> set[str]:
        """Every host that was asked for anything since the last time."""
        events = (json.loads(entry["message"])["message"] for entry in self._log("performance"))
        sent = (e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent")
        return {urlsplit(url).netloc for url in sent if urlsplit(url).scheme != "data"}

    def _log(self, kind: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self._driver.get_log(kind)  # type: ignore[no-untyped-call]
        return entries


@contextmanager
def chromium(language: str = "da") -> Iterator[Browser]:
    """Start a browser of somebody who reads `language`, and end it. Raises `MissingServer`."""
    binary, driver = _programs()
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.add_experimental_option("prefs", {"intl.accept_languages": language})
    os.environ.setdefault("SE_OFFLINE", "true")  # never fetch a browser, never report
    with tempfile.TemporaryDirectory(prefix="tvaers-browser-", ignore_cleanup_errors=True) as profile:
        for flag in (*_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        started = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver))
        try:
            started.set_page_load_timeout(_LIMIT_S)
            yield Browser(started)
        finally:
            started.quit()
