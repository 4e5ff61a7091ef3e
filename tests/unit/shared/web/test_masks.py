"""What masks leave to be seen."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.base import EmailAddress, PhoneNumber
from shared.web.masks import MASKS, mask_details, mask_email, mask_phone, mask_prose, mask_text
from tests.support.strategies import matching

DIGITS = re.compile("[0-9]")


@pytest.mark.parametrize(
    ("clear", "masked"),
    [
        ("ada.novak@example.com", "a•••@example.com"),
        ("a@example.com", "•••@example.com"),
        ('"odd@name"@example.com', '"•••@example.com'),
        ("no address", "n•••"),
    ],
)
def test_an_address_keeps_its_first_letter_and_its_domain(clear: str, masked: str) -> None:
    assert mask_email(clear) == masked


@pytest.mark.parametrize(
    ("clear", "masked"),
    [
        ("+61 491 570 156", "+61 ••• ••• 156"),
        ("0491 570 156", "•••• ••• 156"),
        ("+61491570156", "+••••••••156"),
        ("00 61 491-570-156", "•• •• •••-•••-156"),
        ("12345", "•••••"),
    ],
)
def test_a_phone_number_keeps_its_country_and_its_end(clear: str, masked: str) -> None:
    assert mask_phone(clear) == masked


@pytest.mark.requirement("A18")
@given(matching(PhoneNumber))
def test_of_a_phone_number_at_most_the_country_and_three_digits_are_seen(phone: str) -> None:
    masked = mask_phone(phone)
    shown, there = len(DIGITS.findall(masked)), len(DIGITS.findall(phone))
    assert shown <= 6
    assert shown < there or not there
    assert masked == "•••" or len(masked) == len(phone)


@pytest.mark.requirement("A18")
@given(matching(EmailAddress))
def test_of_an_address_one_letter_and_the_domain_are_seen(email: str) -> None:
    name, _, domain = email.rpartition("@")
    masked = mask_email(email)
    assert masked in {f"{name[0]}•••@{domain}", f"•••@{domain}"}
    assert len(name) == 1 or masked[0] == name[0]


@given(st.text())
def test_of_any_other_text_one_character_is_seen(text: str) -> None:
    assert mask_text(text) in {"•••", text.strip()[:1] + "•••"}


@given(
    st.text(max_size=50), st.from_regex(r"[a-z0-9.+_-]{2,30}@[a-z0-9.-]{1,30}", fullmatch=True), st.text(max_size=50)
)
def test_no_address_is_left_in_a_text(before: str, email: str, after: str) -> None:
    assert email not in mask_prose(f"{before} {email} {after}")


def test_a_text_keeps_what_is_no_address_and_no_phone_number() -> None:
    text = "Order pur-20261122-0001 of 2026-11-22 09:30, 1 000 000.00 AUD, ticket 12345678901"
    assert mask_prose(text) == text
    told = "550 <ada@example.com> unknown; call +61 491 570 156 or (0491) 570-156."
    assert mask_prose(told) == "550 <a•••@example.com> unknown; call +61 ••• ••• 156 or (••••) •••-156."


def test_an_address_with_an_apostrophe_is_masked_whole_and_what_quotes_it_stays() -> None:
    assert mask_prose("to mary.o'brien@example.com") == "to m•••@example.com"
    # As it stands in HTML.
    assert mask_prose("to mary.o&#x27;brien@example.com&#x27;s") == "to m•••@example.com&#x27;s"
    assert mask_prose("to 'ada@example.com'") == "to 'a•••@example.com'"


def test_members_of_free_form_objects_are_masked_by_their_names() -> None:
    changed = {"email": "ada@example.com", "phone": None, "deep": [{"phone": "+61 491 570 156"}], "version": 3}
    assert mask_details({"before": changed}) == {
        "before": {"email": "a•••@example.com", "phone": None, "deep": [{"phone": "+61 ••• ••• 156"}], "version": 3}
    }


@given(st.sampled_from(sorted(MASKS)), st.text())
def test_no_mask_fails(kind: str, text: str) -> None:
    assert isinstance(MASKS[kind](text), str)  # type: ignore[index]
