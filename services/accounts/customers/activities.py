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


def merged(customer: Customer, survivor_id: str, actor: str) -> Activity:
    """That this customer was merged. The survivor has the line, which both ids show as long as they are one."""
    details = {"actor": actor, "merged_id": customer.customer_id, "survivor_id": survivor_id}
    return Activity(survivor_id, "customer_merged", customer.changed_at, customer.customer_id, details)


def parted(customer: Customer, survivor_id: str, actor: str) -> list[Activity]:
    """That they are two after all: a line for each of them."""
    details = {"actor": actor, "merged_id": customer.customer_id, "survivor_id": survivor_id}
    return [
        Activity(owner, "customer_unmerged", customer.changed_at, customer.customer_id, details)
        for owner in (survivor_id, customer.customer_id)
    ]


def erased(customer: Customer, actor: str) -> Activity:
    """That nothing personal is kept of the customer any more; the reason is in the audit trail."""
    return Activity(
        customer.customer_id, "customer_erased", customer.changed_at, customer.customer_id, {"actor": actor}
    )
