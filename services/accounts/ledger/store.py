"""Writing the ledger. No function commits; writers hold the customers' locks (`services.accounts.locks`)."""

from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Any

from services.accounts.activity import store as activity
from services.accounts.ledger.activities import activities_of
from services.accounts.ledger.chain import chained
from services.accounts.ledger.domain import Ledger
from services.accounts.ledger.entries import NOT_MOVED, Account, Charge, Entry, Key
from services.accounts.ledger.requests import Cancellation
from shared.db import Connection, Statement, array, execute_together, insert_rows, insertion

_OTHER_TYPES = {
    "seq": "bigint", "entry_id": "uuid", "occurred_at": "timestamptz", "recorded_at": "timestamptz",
    "amount_in": "bigint", "amount_out": "bigint", "balance": "bigint",
}  # fmt: skip
_CHARGE_TYPES = {
    "customer_id": "text", "order_id": "text", "charged": "boolean", "amount": "bigint", "currency": "text",
    "reversed_amount": "bigint",
}  # fmt: skip
_charge_row = attrgetter(*_CHARGE_TYPES)
_ENTRY_TYPES = {name: _OTHER_TYPES.get(name, "text") for name in Entry._fields}
_ROW_TYPES = _ENTRY_TYPES | {"hash": "bytea"}
_ACCOUNT_COLUMNS = "customer_id, currency, balance, last_seq, held, head"

# Below, `offset 0` makes a subquery a look-up by key for each row asked for, whatever the planner knows of the size
# of the table. What else is asked of the rows stands outside: inside it would invite a partial index that holds all
# rows of their kind, which seemed to be none when the plan was made.
_SAVE_CHARGES = """
    update charges c
    set reversed_amount = e.reversed_amount, charged = e.charged, amount = e.amount, currency = e.currency
    from unnest($1::text[], $2::text[], $3::bigint[], $4::boolean[], $5::bigint[], $6::text[])
        as e (customer_id, order_id, reversed_amount, charged, amount, currency)
    where c.customer_id = e.customer_id and c.order_id = e.order_id and c.customer_id = any($1::text[])"""

_SAVE_ACCOUNTS = """
    update accounts a
    set currency = e.currency, balance = e.balance, last_seq = e.last_seq, held = e.held, head = decode(e.head, 'hex'),
        last_movement_at = coalesce(e.moved_at, a.last_movement_at),
        deposits = a.deposits + e.deposits, deposit_count = a.deposit_count + e.deposit_count,
        purchases = a.purchases + e.purchases, purchase_count = a.purchase_count + e.purchase_count,
        reversals = a.reversals + e.reversals, reversal_count = a.reversal_count + e.reversal_count,
        withdrawals = a.withdrawals + e.withdrawals, withdrawal_count = a.withdrawal_count + e.withdrawal_count,
        adjustments = a.adjustments + e.adjustments, adjustment_count = a.adjustment_count + e.adjustment_count
    from unnest($1::text::text[], $2::text::text[], $3::text::bigint[], $4::text::bigint[], $5::text::timestamptz[],
                $6::text::bigint[], $7::text::bigint[], $8::text::bigint[], $9::text::bigint[], $10::text::bigint[],
                $11::text::bigint[], $12::text::bigint[], $13::text::bigint[], $14::text::bigint[],
                $15::text::bigint[], $16::text::bigint[], $17::text::text[])
        as e (id, currency, balance, last_seq, moved_at, deposits, deposit_count, purchases, purchase_count,
              reversals, reversal_count, withdrawals, withdrawal_count, adjustments, adjustment_count, held, head)
    where a.customer_id = e.id and a.customer_id = any($1::text::text[])"""


async def save(connection: Connection, ledger: Ledger) -> None:
    """Store what the ledger's requests left: entries, what timelines show of them, charges, the accounts moved."""
    if not ledger.entries:
        return
    rows, others = _changes(ledger)
    await insert_rows(connection, "ledger_entries", _ROW_TYPES, rows)
    await activity.add_new(connection, activities_of(ledger.entries))
    await insert_rows(connection, "charges", _CHARGE_TYPES, [*map(_charge_row, ledger.new_charges.values())])
    await execute_together(connection, others)


def saving(ledger: Ledger) -> list[Statement]:
    """What `save` does as statements, to run together with others: for few requests that leave no new charge."""
    if not ledger.entries:
        return []
    rows, others = _changes(ledger)
    activities = activity.adding(activities_of(ledger.entries))
    return [insertion("ledger_entries", _ROW_TYPES, rows), *activities, *others]


def _changes(ledger: Ledger) -> tuple[Sequence[Sequence[Any]], list[Statement]]:
    """The rows of the new entries, and the updates of accounts and of charges that were there."""
    moved = {entry.customer_id: ledger.accounts[entry.customer_id] for entry in ledger.entries}
    heads = {customer_id: account.head for customer_id, account in moved.items()}
    rows = chained(ledger.entries, heads)
    accounts = [
        array(moved),
        array([account.currency for account in moved.values()]),
        array([account.balance for account in moved.values()]),
        array([account.last_seq for account in moved.values()]),
        array([ledger.now if account.moved else None for account in moved.values()]),
        *map(array, zip(*(account.moved or NOT_MOVED for account in moved.values()), strict=True)),
        array([account.held for account in moved.values()]),
        array([head.hex() for head in heads.values()]),
    ]
    statements = [Statement(_SAVE_ACCOUNTS, accounts)]
    if ledger.changed_charges:
        changed = [
            (each.customer_id, each.order_id, each.reversed_amount, each.charged, each.amount, each.currency)
            for each in ledger.changed_charges.values()
        ]
        statements.append(Statement(_SAVE_CHARGES, list(zip(*changed, strict=True))))
    return rows, statements


async def accounts(connection: Connection, customer_ids: Collection[str]) -> dict[str, Account]:
    """The accounts of these customers, which the caller has locked."""
    rows = await connection.fetch(
        f"select {_ACCOUNT_COLUMNS} from accounts where customer_id = any($1::text::text[])",  # noqa: S608 - constants
        array(customer_ids),
    )
    return {row[0]: Account(*row) for row in rows}


async def lock_known(connection: Connection, customer_ids: Collection[str]) -> dict[str, Account]:
    """The accounts of those of these customers that are known, locked in order."""
    rows = await connection.fetch(
        f"""select {_ACCOUNT_COLUMNS}, status from accounts a
           cross join lateral (
               select case when c.erased_at is null then coalesce(s.status, c.status) else 'erased' end as status
               from customers c left join customers s on s.customer_id = c.merged_into
               where c.customer_id = a.customer_id offset 0) as c
           where a.customer_id = any($1::text::text[])
           order by a.customer_id for update of a""",  # noqa: S608 - constants
        array(customer_ids),
    )
    return {row[0]: Account(*row) for row in rows}


async def charges(connection: Connection, orders: Collection[Key]) -> dict[Key, Charge]:
    """What is on record of these orders, each a pair of customer and order id."""
    customer_ids, order_ids = _columns(orders)
    rows = await connection.fetch(
        """select c.* from unnest($1::text::text[], $2::text::text[]) as asked (customer_id, order_id)
           cross join lateral (
               select customer_id, order_id, charged, amount, currency, reversed_amount from charges
               where charges.customer_id = asked.customer_id and charges.order_id = asked.order_id offset 0) as c""",
        customer_ids, order_ids,
    )  # fmt: skip
    return {(row[0], row[1]): Charge(*row) for row in rows}


async def failed_orders(connection: Connection, orders: Collection[Key]) -> set[Key]:
    """Which of these orders were entered as failed before."""
    customer_ids, order_ids = _columns(orders)
    rows = await connection.fetch(
        """select asked.customer_id, asked.order_id
           from unnest($1::text::text[], $2::text::text[]) as asked (customer_id, order_id)
           cross join lateral (
               select kind, cause_kind, status from ledger_entries e
               where e.customer_id = asked.customer_id and e.cause_id = asked.order_id offset 0) as found
           where found.kind = 'purchase' and found.cause_kind = 'order' and found.status = 'failed'""",
        customer_ids, order_ids,
    )  # fmt: skip
    return {(row[0], row[1]) for row in rows}


async def settled_retries(connection: Connection, retries: Collection[Key]) -> set[Key]:
    """Which of these retries of payments, each a pair of customer and retry id, have their outcome."""
    customer_ids, retry_ids = _columns(retries)
    rows = await connection.fetch(
        """select asked.customer_id, asked.retry_id
           from unnest($1::text::text[], $2::text::text[]) as asked (customer_id, retry_id)
           cross join lateral (
               select kind, cause_kind from ledger_entries e
               where e.customer_id = asked.customer_id and e.cause_id = asked.retry_id offset 0) as found
           where found.kind = 'purchase' and found.cause_kind = 'order'""",
        customer_ids, retry_ids,
    )  # fmt: skip
    return {(row[0], row[1]) for row in rows}


async def reversal_history(connection: Connection, requests: Sequence[Cancellation]) -> tuple[set[Key], dict[Key, str]]:
    """Which of the cancellations have their outcome, and which cancellation credited the tickets back so far."""
    rows = await connection.fetch(
        """select customer_id, ticket_id, cancellation_id, outcome.kind is not null, earlier.cause_id
           from unnest($1::text::text[], $2::text::text[], $3::text::text[])
                as asked (customer_id, ticket_id, cancellation_id)
           left join lateral (
               select kind, cause_kind from ledger_entries e
               where e.customer_id = asked.customer_id and e.cause_id = asked.cancellation_id offset 0
           ) as outcome on outcome.kind = 'reversal' and outcome.cause_kind = 'cancellation'
           left join lateral (
               select kind, status, cause_id from ledger_entries e
               where e.customer_id = asked.customer_id and e.ticket_id = asked.ticket_id offset 0
           ) as earlier on earlier.kind = 'reversal' and earlier.status = 'booked'""",
        array([request.customer_id for request in requests]),
        array([request.ticket_id for request in requests]),
        array([request.cancellation_id for request in requests]),
    )
    settled = {(customer, cancellation) for customer, _, cancellation, is_settled, _ in rows if is_settled}
    return settled, {(customer, ticket): earlier for customer, ticket, _, _, earlier in rows if earlier}


def _columns(keys: Collection[Key]) -> tuple[str, str]:
    return array([first for first, _ in keys]), array([second for _, second in keys])
