"""Operations on bulk cancellations, and cancelling a draw, which starts one."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from services.tickets.autoplay.run_store import walk_again
from services.tickets.bulk import store
from services.tickets.bulk.domain import Bulk, BulkKind, BulkState, Progress, TicketRefused
from services.tickets.bulk.previews import ORDER_FAILED, existing_order, require_confirmed
from services.tickets.cancellations.confirmation import CONFIRMATION_OUTDATED, Confirmed
from services.tickets.clock import database_time
from services.tickets.draws.api import DRAW_NOT_FOUND, DRAW_REFUSALS, change_of, decided, existing_draw, refuse
from services.tickets.draws.catalogue import LOTTERY_NOT_FOUND
from services.tickets.draws.domain import DrawEvent, DrawState
from services.tickets.draws.models import DrawPath, DrawView, Number
from services.tickets.draws.store import save_draw
from services.tickets.orders.api import ORDER_NOT_FOUND
from services.tickets.orders.domain import Outcome
from shared import audit
from shared.contracts.base import Identifier
from shared.db import Connection
from shared.ids import uuid7
from shared.messaging import UnitOfWork
from shared.web import (
    Keyset,
    Page,
    PageQuery,
    Personal,
    ProblemType,
    Prose,
    RenderedReply,
    Reply,
    RequestContext,
    RequestModel,
    ResponseModel,
    WrongFieldError,
    operation,
)

BULK_NOT_FOUND = ProblemType(404, "bulk_cancellation_not_found", "No such bulk cancellation")
DRAW_NOT_CANCELLED = ProblemType(409, "draw_not_cancelled", "The draw is not cancelled")
_NEWEST_FIRST = Keyset(tuple[str])
_BY_TICKET = Keyset(tuple[str, str])


class BulkPath(RequestModel):
    """Names a bulk cancellation."""

    bulk_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f-]{36}$")]


class BulkRequest(Confirmed):
    """All tickets of an order (`order_id`), or of a draw that is cancelled (`lottery_id` and `draw_number`)."""

    order_id: Identifier | None = None
    lottery_id: Identifier | None = None
    draw_number: Number | None = None
    reason: Prose

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.order_id is None) == (self.lottery_id is None and self.draw_number is None):
            raise WrongFieldError("order_id", "Give this, or lottery_id and draw_number.")
        if (self.lottery_id is None) != (self.draw_number is None):
            missing = "lottery_id" if self.lottery_id is None else "draw_number"
            raise WrongFieldError(missing, "Give both lottery_id and draw_number.")
        return self


class DrawCancellationRequest(Confirmed):
    """Why the draw is cancelled, and whether all its tickets are cancelled with it."""

    reason: Prose
    cancel_tickets: bool = True


class BulkView(ResponseModel):
    """A bulk cancellation. Of `total` tickets, `done` were dealt with: `accepted`, or refused for a reason.

    Of those accepted, `refunded` have their price back; `refused_by_accounts` are in limbo.
    """

    bulk_id: str
    kind: BulkKind
    order_id: str | None
    lottery: str | None
    draw_number: int | None
    reason: Annotated[str, Personal("prose")]
    requested_by: str
    requested_at: datetime
    state: BulkState
    total: int
    done: int
    accepted: int
    refused: dict[str, int] = Field(description="How many were refused, by code.")
    refunded: int
    refused_by_accounts: int
    finished_at: datetime | None

    @classmethod
    def of(cls, bulk: Bulk, progress: Progress | None) -> Self:
        """The job as it is shown."""
        progress = progress or Progress()
        return cls(
            **asdict(bulk),
            total=progress.total,
            done=progress.accepted + sum(progress.refused.values()),
            accepted=progress.accepted,
            refused=dict(progress.refused),
        )


class DrawCancellationView(ResponseModel):
    """The cancelled draw, and the job that cancels its tickets."""

    draw: DrawView
    bulk: BulkView | None


class RefusalView(ResponseModel):
    """A ticket that could not be cancelled: `code` is stable, `detail` is for people."""

    customer_id: str
    ticket_id: str
    code: str
    detail: str
    refused_at: datetime


class BulkApi:
    """Starts bulk cancellations and shows how far they are. `wake` is called when there is one to do."""

    def __init__(self, unit_of_work: UnitOfWork, wake: Callable[[], None]) -> None:
        self._unit_of_work = unit_of_work
        self._database = unit_of_work.database
        self._wake = wake

    @operation("POST", "/v1/bulk-cancellations", permission="tickets:cancel", status=202, idempotent=True,
               summary="Cancel all tickets of an order or of a cancelled draw", tags=("bulk cancellations",),
               problems=(ORDER_NOT_FOUND, ORDER_FAILED, LOTTERY_NOT_FOUND, DRAW_NOT_FOUND,
                         DRAW_NOT_CANCELLED, CONFIRMATION_OUTDATED))  # fmt: skip
    async def cancel_in_bulk(self, ctx: RequestContext, body: BulkRequest) -> RenderedReply[BulkView]:
        """Answers at once; the tickets follow. Each is cancelled by the rules of a single one, and once.

        The tickets of a draw also need the permission `draws:write`.
        """
        if body.order_id is None:
            ctx.principal.require("draws:write")
        async with self._unit_of_work.begin() as transaction:
            connection = transaction.connection

            async def start() -> Reply[BulkView]:
                bulk = await _target(connection, ctx, body)
                await require_confirmed(connection, ctx, bulk, body)
                view = await _start(connection, ctx, bulk)
                return Reply(view, headers={"Location": f"/v1/bulk-cancellations/{view.bulk_id}"})

            reply: RenderedReply[BulkView] = await ctx.once(connection, start)
        self._wake()
        return reply

    @operation("POST", "/v1/lotteries/{lottery_id}/draws/{draw_number}/cancellation", permission="draws:write",
               status=202, idempotent=True, summary="Cancel a draw", tags=("draws",),
               problems=(LOTTERY_NOT_FOUND, DRAW_NOT_FOUND, CONFIRMATION_OUTDATED,
                         *DRAW_REFUSALS.values()))  # fmt: skip
    async def cancel_draw(
        self, ctx: RequestContext, path: DrawPath, body: DrawCancellationRequest
    ) -> RenderedReply[DrawCancellationView]:
        """All its tickets are cancelled with it, however late it is, by the job that Location names."""
        async with self._unit_of_work.begin() as transaction:
            connection = transaction.connection

            async def cancel() -> Reply[DrawCancellationView]:
                lottery, before = await existing_draw(connection, path, lock=True)
                now = await database_time(connection)
                refuse(before, DrawEvent.CANCELLED, now)
                bulk = _new(ctx, body.reason, lottery=lottery.lottery, draw_number=before.draw_number)
                await require_confirmed(connection, ctx, bulk, body)
                if body.cancel_tickets:
                    await store.wait_for_tickets(connection)
                after = decided(before, DrawState.CANCELLED, now, ctx.principal.subject, body.reason)
                after = await save_draw(connection, after)
                await walk_again(connection, lottery.lottery)
                await audit.record(connection, ctx, change_of("draws.cancel", lottery, before, after))
                view = DrawView.of(lottery, after, now)
                if not body.cancel_tickets:
                    return Reply(DrawCancellationView(draw=view, bulk=None))
                started = await _start(connection, ctx, bulk)
                headers = {"Location": f"/v1/bulk-cancellations/{started.bulk_id}"}
                return Reply(DrawCancellationView(draw=view, bulk=started), headers=headers)

            reply: RenderedReply[DrawCancellationView] = await ctx.once(connection, cancel)
        self._wake()
        return reply

    @operation("GET", "/v1/bulk-cancellations", permission="tickets:read", summary="Bulk cancellations",
               tags=("bulk cancellations",))  # fmt: skip
    async def list_bulk_cancellations(self, ctx: RequestContext, query: PageQuery) -> Page[BulkView]:
        """The newest first."""
        (before,) = _NEWEST_FIRST.position(ctx, query) or (None,)
        async with self._database.read() as connection:
            found = await store.bulks(connection, before=before, limit=query.limit + 1)
            progress = await store.progress(connection, [bulk.bulk_id for bulk in found])
        return _NEWEST_FIRST.page(
            ctx, query, found, key=lambda row: (row.bulk_id,),
            item=lambda row: BulkView.of(row, progress.get(row.bulk_id)),
        )  # fmt: skip

    @operation("GET", "/v1/bulk-cancellations/{bulk_id}", permission="tickets:read", summary="A bulk cancellation",
               tags=("bulk cancellations",), problems=(BULK_NOT_FOUND,))  # fmt: skip
    async def get_bulk_cancellation(self, path: BulkPath) -> BulkView:
        """How far it has come."""
        async with self._database.read() as connection:
            found = await _existing(connection, path)
            progress = await store.progress(connection, [path.bulk_id])
        return BulkView.of(found, progress.get(path.bulk_id))

    @operation("GET", "/v1/bulk-cancellations/{bulk_id}/refusals", permission="tickets:read",
               summary="Tickets that a bulk cancellation could not cancel", tags=("bulk cancellations",),
               problems=(BULK_NOT_FOUND,))  # fmt: skip
    async def list_bulk_refusals(self, ctx: RequestContext, path: BulkPath, query: PageQuery) -> Page[RefusalView]:
        """By customer and ticket, with the reason for each."""
        after = _BY_TICKET.position(ctx, query)
        async with self._database.read() as connection:
            await _existing(connection, path)
            found = await store.refusals(connection, path.bulk_id, after=after, limit=query.limit + 1)
        return _BY_TICKET.page(ctx, query, found, key=_ticket_key, item=RefusalView.model_validate)


def _ticket_key(refusal: TicketRefused) -> tuple[str, str]:
    return refusal.customer_id, refusal.ticket_id


async def _existing(connection: Connection, path: BulkPath) -> Bulk:
    found = await store.bulk(connection, path.bulk_id)
    if found is None:
        raise BULK_NOT_FOUND(f"No bulk cancellation has the id {path.bulk_id}.")
    return found


async def _target(connection: Connection, ctx: RequestContext, body: BulkRequest) -> Bulk:
    if body.order_id is not None:
        if (await existing_order(connection, body.order_id)).outcome is Outcome.FAILED:
            raise ORDER_FAILED(f"The order {body.order_id} failed; it has no tickets.")
        return _new(ctx, body.reason, order_id=body.order_id)
    path = DrawPath(lottery_id=body.lottery_id or "", draw_number=body.draw_number or 0)
    lottery, draw = await existing_draw(connection, path)
    if draw.outcome is not DrawState.CANCELLED:
        raise DRAW_NOT_CANCELLED("Only the tickets of a cancelled draw are cancelled in bulk; cancel the draw first.")
    return _new(ctx, body.reason, lottery=lottery.lottery, draw_number=draw.draw_number)


def _new(
    ctx: RequestContext, reason: str, *, order_id: str | None = None, lottery: str | None = None,
    draw_number: int | None = None,
) -> Bulk:  # fmt: skip
    kind = BulkKind.ORDER if order_id is not None else BulkKind.DRAW
    return Bulk(str(uuid7()), kind, order_id, lottery, draw_number, reason, ctx.principal.subject, datetime.now(UTC))


async def _start(connection: Connection, ctx: RequestContext, bulk: Bulk) -> BulkView:
    added = await store.add(connection, bulk)
    target = {"order_id": bulk.order_id, "lottery": bulk.lottery, "draw_number": bulk.draw_number}
    change = audit.Change(
        "tickets.cancel_in_bulk", f"bulk_cancellation:{bulk.bulk_id}",
        after={name: value for name, value in target.items() if value is not None}, reason=bulk.reason,
    )  # fmt: skip
    await audit.record(connection, ctx, change)
    return BulkView.of(added, None)
