"""Measures how late mails are, for the alert."""

from shared.db import Database
from shared.gauges import DatabaseGauges
from shared.telemetry.metrics import gauge

_GAUGES = {
    "overdue": gauge("recourse_mail_overdue_seconds", "How long the mail that is due the longest waits to be taken up")
}
_QUERY = """
    select extract(epoch from now() - (select due_at from outgoing where phase = 'queued'
                                       order by due_at limit 1))::float8 as overdue
"""


def mail_gauges(database: Database) -> DatabaseGauges:
    """The gauge of the mails that no worker takes up, because no mail server answers or there are too many."""
    return DatabaseGauges(database, _QUERY, _GAUGES, looking_for="overdue mails")
