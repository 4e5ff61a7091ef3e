"""Events for tests of tickets, and what the service makes of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from shared.contracts import (
    BalanceCredited,
    BalanceDebited,
    BalanceRefused,
    CustomerChanged,
    PrizePaid,
    PurchaseCompleted,
    PurchaseFailed,
)
from tests.support.partition import Partition

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DRAW_TIMES = {"draw_at": "2126-11-28T09:30:00Z", "draw_closes_at": "2126-11-28T08:30:00Z"}


def ticket(ticket_id: str, **changes: Any) -> dict[str, Any]:
    """A ticket as a purchase carries it; its draw is open for a long time to come."""
    return PurchaseCompleted.example["tickets"][0] | DRAW_TIMES | {"id": ticket_id} | changes  # type: ignore[no-any-return]


def purchase(
    customer: str,
    order: str,
    *tickets: str | dict[str, Any],
    minute: int = 0,
    first_name: str = "Ada",
    **changes: Any,
) -> PurchaseCompleted:
    """A purchase of tickets, given by their ids or in full, `minute` minutes after noon."""
    data = _purchase(PurchaseCompleted.example, customer, order, minute, first_name, changes)
    data["tickets"] = [ticket(each) if isinstance(each, str) else each for each in tickets]
    return PurchaseCompleted.model_validate_json(orjson.dumps(data))


def failed_purchase(customer: str, order: str, reason: str = "card declined") -> PurchaseFailed:
    """A purchase that was not taken."""
    data = _purchase(PurchaseFailed.example, customer, order, 0, "Ada", {"reason": reason})
    return PurchaseFailed.model_validate_json(orjson.dumps(data))


def _purchase(
    example: dict[str, Any], customer: str, order: str, minute: int, first_name: str, changes: dict[str, Any]
) -> dict[str, Any]:
    occurred_at = (NOON + timedelta(minutes=minute)).isoformat()
    named = example["customer"] | {"id": customer, "first_name": first_name}
    return example | {"purchase_id": order, "occurred_at": occurred_at, "customer": named} | changes


def debited(customer: str, order: str, *, entry: str | None = None, kind: str = "purchase") -> BalanceDebited:
    """Accounts booked the purchase of an order."""
    data = BalanceDebited.example | {
        "customer_id": customer,
        "entry_id": entry or f"entry-{order}",
        "kind": kind,
        "cause": {"kind": "order" if kind == "purchase" else "withdrawal", "id": order, "order_id": order},
    }
    return BalanceDebited.model_validate_json(orjson.dumps(data))


def payment_settled_after_retry(customer: str, order: str, retry: str) -> BalanceDebited:
    """Accounts booked the purchase of an order after it was asked again."""
    data = BalanceDebited.example | {
        "customer_id": customer,
        "entry_id": f"entry-{retry[:8]}",
        "cause": {"kind": "order", "id": retry, "order_id": order},
    }
    return BalanceDebited.model_validate_json(orjson.dumps(data))


def payment_refused(
    customer: str, order: str, code: str = "insufficient_balance", *, at: datetime | None = None
) -> BalanceRefused:
    """Accounts did not book an order; `at` is when, which retries count from."""
    return _refused(customer, {"kind": "order", "id": order, "order_id": order}, code, at=at)


def credited(customer: str, cancellation: str, order: str = "o1", *, kind: str = "reversal") -> BalanceCredited:
    """Accounts credited the price of a cancelled ticket back."""
    cause = {"kind": "cancellation" if kind == "reversal" else "order", "id": cancellation, "order_id": order}
    data = BalanceCredited.example | {
        "customer_id": customer,
        "entry_id": f"entry-{cancellation}",
        "kind": kind,
        "cause": cause,
    }
    return BalanceCredited.model_validate_json(orjson.dumps(data))


def reversal_refused(
    customer: str, cancellation: str, order: str = "o1", *, code: str = "already_reversed"
) -> BalanceRefused:
    """Accounts did not credit a cancelled ticket's price back."""
    return _refused(customer, {"kind": "cancellation", "id": cancellation, "order_id": order}, code)


def _refused(customer: str, cause: dict[str, str], code: str, *, at: datetime | None = None) -> BalanceRefused:
    data = BalanceRefused.example | {"customer_id": customer, "code": code, "cause": cause}
    if at is not None:
        data["occurred_at"] = at.isoformat()
    return BalanceRefused.model_validate_json(orjson.dumps(data))


def prize_paid(customer: str, prize: str, ticket_id: str, **changes: Any) -> PrizePaid:
    """Another system paid a prize on a ticket out."""
    named = {"customer_id": customer, "prize_id": prize, "ticket_id": ticket_id}
    return PrizePaid.model_validate_json(orjson.dumps(PrizePaid.example | named | changes))


def renamed(customer: str, first_name: str, version: int) -> CustomerChanged:
    """What accounts says of a customer's name."""
    data = CustomerChanged.example | {"customer_id": customer, "first_name": first_name, "version": version}
    return CustomerChanged.model_validate_json(orjson.dumps(data))


async def states(partition: Partition) -> dict[str, str]:
    """The state of each ticket on record."""
    return dict(await partition.fetch("select ticket_id, state from tickets order by ticket_id"))


async def timeline(partition: Partition, ticket_id: str) -> list[tuple[Any, ...]]:
    """(version, state, event) of a ticket, in order."""
    return await partition.fetch(
        "select version, state, event from ticket_timeline where ticket_id = $1 order by version", ticket_id
    )


async def dead_letters(partition: Partition) -> list[str]:
    """The codes of the dead letters, in order."""
    return [row[0] for row in await partition.fetch("select code from dead_letters order by created_at, id")]


async def waiting(partition: Partition) -> list[str]:
    """What the waiting events wait for."""
    return [row[0] for row in await partition.fetch("select cause from waiting_events order by sequence")]
