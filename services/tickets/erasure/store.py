"""Taking what agents and shops wrote about a customer out of tickets. Codes and what services reported stay."""

from collections.abc import Sequence

from shared.db import Connection

ERASED = "Erased"

# What services report has their name for its actor, and nothing personal in its reason.
_BY_AGENTS = "actor not like 'recourse/%'"
# A run has no actor: these codes are of runs that an agent decided on.
_CODES_OF_AGENTS = "code in ('skipped', 'autoplay_cancelled')"

_REASONS = (
    ("ticket_timeline", _BY_AGENTS),
    ("cancellations", "true"),
    ("autoplay_timeline", _BY_AGENTS),
    ("autoplay_runs", _CODES_OF_AGENTS),
    ("autoplays", "code is distinct from 'customer_erased'"),
)


async def erase_reasons(connection: Connection, customer_ids: Sequence[str]) -> list[str]:
    """Erase the reasons that agents gave for what they did for these locked customers, and why orders of theirs failed.

    Returns the ids of the bulk cancellations of whole orders whose reasons went as well.
    """
    for table, condition in _REASONS:
        await connection.execute(
            f"""update {table} set reason = $2
                where customer_id = any($1::text[]) and reason is not null and reason <> $2
                  and {condition}""",  # noqa: S608 - constants
            customer_ids, ERASED,
        )  # fmt: skip
    await erase_failures(connection, customer_ids)
    rows = await connection.fetch(
        """update bulk_cancellations set reason = $2
           where kind = 'order' and reason <> $2
             and order_id = any (array(select order_id from tickets where customer_id = any($1::text[])))
           returning bulk_id""",
        customer_ids, ERASED,
    )  # fmt: skip
    return [row[0] for row in rows]


async def erase_failures(connection: Connection, customer_ids: Sequence[str]) -> None:
    """Erase what shops said of failed orders, for those of these locked customers that were erased."""
    await connection.execute(
        """update orders o set failure_reason = $2
           from customers c
           where c.customer_id = any($1::text[]) and c.details_version > 0 and c.first_name is null
             and o.customer_id = c.customer_id and o.outcome = 'failed' and o.failure_reason <> $2""",
        customer_ids, ERASED,
    )  # fmt: skip
