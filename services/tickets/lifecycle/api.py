"""Ticket detail and timeline."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from services.tickets.lifecycle import store
from services.tickets.lifecycle.domain import Ticket
from services.tickets.lifecycle.store import TimelineEntry
from services.tickets.lifecycle.table import Refused, Status
from services.tickets.limbo.domain import Resolution, suggest
from shared.contracts.base import Identifier
from shared.db import Database
from shared.web import (
    Keyset,
    Page,
    PageQuery,
    Personal,
    ProblemType,
    Reply,
    RequestContext,
    RequestModel,
    ResponseModel,
    operation,
)

TICKET_NOT_FOUND = ProblemType(404, "ticket_not_found", "No such ticket")
PAID_OUT = ProblemType(409, Refused.PAID_OUT, "A prize on the ticket was paid out")
_BY_VERSION = Keyset(tuple[int])


class TicketPath(RequestModel):
    """Names a ticket."""

    ticket_id: Identifier


class TicketSummary(ResponseModel):
    """A ticket as the order history lists it. `price` is in minor units of `currency`."""

    ticket_id: str
    order_id: str
    checkout_id: str
    customer_id: str
    customer_name: str | None = Field(description="Null as long as nobody has named the customer.")
    lottery: str
    draw_number: int
    draw_at: datetime
    draw_closes_at: datetime
    offer_id: str
    offer_label: str
    price: int
    currency: str
    ordered_at: datetime
    status: Status
    created_from_autoplay: bool
    autoplay_id: str | None


class LimboView(ResponseModel):
    """Why a ticket needs an agent: `code` is stable, `reason` is for people."""

    code: str
    reason: Annotated[str, Personal("prose")]
    since: datetime
    suggested_action: Resolution
    advice: str = Field(description="What to look at before.")

    @classmethod
    def of(cls, ticket: Ticket) -> Self | None:
        """What a ticket waits for, None when it is not in limbo."""
        if ticket.limbo is None:
            return None
        action, advice = suggest(ticket)
        limbo = ticket.limbo
        return cls(code=limbo.code, reason=limbo.reason, since=limbo.since, suggested_action=action, advice=advice)


class TicketDetail(TicketSummary):
    """A ticket with all that is known of it. `limbo` is there while its status is limbo."""

    receipt_id: str | None
    store_id: str | None
    terminal_id: str | None
    payment_transaction_id: str
    payment_method: str
    paid_out_at: datetime | None = Field(description="When a prize on it was paid out: it cannot be cancelled.")
    limbo: LimboView | None


class TimelineItem(ResponseModel):
    """One change in a ticket's life. `cause` is the id of the event, ledger entry or cancellation behind it."""

    sequence: int
    status: Status
    event: str = Field(description="`purchased`, or what happened to the ticket afterwards.")
    occurred_at: datetime
    recorded_at: datetime
    cause: str
    actor: str = Field(description="The agent who did it, or the system that reported it.")
    code: str | None
    reason: Annotated[str | None, Personal("prose")]

    @classmethod
    def of(cls, entry: TimelineEntry) -> Self:
        """The entry as it is shown."""
        return cls(
            sequence=entry.version,
            status=entry.state.status,
            event=entry.event,
            occurred_at=entry.occurred_at,
            recorded_at=entry.recorded_at,
            cause=entry.cause,
            actor=entry.actor,
            code=entry.code,
            reason=entry.reason,
        )


def summary_of(ticket: Ticket) -> TicketSummary:
    """The ticket as a list shows it."""
    order, bought = ticket.order, ticket.bought
    return TicketSummary(
        ticket_id=bought.ticket_id,
        order_id=order.order_id,
        checkout_id=order.checkout_id,
        customer_id=order.customer_id,
        customer_name=ticket.customer_name,
        lottery=bought.lottery,
        draw_number=bought.draw_number,
        draw_at=bought.draw_at,
        draw_closes_at=bought.draw_closes_at,
        offer_id=bought.offer_id,
        offer_label=bought.offer_label,
        price=bought.price,
        currency=order.currency,
        ordered_at=order.ordered_at,
        status=ticket.status,
        created_from_autoplay=bought.autoplay_id is not None,
        autoplay_id=bought.autoplay_id,
    )


def detail_of(ticket: Ticket) -> Reply[TicketDetail]:
    """The ticket in full, under an entity tag that changes with all of it."""
    order = ticket.order
    detail = TicketDetail(
        **dict(summary_of(ticket)),
        receipt_id=order.receipt_id,
        store_id=order.store_id,
        terminal_id=order.terminal_id,
        payment_transaction_id=order.transaction_id,
        payment_method=order.payment_method,
        paid_out_at=ticket.paid_out_at,
        limbo=LimboView.of(ticket),
    )
    return Reply(detail, version=ticket.shown_version)


class TicketsApi:
    """Operations on one ticket."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @operation(
        "GET",
        "/v1/tickets/{ticket_id}",
        permission="tickets:read",
        summary="Ticket detail",
        tags=("tickets",),
        problems=(TICKET_NOT_FOUND,),
    )
    async def get_ticket(self, path: TicketPath) -> Reply[TicketDetail]:
        """A ticket with its order, its status and, in limbo, the reason."""
        async with self._database.read() as connection:
            found = await store.tickets_by_id(connection, [path.ticket_id])
        if not found:
            raise TICKET_NOT_FOUND(f"No ticket has the id {path.ticket_id}.")
        return detail_of(found[0])

    @operation(
        "GET",
        "/v1/tickets/{ticket_id}/timeline",
        permission="tickets:read",
        summary="Ticket timeline",
        tags=("tickets",),
        problems=(TICKET_NOT_FOUND,),
    )
    async def get_ticket_timeline(self, ctx: RequestContext, path: TicketPath, query: PageQuery) -> Page[TimelineItem]:
        """All that happened to a ticket since it was bought, newest first."""
        after = _BY_VERSION.position(ctx, query)
        async with self._database.read() as connection:
            entries = await store.timeline(
                connection, path.ticket_id, before=after[0] if after else None, limit=query.limit + 1
            )
        if not entries and after is None:
            raise TICKET_NOT_FOUND(f"No ticket has the id {path.ticket_id}.")
        return _BY_VERSION.page(ctx, query, entries, key=lambda entry: (entry.version,), item=TimelineItem.of)
