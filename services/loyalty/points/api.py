"""Points over HTTP: a customer's balance and history."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from services.loyalty.points import store
from services.loyalty.points.domain import Kind
from shared.db import Database
from shared.web import CustomerPath, Keyset, Page, PageQuery, RequestContext, ResponseModel, operation

_BY_SEQUENCE = Keyset(tuple[int])


class HistoryQuery(PageQuery):
    """A page of the history, of one kind of movement if wanted."""

    kind: Kind | None = Field(default=None, description="Only movements of this kind.")


class PointsBalance(ResponseModel):
    """A customer's points; all zero for a customer that never earned any."""

    customer_id: str
    balance: int
    lifetime_earned: int
    lifetime_clawed_back: int


class PointsEntry(ResponseModel):
    """One movement. `points` is negative when they were clawed back; `balance` is what it left."""

    id: UUID
    occurred_at: datetime
    kind: Kind
    points: int
    balance: int
    order_id: str
    ticket_id: str
    store_id: str | None
    terminal_id: str | None
    payment_transaction_id: str | None


class PointsApi:
    """The operations of this feature."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @operation(
        "GET", "/v1/customers/{customer_id}/points", permission="loyalty:read",
        summary="Points balance of a customer", tags=("points",),
    )  # fmt: skip
    async def points_balance(self, path: CustomerPath) -> PointsBalance:
        """What the customer has, and what was earned and clawed back in all."""
        async with self._database.read() as connection:
            account = await store.account(connection, path.customer_id)
        return PointsBalance(
            customer_id=path.customer_id,
            balance=account.balance,
            lifetime_earned=account.lifetime_earned,
            lifetime_clawed_back=account.lifetime_clawed_back,
        )

    @operation(
        "GET", "/v1/customers/{customer_id}/points/history", permission="loyalty:read",
        summary="Points history of a customer", tags=("points",),
    )  # fmt: skip
    async def points_history(self, ctx: RequestContext, path: CustomerPath, query: HistoryQuery) -> Page[PointsEntry]:
        """Every movement, the newest first."""
        position = _BY_SEQUENCE.position(ctx, query)
        async with self._database.read() as connection:
            rows = await store.history(
                connection,
                path.customer_id,
                kind=query.kind,
                before=position[0] if position else None,
                limit=query.limit + 1,
            )
        return _BY_SEQUENCE.page(ctx, query, rows, key=lambda row: (row.seq,), item=PointsEntry.model_validate)
