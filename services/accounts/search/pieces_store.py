"""What is found by its beginning or its end, in PostgreSQL. No function commits."""

from uuid import UUID

from services.accounts.search.store import END, PHONE_BACKWARDS, Found
from shared.db import Connection


async def find_id_beginning(
    connection: Connection, beginning: str, entries: tuple[UUID, UUID] | None, *, limit: int
) -> list[Found]:
    """Customers by how an id of theirs or of something of theirs begins, in any case; `limit` ids of each kind at most.

    `entries` are the first and the last id of a ledger's line that begin so.
    """
    rows = await connection.fetch(
        """(select 'customer', customer_id, customer_id from customers
            where customer_id >= $1 and customer_id < $1 || $3 order by customer_id limit $6)
           union
           (select 'customer', customer_id, customer_id from customers
            where customer_id >= $2 and customer_id < $2 || $3 order by customer_id limit $6)
           union
           (select 'customer', customer_id, customer_id from customers
            where lower(customer_id) >= $1 and lower(customer_id) < $1 || $3
              and customer_id <> lower(customer_id) and customer_id <> upper(customer_id)
            order by lower(customer_id) limit $6)
           union
           (select 'transaction', entry_id::text, customer_id from ledger_entries
            where entry_id between $4 and $5 order by entry_id limit $6)
           union
           (select kind, value, customer_id from identifiers
            where lower(value) >= $1 and lower(value) < $1 || $3 order by lower(value) limit $6)""",
        beginning, beginning.upper(), END, *(entries or (None, None)), limit,
    )  # fmt: skip
    return [Found(*row) for row in rows]


async def find_name_beginnings(connection: Connection, first: str, second: str, *, words: int, limit: int) -> list[str]:
    """Ids of customers with a word in the name that begins with `first`, one of so many, and one with `second`."""
    rows = await connection.fetch(
        """select customer_id
           from (select distinct word from name_words where word >= $1 and word < $1 || $3 order by word limit $4) as w
           cross join lateral (
               select customer_id from customer_names c
               where c.word = w.word and c.other >= $2 and c.other < $2 || $3 limit $5) as beside
           limit $5""",
        first, second, END, words, limit,
    )  # fmt: skip
    return [row[0] for row in rows]


async def find_phone_end(connection: Connection, digits: str, *, limit: int) -> list[str]:
    """Ids of customers whose number ends so, in up to seven digits."""
    rows = await connection.fetch(
        f"""select customer_id from customers
            where {PHONE_BACKWARDS} >= $1 and {PHONE_BACKWARDS} < $1 || $2 and phone_key is not null
            order by {PHONE_BACKWARDS}, customer_id limit $3""",  # noqa: S608 - constants
        digits[::-1], END, limit,
    )  # fmt: skip
    return [row[0] for row in rows]


async def find_email_beginning(connection: Connection, beginning: str, *, limit: int) -> list[str]:
    """Ids of customers whose address begins so, by address."""
    rows = await connection.fetch(
        """select customer_id from customers where email_key >= $1 and email_key < $1 || $2
           order by email_key, customer_id limit $3""",
        beginning, END, limit,
    )  # fmt: skip
    return [row[0] for row in rows]
