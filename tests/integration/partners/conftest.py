"""A simulated hub for one partner, and that partner's own folder with keys and configuration."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from contracts.client.keys import Identity
from hub.adapters.partners.settings import PartnerSettings
from tests.integration.partners.hub import MUNICIPALITY, PARTNER, PASSWORD, USERNAME, SimulatedHub, serving

if TYPE_CHECKING:
    from hub.adapters.partners.ngo.adapter import Ngo

DUTY = "00 10 00 77"


@dataclass
class Partner:
    """A partner's folder: `keys/`, `data/`, `drop/`, `adapter.json`."""

    folder: Path
    identity: Identity

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "adapter.json"

    def configure(self, hub: SimulatedHub, **more: Any) -> PartnerSettings:
        """Write the configuration, and read it as a program would."""
        public = hub.identity.public
        settings = {
            "municipality": MUNICIPALITY,
            "slug": PARTNER,
            "hub_url": hub.url,
            "username": USERNAME,
            "password": PASSWORD,
            "hub_sealing_key": base64.b64encode(public.sealing).decode(),
            "hub_signing_key": base64.b64encode(public.signing).decode(),
            "keys": "keys",
            "data": "data",
            "duty_number": DUTY,
            "poll_s": 0.05,
            **more,
        }
        self.config.touch(mode=0o600)
        self.config.write_text(json.dumps(settings), encoding="utf-8")
        return PartnerSettings.load(self.config)

    def disk(self) -> bytes:
        """Every byte of every file of the adapter's own, names included."""
        files = [path for path in sorted((self.folder / "data").rglob("*")) if path.is_file()]
        return b"".join(path.name.encode() + path.read_bytes() for path in files)


@pytest.fixture
def partner(tmp_path: Path) -> Partner:
    """Give a partner with new keys."""
    identity = Identity.new()
    identity.save(tmp_path / "keys")
    return Partner(tmp_path, identity)


@pytest.fixture
def hub(partner: Partner) -> Iterator[SimulatedHub]:
    """Give a hub that knows this partner."""
    with serving(SimulatedHub(partner.identity.public)) as found:
        yield found


@pytest.fixture
def ngo(partner: Partner, hub: SimulatedHub) -> "Iterator[Ngo]":
    """Give the NGO's adapter."""
    from tests.integration.partners.running import running  # kafka-python warns before pytest has its filters

    with running(partner, hub) as made:
        yield made
