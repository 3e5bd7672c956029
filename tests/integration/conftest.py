"""A small municipality on each store: `world` for tests that hold on both."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hub.adapters.broker.embedded import EmbeddedBroker
    from tests.world import World

STORES = ("sqlite", "postgresql")


@pytest.fixture(params=STORES)
def store_url(request: pytest.FixtureRequest) -> str:
    """Give the URL of an empty store; empty for SQLite in the world's own folder."""
    if request.param == "sqlite":
        return ""
    url: str = request.getfixturevalue("database_url")
    return url


@pytest.fixture
def world(tmp_path: Path, store_url: str) -> "Iterator[World]":
    """Give a municipality with its partners, on a new store."""
    from tests.world import World  # kafka-python warns at its import, before pytest has its filters

    with closing(World.built(tmp_path / "hub", store_url)) as built:
        yield built


@pytest.fixture
def broker(tmp_path: Path, world: "World") -> "Iterator[EmbeddedBroker]":
    """Give the embedded broker, with every topic."""
    from hub.adapters.broker.embedded import EmbeddedBroker

    with closing(EmbeddedBroker(tmp_path / "broker.db")) as broker:
        slugs = [row.slug for row in world.parts.app.store.partners()]
        broker.create_topics(world.parts.outgoing.topics(slugs), 7)
        yield broker
