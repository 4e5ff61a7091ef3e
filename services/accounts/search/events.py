"""The ids of orders and checkouts, learned from the events that bring them."""

from collections.abc import Iterable, Iterator

from services.accounts.search import store
from services.accounts.search.domain import IdKind
from shared.contracts import CheckoutCompleted, PurchaseFailed, TicketsPurchased
from shared.db import Connection

Order = TicketsPurchased | PurchaseFailed


async def learn_identifiers(connection: Connection, orders: Iterable[Order]) -> None:
    """Make the customers of orders that are new findable by all ids of these."""
    await store.add_identifiers(connection, [row for order in orders for row in _identifiers(order)])


async def learn_checkouts(connection: Connection, checkouts: Iterable[CheckoutCompleted]) -> None:
    """Make customers findable by their checkouts, and by the orders that these say they became."""
    rows: list[tuple[str, IdKind, str]] = []
    for checkout in checkouts:
        rows.append((checkout.checkout_id, "checkout", checkout.customer_id))
        if checkout.purchase_id is not None:
            rows.append((checkout.purchase_id, "order", checkout.customer_id))
    await store.add_missing_identifiers(connection, rows)


def _identifiers(order: Order) -> Iterator[tuple[str, IdKind, str]]:
    customer_id = order.customer.id
    yield order.order_id if isinstance(order, TicketsPurchased) else order.purchase_id, "order", customer_id
    yield order.checkout_id, "checkout", customer_id
    yield order.payment.transaction_id, "transaction", customer_id
    if order.receipt_id is not None:
        yield order.receipt_id, "receipt", customer_id
    for ticket in order.tickets:
        yield ticket.id, "ticket", customer_id
