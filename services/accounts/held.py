"""All that accounts holds about a customer, for its export."""

from shared.exports import AUDIT_TRAIL, Section

SECTIONS = [
    Section("customer", "customers", ("customer_id",), hidden=frozenset({"email_key", "phone_key", "edited_fields"})),
    Section("account", "accounts", ("customer_id",), hidden=frozenset({"head"})),
    Section("transactions", "ledger_entries", ("seq",), hidden=frozenset({"hash"})),
    Section("charges", "charges", ("order_id",)),
    Section("held_withdrawals", "held_withdrawals", ("withdrawal_id",)),
    Section("cancelled_tickets", "cancelled_tickets", ("cancellation_id",)),
    Section("activities", "activities", ("kind", "occurred_at", "reference")),
    Section("cart", "carts", ("customer_id",)),
    Section("notes", "notes", ("note_id",)),
    Section("earlier_notes", "note_versions", ("note_id", "version")),
    AUDIT_TRAIL,
]
