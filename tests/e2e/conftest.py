"""What every test of pages in a browser needs."""

from collections.abc import Iterator

import pytest

from tests.support import browser as browser_support
from tests.support.browser import Browser
from tests.support.provision import MissingServer


@pytest.fixture(scope="module")
def started(pytestconfig: pytest.Config) -> Iterator[Browser]:
    """Give one browser for all tests of a module; without one the run stops, and no test skips."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    assert capture
    try:
        with capture.global_and_fixture_disabled():
            browser_support.prepare()
    except MissingServer as missing:
        pytest.exit(str(missing), returncode=1)
    with browser_support.chromium() as browser:
        yield browser
