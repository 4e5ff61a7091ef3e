"""The order history of a customer, and single orders."""

from datetime import datetime
from typing import Self

from pydantic import Field

from services.tickets.lifecycle.api import TicketSummary, summary_of
from services.tickets.lifecycle.domain import Status, Ticket, states_shown_as
from services.tickets.orders import store
from services.tickets.orders.domain import Outcome
from services.tickets.orders.store import HistoryFilter, HistoryKey, OrderView
from shared.contracts.base import Identifier, ShortText
from shared.db import Database
from shared.web import Keyset, Page, PageQuery, ProblemType, RequestContext, RequestModel, ResponseModel, operation

ORDER_NOT_FOUND = ProblemType(404, "order_not_found", "No such order")
NEWEST_FIRST = Keyset(tuple[datetime, str, str])


class CustomerPath(RequestModel):
    """Names a customer."""

    customer_id: Identifier


class OrderPath(RequestModel):
    """Names an order: the id of its purchase."""

    order_id: Identifier


class HistoryQuery(PageQuery):
    """Which tickets of the order history to list."""

    status: Status | None = Field(default=None, description="Only tickets of this status.")
    lottery: ShortText | None = Field(default=None, description="Only tickets of the lottery of this exact name.")
    created_from_autoplay: bool | None = Field(default=None, description="Only tickets (not) created from AutoPlay.")
    autoplay_id: Identifier | None = Field(default=None, description="Only tickets created from this AutoPlay.")

    def as_filter(self) -> HistoryFilter:
        """The same for the store."""
        return HistoryFilter(
            states=states_shown_as(self.status) if self.status else None,
            lottery=self.lottery,
            created_from_autoplay=self.created_from_autoplay,
            autoplay_id=self.autoplay_id,
        )


class PaymentView(ResponseModel):
    """How an order was paid; `amount` is in minor units."""

    transaction_id: str
    method: str
    amount: int
    currency: str


class OrderDetail(ResponseModel):
    """An order with its tickets; one that failed has the reason and no tickets."""

    order_id: str
    customer_id: str
    customer_name: str | None
    ordered_at: datetime
    outcome: Outcome
    failure_reason: str | None
    checkout_id: str
    receipt_id: str | None
    store_id: str | None
    terminal_id: str | None
    payment: PaymentView
    tickets: list[TicketSummary]

    @classmethod
    def of(cls, view: OrderView) -> Self:
        """The order as it is shown."""
        order = view.order
        return cls(
            order_id=order.order_id,
            customer_id=order.customer_id,
            customer_name=view.customer_name,
            ordered_at=order.ordered_at,
            outcome=order.outcome,
            failure_reason=order.failure_reason,
            checkout_id=order.checkout_id,
            receipt_id=order.receipt_id,
            store_id=order.store_id,
            terminal_id=order.terminal_id,
            payment=PaymentView(
                transaction_id=order.transaction_id,
                method=order.payment_method,
                amount=order.payment_amount,
                currency=order.currency,
            ),
            tickets=[summary_of(ticket) for ticket in view.tickets],
        )


class OrdersApi:
    """Operations on orders."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @operation(
        "GET",
        "/v1/customers/{customer_id}/orders",
        permission="tickets:read",
        summary="Order history",
        tags=("orders",),
    )
    async def list_orders(self, ctx: RequestContext, path: CustomerPath, query: HistoryQuery) -> Page[TicketSummary]:
        """Every ticket that the customer bought, one row each, newest order first."""
        after = NEWEST_FIRST.position(ctx, query)
        async with self._database.read() as connection:
            tickets = await store.history(
                connection, path.customer_id, query.as_filter(), after=after, limit=query.limit + 1
            )
        return NEWEST_FIRST.page(ctx, query, tickets, key=_sort_key, item=summary_of)

    @operation(
        "GET",
        "/v1/orders/{order_id}",
        permission="tickets:read",
        summary="Order with its tickets",
        tags=("orders",),
        problems=(ORDER_NOT_FOUND,),
    )
    async def get_order(self, path: OrderPath) -> OrderDetail:
        """An order, completed or failed, with its tickets in their place."""
        async with self._database.read() as connection:
            found = await store.order(connection, path.order_id)
        if found is None:
            raise ORDER_NOT_FOUND(f"No order has the id {path.order_id}.")
        return OrderDetail.of(found)


def _sort_key(ticket: Ticket) -> HistoryKey:
    return ticket.order.ordered_at, ticket.order.order_id, ticket.ticket_id
