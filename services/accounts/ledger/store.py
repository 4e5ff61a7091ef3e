"""Writing the ledger. No function commits; writers hold the customers' locks (`services.accounts.locks`)."""

from collections.abc import Collection, Sequence

from services.accounts.activity import store as activity
from services.accounts.ledger.activities import activities_of
from services.accounts.ledger.chain import chained
from services.accounts.ledger.domain import NOT_MOVED, Account, Charge, Entry, Key, Ledger
from services.accounts.ledger.requests import Cancellation
from shared.db import Connection, insert_rows

_OTHER_TYPES = {
    "seq": "bigint", "entry_id": "uuid", "occurred_at": "timestamptz", "recorded_at": "timestamptz",
    "amount_in": "bigint", "amount_out": "bigint", "balance": "bigint",
}  # fmt: skip
_CHARGE_TYPES = {
    "customer_id": "text", "order_id": "text", "charged": "boolean", "amount": "bigint", "currency": "text",
    "reversed_amount": "bigint",
}  # fmt: skip
_ENTRY_TYPES = {name: _OTHER_TYPES.get(name, "text") for name in Entry._fields}
_ROW_TYPES = _ENTRY_TYPES | {"hash": "bytea"}
_ACCOUNT_COLUMNS = "customer_id, currency, balance, last_seq, held, head"

# Below, `offset 0` makes a subquery a look-up by key for each row asked for, whatever the planner knows of the size
# of the table.
_SAVE = """
    with charges_saved as (
        update charges c set reversed_amount = e.reversed_amount
        from unnest($1::text[], $2::text[], $3::bigint[]) as e (customer_id, order_id, reversed_amount)
        where c.customer_id = e.customer_id and c.order_id = e.order_id and c.customer_id = any($1::text[]))
    update accounts a
    set currency = e.currency, balance = e.balance, last_seq = e.last_seq, held = e.held, head = e.head,
        last_movement_at = coalesce(e.moved_at, a.last_movement_at),
        deposits = a.deposits + e.deposits, deposit_count = a.deposit_count + e.deposit_count,
        purchases = a.purchases + e.purchases, purchase_count = a.purchase_count + e.purchase_count,
        reversals = a.reversals + e.reversals, reversal_count = a.reversal_count + e.reversal_count,
        withdrawals = a.withdrawals + e.withdrawals, withdrawal_count = a.withdrawal_count + e.withdrawal_count,
        adjustments = a.adjustments + e.adjustments, adjustment_count = a.adjustment_count + e.adjustment_count
    from unnest($4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::timestamptz[], $9::bigint[], $10::bigint[],
                $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[],
                $17::bigint[], $18::bigint[], $19::bigint[], $20::bytea[])
        as e (id, currency, balance, last_seq, moved_at, deposits, deposit_count, purchases, purchase_count,
              reversals, reversal_count, withdrawals, withdrawal_count, adjustments, adjustment_count, held, head)
    where a.customer_id = e.id and a.customer_id = any($4::text[])"""


async def save(connection: Connection, ledger: Ledger) -> None:
    """Store what the ledger's requests left: entries, what timelines show of them, charges, the accounts moved."""
    if not ledger.entries:
        return
    moved = {entry.customer_id: ledger.accounts[entry.customer_id] for entry in ledger.entries}
    reversed_charges = ledger.changed_charges.values()
    new_charges = [[getattr(each, name) for name in _CHARGE_TYPES] for each in ledger.new_charges.values()]
    heads = {customer_id: account.head for customer_id, account in moved.items()}
    await insert_rows(connection, "ledger_entries", _ROW_TYPES, chained(ledger.entries, heads))
    await activity.add(connection, activities_of(ledger.entries))
    await insert_rows(connection, "charges", _CHARGE_TYPES, new_charges)
    await connection.execute(
        _SAVE,
        [each.customer_id for each in reversed_charges],
        [each.order_id for each in reversed_charges],
        [each.reversed_amount for each in reversed_charges],
        list(moved),
        [account.currency for account in moved.values()],
        [account.balance for account in moved.values()],
        [account.last_seq for account in moved.values()],
        [ledger.now if account.moved else None for account in moved.values()],
        *zip(*(account.moved or NOT_MOVED for account in moved.values()), strict=True),
        [account.held for account in moved.values()],
        [heads[customer_id] for customer_id in moved],
    )


async def accounts(connection: Connection, customer_ids: Collection[str]) -> dict[str, Account]:
    """The accounts of these customers, which the caller has locked."""
    rows = await connection.fetch(
        f"select {_ACCOUNT_COLUMNS} from accounts where customer_id = any($1::text[])",  # noqa: S608 - constants
        list(customer_ids),
    )
    return {row[0]: Account(*row) for row in rows}


async def lock_known(connection: Connection, customer_ids: Collection[str]) -> dict[str, Account]:
    """The accounts of those of these customers that are known, locked in order."""
    rows = await connection.fetch(
        f"""select {_ACCOUNT_COLUMNS}, status from accounts a
           cross join lateral (
               select coalesce(s.status, c.status) as status
               from customers c left join customers s on s.customer_id = c.merged_into
               where c.customer_id = a.customer_id offset 0) as c
           where a.customer_id = any($1::text[])
           order by a.customer_id for update of a""",  # noqa: S608 - constants
        list(customer_ids),
    )
    return {row[0]: Account(*row) for row in rows}


async def charges(connection: Connection, orders: Collection[Key]) -> dict[Key, Charge]:
    """What is on record of these orders, each a pair of customer and order id."""
    customer_ids, order_ids = _columns(orders)
    rows = await connection.fetch(
        """select c.* from unnest($1::text[], $2::text[]) as asked (customer_id, order_id)
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
           from unnest($1::text[], $2::text[]) as asked (customer_id, order_id)
           cross join lateral (
               select kind, cause_kind, status from ledger_entries e
               where e.customer_id = asked.customer_id and e.cause_id = asked.order_id offset 0) as found
           where found.kind = 'purchase' and found.cause_kind = 'order' and found.status = 'failed'""",
        customer_ids, order_ids,
    )  # fmt: skip
    return {(row[0], row[1]) for row in rows}


async def reversal_history(connection: Connection, requests: Sequence[Cancellation]) -> tuple[set[Key], dict[Key, str]]:
    """Which of the cancellations have their outcome, and which cancellation credited the tickets back so far."""
    rows = await connection.fetch(
        """select customer_id, ticket_id, cancellation_id, outcome.kind is not null, earlier.cancellation
           from unnest($1::text[], $2::text[], $3::text[]) as asked (customer_id, ticket_id, cancellation_id)
           left join lateral (
               select kind, cause_kind from ledger_entries e
               where e.customer_id = asked.customer_id and e.cause_id = asked.cancellation_id offset 0
           ) as outcome on outcome.kind = 'reversal' and outcome.cause_kind = 'cancellation'
           left join lateral (
               select e.cause_id as cancellation from ledger_entries e
               where e.customer_id = asked.customer_id and e.ticket_id = asked.ticket_id
                 and kind = 'reversal' and status = 'booked' offset 0
           ) as earlier on true""",
        [request.customer_id for request in requests],
        [request.ticket_id for request in requests],
        [request.cancellation_id for request in requests],
    )
    settled = {(customer, cancellation) for customer, _, cancellation, is_settled, _ in rows if is_settled}
    return settled, {(customer, ticket): earlier for customer, ticket, _, _, earlier in rows if earlier}


def _columns(keys: Collection[Key]) -> tuple[list[str], list[str]]:
    return [first for first, _ in keys], [second for _, second in keys]
