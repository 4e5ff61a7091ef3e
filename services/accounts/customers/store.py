"""Customers in PostgreSQL. No function commits; writers hold the customers' locks (`services.accounts.locks`)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from services.accounts.customers.domain import Customer
from shared.db import Connection, insert_rows

_COLUMNS = """customer_id, version, first_name, last_name, email, phone, language, time_zone, status, edited_fields,
              created_at, changed_at"""

_LEARNED = dict.fromkeys(
    ("customer_id", "first_name", "last_name", "email", "email_key", "phone", "phone_key", "language", "status"), "text"
) | {"version": "bigint", "created_at": "timestamptz", "changed_at": "timestamptz"}


class Profile(NamedTuple):
    """A customer and its account: `last_seq` grows with every entry of the ledger."""

    customer: Customer
    currency: str | None
    balance: int
    last_seq: int


async def customers(connection: Connection, customer_ids: Sequence[str]) -> dict[str, Customer]:
    """Those of the customers that are known, by id."""
    rows = await connection.fetch(
        f"select {_COLUMNS} from customers where customer_id = any($1::text[])",  # noqa: S608 - constant columns
        customer_ids,
    )
    return {row["customer_id"]: _customer(row) for row in rows}


async def profile(connection: Connection, customer_id: str) -> Profile | None:
    """A customer with its balance."""
    row = await connection.fetchrow(
        f"""select {_COLUMNS}, currency, coalesce(balance, 0) as balance, coalesce(last_seq, 0) as last_seq
            from customers left join accounts using (customer_id) where customer_id = $1""",  # noqa: S608 - as above
        customer_id,
    )
    return Profile(_customer(row), row["currency"], row["balance"], row["last_seq"]) if row else None


async def find(
    connection: Connection,
    *,
    customer_id: str | None = None,
    email_key: str | None = None,
    phone_key: str | None = None,
    after: str = "",
    limit: int,
) -> list[Customer]:
    """Customers to which any of the criteria that are given applies, by id, after the id `after`."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from customers where customer_id = any (array(
                select customer_id from customers where customer_id = $1 and customer_id > $4
                union
                (select customer_id from customers where email_key = $2 and customer_id > $4
                 order by customer_id limit $5)
                union
                (select customer_id from customers where phone_key = $3 and customer_id > $4
                 order by customer_id limit $5)))
            order by customer_id limit $5""",  # noqa: S608 - as above
        customer_id, email_key, phone_key, after, limit,
    )  # fmt: skip
    return [_customer(row) for row in rows]


async def insert_learned(connection: Connection, learned: Sequence[Customer]) -> None:
    """Write customers that are not recorded yet; no agent has edited anything of them."""
    rows = [[getattr(each, name) for name in _LEARNED] for each in learned]
    await insert_rows(connection, "customers", _LEARNED, rows)


async def save(connection: Connection, changed: Sequence[Customer]) -> None:
    """Write customers as they are now, new ones and old ones."""
    if not changed:
        return
    # A text array for edited_fields: arrays of arrays would all need the same length.
    rows = [
        (
            each.customer_id, each.version, each.first_name, each.last_name, each.email, each.email_key, each.phone,
            each.phone_key, each.language, each.time_zone, each.status, ",".join(sorted(each.edited_fields)),
            each.created_at, each.changed_at,
        )
        for each in changed
    ]  # fmt: skip
    await connection.execute(
        """insert into customers
               (customer_id, version, first_name, last_name, email, email_key, phone, phone_key, language, time_zone,
                status, edited_fields, created_at, changed_at)
           select id, version, first_name, last_name, email, email_key, phone, phone_key, language, time_zone,
                  status, string_to_array(edited, ','), created_at, changed_at
           from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                       $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::timestamptz[],
                       $14::timestamptz[])
                as e (id, version, first_name, last_name, email, email_key, phone, phone_key, language, time_zone,
                      status, edited, created_at, changed_at)
           on conflict (customer_id) do update set
               version = excluded.version, first_name = excluded.first_name, last_name = excluded.last_name,
               email = excluded.email, email_key = excluded.email_key, phone = excluded.phone,
               phone_key = excluded.phone_key, language = excluded.language, time_zone = excluded.time_zone,
               status = excluded.status, edited_fields = excluded.edited_fields, changed_at = excluded.changed_at""",
        *zip(*rows, strict=True),
    )


def _customer(row: Any) -> Customer:
    return Customer(
        customer_id=row["customer_id"],
        version=row["version"],
        first_name=row["first_name"],
        last_name=row["last_name"],
        email=row["email"],
        phone=row["phone"],
        language=row["language"],
        time_zone=row["time_zone"],
        status=row["status"],
        edited_fields=frozenset(row["edited_fields"]),
        created_at=row["created_at"],
        changed_at=row["changed_at"],
    )
