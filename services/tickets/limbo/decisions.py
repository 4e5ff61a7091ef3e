"""Carries out an agent's decision on a ticket in limbo: by the status table, with what follows from it."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from services.tickets.autoplay.attempt_store import settle_soon
from services.tickets.cancellations.decisions import CancelTicket, new_cancellation, requested
from services.tickets.cancellations.domain import Cancellation
from services.tickets.cancellations.events import cancellation_requested, ticket_cancelled
from services.tickets.cancellations.store import insert_cancellations, latest_cancellation
from services.tickets.lifecycle.domain import Change, Changes, Fact, Ticket
from services.tickets.lifecycle.events import announce
from services.tickets.lifecycle.store import save_changes, tickets_of_orders, was_paid
from services.tickets.lifecycle.table import Refused, State
from services.tickets.limbo.domain import Resolution, was_charged
from services.tickets.limbo.store import ask_again
from shared.contracts import TicketsPaymentRetried
from shared.contracts.purchases import Payment
from shared.ids import uuid7
from shared.messaging import Transaction

_PAYMENT = {State.LIMBO_PAYMENT_REFUSED, State.LIMBO_PAYMENT_OVERDUE}


class OrderPartlyResolvedError(Exception):
    """A payment is asked for again for all tickets of an order, and some of them are in limbo no more."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """An agent's decision on one ticket, and why."""

    resolution: Resolution
    reason: str
    by: str
    at: datetime


class Resolved(NamedTuple):
    """A ticket before and after a decision."""

    before: Ticket
    after: Ticket


async def resolve(transaction: Transaction, ticket: Ticket, verdict: Verdict) -> list[Resolved] | Refused:
    """The ticket with the others that the decision changed as well, or why the table refuses it.

    Its customer is locked.

    Raises:
        OrderPartlyResolvedError: see there.
    """
    if verdict.resolution is Resolution.RETRY and ticket.state in _PAYMENT:
        return await _retry_payment(transaction, ticket, verdict)
    cancellation = new_cancellation(ticket, CancelTicket(ticket.ticket_id, verdict.reason, verdict.by), verdict.at)
    changes = Changes([ticket])
    change = changes.apply(ticket.ticket_id, requested(cancellation, verdict.resolution.event))
    if isinstance(change, Refused):
        return change
    if not isinstance(change, Change):
        raise TypeError(f"the status table ignores an agent: {change}")
    await save_changes(transaction.connection, changes.made)
    await _follow(transaction, ticket, change, cancellation)
    await settle_soon(transaction.connection, ticket.order.customer_id, ticket.order.order_id)
    return [Resolved(ticket, change.ticket)]


async def _follow(transaction: Transaction, before: Ticket, change: Change, cancellation: Cancellation) -> None:
    announced = await was_paid(transaction.connection, before)
    if change.ticket.state is State.CANCELLING:
        await insert_cancellations(transaction.connection, [cancellation])
        transaction.publish(cancellation_requested(cancellation))
    elif change.ticket.state is State.CANCELLED:
        # Of a ticket that was never paid nobody has heard anything that would have to be taken back.
        charged = before.limbo is not None and was_charged(before.state, before.limbo.code)
        heard_of = charged or announced
        earlier = await latest_cancellation(transaction.connection, before.ticket_id) if heard_of else None
        if earlier is not None:
            transaction.publish(ticket_cancelled(earlier, change, charged=charged))
    elif not announced:
        announce(transaction, [change])


async def _retry_payment(transaction: Transaction, ticket: Ticket, verdict: Verdict) -> list[Resolved] | Refused:
    """Ask for the payment of the whole order. A ticket of it whose draw is cancelled waits, to be refunded if paid."""
    order = ticket.order
    tickets = await tickets_of_orders(transaction.connection, [(order.customer_id, order.order_id)])
    if any(each.state not in _PAYMENT for each in tickets):
        raise OrderPartlyResolvedError
    changes = Changes(tickets)
    if (refused := changes.refusal(ticket.ticket_id, verdict.resolution.event)) is not None:
        return refused
    retry_id = str(uuid7())
    fact = Fact(verdict.resolution.event, verdict.at, retry_id, verdict.by, reason=verdict.reason)
    made = changes.apply_to_all([each.ticket_id for each in tickets], fact)
    await save_changes(transaction.connection, made)
    await ask_again(transaction.connection, [each.ticket_id for each in tickets])
    transaction.publish(_payment_retried(ticket, verdict, retry_id, len(tickets)))
    before = {each.ticket_id: each for each in tickets}
    return [Resolved(before[change.ticket.ticket_id], change.ticket) for change in made]


def _payment_retried(ticket: Ticket, verdict: Verdict, retry_id: str, tickets: int) -> TicketsPaymentRetried:
    order = ticket.order
    return TicketsPaymentRetried(
        customer_id=order.customer_id,
        retry_id=retry_id,
        order_id=order.order_id,
        occurred_at=order.ordered_at,
        payment=Payment.model_validate(
            {
                "transaction_id": order.transaction_id,
                "method": order.payment_method,
                "amount": order.payment_amount,
                "currency": order.currency,
            }
        ),
        tickets=tickets,
        reason=verdict.reason,
        requested_by=verdict.by,
        requested_at=verdict.at,
    )
