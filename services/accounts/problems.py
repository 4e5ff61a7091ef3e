"""Why operations on one customer are refused, whichever feature refuses."""

from datetime import datetime

from shared.web import Problem, ProblemType

CUSTOMER_MERGED = ProblemType(409, "customer_merged", "The customer was merged into another one")
CUSTOMER_ERASED = ProblemType(409, "customer_erased", "The customer was erased")
CUSTOMER_SUSPENDED = ProblemType(422, "customer_suspended", "The customer is suspended")
INSUFFICIENT_BALANCE = ProblemType(422, "insufficient_balance", "The balance does not cover the amount")
CURRENCY_MISMATCH = ProblemType(422, "currency_mismatch", "The account is in another currency")


def erased(customer_id: str, since: datetime) -> Problem:
    """What an operation answers that needs to know who the customer is."""
    return CUSTOMER_ERASED(f"Nothing is kept of customer {customer_id} since {since:%Y-%m-%dT%H:%M:%SZ}.")


def merged(customer_id: str, survivor_id: str) -> Problem:
    """What an operation answers that needs the survivor."""
    return CUSTOMER_MERGED(f"Customer {customer_id} was merged into {survivor_id}.", survivor_id=survivor_id)
