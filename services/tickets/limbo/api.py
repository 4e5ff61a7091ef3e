"""Operations on tickets in limbo."""

from datetime import datetime

from pydantic import Field

from services.tickets.cancellations.store import customers_of_tickets
from services.tickets.clock import database_time
from services.tickets.customers.store import lock
from services.tickets.lifecycle.api import (
    PAID_OUT,
    TICKET_NOT_FOUND,
    LimboView,
    TicketDetail,
    TicketPath,
    TicketSummary,
    detail_of,
    summary_of,
)
from services.tickets.lifecycle.domain import Ticket
from services.tickets.lifecycle.store import tickets_by_id
from services.tickets.lifecycle.table import Refused
from services.tickets.limbo import store
from services.tickets.limbo.decisions import OrderPartlyResolvedError, Resolved, Verdict, resolve
from services.tickets.limbo.domain import Resolution
from shared import audit
from shared.contracts.base import Identifier
from shared.messaging import Transaction, UnitOfWork
from shared.web import (
    ConfirmFlag,
    Keyset,
    Page,
    PageQuery,
    Problem,
    ProblemType,
    Prose,
    RenderedReply,
    Reply,
    RequestContext,
    RequestModel,
    operation,
)

NOT_IN_LIMBO = ProblemType(409, Refused.NOT_IN_LIMBO, "The ticket is not in limbo")
ORDER_PARTLY_RESOLVED = ProblemType(409, "order_partly_resolved", "Other tickets of the order are not in limbo")
DRAW_CANCELLED = ProblemType(409, Refused.DRAW_CANCELLED, "The draw of the ticket was cancelled")
_OLDEST_FIRST = Keyset(tuple[datetime, str])


class LimboQuery(PageQuery):
    """Which tickets in limbo to list."""

    code: Identifier | None = Field(default=None, description="Only those in limbo for this reason.")


class LimboItem(TicketSummary):
    """A ticket in limbo, with why, since when, and what to do."""

    limbo: LimboView


class ResolutionRequest(RequestModel):
    """An agent's decision, with the reason and the explicit confirmation."""

    action: Resolution
    reason: Prose
    confirm: ConfirmFlag = Field(description="Must be true: this cannot be taken back.")


class LimboApi:
    """Lists the tickets in limbo and takes decisions on them."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work
        self._database = unit_of_work.database

    @operation("GET", "/v1/limbo-tickets", permission="limbo:read", summary="Tickets in limbo",
               tags=("limbo",))  # fmt: skip
    async def list_limbo_tickets(self, ctx: RequestContext, query: LimboQuery) -> Page[LimboItem]:
        """Over all customers, the one that has waited longest first."""
        after = _OLDEST_FIRST.position(ctx, query)
        async with self._database.read() as connection:
            found = await store.tickets_in_limbo(connection, code=query.code, after=after, limit=query.limit + 1)
        return _OLDEST_FIRST.page(ctx, query, found, key=_sort_key, item=_item)

    @operation("POST", "/v1/tickets/{ticket_id}/resolution", permission="tickets:resolve", idempotent=True,
               if_match="optional",
               summary="Decide on a ticket in limbo", tags=("limbo",),
               problems=(TICKET_NOT_FOUND, NOT_IN_LIMBO, PAID_OUT, DRAW_CANCELLED, ORDER_PARTLY_RESOLVED))  # fmt: skip
    async def resolve_ticket(
        self, ctx: RequestContext, path: TicketPath, body: ResolutionRequest
    ) -> RenderedReply[TicketDetail]:
        """`confirm_paid`: it counts as paid, whatever accounts booked.

        `cancel_and_refund`: it is cancelled; a price that may have been charged is credited back by accounts, one that
        was refused or is back already is not.
        `retry`: accounts decides anew on the payment, for all tickets of the order, or on the reversal.
        When the draw was cancelled, nothing counts as paid any more and no payment is asked for. With `If-Match`
        the decision is only taken on what was seen.
        """
        async with self._unit_of_work.begin() as transaction:
            connection = transaction.connection
            customers = await customers_of_tickets(connection, [path.ticket_id])
            await lock(connection, customers)

            async def decide() -> Reply[TicketDetail]:
                found = await tickets_by_id(connection, [path.ticket_id])
                if not found or found[0].order.customer_id not in customers:
                    raise TICKET_NOT_FOUND(f"No ticket has the id {path.ticket_id}.")
                ctx.require_version(found[0].shown_version)
                return detail_of(await _resolve(ctx, transaction, found[0], body))

            return await ctx.once(connection, decide)


async def _resolve(ctx: RequestContext, transaction: Transaction, ticket: Ticket, body: ResolutionRequest) -> Ticket:
    now = await database_time(transaction.connection)
    verdict = Verdict(body.action, body.reason, ctx.principal.subject, now)
    try:
        resolved = await resolve(transaction, ticket, verdict)
    except OrderPartlyResolvedError:
        raise ORDER_PARTLY_RESOLVED(
            f"The payment of order {ticket.order.order_id} is for all its tickets: confirm this as paid, or cancel it."
        ) from None
    if isinstance(resolved, Refused):
        raise _refusal(resolved, ticket)
    await audit.record_all(transaction.connection, [(ctx, _change(each, body)) for each in resolved])
    return next(each.after for each in resolved if each.after.ticket_id == ticket.ticket_id)


def _refusal(refused: Refused, ticket: Ticket) -> Problem:
    if refused is Refused.PAID_OUT:
        return PAID_OUT(f"A prize on ticket {ticket.ticket_id} was paid out: confirm it as paid.")
    if refused is Refused.DRAW_CANCELLED:
        draw = f"Draw {ticket.bought.draw_number} of {ticket.bought.lottery}"
        return DRAW_CANCELLED(f"{draw} was cancelled: cancel and refund ticket {ticket.ticket_id}.")
    return NOT_IN_LIMBO(f"The status of ticket {ticket.ticket_id} is {ticket.status}.")


def _change(resolved: Resolved, body: ResolutionRequest) -> audit.Change:
    before, after = resolved
    return audit.Change(
        "tickets.resolve", f"ticket:{before.ticket_id}", customer_id=before.order.customer_id,
        before={"status": before.status, "code": before.limbo.code if before.limbo else None},
        after={"status": after.status, "action": body.action}, reason=body.reason,
    )  # fmt: skip


def _sort_key(ticket: Ticket) -> tuple[datetime, str]:
    if ticket.limbo is None:
        raise ValueError(f"ticket {ticket.ticket_id} is not in limbo")
    return ticket.limbo.since, ticket.ticket_id


def _item(ticket: Ticket) -> LimboItem:
    return LimboItem.model_validate(dict(summary_of(ticket)) | {"limbo": LimboView.of(ticket)})
