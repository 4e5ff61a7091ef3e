"""The tables `correspondence` and `correspondence_contents`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.notifications.correspondence.domain import Channel, Message
from services.notifications.tracking.domain import Status
from shared.db import Connection

_ADD = """
    with added as (
        insert into correspondence (customer_id, created_at, id, cause_key, channel, template, template_version,
                                    recipient_name, recipient_address, subject, withheld_reason, status,
                                    status_changed_at)
        select *, created_at
        from unnest($1::text[], $2::timestamptz[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::int[],
                    $8::text[], $9::text[], $10::text[], $11::text[], $12::text[])
            as m (customer_id, created_at, id, cause_key, channel, template, template_version, recipient_name,
                  recipient_address, subject, withheld_reason, status)
        on conflict (customer_id, cause_key, channel) do nothing
        returning customer_id, id),
    contents as (
        insert into correspondence_contents (customer_id, message_id, data, html, text)
        select added.customer_id, id, data, html, text
        from added join unnest($3::uuid[], $13::jsonb[], $14::text[], $15::text[]) as t (id, data, html, text)
             using (id))
    select id from added
"""

_LISTED = """c.created_at, c.id, c.channel, c.template, c.subject, c.recipient_address, c.status, c.status_changed_at,
    c.withheld_reason, c.customer_id"""


@dataclass(frozen=True, slots=True)
class Listed:
    """A message as a list shows it."""

    created_at: datetime
    id: UUID
    channel: Channel
    template: str
    subject: str
    recipient_address: str | None
    status: Status
    status_changed_at: datetime
    withheld_reason: str | None
    customer_id: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A message in full. `next_attempt_at` is given while it waits to be sent, `erased_at` once it is erased."""

    listed: Listed
    template_version: int
    recipient_name: str
    html: str
    text: str
    next_attempt_at: datetime | None
    erased_at: datetime | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to send a message; `ended_at` and `outcome` are None while it lasts."""

    attempt: int
    started_at: datetime
    handed_over_at: datetime | None
    ended_at: datetime | None
    outcome: str | None
    status_code: str | None
    diagnostic: str | None


@dataclass(frozen=True, slots=True)
class ProviderReport:
    """A provider's report on a message."""

    occurred_at: datetime
    state: str
    provider: str
    status_code: str | None
    diagnostic: str | None


async def add(connection: Connection, messages: Sequence[Message]) -> set[UUID]:
    """Put messages on record; returns those whose cause was not on record for that channel."""
    rows = await connection.fetch(
        _ADD,
        [message.draft.customer_id for message in messages],
        [message.created_at for message in messages],
        [message.id for message in messages],
        [message.draft.cause_key for message in messages],
        [message.draft.channel for message in messages],
        [message.draft.template for message in messages],
        [message.rendered.template_version for message in messages],
        [message.recipient_name for message in messages],
        [message.recipient_address for message in messages],
        [message.rendered.subject for message in messages],
        [message.withheld for message in messages],
        [message.status for message in messages],
        [message.rendered.data for message in messages],
        [message.rendered.html for message in messages],
        [message.rendered.text for message in messages],
    )
    return {row["id"] for row in rows}


async def history(
    connection: Connection,
    customer_ids: Sequence[str],
    *,
    statuses: Sequence[Status],
    channels: Sequence[Channel],
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Listed]:
    """A customer's messages under all of its ids, the newest first; no status or channel given means all of them."""
    arguments: list[Any] = [customer_ids, limit]
    conditions = ["c.customer_id = asked.id"]
    for column, wanted in (("status", statuses), ("channel", channels)):
        if wanted:
            arguments.append(wanted)
            conditions.append(f"c.{column} = any(${len(arguments)}::text[])")
    if before is not None:
        arguments.extend(before)
        conditions.append(f"(c.created_at, c.id) < (${len(arguments) - 1}, ${len(arguments)})")
    rows = await connection.fetch(
        f"""select {_LISTED} from unnest($1::text[]) as asked (id)
            cross join lateral (
                select * from correspondence c where {" and ".join(conditions)}
                order by c.created_at desc, c.id desc limit $2) as c
            order by c.created_at desc, c.id desc limit $2""",  # noqa: S608 - parts of this file, values are parameters
        *arguments,
    )
    return [_listed(*row) for row in rows]


async def opened(connection: Connection, message_id: UUID) -> Opened | None:
    """One message in full, None when there is no such message."""
    row = await connection.fetchrow(
        f"""select {_LISTED}, c.template_version, c.recipient_name, t.html, t.text, o.due_at, c.erased_at
            from correspondence c
            join correspondence_contents t on t.customer_id = c.customer_id and t.message_id = c.id
            left join outgoing o on o.customer_id = c.customer_id and o.message_id = c.id and o.phase = 'queued'
            where c.id = $1""",  # noqa: S608 - a constant list of columns
        message_id,
    )
    if row is None:
        return None
    return Opened(_listed(*row[:10]), *row[10:])


async def attempts(connection: Connection, customer_id: str, message_id: UUID) -> list[Attempt]:
    """The attempts to send a message, the one under way last."""
    rows = await connection.fetch(
        """select attempt, started_at, handed_over_at, ended_at, outcome, status_code, diagnostic
           from delivery_attempts where customer_id = $1 and message_id = $2
           union all
           select attempt, started_at, handed_over_at, null, null, null, null
           from outgoing where customer_id = $1 and message_id = $2 and phase <> 'queued'
           order by attempt""",
        customer_id,
        message_id,
    )
    return [Attempt(*row) for row in rows]


async def reports(connection: Connection, customer_id: str, message_id: UUID, *, limit: int) -> list[ProviderReport]:
    """The earliest reports on a message."""
    rows = await connection.fetch(
        """select occurred_at, state, provider, status_code, diagnostic
           from delivery_reports where customer_id = $1 and message_id = $2 order by occurred_at, state limit $3""",
        customer_id,
        message_id,
        limit,
    )
    return [ProviderReport(*row) for row in rows]


def _listed(
    created_at: datetime, message_id: UUID, channel: str, template: str, subject: str, address: str | None,
    status: str, status_changed_at: datetime, withheld_reason: str | None, customer_id: str,
) -> Listed:  # fmt: skip
    return Listed(
        created_at, message_id, Channel(channel), template, subject, address, Status(status), status_changed_at,
        withheld_reason, customer_id,
    )  # fmt: skip
