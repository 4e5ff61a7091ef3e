"""HTTP operations that show the ledger."""

from collections.abc import Mapping
from typing import Any

from services.accounts.ledger import store
from services.accounts.ledger.models import BalanceView, TransactionPath, TransactionQuery, TransactionView
from services.accounts.paths import CUSTOMER_NOT_FOUND, CustomerPath
from shared.db import Database
from shared.web import Keyset, Page, ProblemType, Reply, RequestContext, operation

TRANSACTION_NOT_FOUND = ProblemType(404, "transaction_not_found", "No such transaction")

_BY_SEQ = Keyset(tuple[int])


class LedgerApi:
    """Transaction history and balance."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @operation("GET", "/v1/customers/{customer_id}/transactions", permission="ledger:read",
               summary="Transaction history", tags=("ledger",), problems=(CUSTOMER_NOT_FOUND,))  # fmt: skip
    async def list_transactions(
        self, ctx: RequestContext, path: CustomerPath, query: TransactionQuery
    ) -> Page[TransactionView]:
        """Newest first. Refused and failed ones are shown with their status; they do not move the balance."""
        (before,) = _BY_SEQ.position(ctx, query) or (None,)
        filters = store.Filters(query.kind, query.status, query.direction)
        async with self._database.read() as connection:
            rows = await store.history(connection, path.customer_id, filters, before=before, limit=query.limit + 1)
            if not rows and not await store.is_known(connection, path.customer_id):
                raise _unknown(path.customer_id)
        return _BY_SEQ.page(ctx, query, rows, key=lambda row: (row["seq"],), item=_view)

    @operation("GET", "/v1/customers/{customer_id}/transactions/{seq}", permission="ledger:read",
               summary="One transaction", tags=("ledger",), problems=(TRANSACTION_NOT_FOUND,))  # fmt: skip
    async def get_transaction(self, path: TransactionPath) -> TransactionView:
        """A line of the history by its number."""
        async with self._database.read() as connection:
            row = await store.entry(connection, path.customer_id, path.seq)
        if row is None:
            raise TRANSACTION_NOT_FOUND(f"Customer {path.customer_id} has no transaction {path.seq}.")
        return _view(row)

    @operation("GET", "/v1/customers/{customer_id}/balance", permission="ledger:read", summary="Balance",
               tags=("ledger",), problems=(CUSTOMER_NOT_FOUND,))  # fmt: skip
    async def get_balance(self, path: CustomerPath) -> Reply[BalanceView]:
        """The balance as of the last line of the transaction history."""
        async with self._database.read() as connection:
            balance = await store.balance(connection, path.customer_id)
        if balance is None:
            raise _unknown(path.customer_id)
        return Reply(BalanceView.model_validate(balance), version=balance.as_of_seq)


def _unknown(customer_id: str) -> Exception:
    return CUSTOMER_NOT_FOUND(f"No customer has the id {customer_id}.")


def _view(row: Mapping[str, Any]) -> TransactionView:
    return TransactionView.model_validate(dict(row))
