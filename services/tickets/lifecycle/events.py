"""What is published of the life of tickets."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from services.tickets.lifecycle.domain import Change
from services.tickets.lifecycle.table import State
from services.tickets.orders.domain import BoughtTicket
from shared.contracts import TicketsInLimbo, TicketsPaid
from shared.contracts.purchases import PurchasedTicket
from shared.messaging import Received, Transaction
from shared.telemetry.metrics import counter

_limbo = counter("recourse_tickets_limbo_total", "Tickets that went to limbo, by what sent them there", ("event",))


def purchased_ticket(bought: BoughtTicket) -> PurchasedTicket:
    """The ticket as the contracts show it."""
    return PurchasedTicket(
        id=bought.ticket_id,
        lottery=bought.lottery,
        draw_number=bought.draw_number,
        draw_at=bought.draw_at,
        draw_closes_at=bought.draw_closes_at,
        offer_id=bought.offer_id,
        offer_label=bought.offer_label,
        price=bought.price,
        autoplay_id=bought.autoplay_id,
    )


def announce(transaction: Transaction, changes: Sequence[Change], *, cause: Received[Any] | None = None) -> None:
    """Publish what one fact made of tickets of one order: they are paid, or in limbo."""
    paid = [change for change in changes if change.ticket.state is State.PAID]
    limbo = [change for change in changes if change.ticket.limbo is not None]
    if paid:
        transaction.publish(_tickets_paid(paid), cause=cause)
    if limbo:
        transaction.publish(_tickets_in_limbo(limbo), cause=cause)
        transaction.on_commit(partial(_limbo.labels(limbo[0].fact.event).inc, len(limbo)))


def _tickets_paid(changes: Sequence[Change]) -> TicketsPaid:
    order, fact = changes[0].ticket.order, changes[0].fact
    return TicketsPaid(
        order_id=order.order_id,
        customer_id=order.customer_id,
        paid_at=fact.at,
        currency=order.currency,
        checkout_id=order.checkout_id,
        receipt_id=order.receipt_id,
        store_id=order.store_id,
        terminal_id=order.terminal_id,
        payment_transaction_id=order.transaction_id,
        payment_amount=order.payment_amount,
        tickets=[purchased_ticket(change.ticket.bought) for change in changes],
    )


def _tickets_in_limbo(changes: Sequence[Change]) -> TicketsInLimbo:
    order, fact = changes[0].ticket.order, changes[0].fact
    return TicketsInLimbo(
        order_id=order.order_id,
        customer_id=order.customer_id,
        since=fact.at,
        code=fact.code or fact.event,
        reason=fact.reason or fact.event,
        ticket_ids=[change.ticket.ticket_id for change in changes],
    )
