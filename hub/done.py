"""A command that was done before. No error: its answer is repeated."""

from hub.ports import Done


class DoneBefore(Exception):
    """Raised by a save whose idempotency key is on record with the same body; nothing was written now."""

    def __init__(self, done: Done) -> None:
        super().__init__("this command was done before; its answer is in `done`")
        self.done = done
