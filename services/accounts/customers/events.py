"""Customers learned from purchases, and what is published of every change."""

from datetime import UTC, datetime

from services.accounts.customers import store
from services.accounts.customers.domain import Customer, Details, learn
from shared.contracts import CustomerChanged, PurchaseFailed, TicketsPurchased
from shared.contracts.purchases import Customer as NamedCustomer
from shared.messaging import Batch


async def learn_customers(batch: Batch[TicketsPurchased] | Batch[PurchaseFailed]) -> None:
    """Open the record of each customer that is new, fill in what is missing of the others."""
    known = await store.customers(batch.connection, list({event.key for event in batch.events}))
    recorded = set(known)
    changed: dict[str, Customer] = {}
    now = datetime.now(UTC)
    for event in batch.events:
        customer = learn(known.get(event.key), event.key, _details(event.data.customer), now)
        if customer is not None:
            known[event.key] = changed[event.key] = customer
            batch.transaction.publish(customer_changed(customer), cause=event)
    await store.insert_learned(batch.connection, [changed[name] for name in changed.keys() - recorded])
    await store.save(batch.connection, [changed[name] for name in changed.keys() & recorded])


def _details(named: NamedCustomer) -> Details:
    return Details(named.first_name, named.last_name, named.email, named.phone, named.language)


def customer_changed(customer: Customer) -> CustomerChanged:
    """The event that says what a customer is now."""
    return CustomerChanged(
        customer_id=customer.customer_id,
        version=customer.version,
        changed_at=customer.changed_at,
        first_name=customer.first_name,
        last_name=customer.last_name,
        email=customer.email,
        phone=customer.phone,
        language=customer.language,
        time_zone=customer.time_zone,
        status=customer.status,
        merged_into=customer.merged_into,
    )
