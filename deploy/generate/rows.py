"""The tables that are filled, with the columns that are given."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from services.accounts.ledger.entries import Entry

Table = tuple[str, str]
Rows = defaultdict[Table, list[tuple[Any, ...]]]

COLUMNS: dict[Table, tuple[str, ...]] = {
    ("accounts", "customers"): (
        "customer_id", "version", "first_name", "last_name", "email", "email_key", "phone", "phone_key", "language",
        "status", "created_at", "changed_at",
    ),
    ("accounts", "customer_names"): ("word", "other", "customer_id"),
    ("accounts", "accounts"): (
        "customer_id", "currency", "balance", "last_seq", "held", "head", "last_movement_at", "deposits",
        "deposit_count", "purchases", "purchase_count", "reversals", "reversal_count", "withdrawals",
        "withdrawal_count", "adjustments", "adjustment_count", "opened_at",
    ),
    ("accounts", "ledger_entries"): (*Entry._fields, "hash"),
    ("accounts", "charges"): ("customer_id", "order_id", "charged", "amount", "currency", "reversed_amount"),
    ("accounts", "activities"): ("customer_id", "kind", "occurred_at", "reference", "details"),
    ("accounts", "identifiers"): ("value", "kind", "customer_id"),
    ("tickets", "customers"): ("customer_id", "first_name", "last_name", "details_version", "revision"),
    ("tickets", "orders"): (
        "order_id", "customer_id", "ordered_at", "outcome", "failure_reason", "checkout_id", "receipt_id", "store_id",
        "terminal_id", "transaction_id", "payment_method", "payment_amount", "currency", "recorded_at",
    ),
    ("tickets", "tickets"): (
        "ticket_id", "order_id", "customer_id", "ordered_at", "position", "lottery", "draw_number", "draw_at",
        "draw_closes_at", "offer_id", "offer_label", "price", "state", "version", "limbo_code", "limbo_reason",
        "limbo_since", "recorded_at",
    ),
    ("tickets", "ticket_timeline"): (
        "customer_id", "ticket_id", "version", "state", "event", "occurred_at", "recorded_at", "cause", "actor", "code",
        "reason",
    ),
    ("tickets", "cancellations"): (
        "customer_id", "cancellation_id", "ticket_id", "order_id", "amount", "currency", "reason", "requested_by",
        "requested_at", "state", "settled_at", "entry_id",
    ),
    ("notifications", "recipients"): ("customer_id", "version", "first_name", "last_name", "email", "language"),
    ("loyalty", "point_accounts"): (
        "customer_id", "balance", "lifetime_earned", "lifetime_clawed_back", "last_seq",
    ),
    ("loyalty", "point_entries"): (
        "customer_id", "seq", "id", "occurred_at", "recorded_at", "kind", "points", "balance", "order_id", "ticket_id",
        "store_id", "terminal_id", "payment_transaction_id",
    ),
}  # fmt: skip


def new_rows() -> Rows:
    """Nothing yet in any table."""
    return defaultdict(list)
