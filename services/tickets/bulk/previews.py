"""What cancelling all tickets of an order or a draw would do, shown before it is confirmed."""

from collections import Counter

from pydantic import Field

from services.tickets.bulk import store
from services.tickets.bulk.domain import Bulk, BulkKind, Forecast, Target
from services.tickets.cancellations.confirmation import CONFIRMATION_OUTDATED, Confirmed, token_for
from services.tickets.cancellations.decisions import CancelTicket, Decider, Denied
from services.tickets.clock import database_time
from services.tickets.draws.api import DRAW_NOT_FOUND, existing_draw
from services.tickets.draws.catalogue import LOTTERY_NOT_FOUND
from services.tickets.draws.domain import DrawEvent, DrawState, decide
from services.tickets.draws.models import DrawPath
from services.tickets.lifecycle.table import Refused, TicketEvent
from services.tickets.lifecycle.table import decide as decide_ticket
from services.tickets.orders.api import ORDER_NOT_FOUND, OrderPath
from services.tickets.orders.domain import Order, Outcome
from services.tickets.orders.store import order as order_with_tickets
from shared.db import Connection, Database
from shared.web import ProblemType, RequestContext, ResponseModel, operation

ORDER_FAILED = ProblemType(409, "order_failed", "The order failed and has no tickets")


class BulkPreview(ResponseModel):
    """Of `total` tickets `accepted` would be cancelled and the others refused."""

    kind: BulkKind
    order_id: str | None
    lottery: str | None
    draw_number: int | None
    possible: bool = Field(description="Whether the request would be taken; when not, `code` says why.")
    total: int
    accepted: int
    amounts: dict[str, int] = Field(description="What is credited back: minor units by currency.")
    refused: dict[str, int] = Field(description="How many tickets would be refused, by code.")
    code: str | None
    detail: str | None
    confirmation_token: str | None = Field(
        description="Confirms the cancellation of what is shown here, by whom it is shown to; null when not possible."
    )


class BulkPreviewsApi:
    """Shows what bulk cancellations would do. They decide anew, ticket by ticket."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @operation("GET", "/v1/orders/{order_id}/cancellation/preview", permission="tickets:read",
               summary="What cancelling all tickets of an order would do", tags=("bulk cancellations",),
               problems=(ORDER_NOT_FOUND,))  # fmt: skip
    async def preview_order_cancellation(self, ctx: RequestContext, path: OrderPath) -> BulkPreview:
        """To be shown before `POST /v1/bulk-cancellations` with this `order_id`.

        With the `confirmation_token` that is refused when the numbers are not those shown, or somebody else asks.
        """
        async with self._database.read() as connection:
            order = await existing_order(connection, path.order_id)
            forecast = await _forecast(connection, Target(order_id=path.order_id))
        code = detail = None
        if order.outcome is Outcome.FAILED:
            code, detail = ORDER_FAILED.code, f"The order {path.order_id} failed; it has no tickets."
        return _preview(ctx, Target(order_id=path.order_id), forecast, code, detail)

    @operation("GET", "/v1/lotteries/{lottery_id}/draws/{draw_number}/cancellation/preview", permission="tickets:read",
               summary="What cancelling a draw with all its tickets would do", tags=("draws",),
               problems=(LOTTERY_NOT_FOUND, DRAW_NOT_FOUND))  # fmt: skip
    async def preview_draw_cancellation(self, ctx: RequestContext, path: DrawPath) -> BulkPreview:
        """To be shown before the draw's cancellation, or, when it is cancelled, `POST /v1/bulk-cancellations` for it.

        With the `confirmation_token` either is refused when the numbers are not those shown, as when tickets were
        sold since, or when somebody else asks.
        """
        async with self._database.read() as connection:
            lottery, draw = await existing_draw(connection, path)
            now = await database_time(connection)
            target = Target(lottery=lottery.lottery, draw_number=draw.draw_number)
            forecast = await _forecast(connection, target)
        # Of a draw that is cancelled the tickets can still be.
        code = None if draw.outcome is DrawState.CANCELLED else decide(draw, DrawEvent.CANCELLED, now)
        detail = f"Draw {draw.draw_number} of {lottery.lottery} is {draw.state(now)}." if code else None
        return _preview(ctx, target, forecast, code, detail)


def _preview(
    ctx: RequestContext, target: Target, forecast: Forecast, code: str | None, detail: str | None
) -> BulkPreview:
    return BulkPreview(
        kind=BulkKind.DRAW if target.order_id is None else BulkKind.ORDER,
        order_id=target.order_id,
        lottery=target.lottery,
        draw_number=target.draw_number,
        possible=code is None,
        total=forecast.total,
        accepted=forecast.accepted,
        amounts=dict(forecast.amounts),
        refused=dict(forecast.refused),
        code=code,
        detail=detail,
        confirmation_token=None if code else _token(ctx, target, forecast),
    )


def _token(ctx: RequestContext, target: Target, forecast: Forecast) -> str:
    return token_for(ctx, *target, forecast.total, dict(forecast.amounts), dict(forecast.refused))


async def existing_order(connection: Connection, order_id: str) -> Order:
    """The order. Raises Problem: 404 `order_not_found`."""
    found = await order_with_tickets(connection, order_id)
    if found is None:
        raise ORDER_NOT_FOUND(f"No order has the id {order_id}.")
    return found.order


async def require_confirmed(connection: Connection, ctx: RequestContext, bulk: Bulk, request: Confirmed) -> None:
    """Raise Problem: 409 `confirmation_outdated`, when the request has a token and its preview would be another."""
    if request.confirmation_token is None:
        return
    target = Target(bulk.order_id, bulk.lottery, bulk.draw_number)
    if request.confirmation_token != _token(ctx, target, await _forecast(connection, target)):
        raise CONFIRMATION_OUTDATED("The token does not confirm this: look at the preview again.")


async def _forecast(connection: Connection, target: Target) -> Forecast:
    if target.order_id is not None:
        return await _of_order(connection, target.order_id)
    return await _of_draw(connection, target.lottery or "", target.draw_number or 0)


async def _of_order(connection: Connection, order_id: str) -> Forecast:
    """What each ticket would be answered; an order has a thousand at most."""
    order = await order_with_tickets(connection, order_id)
    tickets = [ticket.ticket_id for ticket in order.tickets] if order is not None else []
    decider = await Decider.load(connection, tickets)
    decisions = [decider.decide(CancelTicket(ticket_id, "preview", "preview")) for ticket_id in tickets]
    amounts: Counter[str] = Counter()
    for cancellation in decider.granted:
        amounts[cancellation.currency] += cancellation.amount
    refused = Counter(str(each.code) for each in decisions if isinstance(each, Denied))
    return Forecast(len(decisions), amounts, refused)


async def _of_draw(connection: Connection, lottery: str, draw_number: int) -> Forecast:
    """What the tickets would be answered were the draw cancelled, when its times do not count."""
    amounts: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    total = 0
    for alike in await store.tickets_of_draw(connection, lottery, draw_number):
        total += alike.tickets
        decision = decide_ticket(alike.state, TicketEvent.CANCELLATION_REQUESTED, paid_out=alike.paid_out)
        if isinstance(decision, Refused):
            refused[decision] += alike.tickets
        else:
            amounts[alike.currency] += alike.amount
    return Forecast(total, amounts, refused)
