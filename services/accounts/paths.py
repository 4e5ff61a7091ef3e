"""What the operations on one customer have in common."""

from shared.contracts.base import Identifier
from shared.web import ProblemType, RequestModel

CUSTOMER_NOT_FOUND = ProblemType(404, "customer_not_found", "No such customer")


class CustomerPath(RequestModel):
    """`/v1/customers/{customer_id}`."""

    customer_id: Identifier
