"""The HTTP operation that corrects a balance."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from services.accounts.ledger.domain import Ledger
from services.accounts.ledger.entries import Entry, Refusal
from services.accounts.ledger.events import movement
from services.accounts.ledger.requests import Adjustment
from services.accounts.ledger.store import lock_known, save
from services.accounts.problems import CURRENCY_MISMATCH, CUSTOMER_ERASED, INSUFFICIENT_BALANCE
from shared import audit
from shared.audit import Change
from shared.contracts.base import KnownCurrency
from shared.ids import uuid7
from shared.messaging import Transaction, UnitOfWork
from shared.web import (
    CUSTOMER_NOT_FOUND,
    CustomerPath,
    ProblemType,
    Prose,
    RenderedReply,
    Reply,
    RequestContext,
    RequestModel,
    ResponseModel,
    no_customer,
    operation,
)

CURRENCY_REQUIRED = ProblemType(422, "currency_required", "The account has no currency yet: say which")
BALANCE_LIMIT = ProblemType(422, "balance_limit", "The balance would be above what is possible")
_REFUSALS = {
    problem.code: problem
    for problem in (INSUFFICIENT_BALANCE, CURRENCY_MISMATCH, CURRENCY_REQUIRED, BALANCE_LIMIT, CUSTOMER_ERASED)
}


class AdjustmentRequest(RequestModel):
    """A correction of a customer's balance."""

    direction: Literal["in", "out"]
    amount: Annotated[int, Field(ge=1, le=10**12, description="Minor units of the account's currency.")]
    # The first movement fixes the currency of an account, so that a slip here could not be taken back.
    currency: KnownCurrency | None = Field(default=None, description="Needed when no money has moved before.")
    reason: Prose = Field(description="Why; the team reads it.")
    customer_visible_description: Prose = Field(description="The customer reads it in the transaction history.")
    internal_note: Prose | None = None


class AdjustmentView(ResponseModel):
    """A booked adjustment: line `seq` of the transaction history, and the balance after it."""

    entry_id: UUID
    seq: int
    recorded_at: datetime
    amount_in: int
    amount_out: int
    currency: str
    balance: int


class AdjustmentsApi:
    """Books adjustments."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work

    @operation("POST", "/v1/customers/{customer_id}/adjustments", permission="ledger:adjust", status=201,
               idempotent=True, summary="Correct a balance by hand", tags=("ledger",),
               problems=(CUSTOMER_NOT_FOUND, *_REFUSALS.values()))  # fmt: skip
    async def adjust_balance(
        self, ctx: RequestContext, path: CustomerPath, body: AdjustmentRequest
    ) -> RenderedReply[AdjustmentView]:
        """Put money on the balance or take it off. What pending withdrawals hold cannot be taken.

        That of a closed customer too, but not that of an erased one.
        """
        async with self._unit_of_work.begin() as transaction:
            accounts = await lock_known(transaction.connection, [path.customer_id])

            async def effect() -> Reply[AdjustmentView]:
                if path.customer_id not in accounts:
                    raise no_customer(path.customer_id)
                ledger = Ledger(accounts, now=datetime.now(UTC), new_id=uuid7)
                return await _book(ctx, transaction, ledger, _request(ctx, path, body))

            return await ctx.once(transaction.connection, effect)


def _request(ctx: RequestContext, path: CustomerPath, body: AdjustmentRequest) -> Adjustment:
    return Adjustment(
        customer_id=path.customer_id,
        amount_in=body.amount if body.direction == "in" else 0,
        amount_out=body.amount if body.direction == "out" else 0,
        currency=body.currency,
        reason=body.reason,
        description=body.customer_visible_description,
        internal_note=body.internal_note,
        actor=ctx.principal.subject,
    )


async def _book(
    ctx: RequestContext, transaction: Transaction, ledger: Ledger, request: Adjustment
) -> Reply[AdjustmentView]:
    account = ledger.accounts[request.customer_id]
    entry = ledger.adjust(request)
    if isinstance(entry, Refusal):
        extra: dict[str, Any] = {
            "balance": account.balance,
            "available": account.available,
            "currency": account.currency,
        }
        raise _REFUSALS[entry.code](f"{entry.reason}.", **extra)
    await save(transaction.connection, ledger)
    await audit.record(transaction.connection, ctx, _change(entry))
    transaction.publish(movement(entry))
    headers = {"Location": f"/v1/customers/{entry.customer_id}/transactions/{entry.seq}"}
    return Reply(AdjustmentView.model_validate(entry), headers=headers)


def _change(entry: Entry) -> Change:
    return Change(
        "ledger.adjust",
        f"transaction:{entry.entry_id}",
        customer_id=entry.customer_id,
        before={"balance": entry.balance - entry.amount_in + entry.amount_out},
        after={"balance": entry.balance, "currency": entry.currency},
        reason=entry.reason,
    )
