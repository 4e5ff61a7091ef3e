"""Consumes purchases, publishes the tickets that were bought. A purchase id is taken once, whatever event brings it."""

from collections.abc import Collection, Sequence
from typing import TypeVar

from services.tickets.bulk.store import go_on
from services.tickets.customers.store import Named, save_names
from services.tickets.draws.store import learn
from services.tickets.erasure.store import erase_failures
from services.tickets.orders import store
from services.tickets.orders.domain import BoughtTicket, NewOrder, Order, Outcome
from services.tickets.orders.store import Purchase
from shared.contracts import PurchaseCompleted, PurchaseFailed, TicketsPurchased
from shared.messaging import AnyHandler, Batch, Handler, Received

PurchaseT = TypeVar("PurchaseT", PurchaseCompleted, PurchaseFailed)


def handlers() -> list[AnyHandler]:
    """What this feature consumes. Purchases do not depend on each other, so a dead letter holds nothing up."""
    return [
        Handler(PurchaseCompleted, record_completed, ordered=False),
        Handler(PurchaseFailed, record_failed, ordered=False),
    ]


async def record_completed(batch: Batch[PurchaseCompleted]) -> None:
    """Record the orders with their tickets, and let go what waits for them."""
    fresh, failed = await _record(batch, Outcome.COMPLETED)
    new = [_new_order(event.data) for event in fresh]
    lost = {order.order.order_id for order in await store.insert_tickets(batch.connection, new)}
    if put_back := [order for order_id, order in failed.items() if order_id in lost]:
        await store.insert_orders(batch.connection, put_back)
    kept = []
    for event, order in zip(fresh, new, strict=True):
        if event.data.purchase_id in lost:
            batch.reject(event, "ticket_id_taken", f"order {order.order.order_id}: a ticket is another order's")
        else:
            kept.append((event, order))
    await store.start_timelines(batch.connection, [(order, Purchase(event.id, event.source)) for event, order in kept])
    await learn(batch.connection, [order for _, order in kept])
    draws = {(ticket.lottery, ticket.draw_number) for _, order in kept for ticket in order.tickets}
    await go_on(batch.connection, draws)
    await _learn_names(batch, [event for event, _ in kept])
    for event, _ in kept:
        batch.publish(_tickets_purchased(event.data), cause=event)
    batch.arrived(*(cause_of(event.data.purchase_id) for event, _ in kept))
    batch.arrived(*(cause_of_ticket(ticket.ticket_id) for _, order in kept for ticket in order.tickets))


async def record_failed(batch: Batch[PurchaseFailed]) -> None:
    """Record the orders that were not taken, with the reason; they have no tickets."""
    fresh, _ = await _record(batch, Outcome.FAILED)
    await _learn_names(batch, fresh)
    await erase_failures(batch.connection, sorted({event.key for event in fresh}))
    batch.arrived(*(cause_of(event.data.purchase_id) for event in fresh))


def cause_of(order_id: str) -> str:
    """Under which name events wait for an order."""
    return f"order:{order_id}"


def cause_of_ticket(ticket_id: str) -> str:
    """Under which name events wait for a ticket."""
    return f"ticket:{ticket_id}"


async def _record(batch: Batch[PurchaseT], outcome: Outcome) -> tuple[list[Received[PurchaseT]], dict[str, Order]]:
    """Record the orders; returns the events that brought new ones, and the failed orders that these replace, by id.

    A repetition changes nothing; one that says something else under the same id is rejected.
    """
    first = {event.data.purchase_id: event for event in reversed(batch.events)}
    fresh = await store.insert_orders(batch.connection, [_order(event.data, outcome) for event in first.values()])
    again = [event for event in batch.events if _is_repeated(event, first, fresh)]
    if again:
        known = await store.orders_on_record(batch.connection, [event.data.purchase_id for event in again])
        for event in again:
            paid = event.data.payment
            if known[event.data.purchase_id] != (event.key, outcome, paid.amount, paid.currency):
                batch.reject(event, "purchase_id_taken", "the purchase id has another customer, outcome or amount")
    failed = {order_id: order for order_id, order in fresh.items() if order is not None}
    return [event for event in batch.events if not _is_repeated(event, first, fresh)], failed


def _is_repeated(event: Received[PurchaseT], first: dict[str, Received[PurchaseT]], fresh: Collection[str]) -> bool:
    purchase_id = event.data.purchase_id
    return purchase_id not in fresh or first[purchase_id] is not event


async def _learn_names(batch: Batch[PurchaseT], events: Sequence[Received[PurchaseT]]) -> None:
    customers = {event.key: event.data.customer for event in events}
    names = [Named(key, customer.first_name, customer.last_name) for key, customer in customers.items()]
    await save_names(batch.connection, names)


def _order(purchase: PurchaseCompleted | PurchaseFailed, outcome: Outcome) -> Order:
    return Order(
        order_id=purchase.purchase_id,
        customer_id=purchase.customer.id,
        ordered_at=purchase.occurred_at,
        outcome=outcome,
        failure_reason=purchase.reason if isinstance(purchase, PurchaseFailed) else None,
        checkout_id=purchase.checkout_id,
        receipt_id=purchase.receipt_id,
        store_id=purchase.store_id,
        terminal_id=purchase.terminal_id,
        transaction_id=purchase.payment.transaction_id,
        payment_method=purchase.payment.method,
        payment_amount=purchase.payment.amount,
        currency=purchase.payment.currency,
    )


def _new_order(purchase: PurchaseCompleted) -> NewOrder:
    tickets = [
        BoughtTicket(
            ticket_id=ticket.id,
            position=position,
            lottery=ticket.lottery,
            draw_number=ticket.draw_number,
            draw_at=ticket.draw_at,
            draw_closes_at=ticket.draw_closes_at,
            offer_id=ticket.offer_id,
            offer_label=ticket.offer_label,
            price=ticket.price,
            autoplay_id=ticket.autoplay_id,
        )
        for position, ticket in enumerate(purchase.tickets)
    ]
    return NewOrder(_order(purchase, Outcome.COMPLETED), tickets)


def _tickets_purchased(purchase: PurchaseCompleted) -> TicketsPurchased:
    return TicketsPurchased(
        order_id=purchase.purchase_id,
        occurred_at=purchase.occurred_at,
        customer=purchase.customer,
        checkout_id=purchase.checkout_id,
        receipt_id=purchase.receipt_id,
        store_id=purchase.store_id,
        terminal_id=purchase.terminal_id,
        payment=purchase.payment,
        tickets=purchase.tickets,
    )
