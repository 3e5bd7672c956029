"""What the suites share: one store for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.adapters.store.application import StoreApplication
from tests.integration.store.support import Place


class Suite:
    """Gives each test a place and an open store."""

    @pytest.fixture
    def place(self, url: str, tmp_path: Path) -> Place:
        return Place(url, tmp_path)

    @pytest.fixture
    def app(self, place: Place) -> Iterator[StoreApplication]:
        app = place.open(migrate=True)
        yield app
        app.close()
