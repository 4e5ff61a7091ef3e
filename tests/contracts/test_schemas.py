"""The models, their golden schemas and their examples agree."""

from contextlib import nullcontext
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from shared.contracts import (
    CartChanged,
    CheckoutCompleted,
    Event,
    LoginSucceeded,
    PrizePaid,
    PurchaseCompleted,
    PurchaseFailed,
    registry,
)
from shared.contracts.compatibility import breaks
from shared.contracts.schema_files import current_schemas, golden_schemas
from shared.messaging.cloudevents import payload_of

WRITE = "run `recourse contracts --write` and commit what it changes"
CONTRACTS = sorted(registry().values(), key=lambda contract: contract.type)
EACH = pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.type)


def test_the_golden_schemas_are_those_of_the_models() -> None:
    assert golden_schemas() == current_schemas(), WRITE


def test_no_change_breaks_an_older_reader_or_writer() -> None:
    assert [str(each) for each in breaks(golden_schemas(), current_schemas())] == []


@EACH
def test_the_schema_is_valid(contract: type[Event]) -> None:
    Draft202012Validator.check_schema(golden_schemas()[contract.type])


@EACH
def test_the_example_is_valid_for_schema_and_model(contract: type[Event]) -> None:
    validator = Draft202012Validator(golden_schemas()[contract.type])
    assert [error.message for error in validator.iter_errors(contract.example)] == []
    event = _parse(contract, contract.example)
    assert _parse(contract, orjson.loads(payload_of(event))) == event
    assert event.key()


@EACH
def test_every_required_field_is_required_by_schema_and_model(contract: type[Event]) -> None:
    schema = golden_schemas()[contract.type]
    assert schema["required"]
    for field in schema["required"]:
        without = {name: value for name, value in contract.example.items() if name != field}
        assert not Draft202012Validator(schema).is_valid(without)
        with pytest.raises(ValidationError):
            _parse(contract, without)


@EACH
def test_a_newer_writers_unknown_field_does_not_break_a_reader(contract: type[Event]) -> None:
    newer = contract.example | {"a_field_of_tomorrow": {"x": [1]}}
    assert Draft202012Validator(golden_schemas()[contract.type]).is_valid(newer)
    assert _parse(contract, newer) == _parse(contract, contract.example)


@EACH
def test_the_type_says_its_version(contract: type[Event]) -> None:
    name, _, version = contract.type.rpartition(".v")
    assert name.startswith("recourse.")
    assert version.isdigit()


def _parse(contract: type[Event], data: dict[str, Any]) -> Event:
    return contract.model_validate_json(orjson.dumps(data))


@pytest.mark.parametrize(
    ("moment", "taken"),
    [
        ("1900-01-01T00:00:00Z", True),
        ("9998-12-31T23:59:59.999999Z", True),
        ("9999-12-31T23:59:59-12:00", False),
        ("0001-01-01T00:00:00+14:00", False),
        ("9999-12-31T23:59:59.999999Z", False),
        ("1899-12-31T23:59:59Z", False),
        ("2026-11-22T09:30:00.123456789z", True),
        ("2026-11-22 09:30:00+05:45", True),
        ("2026-11-22T09:30:00", False),
        # To pydantic alone these are seconds or milliseconds since 1970.
        ("20261122", False),
        ("1700000000", False),
        ("1700000000000.5", False),
    ],
)
def test_a_time_that_cannot_be_read_again_or_is_not_written_out_is_refused(moment: str, *, taken: bool) -> None:
    data = LoginSucceeded.example | {"occurred_at": moment}
    with nullcontext() if taken else pytest.raises(ValidationError, match="such as 2026-11-22T09:30:00Z"):
        _parse(LoginSucceeded, data)


@pytest.mark.parametrize("contract", [PurchaseCompleted, PurchaseFailed], ids=lambda contract: contract.type)
def test_a_currency_that_does_not_exist_opens_no_account(contract: type[Event]) -> None:
    payment = contract.example["payment"] | {"currency": "AUS"}
    with pytest.raises(ValidationError, match="ISO 4217 has no currency of this code"):
        _parse(contract, contract.example | {"payment": payment})


@pytest.mark.parametrize("contract", [CheckoutCompleted, CartChanged, PrizePaid], ids=lambda contract: contract.type)
def test_what_others_report_is_in_a_currency_that_exists(contract: type[Event]) -> None:
    with pytest.raises(ValidationError, match="currency"):
        _parse(contract, contract.example | {"currency": "XXX"})
