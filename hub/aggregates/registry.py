"""Every topic there is, complete as soon as this module is imported; the mapper takes `TOPICS` from here."""

from hub.aggregates import disclosure_ledger, look, partner, person, receipts
from hub.aggregates.base import STREAMS, TOPICS
from hub.aggregates.citizen_case import case

__all__ = ["STREAMS", "TOPICS", "case", "disclosure_ledger", "look", "partner", "person", "receipts"]
