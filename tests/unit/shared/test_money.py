"""Amounts as people read them."""

import pytest

from shared.money import figure


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1250, "AUD", "12.50"),
        (5, "AUD", "0.05"),
        (0, None, "0.00"),
        (-5, "EUR", "-0.05"),
        (1250, "JPY", "1250"),
        (-7, "JPY", "-7"),
        (1250, "KWD", "1.250"),
        (10**12, "AUD", "10000000000.00"),
    ],
)
def test_figures_have_the_currencys_decimals(amount: int, currency: str | None, text: str) -> None:
    assert figure(amount, currency) == text
