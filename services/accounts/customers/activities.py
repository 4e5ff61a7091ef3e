"""Changes of a customer's details as the customer's timeline tells them."""

from services.accounts.activity.domain import Activity
from services.accounts.customers.domain import Customer
from shared.audit import Change


def registered(customer: Customer, change: Change, actor: str) -> Activity:
    """That somebody opened the record."""
    _, after = change.differing()
    given = {name: value for name, value in after.items() if value is not None}
    details = {"actor": actor, "after": given}
    return Activity(customer.customer_id, "customer_registered", customer.created_at, customer.customer_id, details)


def edited(customer: Customer, change: Change, actor: str) -> Activity:
    """That somebody changed details: those that are not the same before and after. The reference is the new version."""
    before, after = change.differing()
    details = {"actor": actor, "before": before, "after": after}
    return Activity(customer.customer_id, "details_changed", customer.changed_at, str(customer.version), details)
