"""`hub doctor`: everything that a hub stands on is looked at, and each thing amiss is one line with its mend.

A check answers with what is amiss, or None; one that fails in another way is itself a finding. None stops the
others, and none changes anything.
"""

import os
import socket
import ssl
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from http.client import HTTPS_PORT
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509

from hub.adapters.broker.kafka_admin import amiss_with, amiss_with_topics
from hub.adapters.http.tokens import OidcVerifier
from hub.application.room import Room
from hub.bootstrap import Parts, kafka_settings, latest_time
from hub.bootstrap.kept import foreign_keys, kept_identity, was_made
from hub.errors import HubError
from hub.operating.restoring import forgets
from hub.operating.telling import told
from hub.ports import Broker
from hub.settings import Settings, unknown

CLOCK_APART: Final = timedelta(seconds=2)
"""More than that between two clocks is a fault; consents end by them."""
EXPIRES_SOON: Final = timedelta(days=30)
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_CONNECT_S: Final = 5.0

Check = Callable[[], str | None]


def examine(
    settings: Settings, open_hub: Callable[[], Parts], open_broker: Callable[[], Broker]
) -> Iterator[tuple[str, str | None]]:
    """Each check by name, with what is amiss and what to do; None where all is well.

    Where the database does not open, what lies in it can't be looked at; everything else is.
    """
    found = partial(_found, settings)
    hub: list[Parts] = []
    broker: list[Broker] = []
    yield "settings", found(_settings)
    yield "keys: files", found(lambda: _key_files(settings))
    yield "database", found(lambda: hub.append(open_hub()))
    yield "disk", found(lambda: _disk(settings))
    yield "broker", found(lambda: broker.append(_reached(open_broker())))
    for name, check in {**_within(settings, hub, broker), **_around(settings)}.items():
        yield name, found(check)


def _within(settings: Settings, hub: list[Parts], broker: list[Broker]) -> Mapping[str, Check]:
    """What can be looked at in a database that opened, and on a broker that answered."""
    checks: dict[str, Check] = {}
    for parts in hub:
        checks["keys: open the database"] = partial(_keys, parts)
        checks["fence"] = partial(_fence, parts)
        checks["unit"] = partial(_unit, parts)
        checks["database: rights"] = partial(_rights, parts)
        checks["clock: database"] = partial(_database_clock, parts)
        checks["clock: log"] = partial(_log_clock, parts)
        # Whose topics are to be made, hub.json says.
        for reached in broker if settings.made_for_path.exists() else ():
            checks["broker: topics"] = partial(_topics, parts, reached)
            if settings.kafka_username:
                checks["broker: rights"] = partial(_acls, parts)
    return checks


def _around(settings: Settings) -> Mapping[str, Check]:
    checks: dict[str, Check] = {}
    if settings.kafka_ca is not None:
        checks["broker: certificates"] = partial(_certificates, settings)
    if settings.issuer:
        checks["issuer"] = partial(_issuer, settings)
    return checks


def _found(settings: Settings, check: Check) -> str | None:
    try:
        return check()
    except Exception as error:
        if isinstance(error, HubError) or type(error).__module__.partition(".")[0] == "psycopg":
            return told(error, lambda: settings)
        # Its text may quote an address with a password.
        return f"could not be looked at ({type(error).__name__})"


def _reached(broker: Broker) -> Broker:
    broker.topics()
    return broker


def _settings() -> str | None:
    strangers = unknown(os.environ)
    return f"no setting, and not used: {', '.join(strangers)}; see the README's table" if strangers else None


def _key_files(settings: Settings) -> str | None:
    keys, fence = settings.kek_path.parent, settings.fence_path
    mends = {
        settings.kek_path: "put your copy of `keys/` back",
        fence: "put its newest copy back before you start",
        settings.made_for_path: "put your copy of it back, or run `hub init` with the HUB_MUNICIPALITY and"
        " HUB_UNIT that the hub was made with",
    }
    lacking = [path for path in mends if not path.exists()]
    if lacking and not was_made(settings):
        return f"missing: {', '.join(map(str, lacking))}: run `hub init` first, or put your copies back"
    if lacking:
        return "; ".join(f"{path} is missing: {mends[path]}" for path in lacking)
    for path in (keys, *(path for path in keys.rglob("*") if path.is_file()), fence):
        if path.stat().st_mode & _OTHERS:
            return f"others on this machine may read {path}: chmod go= it"
    kept_identity(keys / "recipients" / settings.unit)
    return None


def _keys(parts: Parts) -> str | None:
    """Past every cache: the files as they are now, against the database as it is now."""
    parts.ready()
    parts.app.keys.erasures()
    return foreign_keys(parts.app, parts.settings)


def _fence(parts: Parts) -> str | None:
    """Database and fence know the same to be gone; a copy of the fence that is too old would bring to life
    what was erased, as soon as a backup is restored.
    """
    if amiss := forgets(parts):
        return amiss
    keys, grants = parts.app.keys.unfenced()
    if keys or grants:
        return (
            f"the fence does not know of {len(keys) + len(grants)} keys that are gone: put its newest copy"
            " back, then `hub migrate` adds what still lacks"
        )
    return None


def _unit(parts: Parts) -> str | None:
    """It is never suspended, but may have been before that was refused."""
    unit = parts.settings.unit
    row = parts.app.store.partner(unit)
    if row is not None and not row.active:
        return (
            f"{unit} is suspended: reports are taken in, and nobody sees them: run `hub partner resume"
            f" {unit}`"
        )
    return None


def _rights(parts: Parts) -> str | None:
    lacking = parts.app.store.database.lacking()
    return (
        f"this login may not write {', '.join(lacking)}: grant it, or run `hub migrate`" if lacking else None
    )


def _database_clock(parts: Parts) -> str | None:
    apart = abs(parts.app.store.database.now() - datetime.now(UTC))
    return f"{apart.total_seconds():.0f} s apart from ours: set both by NTP" if apart > CLOCK_APART else None


def _log_clock(parts: Parts) -> str | None:
    ahead = latest_time(parts.app) - datetime.now(UTC)
    if ahead > CLOCK_APART:
        return f"the last events are {ahead.total_seconds():.0f} s ahead of our clock: set it by NTP"
    return None


def _disk(settings: Settings) -> str | None:
    if lacking := [str(folder) for folder in settings.disks if not folder.is_dir()]:
        return f"missing: {', '.join(lacking)}: run `hub init` first, or mount its disk"
    Room(settings.disks, settings.disk_reserve).refuse_below_reserve()
    return None


def _topics(parts: Parts, broker: Broker) -> str | None:
    wanted = parts.outgoing.topics([row.slug for row in parts.app.store.partners()])
    missing = sorted(set(wanted) - broker.topics())
    if missing:
        return f"missing: {', '.join(missing)}: run `hub topics`"
    return (
        amiss_with_topics(kafka_settings(parts.settings), wanted) if parts.settings.kafka_bootstrap else None
    )


def _acls(parts: Parts) -> str | None:
    slugs = [row.slug for row in parts.app.store.partners() if row.active and not parts.keeps(row.slug)]
    amiss = amiss_with(kafka_settings(parts.settings), slugs, parts.settings.municipality)
    return f"{amiss}: run `hub topics --passwords` with its password" if amiss else None


def _certificates(settings: Settings) -> str | None:
    """First until when they last: a handshake with one that is over would say less."""
    path = settings.kafka_ca
    assert path is not None
    try:
        authorities = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError):
        return (
            f"{path} is no file of certificates: set HUB_KAFKA_CA to those (PEM) of who signed the broker's"
        )
    for authority in authorities:
        if amiss := _ends_soon(authority, f"the CA in {path}"):
            return amiss
    found = (_certificate(address.strip(), path) for address in settings.kafka_bootstrap.split(","))
    return next((amiss for amiss in found if amiss), None)


def _certificate(address: str, authorities: Path) -> str | None:
    try:
        if amiss := _shown_ends_soon(address):
            return amiss
        _shown(address, ssl.create_default_context(cafile=str(authorities)))
    except ssl.SSLCertVerificationError as error:
        return (
            f"the certificate of {address} is not trusted ({error.verify_message}): name who signed it in"
            " HUB_KAFKA_CA, and the broker as its certificate does in HUB_KAFKA_BOOTSTRAP"
        )
    except OSError:
        return f"no TLS at {address}: is the broker running there? see HUB_KAFKA_BOOTSTRAP"
    return None


def _shown_ends_soon(address: str) -> str | None:
    """Whoever signed it. Raises `OSError` where no TLS is spoken."""
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    shown = x509.load_der_x509_certificate(_shown(address, unchecked))
    return _ends_soon(shown, f"the certificate of {address}")


def _shown(address: str, context: ssl.SSLContext) -> bytes:
    """The certificate that is shown there, DER; checked as the context says."""
    host, _, port = address.rpartition(":")
    name = host.strip("[]")
    with (
        socket.create_connection((name, int(port)), _CONNECT_S) as plain,
        context.wrap_socket(plain, server_hostname=name) as secure,
    ):
        shown = secure.getpeercert(binary_form=True)
    assert shown is not None
    return shown


def _ends_soon(certificate: x509.Certificate, whose: str) -> str | None:
    left = certificate.not_valid_after_utc - datetime.now(UTC)
    if left < timedelta(0):
        return f"{whose} ended on {certificate.not_valid_after_utc:%Y-%m-%d}: renew it"
    return f"{whose} ends in {left.days} days: renew it" if left < EXPIRES_SOON else None


def _issuer(settings: Settings) -> str | None:
    """First until when its certificate lasts: to a client one that is over is an issuer that is away."""
    address = urlsplit(settings.issuer)
    if address.scheme == "https":
        with suppress(OSError):  # What does not answer there is told of below, in the words of a login.
            if amiss := _shown_ends_soon(f"{address.hostname}:{address.port or HTTPS_PORT}"):
                return amiss
    OidcVerifier(settings.issuer, settings.audience).prove()
    return None
