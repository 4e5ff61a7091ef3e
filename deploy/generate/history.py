"""What a customer did: orders, failures, cancellations, prizes and payouts, booked by the rules of the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from deploy.generate import tickets
from deploy.generate.rows import Rows
from deploy.generate.tickets import CURRENCY, Bought
from services.accounts.customers.domain import Customer
from services.accounts.ledger.activities import activities_of
from services.accounts.ledger.chain import chained
from services.accounts.ledger.domain import Ledger
from services.accounts.ledger.entries import NOT_MOVED, Account, Entry, Refusal
from services.accounts.ledger.requests import Adjustment, Cancellation, FailedOrder, Order, Withdrawal

_SIZES = (1, 1, 1, 1, 1, 2, 2, 3)
_METHODS = ("card", "card", "card", "card", "bank_transfer", "cash")
_DELAY = timedelta(milliseconds=180)
_REASONS = ("Customer bought the wrong draw", "Bought twice by mistake", "Changed their mind")


@dataclass
class History:
    """The history of one customer while it is made: `tickets` and at least `entries` in all."""

    rng: Random
    rows: Rows
    customer: Customer
    new_id: Callable[[datetime], UUID]
    until: datetime
    number: int
    orders: int = 0
    points: list[tuple[Any, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.customer_id = self.customer.customer_id
        self.account = Account(self.customer_id)
        self.ledger = Ledger(
            {self.customer_id: self.account}, self.customer.created_at, lambda: self.new_id(self.ledger.now)
        )

    def make(self, wanted_tickets: int, wanted_entries: int) -> None:
        """Go through the customer's time and add the rows of all that happened."""
        sizes = self._sizes(wanted_tickets)
        others = max(0, wanted_entries - 2 * len(sizes))
        acts: list[int] = sizes + [0] * others
        self.rng.shuffle(acts)
        start, span = self.customer.created_at.timestamp(), (self.until - self.customer.created_at).total_seconds()
        moments = sorted(self.rng.random() for _ in acts)
        spare = others
        for size, part in zip(acts, moments, strict=True):
            # Not before what came of the one before, such as its cancellation: the ledger's clock never goes back.
            moment = max(datetime.fromtimestamp(start + span * part, UTC), self.ledger.now)
            self.ledger.now = moment + _DELAY
            before = len(self.ledger.entries)
            if size:
                self._order(moment, size, may_cost_more=spare > 1)
                spare -= len(self.ledger.entries) - before - 2
            elif spare > 0:
                self._other(moment)
                spare -= len(self.ledger.entries) - before
        while spare > 0:
            self._other(self.ledger.now)
            spare -= 1
        self._close()

    def _sizes(self, wanted: int) -> list[int]:
        sizes: list[int] = []
        while wanted > 0:
            sizes.append(min(wanted, self.rng.choice(_SIZES)))
            wanted -= sizes[-1]
        return sizes

    def _order(self, moment: datetime, size: int, *, may_cost_more: bool) -> None:
        bought = Bought.make(self.rng, self.customer_id, f"{self.number:07}-{self.orders}", moment, size)
        self.orders += 1
        is_covered = self.account.balance >= bought.amount
        method = "balance" if is_covered and self.rng.random() < 0.4 else self.rng.choice(_METHODS)
        if self.account.currency and not is_covered and self.rng.random() < 0.003:
            method = "balance"  # refused: the tickets are in limbo
        order = Order(self.customer_id, bought.order_id, moment, method, bought.amount, CURRENCY, size)
        entry = self.ledger.purchase(order)[-1]
        tickets.record(self.rows, bought, method, entry, self.ledger.now)
        self._earn(bought, entry)
        luck = self.rng.random()
        if may_cost_more and luck < 0.03 and entry.status == "booked":
            self._cancel(bought)
        elif may_cost_more and luck > 0.97:
            self._fail(moment)

    def _cancel(self, bought: Bought) -> None:
        requested = self.ledger.now + timedelta(seconds=self.rng.randrange(60, 3600))
        requested = min(requested, max(self.until, self.ledger.now))
        if requested >= bought.draw.closes_at:
            return
        self.ledger.now = requested + _DELAY
        cancellation = Cancellation(
            self.customer_id, str(self.new_id(requested)), bought.order_id, bought.ticket_id(0), requested,
            bought.lottery.price, CURRENCY, self.rng.choice(_REASONS), f"agent-{self.rng.randrange(1, 40)}",
        )  # fmt: skip
        (credited,) = self.ledger.reverse(cancellation)
        tickets.cancel(self.rows, bought, cancellation, credited)
        self._points(bought, 0, credited, -bought.points)

    def _fail(self, moment: datetime) -> None:
        bought = Bought.make(self.rng, self.customer_id, f"{self.number:07}-{self.orders}", moment, 1)
        self.orders += 1
        reason = "card declined: insufficient funds"
        order = FailedOrder(self.customer_id, bought.order_id, moment, "card", bought.amount, CURRENCY, reason)
        self.ledger.fail(order)
        tickets.record_failure(self.rows, bought, reason, self.ledger.now)

    def _other(self, moment: datetime) -> None:
        """A prize, or a payout of some of the balance."""
        made: Entry | Refusal
        if self.account.balance > 2000 and self.rng.random() < 0.4:
            amount = self.rng.randrange(500, self.account.balance)
            made = self.ledger.withdraw(
                Withdrawal(self.customer_id, amount, None, "admin", "Paid out to your bank account", None, "agent-1")
            )
        else:
            amount = int(200 * self.rng.paretovariate(1.2)) % 10_000_000
            made = self.ledger.adjust(
                Adjustment(
                    self.customer_id, amount, 0, CURRENCY, "Prize", f"Prize of {moment:%d %B %Y}", None, "agent-1"
                )
            )
        if isinstance(made, Refusal):
            raise TypeError(made.reason)

    def _earn(self, bought: Bought, paid: Entry) -> None:
        if paid.status == "booked":
            for position in range(bought.size):
                self._points(bought, position, paid, bought.points)

    def _points(self, bought: Bought, position: int, cause: Entry, points: int) -> None:
        before = self.points[-1][7] if self.points else 0
        kind = "earned" if points > 0 else "clawed_back"
        self.points.append(
            (self.customer_id, len(self.points) + 1, self.new_id(cause.recorded_at), cause.recorded_at,
             cause.recorded_at, kind, points, before + points, bought.order_id, bought.ticket_id(position),
             bought.store_id, bought.terminal_id, bought.transaction_id)
        )  # fmt: skip

    def _close(self) -> None:
        heads = {self.customer_id: b""}
        rows, account, entries = self.rows, self.account, self.ledger.entries
        rows["accounts", "ledger_entries"] += [tuple(row) for row in chained(entries, heads)]
        rows["accounts", "activities"] += [tuple(activity) for activity in activities_of(entries)]
        rows["accounts", "charges"] += [
            (each.customer_id, each.order_id, each.charged, each.amount, each.currency, each.reversed_amount)
            for each in self.ledger.new_charges.values()
        ]
        moved = [entry.recorded_at for entry in entries if entry.status == "booked"]
        rows["accounts", "accounts"].append(
            (self.customer_id, account.currency, account.balance, account.last_seq, account.held,
             heads[self.customer_id], max(moved, default=None), *(account.moved or NOT_MOVED), self.customer.created_at)
        )  # fmt: skip
        earned = sum(row[6] for row in self.points if row[6] > 0)
        clawed_back = -sum(row[6] for row in self.points if row[6] < 0)
        rows["loyalty", "point_accounts"].append(
            (self.customer_id, earned - clawed_back, earned, clawed_back, len(self.points))
        )
        rows["loyalty", "point_entries"] += self.points
