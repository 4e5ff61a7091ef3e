"""What a ticket earns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.loyalty.points.domain import points_for
from services.loyalty.settings import LoyaltySettings

PRICES = st.integers(0, 10**12)
RATES = st.integers(0, 1000)
CURRENCIES = st.sampled_from(["AUD", "EUR", "JPY", "KWD", "XXX"])


@pytest.mark.parametrize(
    ("price", "currency", "rate", "points"),
    [
        (1000, "AUD", 1, 10),
        (1099, "AUD", 1, 10),
        (99, "AUD", 1, 0),
        (0, "AUD", 1, 0),
        (1099, "AUD", 3, 30),
        (1099, "AUD", 0, 0),
        (500, "JPY", 2, 1000),
        (5999, "KWD", 2, 10),
    ],
)
def test_each_whole_major_unit_earns_the_rate(price: int, currency: str, rate: int, points: int) -> None:
    assert points_for(price, currency, points_per_major_unit=rate) == points


@given(PRICES, CURRENCIES, RATES)
def test_points_are_never_negative_and_never_more_than_the_price_is_worth(price: int, currency: str, rate: int) -> None:
    points = points_for(price, currency, points_per_major_unit=rate)
    assert 0 <= points <= price * rate
    assert points % rate == 0 if rate else points == 0


@given(PRICES, PRICES, CURRENCIES, RATES)
def test_a_dearer_ticket_never_earns_less(one: int, other: int, currency: str, rate: int) -> None:
    cheap, dear = sorted((one, other))
    assert points_for(cheap, currency, points_per_major_unit=rate) <= points_for(
        dear, currency, points_per_major_unit=rate
    )


@given(PRICES, CURRENCIES, RATES)
def test_a_split_ticket_never_earns_more(price: int, currency: str, rate: int) -> None:
    half = price // 2
    parts = [points_for(part, currency, points_per_major_unit=rate) for part in (half, price - half)]
    assert sum(parts) <= points_for(price, currency, points_per_major_unit=rate)


def test_the_default_rate_is_one_point() -> None:
    assert LoyaltySettings.model_fields["points_per_major_unit"].default == 1
