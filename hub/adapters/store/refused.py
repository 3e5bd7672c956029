"""Why a store does not open. Whoever starts the hub reads these; no caller of a command ever does."""

from hub.errors import HubError


class UnsafeStore(HubError):
    """A setting would lose what was acknowledged; the message names it and the way out."""

    slug = "unsafe-store"


class NotMigrated(HubError):
    """The tables are missing or of another version: `hub migrate` makes them, workers never do."""

    slug = "not-migrated"
