"""The report of the reconciliation."""

from datetime import datetime
from typing import Literal, Self

from pydantic import Field

from services.accounts.reconciliation import store
from services.accounts.reconciliation.store import Difference
from shared.db import Database
from shared.web import Keyset, Page, PageQuery, RequestContext, ResponseModel, operation

_NEWEST_FIRST = Keyset(tuple[datetime, str, str])
_TAGS = ("reconciliation",)


class DifferenceQuery(PageQuery):
    """Which differences."""

    state: Literal["open", "resolved"] = "open"


class DifferenceView(ResponseModel):
    """A cancellation on which tickets and accounts do not agree; what a side does not know is null.

    Amounts are in minor units. A resolved one shows the amounts on which both agree since.
    """

    customer_id: str
    cancellation_id: str
    ticket_id: str
    order_id: str
    missing: Literal["reversal", "cancellation", "agreement"] | None = Field(
        description="What is missing: the credit in the ledger, the word of tickets, or that both say the same."
    )
    cancelled_amount: int | None
    cancelled_currency: str | None
    reversed_amount: int | None
    reversed_currency: str | None
    found_at: datetime
    resolved_at: datetime | None

    @classmethod
    def of(cls, difference: Difference) -> Self:
        """The difference as HTTP shows it."""
        missing = None
        if difference.resolved_at is None:
            missing = "agreement"
            if difference.reversed_amount is None:
                missing = "reversal"
            elif difference.cancelled_amount is None:
                missing = "cancellation"
        return cls.model_validate(difference._asdict() | {"missing": missing})


class ReconciliationSummary(ResponseModel):
    """How far the comparison is, and how many differences are open, by what is missing; counted up to 10,000."""

    compared_to: datetime
    missing_reversals: int
    missing_cancellations: int
    disagreements: int


class ReconciliationApi:
    """Shows on which cancellations tickets and accounts do not agree."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @operation("GET", "/v1/reconciliation", permission="reconciliation:read", tags=_TAGS,
               summary="Cancellations on which tickets and accounts do not agree")  # fmt: skip
    async def list_differences(self, ctx: RequestContext, query: DifferenceQuery) -> Page[DifferenceView]:
        """The newest first. Cancellations younger than the grace period are not compared yet."""
        async with self._database.read() as connection:
            found = await store.differences(
                connection,
                resolved=query.state == "resolved",
                before=_NEWEST_FIRST.position(ctx, query),
                limit=query.limit + 1,
            )
        return _NEWEST_FIRST.page(
            ctx, query, found, key=lambda each: (each.found_at, each.customer_id, each.cancellation_id),
            item=DifferenceView.of,
        )  # fmt: skip

    @operation("GET", "/v1/reconciliation/summary", permission="reconciliation:read", tags=_TAGS,
               summary="How far the comparison is, and what it found")  # fmt: skip
    async def get_reconciliation_summary(self) -> ReconciliationSummary:
        """Both ways: credits without a cancellation, and cancellations without a credit."""
        async with self._database.read() as connection:
            compared_to = await store.compared_to(connection)
            found = await store.open_differences(connection)
        return ReconciliationSummary(
            compared_to=compared_to,
            missing_reversals=found.get("reversal", 0),
            missing_cancellations=found.get("cancellation", 0),
            disagreements=found.get("agreement", 0),
        )
