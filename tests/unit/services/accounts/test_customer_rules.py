"""What may change about a customer."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.accounts.customers.domain import (
    Customer,
    Details,
    edit,
    learn,
    new_customer,
    normalize_email,
    normalize_phone,
)
from services.accounts.customers.events import customer_changed, customer_learned
from shared.contracts import CustomerChanged
from shared.messaging.cloudevents import payload_of
from shared.messaging.outbox import OutboxRow

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)

maybe = st.sampled_from([None, "a", "b"])
details = st.builds(Details, st.sampled_from("xy"), st.sampled_from("xy"), maybe, maybe, maybe)
edits = st.dictionaries(st.sampled_from(["email", "phone", "language"]), maybe, max_size=3)


@given(details, st.lists(st.one_of(details, edits), max_size=8))
def test_purchases_fill_in_and_agents_decide(first: Details, steps: list[Details | dict[str, str | None]]) -> None:
    customer = learn(None, "c1", first, NOW, normalize_phone)
    assert customer is not None
    versions = [customer.version]
    decided: dict[str, str | None] = {}
    for step in steps:
        before: Customer = customer
        if isinstance(step, Details):
            changed = learn(before, "c1", step, NOW, normalize_phone)
        else:
            changed = edit(before, step, NOW, normalize_phone)
        if isinstance(step, dict):
            decided |= {name: value for name, value in step.items() if getattr(before, name) != value}
        elif changed is not None:
            for name in ("email", "phone", "language"):
                assert getattr(before, name) is None or getattr(changed, name) == getattr(before, name)
        assert changed is None or changed != before
        if changed is not None:
            versions.append(changed.version)
            customer = changed
        assert all(getattr(customer, name) == value for name, value in decided.items())
        assert customer.phone_key == (normalize_phone(customer.phone) if customer.phone else None)
    assert versions == list(range(1, len(versions) + 1))


def test_an_edit_to_the_same_values_is_no_change() -> None:
    customer = new_customer("c1", Details("Ada", "Novák", "a@example.com"), NOW, normalize_phone)
    assert edit(customer, {"first_name": "Ada", "email": "a@example.com"}, NOW, normalize_phone) is None


@pytest.mark.parametrize(
    ("phone", "key"),
    [
        ("+61 491 570 156", "61491570156"),
        ("0061-491-570-156", "61491570156"),
        ("(0491) 570.156", "0491570156"),
        ("00", None),
        ("ada@example.com", None),
        ("c1", None),
    ],
)
def test_phone_numbers_are_compared_by_their_digits(phone: str, key: str | None) -> None:
    assert normalize_phone(phone) == key


def test_addresses_are_compared_without_case_and_blanks() -> None:
    assert normalize_email(" Ada@Example.COM ") == "ada@example.com"


@given(st.none() | st.just("ada@example.com"), st.none() | st.just("+61 491 570 156"), st.none() | st.just("en"))
def test_what_is_published_of_a_learned_customer_is_as_its_contract_writes_it(
    email: str | None, phone: str | None, language: str | None
) -> None:
    customer = learn(None, "c1", Details("Ada", "Novák", email, phone, language), NOW, normalize_phone)
    assert customer is not None
    row = OutboxRow.of(customer_learned(customer), at=NOW, traceparent="")
    assert row.payload is not None
    event = CustomerChanged.model_validate_json(row.payload)
    assert event == customer_changed(customer)
    assert json.loads(row.payload) == json.loads(payload_of(event))
    assert (row.key, row.topic, row.type) == (event.key(), event.topic, event.type)
