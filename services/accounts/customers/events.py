"""Customers learned from purchases, and what is published of every change."""

from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from services.accounts.customers import store
from services.accounts.customers.domain import Customer, Details, KeyOf, learn
from shared.contracts import CustomerChanged, PurchaseFailed, TicketsPurchased
from shared.contracts.purchases import Customer as NamedCustomer
from shared.messaging import Batch, Prepared

_PUBLISHED = tuple(CustomerChanged.model_fields)
_values = attrgetter(*_PUBLISHED)


async def learn_customers(batch: Batch[TicketsPurchased] | Batch[PurchaseFailed], key_of: KeyOf) -> None:
    """Open the record of each customer that is new, fill in what is missing of the others."""
    known = await store.customers(batch.connection, list({event.key for event in batch.events}))
    recorded = set(known)
    changed: dict[str, Customer] = {}
    now = datetime.now(UTC)
    for event in batch.events:
        customer = learn(known.get(event.key), event.key, _details(event.data.customer), now, key_of)
        if customer is not None:
            known[event.key] = changed[event.key] = customer
            batch.transaction.publish(
                customer_changed(customer) if event.key in recorded else customer_learned(customer), cause=event
            )
    await store.insert_learned(batch.connection, [changed[each] for each in changed.keys() - recorded])
    await store.save(batch.connection, [changed[each] for each in changed.keys() & recorded])


def _details(named: NamedCustomer) -> Details:
    return Details(named.first_name, named.last_name, named.email, named.phone, named.language)


def customer_changed(customer: Customer) -> CustomerChanged:
    """The event that says what a customer is now."""
    return CustomerChanged(**_published(customer))


def customer_learned(customer: Customer) -> Prepared:
    """The same event, unchecked: for a customer with nothing but what purchases said, which was checked then."""
    return Prepared(CustomerChanged, customer.customer_id, _published(customer))


def _published(customer: Customer) -> dict[str, Any]:
    values = zip(_PUBLISHED, _values(customer), strict=True)
    return {name: value for name, value in values if value is not None}
