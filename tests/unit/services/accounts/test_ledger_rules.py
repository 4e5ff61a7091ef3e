"""The rules of the ledger against a simple model that looks at one request at a time."""

import json
from collections import Counter

import pytest
from hypothesis import given

from services.accounts.ledger.entries import NOT_MOVED, Entry, Kind
from services.accounts.ledger.events import movement
from services.accounts.ledger.requests import Cancellation, FailedOrder, Order
from shared.messaging.cloudevents import payload_of
from shared.messaging.outbox import OutboxRow
from tests.unit.services.accounts.ledger_model import (
    CUSTOMERS,
    NOW,
    Model,
    Request,
    apply,
    cancellations,
    new_ledger,
    orders,
    requests,
    said,
    undecided,
)


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
        assert (account.held, account.available) == (sum(model.pending), model.available)
        assert [entry.amount_out for entry in undecided(ledger, name)] == model.pending


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
        assert tuple(ledger.accounts[name].moved or NOT_MOVED) == moved(lines)


def moved(lines: list[Entry]) -> tuple[int, ...]:
    """Sum and number of what was booked of each kind; of adjustments what came in less what went out."""
    sums: Counter[Kind] = Counter()
    for entry in lines:
        if entry.status == "booked":
            out_counts = -1 if entry.kind == "adjustment" else 1
            sums[entry.kind] += entry.amount_in + out_counts * entry.amount_out
    numbers = Counter(entry.kind for entry in lines if entry.status == "booked")
    kinds: tuple[Kind, ...] = ("deposit", "purchase", "reversal", "withdrawal", "adjustment")
    return tuple(number for kind in kinds for number in (sums[kind], numbers[kind]))


@pytest.mark.requirement("A12")
@given(requests)
def test_what_is_held_is_spent_by_nothing_but_its_approval(batch: list[Request]) -> None:
    ledger = new_ledger()
    for request in batch:
        apply(ledger, request)
        for account in ledger.accounts.values():
            assert 0 <= account.held <= account.balance
            assert account.held == sum(entry.amount_out for entry in undecided(ledger, account.customer_id))
    held = {(entry.customer_id, entry.cause_id): entry for entry in ledger.entries if entry.cause_kind == "hold"}
    decided = [
        entry
        for entry in ledger.entries
        if entry.cause_kind == "withdrawal" and (entry.customer_id, entry.cause_id) in held
    ]
    assert len({entry.cause_id for entry in decided}) == len(decided)
    for entry in decided:
        asked = held[entry.customer_id, entry.cause_id]
        assert asked.seq < entry.seq
        assert (entry.amount_out, entry.currency, entry.status) in {
            (asked.amount_out, asked.currency, "booked"), (asked.amount_out, asked.currency, "refused"),
        }  # fmt: skip


@given(requests)
def test_what_comes_again_changes_nothing(batch: list[Request]) -> None:
    ledger = new_ledger()
    again = [request for request in batch if isinstance(request, Order | FailedOrder | Cancellation)]
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
        if entry.status == "failed" or entry.cause_kind == "hold" or entry.code == "rejected":
            continue
        event = movement(entry)
        row = OutboxRow.of(event, at=NOW, traceparent="")
        assert row.payload is not None
        read = event.contract.model_validate_json(row.payload)
        assert json.loads(row.payload) == json.loads(payload_of(read))
        assert (row.key, row.topic, row.type) == (read.key(), read.topic, read.type)
