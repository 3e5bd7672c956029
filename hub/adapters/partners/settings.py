"""One configuration file for each adapter, JSON or TOML. It may hold passwords: its owner alone may read it.

Paths are taken from the file's own folder.
"""

import json
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import (
    Base64Bytes,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)

from contracts.client.keys import PublicKeys
from contracts.fields import Line
from contracts.inbound_v1 import RetentionBasis
from hub.adapters.partners.errors import BadSettings, problems_of

_OTHERS: Final = 0o077
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{2,40}$")]
HttpUrlText = Annotated[str, StringConstraints(pattern=r"^https?://[^\s?#]+$")]
RawKey = Annotated[Base64Bytes, Field(min_length=32, max_length=32)]
"""32 bytes in base64."""


class Profile(StrEnum):
    """How the adapter speaks with the hub. Keys are asked for over HTTP in both."""

    HTTP = "http"
    KAFKA = "kafka"


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class KafkaLogin(_Settings):
    """The municipality's broker. With a `username` everything goes over TLS with SCRAM-SHA-512."""

    bootstrap: Annotated[str, Field(min_length=3)]
    ca: Path | None = None
    username: str | None = None
    password: SecretStr | None = None


class PartnerSettings(_Settings):
    """What every adapter must know."""

    municipality: Slug
    slug: Slug
    """This organisation, as the municipality registered it."""
    hub_url: HttpUrlText
    username: Annotated[str, Field(min_length=1)]
    """By which we log in; at the hub's own token endpoint our slug."""
    password: SecretStr | None = None
    """Left out: we log in by a key of our own (`private_key_jwt`), and no secret travels."""
    login_key: Path | None = None
    """An Ed25519 or P-256 key in PEM to log in by. Left out: our signing key."""
    token_url: HttpUrlText | None = None
    """Token endpoint of the OAuth 2.0 issuer. Left out: the hub's own, for demonstrations and tests."""
    hub_sealing_key: RawKey
    hub_signing_key: RawKey
    """The hub's public keys, agreed on beforehand; an adapter never takes them from whoever answers."""
    keys: Path
    """Folder with our own `sealing.pem` and `signing.pem`."""
    data: Path
    """Folder of our own database."""
    duty_number: Line
    """The municipality's duty number, shown while a report is not yet delivered."""
    poll_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    """How long `run` waits when there is nothing to do."""
    profile: Profile = Profile.HTTP
    kafka: KafkaLogin | None = None
    drop: Path | None = None
    """A reporter's: folder from which reports are taken in."""
    retains: RetentionBasis | None = None
    """A recipient's: the duty by which it keeps what it took over. Without one nothing can be taken over."""

    @property
    def hub_keys(self) -> PublicKeys:
        """The hub's public keys."""
        return PublicKeys(self.hub_sealing_key, self.hub_signing_key)

    @model_validator(mode="after")
    def _as_its_profile_says(self) -> Self:
        if self.profile is Profile.KAFKA and self.kafka is None:
            raise ValueError("kafka: profile kafka needs it; give bootstrap, or choose profile http")
        if self.password is not None and self.login_key is not None:
            raise ValueError("password, login_key: log in by one of them; leave the other out")
        return self

    @classmethod
    def load(cls, path: Path) -> Self:
        """The settings in a `.json` or `.toml` file. Raises `BadSettings`."""
        found = dict(_parsed(path))
        for name in ("keys", "login_key", "data", "drop"):
            if isinstance(found.get(name), str):
                found[name] = path.parent / found[name]
        try:
            return cls.model_validate(found)
        except ValidationError as error:
            lines = "\n".join(f"  {problem}" for problem in problems_of(error))
            raise BadSettings(f"{path.name} can't be used:\n{lines}") from None


def _parsed(path: Path) -> Mapping[str, Any]:
    try:
        if path.stat().st_mode & _OTHERS:
            raise BadSettings(f"{path.name} may hold a password and others may read it: chmod 600 it")
        text = path.read_text(encoding="utf-8")
        found = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except OSError as error:
        raise BadSettings(f"{path.name} can't be read: {error.strerror}") from None
    except ValueError:
        raise BadSettings(f"{path.name} is not well-formed {path.suffix.lstrip('.') or 'json'}") from None
    if not isinstance(found, dict):
        raise BadSettings(f"{path.name} must be one object of settings")
    return found
