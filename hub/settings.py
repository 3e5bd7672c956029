"""One frozen object of settings, read once from the environment (prefix `HUB_`)."""

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What an operator sets. Everything else is decided in code."""

    model_config = SettingsConfigDict(
        env_prefix="HUB_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    municipality: str = Field(default="eksempel", pattern=r"^[a-z0-9-]{2,40}$")
    """Slug of the data controller; first word of every topic."""
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
    production: bool = False
    """Refuses everything meant for demonstrations and tests."""
    on_call: str = "+45 00 00 00 00"
    """The municipality's duty number, shown on every receipt."""
    purge_silent_after: timedelta = timedelta(hours=24)
    """How long a recipient may take to answer a revocation before it shows as silent."""

    @field_validator("database_url")
    @classmethod
    def _scheme(cls, url: str) -> str:
        if url and not url.startswith(("postgresql://", "sqlite:///")):
            raise ValueError("HUB_DATABASE_URL must begin with postgresql:// or sqlite:///")
        urlsplit(url)
        return url

    @property
    def store_url(self) -> str:
        """The database to open."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'hub.db').resolve()}"

    @property
    def kek_path(self) -> Path:
        """The file with the key-encryption keys."""
        return self.data_dir / "keys" / "kek.json"

    @property
    def fence_path(self) -> Path:
        """The append-only file of destroyed key ids."""
        return self.data_dir / "fence" / "destroyed"
