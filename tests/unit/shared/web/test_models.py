"""Values that requests are made of."""

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.web import Instant

_INSTANTS = TypeAdapter(Instant)


@pytest.mark.parametrize("text", ["20261122", "1700000000", "1700000000.5", "-1", "2026-11-22T09:30:00"])
def test_digits_are_no_time_in_a_query_and_none_in_a_body(text: str) -> None:
    with pytest.raises(ValidationError):
        _INSTANTS.validate_python(text)
    with pytest.raises(ValidationError):
        _INSTANTS.validate_json(f'"{text}"', strict=True)


def test_a_time_is_taken_in_utc() -> None:
    asked = "2026-11-22T09:30:00.5+05:45"
    assert (
        _INSTANTS.validate_python(asked).isoformat()
        == _INSTANTS.validate_json(f'"{asked}"', strict=True).isoformat()
        == "2026-11-22T03:45:00.500000+00:00"
    )


@pytest.mark.parametrize("asked", ["2026-11-22T09:30:00 05:45", "2026-11-22T09:30:00.5 0545", "2026-11-22T09:30 05:45"])
def test_a_plus_that_was_not_escaped_in_a_query_is_one(asked: str) -> None:
    assert _INSTANTS.validate_python(asked).hour == 3


@pytest.mark.parametrize("asked", ["2026-11-22 09:30", "2026-11-22 09:30:00"])
def test_a_time_of_day_behind_a_blank_is_no_offset(asked: str) -> None:
    with pytest.raises(ValidationError):
        _INSTANTS.validate_python(asked)
