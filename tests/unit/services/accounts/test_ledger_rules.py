"""The rules of the ledger against a simple model that looks at one request at a time."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from services.accounts.ledger.domain import Account, Entry, Ledger, Refusal
from services.accounts.ledger.events import movement
from services.accounts.ledger.requests import Cancellation, FailedOrder, Order, Withdrawal
from shared.ids import uuid7
from shared.messaging.cloudevents import payload_of
from shared.messaging.outbox import OutboxRow

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
Request = Order | FailedOrder | Cancellation | Withdrawal
requests = st.lists(st.one_of(orders, orders, cancellations, cancellations, failures, withdrawals), max_size=40)


@dataclass
class Model:
    """What must come out, told customer by customer in plain dictionaries."""

    balance: int = 0
    currency: str | None = None
    paid: dict[str, tuple[int, str] | None] = field(default_factory=dict)
    back: dict[str, int] = field(default_factory=dict)
    tickets: set[str] = field(default_factory=set)
    done: set[tuple[str, str]] = field(default_factory=set)

    def expect(self, request: Request) -> list[str]:
        """The kinds and codes of the lines that the request leaves."""
        match request:
            case Order():
                return self._once(("order", request.order_id), lambda: self._order(request))
            case FailedOrder():
                return self._once(("failed", request.order_id), lambda: ["failed"])
            case Cancellation():
                return self._once(("cancellation", request.cancellation_id), lambda: self._cancel(request))
            case Withdrawal():
                return self._withdraw(request)

    def _once(self, key: tuple[str, str], expect: Callable[[], list[str]]) -> list[str]:
        if key in self.done:
            return []
        self.done.add(key)
        return expect()

    def _order(self, order: Order) -> list[str]:
        self.paid[order.order_id] = None
        if self.currency not in {None, order.currency}:
            return ["currency_mismatch"]
        if order.method == "balance" and order.amount > self.balance:
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
        if self.currency is not None and request.currency not in {None, self.currency}:
            return ["currency_mismatch"]
        if request.amount > self.balance:
            return ["insufficient_balance"]
        self.balance -= request.amount
        return ["withdrawal"]


def new_ledger() -> Ledger:
    return Ledger({name: Account(name) for name in CUSTOMERS}, now=NOW, new_id=uuid7)


def apply(ledger: Ledger, request: Request) -> list[Entry | Refusal]:
    match request:
        case Order():
            return [*ledger.purchase(request)]
        case FailedOrder():
            return [*ledger.fail(request)]
        case Cancellation():
            return [*ledger.reverse(request)]
        case Withdrawal():
            return [ledger.withdraw(request)]


def said(outcome: Entry | Refusal) -> str:
    if isinstance(outcome, Refusal):
        return outcome.code
    return outcome.code or ("failed" if outcome.status == "failed" else outcome.kind)


@given(requests)
def test_a_fold_over_a_batch_is_what_one_by_one_gives(batch: list[Request]) -> None:
    ledger = new_ledger()
    models = {name: Model() for name in CUSTOMERS}
    for request in batch:
        expected = models[request.customer_id].expect(request)
        assert [said(outcome) for outcome in apply(ledger, request)] == expected
    for name, model in models.items():
        account = ledger.accounts[name]
        assert (account.balance, account.currency) == (model.balance, model.currency)


@given(requests)
def test_the_running_balance_is_the_sum_of_what_was_booked_and_never_negative(batch: list[Request]) -> None:
    ledger = new_ledger()
    for request in batch:
        apply(ledger, request)
    for name in CUSTOMERS:
        total = 0
        lines = [entry for entry in ledger.entries if entry.customer_id == name]
        assert [entry.seq for entry in lines] == list(range(1, len(lines) + 1))
        for entry in lines:
            assert entry.amount_in == 0 or entry.amount_out == 0
            total += (entry.amount_in - entry.amount_out) if entry.status == "booked" else 0
            assert entry.balance == total >= 0
        assert ledger.accounts[name].balance == total
        assert ledger.accounts[name].last_seq == len(lines)


@given(requests)
def test_what_comes_again_changes_nothing(batch: list[Request]) -> None:
    ledger = new_ledger()
    again = [request for request in batch if not isinstance(request, Withdrawal)]
    for request in again:
        apply(ledger, request)
    lines = list(ledger.entries)
    for request in [*reversed(again), *again]:
        assert apply(ledger, request) == []
    assert ledger.entries == lines


@given(requests)
def test_no_order_gives_back_more_than_was_paid(batch: list[Request]) -> None:
    ledger = new_ledger()
    for request in batch:
        apply(ledger, request)
    for charge in ledger.charges.values():
        back = sum(
            entry.amount_in
            for entry in ledger.entries
            if entry.kind == "reversal"
            and entry.status == "booked"
            and (entry.customer_id, entry.order_id) == (charge.customer_id, charge.order_id)
        )
        assert back == charge.reversed_amount <= (charge.amount if charge.charged else 0)


@given(orders, cancellations)
def test_a_cancellation_awaits_its_order_until_it_has_an_outcome(order: Order, request: Cancellation) -> None:
    ledger = new_ledger()
    assert ledger.awaits_order(request)
    ledger.purchase(order)
    names_it = (order.customer_id, order.order_id) == (request.customer_id, request.order_id)
    assert ledger.awaits_order(request) != names_it
    ledger.reverse(request)
    assert not ledger.awaits_order(request)


@given(requests)
def test_what_is_published_of_a_line_is_as_its_contract_writes_it(batch: list[Request]) -> None:
    ledger = new_ledger()
    for request in batch:
        apply(ledger, request)
    for entry in ledger.entries:
        if entry.status == "failed" or entry.cause_kind == "hold":
            continue
        event = movement(entry)
        row = OutboxRow.of(event, at=NOW, traceparent="")
        assert row.payload is not None
        read = event.contract.model_validate_json(row.payload)
        assert json.loads(row.payload) == json.loads(payload_of(read))
        assert (row.key, row.topic, row.type) == (read.key(), read.topic, read.type)
