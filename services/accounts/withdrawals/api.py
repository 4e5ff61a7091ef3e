"""The HTTP operation that books a withdrawal; what queues while one commit runs shares the next."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from services.accounts.approvals.store import insert as insert_held
from services.accounts.ledger import store
from services.accounts.ledger.domain import Ledger
from services.accounts.ledger.entries import Entry, Refusal
from services.accounts.ledger.events import movement
from services.accounts.ledger.requests import Withdrawal
from services.accounts.problems import CURRENCY_MISMATCH, CUSTOMER_ERASED, CUSTOMER_SUSPENDED, INSUFFICIENT_BALANCE
from shared import audit
from shared.audit import Actor, Change
from shared.contracts.base import Currency
from shared.db import Connection, GroupCommit
from shared.ids import uuid7
from shared.messaging import Transaction, UnitOfWork
from shared.telemetry.trace import TraceContext, bind_trace, current_trace, new_trace
from shared.web import (
    CUSTOMER_NOT_FOUND,
    CustomerPath,
    IdempotencyRaceError,
    IdempotentRequest,
    Outcome,
    Problem,
    Prose,
    RenderedReply,
    Reply,
    RequestContext,
    RequestModel,
    ResponseModel,
    claim,
    no_customer,
    operation,
    recording,
)

_REFUSALS = {
    problem.code: problem for problem in (INSUFFICIENT_BALANCE, CURRENCY_MISMATCH, CUSTOMER_SUSPENDED, CUSTOMER_ERASED)
}


class WithdrawalRequest(RequestModel):
    """Money to pay out of a customer's account."""

    amount: Annotated[int, Field(ge=1, le=10**12, description="Minor units of the account's currency.")]
    currency: Currency | None = Field(default=None, description="Refused when the account is in another one.")
    type: Literal["admin", "card", "cheque"]
    customer_visible_description: Prose = Field(description="The customer reads it in the transaction history.")
    internal_note: Prose | None = None


class WithdrawalView(ResponseModel):
    """A withdrawal: line `seq` of the transaction history, and the balance after it.

    A pending one waits for a second person under `withdrawal_id`; its amount is no longer `available`.
    """

    withdrawal_id: str
    status: Literal["booked", "pending"]
    entry_id: UUID
    seq: int
    recorded_at: datetime
    amount: int
    currency: str
    balance: int
    available: int


@dataclass(frozen=True, slots=True)
class _Pending:
    """A request that waits for the next commit."""

    idempotency: IdempotentRequest
    withdrawal: Withdrawal
    actor: Actor
    trace: TraceContext
    render: Callable[[Reply[WithdrawalView]], RenderedReply[WithdrawalView]]


_Answer = RenderedReply[WithdrawalView]


class WithdrawalsApi:
    """Books withdrawals in shared commits: each request has its own answer, and one that is refused fails alone."""

    def __init__(self, unit_of_work: UnitOfWork, approval_threshold: int) -> None:
        self._unit_of_work = unit_of_work
        self._approval_threshold = approval_threshold
        self._commits: GroupCommit[_Pending, _Answer] = GroupCommit(self._commit, at_once=2)

    @operation("POST", "/v1/customers/{customer_id}/withdrawals", permission="ledger:withdraw", status=201,
               idempotent=True, summary="Withdraw money by hand", tags=("ledger",),
               problems=(CUSTOMER_NOT_FOUND, *_REFUSALS.values()))  # fmt: skip
    async def withdraw(
        self, ctx: RequestContext, path: CustomerPath, body: WithdrawalRequest
    ) -> RenderedReply[WithdrawalView]:
        """Take the amount off the balance; the payout itself happens outside.

        Above a configured amount the withdrawal is `pending` and only holds the money until a second person approves.
        Refused as `insufficient_balance`, with the members `balance`, `available` and `currency`, when less is there.
        A closed customer is paid what is left; a suspended one is paid nothing, nor an erased one, whom nobody knows.
        Each id of a merged customer has an account of its own: name the one that has the money.
        """
        withdrawal = Withdrawal(
            customer_id=path.customer_id,
            amount=body.amount,
            currency=body.currency,
            method=body.type,
            description=body.customer_visible_description,
            internal_note=body.internal_note,
            actor=ctx.principal.subject,
        )
        trace = current_trace.get() or new_trace()
        return await self._commits.submit(
            _Pending(ctx.idempotent_request, withdrawal, Actor.of(ctx), trace, ctx.render)
        )

    async def _commit(self, group: Sequence[_Pending]) -> list[_Answer | Exception]:
        try:
            return await self._attempt(group, keys_are_new=True)
        except IdempotencyRaceError:
            return await self._attempt(group, keys_are_new=False)

    async def _attempt(self, group: Sequence[_Pending], *, keys_are_new: bool) -> list[_Answer | Exception]:
        """Book a group in one transaction. Keys taken for new, as nearly all are, are not looked up before.

        Raises:
            IdempotencyRaceError: one of them is not; nothing is booked.
        """
        keys = [pending.idempotency for pending in group]
        async with self._unit_of_work.begin() as transaction:
            connection = transaction.connection
            customers = {pending.withdrawal.customer_id for pending in group}
            ledger = Ledger(await store.lock_known(connection, sorted(customers)), now=datetime.now(UTC), new_id=uuid7)
            # Not before the lock: whoever held it may have paid out under the same key in another process.
            earlier = [None] * len(group) if keys_are_new else await claim(connection, keys)
            answers: list[_Answer | Exception] = []
            booked: list[Outcome] = []
            changes: list[tuple[Actor, Change]] = []
            for pending, known in zip(group, earlier, strict=True):
                answer = known or self._book(transaction, ledger, pending, changes)
                answers.append(answer)
                if known is None and isinstance(answer, RenderedReply):
                    booked.append(Outcome(pending.idempotency, answer))
            if keys_are_new:
                await _replace_refusals(connection, keys, answers)
            await insert_held(connection, [entry for entry in ledger.entries if entry.status == "pending"])
            transaction.write_last([*store.saving(ledger), *recording(booked), *audit.recording(changes)])
        return answers

    def _book(
        self, transaction: Transaction, ledger: Ledger, pending: _Pending, changes: list[tuple[Actor, Change]]
    ) -> _Answer | Problem:
        withdrawal = pending.withdrawal
        account = ledger.accounts.get(withdrawal.customer_id)
        if account is None:
            return no_customer(withdrawal.customer_id)
        balance = account.balance
        needs_approval = withdrawal.amount > self._approval_threshold
        entry = ledger.hold(withdrawal) if needs_approval else ledger.withdraw(withdrawal)
        if isinstance(entry, Refusal):
            extra: dict[str, Any] = {"balance": balance, "available": account.available, "currency": account.currency}
            return _REFUSALS[entry.code](f"{entry.reason}.", **extra)
        if not needs_approval:
            with bind_trace(pending.trace):
                transaction.publish(movement(entry))
        changes.append((pending.actor, _change(entry, balance)))
        return pending.render(_reply(entry, account.available))


async def _replace_refusals(
    connection: Connection, keys: Sequence[IdempotentRequest], answers: list[_Answer | Exception]
) -> None:
    """Answer refused requests whose key is on record as before: what they did then may be why they are refused now."""
    refused = [number for number, answer in enumerate(answers) if isinstance(answer, Exception)]
    if refused:
        earlier = await claim(connection, [keys[number] for number in refused])
        for number, answer in zip(refused, earlier, strict=True):
            answers[number] = answer or answers[number]


def _change(entry: Entry, balance: int) -> Change:
    return Change(
        "ledger.withdraw" if entry.status == "booked" else "ledger.request_withdrawal",
        f"withdrawal:{entry.cause_id}",
        customer_id=entry.customer_id,
        before={"balance": balance},
        after={
            "balance": entry.balance,
            "amount": entry.amount_out,
            "currency": entry.currency,
            "type": entry.method,
        },
        reason=entry.internal_note,
    )


def _reply(entry: Entry, available: int) -> Reply[WithdrawalView]:
    view = WithdrawalView(
        withdrawal_id=entry.cause_id,
        status="booked" if entry.status == "booked" else "pending",
        entry_id=entry.entry_id,
        seq=entry.seq,
        recorded_at=entry.recorded_at,
        amount=entry.amount_out,
        currency=entry.currency,
        balance=entry.balance,
        available=available,
    )
    return Reply(view, headers={"Location": f"/v1/customers/{entry.customer_id}/transactions/{entry.seq}"})
