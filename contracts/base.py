"""The base of every contract model."""

from typing import Final

from pydantic import BaseModel, ConfigDict

UNKNOWN_FIELD: Final = "an unknown field: leave it out, or correct its name"
"""For the library's words. What the field is called is the sender's own word, and not repeated."""


class Contract(BaseModel):
    """A message part as published: frozen, no unknown field, and errors that never echo what was sent.

    Senders use these models as they are. Receivers that must survive a newer minor version parse with
    `model_validate(..., extra="ignore")`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
