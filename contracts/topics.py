"""The names of topics (contracts/BYTES.md section 7). A slug holds no dot, so no two look alike."""


def to_topic(municipality: str, slug: str) -> str:
    """What an organisation reads."""
    return f"{municipality}.to.{slug}"


def from_topic(municipality: str, slug: str) -> str:
    """What a partner writes."""
    return f"{municipality}.from.{slug}"


def dead_topic(municipality: str) -> str:
    """Where the hub puts what can never be used; nobody else writes it, and no partner reads it."""
    return f"{municipality}.dead"
