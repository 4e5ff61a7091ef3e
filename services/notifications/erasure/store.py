"""Taking a customer's data out of recipients, messages, attempts and reports."""

from collections.abc import Sequence
from datetime import datetime

from services.notifications.tracking.domain import Withheld
from services.notifications.tracking.store import update_statuses
from shared.db import Connection

_RECIPIENTS = """
    with erased as (select * from unnest($1::text[], $2::bigint[], $3::timestamptz[]) as e (id, version, at)),
    unknown as (select customer_id from recipients join erased on customer_id = id where recipients.version = 0),
    saved as (
        update recipients r
        set version = greatest(r.version, e.version), first_name = 'Erased', last_name = 'customer', email = null,
            language = null, time_zone = null, erased_at = coalesce(r.erased_at, e.at)
        from erased e where r.customer_id = e.id)
    select customer_id from unknown
"""

_MESSAGES = """
    update correspondence
    set recipient_name = 'Erased customer', recipient_address = null, subject = 'Erased', erased_at = now()
    where customer_id = any($1::text[]) and erased_at is null
"""

_WITHHOLD = """
    with unsent as (
        delete from outgoing where customer_id = any($1::text[]) and phase <> 'handing_over' returning message_id)
    update correspondence set withheld_reason = $2 from unsent where id = message_id returning id
"""

_CONTENTS = """
    update correspondence_contents set data = '{}', html = '', text = ''
    where customer_id = any($1::text[]) and html <> ''
"""

_ATTEMPTS = """
    update delivery_attempts set diagnostic = null where customer_id = any($1::text[]) and diagnostic is not null
"""

# The address is part of the key: numbers keep apart what it told apart. They have no @, which every address has.
_REPORTS = """
    update delivery_reports r set recipient_address = 'erased-' || n.number, diagnostic = null
    from (select customer_id, message_id, state, occurred_at, provider, recipient_address,
                 row_number() over (partition by customer_id, message_id, state, occurred_at, provider
                                    order by recipient_address) as number
          from delivery_reports
          where customer_id = any($1::text[]) and recipient_address like '%@%') as n
    where (r.customer_id, r.message_id, r.state, r.occurred_at, r.provider, r.recipient_address)
        = (n.customer_id, n.message_id, n.state, n.occurred_at, n.provider, n.recipient_address)
"""


async def erase_recipients(connection: Connection, erased: Sequence[tuple[str, int, datetime]]) -> list[str]:
    """Forget who locked customers are, given as (id, version, time); returns those not known before."""
    rows = await connection.fetch(_RECIPIENTS, *zip(*erased, strict=True))
    return [row[0] for row in rows]


async def erase_messages(connection: Connection, customer_ids: Sequence[str]) -> None:
    """Empty all messages of locked customers; those not yet handed over are not sent any more.

    Locks are taken in the order of `services.notifications.delivery.store`. An attempt under way holds its row of the
    queue, or of its message: it either ended before, or finds its message erased.
    """
    await connection.execute(
        """select from outgoing where customer_id = any($1::text[])
           order by customer_id, message_id for update""",
        customer_ids,
    )
    await connection.execute(_MESSAGES, customer_ids)
    rows = await connection.fetch(_WITHHOLD, customer_ids, Withheld.ERASED)
    await connection.execute(_CONTENTS, customer_ids)
    await connection.execute(_ATTEMPTS, customer_ids)
    await connection.execute(_REPORTS, customer_ids)
    await connection.execute(
        """update delivery_reports set diagnostic = null
           where customer_id = any($1::text[]) and diagnostic is not null""",
        customer_ids,
    )
    await update_statuses(connection, [row[0] for row in rows])
