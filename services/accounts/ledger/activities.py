"""Lines of the ledger as the customer's timeline tells them."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from services.accounts.activity.domain import Activity, Kind
from services.accounts.ledger.entries import Entry

_KINDS: Mapping[tuple[str, str], Kind] = {
    ("purchase", "booked"): "purchase_completed",
    ("purchase", "refused"): "purchase_refused",
    ("purchase", "failed"): "purchase_failed",
    ("reversal", "booked"): "reversal",
    ("reversal", "refused"): "reversal_refused",
    ("deposit", "booked"): "deposit",
    ("withdrawal", "booked"): "withdrawal",
    ("withdrawal", "pending"): "withdrawal_requested",
    ("withdrawal", "refused"): "withdrawal_rejected",
    ("adjustment", "booked"): "adjustment",
}


def activities_of(entries: Iterable[Entry]) -> list[Activity]:
    """The activities that these lines are. The deposit that pays for an order is part of its purchase."""
    return [
        Activity(entry.customer_id, _KINDS[entry.kind, entry.status], _moment(entry), entry.cause_id, _told(entry))
        for entry in entries
        if (entry.kind, entry.status) in _KINDS and (entry.kind, entry.cause_kind) != ("deposit", "order")
    ]


def _moment(entry: Entry) -> datetime:
    # An order is the customer's own doing; what accounts decides happens when it is booked.
    return entry.occurred_at if entry.cause_kind == "order" else entry.recorded_at


def _told(entry: Entry) -> dict[str, object]:
    told: dict[str, object] = {
        "amount": entry.amount_in or entry.amount_out,
        "currency": entry.currency,
        "description": entry.description,
    }
    for name in ("method", "ticket_id", "actor", "code", "reason"):
        value = getattr(entry, name)
        if value is not None:
            told[name] = value
    if entry.order_id is not None and entry.order_id != entry.cause_id:
        told["order_id"] = entry.order_id
    return told
