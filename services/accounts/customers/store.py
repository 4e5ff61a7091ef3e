"""Customers in PostgreSQL. No function commits; writers hold the customers' locks (`services.accounts.locks`)."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from services.accounts.customers.domain import Customer
from services.accounts.customers.profile import Account, Profile, Totals
from services.accounts.search.names_store import Named, index_names
from shared.db import Connection, array, insert_rows

_COLUMNS = """customer_id, version, first_name, last_name, email, phone, phone_key, language, time_zone, status,
              edited_fields, customers.created_at, changed_at, status_reason, erased_at, merged_into"""

_WIDTH = _COLUMNS.count(",") + 1

_LEARNED = dict.fromkeys(
    ("customer_id", "first_name", "last_name", "email", "email_key", "phone", "phone_key", "language", "status"), "text"
) | {"version": "bigint", "created_at": "timestamptz", "changed_at": "timestamptz"}
_learned_row = attrgetter(*_LEARNED)

# Customers to look at, at most, who may have a number under a key from before it was made anew.
_EARLIER = 50

# Of each kind of entry its sum and number; the order of `Totals`.
_TOTALS = """coalesce(deposits, 0), coalesce(deposit_count, 0), coalesce(purchases, 0), coalesce(purchase_count, 0),
             coalesce(reversals, 0), coalesce(reversal_count, 0), coalesce(withdrawals, 0),
             coalesce(withdrawal_count, 0), coalesce(adjustments, 0), coalesce(adjustment_count, 0)"""


async def customers(connection: Connection, customer_ids: Sequence[str]) -> dict[str, Customer]:
    """Those of the customers that are known, by id."""
    rows = await connection.fetch(
        f"select {_COLUMNS} from customers where customer_id = any($1::text::text[])",  # noqa: S608 - constant columns
        array(customer_ids),
    )
    return {row["customer_id"]: _customer(row) for row in rows}


_UNITED = """
    with survivor as (select coalesce(merged_into, customer_id) as id from customers where customer_id = $1)
    select id from survivor
    union all
    select customer_id from survivor join customers on merged_into = id"""


async def united_ids(connection: Connection, customer_id: str) -> list[str]:
    """All ids of a customer, its own first and of a merged one the survivor's; none when there is no such customer."""
    return [row[0] for row in await connection.fetch(_UNITED, customer_id)]


async def profile(connection: Connection, customer_id: str) -> Profile | None:
    """A customer with its balance, and with those merged into it; of a merged one the survivor."""
    rows = await connection.fetch(
        f"""select {_COLUMNS}, currency, coalesce(balance, 0), coalesce(held, 0), coalesce(last_seq, 0),
                   last_movement_at, {_TOTALS}
            from customers left join accounts using (customer_id) where customer_id = any(array({_UNITED}))
            order by merged_into is not null, customer_id""",  # noqa: S608 - as above
        customer_id,
    )
    if not rows:
        return None
    return Profile(_customer(rows[0]), tuple(_account(row) for row in rows), tuple(row["version"] for row in rows[1:]))


async def find(
    connection: Connection,
    *,
    email_key: str | None = None,
    phone_key: str | None = None,
    earlier_keys: Sequence[str] = (),
    limit: int,
) -> list[Customer]:
    """Customers with this address or this number, by id; numbers also by keys from before they were made anew."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from customers where customer_id = any (array(
                (select customer_id from customers where email_key = $1 order by customer_id limit $3)
                union
                (select customer_id from customers where phone_key = $2 order by customer_id limit $3)
                union
                (select customer_id from customers where phone_key = any($4::text[]) limit $5)))
            order by customer_id""",  # noqa: S608 - as above
        email_key, phone_key, limit, earlier_keys, _EARLIER,
    )  # fmt: skip
    return [_customer(row) for row in rows]


async def insert_learned(connection: Connection, learned: Sequence[Customer]) -> None:
    """Write customers that are not recorded yet; no agent has edited anything of them."""
    await insert_rows(connection, "customers", _LEARNED, [*map(_learned_row, learned)])
    await index_names(connection, _named(learned), are_new=True)


async def save(connection: Connection, changed: Sequence[Customer]) -> None:
    """Write customers as they are now, new ones and old ones."""
    if not changed:
        return
    await index_names(connection, _named(changed), are_new=False)
    # A text array for edited_fields: arrays of arrays would all need the same length.
    rows = [
        (
            each.customer_id, each.version, each.first_name, each.last_name, each.email, each.email_key, each.phone,
            each.phone_key, each.language, each.time_zone, each.status, ",".join(sorted(each.edited_fields)),
            each.created_at, each.changed_at, each.status_reason, each.erased_at, each.merged_into,
        )
        for each in changed
    ]  # fmt: skip
    await connection.execute(
        """insert into customers
               (customer_id, version, first_name, last_name, email, email_key, phone, phone_key, language, time_zone,
                status, edited_fields, created_at, changed_at, status_reason, erased_at, merged_into)
           select id, version, first_name, last_name, email, email_key, phone, phone_key, language, time_zone,
                  status, string_to_array(edited, ','), created_at, changed_at, status_reason, erased_at, merged_into
           from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                       $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::timestamptz[],
                       $14::timestamptz[], $15::text[], $16::timestamptz[], $17::text[])
                as e (id, version, first_name, last_name, email, email_key, phone, phone_key, language, time_zone,
                      status, edited, created_at, changed_at, status_reason, erased_at, merged_into)
           on conflict (customer_id) do update set
               version = excluded.version, first_name = excluded.first_name, last_name = excluded.last_name,
               email = excluded.email, email_key = excluded.email_key, phone = excluded.phone,
               phone_key = excluded.phone_key, language = excluded.language, time_zone = excluded.time_zone,
               status = excluded.status, edited_fields = excluded.edited_fields, changed_at = excluded.changed_at,
               status_reason = excluded.status_reason, erased_at = excluded.erased_at,
               merged_into = excluded.merged_into""",
        *zip(*rows, strict=True),
    )


async def lock_phone_keys(connection: Connection, region: str) -> str | None:
    """The customer id after which keys are still to be made anew for the region; the transaction holds this place.

    None when all are made, or when another transaction holds it.
    """
    await connection.execute("insert into phone_keys (region, after) values ($1, '') on conflict do nothing", region)
    row = await connection.fetchrow("select region, after, done_at from phone_keys for update skip locked")
    if row is None or (row["region"] == region and row["done_at"] is not None):
        return None
    return str(row["after"]) if row["region"] == region else ""


async def move_phone_keys(connection: Connection, region: str, after: str | None) -> None:
    """Note after which customer id to go on; None when all are done."""
    await connection.execute(
        """update phone_keys
           set region = $1, after = coalesce($2, ''), done_at = case when $2::text is null then now() end""",
        region, after,
    )  # fmt: skip


async def phones_after(connection: Connection, after: str, *, limit: int) -> list[tuple[str, str, str | None]]:
    """Customers with a number behind the id `after`, by id: (customer id, number, key)."""
    rows = await connection.fetch(
        """select customer_id, phone, phone_key from customers where customer_id > $1 and phone is not null
           order by customer_id limit $2""",
        after, limit,
    )  # fmt: skip
    return [tuple(row) for row in rows]


async def set_phone_keys(connection: Connection, keys: Sequence[tuple[str, str, str | None]]) -> None:
    """Store keys of numbers, (customer id, number, key) of each, unless the customer has another number by now."""
    await connection.execute(
        """update customers set phone_key = e.key
           from unnest($1::text[], $2::text[], $3::text[]) as e (id, phone, key)
           where customer_id = e.id and customers.phone = e.phone""",
        *zip(*keys, strict=True),
    )


def _account(row: Any) -> Account:
    currency, balance, held, last_seq, last_movement_at, *totals = row[_WIDTH:]
    return Account(row["customer_id"], currency, balance, held, last_seq, last_movement_at, Totals(*totals))


def _named(customers: Sequence[Customer]) -> list[Named]:
    return [
        Named(each.customer_id, "", "") if each.erased_at else Named(each.customer_id, each.first_name, each.last_name)
        for each in customers
    ]


def _customer(row: Any) -> Customer:
    return Customer(
        customer_id=row["customer_id"],
        version=row["version"],
        first_name=row["first_name"],
        last_name=row["last_name"],
        email=row["email"],
        phone=row["phone"],
        phone_key=row["phone_key"],
        language=row["language"],
        time_zone=row["time_zone"],
        status=row["status"],
        edited_fields=frozenset(row["edited_fields"]),
        created_at=row["created_at"],
        changed_at=row["changed_at"],
        status_reason=row["status_reason"],
        erased_at=row["erased_at"],
        merged_into=row["merged_into"],
    )
