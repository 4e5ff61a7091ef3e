"""HTTP operations on withdrawals as they are now, and those of the second person: what waits, approve, reject."""

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from services.accounts.approvals import store
from services.accounts.approvals.store import HeldWithdrawal, State
from services.accounts.ledger.domain import Ledger
from services.accounts.ledger.events import movement
from services.accounts.ledger.requests import Decision
from services.accounts.ledger.store import lock_known, save
from services.accounts.problems import CUSTOMER_ERASED, CUSTOMER_SUSPENDED
from shared import audit
from shared.audit import Change
from shared.ids import uuid7
from shared.messaging import Transaction, UnitOfWork
from shared.web import (
    CustomerPath,
    Keyset,
    Page,
    PageQuery,
    Personal,
    ProblemType,
    Prose,
    RenderedReply,
    RequestContext,
    RequestModel,
    ResponseModel,
    operation,
)

WITHDRAWAL_NOT_FOUND = ProblemType(404, "withdrawal_not_found", "No such withdrawal")
SECOND_PERSON_REQUIRED = ProblemType(403, "second_person_required", "Another person must decide on the withdrawal")
WITHDRAWAL_DECIDED = ProblemType(409, "withdrawal_decided", "The withdrawal was approved or rejected before")

_REFUSALS = (WITHDRAWAL_NOT_FOUND, SECOND_PERSON_REQUIRED, WITHDRAWAL_DECIDED)
# By the status of the customer to whom nothing may be paid out: the problem, and what to do instead.
_BLOCKED = {
    "suspended": (CUSTOMER_SUSPENDED, "reject the withdrawal, or wait"),
    "erased": (CUSTOMER_ERASED, "reject the withdrawal"),
}

_BY_ID = Keyset(tuple[UUID])
_TAGS = ("ledger",)


class WithdrawalPath(CustomerPath):
    """`/v1/customers/{customer_id}/withdrawals/{withdrawal_id}`."""

    withdrawal_id: UUID


class WithdrawalQuery(PageQuery):
    """Which held withdrawals."""

    state: State = "pending"


class Approval(RequestModel):
    """Money is paid out."""

    reason: Prose | None = Field(default=None, description="The customer may read it.")


class Rejection(RequestModel):
    """Money is set free."""

    reason: Prose = Field(description="Why; the customer may read it.")


class HeldWithdrawalView(ResponseModel):
    """A withdrawal, `amount` in minor units of `currency`; a `booked` one needed no second person."""

    customer_id: str
    withdrawal_id: UUID
    state: State | Literal["booked"]
    amount: int
    currency: str
    type: str = Field(validation_alias="method")
    customer_visible_description: Annotated[str, Personal("prose")] = Field(validation_alias="description")
    internal_note: Annotated[str | None, Personal("prose")]
    requested_by: str
    requested_at: datetime
    pending_seq: int | None = Field(description="Number of the line of the history that announced it.")
    decided_by: str | None
    decided_at: datetime | None
    decision_reason: Annotated[str | None, Personal("prose")]
    settled_seq: int | None = Field(description="Number of the line that says what became of it.")


class ApprovalsApi:
    """Lists held withdrawals and decides on them."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work
        self._database = unit_of_work.database

    @operation("GET", "/v1/withdrawals", permission="ledger:approve", summary="Withdrawals that need a second person",
               tags=_TAGS)  # fmt: skip
    async def list_held_withdrawals(self, ctx: RequestContext, query: WithdrawalQuery) -> Page[HeldWithdrawalView]:
        """Of all customers, the oldest first."""
        (after,) = _BY_ID.position(ctx, query) or (None,)
        async with self._database.read() as connection:
            found = await store.withdrawals(connection, query.state, after=after, limit=query.limit + 1)
        return _BY_ID.page(
            ctx, query, found, key=lambda each: (each.withdrawal_id,), item=HeldWithdrawalView.model_validate
        )

    @operation("GET", "/v1/customers/{customer_id}/withdrawals/{withdrawal_id}", permission="ledger:read",
               summary="A withdrawal", tags=_TAGS, problems=(WITHDRAWAL_NOT_FOUND,))  # fmt: skip
    async def get_withdrawal(self, path: WithdrawalPath) -> HeldWithdrawalView:
        """Who asked for it and, when it needed a second person, who decided and why."""
        which = path.customer_id, path.withdrawal_id
        async with self._database.read() as connection:
            found = await store.withdrawal(connection, *which) or await store.booked_at_once(connection, *which)
        if found is None:
            raise WITHDRAWAL_NOT_FOUND(f"Customer {path.customer_id} has no withdrawal {path.withdrawal_id}.")
        return HeldWithdrawalView.model_validate(found)

    @operation("POST", "/v1/customers/{customer_id}/withdrawals/{withdrawal_id}/approval", permission="ledger:approve",
               idempotent=True, summary="Approve a held withdrawal", tags=_TAGS,
               problems=(*_REFUSALS, CUSTOMER_SUSPENDED, CUSTOMER_ERASED))  # fmt: skip
    async def approve_withdrawal(
        self, ctx: RequestContext, path: WithdrawalPath, body: Approval
    ) -> RenderedReply[HeldWithdrawalView]:
        """Take the held amount off the balance. Whoever asked for the withdrawal cannot approve it."""
        return await self._decide(ctx, path, Decision(approved=True, reason=body.reason))

    @operation("POST", "/v1/customers/{customer_id}/withdrawals/{withdrawal_id}/rejection", permission="ledger:approve",
               idempotent=True, summary="Reject a held withdrawal", tags=_TAGS,
               problems=_REFUSALS)  # fmt: skip
    async def reject_withdrawal(
        self, ctx: RequestContext, path: WithdrawalPath, body: Rejection
    ) -> RenderedReply[HeldWithdrawalView]:
        """Set the held amount free. Whoever asked for the withdrawal cannot reject it."""
        return await self._decide(ctx, path, Decision(approved=False, reason=body.reason))

    async def _decide(
        self, ctx: RequestContext, path: WithdrawalPath, decision: Decision
    ) -> RenderedReply[HeldWithdrawalView]:
        async with self._unit_of_work.begin() as transaction:
            ledger = Ledger(
                await lock_known(transaction.connection, [path.customer_id]), now=datetime.now(UTC), new_id=uuid7
            )

            async def effect() -> HeldWithdrawalView:
                found = await store.withdrawal(transaction.connection, path.customer_id, path.withdrawal_id)
                held = _to_be_decided(ctx, path, found)
                return HeldWithdrawalView.model_validate(await _settle(ctx, transaction, ledger, held, decision))

            return await ctx.once(transaction.connection, effect)


async def _settle(
    ctx: RequestContext, transaction: Transaction, ledger: Ledger, held: HeldWithdrawal, decision: Decision
) -> HeldWithdrawal:
    account = ledger.accounts[held.customer_id]
    if decision.approved and account.payouts_are_blocked:
        problem, advice = _BLOCKED[account.customer_status]
        raise problem(f"The customer is {account.customer_status}: {advice}.")
    entry = ledger.decide(held.held, decision)
    connection = transaction.connection
    await save(connection, ledger)
    settled = await store.settle(connection, entry, decision, decided_by=ctx.principal.subject)
    change = Change(
        "ledger.approve_withdrawal" if decision.approved else "ledger.reject_withdrawal",
        f"withdrawal:{held.withdrawal_id}",
        customer_id=held.customer_id,
        before={"state": held.state},
        after={"state": settled.state, "balance": entry.balance, "amount": held.amount, "currency": held.currency},
        reason=decision.reason,
    )
    await audit.record(connection, ctx, change)
    if decision.approved:
        transaction.publish(movement(entry))
    return settled


def _to_be_decided(ctx: RequestContext, path: WithdrawalPath, found: HeldWithdrawal | None) -> HeldWithdrawal:
    if found is None:
        raise WITHDRAWAL_NOT_FOUND(f"Customer {path.customer_id} has no held withdrawal {path.withdrawal_id}.")
    if found.state != "pending":
        raise WITHDRAWAL_DECIDED(f"It was {found.state} by {found.decided_by}.", state=found.state)
    if found.requested_by == ctx.principal.subject:
        raise SECOND_PERSON_REQUIRED("Whoever asked for a withdrawal cannot decide on it.")
    return found
