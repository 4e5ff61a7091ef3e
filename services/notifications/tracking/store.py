"""Reports of providers, and the status that they and the attempts amount to.

Whoever writes an attempt or a report then locks the message and computes its status from all that is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.notifications.tracking.domain import Fact, Outcome, Report, Withheld, status_of
from shared.db import Connection, columns


@dataclass(frozen=True, slots=True)
class Reported:
    """What a provider reported of a message."""

    message_id: UUID
    state: Report
    occurred_at: datetime
    provider: str
    recipient_address: str
    status_code: str | None
    diagnostic: str | None
    event_source: str
    event_id: str


_INSERT_REPORTS = """
    insert into delivery_reports (customer_id, message_id, state, occurred_at, provider, recipient_address,
                                  status_code, diagnostic, event_source, event_id)
    select c.customer_id, r.message_id, r.state, r.occurred_at, r.provider,
           case when c.erased_at is null then r.recipient_address else '' end, r.status_code,
           case when c.erased_at is null then r.diagnostic end, r.event_source, r.event_id
    from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                $9::text[])
        as r (message_id, state, occurred_at, provider, recipient_address, status_code, diagnostic, event_source,
              event_id)
    join correspondence c on c.id = r.message_id
    where c.erased_at is null
       -- Which address a report named is not known any more.
       or not exists (select from delivery_reports d
                      where (d.customer_id, d.message_id, d.state, d.occurred_at, d.provider)
                          = (c.customer_id, r.message_id, r.state, r.occurred_at, r.provider))
    on conflict do nothing
"""

_FACTS = """
    select c.id, c.status, c.withheld_reason,
           array(select distinct a.outcome from delivery_attempts a
                 where a.customer_id = c.customer_id and a.message_id = c.id) as outcomes,
           array(select distinct r.state from delivery_reports r
                 where r.customer_id = c.customer_id and r.message_id = c.id) as reports
    from correspondence c where c.id = any($1::uuid[])
"""


async def lock_messages(connection: Connection, message_ids: Sequence[UUID]) -> set[UUID]:
    """Lock those of the messages that exist, in the order of their keys, until the commit."""
    rows = await connection.fetch(
        """select id from correspondence where id = any($1::uuid[])
           order by customer_id, created_at, id for no key update""",
        message_ids,
    )
    return {row["id"] for row in rows}


async def add_reports(connection: Connection, reports: Sequence[Reported]) -> None:
    """Keep what was reported of messages that are locked, each report once, and bring their statuses up to date."""
    await connection.execute(
        _INSERT_REPORTS,
        [report.message_id for report in reports],
        [report.state for report in reports],
        [report.occurred_at for report in reports],
        [report.provider for report in reports],
        [report.recipient_address for report in reports],
        [report.status_code for report in reports],
        [report.diagnostic for report in reports],
        [report.event_source for report in reports],
        [report.event_id for report in reports],
    )
    await update_statuses(connection, list({report.message_id for report in reports}))


async def update_statuses(connection: Connection, message_ids: Sequence[UUID]) -> None:
    """Compute the statuses of messages that are locked, so that no fact is missed."""
    rows = await connection.fetch(_FACTS, message_ids)
    statuses = [(row["id"], row["status"], status_of(_facts(*row[2:]))) for row in rows]
    changed = [(message_id, after) for message_id, before, after in statuses if before != after]
    if changed:
        await connection.execute(
            """update correspondence c set status = s.status, status_changed_at = clock_timestamp()
               from unnest($1::uuid[], $2::text[]) as s (id, status) where c.id = s.id""",
            *columns(changed, 2),
        )


def _facts(withheld: str | None, outcomes: Sequence[str], reports: Sequence[str]) -> list[Fact]:
    return [
        *([Withheld(withheld)] if withheld else []),
        *map(Outcome, outcomes),
        *map(Report, reports),
    ]
