"""HTTP operations that show the ledger."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from services.accounts.ledger import history, statement
from services.accounts.ledger.history import EVERYTHING, REACH, Filters, Span
from services.accounts.ledger.models import (
    BalanceQuery,
    BalanceView,
    StatementQuery,
    TransactionPath,
    TransactionQuery,
    TransactionView,
)
from shared.db import Connection, Database
from shared.web import (
    CUSTOMER_NOT_FOUND,
    CustomerPath,
    Keyset,
    ProblemType,
    Reply,
    RequestContext,
    Rows,
    Stream,
    no_customer,
    operation,
)
from shared.web.masks import mask_prose

TRANSACTION_NOT_FOUND = ProblemType(404, "transaction_not_found", "No such transaction")

_BY_SEQ = Keyset(tuple[int])
# What people wrote, as `TransactionView` masks it.
_PROSE = ("reason", "description", "internal_note")


class LedgerApi:
    """Transaction history, statements and balance."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @operation("GET", "/v1/customers/{customer_id}/transactions", permission="ledger:read",
               summary="Transaction history", tags=("ledger",), problems=(CUSTOMER_NOT_FOUND,))  # fmt: skip
    async def list_transactions(
        self, ctx: RequestContext, path: CustomerPath, query: TransactionQuery
    ) -> Rows[TransactionView]:
        """Newest first. Pending, refused and failed ones are shown with their status; they do not move the balance.

        A page may hold fewer lines than asked for, even none, and still have a next one: each looks at a bounded
        part of the history.
        """
        (before,) = _BY_SEQ.position(ctx, query) or (None,)
        filters = query.filters()
        async with self._database.read() as connection:
            within = EVERYTHING
            if filters.has_period or not filters.is_indexed:
                within = await self._span(connection, path.customer_id, filters)
            # A cursor that somebody made up may be below all numbers that the database has.
            high = within.high if before is None else min(within.high, max(before, 1) - 1)
            low = within.low if filters.is_indexed else max(within.low, high - REACH)
            rows = await history.lines(
                connection, path.customer_id, filters, Span(low, high), limit=query.limit + 1, newest_first=True
            )
            if not rows and before is None:
                await _require_known(connection, path.customer_id)
        page = _BY_SEQ.rows(ctx, query, rows, key=lambda row: (row["seq"],), model=TransactionView)
        if page.next_cursor is None and low > within.low:
            return replace(page, next_cursor=_BY_SEQ.encode(ctx.list_identity, (low + 1,)))
        return page

    @operation("GET", "/v1/customers/{customer_id}/transactions/{seq}", permission="ledger:read",
               summary="One transaction", tags=("ledger",), problems=(TRANSACTION_NOT_FOUND,))  # fmt: skip
    async def get_transaction(self, path: TransactionPath) -> TransactionView:
        """A line of the history by its number."""
        async with self._database.read() as connection:
            row = await history.entry(connection, path.customer_id, path.seq)
        if row is None:
            raise TRANSACTION_NOT_FOUND(f"Customer {path.customer_id} has no transaction {path.seq}.")
        return TransactionView.model_validate(row)

    @operation("GET", "/v1/customers/{customer_id}/statement.csv", permission="ledger:read", produces="text/csv",
               summary="Statement as CSV", tags=("ledger",), problems=(CUSTOMER_NOT_FOUND,))  # fmt: skip
    async def get_statement_csv(self, ctx: RequestContext, path: CustomerPath, query: StatementQuery) -> Stream:
        """The lines that pass the filters, oldest first, amounts in major units. Internal notes are left out."""
        return await self._statement(ctx, path, query, statement.csv_lines, "csv", statement.csv_header())

    @operation("GET", "/v1/customers/{customer_id}/statement.jsonl", permission="ledger:read",
               produces="application/x-ndjson", summary="Statement as JSON lines", tags=("ledger",),
               problems=(CUSTOMER_NOT_FOUND,))  # fmt: skip
    async def get_statement_json(self, ctx: RequestContext, path: CustomerPath, query: StatementQuery) -> Stream:
        """The transactions that pass the filters, oldest first, one JSON object a line."""
        return await self._statement(ctx, path, query, partial(statement.json_lines, path.customer_id), "jsonl")

    @operation("GET", "/v1/customers/{customer_id}/balance", permission="ledger:read", summary="Balance",
               tags=("ledger",), problems=(CUSTOMER_NOT_FOUND,))  # fmt: skip
    async def get_balance(self, path: CustomerPath, query: BalanceQuery) -> Reply[BalanceView]:
        """The balance as of the last line of the transaction history, now or at a moment."""
        async with self._database.read() as connection:
            balance = await history.balance(connection, path.customer_id)
            if balance is None:
                raise no_customer(path.customer_id)
            if query.at is not None:
                balance = await history.balance_at(connection, path.customer_id, query.at)
        return Reply(BalanceView.model_validate(balance), version=balance.as_of_seq)

    async def _span(self, connection: Connection, customer_id: str, filters: Filters) -> Span:
        within = await history.span(connection, customer_id, filters)
        if within.high == 0:
            await _require_known(connection, customer_id)
        return within

    async def _statement(
        self,
        ctx: RequestContext,
        path: CustomerPath,
        query: StatementQuery,
        write: statement.Write,
        ending: str,
        start: bytes = b"",
    ) -> Stream:
        customer_id, filters = path.customer_id, query.filters()
        async with self._database.read() as connection:
            within = await self._span(connection, customer_id, filters)
        shown = write if ctx.sees_personal_data else lambda rows: write([_masked(row) for row in rows])
        chunks = statement.statement(self._database, customer_id, filters, within, shown, start=start)
        return Stream.file(chunks, f"statement-{customer_id}.{ending}")


def _masked(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**row, **{name: mask_prose(row[name]) for name in _PROSE if row[name] is not None}}


async def _require_known(connection: Connection, customer_id: str) -> None:
    if not await history.is_known(connection, customer_id):
        raise no_customer(customer_id)
