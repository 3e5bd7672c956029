"""One frozen object of settings, read once from the environment (prefix `HUB_`)."""

import re
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from pydantic import ByteSize, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_PORT_MAX: Final = 65_535
_WORKERS_MAX: Final = 16
_TELEPHONE: Final = re.compile(r"\+?[0-9](?: ?[0-9]){2,14}", re.ASCII)
_DUTY_NUMBER: Final = "+45 12 34 56 78"
_ISSUER: Final = re.compile(r"https?://[^\s/?#@]+(?:/[^\s?#]*)?")
_RULES: Final = {
    "string_pattern_mismatch": "must be 2 to 40 of a-z, 0-9 and '-'",
    "missing": f"must be set to your duty number, such as {_DUTY_NUMBER}",  # nothing else lacks a default
    "byte_size": "must be a size such as 256MiB",
    "bool_parsing": "must be true or false",
    "time_delta_parsing": "must be a duration such as P1D or PT12H",
}


class Settings(BaseSettings):
    """What an operator sets. Everything else is decided in code."""

    model_config = SettingsConfigDict(
        env_prefix="HUB_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    municipality: str = Field(default="eksempel", pattern=r"^[a-z0-9-]{2,40}$")
    """Slug of the data controller; first word of every topic."""
    municipality_name: str = ""
    """What it is called, on every page: `Københavns Kommune`; empty: made of the slug."""
    unit: str = Field(default="familieenheden", pattern=r"^[a-z0-9-]{2,40}$")
    """Slug of the unit that owns new inquiries."""
    data_dir: Path = Path("var")
    """Where the embedded run keeps everything, and keys and fence in any run."""
    database_url: str = ""
    """`postgresql://…`; empty: one SQLite file in `data_dir`."""
    kafka_bootstrap: str = ""
    """`host:port,…`; empty: the embedded broker in `data_dir`."""
    kafka_ca: Path | None = None
    """The brokers' CA certificate (PEM): SASL_SSL is used when set."""
    kafka_username: str = ""
    kafka_password: SecretStr = SecretStr("")
    kafka_replication: int = Field(default=1, ge=1, le=5)
    topic_retention_days: int = Field(default=7, ge=1, le=30)
    issuer: str = ""
    """URL of the OIDC issuer; empty: the embedded issuer, which refuses production."""
    audience: str = "tvaers-hub"
    login_client_id: str = ""
    """By which name the issuer knows the hub's pages; empty: nobody can log in to them."""
    login_client_secret: SecretStr = SecretStr("")
    """Where the issuer asks a client for one as well."""
    production: bool = False
    """Refuses everything meant for demonstrations and tests."""
    on_call: str
    """The municipality's duty number, on every receipt: whom to ring when it cannot wait. Without one the hub
    does not start."""
    disk_reserve: ByteSize = Field(default=ByteSize(256 * 1024 * 1024), ge=0)
    """Below this much free on the hub's disk only what may not wait is written."""
    database_dir: Path | None = None
    """Where PostgreSQL keeps its data, if that is a disk of this machine: it is looked at as well."""
    serve_workers: int = Field(default=1, ge=1, le=_WORKERS_MAX)
    """In how many processes `hub serve` answers; one keeps one core busy. More than one needs PostgreSQL."""
    metrics_port: int | None = Field(default=None, ge=1, le=_PORT_MAX - 2 - _WORKERS_MAX)
    """Where `hub serve` answers a monitor on this machine; relay, project, receive on the three after it, and
    further workers of `hub serve` after those."""
    purge_silent_after: timedelta = Field(default=timedelta(hours=24), ge=timedelta(0))
    """How long a recipient may take to answer a revocation before it shows as silent."""

    acute_read_within: timedelta = Field(default=timedelta(minutes=30), gt=timedelta(0))
    """How long an acute report may stay unread before the unit is told so."""
    referral_answer_working_days: int = Field(default=3, ge=1, le=60)
    """How many working days a referral may stay unanswered where it names no time itself."""

    @field_validator("on_call")
    @classmethod
    def _telephone(cls, number: str) -> str:
        if not _TELEPHONE.fullmatch(number):
            raise ValueError(f"must be a telephone number, such as {_DUTY_NUMBER}")
        return number

    @field_validator("database_url")
    @classmethod
    def _scheme(cls, url: str) -> str:
        if url and not url.startswith(("postgresql://", "sqlite:///")):
            raise ValueError("must begin with postgresql:// or sqlite:///")
        try:
            _ = urlsplit(url).port
        except ValueError:
            raise ValueError(
                "is no address: postgresql://user:password@host:port/database, the port a number"
            ) from None
        return url

    @field_validator("issuer")
    @classmethod
    def _issuer_address(cls, url: str) -> str:
        try:
            found = urlsplit(url)
            whole = _ISSUER.fullmatch(url) and found.hostname and found.port != 0
        except ValueError:
            whole = False
        if url and not whole:
            raise ValueError("must be the address of an OIDC issuer, such as https://login.example")
        return url

    @field_validator("kafka_bootstrap")
    @classmethod
    def _addresses(cls, text: str) -> str:
        for address in text.split(",") if text else ():
            host, _, port = address.strip().rpartition(":")
            if not host or not port.isdecimal() or not 0 < int(port) <= _PORT_MAX:
                raise ValueError("must be host:port, or several with commas between")
        return text

    @model_validator(mode="after")
    def _login_is_whole(self) -> Self:
        login = {
            "HUB_KAFKA_CA": self.kafka_ca is not None,
            "HUB_KAFKA_USERNAME": bool(self.kafka_username),
            "HUB_KAFKA_PASSWORD": bool(self.kafka_password.get_secret_value()),
        }
        found = {"HUB_KAFKA_BOOTSTRAP": bool(self.kafka_bootstrap), **login}
        missing = [name for name, there in found.items() if not there]
        if missing and any(login.values()):
            raise ValueError(
                f"a login at the broker needs address, CA, username and password: set {', '.join(missing)} "
                f"as well, or leave {', '.join(login)} out"
            )
        return self

    @model_validator(mode="after")
    def _workers_need_a_server(self) -> Self:
        if self.serve_workers > 1 and not self.database_url.startswith("postgresql://"):
            raise ValueError(
                "HUB_SERVE_WORKERS above 1 needs PostgreSQL, for SQLite lets one write at a time: "
                "set HUB_DATABASE_URL, or leave it out"
            )
        return self

    @model_validator(mode="after")
    def _no_demonstration(self) -> Self:
        if self.production:
            refused = (
                (not self.kafka_bootstrap, "HUB_KAFKA_BOOTSTRAP to a Kafka"),
                (not self.issuer.startswith("https://"), "HUB_ISSUER to an https:// issuer"),
            )
            if wanted := [what for refuses, what in refused if refuses]:
                raise ValueError(
                    f"HUB_PRODUCTION refuses what is for demonstrations: set {', '.join(wanted)}"
                )
        return self

    @property
    def database(self) -> str:
        """The database for people to read: no user, no password, no options."""
        return self.store_url.rsplit("@", 1)[-1].split("?", 1)[0]

    @property
    def store_url(self) -> str:
        """The database to open."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'hub.db').resolve()}"

    @property
    def disks(self) -> list[Path]:
        """Folders on every disk that must keep a reserve."""
        return [self.data_dir, *([self.database_dir] if self.database_dir else [])]

    @property
    def kek_path(self) -> Path:
        """The file with the key-encryption keys."""
        return self.data_dir / "keys" / "kek.json"

    @property
    def made_for_path(self) -> Path:
        """The file with the municipality and the unit that the hub was made for."""
        return self.data_dir / "hub.json"

    @property
    def fence_path(self) -> Path:
        """The append-only file of destroyed key ids."""
        return self.data_dir / "fence" / "destroyed"


def unknown(environment: Iterable[str]) -> list[str]:
    """Names that look like settings and are none: a misspelt one would be left out in silence."""
    known = {f"HUB_{name.upper()}" for name in Settings.model_fields}
    ours = (name for name in environment if name.upper().startswith("HUB_"))
    return sorted(n for n in ours if n.upper() not in known and not n.startswith("HUB_TEST_"))


def problems_of(error: ValidationError) -> str:
    """Each setting and its rule on one line; never the value."""
    told = []
    for found in error.errors(include_input=False, include_context=False, include_url=False):
        name = "_".join(("HUB", *map(str, found["loc"]))).upper() if found["loc"] else ""
        rule = found["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
        rule = _whole_number(*found["loc"]) or _RULES.get(found["type"], rule)
        told.append(f"{name} {rule}".strip())
    return "; ".join(told)


def _whole_number(name: object = None, *_: object) -> str:
    """The rule of a setting that is a number within bounds; empty for any other."""
    field = Settings.model_fields.get(str(name))
    if field is None or field.annotation not in (int, int | None):
        return ""
    least, most = (
        next(getattr(rule, end) for rule in field.metadata if hasattr(rule, end)) for end in ("ge", "le")
    )
    return f"must be a whole number from {least} to {most}"
