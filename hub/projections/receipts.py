"""Report receipts, for the reporter: *received, not yet read by a person* until the hub says more."""

from contracts.message_v1 import Receipt
from hub.ports import Row
from hub.projections.base import Effect, Told

NAME = "receipts"


def project(told: Told) -> Effect:
    """Keep the receipt; it names the report by the reporter's own message id and nothing else."""
    match told:
        case Told(control=Receipt() as receipt):
            clear = {
                "number": receipt.number,
                "status": receipt.status,
                "at": receipt.at.isoformat(),
                "on_call": receipt.on_call,
            }
            return Effect(put=[Row(told.message_id, receipt.report_id, told.sequence, clear, b"")])
        case _:
            return Effect()
