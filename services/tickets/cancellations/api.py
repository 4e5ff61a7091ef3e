"""Cancelling a ticket. Requests that arrive while one commit runs share the next."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from services.tickets.cancellations import store
from services.tickets.cancellations.confirmation import CONFIRMATION_OUTDATED, Confirmed, token_for
from services.tickets.cancellations.decisions import CancelTicket, Decider, Denied, Granted
from services.tickets.cancellations.domain import CancellationState, TooLate
from services.tickets.cancellations.events import cancellation_requested
from services.tickets.customers.store import lock
from services.tickets.lifecycle.api import PAID_OUT, TICKET_NOT_FOUND, TicketDetail, TicketPath, detail_of
from services.tickets.lifecycle.domain import Ticket
from services.tickets.lifecycle.table import Refused, Status
from shared import audit
from shared.db import Connection, Database, GroupCommit
from shared.messaging import Transaction, UnitOfWork
from shared.telemetry.trace import TraceContext, bind_trace, current_trace, new_trace
from shared.web import (
    Outcome,
    Personal,
    Problem,
    ProblemType,
    Prose,
    RenderedReply,
    RequestContext,
    ResponseModel,
    claim,
    operation,
    record,
)

CANCELLATION_NOT_FOUND = ProblemType(404, "cancellation_not_found", "The ticket was never to be cancelled")
REFUSALS = {
    Refused.ALREADY_CANCELLING: ProblemType(409, Refused.ALREADY_CANCELLING, "The ticket is being cancelled already"),
    Refused.ALREADY_CANCELLED: ProblemType(409, Refused.ALREADY_CANCELLED, "The ticket is cancelled already"),
    Refused.IN_LIMBO: ProblemType(409, Refused.IN_LIMBO, "The ticket is in limbo"),
    Refused.PAID_OUT: PAID_OUT,
    TooLate.DRAWN: ProblemType(409, TooLate.DRAWN, "The draw was drawn"),
    TooLate.CLOSED: ProblemType(409, TooLate.CLOSED, "The draw is closed"),
    TooLate.WINDOW_OVER: ProblemType(409, TooLate.WINDOW_OVER, "Tickets of the draw can be cancelled no more"),
}
_PROBLEMS: dict[str, ProblemType] = {problem.code: problem for problem in (*REFUSALS.values(), TICKET_NOT_FOUND)}


class CancellationRequest(Confirmed):
    """Why the ticket is to be cancelled, and the agent's explicit confirmation: `confirm` or the preview's token."""

    reason: Prose


class CancellationPreview(ResponseModel):
    """What cancelling the ticket now would do: credit `amount` back, or be refused with `code`."""

    ticket_id: str
    status: Status
    possible: bool
    amount: int
    currency: str
    cancellable_until: datetime
    code: str | None
    detail: str | None
    confirmation_token: str | None = Field(
        description="Confirms the cancellation of what is shown here, by whom it is shown to; null when not possible."
    )


class CancellationView(ResponseModel):
    """A cancellation; `amount`, in minor units, is what is credited back."""

    cancellation_id: str
    ticket_id: str
    order_id: str
    customer_id: str
    amount: int
    currency: str
    reason: Annotated[str, Personal("prose")]
    requested_by: str
    requested_at: datetime
    state: CancellationState
    settled_at: datetime | None
    entry_id: str | None = Field(description="The reversal in the ledger of accounts, when it is completed.")
    refusal_code: str | None
    refusal_reason: Annotated[str | None, Personal("prose")]


@dataclass(frozen=True, slots=True)
class _Request:
    """One caller's request, and the trace that its event continues."""

    context: RequestContext
    ticket_id: str
    reason: str
    confirmation_token: str | None
    trace: TraceContext


@dataclass(frozen=True, slots=True)
class _Accepted:
    request: _Request
    granted: Granted
    reply: RenderedReply[TicketDetail]


class CancellationsApi:
    """Operations on the cancellation of a ticket."""

    def __init__(self, database: Database, unit_of_work: UnitOfWork) -> None:
        self._database = database
        self._unit_of_work = unit_of_work
        self._group: GroupCommit[_Request, RenderedReply[TicketDetail]] = GroupCommit(self._commit, at_once=2)

    @operation(
        "POST",
        "/v1/tickets/{ticket_id}/cancellation",
        permission="tickets:cancel",
        status=202,
        idempotent=True,
        summary="Cancel a ticket",
        tags=("tickets",),
        problems=(TICKET_NOT_FOUND, CONFIRMATION_OUTDATED, *REFUSALS.values()),
    )
    async def cancel_ticket(
        self, ctx: RequestContext, path: TicketPath, body: CancellationRequest
    ) -> RenderedReply[TicketDetail]:
        """The ticket is `cancelling` until accounts has credited its price back; then it is `cancelled`.

        When accounts refuses, the ticket goes to `limbo` with the reason.
        """
        trace = current_trace.get() or new_trace()
        request = _Request(ctx, path.ticket_id, body.reason, body.confirmation_token, trace)
        return await self._group.submit(request)

    @operation(
        "GET",
        "/v1/tickets/{ticket_id}/cancellation",
        permission="tickets:read",
        summary="Cancellation of a ticket",
        tags=("tickets",),
        problems=(CANCELLATION_NOT_FOUND,),
    )
    async def get_cancellation(self, path: TicketPath) -> CancellationView:
        """The latest cancellation of a ticket and what became of it."""
        async with self._database.read() as connection:
            found = await store.latest_cancellation(connection, path.ticket_id)
        if found is None:
            raise CANCELLATION_NOT_FOUND(f"The ticket {path.ticket_id} has no cancellation.")
        return CancellationView.model_validate(found)

    @operation(
        "GET",
        "/v1/tickets/{ticket_id}/cancellation/preview",
        permission="tickets:read",
        summary="What cancelling a ticket would do",
        tags=("tickets",),
        problems=(TICKET_NOT_FOUND,),
    )
    async def preview_cancellation(self, ctx: RequestContext, path: TicketPath) -> CancellationPreview:
        """To be shown before the confirmation. The request itself decides anew.

        With the `confirmation_token` it is refused when ticket, status or amount are not those shown, or somebody
        else asks.
        """
        async with self._database.read() as connection:
            decider = await Decider.load(connection, [path.ticket_id])
        ticket = decider.changes.ticket(path.ticket_id)
        if ticket is None:
            raise TICKET_NOT_FOUND(f"No ticket has the id {path.ticket_id}.")
        decision = decider.decide(CancelTicket(path.ticket_id, "preview", "preview"))
        denied = decision if isinstance(decision, Denied) else None
        return CancellationPreview(
            ticket_id=ticket.ticket_id,
            status=ticket.status,
            possible=denied is None,
            amount=ticket.bought.price,
            currency=ticket.order.currency,
            cancellable_until=decider.terms[ticket.ticket_id].until,
            code=denied.code if denied else None,
            detail=denied.detail if denied else None,
            confirmation_token=None if denied else _token(ticket, ctx),
        )

    async def _commit(self, requests: Sequence[_Request]) -> Sequence[RenderedReply[TicketDetail] | Exception]:
        """Answer each request; those that are accepted take effect in one transaction."""
        ticket_ids = [each.ticket_id for each in requests]
        keys = [each.context.idempotent_request for each in requests]
        async with self._unit_of_work.begin() as transaction:
            connection = transaction.connection
            customers = await store.customers_of_tickets(connection, ticket_ids)
            await lock(connection, customers)
            # Not before the lock: whoever held it may have been answering the same key in another process.
            earlier = await claim(connection, keys)
            fresh = [each for each, answer in zip(requests, earlier, strict=True) if answer is None]
            decided = iter(await _decide(connection, fresh, locked=set(customers)))
            decisions = [next(decided) if answer is None else answer for answer in earlier]
            await _accept(transaction, [each for each in decisions if isinstance(each, _Accepted)])
        return [each.reply if isinstance(each, _Accepted) else each for each in decisions]


async def _decide(
    connection: Connection, requests: Sequence[_Request], *, locked: Set[str]
) -> list[_Accepted | Problem]:
    """What becomes of each request, in order of arrival."""
    if not requests:
        return []
    decider = await Decider.load(connection, [each.ticket_id for each in requests], locked=locked)
    decisions = [_decide_one(decider, each) for each in requests]
    await decider.save(connection)
    return decisions


def _decide_one(decider: Decider, request: _Request) -> _Accepted | Problem:
    by = request.context.principal.subject
    if (outdated := _outdated(decider.changes.ticket(request.ticket_id), request)) is not None:
        return outdated
    decision = decider.decide(CancelTicket(request.ticket_id, request.reason, by))
    if isinstance(decision, Denied):
        return problem_of(decision)
    return _Accepted(request, decision, request.context.render(detail_of(decision.ticket)))


def _outdated(ticket: Ticket | None, request: _Request) -> Problem | None:
    token = request.confirmation_token
    if ticket is None or token is None or token == _token(ticket, request.context):
        return None
    return CONFIRMATION_OUTDATED(
        f"The token does not confirm this: ticket {ticket.ticket_id} is {ticket.status}. Look at the preview again."
    )


def _token(ticket: Ticket, ctx: RequestContext) -> str:
    return token_for(ctx, ticket.ticket_id, ticket.status, ticket.bought.price, ticket.order.currency)


def problem_of(denied: Denied) -> Problem:
    """The refusal as the caller gets it."""
    if denied.cancellable_until is None:
        return _PROBLEMS[denied.code](denied.detail)
    return _PROBLEMS[denied.code](denied.detail, cancellable_until=denied.cancellable_until)


async def _accept(transaction: Transaction, accepted: Sequence[_Accepted]) -> None:
    await record(
        transaction.connection, [Outcome(each.request.context.idempotent_request, each.reply) for each in accepted]
    )
    await audit.record_all(transaction.connection, [(each.request.context, _change(each)) for each in accepted])
    for each in accepted:
        with bind_trace(each.request.trace):
            transaction.publish(cancellation_requested(each.granted.cancellation))


def _change(accepted: _Accepted) -> audit.Change:
    cancellation = accepted.granted.cancellation
    return audit.Change(
        "tickets.cancel",
        f"ticket:{cancellation.ticket_id}",
        customer_id=cancellation.customer_id,
        before={"status": accepted.granted.was},
        after={"status": Status.CANCELLING, "cancellation_id": cancellation.cancellation_id},
        reason=cancellation.reason,
    )
