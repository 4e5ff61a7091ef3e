"""Topic `balances`: every movement of a customer's money and every refusal. Written by accounts."""

from typing import Any, ClassVar, Literal

from shared.contracts.base import (
    Contract,
    Currency,
    CustomerEvent,
    Identifier,
    LongText,
    MinorUnits,
    Moment,
    SignedMinorUnits,
)

CauseKind = Literal["order", "cancellation", "withdrawal", "adjustment"]


class Cause(Contract):
    """Why money moved or did not: the order, the cancellation (with its ticket) or the withdrawal."""

    kind: CauseKind
    id: Identifier
    order_id: Identifier | None = None
    ticket_id: Identifier | None = None


class _Movement(CustomerEvent):
    entry_id: Identifier
    occurred_at: Moment
    amount: MinorUnits
    currency: Currency
    balance: SignedMinorUnits
    cause: Cause


_ORDER_CAUSE = {"kind": "order", "id": "pur-20261122-0001", "order_id": "pur-20261122-0001"}
_REVERSAL_CAUSE = {
    "kind": "cancellation",
    "id": "0199a1f0-0000-7000-8000-000000000001",
    "order_id": "pur-20261122-0001",
    "ticket_id": "tic-1",
}


class BalanceCredited(_Movement):
    """Money came in: a deposit for an order, or the reversal of a cancelled ticket."""

    type: ClassVar[str] = "recourse.balance.credited.v1"
    topic: ClassVar[str] = "balances"
    example: ClassVar[dict[str, Any]] = {
        "customer_id": "cus-1001",
        "entry_id": "0199a1f0-0000-7000-8000-000000000002",
        "kind": "reversal",
        "occurred_at": "2026-11-22T10:00:01Z",
        "amount": 1000,
        "currency": "AUD",
        "balance": 1000,
        "cause": _REVERSAL_CAUSE,
    }

    kind: Literal["deposit", "reversal", "adjustment"]


class BalanceDebited(_Movement):
    """Money went out: the purchase of an order, or a withdrawal."""

    type: ClassVar[str] = "recourse.balance.debited.v1"
    topic: ClassVar[str] = "balances"
    example: ClassVar[dict[str, Any]] = {
        "customer_id": "cus-1001",
        "entry_id": "0199a1f0-0000-7000-8000-000000000003",
        "kind": "purchase",
        "occurred_at": "2026-11-22T09:30:01Z",
        "amount": 2000,
        "currency": "AUD",
        "balance": 0,
        "cause": _ORDER_CAUSE,
    }

    kind: Literal["purchase", "withdrawal", "adjustment"]


class BalanceRefused(CustomerEvent):
    """Accounts did not book what its cause asked for; `code` is stable, `reason` is for people."""

    type: ClassVar[str] = "recourse.balance.refused.v1"
    topic: ClassVar[str] = "balances"
    example: ClassVar[dict[str, Any]] = {
        "customer_id": "cus-1001",
        "occurred_at": "2026-11-22T09:30:01Z",
        "amount": 2000,
        "currency": "AUD",
        "code": "insufficient_balance",
        "reason": "The balance of 5.00 does not cover 20.00",
        "cause": _ORDER_CAUSE,
    }

    occurred_at: Moment
    amount: MinorUnits
    currency: Currency
    code: Identifier
    reason: LongText
    cause: Cause
