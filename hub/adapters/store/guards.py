"""What the guards of an append say, in the same words on every store; they never repeat what was sent."""

from uuid import UUID

from hub.errors import Forbidden, KeyDestroyed, Missing, NoGrant, UnknownKey
from hub.ports import Alongside


def no_grant() -> NoGrant:
    """A grant that the command rests on does not live."""
    return NoGrant("a consent or legal basis that this rests on has ended: look at the case again")


def not_active(slug: str) -> Forbidden:
    """A partner that the command needs is not active."""
    return Forbidden(f"the agreement with {slug} is not active: nothing may be sent there or opened by them")


def blocked() -> Missing:
    """The person stands on the case's block list; it looks like a case that is not there."""
    return Missing("there is no such case, or none for you", field="case")


def key_destroyed() -> KeyDestroyed:
    """A key that the command needs was destroyed."""
    return KeyDestroyed("this was erased: its key is destroyed")


def key_unknown(key_id: UUID) -> UnknownKey:
    """A key that the command needs has never existed."""
    return UnknownKey(f"key {key_id} has never existed: restore the key table, or look for tampering")


def refuse_kept_grant_keys(a: Alongside) -> None:
    """A grant's key must end with its grant; in the table of keys it would outlive every withdrawal."""
    kept = {key.key_id for key in a.new_keys}
    if any(grant.grant_id in kept or grant.grant_id != grant.key.key_id for grant in a.new_grants):
        raise ValueError("a grant's key is made by `fresh`, belongs in its grant's row, and nowhere else")
