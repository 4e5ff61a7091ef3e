"""Money moved or refused by events, and what is published of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.accounts.ledger import store
from services.accounts.ledger.domain import Ledger
from services.accounts.ledger.entries import Entry
from services.accounts.ledger.requests import Cancellation, FailedOrder, Order
from shared.contracts import (
    BalanceCredited,
    BalanceDebited,
    BalanceRefused,
    PurchaseFailed,
    TicketCancellationRequested,
    TicketsPaymentRetried,
    TicketsPurchased,
)
from shared.ids import uuid7
from shared.messaging import Batch, Prepared


async def book_purchases(batch: Batch[TicketsPurchased]) -> list[TicketsPurchased]:
    """Charge each order once; cancellations that wait for one of them follow. Returns the orders that are new."""
    orders = [_order(event.data) for event in batch.events]
    ledger = await _ledger_of(batch)
    ledger.charges = await store.charges(batch.connection, {(order.customer_id, order.order_id) for order in orders})
    new: list[TicketsPurchased] = []
    for event, order in zip(batch.events, orders, strict=True):
        entries = ledger.purchase(order)
        for entry in entries:
            batch.publish(movement(entry), cause=event)
        if entries:
            new.append(event.data)
            batch.arrived(_order_cause(order.customer_id, order.order_id))
    await store.save(batch.connection, ledger)
    return new


async def retry_payments(batch: Batch[TicketsPaymentRetried]) -> None:
    """Decide anew, once for each retry, on orders whose payment was refused; one that was charged stays so."""
    orders = [_retried(event.data) for event in batch.events]
    ledger = await _ledger_of(batch)
    ledger.charges = await store.charges(batch.connection, {(order.customer_id, order.order_id) for order in orders})
    ledger.settled = await store.settled_retries(
        batch.connection, {(order.customer_id, order.retry_id or "") for order in orders}
    )
    for event, order in zip(batch.events, orders, strict=True):
        for entry in ledger.purchase(order):
            batch.publish(movement(entry), cause=event)
    await store.save(batch.connection, ledger)


async def enter_failures(batch: Batch[PurchaseFailed]) -> list[PurchaseFailed]:
    """Show each failed purchase in the history, once. Returns those that are new."""
    orders = [_failed_order(event.data) for event in batch.events]
    ledger = await _ledger_of(batch)
    ledger.failed = await store.failed_orders(
        batch.connection, {(order.customer_id, order.order_id) for order in orders}
    )
    new = [event.data for event, order in zip(batch.events, orders, strict=True) if ledger.fail(order)]
    await store.save(batch.connection, ledger)
    return new


class Reversals:
    """Credits tickets back. A cancellation waits up to `cause_timeout` for the order that it names."""

    def __init__(self, cause_timeout: timedelta) -> None:
        self._cause_timeout = cause_timeout

    async def reverse(self, batch: Batch[TicketCancellationRequested]) -> None:
        """Credit each ticket back once, or refuse it for good."""
        requests = [_cancellation(event.data) for event in batch.events]
        ledger = await _ledger_of(batch)
        ledger.charges = await store.charges(
            batch.connection, {(request.customer_id, request.order_id) for request in requests}
        )
        ledger.settled, ledger.reversed_by = await store.reversal_history(batch.connection, requests)
        for event, request in zip(batch.events, requests, strict=True):
            if ledger.awaits_order(request) and not event.overdue:
                cause = _order_cause(request.customer_id, request.order_id)
                batch.wait(event, cause, timeout=self._cause_timeout)
                continue
            for entry in ledger.reverse(request):
                batch.publish(movement(entry), cause=event)
        await store.save(batch.connection, ledger)


async def _ledger_of(batch: Batch[Any]) -> Ledger:
    accounts = await store.accounts(batch.connection, {event.key for event in batch.events})
    return Ledger(accounts, now=datetime.now(UTC), new_id=uuid7)


def movement(entry: Entry) -> Prepared:
    """The event that tells the other services of a booked or refused entry."""
    if entry.cause_kind == "hold":
        raise ValueError("money that is only held does not move")
    cause = {"kind": entry.cause_kind, "id": entry.cause_id}
    if entry.order_id is not None:
        cause["order_id"] = entry.order_id
    if entry.ticket_id is not None:
        cause["ticket_id"] = entry.ticket_id
    data: dict[str, Any] = {
        "customer_id": entry.customer_id,
        "occurred_at": entry.recorded_at,
        "amount": entry.amount_in or entry.amount_out,
        "currency": entry.currency,
        "cause": cause,
    }
    if entry.status == "refused":
        data["code"], data["reason"] = entry.code, entry.reason
        return Prepared(BalanceRefused, entry.customer_id, data)
    data["entry_id"], data["kind"], data["balance"] = str(entry.entry_id), entry.kind, entry.balance
    contract = BalanceCredited if entry.amount_in > 0 or entry.kind in {"deposit", "reversal"} else BalanceDebited
    return Prepared(contract, entry.customer_id, data)


def _order_cause(customer_id: str, order_id: str) -> str:
    # An order of that id of another customer is not the one that is waited for; no identifier holds a slash.
    return f"order:{customer_id}/{order_id}"


def _order(data: TicketsPurchased) -> Order:
    return Order(
        customer_id=data.customer.id,
        order_id=data.order_id,
        occurred_at=data.occurred_at,
        method=data.payment.method,
        amount=data.payment.amount,
        currency=data.payment.currency,
        tickets=len(data.tickets),
    )


def _retried(data: TicketsPaymentRetried) -> Order:
    return Order(
        customer_id=data.customer_id,
        order_id=data.order_id,
        occurred_at=data.occurred_at,
        method=data.payment.method,
        amount=data.payment.amount,
        currency=data.payment.currency,
        tickets=data.tickets,
        retry_id=data.retry_id,
    )


def _failed_order(data: PurchaseFailed) -> FailedOrder:
    return FailedOrder(
        customer_id=data.customer.id,
        order_id=data.purchase_id,
        occurred_at=data.occurred_at,
        method=data.payment.method,
        amount=data.payment.amount,
        currency=data.payment.currency,
        reason=data.reason,
    )


def _cancellation(data: TicketCancellationRequested) -> Cancellation:
    return Cancellation(
        customer_id=data.customer_id,
        cancellation_id=data.cancellation_id,
        order_id=data.order_id,
        ticket_id=data.ticket_id,
        occurred_at=data.requested_at,
        amount=data.price,
        currency=data.currency,
        reason=data.reason,
        actor=data.requested_by,
    )
