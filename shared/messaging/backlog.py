"""What is stuck, as gauges: the oldest event that is not published, the oldest that waits for its cause, and the oldest
dead letter that nobody settled.
"""

from shared.db import Database
from shared.gauges import DatabaseGauges
from shared.telemetry.metrics import gauge

_GAUGES = {
    "outbox": gauge("recourse_outbox_oldest_seconds", "How long the oldest event has waited to be published"),
    "letters": gauge(
        "recourse_dead_letters_oldest_seconds",
        "How long the oldest dead letter has been neither replayed nor discarded",
    ),
    "waiting": gauge("recourse_waiting_events_oldest_seconds", "How long the oldest event has waited for its cause"),
}
_QUERY = """
    select extract(epoch from now() - (select occurred_at from outbox order by sequence limit 1))::float8 as outbox,
           extract(epoch from now() - (select created_at from dead_letters where state = 'dead'
                                       order by created_at limit 1))::float8 as letters,
           extract(epoch from now() - (select waiting_since from waiting_events
                                       order by sequence limit 1))::float8 as waiting
"""


def backlog_gauges(database: Database) -> DatabaseGauges:
    """The gauges of a service's messages."""
    return DatabaseGauges(database, _QUERY, _GAUGES, looking_for="what is stuck")
