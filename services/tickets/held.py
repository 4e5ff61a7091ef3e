"""All that tickets holds about a customer, for its export."""

from shared.exports import AUDIT_TRAIL, Section

SECTIONS = [
    Section("customer", "customers", ("customer_id",)),
    Section("merge", "customer_merges", ("customer_id",)),
    Section(
        "tickets",
        "tickets t join orders o on o.customer_id = t.customer_id and o.order_id = t.order_id",
        ("t.ordered_at", "t.order_id", "t.ticket_id"),
        owner="t.customer_id",
        columns="o.*, t.*",
    ),
    Section("failed_orders", "(select * from orders where outcome = 'failed') as orders", ("order_id",)),
    Section("ticket_timelines", "ticket_timeline", ("ticket_id", "version")),
    Section("prizes", "prizes", ("prize_id",)),
    Section("cancellations", "cancellations", ("cancellation_id",)),
    Section("autoplays", "autoplays", ("autoplay_id",)),
    Section("autoplay_timelines", "autoplay_timeline", ("autoplay_id", "version")),
    Section("autoplay_runs", "autoplay_runs", ("autoplay_id", "draw_number")),
    Section("autoplay_attempts", "autoplay_attempts", ("order_id",)),
    AUDIT_TRAIL,
]
