"""All that loyalty holds about a customer, for its export."""

from shared.exports import AUDIT_TRAIL, Section

SECTIONS = [
    Section("account", "point_accounts", ("customer_id",)),
    Section("points", "point_entries", ("seq",)),
    AUDIT_TRAIL,
]
