"""The municipality's duty number: whom to ring when something can't wait and the hub can't be reached.

Known before the first contact, from our own settings; then as the hub gives it, kept on disk, for the hub
that could say it may be down on the night it is needed.
"""

import logging
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from contracts.client.errors import ClientError
from contracts.client.http_profile import HttpHub
from contracts.fields import Line
from hub.adapters.partners.settings import PartnerSettings

log = logging.getLogger("partners.duty")

ASK_AGAIN_AFTER: Final = timedelta(minutes=10)
_MODE: Final = 0o600
_LINE: Final = TypeAdapter(Line)


class DutyNumber:
    """The number, as last told."""

    def __init__(self, settings: PartnerSettings, clock: Callable[[], datetime]) -> None:
        """Nothing is asked yet."""
        self._settings = settings
        self._path = settings.data / "duty-number"
        self._clock = clock
        self._ask_from: datetime | None = None

    @property
    def told(self) -> str | None:
        """What the hub told last, if it ever did."""
        try:
            return _LINE.validate_python(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    @property
    def number(self) -> str:
        """Whom to ring."""
        return self.told or self._settings.duty_number

    def ask(self, hub: HttpHub) -> None:
        """Ask the hub now and then. Whatever it does not answer, what we have stays."""
        now = self._clock()
        if self._ask_from is not None and now < self._ask_from:
            return
        self._ask_from = now + ASK_AGAIN_AFTER
        try:
            found = hub.about()
            number = _LINE.validate_python(found.get("on_call"))
        except (ClientError, ValidationError):
            return
        keys = self._settings.hub_keys
        if (found.get("sealing_key"), found.get("signing_key")) != (keys.sealing.hex(), keys.signing.hex()):
            log.warning("the hub at this address has other keys than agreed: its duty number is not taken")
            return
        if number != self.told:
            self._keep(number)

    def _keep(self, number: str) -> None:
        """Whole or not at all."""
        new: Path = self._path.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE), "w") as file:
            file.write(number)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
