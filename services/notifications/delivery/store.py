"""The queue of what is to be sent, and the attempts to send it.

Locks are always taken in the order outgoing, correspondence, attempts, so that workers, the sweep of expired leases
and the consumer of reports do not block each other for good.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from services.notifications.delivery.mail import Letter
from services.notifications.tracking.domain import Outcome, Withheld
from services.notifications.tracking.store import lock_messages, update_statuses
from shared.db import Connection


class Key(NamedTuple):
    """A message's key."""

    customer_id: str
    message_id: UUID


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that this worker may send: `attempt` counts from 1 and is the message's own."""

    key: Key
    attempt: int
    started_at: datetime
    letter: Letter


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt that is over. `retry_in` is given if, and only if, another one is to follow."""

    key: Key
    attempt: int
    started_at: datetime
    handed_over_at: datetime | None
    ended_at: datetime
    outcome: Outcome
    status_code: str | None
    diagnostic: str | None
    retry_in: timedelta | None


_CLAIM = """
    with due as (
        select customer_id, message_id from outgoing where phase = 'queued' and due_at <= now()
        order by due_at limit $1 for update skip locked),
    claimed as (
        update outgoing o
        set phase = 'claimed', attempt = o.attempt + 1, token = $2, lease_until = now() + $3, started_at = now()
        from due where o.customer_id = due.customer_id and o.message_id = due.message_id
        returning o.customer_id, o.message_id, o.attempt, o.started_at)
    select k.customer_id, k.message_id, k.attempt, k.started_at, c.created_at, c.recipient_name, c.recipient_address,
           c.subject, t.text, t.html
    from claimed k
    join correspondence c on c.id = k.message_id
    join correspondence_contents t on t.customer_id = k.customer_id and t.message_id = k.message_id
"""

# The row of an attempt is written once; whoever writes it decides what follows. Only doubt gives way to an answer.
_END_ATTEMPTS = """
    insert into delivery_attempts as a
        (customer_id, message_id, attempt, started_at, handed_over_at, ended_at, outcome, status_code, diagnostic)
    select e.customer_id, message_id, attempt, started_at, handed_over_at, ended_at, outcome, status_code,
           case when c.erased_at is null then diagnostic end
    from unnest($1::text[], $2::uuid[], $3::int[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[],
                $7::text[], $8::text[], $9::text[])
        as e (customer_id, message_id, attempt, started_at, handed_over_at, ended_at, outcome, status_code, diagnostic)
    left join correspondence c on c.id = e.message_id
    order by e.customer_id, message_id
    on conflict (customer_id, message_id, attempt) do update
    set ended_at = excluded.ended_at, outcome = excluded.outcome, status_code = excluded.status_code,
        diagnostic = excluded.diagnostic
    where a.outcome = 'unconfirmed'
    returning message_id, attempt
"""

_QUEUE_AGAIN = """
    with again as (
        select k.*, c.erased_at is null as is_wanted
        from unnest($1::text[], $2::uuid[], $3::int[], $4::interval[])
            as k (customer_id, message_id, attempt, retry_in)
        join correspondence c on c.id = k.message_id),
    queued as (
        insert into outgoing (customer_id, message_id, attempt, due_at)
        select customer_id, message_id, attempt, now() + retry_in from again where is_wanted)
    update correspondence c set withheld_reason = $5 from again where c.id = again.message_id and not is_wanted
"""

_EXPIRED = """
    select customer_id, message_id, attempt, started_at, handed_over_at from outgoing
    where phase <> 'queued' and lease_until < now()
    order by lease_until limit $1 for update skip locked
"""


async def enqueue(connection: Connection, keys: Sequence[Key]) -> None:
    """Have these new messages sent."""
    await connection.execute(
        """insert into outgoing (customer_id, message_id, due_at)
           select customer_id, message_id, now() from unnest($1::text[], $2::uuid[]) as k (customer_id, message_id)""",
        *_columns(keys),
    )


async def claim(connection: Connection, *, token: UUID, lease: timedelta, limit: int) -> list[Claim]:
    """Take up to `limit` messages that are due, for as long as the lease runs or is renewed."""
    rows = await connection.fetch(_CLAIM, limit, token, lease)
    return [_claim(*row) for row in rows]


async def mark_handing_over(
    connection: Connection, claims: Sequence[Claim], *, token: UUID, lease: timedelta
) -> dict[tuple[UUID, int], datetime]:
    """Note that the content goes out now; when, by message and attempt. Claims that were lost are missing there."""
    rows = await connection.fetch(
        """update outgoing o
           set phase = 'handing_over', handed_over_at = clock_timestamp(), lease_until = now() + $5
           from unnest($1::text[], $2::uuid[], $3::int[]) as k (customer_id, message_id, attempt)
           where o.customer_id = k.customer_id and o.message_id = k.message_id and o.attempt = k.attempt
             and o.token = $4 and o.phase = 'claimed'
           returning o.message_id, o.attempt, o.handed_over_at""",
        *_columns([each.key for each in claims]),
        [each.attempt for each in claims],
        token,
        lease,
    )
    return {(row["message_id"], row["attempt"]): row["handed_over_at"] for row in rows}


async def renew(connection: Connection, keys: Sequence[Key], *, token: UUID, lease: timedelta) -> None:
    """Prolong the leases of messages in hand."""
    await connection.execute(
        """update outgoing o set lease_until = now() + $4
           from unnest($1::text[], $2::uuid[]) as k (customer_id, message_id)
           where o.customer_id = k.customer_id and o.message_id = k.message_id and o.token = $3""",
        *_columns(keys),
        token,
        lease,
    )


async def release(connection: Connection, claims: Sequence[Claim], *, token: UUID) -> None:
    """Give back messages that were claimed and not begun, as if they had not been claimed."""
    await connection.execute(
        """update outgoing o
           set phase = 'queued', attempt = o.attempt - 1, token = null, lease_until = null, started_at = null
           from unnest($1::text[], $2::uuid[], $3::int[]) as k (customer_id, message_id, attempt)
           where o.customer_id = k.customer_id and o.message_id = k.message_id and o.attempt = k.attempt
             and o.token = $4 and o.phase = 'claimed'""",
        *_columns([each.key for each in claims]),
        [each.attempt for each in claims],
        token,
    )


async def settle(connection: Connection, ended: Sequence[Ended], *, token: UUID) -> None:
    """Write down how this worker's attempts ended, and queue those again that are to be retried.

    An attempt that someone else settled meanwhile, because the lease ran out, is left alone, unless it was left in
    doubt and the answer is now known.
    """
    await connection.execute(
        """delete from outgoing o
           using unnest($1::text[], $2::uuid[], $3::int[]) as k (customer_id, message_id, attempt)
           where o.customer_id = k.customer_id and o.message_id = k.message_id and o.attempt = k.attempt
             and o.token = $4""",
        *_columns([each.key for each in ended]),
        [each.attempt for each in ended],
        token,
    )
    await _end_attempts(connection, ended)


async def sweep(connection: Connection, *, limit: int) -> tuple[int, int]:
    """Deal with expired leases: (abandoned before the hand-over and queued again, left unconfirmed)."""
    rows = await connection.fetch(_EXPIRED, limit)
    if not rows:
        return 0, 0
    ended = [_expired(*row) for row in rows]
    await connection.execute(
        """delete from outgoing o using unnest($1::text[], $2::uuid[]) as k (customer_id, message_id)
           where o.customer_id = k.customer_id and o.message_id = k.message_id""",
        *_columns([each.key for each in ended]),
    )
    await _end_attempts(connection, ended)
    unconfirmed = sum(each.outcome is Outcome.UNCONFIRMED for each in ended)
    return len(ended) - unconfirmed, unconfirmed


async def _end_attempts(connection: Connection, ended: Sequence[Ended]) -> None:
    # From here on it is certain which messages are erased.
    await lock_messages(connection, [each.key.message_id for each in ended])
    rows = await connection.fetch(
        _END_ATTEMPTS,
        *_columns([each.key for each in ended]),
        [each.attempt for each in ended],
        [each.started_at for each in ended],
        [each.handed_over_at for each in ended],
        [each.ended_at for each in ended],
        [each.outcome for each in ended],
        [each.status_code for each in ended],
        [each.diagnostic for each in ended],
    )
    # A group may hold two attempts at one message: what follows belongs to the attempt that was written.
    written = {(row["message_id"], row["attempt"]) for row in rows}
    await _queue_again(connection, [each for each in ended if (each.key.message_id, each.attempt) in written])
    await update_statuses(connection, list({message_id for message_id, _ in written}))


async def _queue_again(connection: Connection, ended: Sequence[Ended]) -> None:
    again = [(each, each.retry_in) for each in ended if each.retry_in is not None]
    if not again:
        return
    await connection.execute(
        _QUEUE_AGAIN,
        *_columns([each.key for each, _ in again]),
        [each.attempt for each, _ in again],
        [retry_in for _, retry_in in again],
        Withheld.ERASED,
    )


def _claim(
    customer_id: str, message_id: UUID, attempt: int, started_at: datetime, created_at: datetime, name: str,
    address: str, subject: str, text: str, html: str,
) -> Claim:  # fmt: skip
    letter = Letter(message_id, customer_id, created_at, name, address, subject, text, html)
    return Claim(Key(customer_id, message_id), attempt, started_at, letter)


def _expired(
    customer_id: str, message_id: UUID, attempt: int, started_at: datetime, handed_over_at: datetime | None
) -> Ended:
    handed_over = handed_over_at is not None
    return Ended(
        key=Key(customer_id, message_id),
        attempt=attempt,
        started_at=started_at,
        handed_over_at=handed_over_at,
        ended_at=datetime.now(UTC),
        outcome=Outcome.UNCONFIRMED if handed_over else Outcome.ABANDONED,
        status_code=None,
        diagnostic="The worker stopped while it handed the message over."
        if handed_over
        else "The worker stopped before it handed the message over.",
        retry_in=None if handed_over else timedelta(0),
    )


def _columns(keys: Sequence[Key]) -> tuple[list[str], list[UUID]]:
    return [key.customer_id for key in keys], [key.message_id for key in keys]
