"""The order history of a customer, and single orders."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import Field

from services.tickets.customers.store import united_ids
from services.tickets.lifecycle.api import TicketSummary, summary_of
from services.tickets.lifecycle.domain import Ticket
from services.tickets.lifecycle.table import Status, states_shown_as
from services.tickets.orders import store
from services.tickets.orders.archive import archived_before
from services.tickets.orders.domain import Outcome
from services.tickets.orders.export import Write, csv_header, csv_lines, export, json_lines
from services.tickets.orders.history import Column, Direction, HistoryFilter, history, position
from services.tickets.orders.store import OrderView
from shared.contracts.base import Identifier, ShortText
from shared.db import Database
from shared.web import (
    CustomerPath,
    Instant,
    Keyset,
    Page,
    PageQuery,
    Personal,
    ProblemType,
    RequestContext,
    RequestModel,
    ResponseModel,
    Stream,
    operation,
    require_order,
)

ORDER_NOT_FOUND = ProblemType(404, "order_not_found", "No such order")
_BY_TEXT: Keyset[tuple[Any, ...]] = Keyset(tuple[str, str])
_KEYSETS: Mapping[Column, Keyset[tuple[Any, ...]]] = {
    "ordered_at": Keyset(tuple[datetime, str, str]),
    "draw_at": Keyset(tuple[datetime, str]),
    "draw_number": Keyset(tuple[int, str]),
    "price": Keyset(tuple[int, str]),
    "created_from_autoplay": Keyset(tuple[bool, str]),
}


class OrderPath(RequestModel):
    """Names an order: the id of its purchase."""

    order_id: Identifier


class HistoryFilters(RequestModel):
    """Which tickets of the order history."""

    status: Status | None = Field(default=None, description="Only tickets of this status.")
    lottery: ShortText | None = Field(default=None, description="Only tickets of the lottery of this exact name.")
    draw_number: Annotated[int, Field(ge=0, le=2_000_000_000)] | None = None
    since: Instant | None = Field(default=None, description="Ordered at this time or later.")
    until: Instant | None = Field(default=None, description="Ordered before this time.")
    drawn_since: Instant | None = Field(default=None, description="Drawn at this time or later.")
    drawn_until: Instant | None = Field(default=None, description="Drawn before this time.")
    created_from_autoplay: bool | None = Field(default=None, description="Only tickets (not) created from AutoPlay.")
    autoplay_id: Identifier | None = Field(default=None, description="Only tickets created from this AutoPlay.")
    archived: bool | None = Field(
        default=None, description="Only tickets whose draw is more than a calendar month ago, or only the others."
    )

    _in_order = require_order(("since", "until"), ("drawn_since", "drawn_until"))

    def as_filter(self, archived_before: datetime) -> HistoryFilter:
        """The same for the store."""
        return HistoryFilter(
            archived_before=archived_before,
            archived=self.archived,
            states=states_shown_as(self.status) if self.status else None,
            lottery=self.lottery,
            draw_number=self.draw_number,
            ordered_since=self.since,
            ordered_until=self.until,
            drawn_since=self.drawn_since,
            drawn_until=self.drawn_until,
            created_from_autoplay=self.created_from_autoplay,
            autoplay_id=self.autoplay_id,
        )


class HistoryQuery(HistoryFilters, PageQuery):
    """Which tickets of the order history to list, and in which order."""

    sort: Column = Field(default="ordered_at", description="The column to sort by.")
    direction: Direction = "desc"


class HistoryItem(TicketSummary):
    """A line of the order history. It is archived when its draw is more than a calendar month ago."""

    archived: bool

    @classmethod
    def of(cls, ticket: Ticket, archived_before: datetime) -> Self:
        """The ticket as it is listed."""
        return cls(**dict(summary_of(ticket)), archived=ticket.bought.draw_at < archived_before)


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
    failure_reason: Annotated[str | None, Personal("prose")]
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

    def __init__(self, database: Database, zone: ZoneInfo) -> None:
        self._database = database
        self._zone = zone

    @operation(
        "GET",
        "/v1/customers/{customer_id}/orders",
        permission="tickets:read",
        summary="Order history",
        tags=("orders",),
    )
    async def list_orders(self, ctx: RequestContext, path: CustomerPath, query: HistoryQuery) -> Page[HistoryItem]:
        """Every ticket that the customer ever bought, one row each, current and archived; newest order first.

        Each id of merged customers is answered with the tickets of all; `customer_id` says under which one a ticket
        was bought. By order date a page costs the same at any depth; by another column it costs one pass over the
        customer's tickets.
        """
        keyset = _KEYSETS.get(query.sort, _BY_TEXT)
        after = keyset.position(ctx, query)
        archived_before = self._archived_before()
        async with self._database.read() as connection:
            customer_ids = await united_ids(connection, path.customer_id)
            tickets = await history(
                connection, customer_ids, query.as_filter(archived_before), column=query.sort,
                direction=query.direction, after=after, limit=query.limit + 1,
            )  # fmt: skip
        return keyset.page(
            ctx, query, tickets, key=partial(position, query.sort),
            item=lambda ticket: HistoryItem.of(ticket, archived_before),
        )  # fmt: skip

    @operation("GET", "/v1/customers/{customer_id}/orders.csv", permission="tickets:read", produces="text/csv",
               summary="Order history as CSV", tags=("orders",))  # fmt: skip
    async def export_orders_csv(self, path: CustomerPath, query: HistoryFilters) -> Stream:
        """The tickets that pass the filters, all of them, newest order first, prices in major units."""
        wanted = query.as_filter(self._archived_before())
        return self._export(path, wanted, csv_lines(wanted), "csv", start=csv_header())

    @operation("GET", "/v1/customers/{customer_id}/orders.jsonl", permission="tickets:read",
               produces="application/x-ndjson", summary="Order history as JSON lines", tags=("orders",))  # fmt: skip
    async def export_orders_json(self, path: CustomerPath, query: HistoryFilters) -> Stream:
        """The tickets that pass the filters, all of them, newest order first, one JSON object a line."""
        wanted = query.as_filter(self._archived_before())
        write = json_lines(lambda ticket: HistoryItem.of(ticket, wanted.archived_before).model_dump(mode="json"))
        return self._export(path, wanted, write, "jsonl")

    def _export(
        self, path: CustomerPath, wanted: HistoryFilter, write: Write, ending: str, *, start: bytes = b""
    ) -> Stream:
        chunks = export(self._database, path.customer_id, wanted, write, start=start)
        return Stream.file(chunks, f"orders-{path.customer_id}.{ending}")

    def _archived_before(self) -> datetime:
        return archived_before(datetime.now(UTC), self._zone)

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
