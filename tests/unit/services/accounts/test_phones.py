"""Phone numbers in E.164."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.accounts.customers.domain import normalize_phone
from services.accounts.customers.phones import Phones
from services.accounts.search.domain import TypedNumber, fits, phone_digits
from services.accounts.settings import AccountsSettings
from shared.contracts.base import PhoneNumber
from tests.support.strategies import matching

AU = Phones("AU")


@pytest.mark.parametrize(
    ("region", "phone", "number"),
    [
        ("AU", "+61 491 570 156", "+61491570156"),
        ("AU", "0491 570 156", "+61491570156"),
        ("AU", "(0491) 570-156", "+61491570156"),
        ("AU", "0061-491-570-156", "+61491570156"),
        ("AU", "0011 61 491 570 156", "+61491570156"),
        ("AU", "61491570156", "+61491570156"),
        ("AU", "+61 (0)491.570.156", "+61491570156"),
        ("AU", "(+61) 491 570 156", "+61491570156"),
        ("AU", "(02) 9999 9999", "+61299999999"),
        ("AU", "131 114", "+61131114"),
        ("AU", "0014155550100", "+14155550100"),
        ("AU", "0011 44 20 7946 0958", "+442079460958"),
        ("AU", "44 20 7946 0958", "+442079460958"),
        ("GB", "020 7946 0958", "+442079460958"),
        ("CZ", "777 123 456", "+420777123456"),
        ("RU", "8 (912) 345-67-89", "+79123456789"),
        ("US", "(415) 555-2671", "+14155552671"),
        ("AU", "9999 9999", None),
        ("AU", "5550100", None),
        ("AU", "12+34", None),
        ("AU", "+999 1234 5678", None),
        ("AU", "+61 491", None),
        ("AU", "00", None),
        ("AU", "ada@example.com", None),
    ],
)
def test_a_number_is_read_however_it_is_usually_written(region: str, phone: str, number: str | None) -> None:
    phones = Phones(region)
    assert phones.number(phone) == number
    assert phones.key(phone) == (number or normalize_phone(phone))


@pytest.mark.parametrize(
    ("phone", "possible"),
    [
        ("+61 491 570 156", True), ("9999 9999", True), ("5550100", True), ("+1 (555) 010-0199", True),
        ("12+34", False), ("+999 1234 5678", False), ("+61 491", False), ("0", False), ("123456789012345678", False),
    ],
)  # fmt: skip
def test_what_no_country_can_have_is_no_number(phone: str, *, possible: bool) -> None:
    assert AU.is_possible(phone) is possible


@given(matching(PhoneNumber), st.sampled_from(["AU", "US", "DE", "IT", "RU", "AR"]))
def test_whatever_an_event_brings_has_a_key_and_finds_itself(phone: str, region: str) -> None:
    phones = Phones(region)
    key = phones.key(phone)
    assert (key is None) == (normalize_phone(phone) is None)
    if key is not None and (digits := phone_digits(phone)) is not None:
        assert fits(TypedNumber(digits, phones.number(phone)), key)
    if number := phones.number(phone):
        assert phones.number(number) == number
        assert phones.is_possible(phone)


@given(st.from_regex(r"4[0-9]{8}", fullmatch=True), st.data())
def test_all_ways_to_write_a_number_are_one(national: str, data: st.DataObject) -> None:
    separators = data.draw(st.lists(st.sampled_from(["", " ", "-", ".", "/"]), min_size=9, max_size=9))
    spaced = "".join(digit + separator for digit, separator in zip(national, separators, strict=True))
    written = ["+61{}", "0061{}", "0{}", "(0){}", "+61 (0){}", "61{}"]
    assert {AU.key(form.format(spaced)) for form in written} == {f"+61{national}"}
    earlier = AU.earlier_keys(f"0{spaced}")
    assert {f"61{national}", f"0{national}"} <= set(earlier)


@given(st.from_regex(r"[2-9][0-9]{0,2}[1-9][0-9]{6}", fullmatch=True))
def test_the_end_of_a_number_finds_it(digits: str) -> None:
    assert fits(TypedNumber(digits[-7:], AU.number(digits[-7:])), f"+6149{digits}")


def test_a_region_without_numbers_is_refused() -> None:
    field = AccountsSettings.__pydantic_fields__["phone_region"]
    assert field.default == "AU"
    with pytest.raises(ValueError, match="no country"):
        field.metadata[0].func("XX")
