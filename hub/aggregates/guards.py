"""Guards that every aggregate uses. Each names the field, the rule and the way out, never what was sent."""

import re
import unicodedata
from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeVar

from hub.errors import Invalid

SLUG = re.compile(r"[a-z0-9-]{2,40}")
"""How an organisation is named (contracts/BYTES.md section 1)."""
CODE = re.compile(r"[A-Za-zÆØÅæøå0-9][A-Za-zÆØÅæøå0-9_.:-]{0,63}")
"""How an entry of a catalogue, an item or an answer is named: too narrow for prose, which hides addresses."""

CLOCKS_DIFFER: Final = timedelta(minutes=15)
"""How far ahead of ours another clock may be before what it says lies in the future."""

S = TypeVar("S", bound=StrEnum)


def written(field: str, text: str) -> None:
    """Something must stand there."""
    if not text.strip():
        raise Invalid(f"{field}: must not be empty; write it in a few words", field=field)


def same_name(one: str, other: str) -> bool:
    """Whether two names are the same to who reads them, whatever their case, spaces and composition."""
    return _as_read(one) == _as_read(other)


def _as_read(name: str) -> str:
    """Folding may take a composed letter apart, so it is composed again (Unicode 3.13, D145)."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def coded(field: str, text: str) -> None:
    """An id or code must stand there; prose is refused, for it would travel unread (domain rule 5)."""
    if not CODE.fullmatch(text):
        raise Invalid(
            f"{field}: an id of 1 to 64 letters a-å, digits, '_', '.', ':' or '-'; prose belongs in a reason",
            field=field,
        )


def slug(field: str, text: str) -> None:
    """An organisation's slug must stand there."""
    if not SLUG.fullmatch(text):
        raise Invalid(f"{field}: 2 to 40 of a-z, 0-9 and '-'; use the partner's slug", field=field)


def one_of(field: str, value: str, allowed: type[S]) -> S:
    """A word from a closed list must stand there."""
    try:
        return allowed(value)
    except ValueError:
        raise Invalid(f"{field}: must be one of {', '.join(allowed)}", field=field) from None


def distinct(field: str, values: Collection[object]) -> None:
    """Nothing may stand there twice."""
    if len(set(values)) != len(values):
        raise Invalid(f"{field}: the same entry stands there twice; leave one out", field=field)


def zoned(field: str, time: datetime) -> None:
    """A time without its zone is no time."""
    if time.utcoffset() is None:
        raise Invalid(f"{field}: must carry its time zone; send it with an offset", field=field)


def not_ahead(field: str, time: datetime, now: datetime) -> None:
    """What has happened does not lie ahead; clocks may differ by a quarter of an hour."""
    zoned(field, time)
    if time > now + CLOCKS_DIFFER:
        raise Invalid(f"{field}: lies ahead; give the time at which it happened", field=field)


def after(field: str, time: datetime, now: datetime) -> None:
    """The time must lie ahead."""
    zoned(field, time)
    if time <= now:
        raise Invalid(f"{field}: must lie in the future; choose a later time", field=field)
