"""Orders and tickets as the tickets store has them, and the ids by which accounts finds them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

from deploy.generate.draws import LOTTERIES, Draw, Lottery, next_draw
from deploy.generate.rows import Rows
from services.accounts.ledger.entries import Entry
from services.accounts.ledger.requests import Cancellation

CURRENCY = "AUD"
_SOURCE, _ACCOUNTS = "shop/generated", "recourse/accounts"


@dataclass(frozen=True, slots=True)
class Bought:
    """An order of some tickets for one draw; `key` makes its ids unique."""

    customer_id: str
    key: str
    moment: datetime
    size: int
    lottery: Lottery
    draw: Draw
    store: int

    @classmethod
    def make(cls, rng: Random, customer_id: str, key: str, moment: datetime, size: int) -> Bought:
        """An order for the next draw of some lottery."""
        lottery = rng.choice(LOTTERIES)
        return cls(customer_id, key, moment, size, lottery, next_draw(lottery, moment), rng.randrange(1, 400))

    @property
    def order_id(self) -> str:
        return f"ord-{self.key}"

    @property
    def transaction_id(self) -> str:
        return f"txn-{self.key}"

    @property
    def store_id(self) -> str:
        return f"store-{self.store}"

    @property
    def terminal_id(self) -> str:
        return f"term-{self.store}-{self.store % 5}"

    @property
    def amount(self) -> int:
        """In minor units."""
        return self.lottery.price * self.size

    @property
    def points(self) -> int:
        """What each ticket earns."""
        return self.lottery.price // 100

    def ticket_id(self, position: int) -> str:
        """The id of one of the tickets."""
        return f"tic-{self.key}-{position}"


def _order_rows(rows: Rows, bought: Bought, method: str, reason: str | None, recorded_at: datetime) -> None:
    checkout_id, receipt_id = f"chk-{bought.key}", f"rcp-{bought.key}"
    rows["tickets", "orders"].append(
        (bought.order_id, bought.customer_id, bought.moment, "failed" if reason else "completed", reason, checkout_id,
         receipt_id, bought.store_id, bought.terminal_id, bought.transaction_id, method, bought.amount, CURRENCY,
         recorded_at)
    )  # fmt: skip
    rows["accounts", "identifiers"] += [
        (bought.order_id, "order", bought.customer_id), (checkout_id, "checkout", bought.customer_id),
        (bought.transaction_id, "transaction", bought.customer_id), (receipt_id, "receipt", bought.customer_id),
    ]  # fmt: skip


def record_failure(rows: Rows, bought: Bought, reason: str, recorded_at: datetime) -> None:
    """An order that was not taken."""
    _order_rows(rows, bought, "card", reason, recorded_at)


def record(rows: Rows, bought: Bought, method: str, payment: Entry, recorded_at: datetime) -> None:
    """An order with its tickets: paid, or in limbo when accounts refused the payment."""
    _order_rows(rows, bought, method, None, recorded_at)
    is_paid = payment.status == "booked"
    state, event = ("paid", "payment_confirmed") if is_paid else ("limbo_payment_refused", "payment_refused")
    limbo = (None, None, None) if is_paid else (payment.code, payment.reason, payment.recorded_at)
    lottery, draw = bought.lottery, bought.draw
    timeline: list[tuple[Any, ...]] = rows["tickets", "ticket_timeline"]
    for position in range(bought.size):
        ticket_id = bought.ticket_id(position)
        rows["accounts", "identifiers"].append((ticket_id, "ticket", bought.customer_id))
        rows["tickets", "tickets"].append(
            (ticket_id, bought.order_id, bought.customer_id, bought.moment, position, lottery.name, draw.number,
             draw.draw_at, draw.closes_at, lottery.offer_id, lottery.offer_label, lottery.price, state, 2, *limbo,
             recorded_at)
        )  # fmt: skip
        timeline.append(
            (bought.customer_id, ticket_id, 1, "purchased", "purchased", bought.moment, recorded_at,
             bought.order_id, _SOURCE, None, None)
        )  # fmt: skip
        timeline.append(
            (bought.customer_id, ticket_id, 2, state, event, payment.recorded_at, payment.recorded_at,
             str(payment.entry_id), _ACCOUNTS, payment.code, payment.reason)
        )  # fmt: skip


def cancel(rows: Rows, bought: Bought, request: Cancellation, credited: Entry) -> None:
    """The first ticket of the order that was recorded last is cancelled."""
    of_order = rows["tickets", "tickets"]
    place = len(of_order) - bought.size
    ticket = of_order[place]
    of_order[place] = (*ticket[:12], "cancelled", 4, *ticket[14:])
    steps = (
        (3, "cancelling", "cancellation_requested", request.occurred_at, request.cancellation_id, request.actor,
         request.reason),
        (4, "cancelled", "reversal_credited", credited.recorded_at, str(credited.entry_id), _ACCOUNTS, None),
    )  # fmt: skip
    rows["tickets", "ticket_timeline"] += [
        (bought.customer_id, request.ticket_id, version, state, event, moment, moment, cause, actor, None, reason)
        for version, state, event, moment, cause, actor, reason in steps
    ]
    rows["tickets", "cancellations"].append(
        (bought.customer_id, request.cancellation_id, request.ticket_id, request.order_id, request.amount, CURRENCY,
         request.reason, request.actor, request.occurred_at, "completed", credited.recorded_at, str(credited.entry_id))
    )  # fmt: skip
