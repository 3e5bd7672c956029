"""What a hub keeps on disk beside its database, and whether all of it belongs together.

Keys, fence and `hub.json` are put back from copies by hand. Beside another hub's database any of them would
look like a hub that lost its cases, or open nothing.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm

from contracts.client.keys import Identity, PublicKeys
from hub.adapters.store.application import StoreApplication, open_store, sqlite_path
from hub.errors import Corrupt, HubError, Invalid, Missing, TamperedRow, UnknownKey
from hub.settings import Settings


def write_made_for(settings: Settings, public: PublicKeys) -> None:
    """Say for whom the hub was made and with which keys of its own, unless that is said already."""
    if not settings.made_for_path.exists():
        written = settings.made_for_path.with_suffix(".new")
        written.write_text(json.dumps({**_made_for(settings), "keys": _said(public)}) + "\n")
        written.replace(settings.made_for_path)


def _made_for(settings: Settings) -> dict[str, str]:
    return {"municipality": settings.municipality, "unit": settings.unit}


def _said(public: PublicKeys) -> dict[str, str]:
    return {"sealing": public.sealing.hex(), "signing": public.signing.hex()}


def _refuse_another(settings: Settings) -> dict[str, object]:
    """Topics, seals and cases name the municipality and the unit; under others nothing would be found.

    What the hub was made for is returned; nothing where that is not said.
    """
    path = settings.made_for_path
    try:
        made_for = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError:
        made_for = None
    if not isinstance(made_for, dict):
        raise Corrupt(
            f"{path} is not what `hub init` wrote: delete it and run `hub init` with the same settings"
        )
    for name, value in _made_for(settings).items():
        if made_for.get(name) != value:
            raise Invalid(
                f"HUB_{name.upper()} is not the {name} that this hub was made for: see {path}", field=name
            )
    return made_for


def was_made(settings: Settings) -> bool:
    """Whether `hub init` made a hub here: of what it makes after the database something is left."""
    return settings.made_for_path.exists() or (settings.data_dir / "keys" / "hub").exists()


def _refuse_lost(settings: Settings) -> None:
    """An empty database in the place of one that was lost would look like a hub without a case."""
    if settings.store_url.startswith("sqlite:") and was_made(settings):
        path = sqlite_path(settings.store_url)
        if not path.exists():
            raise Missing(
                f"there is no database at {path}: put your backup back and run `hub restored`, or see"
                " HUB_DATABASE_URL"
            )


class AnotherKek(Corrupt):
    """Raised when the database's keys are wrapped under another key-encryption key than the one here."""


def identity_of(folder: Path) -> Identity:
    """Signing and sealing keys in a folder, made where there are none yet."""
    if not any((folder / name).exists() for name in ("sealing.pem", "signing.pem")):
        Identity.new().save(folder)
    return kept_identity(folder)


def kept_identity(folder: Path) -> Identity:
    """Keys that a store rests on: never made anew. Raises `Missing`, `Corrupt` with the way out."""
    try:
        return Identity.load(folder)
    except FileNotFoundError as error:
        raise Missing(
            f"{error.filename} is missing, and partners know it: put your copy of `keys/` back"
        ) from error
    except PermissionError as error:
        raise Corrupt(f"{folder}: {error.strerror or error}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Corrupt(f"{folder} holds no usable keys: put your copy of `keys/` back") from error


def foreign_keys(app: StoreApplication, settings: Settings) -> str | None:
    """What to do where a recipient's keys here are not those it is registered with; or None.

    It could open nothing of what it is told. Of keys that can't be read another check tells.
    """
    for row in app.store.partners():
        folder = settings.data_dir / "keys" / "recipients" / row.slug
        with suppress(HubError):
            public = kept_identity(folder).public
            if (public.sealing, public.signing) != (row.sealing_key, row.signing_key):
                return (
                    f"{folder} holds other keys than this hub has registered: put your copy of `keys/` back"
                )
    return None


def _own_keys(app: StoreApplication, settings: Settings, made_for: Mapping[str, object]) -> Identity:
    """Those that partners know. Where `hub.json` is older and does not say which, they are believed."""
    folder = settings.data_dir / "keys" / "hub"
    # Only a store without a partner is new: once the unit is registered, keys that are gone are lost.
    identity = kept_identity(folder) if app.store.partners() else identity_of(folder)
    ours = _said(identity.public)
    if made_for.get("keys", ours) != ours:
        raise Corrupt(f"{folder} holds other keys than this hub was made with: put your copy of `keys/` back")
    return identity


def opened(settings: Settings, *, migrate: bool) -> tuple[StoreApplication, Identity]:
    """The store, and the hub's own keys, which belong to it. Raises `Missing`, `Corrupt`."""
    if not settings.kek_path.exists():
        first = "" if was_made(settings) else "run `hub init` first, or "
        raise Missing(f"{settings.kek_path} is missing: {first}put your copy of it back")
    made_for = _refuse_another(settings)
    _refuse_lost(settings)
    app = open_store(settings.store_url, settings.kek_path, settings.fence_path, migrate=migrate)
    try:
        app.keys.mac("index", b"")
        return app, _own_keys(app, settings, made_for)
    except (TamperedRow, UnknownKey) as error:
        app.close()
        raise AnotherKek(
            "the database was made with another key-encryption key: put that one back"
        ) from error
    except BaseException:
        app.close()
        raise
