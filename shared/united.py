"""All ids of one customer, where a table of a service says whom accounts merged into whom."""

from shared.db import Connection


async def united_ids(connection: Connection, customer_id: str, *, table: str, survivor: str) -> list[str]:
    """The survivor's id, then those merged into it, for any of them; an id that is not in `table` is by itself.

    `survivor` is the column that names whom the customer in `customer_id` was merged into, null for one of its own.
    """
    rows = await connection.fetch(
        f"""with survivor as (
               select coalesce((select {survivor} from {table} where customer_id = $1), $1) as id)
           select id from survivor
           union all
           select customer_id from survivor join {table} on {survivor} = id""",  # noqa: S608 - constants of the callers
        customer_id,
    )
    return [row[0] for row in rows]
