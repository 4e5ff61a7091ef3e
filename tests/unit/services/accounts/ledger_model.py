"""Requests to a ledger, and a simple model of what comes out of each, told customer by customer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from hypothesis import strategies as st

from services.accounts.ledger.domain import Ledger
from services.accounts.ledger.entries import Account, CustomerStatus, Entry, Refusal
from services.accounts.ledger.requests import (
    Adjustment,
    Cancellation,
    Decision,
    FailedOrder,
    Held,
    Order,
    Withdrawal,
)
from shared.ids import uuid7


class Hold(NamedTuple):
    """A withdrawal that needs a second person."""

    customer_id: str
    withdrawal: Withdrawal


class Decide(NamedTuple):
    """What the second person says to one of the customer's held withdrawals, if there is any."""

    customer_id: str
    place: int
    decision: Decision


class Become(NamedTuple):
    """Another status of the customer."""

    customer_id: str
    status: CustomerStatus


NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
CUSTOMERS = ["c1", "c2"]

customers = st.sampled_from(CUSTOMERS)
amounts = st.integers(0, 30)
order_ids = st.sampled_from(["o1", "o2", "o3", "o4"])
currencies = st.sampled_from(["AUD", "AUD", "AUD", "EUR"])
orders = st.builds(
    Order, customers, order_ids, st.just(NOW), st.sampled_from(["card", "cash", "balance"]), amounts, currencies,
    st.just(2), st.none(),
)  # fmt: skip
failures = st.builds(
    FailedOrder, customers, order_ids, st.just(NOW), st.just("card"), amounts, currencies, st.just("declined")
)
cancellations = st.builds(
    Cancellation, customers, st.sampled_from(["x1", "x2", "x3", "x4", "x5"]), order_ids,
    st.sampled_from(["t1", "t2", "t3"]), st.just(NOW), amounts, currencies, st.just("wrong draw"), st.just("agent-7"),
)  # fmt: skip
withdrawals = st.builds(
    Withdrawal, customers, st.integers(1, 30), st.none() | currencies, st.just("card"), st.just("paid out"), st.none(),
    st.just("agent-7"),
)  # fmt: skip
holds = withdrawals.map(lambda withdrawal: Hold(withdrawal.customer_id, withdrawal))
decisions = st.builds(
    Decide, customers, st.integers(0, 5), st.builds(Decision, st.booleans(), st.sampled_from([None, "looked at it"]))
)
adjustments = st.builds(
    lambda customer_id, amount, comes_in, currency: Adjustment(
        customer_id, amount if comes_in else 0, 0 if comes_in else amount, currency, "counted anew", "Correction", None,
        "supervisor-2",
    ),
    customers, st.integers(1, 30), st.booleans(), st.none() | currencies,
)  # fmt: skip
statuses = st.builds(Become, customers, st.sampled_from(["active", "active", "suspended", "closed", "erased"]))
Request = Order | FailedOrder | Cancellation | Withdrawal | Hold | Decide | Adjustment | Become
_any = st.one_of(
    orders, orders, cancellations, cancellations, failures, withdrawals, holds, holds, decisions, decisions,
    adjustments, statuses,
)  # fmt: skip
# Money to begin with, so that not nearly all is refused; lists of every length, since what matters takes some steps.
_funds = st.builds(
    lambda customer_id, amount: Adjustment(customer_id, amount, 0, "AUD", "opened", "Opening", None, "supervisor-2"),
    customers, st.integers(1, 60),
)  # fmt: skip
requests: st.SearchStrategy[list[Request]] = st.builds(
    lambda funds, others: [*funds, *others],
    st.lists(_funds, max_size=3),
    st.integers(0, 40).flatmap(lambda length: st.lists(_any, min_size=length, max_size=length)),
)


@dataclass
class Model:
    """What must come out for one customer, in plain dictionaries; `pending` are the amounts held, the oldest first."""

    balance: int = 0
    currency: str | None = None
    status: str = "active"
    pending: list[int] = field(default_factory=list)
    paid: dict[str, tuple[int, str] | None] = field(default_factory=dict)
    back: dict[str, int] = field(default_factory=dict)
    tickets: set[str] = field(default_factory=set)
    done: set[tuple[str, str]] = field(default_factory=set)

    def expect(self, request: Request) -> list[str]:
        """The kinds and codes of the lines that the request leaves."""
        match request:
            case Order():
                left = self._once(("order", request.order_id), lambda: self._order(request))
            case FailedOrder():
                left = self._once(("failed", request.order_id), lambda: ["failed"])
            case Cancellation():
                left = self._once(("cancellation", request.cancellation_id), lambda: self._cancel(request))
            case Withdrawal():
                left = self._withdraw(request)
            case Hold():
                left = self._hold(request.withdrawal)
            case Decide():
                left = self._decide(request)
            case Adjustment():
                left = self._adjust(request)
            case Become():
                self.status, left = request.status, []
        return left

    @property
    def available(self) -> int:
        """What may be spent."""
        return self.balance - sum(self.pending)

    def _once(self, key: tuple[str, str], expect: Callable[[], list[str]]) -> list[str]:
        if key in self.done:
            return []
        self.done.add(key)
        return expect()

    def _order(self, order: Order) -> list[str]:
        self.paid[order.order_id] = None
        if self.currency not in {None, order.currency}:
            return ["currency_mismatch"]
        if order.method == "balance" and order.amount > self.available:
            return ["insufficient_balance"]
        self.paid[order.order_id] = (order.amount, order.currency)
        self.currency = order.currency
        if order.method == "balance":
            self.balance -= order.amount
            return ["purchase"]
        return ["deposit", "purchase"]

    def _cancel(self, request: Cancellation) -> list[str]:
        if request.order_id not in self.paid:
            return ["unknown_purchase"]
        payment = self.paid[request.order_id]
        if payment is None:
            return ["not_charged"]
        if request.ticket_id in self.tickets:
            return ["already_reversed"]
        if payment[1] != request.currency:
            return ["currency_mismatch"]
        if self.back.get(request.order_id, 0) + request.amount > payment[0]:
            return ["exceeds_payment"]
        self.back[request.order_id] = self.back.get(request.order_id, 0) + request.amount
        self.tickets.add(request.ticket_id)
        self.balance += request.amount
        return ["reversal"]

    def _withdraw(self, request: Withdrawal) -> list[str]:
        refusal = self._refuse(request)
        if refusal is not None:
            return [refusal]
        self.balance -= request.amount
        return ["withdrawal"]

    def _hold(self, request: Withdrawal) -> list[str]:
        refusal = self._refuse(request)
        if refusal is not None:
            return [refusal]
        self.pending.append(request.amount)
        return ["pending"]

    def _refuse(self, request: Withdrawal) -> str | None:
        if self.status in {"suspended", "erased"}:
            return f"customer_{self.status}"
        if self.currency is not None and request.currency not in {None, self.currency}:
            return "currency_mismatch"
        return "insufficient_balance" if request.amount > self.available else None

    def _decide(self, request: Decide) -> list[str]:
        if not self.pending:
            return []
        amount = self.pending.pop(request.place % len(self.pending))
        if not request.decision.approved:
            return ["rejected"]
        self.balance -= amount
        return ["withdrawal"]

    def _adjust(self, request: Adjustment) -> list[str]:
        if self.status == "erased":
            return ["customer_erased"]
        if self.currency is None and request.currency is None:
            return ["currency_required"]
        if self.currency is not None and request.currency not in {None, self.currency}:
            return ["currency_mismatch"]
        if request.amount_out > self.available:
            return ["insufficient_balance"]
        self.currency = self.currency or request.currency
        self.balance += request.amount_in - request.amount_out
        return ["adjustment"]


def new_ledger() -> Ledger:
    """A ledger of customers of whom nothing is on record."""
    return Ledger({name: Account(name) for name in CUSTOMERS}, now=NOW, new_id=uuid7)


def apply(ledger: Ledger, request: Request) -> Sequence[Entry | Refusal]:
    """Ask the ledger, as events and operations do; what it leaves."""
    left: Sequence[Entry | Refusal] = []
    match request:
        case Order():
            left = ledger.purchase(request)
        case FailedOrder():
            left = ledger.fail(request)
        case Cancellation():
            left = ledger.reverse(request)
        case Withdrawal():
            left = [ledger.withdraw(request)]
        case Hold():
            left = [ledger.hold(request.withdrawal)]
        case Decide():
            if pending := undecided(ledger, request.customer_id):
                left = [ledger.decide(_held(pending[request.place % len(pending)]), request.decision)]
        case Adjustment():
            left = [ledger.adjust(request)]
        case Become():
            ledger.accounts[request.customer_id].customer_status = request.status
    return left


def undecided(ledger: Ledger, customer_id: str) -> list[Entry]:
    """The lines of withdrawals that nobody has decided on, the oldest first."""
    own = [entry for entry in ledger.entries if entry.customer_id == customer_id]
    decided = {entry.cause_id for entry in own if entry.cause_kind == "withdrawal"}
    return [entry for entry in own if entry.cause_kind == "hold" and entry.cause_id not in decided]


def _held(entry: Entry) -> Held:
    return Held(
        entry.customer_id, UUID(entry.cause_id), entry.amount_out, entry.currency, entry.method or "",
        entry.description, entry.internal_note, entry.actor or "", entry.recorded_at,
    )  # fmt: skip


def said(outcome: Entry | Refusal) -> str:
    """The kind of a line, or what is special about it; the code of a refusal."""
    if isinstance(outcome, Refusal):
        return outcome.code
    return outcome.code or (outcome.status if outcome.status in {"failed", "pending"} else outcome.kind)
