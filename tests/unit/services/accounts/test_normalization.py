"""How e-mail addresses and phone numbers are compared: in whatever way the same one is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.accounts.customers.domain import normalize_email, normalize_phone
from shared.contracts.base import EmailAddress, PhoneNumber
from tests.support.strategies import matching

_ASCII_EMAILS = st.from_regex(r"[A-Za-z0-9.+_-]{1,30}@[A-Za-z0-9.-]{1,30}", fullmatch=True)


@pytest.mark.requirement("A3")
@given(_ASCII_EMAILS)
def test_an_address_is_the_same_in_any_case_and_between_blanks(email: str) -> None:
    assert normalize_email(f" {email.upper()} ") == normalize_email(email.lower())


@given(matching(EmailAddress))
def test_an_address_that_is_normalized_stays_so(email: str) -> None:
    once = normalize_email(email)
    assert normalize_email(once) == once


@pytest.mark.requirement("A3")
@given(st.from_regex(r"[1-9][0-9]{7,12}", fullmatch=True), st.data())
def test_a_number_is_the_same_however_it_is_set_apart(digits: str, data: st.DataObject) -> None:
    separators = data.draw(st.lists(st.sampled_from(["", " ", "-", ".", "/"]), min_size=len(digits)))
    written = "".join(digit + separator for digit, separator in zip(digits, separators, strict=False))
    assert normalize_phone(f"+{written}") == normalize_phone(f"00{written}") == normalize_phone(written) == digits


@given(matching(PhoneNumber))
def test_a_number_is_its_digits_or_nothing(phone: str) -> None:
    normal = normalize_phone(phone)
    assert normal is None or (normal.isdigit() and normal in "".join(each for each in phone if each.isdigit()))
