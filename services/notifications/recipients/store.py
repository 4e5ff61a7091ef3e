"""The table `recipients`. Its rows are also the customers' locks."""

from collections.abc import Sequence

from services.notifications.recipients.domain import Recipient
from shared import united
from shared.db import Connection

_SAVE = """
    with offered as (
        select distinct on (customer_id) * from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[],
                                                       $6::text[], $7::text[], $8::text[])
            as o (customer_id, version, first_name, last_name, email, language, time_zone, merged_into)
        order by customer_id, version desc),
    unknown as (select customer_id from recipients join offered using (customer_id) where recipients.version = 0),
    saved as (
        update recipients r
        set version = o.version, first_name = o.first_name, last_name = o.last_name, email = o.email,
            language = o.language, time_zone = o.time_zone, merged_into = o.merged_into
        from offered o where r.customer_id = o.customer_id and r.version < o.version and r.erased_at is null)
    select customer_id from unknown
"""


async def lock_recipients(connection: Connection, customer_ids: Sequence[str]) -> None:
    """Make sure that each customer has a row and lock the rows, in the order given, until the commit."""
    await connection.execute(
        "insert into recipients (customer_id) select unnest($1::text[]) on conflict do nothing", customer_ids
    )
    await connection.execute(
        "select from recipients where customer_id = any($1::text[]) order by customer_id for update", customer_ids
    )


async def save(connection: Connection, recipients: Sequence[Recipient]) -> list[str]:
    """Keep the latest version of each, whose row is locked; returns the customers not known before."""
    rows = await connection.fetch(
        _SAVE,
        [recipient.customer_id for recipient in recipients],
        [recipient.version for recipient in recipients],
        [recipient.first_name for recipient in recipients],
        [recipient.last_name for recipient in recipients],
        [recipient.email for recipient in recipients],
        [recipient.language for recipient in recipients],
        [recipient.time_zone for recipient in recipients],
        [recipient.merged_into for recipient in recipients],
    )
    return [row["customer_id"] for row in rows]


async def known(connection: Connection, customer_ids: Sequence[str]) -> dict[str, Recipient]:
    """Those of the customers of whom accounts has told, by id."""
    rows = await connection.fetch(
        """select customer_id, version, first_name, last_name, email, language, time_zone, merged_into,
                  erased_at is not null
           from recipients where customer_id = any($1::text[]) and version > 0""",
        customer_ids,
    )
    return {row["customer_id"]: Recipient(*row) for row in rows}


async def united_ids(connection: Connection, customer_id: str) -> list[str]:
    """All ids of a customer, the survivor's first; one that is not known is by itself."""
    return await united.united_ids(connection, customer_id, table="recipients", survivor="merged_into")
