"""Measures how many tickets are in limbo, for the alert."""

from shared.db import Database
from shared.gauges import DatabaseGauges
from shared.telemetry.metrics import gauge

_GAUGES = {
    "tickets": gauge("recourse_tickets_in_limbo", "Tickets that wait for an agent"),
    "oldest": gauge("recourse_tickets_in_limbo_oldest_seconds", "How long the oldest ticket in limbo has been there"),
}
# The index of the tickets in limbo is small as long as somebody looks after them.
_QUERY = """
    select count(*) as tickets, extract(epoch from now() - min(limbo_since))::float8 as oldest
    from tickets where limbo_since is not null
"""


def limbo_gauges(database: Database) -> DatabaseGauges:
    """The gauges of the tickets in limbo."""
    return DatabaseGauges(database, _QUERY, _GAUGES, looking_for="tickets in limbo")
