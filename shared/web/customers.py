"""What the operations on one customer have in common, whichever service answers."""

from shared.contracts.base import Identifier
from shared.web.models import RequestModel
from shared.web.problems import Problem, ProblemType

CUSTOMER_NOT_FOUND = ProblemType(404, "customer_not_found", "No such customer")


class CustomerPath(RequestModel):
    """`/v1/customers/{customer_id}`."""

    customer_id: Identifier


def no_customer(customer_id: str) -> Problem:
    """What an operation answers that needs a customer it knows."""
    return CUSTOMER_NOT_FOUND(f"No customer has the id {customer_id}.")
