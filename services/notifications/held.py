"""All that notifications holds about a customer, for its export."""

from shared.exports import AUDIT_TRAIL, Section

SECTIONS = [
    Section("recipient", "recipients", ("customer_id",)),
    Section(
        "messages",
        "correspondence m join correspondence_contents t on t.customer_id = m.customer_id and t.message_id = m.id",
        ("m.created_at", "m.id"),
        owner="m.customer_id",
        columns="t.data, t.html, t.text, m.*",
    ),
    Section("delivery_attempts", "delivery_attempts", ("message_id", "attempt")),
    Section(
        "delivery_reports",
        "delivery_reports",
        ("message_id", "state", "occurred_at", "provider", "recipient_address"),
    ),
    AUDIT_TRAIL,
]
