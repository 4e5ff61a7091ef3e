"""Reading the ledger. The numbers of a customer's lines have no gaps and grow with the time of booking, so that a time
is found among them by halving, and a filter without an index looks at a bounded span of lines for each page.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from services.accounts.ledger.entries import Entry, Kind, Status
from shared.db import Connection

# Lines that a page looks at when no index answers its filters.
REACH = 5000

# Of one customer each, whose id the caller has.
_READ = Entry._fields[1:]
_COLUMNS = ", ".join(_READ)
_SHOWN = (*_READ, "settled_seq")

# Literals, not parameters: only so can the planner tell that the partial indexes apply.
_KINDS: dict[Kind, str] = {
    "deposit": "kind = 'deposit'",
    "purchase": "kind = 'purchase'",
    "reversal": "kind = 'reversal'",
    "withdrawal": "kind = 'withdrawal'",
    "adjustment": "kind = 'adjustment'",
}
_STATUSES: dict[Status, str] = {
    "booked": "status = 'booked'",
    "refused": "status = 'refused'",
    "failed": "status = 'failed'",
    "pending": """status = 'pending' and seq in (
        select pending_seq from held_withdrawals where customer_id = $1 and state = 'pending')""",
}
_DIRECTIONS = {"in": "amount_in > 0", "out": "amount_out > 0"}
_OF_ORDER = """seq in (
    select seq from ledger_entries where customer_id = $1 and cause_id = {0} and cause_kind = 'order'
    union all
    select seq from ledger_entries where customer_id = $1 and order_id = {0} and kind = 'reversal')"""

_HALVING = """
    with recursive search (low, high) as (
        select 0::bigint, coalesce((select last_seq from accounts where customer_id = $1), 0)
        union all
        select case when line.is_before then middle.seq else low end,
               case when line.is_before then high else middle.seq - 1 end
        from search
        cross join lateral (select (low + high + 1) / 2 as seq) as middle
        cross join lateral (
            select e.recorded_at < $2 as is_before from ledger_entries e
            where e.customer_id = $1 and e.seq = middle.seq) as line
        where low < high)
    select low from search where low >= high"""


class Filters(NamedTuple):
    """What a history shows: all where a field is None. `since` is included, `until` is not; both of the booking."""

    kind: Kind | None = None
    status: Status | None = None
    direction: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    min_amount: int | None = None
    max_amount: int | None = None
    text: str | None = None
    order_id: str | None = None
    ticket_id: str | None = None

    @property
    def is_indexed(self) -> bool:
        """Whether an index answers them, so that there is no need to bound the work."""
        if self.order_id or self.ticket_id:
            return True
        scanned = (self.direction, self.min_amount, self.max_amount, self.text)
        is_common = self.kind in {"deposit", "purchase"} or self.status == "booked"
        return not is_common and all(value is None for value in scanned)

    @property
    def has_period(self) -> bool:
        """Whether they name a time."""
        return self.since is not None or self.until is not None


class Span(NamedTuple):
    """Numbers of lines: above `low`, up to `high`."""

    low: int
    high: int


# What the database tells two times apart by.
_INSTANT = timedelta(microseconds=1)
EVERYTHING = Span(0, 2**63 - 1)


async def span(connection: Connection, customer_id: str, filters: Filters) -> Span:
    """The lines of the period: from the first one booked in it to the last."""
    low = await last_before(connection, customer_id, filters.since) if filters.since else 0
    if filters.until is not None:
        return Span(low, await last_before(connection, customer_id, filters.until))
    last = await connection.fetchval("select last_seq from accounts where customer_id = $1", customer_id)
    return Span(low, last or 0)


async def last_before(connection: Connection, customer_id: str, moment: datetime) -> int:
    """The number of the last line booked before the moment, 0 when there is none."""
    return await connection.fetchval(_HALVING, customer_id, moment) or 0


async def lines(
    connection: Connection, customer_id: str, filters: Filters, within: Span, *, limit: int | None, newest_first: bool
) -> list[dict[str, Any]]:
    """Lines in the span that pass the filters, by number: the fields of a `TransactionView`."""
    values: list[Any] = [customer_id]
    conditions = [
        _KINDS[filters.kind] if filters.kind else "",
        _STATUSES[filters.status] if filters.status else "",
        _DIRECTIONS[filters.direction] if filters.direction else "",
    ]
    for template, value in (
        ("seq > {0}", within.low if within.low > EVERYTHING.low else None),
        ("seq <= {0}", within.high if within.high < EVERYTHING.high else None),
        ("amount_in + amount_out >= {0}", filters.min_amount),
        ("amount_in + amount_out <= {0}", filters.max_amount),
        ("strpos(lower(concat_ws(' ', description, reason, internal_note)), lower({0})) > 0", filters.text),
        (_OF_ORDER, filters.order_id),
        ("ticket_id = {0}", filters.ticket_id),
    ):
        if value is not None:
            values.append(value)
            conditions.append(template.format(f"${len(values)}"))
    where = "".join(f" and {condition}" for condition in conditions if condition)
    # A number, not a parameter, and no bounds that bound nothing: with those PostgreSQL makes a plan for each call,
    # which takes as long as the page.
    end = f"limit {limit:d}" if limit is not None else ""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from ledger_entries
            where customer_id = $1 {where}
            order by seq {"desc" if newest_first else "asc"} {end}""",  # noqa: S608 - constants, and a number
        *values,
    )
    return await _with_outcomes(connection, customer_id, rows)


async def entry(connection: Connection, customer_id: str, seq: int) -> dict[str, Any] | None:
    """One line of a customer by its number."""
    rows = await connection.fetch(
        f"select {_COLUMNS} from ledger_entries where customer_id = $1 and seq = $2",  # noqa: S608 - constants
        customer_id, seq,
    )  # fmt: skip
    return next(iter(await _with_outcomes(connection, customer_id, rows)), None)


async def _with_outcomes(connection: Connection, customer_id: str, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """The rows with `settled_seq`: of a pending one, the number of the line that says what became of it."""
    lines: list[dict[str, Any]] = [dict(zip(_SHOWN, (*row, None), strict=True)) for row in rows]
    pending = {line["entry_id"]: line for line in lines if line["status"] == "pending"}
    if pending:
        settled = await connection.fetch(
            """select withdrawal_id, settled_seq from held_withdrawals
               where customer_id = $1 and withdrawal_id = any($2::uuid[])""",
            customer_id, [*pending],
        )  # fmt: skip
        for withdrawal_id, seq in settled:
            pending[withdrawal_id]["settled_seq"] = seq
    return lines


async def is_known(connection: Connection, customer_id: str) -> bool:
    """Whether there is such a customer."""
    return bool(
        await connection.fetchval("select exists (select 1 from customers where customer_id = $1)", customer_id)
    )


class Balance(NamedTuple):
    """The account of a customer. `as_of_seq` is the number of the last entry in it, 0 when there is none."""

    customer_id: str
    currency: str | None
    balance: int
    held: int
    as_of_seq: int

    @property
    def available(self) -> int:
        """What may be spent."""
        return self.balance - self.held


async def balance(connection: Connection, customer_id: str) -> Balance | None:
    """The balance of a known customer."""
    row = await connection.fetchrow(
        """select customer_id, currency, coalesce(balance, 0), coalesce(held, 0), coalesce(last_seq, 0)
           from customers left join accounts using (customer_id) where customer_id = $1""",
        customer_id,
    )
    return Balance(*row) if row else None


async def balance_at(connection: Connection, customer_id: str, moment: datetime) -> Balance:
    """The balance after all that was booked up to and at the moment."""
    seq = await last_before(connection, customer_id, moment + _INSTANT)
    row = await connection.fetchrow(
        """select e.balance, (select currency from accounts a where a.customer_id = e.customer_id),
                  (select coalesce(sum(amount), 0)::bigint from held_withdrawals h
                   where h.customer_id = e.customer_id and pending_seq <= e.seq
                     and (settled_seq is null or settled_seq > e.seq))
           from ledger_entries e where e.customer_id = $1 and e.seq = $2""",
        customer_id, seq,
    )  # fmt: skip
    if row is None:
        return Balance(customer_id, None, 0, 0, 0)
    return Balance(customer_id, row[1], row[0], row[2], seq)
